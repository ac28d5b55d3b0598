"""What compare(save=...) refuses before it trains anything, and without touching the file."""

import functools
import re

import numpy as np
import pytest
from refusals import assert_refused, cases

import transfer_course as tc
from transfer_course._backend import keras
from transfer_course.evaluation import saved_rows


def quick(backbone, train, seed):
    return tc.feature_reuse(backbone, train, epochs=1, seed=seed)


def must_not_run(backbone, train, seed, epochs=1):
    raise AssertionError("the file is checked before a method is called")


METHODS = {"quick": quick, "reuse": functools.partial(tc.feature_reuse, epochs=1)}


@pytest.fixture(scope="module")
def net():
    return tc.backbones.small_cnn()


@pytest.fixture(scope="module")
def few():
    return tc.datasets.digits().subset(range(200))


@pytest.fixture(scope="module")
def content(net, few, tmp_path_factory):
    file = tmp_path_factory.mktemp("saved") / "runs.csv"
    tc.compare(METHODS, net, few, [1], 1, save=file)
    return file.read_bytes()


@pytest.fixture
def file(content, tmp_path):
    """A file with the rows of a comparison."""
    file = tmp_path / "runs.csv"
    file.write_bytes(content)
    return file


@pytest.fixture
def folder(tmp_path):
    return tmp_path


@pytest.fixture
def locked(file, monkeypatch):
    """A file that may not be written; chmod would not stop root, who runs tests in a container."""

    def refuse(path, mode):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(saved_rows, "open", refuse, raising=False)
    return file


def compare(net, few, file, methods=None, seed=0):
    methods = {"new": must_not_run} if methods is None else methods
    return tc.compare(methods, net, few, [1], 1, seed, save=file)


def other_code(backbone, train, seed):
    must_not_run(backbone, train, seed)


other_code.__qualname__ = quick.__qualname__


def with_another(net, change):
    """Return a copy of a network with another weight, or another activation."""
    other = keras.models.clone_model(net)
    other.set_weights([weight + change * (weight.ndim == 1) for weight in net.get_weights()])
    if not change:
        other.layers[-1].activation = keras.activations.tanh
    return other


SAME = "use the same one to go on, or another file"
NAME = "use another name for this one, or another file"


@cases(
    *(
        (
            lambda net, few, file, change=change: compare(net, change(few), file),
            ValueError,
            f"save='…runs.csv' has rows of another dataset (…, got …): {SAME}",
        )
        for change in (
            lambda few: few.subset(range(199)),
            lambda few: tc.Dataset(255 - few.images, few.labels, few.class_names),
            lambda few: tc.Dataset(few.images, (few.labels + 1) % 10, few.class_names),
            lambda few: tc.Dataset(few.images, few.labels, few.class_names[::-1]),
        )
    ),
    *(
        (
            lambda net, few, file, change=change: compare(with_another(net, change), few, file),
            ValueError,
            f"save='…runs.csv' has rows of another backbone (…, got …): {SAME}",
        )
        for change in (1e-3, 0)
    ),
    (
        lambda net, few, file: compare(net, few, file, seed=5),
        ValueError,
        f"save='…runs.csv' has rows of another seed (0, got 5): {SAME}",
    ),
    (
        lambda net, few, file: compare(
            net, few, file, {"reuse": functools.partial(tc.feature_reuse, epochs=2)}
        ),
        ValueError,
        "save='…runs.csv' has rows of another method 'reuse', "
        "functools.partial(<function feature_reuse>, epochs=1) with code …, got "
        f"functools.partial(<function feature_reuse>, epochs=2) with code …: {NAME}",
    ),
    (
        lambda net, few, file: compare(net, few, file, {"quick": must_not_run}),
        ValueError,
        "save='…runs.csv' has rows of another method 'quick', <function quick> with code …, got "
        f"<function must_not_run> with code …: {NAME}",
    ),
    (
        lambda net, few, file: compare(net, few, file, {"quick": other_code}),
        ValueError,
        "save='…runs.csv' has rows of another method 'quick', <function quick> with code …, got "
        f"<function quick> with code …: {NAME}",
    ),
    *(
        (
            lambda net, few, file, name=name: compare(net, few, file, {name: must_not_run}),
            ValueError,
            f"methods has the name {name!r}, but in a file a name is one line of text: "
            'write it like {"to pool2": ...}',
        )
        for name in ("two\nlines", "\ud800", 5)
    ),
    (
        lambda net, few, folder: compare(net, few, folder),
        IsADirectoryError,
        "save='…' cannot be written to (Is a directory): use a file in a folder of your own",
    ),
    (
        lambda net, few, folder: compare(net, few, folder / "gone" / "runs.csv"),
        FileNotFoundError,
        "save='…runs.csv' cannot be written to (No such file or directory): "
        "use a file in a folder of your own",
    ),
    (
        lambda net, few, file: compare(net, few, file / "runs.csv"),
        NotADirectoryError,
        "save='…runs.csv' cannot be written to (Not a directory): "
        "use a file in a folder of your own",
    ),
    (
        lambda net, few: compare(net, few, "C:\0"),  # Python reads \0 as one character
        ValueError,
        "save='C:…' cannot be written to (embedded null byte): use a file in a folder of your own",
    ),
    (
        lambda net, few, locked: compare(net, few, locked),
        PermissionError,
        "save='…runs.csv' cannot be written to (Permission denied): "
        "use a file in a folder of your own",
    ),
    *(
        (
            lambda net, few, value=value: compare(net, few, value),
            TypeError,
            f'save={value!r} is not a path: write it like save="runs.csv", or leave it out',
        )
        for value in (1, True, b"runs.csv")
    ),
)
def test_it_is_refused(request, call, error, message):
    assert_refused(request, call, error, message)


