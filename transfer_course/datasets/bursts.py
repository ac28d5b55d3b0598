"""Photos taken shortly after one another, which show nearly the same."""

import warnings
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np


def burst_of_each(files: Sequence[Path], seconds: float) -> np.ndarray:
    """Return which burst each photo belongs to, by the times that the cameras wrote into the files.

    Parameters
    ----------
    files : sequence of pathlib.Path
        Image files, of any classes: a burst can go from one to the next.
    seconds : float
        How long after the last photo of a burst another one still belongs to it.

    Returns
    -------
    numpy.ndarray
        int64 (n,). A file that does not say when it was taken is a burst of its own.
    """
    taken = {number: time for number, file in enumerate(files) if (time := time_taken(file))}
    burst = np.arange(len(files))
    in_order = sorted(taken, key=taken.get)
    for before, number in pairwise(in_order):
        if (taken[number] - taken[before]).total_seconds() <= seconds:
            burst[number] = burst[before]
    return burst


def time_taken(file: Path) -> datetime | None:
    """Return when a photo was taken, to the second, or None if the file does not say."""
    from PIL import ExifTags, Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of damaged metadata, and of large images
        try:
            with file.open("rb") as opened, Image.open(opened) as photo:
                details = photo.getexif().get_ifd(ExifTags.IFD.Exif)
                taken = details[ExifTags.Base.DateTimeOriginal]
                return datetime.strptime(taken, "%Y:%m:%d %H:%M:%S")
        except Exception:  # damaged metadata can make its decoder raise anything
            return None
