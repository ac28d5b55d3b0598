"""Labelled images, which every algorithm of the course works on, and the draw of a few of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import normalize

import numpy as np
from numpy.typing import ArrayLike

from transfer_course._validation import check_int, describe, describe_type
from transfer_course.datasets.mapped import MappedImages, is_mapped

_TRIES = 100  # orders in which to divide the groups; nearly always the first one will do


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images, their labels and the names of the classes, checked when the data set is built.

    Parameters
    ----------
    images : array_like of uint8, shape (n, height, width, channels)
        Pixels from 0 to 255. One channel is grey, three are RGB. A file opened with
        ``numpy.load(file, mmap_mode="r")`` stays on the disk, as `MappedImages`.
    labels : array_like of int, shape (n,)
        The class of each image, counted from 0. Kept as int64.
    class_names : sequence of str
        One name per class; ``class_names[0]`` is the name of label 0. Kept as a tuple, with letters
        and their accents composed (Unicode's NFC), since the same name comes decomposed from a Mac.
    groups : array_like of int, shape (n,), optional
        The group of each image, where some images belong together: photos of one animal, cells of
        one solar module. Any whole numbers, kept as int64. `few_shot` then tests on other groups
        than it trains on. By default each image stands alone.

    Raises
    ------
    TypeError
        A part is of the wrong kind, such as float images, text labels or text groups.
    ValueError
        A shape is wrong, a label has no class name, or the parts do not fit together.

    Notes
    -----
    All arrays are read-only, as copies where needed. So what was computed from a data set and
    cached cannot become outdated.

    Examples
    --------
    >>> two = np.zeros((2, 28, 28, 1), dtype="uint8")
    >>> Dataset(two, labels=[0, 1], class_names=("cat", "dog"))
    Dataset(2 images of 28x28x1, 2 classes)
    """

    images: np.ndarray | MappedImages
    labels: np.ndarray
    class_names: tuple[str, ...]
    groups: np.ndarray | None = None

    def __post_init__(self):
        names = checked_names(self.class_names)
        images = _checked_images(self.images)
        labels = _checked_labels(self.labels, len(images), names)
        # The dataclass is frozen, hence the detour.
        object.__setattr__(self, "images", _read_only(images))
        object.__setattr__(self, "labels", _read_only(labels))
        object.__setattr__(self, "class_names", names)
        if self.groups is not None:
            groups = _checked_groups(self.groups, len(images))
            object.__setattr__(self, "groups", _read_only(groups))

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        height, width, channels = self.images.shape[1:]
        parts = [
            f"{_count(len(self), 'image')} of {height}x{width}x{channels}",
            _count(len(self.class_names), "class", "classes"),
        ]
        if self.groups is not None:
            parts.append(_count(len(np.unique(self.groups)), "group"))
        return f"Dataset({', '.join(parts)})"

    def subset(self, indices: ArrayLike) -> "Dataset":
        """Return some of the images as a data set with the same classes.

        Parameters
        ----------
        indices : array_like or slice
            Positions, in the order that the result will have, or one True or False per image.

        Returns
        -------
        Dataset
            The images at these positions, with their labels and groups. Of images on the disk, up
            to 64 MB are read into memory, and more stay there.

        Raises
        ------
        IndexError
            There is no image at a position.
        ValueError
            No image is left.

        Examples
        --------
        >>> images = np.zeros((3, 8, 8, 3), dtype="uint8")
        >>> Dataset(images, [0, 1, 1], ("cat", "dog")).subset([2, 0]).labels
        array([1, 0])
        """
        if isinstance(self.images, MappedImages):
            images = self.images.subset(indices)
        else:
            images = self.images[indices]
        if isinstance(images, np.ndarray):
            images.setflags(write=False)  # spares a second copy
        groups = None if self.groups is None else self.groups[indices]
        return Dataset(images, self.labels[indices], self.class_names, groups)


