"""The baseline without transfer: the same architecture, trained on the few examples alone."""

from typing import Unpack

from transfer_course.algorithms._arguments import Options, check_arguments
from transfer_course.datasets.dataset import Dataset
from transfer_course.networks.classifier import classifier
from transfer_course.networks.cloning import clone_with_fresh_weights
from transfer_course.networks.layers import batch_norms
from transfer_course.training.fit import fit


def from_scratch(
    backbone,
    train: Dataset,
    *,
    epochs: int = 60,
    learning_rate: float = 1e-3,
    **options: Unpack[Options],
):
    """Train the backbone's architecture from fresh weights: what transfer has to beat.

    All of it trains, also layers that are frozen in the backbone, and all of it starts at random,
    also the head: at zero it would give a fresh network no gradient at first, and costs points.
    Batch normalization averages its statistics over some 10 steps (momentum 0.9) instead of Keras's
    100, or a short training would leave them behind.

    Parameters
    ----------
    backbone : keras.Model
        A network from pixels to features. Only its architecture is used, and the statistics of a
        `keras.layers.Normalization`, which are preprocessing.
    train : Dataset
        The examples.
    epochs : int
        Passes over the examples. The default brings `small_cnn` to 100 % on a handful of digits.
    learning_rate : float
        That of Adam. The default is Keras's.
    **options
        batch_size, seed, cache, verbose, validation_data, validation_freq, callbacks: see
        `transfer_course.algorithms`, also for what is returned and raised. The seed draws the
        weights too.

    Examples
    --------
    >>> import transfer_course as tc
    >>> train, test = tc.few_shot(tc.datasets.digits(), shots=5, seed=0)
    >>> model = tc.from_scratch(tc.backbones.small_cnn(), train)
    >>> tc.accuracy(model, test) > 0.6
    True
    """
    settings = check_arguments(
        backbone, train, epochs=epochs, learning_rate=learning_rate, **options
    )
    fresh = clone_with_fresh_weights(backbone, settings["seed"])
    for norm in batch_norms(fresh):
        norm.momentum = 0.9
    model = classifier(fresh, train, settings["seed"])
    return fit(model, train, head_learning_rate=settings["learning_rate"], **settings)
