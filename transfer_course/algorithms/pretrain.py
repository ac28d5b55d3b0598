"""The source task: train a backbone where there is plenty of data, for others to start from."""

from typing import Unpack

from transfer_course.algorithms._arguments import Options, check_arguments
from transfer_course.datasets.dataset import Dataset
from transfer_course.networks.classifier import classifier
from transfer_course.networks.cloning import clone
from transfer_course.networks.layers import set_trainable
from transfer_course.training.fit import fit


def pretrain(
    backbone,
    source: Dataset,
    *,
    epochs: int = 5,
    learning_rate: float = 1e-3,
    **options: Unpack[Options],
):
    """Train all of a backbone, with a head of its own, on the source task.

    All of it trains, also layers that are frozen in the backbone and batch normalization. The head
    starts at random, as in `from_scratch`.

    Parameters
    ----------
    backbone : keras.Model
        A network from pixels to features. Training starts at its weights: those of an untrained
        backbone are random, those of one with ImageNet weights are a head start.
    source : Dataset
        The source task.
    epochs : int
        Passes over the data. The default brings `small_cnn` to about 97 % on the 5,000 digits of
        `mnist` in a few seconds.
    learning_rate : float
        That of Adam. The default is Keras's.
    **options
        batch_size, seed, cache, verbose, validation_data, validation_freq, callbacks: see
        `transfer_course.algorithms`, also for what is raised.

    Returns
    -------
    keras.Sequential
        As of all algorithms. ``get_layer("backbone")`` is what the others start from.

    Examples
    --------
    >>> import transfer_course as tc
    >>> mnist = tc.datasets.mnist()
    >>> source = tc.pretrain(tc.backbones.small_cnn(), mnist.subset(range(0, 5000, 10)), epochs=2)
    >>> [layer.name for layer in source.layers]
    ['backbone', 'head']
    """
    settings = check_arguments(
        backbone, source, epochs=epochs, learning_rate=learning_rate, **options
    )
    model = classifier(clone(backbone), source, settings["seed"])
    set_trainable(model, True)
    return fit(model, source, head_learning_rate=settings["learning_rate"], **settings)
