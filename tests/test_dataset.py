"""Dataset and few_shot: what they hold, what they draw, and what they say to bad input."""

import doctest
import re
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import transfer_course as tc
import transfer_course.dataset

PETS = ("cat", "dog")


def numbered(*counts):
    """A data set with counts[c] pictures of class c, shuffled, each with its number in a pixel."""
    labels = np.random.default_rng(7).permutation(np.repeat(np.arange(len(counts)), counts))
    numbers = np.arange(len(labels))
    images = np.zeros((len(labels), 4, 4, 3), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = numbers // 256, numbers % 256
    return tc.Dataset(images, labels, tuple(f"class {c}" for c in range(len(counts))))


def numbers_of(dataset):
    pixels = dataset.images[:, 0, 0].astype(int)
    return pixels[:, 0] * 256 + pixels[:, 1]


def test_examples_in_the_docstrings():
    assert doctest.testmod(transfer_course.dataset).failed == 0


def test_holds_what_it_was_given():
    images = np.random.default_rng(0).integers(0, 256, (3, 5, 7, 1), np.uint8)
    dataset = tc.Dataset(images, [1, 0, 1], list(PETS))
    np.testing.assert_array_equal(dataset.images, images)
    assert dataset.labels.tolist() == [1, 0, 1]
    assert dataset.labels.dtype == np.int64
    assert dataset.class_names == PETS
    assert len(dataset) == 3
    assert repr(dataset) == "Dataset(3 images of 5x7x1, 2 classes)"
    assert repr(dataset.subset([0])) == "Dataset(1 image of 5x7x1, 2 classes)"


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64])
def test_labels_of_any_integer_type(dtype):
    dataset = tc.Dataset(np.zeros((2, 4, 4, 1), np.uint8), np.array([0, 1], dtype), PETS)
    assert dataset.labels.dtype == np.int64


def test_nobody_can_alter_it():
    images, labels = np.zeros((2, 4, 4, 1), np.uint8), np.array([0, 1])
    view = images[:]
    view.setflags(write=False)
    for given_images in (images, view):
        dataset = tc.Dataset(given_images, labels, PETS)
        images[:], labels[:] = 9, 0
        assert dataset.images.max() == 0
        assert dataset.labels.tolist() == [0, 1]
        images[:], labels[:] = 0, (0, 1)
        for part in (dataset, dataset.subset([1, 0]), dataset.subset(slice(2))):
            with pytest.raises(ValueError, match="read-only"):
                part.images[0] = 1
            with pytest.raises(ValueError, match="read-only"):
                part.labels[0] = 1
            with pytest.raises(FrozenInstanceError):
                part.labels = labels


def test_read_only_data_is_shared_rather_than_copied():
    dataset = numbered(2, 2)
    assert np.shares_memory(tc.Dataset(dataset.images, [0, 1, 0, 1], PETS).images, dataset.images)


def test_subset_by_position_and_by_mask():
    dataset = numbered(4, 4)
    for indices in ([5, 0, 2], dataset.labels == 1):
        part = dataset.subset(indices)
        np.testing.assert_array_equal(part.images, dataset.images[indices])
        np.testing.assert_array_equal(part.labels, dataset.labels[indices])
        assert part.class_names == dataset.class_names


@given(
    counts=st.lists(st.integers(2, 12), min_size=2, max_size=6),
    seed=st.integers(0, 2**32),
    data=st.data(),
)
def test_few_shot_draws_exactly_disjointly_and_again(counts, seed, data):
    dataset = numbered(*counts)
    shots = data.draw(st.integers(1, min(counts) - 1), label="shots")
    train, test = tc.few_shot(dataset, shots, seed)
    assert np.bincount(train.labels).tolist() == [shots] * len(counts)
    assert np.bincount(test.labels).tolist() == [count - shots for count in counts]
    both = np.concatenate([numbers_of(train), numbers_of(test)])
    assert sorted(both) == list(range(sum(counts)))
    assert (np.diff(numbers_of(test)) > 0).all()
    for part in (train, test):  # each picture has kept its label
        np.testing.assert_array_equal(part.labels, dataset.labels[numbers_of(part)])
    for first, again in zip((train, test), tc.few_shot(dataset, shots, seed), strict=True):
        np.testing.assert_array_equal(first.images, again.images)
        np.testing.assert_array_equal(first.labels, again.labels)


