"""The reader's own pictures, one folder per class."""

import os
import warnings
from hashlib import sha256
from os import PathLike
from pathlib import Path

import numpy as np

from transfer_course._validation import check_choice, check_int, describe
from transfer_course.datasets.dataset import Dataset

# HEIC, the format of iPhones, is listed although Pillow alone cannot read it: so that such a photo
# is named in an error rather than silently passed over.
ENDINGS = {".jpg", ".jpeg", ".jfif", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".avif"}
ENDINGS |= {".heic", ".heif"}


def image_folder(
    path: str | PathLike, image_size: int = 224, fit: str = "crop", errors: str = "raise"
) -> Dataset:
    """Read your own pictures from `path/<class>/<file>`, as in photos/cat/1.jpg, photos/dog/2.png.

    image_size: side in pixels, 16 to 1024, to which every picture is brought (antialiased); 224 is
    what networks trained on ImageNet expect.
    fit: how it becomes a square, always undistorted. "crop", the default, keeps the middle, as is
    usual with networks trained on ImageNet; "pad" keeps everything and adds white at the sides.
    errors: "raise" stops at a picture that can't be read; "skip" leaves it out and warns.

    images: uint8 RGB (n, image_size, image_size, 3); labels: int64 (n,); class_names: the names of
    the folders, sorted. Files are sorted by name as well.

    Reads JPEG, PNG, GIF and WebP (the first frame), BMP, TIFF and AVIF. A photo that its camera
    marked as turned is turned; transparency goes on white; grey, palette, CMYK and 16-bit pictures
    become 8-bit RGB. Passed over: hidden files, files of other types, pictures beside the class
    folders, and folders inside them. Of two equal pictures in one class one is left out, with a
    warning, since a picture that is both trained and tested on flatters a model. Read afresh on
    every call, as the folder may have changed.

    Raises OSError if a folder can't be opened; TypeError for a size that is no int; ValueError for
    fewer than two classes, a class without pictures, a picture that can't be read or is far too
    large, or the same picture in two classes.

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

    pictures, labels, skipped, copies = [], [], [], []
    first_with = {}  # digest of the pixels: the first file that has them, and its label
    for label, folder in enumerate(folders):
        for file in _picture_files(folder):
            try:
                picture = _read(file, image_size, fit)
            except _UnreadablePicture as problem:
                if errors == "raise":
                    raise ValueError(
                        f"{problem}: save it anew as an ordinary JPEG or PNG, remove it, "
                        'or pass errors="skip" to leave it out'
                    ) from None
                skipped.append(str(problem))
                continue
            digest = sha256(picture).digest()
            if digest not in first_with:
                first_with[digest] = file, label
                pictures.append(picture)
                labels.append(label)
            elif first_with[digest][1] == label:
                copies.append(f"{file} (the same as {first_with[digest][0].name})")
            else:
                raise ValueError(
                    f"{first_with[digest][0]} and {file} are the same picture in two classes: "
                    "remove it from the class where it does not belong"
                )
        if label not in labels:
            raise ValueError(
                f"no picture in class folder {folder} can be read ({skipped[-1]}): "
                "add some that can, or remove the folder"
            )
    if skipped:
        warnings.warn("left out what cannot be read: " + "; ".join(skipped), stacklevel=2)
    if copies:
        warnings.warn("left out what is there twice: " + "; ".join(copies), stacklevel=2)
    return Dataset(np.stack(pictures), labels, tuple(folder.name for folder in folders))


class _UnreadablePicture(Exception):
    """A file that is named like a picture but gives none."""


def _class_folders(root: Path) -> list[Path]:
    entries = _entries(root)
    folders = [entry for entry in entries if entry.is_dir()]
    layout = f"{root / 'cat'} and {root / 'dog'}"
    if not folders and any(map(_is_picture, entries)):
        raise ValueError(
            f"{root} holds pictures but no class folders: "
            f"put the pictures of each class in a folder of its own, such as {layout}"
        )
    if not folders:
        raise ValueError(
            f"{root} holds no class folders: "
            f"make one folder of pictures per class, such as {layout}"
        )
    if len(folders) == 1:
        raise ValueError(
            f"{root} holds one class folder only, {folders[0].name!r}, but two are needed: "
            f"add another, or pass {folders[0]} if the class folders are in there"
        )
    return folders


def _picture_files(folder: Path) -> list[Path]:
    entries = _entries(folder)
    files = [entry for entry in entries if _is_picture(entry)]
    if not files:
        advice = "add some, or remove the folder"
        if any(entry.is_dir() for entry in entries):
            advice = f"pass {folder} itself if the folders in it are the classes"
        raise ValueError(f"class folder {folder} holds no picture file (.jpg, .png, …): {advice}")
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


def _is_picture(entry: Path) -> bool:
    return entry.suffix.lower() in ENDINGS and not entry.is_dir()


def _read(file: Path, image_size: int, fit: str) -> np.ndarray:
    """One picture as uint8 (image_size, image_size, 3)."""
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
    raise _UnreadablePicture(f"{file} cannot be read as a picture ({reason})")


def _as_rgb(image):
    """A Pillow image of any mode as RGB, its transparent parts on white."""
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
