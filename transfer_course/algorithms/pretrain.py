"""The source task: train a backbone where there is plenty of data, for others to start from."""

import numpy as np

from transfer_course.algorithms._arguments import check_arguments
from transfer_course.datasets.dataset import Dataset
from transfer_course.networks.classifier import classifier
from transfer_course.networks.cloning import copy_of
from transfer_course.training.loop import fit


def pretrain(
    backbone,
    source: Dataset,
    *,
    epochs: int = 5,
    learning_rate: float = 1e-3,
    batch_size: int = 32,
    seed: int = 0,
    verbose: int | str = "auto",
):
    """Train all of a backbone, with a head of its own, on the source task.

    Parameters
    ----------
    backbone
        A `keras.Model` from pixels 0-255 to a feature vector. Training starts at its weights: those
        of an untrained backbone are random, those of one with ImageNet weights are a head start.
    source
        The source task: images uint8 (n, h, w, c), labels int (n,).
    epochs, learning_rate, batch_size
        Passes over the data, the step of Adam (Keras's default) and examples per step. The defaults
        bring `small_cnn` to about 97 % on the 5,000 digits of `mnist` in a few seconds.
    seed
        Draws the head and the order of the examples. Same seed, same weights, on one machine.
    verbose
        1 shows a progress bar, 0 none. "auto" shows it where somebody watches and it takes over
        two seconds.

    Returns
    -------
    keras.Sequential
        Compiled and trained; probabilities (n, classes) out. ``get_layer("backbone")`` is what the
        other algorithms start from.

    Raises
    ------
    TypeError, ValueError
        The data do not fit the backbone, or a setting makes no sense.
    FloatingPointError
        Training has diverged: the loss or a weight is no finite number any more.

    Example
    -------
    >>> import transfer_course as tc
    >>> mnist = tc.datasets.mnist()
    >>> source = tc.pretrain(tc.backbones.small_cnn(), mnist.subset(range(0, 5000, 10)), epochs=2)
    >>> [layer.name for layer in source.layers]
    ['backbone', 'head']
    """
    steering = check_arguments(
        backbone,
        source,
        epochs=epochs,
        learning_rate=learning_rate,
        batch_size=batch_size,
        seed=seed,
    )
    # Not the head that a target task with this seed will get: the backbone is about to be trained
    # to fit this one, and a "new" head like it would be no new head at all.
    head_seed = int(np.random.SeedSequence([seed, 1]).generate_state(1)[0])
    model = classifier(copy_of(backbone), source, head_seed)
    return fit(model, source, **steering, verbose=verbose)
