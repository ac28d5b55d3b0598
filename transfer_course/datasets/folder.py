"""Your own images, one folder per class."""

import os
import warnings
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from os import PathLike
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np

from transfer_course._progress import progress
from transfer_course._validation import (
    as_path,
    check_choice,
    check_int,
    check_number,
    describe,
)
from transfer_course.datasets import photo_cache
from transfer_course.datasets.bursts import burst_of_each
from transfer_course.datasets.dataset import Dataset, checked_names, composed
from transfer_course.datasets.mapped import MappedImages
from transfer_course.datasets.photo import UnreadableImage, read_photo

# HEIC, the format of iPhones, is listed although Pillow alone cannot read it: the error then names
# such a photo, rather than leaving it out silently.
ENDINGS = {".jpg", ".jpeg", ".jfif", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".avif"}
ENDINGS |= {".heic", ".heif"}
# What systems put beside people's own folders: macOS, Windows, Linux, and disks on a network.
SYSTEM_FOLDERS = {"__macosx", "network trash folder", "temporary items"}
SYSTEM_FOLDERS |= {"$recycle.bin", "recycler", "system volume information", "lost+found"}
SYSTEM_FOLDERS |= {"@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot"}

# The folder that each living data set was read from, and the file of each digest in it.
_origins: WeakKeyDictionary[Dataset, tuple[Path, dict[str, Path]]] = WeakKeyDictionary()


def image_folder(
    path: str | PathLike,
    image_size: int = 224,
    fit: str = "crop",
    errors: str = "raise",
    class_names: Sequence[str] | None = None,
    cache: str | PathLike | None = None,
    burst_seconds: float | None = None,
) -> Dataset:
    """Read your own images from ``path/<class>/<file>``, as in photos/cat/1.jpg, photos/dog/2.png.

    Parameters
    ----------
    path : str or os.PathLike
        The folder that holds one folder of images per class.
    image_size : int, default 224
        Height and width in pixels, 16 to 1024, to which every image is resized (antialiased). The
        default is what networks trained on ImageNet expect.
    fit : {"crop", "pad"}, default "crop"
        How an image becomes square; it is never distorted. "crop" keeps the middle, as is usual for
        networks trained on ImageNet. "pad" keeps everything and adds white at the sides.
    errors : {"raise", "skip"}, default "raise"
        "raise" stops at an image that cannot be read, and at one that is in two classes. "skip"
        leaves them out and warns.
    class_names : sequence of str, optional
        The classes and their order, for a second folder with the classes of a first one:
        ``test = image_folder("photos/test", class_names=train.class_names)``. Then a class may be
        missing, and images that ``train`` has too are left out with a warning.
    cache : str or os.PathLike, optional
        A file, such as "photos.npy", for more images than fit into memory. They are written to it
        and stay there: see `MappedImages`. The next call reads only the images that have changed.
    burst_seconds : float, optional
        Puts photos into one group if each was taken within this many seconds of the one before, by
        the times that cameras write into photos (EXIF), so that `few_shot` does not test on
        near-copies of what was trained on. A file without a time is a group of its own. Each call
        reads the metadata of every file. By default there are no groups.

    Returns
    -------
    Dataset
        Images uint8 RGB (n, image_size, image_size, 3), labels int64 (n,), sorted by the names of
        the folders and files. The class names are those of the folders.

    Raises
    ------
    OSError
        A folder cannot be opened, or the cache cannot be written.
    TypeError
        ``image_size`` is not a whole number, ``path`` or ``cache`` is not a path, or
        ``burst_seconds`` is not a number.
    ValueError
        There are fewer than two classes, a class has no images, an image cannot be read or is far
        too large, the same image is in two classes, a folder is not among ``class_names``,
        ``cache`` is another file, or another argument is out of range.

    Notes
    -----
    Reads JPEG, PNG, GIF and WebP (the first frame), BMP, TIFF and AVIF. A photo that the camera
    marked as rotated is rotated back. Transparent parts become white. Grey, palette, CMYK and
    16-bit images become 8-bit RGB.

    Ignored are hidden files, the folders of operating systems, files of other types, images beside
    the class folders, and folders inside them. If two images of a class are equal, one is left out
    with a warning: a model that is tested on a training image looks better than it is. Without a
    cache the files are read again on every call, as the folder may have changed.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from PIL import Image
    >>> photos = pathlib.Path(tempfile.mkdtemp())
    >>> for color in ("red", "blue"):
    ...     (photos / color).mkdir()
    ...     Image.new("RGB", (640, 480), color).save(photos / color / "1.jpg")
    >>> image_folder(photos, image_size=96)
    Dataset(2 images of 96x96x3, 2 classes)
    """
    image_size = check_int("image_size", image_size, at_least=16, at_most=1024)
    check_choice("fit", fit, ("crop", "pad"))
    check_choice("errors", errors, ("raise", "skip"))
    if burst_seconds is not None:
        burst_seconds = check_number("burst_seconds", burst_seconds)
    root = as_path("path", path, "give the folder's name as text")
    folders = _class_folders(root, class_names)
    elsewhere = {} if class_names is None else _elsewhere(root, class_names, image_size)
    class_names = checked_names(list(folders) if class_names is None else class_names)
    files, labels = [], []
    for name, folder in folders.items():
        found = _image_files(folder)
        files += found
        labels += [class_names.index(name)] * len(found)

    def read(file: Path) -> tuple[str, np.ndarray] | UnreadableImage:
        try:
            image = read_photo(file, image_size, fit)
        except UnreadableImage as problem:
            return problem
        return _digest(image), image

    def each(function: Callable, arguments: Sequence) -> Iterator:
        """Yield the function's result for each argument, while a bar shows how far it is."""
        with progress(len(arguments), "image") as show:
            for done, result in enumerate(_in_threads(function, arguments), 1):
                if errors == "raise":
                    _refuse_unreadable(result)
                yield result
                show(done)

    size = (image_size, image_size, 3)
    if cache is None:
        images, digests = np.empty((len(files), *size), np.uint8), []
        for row, result in zip(images, each(read, files), strict=True):
            if not isinstance(result, UnreadableImage):
                result, row[...] = result
            digests.append(result)
    else:
        cache = as_path("cache", cache, 'give a name such as "photos.npy"')
        settings = {"folder": str(root.resolve()), "image_size": image_size, "fit": fit}
        images, digests = photo_cache.updated(cache, settings, root, files, size, read, each)

    blank = _digest(np.full(size, 255, np.uint8))
    kept = _usable(files, labels, digests, elsewhere, blank, errors)
    labels = [labels[i] for i in kept]
    for name, folder in folders.items():
        if class_names.index(name) not in labels:
            reason = next((str(it) for it in digests if isinstance(it, UnreadableImage)), None)
            raise ValueError(
                f"no image in class folder {folder} can be used"
                f"{f' ({reason})' if reason else ''}: add some that can, or remove the folder"
            )
    groups = None
    if burst_seconds is not None:
        groups = burst_of_each([files[i] for i in kept], burst_seconds)
    dataset = Dataset(_rows(images, kept), labels, class_names, groups)
    _origins[dataset] = root.resolve(), {digests[i]: files[i] for i in kept}
    return dataset


