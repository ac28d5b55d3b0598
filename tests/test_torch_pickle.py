"""The reader of old PyTorch files: the numbers come out right, and nothing is executed."""

import hashlib
import io
import os
import pickle
import sys
from collections import OrderedDict
from types import ModuleType
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transfer_course.backbones.torch_pickle import read_tensors

MAGIC = 0x1950A86A20F9469CFC6C


class Tensor:
    """What torch.save writes of a tensor: a window, in steps of numbers, on a storage."""

    def __init__(self, storage, offset, shape, strides):
        self.storage, self.window = storage, (offset, shape, strides)

    def __reduce__(self):
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        return rebuild, (self.storage, *self.window, False, OrderedDict())


class Storage:
    def __init__(self, key, numbers):
        self.key, self.numbers = key, numbers


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        if not isinstance(value, Storage):
            return None
        kind = {"f": "FloatStorage", "i": "LongStorage"}[value.numbers.dtype.kind]
        kind = getattr(sys.modules["torch"], kind)
        return ("storage", kind, value.key, "cpu", len(value.numbers), None)


def torch_file(state, storages=(), magic=MAGIC) -> bytes:
    """A file in the layout of torch.save before PyTorch 1.6, without PyTorch."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    for name in ("FloatStorage", "LongStorage"):
        setattr(torch, name, type(name, (), {"__module__": "torch", "__qualname__": name}))

    def _rebuild_tensor_v2():
        """Only its name is written."""

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    file = io.BytesIO()
    with mock.patch.dict(sys.modules, {"torch": torch, "torch._utils": utils}):
        for part in (magic, 1001, {"little_endian": True}, state, [s.key for s in storages]):
            Pickler(file, protocol=2).dump(part)
    for storage in storages:
        file.write(np.int64(len(storage.numbers)).tobytes() + storage.numbers.tobytes())
    return file.getvalue()


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """Reads bytes as a file whose hash is the expected one."""
    path = tmp_path_factory.mktemp("weights") / "weights.pth"

    def read(content: bytes):
        path.write_bytes(content)
        return read_tensors(path, hashlib.sha256(content).hexdigest())

    return read


@st.composite
def windows(draw):
    """A storage, and an array that is a window on it: transposed, thinned out, shifted."""
    shape = draw(st.lists(st.integers(1, 4), max_size=4))
    dtype = draw(st.sampled_from(["<f4", "<i8"]))
    base = np.arange(np.prod(shape, dtype=int)).astype(dtype).reshape(shape)
    array = base.transpose(draw(st.permutations(range(len(shape)))))
    for axis in range(array.ndim):
        start, step = draw(st.integers(0, array.shape[axis] - 1)), draw(st.integers(1, 3))
        array = array[(slice(None),) * axis + (slice(start, None, step),)]
    return base.ravel(), array


@settings(max_examples=50)
@given(windows())
def test_a_tensor_is_the_window_that_was_written(read, window):
    numbers, array = window
    address = array.__array_interface__["data"][0] - numbers.__array_interface__["data"][0]
    storage = Storage("94", numbers)
    strides = tuple(step // array.itemsize for step in array.strides)
    tensor = Tensor(storage, address // array.itemsize, array.shape, strides)
    found = read(torch_file(OrderedDict(weight=tensor), [storage]))
    assert list(found) == ["weight"]
    assert found["weight"].dtype == array.dtype
    np.testing.assert_array_equal(found["weight"], array, strict=True)


def test_two_tensors_on_two_storages_written_in_another_order(read):
    a = Storage("a", np.arange(3, dtype="<f4"))
    b = Storage("b", np.arange(4, dtype="<i8") + 10)
    state = OrderedDict(first=Tensor(b, 0, (4,), (1,)), second=Tensor(a, 1, (2,), (1,)))
    found = read(torch_file(state, [a, b]))
    assert found["first"].tolist() == [10, 11, 12, 13]
    assert found["second"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (7,), (1,)),
        (1, (6,), (1,)),
        (0, (2, 3), (4, 1)),
        (-1, (2,), (1,)),
        (5, (6,), (-1,)),
        (6, (1,), (1,)),
        (6, (), ()),
    ],
)
def test_a_window_beyond_the_storage_is_refused(read, offset, shape, strides):
    storage = Storage("0", np.zeros(6, "<f4"))
    content = torch_file(OrderedDict(w=Tensor(storage, offset, shape, strides)), [storage])
    with pytest.raises(ValueError, match=r"reaches beyond its 6 numbers"):
        read(content)


def test_a_file_that_ends_too_early_is_refused(read):
    storage = Storage("0", np.zeros(6, "<f4"))
    content = torch_file(OrderedDict(w=Tensor(storage, 0, (6,), (1,))), [storage])
    with pytest.raises(ValueError, match="reaches beyond its 5 numbers"):
        read(content[:-4])


class Call:
    """A pickle that asks for a function to be called when it is read."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("place", ["magic", "state"])
@pytest.mark.parametrize(
    ("function", "name"),
    [(os.system, f"{os.system.__module__}.system"), (eval, "__builtin__.eval")],
)
def test_nothing_in_the_file_is_executed(read, tmp_path, place, function, name):
    proof = tmp_path / "ran"
    command = f"touch {proof}" if function is os.system else f"open({str(proof)!r}, 'w').close()"
    call = Call(function, command)
    content = torch_file(call) if place == "state" else torch_file({}, magic=call)
    with pytest.raises(pickle.UnpicklingError, match=rf"asks for {name}, .* may be malicious"):
        read(content)
    assert not proof.exists()
    pickle.loads(pickle.dumps(call))  # the same request, read without the guard
    assert proof.exists()


def test_another_kind_of_file_is_refused(read):
    with pytest.raises(ValueError, match="not a PyTorch file from before the zip format"):
        read(torch_file({}, magic=42))


def test_the_hash_is_checked_before_anything_is_read(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(torch_file(Call(eval, "1/0")))
    with pytest.raises(ValueError, match=r"its SHA-256 is [0-9a-f]{64}, not 0{64}: reinstall"):
        read_tensors(path, "0" * 64)


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_tensors(tmp_path / "nothing.pth", "0" * 64)
