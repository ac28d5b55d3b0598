"""What a trained model says of images, and how often that is right."""

import numpy as np

from transfer_course._backend import keras
from transfer_course._progress import progress
from transfer_course._validation import describe_type
from transfer_course.datasets.dataset import Dataset
from transfer_course.training.network import compiled

_BATCH = 60  # images, between two moves of the progress bar


def predict(model, images: np.ndarray) -> np.ndarray:
    """Return the probabilities that a model gives for images.

    They are those of ``model.predict(images)``, to float rounding. For a result of this package's
    algorithms, images that its frozen layers have seen before pass these at no cost.

    Parameters
    ----------
    model : keras.Model
        From pixels to probabilities.
    images : numpy.ndarray
        uint8 (n, h, w, c).

    Returns
    -------
    numpy.ndarray
        float32 (n, classes).

    Raises
    ------
    TypeError
        ``model`` is not a model, or ``images`` is a `Dataset`.

    Examples
    --------
    >>> import transfer_course as tc
    >>> train, test = tc.few_shot(tc.datasets.digits(), shots=1)
    >>> model = tc.feature_reuse(tc.backbones.small_cnn(), train, epochs=1)
    >>> tc.predict(model, test.images[:3]).shape
    (3, 10)
    """
    if not isinstance(model, keras.Model):
        raise TypeError(
            f"model must be a keras.Model, got {describe_type(model)}: hand in what an algorithm "
            f"such as tc.feature_reuse returns"
        )
    if isinstance(images, Dataset):
        raise TypeError("images must be an array, got a Dataset: write dataset.images")
    if [layer.name for layer in model.layers] != ["backbone", "head"]:
        return model.predict(images, verbose=0)
    with compiled(model) as network, progress(len(images), "image") as show:
        found = []
        for start in range(0, len(images), _BATCH):
            batch = images[start : start + _BATCH]
            found.append(network.predict(batch))
            show(start + len(batch))
        return np.concatenate(found)


def accuracy(model, dataset: Dataset) -> float:
    """Return the share of a data set that a model gets right.

    Parameters
    ----------
    model : keras.Model
        From pixels to probabilities.
    dataset : Dataset
        The images and their true labels.

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    TypeError
        As for `predict`, or ``dataset`` is not a `Dataset`.

    Examples
    --------
    >>> import transfer_course as tc
    >>> train, test = tc.few_shot(tc.datasets.digits(), shots=5)
    >>> model = tc.feature_reuse(tc.backbones.small_cnn(), train)
    >>> tc.accuracy(model, train) > tc.accuracy(model, test)
    True
    """
    if not isinstance(dataset, Dataset):
        raise TypeError(
            f"dataset must be a Dataset, got {describe_type(dataset)}: build one with "
            f"tc.Dataset(images, labels, class_names)"
        )
    guesses = predict(model, dataset.images).argmax(axis=1)
    return float((guesses == dataset.labels).mean())