def _class_folders(root: Path, class_names: Sequence[str] | None) -> dict[str, Path]:
    """Return the folder of each class, in the order of their names."""
    entries = _entries(root)
    for entry in entries:
        if entry.is_symlink() and not entry.exists() and not _is_image(entry):
            raise ValueError(f"{entry} is a link that leads nowhere: mend the link, or remove it")
    found = [entry for entry in entries if entry.is_dir()]
    folders = {composed(folder.name): folder for folder in found}
    layout = f"{root / 'cat'} and {root / 'dog'}"
    if not folders and any(map(_is_image, entries)):
        raise ValueError(
            f"{root} holds images but no class folders: "
            f"put the images of each class in a folder of its own, such as {layout}"
        )
    if not folders:
        raise ValueError(
            f"{root} holds no class folders: make one folder of images per class, such as {layout}"
        )
    if len(folders) < len(found):
        alike = next(it for it in found if folders[composed(it.name)] != it)
        raise ValueError(
            f"{root} holds two class folders {composed(alike.name)!r}, which differ only in how "
            "accents are stored: move the images of one into the other"
        )
    if class_names is not None:
        for name in folders:
            if name not in checked_names(class_names):
                raise ValueError(
                    f"class folder {folders[name]} is not among class_names="
                    f"{describe(tuple(class_names))}: rename it, or leave class_names out"
                )
    elif len(folders) == 1:
        raise ValueError(
            f"{root} holds one class folder only, {found[0].name!r}, but two are needed: "
            f"add another, or pass {found[0]} if the class folders are in there"
        )
    return folders


def _image_files(folder: Path) -> list[Path]:
    entries = _entries(folder)
    files = [entry for entry in entries if _is_image(entry)]
    if not files:
        advice = "add some, or remove the folder"
        if any(entry.is_dir() for entry in entries):
            advice = f"pass {folder} itself if the folders in it are the classes"
        raise ValueError(f"class folder {folder} holds no image file (.jpg, .png, …): {advice}")
    return files


