"""Your own images, one folder per class."""

import os
import warnings
from hashlib import sha256
from os import PathLike
from pathlib import Path

import numpy as np

from transfer_course._validation import check_choice, check_int, describe
from transfer_course.datasets.dataset import Dataset

# HEIC, the format of iPhones, is listed although Pillow alone cannot read it: the error then names
# such a photo, rather than leaving it out silently.
ENDINGS = {".jpg", ".jpeg", ".jfif", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".avif"}
ENDINGS |= {".heic", ".heif"}


def image_folder(
    path: str | PathLike, image_size: int = 224, fit: str = "crop", errors: str = "raise"
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
        "raise" stops at an image that cannot be read. "skip" leaves it out and warns.

    Returns
    -------
    Dataset
        Images uint8 RGB (n, image_size, image_size, 3), labels int64 (n,), sorted by the names of
        the folders and files. The class names are those of the folders.

    Raises
    ------
    OSError
        A folder cannot be opened.
    TypeError
        ``image_size`` is not a whole number, or ``path`` is not a path.
    ValueError
        There are fewer than two classes, a class has no images, an image cannot be read or is far
        too large, the same image is in two classes, or another argument is out of range.

    Notes
    -----
    Reads JPEG, PNG, GIF and WebP (the first frame), BMP, TIFF and AVIF. A photo that the camera
    marked as rotated is rotated back. Transparent parts become white. Grey, palette, CMYK and
    16-bit images become 8-bit RGB.

    Ignored are hidden files, files of other types, images beside the class folders, and folders
    inside them. If two images of a class are equal, one is left out with a warning: a model that is
    tested on a training image looks better than it is. The files are read again on every call, as
    the folder may have changed.

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
    if not isinstance(path, str | PathLike):
        raise TypeError(f"path={describe(path)} is not a path: give the folder's name as text")
    folders = _class_folders(Path(os.path.expanduser(path)))

    images, labels, skipped, copies = [], [], [], []
    first_with = {}  # digest of the pixels: the first file that has them, and its label
    for label, folder in enumerate(folders):
        for file in _image_files(folder):
            try:
                image = _read(file, image_size, fit)
            except _UnreadableImage as problem:
                if errors == "raise":
                    raise ValueError(
                        f"{problem}: save it again as an ordinary JPEG or PNG, remove it, "
                        'or pass errors="skip" to leave it out'
                    ) from None
                skipped.append(str(problem))
                continue
            digest = sha256(image).digest()
            if digest not in first_with:
                first_with[digest] = file, label
                images.append(image)
                labels.append(label)
            elif first_with[digest][1] == label:
                copies.append(f"{file} (the same as {first_with[digest][0].name})")
            else:
                raise ValueError(
                    f"{first_with[digest][0]} and {file} are the same image in two classes: "
                    "remove it from the class where it does not belong"
                )
        if label not in labels:
            raise ValueError(
                f"no image in class folder {folder} can be read ({skipped[-1]}): "
                "add some that can, or remove the folder"
            )
    if skipped:
        warnings.warn("left out what cannot be read: " + "; ".join(skipped), stacklevel=2)
    if copies:
        warnings.warn("left out what is there twice: " + "; ".join(copies), stacklevel=2)
    return Dataset(np.stack(images), labels, tuple(folder.name for folder in folders))


class _UnreadableImage(Exception):
    """A file is named like an image, but none can be read from it."""


def _class_folders(root: Path) -> list[Path]:
    entries = _entries(root)
    folders = [entry for entry in entries if entry.is_dir()]
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
    if len(folders) == 1:
        raise ValueError(
            f"{root} holds one class folder only, {folders[0].name!r}, but two are needed: "
            f"add another, or pass {folders[0]} if the class folders are in there"
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
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except (OSError, ValueError) as problem:  # a ValueError for "C:\0", where \0 is a character
        reason = getattr(problem, "strerror", problem)
        raise type(problem)(
            f"{folder.absolute()} cannot be opened as a folder ({reason}): "
            "check the path, and that you may read it"
        ) from None
    # __MACOSX is what a Mac adds when it zips a folder.
    return [entry for entry in entries if entry.name[0] != "." and entry.name != "__MACOSX"]


def _is_image(entry: Path) -> bool:
    return entry.suffix.lower() in ENDINGS and not entry.is_dir()


def _read(file: Path, image_size: int, fit: str) -> np.ndarray:
    """Return one image as uint8 (image_size, image_size, 3)."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # Pillow warns from 89 million pixels on, which a phone can take, and refuses from 179.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(file)
        with image:
            # A JPEG can be decoded at 1/2, 1/4 or 1/8 of its size: several times faster.
            image.draft(None, (2 * image_size, 2 * image_size))
            ImageOps.exif_transpose(image, in_place=True)
            image = _as_rgb(image)
        if fit == "pad":
            return np.asarray(ImageOps.pad(image, (image_size, image_size), color="white"))
        return np.asarray(ImageOps.fit(image, (image_size, image_size)))
    except Image.DecompressionBombError:
        most = 2 * Image.MAX_IMAGE_PIXELS // 10**6
        reason = f"it claims to have over {most} million pixels"
    except UnidentifiedImageError:
        reason = "it is empty, damaged or of a kind that Pillow does not know"
    except Exception as problem:  # a damaged file can make a decoder raise anything
        reason = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
    raise _UnreadableImage(f"{file} cannot be read as an image ({reason})")


def _as_rgb(image):
    """Return a Pillow image of any mode as RGB, with its transparent parts on white."""
    from PIL import Image

    if image.mode in ("I", "F"):
        raise ValueError("its values are 32-bit, and which of them is white is not known")
    if image.mode.startswith("I;16"):  # convert() would clip at 255
        image = Image.fromarray((np.asarray(image) / 257).round().astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    page = Image.new("RGB", image.size, "white")
    page.paste(image, mask=image)
    return page