@given(seed=st.integers(0, 2**32), fewer=st.integers(1, 9), more=st.integers(1, 9))
def test_few_shot_of_fewer_shots_is_part_of_more_shots(seed, fewer, more):
    fewer, more = sorted((fewer, more))
    dataset = numbered(10, 15, 12)
    small, large = (tc.few_shot(dataset, shots, seed)[0] for shots in (fewer, more))
    assert set(numbers_of(small)) <= set(numbers_of(large))


def test_few_shot_draws_each_picture_equally_often():
    dataset = numbered(5, 8)
    drawn = np.zeros(13)
    for seed in range(2000):
        drawn[numbers_of(tc.few_shot(dataset, 2, seed)[0])] += 1
    expected = np.where(dataset.labels == 0, 2 / 5, 2 / 8) * 2000
    assert abs(drawn - expected).max() < 5 * np.sqrt(2000 * 0.25)


IMAGES = np.zeros((2, 4, 4, 1), np.uint8)


@pytest.mark.parametrize(
    ("images", "labels", "class_names", "error", "sentence"),
    [
        (IMAGES / 255, [0, 1], PETS, TypeError, r"float64 from 0.0 to 0.0.*\.astype\('uint8'\)"),
        (IMAGES.astype(int) + 300, [0, 1], PETS, TypeError, "int64 from 300 to 300.*scale to"),
        (IMAGES.astype(bool), [0, 1], PETS, TypeError, "bool from False to False.*scale to 0-255"),
        (IMAGES * np.nan, [0, 1], PETS, ValueError, "NaN in 2 of its 2 entries.*leave them out"),
        (IMAGES.astype(object), [0, 1], PETS, TypeError, "images is object.*uint8"),
        (IMAGES[..., 0], [0, 1], PETS, ValueError, r"\(2, 4, 4\).*images\[\.\.\., None\]"),
        (np.zeros((4, 4, 3), np.uint8), [0], PETS, ValueError, r"images\[None\] if this is one"),
        (IMAGES.reshape(2, 16), [0, 1], PETS, ValueError, r"\(2, 16\).*reshape"),
        (IMAGES[:0], [], PETS, ValueError, r"\(0, 4, 4, 1\).*at least one"),
        (np.zeros((2, 0, 4, 3), np.uint8), [0, 1], PETS, ValueError, "holds no picture"),
        (np.zeros((2, 4, 4, 4), np.uint8), [0, 1], PETS, ValueError, r"images\[\.\.\., :3\]"),
        (np.zeros((2, 4, 4, 2), np.uint8), [0, 1], PETS, ValueError, "convert .* to grey or"),
        (np.zeros((2, 3, 4, 4), np.uint8), [0, 1], PETS, ValueError, r"np\.moveaxis\(images, 1"),
        ([IMAGES[0], IMAGES[0, :2]], [0, 1], PETS, ValueError, "images .* differ in shape"),
        (IMAGES, [0], PETS, ValueError, "2 images but 1 label: give each"),
        (IMAGES, [], PETS, ValueError, "2 images but 0 labels: give each"),
        (IMAGES, [0.0, 1.0], PETS, TypeError, r"float64 from 0.0 to 1.0.*labels\.astype\(int\)"),
        (IMAGES, [0.0, np.nan], PETS, ValueError, "labels .* NaN in 1 of its 2 entries"),
        (IMAGES, ["cat", "dog"], PETS, TypeError, r"np\.unique\(labels, return_inverse=True\)"),
        (IMAGES, [True, False], PETS, TypeError, r"bool.*labels\.astype\(int\)"),
        (IMAGES, np.eye(2), PETS, ValueError, r"one-hot, write labels\.argmax\(axis=1\)"),
        (IMAGES, [[0], [1]], PETS, ValueError, r"\(2, 1\).*labels\.ravel\(\)"),
        (IMAGES, 0, PETS, ValueError, r"labels has shape \(\)"),
        (IMAGES, [1, 2], PETS, ValueError, "from 1 to 2, .*counted from 1, write labels - 1"),
        (IMAGES, [0, 7], PETS, ValueError, "from 0 to 7, but with 2 class names.*from 0 to 1"),
        (IMAGES, [-1, 0], PETS, ValueError, "from -1 to 0.*mend the labels"),
        (IMAGES, [0, 1], "cat", TypeError, "class_names='cat' must be a tuple"),
        (IMAGES, [0, 1], 2, TypeError, "class_names=2 must be a tuple"),
        (IMAGES, [0, 1], (0, 1), TypeError, r"holds 0, which is not text.*map\(str"),
        (IMAGES, [0, 1], ("cat", "cat"), ValueError, "'cat' twice"),
        (IMAGES, [0, 1], (), ValueError, "class_names is empty"),
    ],
)
def test_what_is_not_a_dataset_is_refused_in_one_sentence(
    images, labels, class_names, error, sentence
):
    with pytest.raises(error, match=sentence) as caught:
        tc.Dataset(images, labels, class_names)
    assert "\n" not in str(caught.value)