def _entries(folder: Path) -> list[Path]:
    """Return what a folder holds of a person's own, in the order of the names."""
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: composed(entry.name))
    except (OSError, ValueError) as problem:  # a ValueError for "C:\0", where \0 is a character
        reason = getattr(problem, "strerror", problem)
        raise type(problem)(
            f"{folder.absolute()} cannot be opened as a folder ({reason}): "
            "check the path, and that you may read it"
        ) from None
    return [
        entry
        for entry in entries
        if entry.name[0] != "." and entry.name.casefold() not in SYSTEM_FOLDERS
    ]


def _is_image(entry: Path) -> bool:
    return entry.suffix.lower() in ENDINGS and not entry.is_dir()


def _in_threads(function: Callable, arguments: Sequence) -> Iterator:
    """Yield the function's result for each argument in order, and be a few of them ahead.

    Pillow releases Python's lock while it decodes and resizes, so threads share the cores.
    """
    workers = os.cpu_count() or 1
    waiting = deque()
    # Pillow warns of damaged metadata, and of images from 89 million pixels on, which phones take.
    with warnings.catch_warnings(), ThreadPoolExecutor(workers) as pool:
        warnings.simplefilter("ignore")
        try:
            for argument in arguments:
                waiting.append(pool.submit(function, argument))
                if len(waiting) > 4 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _digest(image: np.ndarray) -> str:
    return blake2b(image, digest_size=16).hexdigest()


def _refuse_unreadable(result) -> None:
    if isinstance(result, UnreadableImage):
        raise ValueError(
            f'{result}: {result.advice}, remove it, or pass errors="skip" to leave it out'
        )


def _elsewhere(root: Path, class_names: Sequence[str], image_size: int) -> dict[str, Path]:
    """Return the digests and files of living data sets from other folders with these classes."""
    return {
        digest: file
        for dataset, (other, files) in list(_origins.items())
        if other != root.resolve()
        and dataset.class_names == checked_names(class_names)
        and dataset.images.shape[1] == image_size
        for digest, file in files.items()
    }


def _usable(files, labels, digests, elsewhere, blank, errors) -> list[int]:
    """Return the positions of the images to keep; raise, or warn, because of the others."""
    unreadable, in_two_classes, blank_in_two, twice, also_elsewhere = [], [], [], [], []
    positions = defaultdict(list)
    for i, digest in enumerate(digests):
        if isinstance(digest, UnreadableImage):
            if errors == "raise":  # so says the cache
                _refuse_unreadable(digest)
            unreadable.append(str(digest))
        elif digest in elsewhere:
            also_elsewhere.append(f"{files[i]} (the same as {elsewhere[digest]})")
        else:
            positions[digest].append(i)
    kept = []
    for digest, same in positions.items():
        if len({labels[i] for i in same}) > 1:
            together = " and ".join(str(files[i]) for i in same)
            (blank_in_two if digest == blank else in_two_classes).append(together)
            continue
        kept.append(same[0])
        remark = ", since both turn blank on white" if digest == blank else ""
        twice += [f"{files[i]} (the same as {files[same[0]].name}{remark})" for i in same[1:]]
    if errors == "raise":
        _refuse_two_classes(in_two_classes, blank_in_two)
    for what, found in {
        "cannot be read": unreadable,
        "is the same in two classes": in_two_classes,
        "turns blank on white, and so looks the same in two classes": blank_in_two,
        "is there twice": twice,
        "another folder with these classes has too": also_elsewhere,
    }.items():
        if found:
            warnings.warn(f"left out what {what}: {'; '.join(found)}", stacklevel=3)
    return kept


def _refuse_two_classes(images: list[str], blank: list[str]) -> None:
    skip = 'or pass errors="skip" to leave them out'
    sentences = []
    if images:
        sentences.append(
            f"{'; '.join(images)} are the same image in two classes: "
            f"remove it from the class where it does not belong, {skip}"
        )
    if blank:
        sentences.append(
            f"{'; '.join(blank)} turn blank on white, which transparent parts become, and so look "
            f"the same in two classes: give them a darker background, remove them, {skip}"
        )
    if sentences:
        raise ValueError(". ".join(sentences))


def _rows(images: np.ndarray, kept: list[int]):
    """Return some rows of an array, which is given up for it, without another array as large."""
    if isinstance(images, np.memmap):
        return MappedImages(images, np.array(kept))
    for new, old in enumerate(kept):
        if new != old:
            images[new] = images[old]
    images.resize((len(kept), *images.shape[1:]), refcheck=False)
    images.setflags(write=False)  # spares a copy
    return images
