"""The source network that most experiments start from: `small_cnn`, trained on MNIST."""

from functools import cache

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
def mnist_held_out():
    """Return `small_cnn` trained on nine tenths of `mnist`, and the tenth that it has not seen.

    It shows how much of the source task a network still does after a transfer. It is trained once
    in a process and shared, so do not change it.

    Returns
    -------
    source : keras.Sequential
        The layers ``backbone`` and ``head``; probabilities (n, 10) out.
    held_out : tc.Dataset
        Every tenth image: 500.
    """
    mnist = tc.datasets.mnist()
    seen = mnist.subset([i for i in range(len(mnist)) if i % 10])
    return tc.pretrain(tc.backbones.small_cnn(), seen, verbose=0), mnist.subset(
        slice(None, None, 10)
    )
