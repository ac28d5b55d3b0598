"""A file of images that were read from a folder, so that they need not be read again.

``photos.npy`` holds the images as NumPy saves them. ``photos.npy.json`` beside it says what they
were read from: the settings, and of each image file the size, the time of its last change and the
digest of its pixels.
"""

import json
import os
from collections.abc import Callable, Sequence
from contextlib import closing
from math import prod
from pathlib import Path

import numpy as np

from transfer_course.datasets.photo import UnreadableImage


def updated(
    cache: Path,
    settings: dict,
    root: Path,
    files: Sequence[Path],
    size: tuple[int, int, int],
    read: Callable,
    each: Callable,
) -> tuple[np.memmap, list]:
    """Bring a cache up to date and open it.

    Parameters
    ----------
    cache : pathlib.Path
        The file. What it holds of the same files, unchanged, is used again. If reading ends early,
        by an error or by Stop, what was read until then is kept.
    settings : dict
        What else the images depend on. A cache of other settings is replaced.
    root : pathlib.Path
        The folder that all files are in.
    files : sequence of pathlib.Path
        The image files.
    size : tuple of int
        Height, width and channels of each image.
    read : callable
        Returns the digest and the pixels of a file, or an `UnreadableImage`.
    each : callable
        ``each(function, arguments)`` yields the function's result for each argument.

    Returns
    -------
    images : numpy.memmap of uint8, shape (n, height, width, channels)
        One row per file. That of a file which cannot be read is black.
    digests : list of str or UnreadableImage
        One per file.

    Raises
    ------
    OSError
        The cache cannot be written.
    ValueError
        The cache's name does not end with .npy, or there is a file of that name that is no cache.
    """
    from PIL import __version__

    if cache.suffix != ".npy":
        raise ValueError(f'cache={str(cache)!r} does not end with .npy: name it like "photos.npy"')
    index = cache.with_name(f"{cache.name}.json")
    if cache.exists() and not index.exists():
        raise ValueError(
            f"{cache} is there already, and is not a cache of image_folder: "
            "choose another name, or remove it"
        )
    settings = settings | {"pillow": __version__}  # another version may read other pixels
    entries = [_entry(root, file) for file in files]
    known = _known(cache, index, settings)
    if list(known) != entries:
        _write(cache, index, settings, entries, files, size, known, read, each)
        known = _known(cache, index, settings)
    digests = [
        found if isinstance(found, str) else UnreadableImage(file, *found)
        for file, (_, found) in zip(files, known.values(), strict=True)
    ]
    return np.load(cache, mmap_mode="r"), digests


def _entry(root: Path, file: Path) -> tuple:
    """Return what tells whether a file has changed: its name, size and time."""
    status = os.stat(file, follow_symlinks=file.exists())
    return file.relative_to(root).as_posix(), status.st_size, status.st_mtime_ns


def _known(cache: Path, index: Path, settings: dict) -> dict[tuple, tuple]:
    """Return the row of each entry in the cache, with its digest or why it cannot be read."""
    try:
        saved = json.loads(index.read_text(encoding="utf-8"))
        if saved["settings"] != settings or saved["written"] != cache.stat().st_mtime_ns:
            return {}
        return {tuple(entry): (row, found) for row, (entry, found) in enumerate(saved["files"])}
    except (OSError, ValueError, KeyError, TypeError):  # no cache yet, or a damaged one
        return {}


def _write(cache, index, settings, entries, files, size, known, read, each) -> None:
    old = np.load(cache, mmap_mode="r") if known else None

    def result_of(i: int):
        if entries[i] not in known:
            return read(files[i])
        row, found = known[entries[i]]
        return (found, old[row]) if isinstance(found, str) else UnreadableImage(files[i], *found)

    part = cache.with_name(f"{cache.name}.part")
    header = {"descr": "|u1", "fortran_order": False, "shape": (len(files), *size)}
    written = []
    try:
        with open(part, "wb") as target:
            np.lib.format.write_array_header_1_0(target, header)
            end = target.tell() + len(files) * prod(size)
            try:
                # A plain file, since a full disk is an error there and kills the process in a map.
                with closing(each(result_of, range(len(files)))) as results:
                    for entry, result in zip(entries, results, strict=True):
                        if isinstance(result, UnreadableImage):
                            found, image = (result.reason, result.advice), np.zeros(size, np.uint8)
                        else:
                            found, image = result
                        target.write(image.tobytes())
                        written.append((entry, found))
            finally:
                target.truncate(end)
    except OSError as problem:
        raise type(problem)(
            f"{cache} cannot be written ({problem.strerror}): the images take "
            f"{len(files) * prod(size) / 1e9:.1f} GB; name a file where there is room"
        ) from None
    finally:
        old = None  # Windows does not replace a file that is open
        if len(written) > len(known) or len(written) == len(files):
            os.replace(part, cache)
            content = {"settings": settings, "written": cache.stat().st_mtime_ns, "files": written}
            index.write_text(json.dumps(content), encoding="utf-8")
        else:
            part.unlink(missing_ok=True)
