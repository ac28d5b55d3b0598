"""What a trained model says of images, and how often that is right."""

import warnings
from itertools import zip_longest
from os import PathLike

import numpy as np

from transfer_course._backend import keras
from transfer_course._progress import progress
from transfer_course._validation import as_path, check_choice, describe_size, describe_type
from transfer_course.datasets.dataset import Dataset, as_images
from transfer_course.datasets.photo import UnreadableImage, read_photo
from transfer_course.networks.classifier import class_names, is_classifier
from transfer_course.training.network import compiled

_BATCH = 60  # images, between two moves of the progress bar
# What any other model is given at once. Keras copies it, so it must not be too much; and each call
# takes a tenth of a second, so it must not be too little.
_PART = 8 * 2**20  # bytes


def predict(model, images: np.ndarray) -> np.ndarray:
    """Return the probabilities that a model gives for images.

    They are those of ``model.predict(images)``, to float rounding. For a result of this package's
    algorithms, images that its frozen layers have seen before pass these at no cost.

    Parameters
    ----------
    model : keras.Model
        From pixels to probabilities.
    images : array_like or MappedImages, shape (n, h, w, c)
        At least one. uint8 as in a `Dataset`, or other numbers on the scale from 0 to 255, such as
        the mean of some images.

    Returns
    -------
    numpy.ndarray
        float32 (n, classes).

    Raises
    ------
    TypeError
        ``model`` is not a model, or ``images`` is a `Dataset` or no array of numbers.
    ValueError
        There are no images, or their shape is not what the model takes; or it has several inputs or
        outputs.

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
    images = as_images(images)
    _check_images(model, images)
    if not is_classifier(model) or images.dtype != np.uint8:
        size = max(1, _PART // max(1, images[:1].nbytes))
        return _in_parts(lambda part: model.predict(part, verbose=0), images, size)
    with compiled(model) as network:
        return _in_parts(network.predict, images, _BATCH)


def _check_images(model, images) -> None:
    """Raise unless a model takes these images, so far as it knows its input."""
    if images.dtype.kind not in "biuf":
        raise TypeError(
            f"images is {images.dtype}, but pixels are expected, numbers from 0 to 255: "
            "write images.astype('uint8') if they are whole, else images.astype('float32')"
        )
    for what in ("inputs", "outputs"):
        count = len(getattr(model, what, None) or ())
        if count > 1:
            raise ValueError(
                f"the model has {count} {what}, but one is expected: use model.predict"
            )
    size, expected = images.shape[1:], getattr(model, "input_shape", images.shape)[1:]
    fits = [one in (None, other) for one, other in zip(expected, size, strict=False)]
    if len(expected) != len(size) or not all(fits):
        raise ValueError(
            f"the model takes images of {describe_size(expected)}, but these are "
            f"{describe_size(size)}: use images like those that it was trained on"
        )


def _in_parts(function, images, size: int) -> np.ndarray:
    found = []
    with progress(len(images), "image") as show:
        for start in range(0, len(images), size):
            found.append(function(images[start : start + size]))
            show(min(start + size, len(images)))
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
    ValueError
        As for `predict`, or the model tells other classes apart. If it knows their names (see
        `class_names`), they are those of the data set, in the same order; else it has at least as
        many outputs as there are classes.

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
    return float((guesses(model, dataset) == dataset.labels).mean())


def guesses(model, dataset: Dataset) -> np.ndarray:
    """Return the label that a model gives each image of a data set, int64 (n,).

    Raises ValueError if a label of the data set does not mean the same class to the model.
    """
    names = dataset.class_names
    try:
        known = class_names(model)
    except (TypeError, ValueError):  # it does not know them, or `predict` says what is wrong
        known = names
    for number, (ours, theirs) in enumerate(zip_longest(known, names)):
        if ours != theirs:
            raise ValueError(
                f"class {number} is {ours!r} for the model and {theirs!r} in the data set: build "
                "it with the classes that the model was trained on, as in "
                "image_folder(path, class_names=train.class_names)"
            )
    probabilities = predict(model, dataset.images)
    if probabilities.ndim != 2 or probabilities.shape[1] < len(names):
        raise ValueError(
            f"the model gives probabilities of shape {probabilities.shape}, but the data set has "
            f"{len(names)} classes: use a model with one output per class, such as an algorithm "
            "returns"
        )
    return probabilities.argmax(axis=1)


def classify(model, photo: str | PathLike, fit: str = "crop") -> dict[str, float]:
    """Return how probable each class is for one photo, the likeliest first.

    Parameters
    ----------
    model : keras.Model
        What an algorithm returns, or such a model loaded from a file: it knows its classes.
    photo : str or os.PathLike
        An image file. It is read as `transfer_course.datasets.image_folder` reads one.
    fit : {"crop", "pad"}, default "crop"
        As for `image_folder`: use the same here.

    Returns
    -------
    dict of str to float
        Class names, each with its probability, 0 to 1.

    Raises
    ------
    TypeError
        ``model`` is not a model, or ``photo`` is not a path.
    ValueError
        The model does not know its classes, does not take colour images, or the photo cannot be
        read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> import transfer_course as tc
    >>> photo = pathlib.Path(tempfile.mkdtemp()) / "new.png"
    >>> Image.new("RGB", (640, 480), "green").save(photo)
    >>> train, test = tc.few_shot(tc.datasets.emoji(image_size=32), shots=1)
    >>> model = tc.from_scratch(tc.backbones.small_cnn((32, 32, 3)), train, epochs=1)
    >>> round(sum(tc.classify(model, photo).values()), 3)
    1.0
    """
    names = class_names(model)
    check_choice("fit", fit, ("crop", "pad"))
    height, width, channels = model.input_shape[1:]
    if height != width or channels != 3:
        raise ValueError(
            f"the model takes images of {height}x{width}x{channels}, but a photo is read as a "
            "square in colour: use a model that was trained on tc.datasets.image_folder(path)"
        )
    photo = as_path("photo", photo, "give the file's name as text")
    try:
        with warnings.catch_warnings():  # Pillow's, of damaged metadata
            warnings.simplefilter("ignore")
            image = read_photo(photo, height, fit)
    except UnreadableImage as problem:
        raise ValueError(f"{problem}: {problem.advice}") from None
    shares = dict(zip(names, predict(model, image[None])[0].tolist(), strict=True))
    return dict(sorted(shares.items(), key=lambda item: -item[1]))
