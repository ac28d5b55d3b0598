"""Images that stay on the disk until they are asked for."""

import mmap
from math import prod

import numpy as np
from numpy.typing import ArrayLike

_SMALL = 64 * 2**20  # bytes; up to here a part is read into memory, as the few shots are


class MappedImages:
    """Images in a memory-mapped file, or some of them, read when they are indexed.

    Indexing gives arrays, as that of an array does. `numpy.asarray` reads everything into memory.

    Parameters
    ----------
    array : numpy.memmap of uint8, shape (n, height, width, channels)
        The file, such as ``numpy.load("photos.npy", mmap_mode="r")``.
    positions : numpy.ndarray of int, shape (m,), optional
        Which of the images, and in which order. All by default.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "photos.npy"
    >>> np.save(file, np.zeros((9, 32, 32, 3), dtype="uint8"))
    >>> images = MappedImages(np.load(file, mmap_mode="r"))
    >>> images.shape, images[2:4].shape
    ((9, 32, 32, 3), (2, 32, 32, 3))
    """

    def __init__(self, array: np.memmap, positions: np.ndarray | None = None):
        self._array = array
        self._positions = np.arange(len(array)) if positions is None else positions
        self.shape = (len(self._positions), *array.shape[1:])
        self.dtype = array.dtype
        self.ndim = array.ndim

    def __len__(self) -> int:
        return len(self._positions)

    def __repr__(self) -> str:
        return f"<MappedImages {self.shape} in {self._array.filename}>"

    def __getitem__(self, index) -> np.ndarray:
        first, *others = index if isinstance(index, tuple) else (index,)
        if first is Ellipsis or first is None:
            return np.asarray(self)[index]
        positions = self._positions[first]
        images = np.asarray(self._array[positions])
        return images[(slice(None),) * positions.ndim + tuple(others)]

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        if copy is False:
            raise ValueError("images on the disk are copied into memory to be an array")
        return self[:].astype(dtype or self.dtype, copy=False)

    def __reduce__(self):
        # Another process opens the file itself: its content is not sent there.
        array = self._array
        order = "C" if array.flags.c_contiguous else "F"
        place = array.filename, array.dtype, "r", array.offset, array.shape, order
        return _opened, (place, self._positions)

    def subset(self, indices: ArrayLike) -> "np.ndarray | MappedImages":
        """Return some of the images: an array if they are few, else still on the disk."""
        part = MappedImages(self._array, self._positions[indices])
        return np.asarray(part) if prod(part.shape) <= _SMALL else part


def is_mapped(array) -> bool:
    """Return whether an array is a file on the disk that was opened for reading."""
    return isinstance(array, np.memmap) and isinstance(array.base, mmap.mmap) and array.mode == "r"


def _opened(place: tuple, positions: np.ndarray) -> MappedImages:
    return MappedImages(np.memmap(*place), positions)
