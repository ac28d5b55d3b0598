"""The photographs of solar cells: true to their files, and in the modules that they come from."""

import csv
import subprocess
import sys
from pathlib import Path

import elpv_dataset
import numpy as np
import pytest
from PIL import Image
from refusals import assert_refused, cases

import transfer_course as tc
from transfer_course.datasets import solar

FOLDER = Path(elpv_dataset.__file__).parent / "data"


@pytest.fixture(scope="module")
def table():
    """What the package says of all 2,624 photographs: file, probability, kind."""
    with open(FOLDER / "labels.csv", encoding="ascii", newline="") as file:
        rows = list(csv.reader(file, delimiter=" ", skipinitialspace=True))
    assert len(rows) == 2624
    return [(name, float(probability), kind.strip()) for name, probability, kind in rows]


@pytest.fixture(scope="module")
def certain(table):
    return [row for row in table if row[1] in (0, 1)]


@pytest.fixture(scope="module")
def cells():
    """At full size, which is what the files have."""
    return tc.datasets.solar_cells(image_size=300)


def test_its_classes_are_what_the_package_says(cells, certain):
    assert repr(cells) == "Dataset(2223 images of 300x300x3, 4 classes, 44 groups)"
    names = [f"{kind} {'broken' if probability else 'fine'}" for _, probability, kind in certain]
    assert [cells.class_names[label] for label in cells.labels] == names
    counts = dict(zip(cells.class_names, np.bincount(cells.labels), strict=True))
    assert counts == {"mono fine": 588, "mono broken": 313, "poly fine": 920, "poly broken": 402}


def test_at_full_size_its_images_are_the_files(cells, certain):
    for image, (name, *_) in list(zip(cells.images, certain, strict=True))[::7]:
        grey = np.asarray(Image.open(FOLDER / name))
        assert grey.dtype == np.uint8
        np.testing.assert_array_equal(image, np.stack([grey] * 3, axis=-1))


def test_smaller_images_are_the_files_averaged(cells):
    small = tc.datasets.solar_cells(image_size=50)
    np.testing.assert_array_equal(small.labels, cells.labels)
    np.testing.assert_array_equal(small.groups, cells.groups)
    assert np.ptp(small.images, axis=3).max() == 0
    averaged = cells.images[::9, ..., 0].reshape(-1, 50, 6, 50, 6).mean(axis=(2, 4))
    assert abs(averaged - small.images[::9, ..., 0]).mean() < 2  # 11 if pixels were picked
    assert small.images.std() > 30


# The modules, which the package does not give


@pytest.fixture(scope="module")
def modules():
    """The module of each of the 2,624 photographs."""
    return np.repeat(np.arange(len(solar.MODULES)), solar.MODULES)


@pytest.fixture(scope="module")
def measured(table):
    """Of each photograph: its mean, and its top, left and right edges in proportion to that."""
    rows = []
    for name, *_ in table:
        image = np.asarray(Image.open(FOLDER / name))
        mean = image.mean()
        edges = image[:3], image[:, :3], image[:, -3:]
        rows.append([mean, *(np.median(edge) / (mean + 1) for edge in edges)])
    return np.array(rows).T


def test_there_are_as_many_modules_of_each_kind_as_reported(table, modules):
    """44, of which 18 are mono and 26 poly: Deitsch et al., Solar Energy 185, 2019."""
    kinds = {}
    for module, (_, _, kind) in zip(modules, table, strict=True):
        kinds.setdefault(module, set()).add(kind)
    assert all(len(found) == 1 for found in kinds.values())  # no module is of both
    assert sum(found == {"mono"} for found in kinds.values()) == 18
    assert sum(found == {"poly"} for found in kinds.values()) == 26


def test_the_groups_are_the_modules(cells, table, modules):
    is_certain = [probability in (0, 1) for _, probability, _ in table]
    np.testing.assert_array_equal(cells.groups, modules[is_certain])
    for label in range(4):  # so none of them need be alone on one side
        assert len(np.unique(cells.groups[cells.labels == label])) > 15