OWLS = tc.Dataset(np.zeros((14, 4, 4, 1), np.uint8), [0] * 9 + [1] * 5, ("cat", "owl"))


@pytest.mark.parametrize(
    ("dataset", "shots", "seed", "error", "sentence"),
    [
        (
            OWLS,
            7,
            0,
            ValueError,
            "shots=7, but class 'owl' has 5 images; use shots <= 4, so that one is left to test on",
        ),
        (OWLS, 5, 0, ValueError, "shots=5, but class 'owl' has 5 images; use shots <= 4"),
        (OWLS, 0, 0, ValueError, "shots=0 is out of range: use an int of 1 or more"),
        (OWLS, -3, 0, ValueError, "shots=-3 is out of range"),
        (OWLS, 2.5, 0, TypeError, "shots=2.5 is not a whole number: use an int of 1 or more"),
        (OWLS, 2.0, 0, TypeError, "shots=2.0 is not a whole number"),
        (OWLS, True, 0, TypeError, "shots=True is not a whole number"),
        (OWLS, "2", 0, TypeError, "shots='2' is not a whole number"),
        (OWLS, None, 0, TypeError, "shots=None is not a whole number"),
        (OWLS, 2, -1, ValueError, "seed=-1 is out of range: use an int of 0 or more"),
        (OWLS, 2, None, TypeError, "seed=None is not a whole number"),
        (OWLS.subset(slice(9)), 2, 0, ValueError, "class 'owl' has 0 images, but needs at least 2"),
        (OWLS.subset(slice(10)), 1, 0, ValueError, "class 'owl' has 1 image, but needs at least 2"),
        (
            tc.Dataset(np.zeros((3, 4, 4, 1), np.uint8), [0, 0, 0], ("cat",)),
            1,
            0,
            ValueError,
            "one class only, 'cat'.*add pictures of a second class",
        ),
        ((1, 2), 1, 0, TypeError, r"must be a Dataset, but a tuple came.*tc\.Dataset\(images"),
    ],
)
def test_what_few_shot_cannot_draw_is_refused_in_one_sentence(
    dataset, shots, seed, error, sentence
):
    with pytest.raises(error, match=sentence) as caught:
        tc.few_shot(dataset, shots, seed)
    assert not re.search(r"\n|np\.", str(caught.value).replace("np.unique", ""))


def test_few_shot_leaves_one_to_test_on():
    _, test = tc.few_shot(OWLS, shots=np.int8(4))
    assert np.bincount(test.labels).tolist() == [5, 1]