def few_shot(dataset: Dataset, shots: int, seed: int = 0) -> tuple[Dataset, Dataset]:
    """Draw a few images of each class to train on, and a test set from the others.

    Parameters
    ----------
    dataset : Dataset
        Two classes or more, each with at least two images. If the data set has groups, the images
        of each class are in at least two groups.
    shots : int
        Images per class in the training set, 1 or more. At least one image of every class must be
        left to test on.
    seed : int, default 0
        The same seed gives the same draw.

    Returns
    -------
    train : Dataset
        ``shots`` images of each class, one class after the other.
    test : Dataset
        All other images, in the order of ``dataset``. If the data set has groups, all images of the
        groups to test on.

    Raises
    ------
    TypeError
        ``dataset`` is not a Dataset, or a number is not whole.
    ValueError
        There are fewer than two classes, a class has too few images for ``shots`` or too few
        groups, or a number is out of range.

    Notes
    -----
    With one seed the draws are nested: the images drawn for 5 shots are among those for 10. So a
    learning curve only ever adds images.

    Groups are divided before images are drawn: about half of them are to train on and half to test
    on, such that each class is divided about evenly. The shots are drawn from the groups to train
    on; what is not drawn of these is in neither data set. So no group is on both sides, and the
    test set depends on the seed alone. Images drawn at random from the whole data set would soon
    touch every group: 50 shots of 4 classes are 200 images, and `solar_cells` has 44 modules.

    Examples
    --------
    >>> images = np.zeros((6, 8, 8, 3), dtype="uint8")
    >>> pets = Dataset(images, [0, 0, 0, 1, 1, 1], ("cat", "dog"))
    >>> few_shot(pets, shots=1)
    (Dataset(2 images of 8x8x3, 2 classes), Dataset(4 images of 8x8x3, 2 classes))

    Images of one animal are a group:

    >>> animals = [0, 0, 1, 2, 2, 3]
    >>> train, test = few_shot(Dataset(images, pets.labels, pets.class_names, animals), shots=1)
    >>> set(train.groups) & set(test.groups)
    set()
    """
    drawn, rest = draw(dataset, shots, seed)
    return dataset.subset(drawn), dataset.subset(rest)


