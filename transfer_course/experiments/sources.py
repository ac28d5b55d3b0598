"""The source networks of the experiments: `small_cnn` trained on MNIST, and ImageNet's Lite0."""

from functools import cache

import numpy as np

import transfer_course as tc


@cache
def mnist_backbone():
    """Return `small_cnn` trained on all images of `mnist`, without its head.

    It is trained once in a process and shared, so do not change it.

    Returns
    -------
    keras.Model
        From raw pixels (n, 28, 28, 1) to features (n, 64).

    Examples
    --------
    >>> from transfer_course.experiments import sources
    >>> sources.mnist_backbone().output_shape
    (None, 64)
    """
    source = tc.pretrain(tc.backbones.small_cnn(), tc.datasets.mnist(), verbose=0)
    return source.get_layer("backbone")


@cache
def mnist_held_out(seed: int, classes: str):
    """Return `small_cnn` trained on nine tenths of `mnist`, and the tenth that it has not seen.

    It shows how much of the source task a network still does after a transfer. It is trained once
    in a process and shared, so do not change it.

    Parameters
    ----------
    seed : int
        Draws the initial weights and the order of the training.
    classes : str
        The digits that the source knows.

    Returns
    -------
    source : keras.Sequential
        The layers ``backbone`` and ``head``; probabilities out, a column per class.
    held_out : tc.Dataset
        Every tenth image: 50 per class.
    """
    from transfer_course.networks.cloning import clone_with_fresh_weights  # takes seconds

    mnist = tc.datasets.mnist(classes)
    seen = mnist.subset([i for i in range(len(mnist)) if i % 10])
    fresh = clone_with_fresh_weights(tc.backbones.small_cnn(), seed)
    source = tc.pretrain(fresh, seen, seed=seed, verbose=0)
    return source, mnist.subset(range(0, len(mnist), 10))


def imagenet_classes(features: np.ndarray) -> np.ndarray:
    """Return which of ImageNet's classes Lite0's own head sees in features.

    Parameters
    ----------
    features : numpy.ndarray
        float32 (n, 1280).

    Returns
    -------
    numpy.ndarray
        int64 (n,), 0 to 999.
    """
    from transfer_course.backbones.lite0 import imagenet_tensors  # takes seconds

    tensors = imagenet_tensors()
    return np.argmax(features @ tensors["_fc.weight"].T + tensors["_fc.bias"], axis=1)
