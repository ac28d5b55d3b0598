"""Dataset and few_shot: what they hold and what they draw."""

import doctest
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import transfer_course as tc
import transfer_course.datasets.dataset

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
    assert doctest.testmod(transfer_course.datasets.dataset).failed == 0


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


def test_few_shot_leaves_one_to_test_on():
    _, test = tc.few_shot(numbered(9, 5), shots=4)
    assert np.bincount(test.labels).tolist() == [5, 1]
