"""One image file, as a square of pixels."""

import os
from pathlib import Path

import numpy as np

# Pillow refuses what claims to have over 179 million pixels. A JPEG is decoded at a fraction of its
# size, so it may claim more; not a progressive one, all of which is in memory while it is decoded.
_MOST_JPEG_PIXELS = 500 * 10**6
_ANEW = "save it again as an ordinary JPEG or PNG"


class UnreadableImage(Exception):
    """A file is named like an image, but none can be read from it.

    Parameters
    ----------
    file : pathlib.Path
        The file.
    reason : str
        What is wrong with it.
    advice : str
        What to do about it.
    """

    def __init__(self, file: Path, reason: str, advice: str = _ANEW):
        super().__init__(f"{file} cannot be read as an image ({reason})")
        self.reason, self.advice = reason, advice


def read_photo(file: Path, image_size: int, fit: str) -> np.ndarray:
    """Return an image file as uint8 RGB (image_size, image_size, 3).

    Parameters
    ----------
    file : pathlib.Path
        The file, in any format that Pillow knows; its first frame is read.
    image_size : int
        Height and width in pixels.
    fit : {"crop", "pad"}
        How the image becomes square.

    Returns
    -------
    numpy.ndarray
        The pixels.

    Raises
    ------
    UnreadableImage
        There is no image in the file, it is damaged, or it is far too large.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with _opened(file, image_size) as image:
            image = _as_rgb(_upright(image))
        if fit == "pad":
            return np.asarray(ImageOps.pad(image, (image_size, image_size), color="white"))
        return np.asarray(ImageOps.fit(image, (image_size, image_size)))
    except Image.DecompressionBombError:
        reason = f"it claims to have over {2 * Image.MAX_IMAGE_PIXELS // 10**6} million pixels"
        raise UnreadableImage(file, reason, "make it smaller") from None
    except UnidentifiedImageError:
        reason = "it is empty, damaged or of a kind that Pillow does not know"
    except FileNotFoundError:
        reason, advice = "there is no such file", "check the name"
        if os.path.lexists(file):
            reason, advice = "it is a link that leads nowhere", "put the image itself in its place"
        raise UnreadableImage(file, reason, advice) from None
    except Exception as problem:  # a damaged file can make a decoder raise anything
        reason = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
    raise UnreadableImage(file, reason)


def _opened(file: Path, image_size: int):
    """Return an image file opened by Pillow, and not decoded yet."""
    from PIL import Image
    from PIL.JpegImagePlugin import JpegImageFile

    # A JPEG can be decoded at 1/2, 1/4 or 1/8 of its size: several times faster.
    at_least = (2 * image_size, 2 * image_size)
    try:
        image = Image.open(file)
        image.draft(None, at_least)
        return image
    except Image.DecompressionBombError as refusal:
        try:
            image = JpegImageFile(file)  # as Image.open does, without its bound
        except SyntaxError:  # not a JPEG
            raise refusal from None
        if image.width * image.height <= _MOST_JPEG_PIXELS and "progressive" not in image.info:
            image.draft(None, at_least)
            if image.width * image.height <= Image.MAX_IMAGE_PIXELS:
                return image
        image.close()
        raise


def _upright(image):
    """Return a Pillow image, decoded and turned as its camera says where that can be read."""
    from PIL import ExifTags, Image, ImageOps
    from PIL.TiffImagePlugin import TiffImageFile

    if not isinstance(image, TiffImageFile):
        image.load()  # a PNG can have metadata behind its pixels
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged metadata can make its decoder raise anything
        orientation = None
    # Pillow is given this one entry alone: any other can be damaged, and it reads some of them
    # when it decodes a TIFF, and writes all of them when it turns an image.
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    image.getexif = lambda: exif
    ImageOps.exif_transpose(image, in_place=True)
    return image


def _as_rgb(image):
    """Return a Pillow image of any mode as RGB, with its transparent parts on white."""
    from PIL import Image

    if image.mode in ("I", "F"):
        raise ValueError("its values are 32-bit, and which of them is white is not known")
    if image.mode.startswith("I;16"):  # convert() would clip at 255
        image = Image.fromarray((np.asarray(image) / 257).round().astype(np.uint8))
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    image = image.convert("RGBA")
    page = Image.new("RGB", image.size, "white")
    page.paste(image, mask=image)
    return page