OLD_HEADER = b"method,shots,episode,accuracy,train_accuracy\n"
HEADER = b"method,shots,episode,accuracy,balanced_accuracy,train_accuracy,steps\n"


@pytest.mark.parametrize("rows", [b"", b'"quick",1,0,0.25,1.0\n', b'"quick",1,0,0.25,1.0\n"qui'])
def test_a_file_of_the_first_version_is_refused_and_left_alone(request, file, rows):
    settings, header, *_ = file.read_bytes().splitlines(keepends=True)
    assert header == HEADER
    old = settings + OLD_HEADER + rows
    file.write_bytes(old)
    assert_refused(
        request,
        lambda net, few, file: compare(net, few, file),
        ValueError,
        "save='…runs.csv' is from an earlier version of the course, which did not measure "
        "balanced_accuracy and steps: use another file for new rows, and read this one with "
        'pandas.read_csv(file, comment="#")',
    )
    assert file.read_bytes() == old


@pytest.mark.parametrize(
    "change",
    [
        lambda content: b"name,age\nEva,7\n",
        lambda content: b"my notes",
        lambda content: b"# my notes\n" + HEADER,
        lambda content: b"# 5\n" + HEADER,
        lambda content: b"# []\n" + HEADER,
        lambda content: b"# {}\n" + HEADER,
        lambda content: HEADER + b'"quick",1,0,0.5,0.5,0.5,5\n',
        lambda content: OLD_HEADER + b'"quick",1,0,0.5,0.5\n',
        lambda content: content.replace(b"steps", b"step"),
        lambda content: b"\x89PNG\r\n\x1a\n\xff\xff\n",
        lambda content: b"\n",
        lambda content: content.replace(b"shots", b"shot"),
        lambda content: content.replace(b",1,0,", b",one,0,"),
        lambda content: content.replace(b",1,0,", b",,0,"),
        lambda content: content.replace(b",", b";"),
        lambda content: content + b'"quick\n',
    ],
)
def test_a_file_of_something_else_is_refused_and_left_alone(request, file, change):
    other = change(file.read_bytes())
    assert other != file.read_bytes()
    file.write_bytes(other)
    assert_refused(
        request,
        lambda net, few, file: compare(net, few, file),
        ValueError,
        "save='…runs.csv' is not a file that compare() wrote: use another name",
    )
    assert file.read_bytes() == other


def test_a_larger_part_of_what_it_was_made_with_is_not_refused(net, few, file):
    """The same, in other objects: nothing of it hangs on where in memory they are."""
    alike = tc.Dataset(np.array(few.images), list(few.labels), list(few.class_names))
    methods = {"reuse": functools.partial(tc.feature_reuse, epochs=1), "quick": quick}
    before = file.read_bytes()
    table = tc.compare(methods, tc.backbones.small_cnn(), alike, [1], 1, save=file)
    assert list(table.method) == ["reuse", "quick"]
    rows = re.findall(rb'^".*', file.read_bytes(), re.MULTILINE)
    assert rows == re.findall(rb'^".*', before, re.MULTILINE)