def explained(values, groups):
    """The share of the variance that is between the groups."""
    size = np.bincount(groups)
    means = np.bincount(groups, weights=values) / size
    return (size * (means - values.mean()) ** 2).sum() / ((values - values.mean()) ** 2).sum()


def test_the_photographs_change_where_the_modules_do(measured, modules):
    brightness = measured[0]
    assert explained(brightness, modules) == pytest.approx(0.45, abs=0.01)
    assert explained(brightness, np.roll(modules, 30)) == pytest.approx(0.30, abs=0.01)
    for shift in (-20, -10, -5, 5, 10, 20):
        assert explained(brightness, np.roll(modules, shift)) < 0.43


def test_the_frame_is_around_each_module(measured, modules):
    """It darkens the left and right edges of the ends of each row, and the top of the first row."""
    _, top, left, right = measured
    in_a_row = {60: 10, 54: 9, 50: 10, 72: 12, 48: 8}
    lengths, first_rows, unusual = [], [], []
    for module in range(44):
        of = modules == module
        at_edges = {
            length: max(explained(edge[of], np.arange(of.sum()) % length) for edge in (left, right))
            for length in (8, 9, 10, 12)
        }
        expected = in_a_row[of.sum()]
        found = max(at_edges, key=at_edges.get)
        lengths.append(found == expected)
        if of.sum() != 60:
            unusual.append((found, expected))
        tops = np.median(top[of].reshape(-1, expected), axis=1)
        first_rows.append(tops.argmin() == 0)
    assert sorted(unusual) == [(8, 8), (9, 9), (10, 10), (12, 12)]
    assert sum(lengths) >= 38  # 40 as measured; by chance, 11
    assert sum(first_rows) >= 35  # 37 as measured; by chance, 7


def test_draws_leave_enough_of_each_class_to_test_on(cells):
    nothing = np.zeros((len(cells), 1, 1, 1), np.uint8)
    blank = tc.Dataset(nothing, cells.labels, cells.class_names, cells.groups)
    for seed in range(100):
        train, test = tc.few_shot(blank, 100, seed)
        assert np.bincount(train.labels).tolist() == [100] * 4
        assert np.bincount(test.labels).min() > 100
        assert 1000 < len(test) < 1250
        assert not set(train.groups) & set(test.groups)


# Costs


def test_nothing_is_loaded_twice():
    once = tc.datasets.solar_cells(50)
    assert once is tc.datasets.solar_cells(image_size=np.int64(50))
    assert not once.images.flags.writeable


def test_it_needs_neither_tensorflow_nor_the_packages_own_reader():
    code = """
import sys, transfer_course as tc
tc.few_shot(tc.datasets.solar_cells(16), 1)
print([name for name in ("tensorflow", "keras", "elpv_dataset.utils") if name in sys.modules])"""
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    ).stdout
    assert printed == "[]\n"


# What is refused


@pytest.fixture
def not_installed(monkeypatch):
    solar._read.cache_clear()
    monkeypatch.setitem(sys.modules, "elpv_dataset", None)


@cases(
    (
        lambda not_installed: tc.datasets.solar_cells(),
        ModuleNotFoundError,
        "tc.datasets.solar_cells() needs the package elpv-dataset, which is not installed: "
        "add it with pip install elpv-dataset",
    ),
    *(
        (
            lambda size=size: tc.datasets.solar_cells(size),
            ValueError,
            f"image_size={size} is out of range: use an int from 16 to 300",
        )
        for size in (15, 301)
    ),
    (
        lambda: tc.datasets.solar_cells("large"),
        TypeError,
        "image_size='large' is not a whole number: use an int from 16 to 300",
    ),
)
def test_it_is_refused(request, call, error, message):
    assert_refused(request, call, error, message)