def draw(dataset: Dataset, shots: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the images that `few_shot` draws to train and to test on."""
    if not isinstance(dataset, Dataset):
        raise TypeError(
            f"dataset must be a Dataset, got {describe_type(dataset)}: "
            "build one with tc.Dataset(images, labels, class_names), or take one such as "
            "tc.datasets.digits()"
        )
    shots = check_int("shots", shots, at_least=1)
    seed = check_int("seed", seed, at_least=0)
    names = dataset.class_names
    counts = np.bincount(dataset.labels, minlength=len(names))
    smallest = counts.argmin()
    if len(names) < 2:
        raise ValueError(
            f"the data set has one class only, {names[0]!r}, so there is nothing to tell apart: "
            "add images of a second class"
        )
    if counts[smallest] < 2:
        raise ValueError(
            f"class {names[smallest]!r} has {_count(counts[smallest], 'image')}, but needs at "
            "least 2, one to train on and one to test on: add some, or leave the class out"
        )
    if dataset.groups is None and shots >= counts[smallest]:
        raise ValueError(
            f"shots={shots}, but class {names[smallest]!r} has {counts[smallest]} images; "
            f"use shots <= {counts[smallest] - 1}, so that one is left to test on"
        )
    random = np.random.default_rng(seed)
    # One shuffle of everything; the first `shots` of each class are drawn. That is what nests.
    order = random.permutation(len(dataset))
    if dataset.groups is None:
        drawn = _first_of_each_class(dataset, order, shots)
        return drawn, np.setdiff1d(np.arange(len(dataset)), drawn)
    to_train = _divided(dataset, random)
    counts = np.bincount(dataset.labels[to_train], minlength=len(names))
    smallest = counts.argmin()
    if shots > counts[smallest]:
        raise ValueError(
            f"shots={shots}, but with seed={seed} the groups to train on have "
            f"{_count(counts[smallest], 'image')} of class {names[smallest]!r}, since about half "
            f"of the groups are kept to test on: use shots <= {counts[smallest]}"
        )
    return _first_of_each_class(dataset, order[to_train[order]], shots), np.flatnonzero(~to_train)


def _first_of_each_class(dataset: Dataset, order: np.ndarray, shots: int) -> np.ndarray:
    labels = dataset.labels[order]
    return np.concatenate([order[labels == c][:shots] for c in range(len(dataset.class_names))])


def _divided(dataset: Dataset, random: np.random.Generator) -> np.ndarray:
    """Divide the groups in two; return which images are to train on, as one bool per image.

    The groups come in random order, and each goes to the side that lacks more of its classes.
    """
    values, group = np.unique(dataset.groups, return_inverse=True)
    images = np.zeros((len(values), len(dataset.class_names)), int)  # by group and class
    np.add.at(images, (group, dataset.labels), 1)
    spread = (images > 0).sum(axis=0)
    if spread.min() < 2:
        raise ValueError(
            f"class {dataset.class_names[spread.argmin()]!r} has all its images in one group, but "
            "needs at least 2 groups, one to train on and one to test on: add images of another "
            "group, or leave the class out"
        )
    share = images / images.sum(axis=0)  # of a class, so that small classes count as much
    for _ in range(_TRIES):
        to_train = np.zeros(len(values), bool)
        lead = np.zeros(images.shape[1])  # of the side to train on, by class
        for g in random.permutation(len(values)):
            ahead = round(float(lead @ share[g]), 9)  # processors differ in the last bit
            to_train[g] = ahead < 0 if ahead else random.integers(2)
            lead += share[g] if to_train[g] else -share[g]
        if images[to_train].any(axis=0).all() and images[~to_train].any(axis=0).all():
            return to_train[group]
    raise ValueError(
        "no way was found to divide the groups in two with every class on both sides, since some "
        "groups hold several classes: add images of other groups, or build the data set without "
        "groups"
    )


def checked_names(class_names) -> tuple[str, ...]:
    """Return class names as a tuple of `composed` names, each different; raise if they are not."""
    if isinstance(class_names, str) or not isinstance(class_names, Sequence | np.ndarray):
        raise TypeError(
            f"class_names={describe(class_names)} must be a tuple of names, one per class: "
            'write it like class_names=("cat", "dog")'
        )
    names = tuple(class_names)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(
                f"class_names holds {describe(name)}, which is not text: "
                "write tuple(map(str, class_names))"
            )
    if not names:
        raise ValueError("class_names is empty: give one name per class")
    names = tuple(map(composed, names))
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise ValueError(f"class_names has {twice[0]!r} twice: give each class a name of its own")
    return names


def composed(name: str) -> str:
    """Return a name as people write it: with composed letters, and nothing that cannot be printed.

    Bytes in the name of a file that are no text, lone surrogates in Python, become ``\\xe9`` and
    the like.

    Examples
    --------
    >>> composed("cafe\N{COMBINING ACUTE ACCENT}") == "caf\N{LATIN SMALL LETTER E WITH ACUTE}"
    True
    """
    try:
        text = name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # on Windows, other surrogates
        text = name.encode("utf-8", "surrogatepass")
    return normalize("NFC", text.decode("utf-8", "backslashreplace"))


def as_images(images) -> np.ndarray | MappedImages:
    """Return images as an array or `MappedImages`; raise unless it has four axes and an image."""
    if not isinstance(images, MappedImages) and not is_mapped(images):
        images = _as_array("images", images, "stack the images with np.stack(images)")
    if images.dtype.kind in "US":
        raise TypeError(
            "images holds text, but pixels are expected: "
            "read image files with tc.datasets.image_folder(path)"
        )
    shape = images.shape
    if images.ndim == 3:
        one = "images[None] if this is one image, or " if shape[-1] in (1, 3) else ""
        raise ValueError(
            f"images has shape {shape}, but (n, height, width, channels) is expected: "
            f"write {one}images[..., None] if the channel of grey images is missing"
        )
    if images.ndim != 4:
        raise ValueError(
            f"images has shape {shape}, but (n, height, width, channels) is expected: "
            "reshape it, as in images.reshape(-1, 28, 28, 1)"
        )
    if 0 in shape[:3]:
        raise ValueError(f"images has shape {shape}, so it holds no image: give at least one")
    return images


def _checked_images(images) -> np.ndarray | MappedImages:
    images = as_images(images)
    shape = images.shape
    if shape[3] not in (1, 3):
        if shape[1] in (1, 3):
            advice = "write np.moveaxis(images, 1, -1), since the channels come first here"
        elif shape[3] == 4:
            advice = "drop the transparency with images[..., :3]"
        else:
            advice = "convert the images to grey or to RGB"
        raise ValueError(
            f"images has shape {shape}, but the last axis must be 1 (grey) or 3 (RGB) long: "
            f"{advice}"
        )
    if images.dtype != np.uint8:
        _refuse_nan("images", images, "scale to 0-255 and write images.astype('uint8')")
        raise TypeError(
            f"images is {images.dtype}{_span(images)}, but uint8 from 0 to 255 is expected: "
            f"{_to_uint8(images)}"
        )
    return MappedImages(images) if is_mapped(images) else images


def _to_uint8(images: np.ndarray) -> str:
    """Return what to write to turn these values into pixels."""
    if images.dtype.kind not in "biuf" or images.min() < 0 or images.max() > 255:
        return "scale them to 0-255, then write images.astype('uint8')"
    if images.max() <= 1:
        return "write (255 * images).astype('uint8'), if 1 is white"
    return "write images.astype('uint8')"


def _checked_labels(labels, images: int, names: tuple[str, ...]) -> np.ndarray:
    labels = _as_array("labels", labels, "give one whole number per image, as in [0, 1, 1]")
    if labels.ndim != 1:
        if labels.ndim == 2 and labels.shape[1] == len(names):
            advice = "if it is one-hot, write labels.argmax(axis=1)"
        else:
            advice = "write labels.ravel() if it holds one label per image"
        raise ValueError(
            f"labels has shape {labels.shape}, but (n,) is expected, one whole number per image: "
            f"{advice}"
        )
    if len(labels) != images:
        raise ValueError(
            f"there are {_count(images, 'image')} but {_count(len(labels), 'label')}: "
            "give each image one label"
        )
    _refuse_all_but_integers("labels", labels, f"from 0 to {len(names) - 1} ", "class_names")
    if not 0 <= labels.min() <= labels.max() < len(names):
        if labels.min() == 1 and labels.max() == len(names):
            advice = "if they are counted from 1, write labels - 1"
        else:
            advice = "fix the labels, or give class_names one name for each"
        raise ValueError(
            f"labels run from {labels.min()} to {labels.max()}, but with "
            f"{_count(len(names), 'class name')} they must be from 0 to {len(names) - 1}: {advice}"
        )
    return labels.astype(np.int64, copy=False)


def _checked_groups(groups, images: int) -> np.ndarray:
    groups = _as_array("groups", groups, "give one whole number per image, as in [0, 0, 1]")
    if groups.ndim != 1:
        raise ValueError(
            f"groups has shape {groups.shape}, but (n,) is expected, one whole number per image: "
            "write groups.ravel() if it holds one per image"
        )
    if len(groups) != images:
        raise ValueError(
            f"there are {_count(images, 'image')}, but groups has {len(groups)} of them: "
            "give the group of each image, or leave groups out"
        )
    _refuse_all_but_integers("groups", groups, "", "group_names")
    return groups.astype(np.int64, copy=False)


def _read_only(array: np.ndarray) -> np.ndarray:
    """Return the array itself if it is read-only and owns its memory, else a copy that does."""
    if isinstance(array, MappedImages):
        return array
    if array.flags.writeable or not array.flags.owndata:
        array = array.copy()
        array.setflags(write=False)
    return array


def _as_array(name: str, value, advice: str) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError:  # its own message says "inhomogeneous"
        raise ValueError(
            f"{name} cannot be one array, since its entries differ in shape: make them alike first"
        ) from None
    if array.ndim == 0:
        raise TypeError(f"{name} must be an array, got {describe_type(value)}: {advice}")
    if np.ma.is_masked(value):
        raise ValueError(
            f"{name} has masked entries, but each needs a value: drop the images without one, or "
            f"fix it with {name}.filled(value)"
        )
    return array


def _refuse_nan(name: str, array: np.ndarray, advice: str):
    if np.issubdtype(array.dtype, np.inexact) and np.isnan(array).any():
        entries = np.isnan(array).reshape(len(array), -1).any(axis=1).sum()
        raise ValueError(
            f"{name} is {array.dtype} and has NaN in {entries} of its {len(array)} entries: "
            f"fix these or leave them out, then {advice}"
        )


def _refuse_all_but_integers(name: str, array: np.ndarray, span: str, texts: str) -> None:
    """Raise unless an array holds integers; if it holds text, tell how to number the ``texts``."""
    if np.issubdtype(array.dtype, np.integer):
        return
    _refuse_nan(name, array, f"write {name}.astype(int)")
    if array.dtype.kind in "USTO":
        found = "holds text"
        advice = f"write {texts}, {name} = np.unique({name}, return_inverse=True)"
    else:
        found = f"is {array.dtype}{_span(array)}"
        advice = f"write {name}.astype(int), if each is whole"
    raise TypeError(f"{name} {found}, but whole numbers {span}are expected: {advice}")


def _span(array: np.ndarray) -> str:
    """Return the range of an array's values, for an error message."""
    return f" from {array.min()} to {array.max()}" if array.dtype.kind in "biuf" else ""


def _count(number: int, thing: str, things: str | None = None) -> str:
    return f"{number} {thing if number == 1 else things or thing + 's'}"
