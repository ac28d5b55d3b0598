"""Dataset and few_shot: what they hold, what they draw and what they refuse."""

import itertools
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import assert_refused, cases

import transfer_course as tc

PETS = ("cat", "dog")


def numbered(*counts):
    """A data set with counts[c] images of class c, shuffled, each with its number in a pixel."""
    labels = np.random.default_rng(7).permutation(np.repeat(np.arange(len(counts)), counts))
    numbers = np.arange(len(labels))
    images = np.zeros((len(labels), 4, 4, 3), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = numbers // 256, numbers % 256
    return tc.Dataset(images, labels, tuple(f"class {c}" for c in range(len(counts))))


def numbers_of(dataset):
    pixels = dataset.images[:, 0, 0].astype(int)
    return pixels[:, 0] * 256 + pixels[:, 1]


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
    assert dataset.groups is None
    assert dataset.subset([0]).groups is None


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64])
def test_labels_of_any_integer_type(dtype):
    dataset = tc.Dataset(np.zeros((2, 4, 4, 1), np.uint8), np.array([0, 1], dtype), PETS)
    assert dataset.labels.dtype == np.int64


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64])
def test_groups_are_held_and_go_along_into_a_subset(dtype):
    groups = np.array([7, 3, 7], dtype)
    dataset = tc.Dataset(np.zeros((3, 4, 4, 1), np.uint8), [0, 1, 0], PETS, groups=groups)
    assert repr(dataset) == "Dataset(3 images of 4x4x1, 2 classes, 2 groups)"
    assert repr(dataset.subset([1])) == "Dataset(1 image of 4x4x1, 2 classes, 1 group)"
    groups[:] = 0
    for indices, expected in (
        (slice(None), [7, 3, 7]),
        ([1, 0], [3, 7]),
        (dataset.labels == 0, [7, 7]),
    ):
        part = dataset.subset(indices)
        assert part.groups.tolist() == expected
        assert part.groups.dtype == np.int64
        with pytest.raises(ValueError, match="read-only"):
            part.groups[0] = 1


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
    for part in (train, test):  # each image has kept its label
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


def test_few_shot_draws_each_image_equally_often():
    dataset = numbered(5, 8)
    drawn = np.zeros(13)
    for seed in range(2000):
        drawn[numbers_of(tc.few_shot(dataset, 2, seed)[0])] += 1
    expected = np.where(dataset.labels == 0, 2 / 5, 2 / 8) * 2000
    assert abs(drawn - expected).max() < 5 * np.sqrt(2000 * 0.25)


def test_few_shot_leaves_one_to_test_on():
    _, test = tc.few_shot(numbered(9, 5), shots=4)
    assert np.bincount(test.labels).tolist() == [5, 1]


@pytest.mark.parametrize(
    ("counts", "shots", "seed", "drawn", "rest"),
    [
        ((5, 8), 2, 0, [2, 7, 10, 12], [0, 1, 3, 4, 5, 6, 8, 9, 11]),
        (
            (9, 5, 7),
            3,
            1,
            [1, 11, 15, 20, 7, 2, 17, 16, 4],
            [0, 3, 5, 6, 8, 9, 10, 12, 13, 14, 18, 19],
        ),
        ((2, 2), 1, 2**32, [0, 3], [1, 2]),
    ],
)
def test_few_shot_draws_what_it_drew_before_there_were_groups(counts, shots, seed, drawn, rest):
    """The results and the text of the course stand on these draws."""
    train, test = tc.few_shot(numbered(*counts), shots, seed)
    assert numbers_of(train).tolist() == drawn
    assert numbers_of(test).tolist() == rest


# few_shot with groups


@st.composite
def grouped(draw):
    """A data set of up to six groups, each of one class or of several, and its table of counts."""
    classes, groups = draw(st.integers(2, 4)), draw(st.integers(2, 6))
    table = draw(
        st.lists(
            st.lists(st.sampled_from([0, 0, 1, 2, 5]), min_size=classes, max_size=classes),
            min_size=groups,
            max_size=groups,
        ).filter(lambda rows: np.any(rows, axis=1).all() and (np.sum(rows, axis=0) > 1).all())
    )
    table = np.array(table)
    names = draw(st.permutations(range(-3, groups - 3)))  # a group is any whole number
    labels = np.concatenate([np.repeat(np.arange(classes), row) for row in table])
    group_of = np.repeat(names, table.sum(axis=1))
    order = np.random.default_rng(draw(st.integers(0, 99))).permutation(len(labels))
    plain = numbered(*np.bincount(labels))
    dataset = tc.Dataset(plain.images, labels[order], plain.class_names, group_of[order])
    return dataset, table


def divisions(table):
    """The counts by class on one side, for each division with every class on both sides."""
    for side in itertools.product([False, True], repeat=len(table)):
        here = table[np.array(side)].sum(axis=0)
        if (here > 0).all() and (here < table.sum(axis=0)).all():
            yield here


@given(made=grouped(), seed=st.integers(0, 2**32))
def test_few_shot_has_no_group_on_both_sides(made, seed):
    dataset, table = made
    possible = list(divisions(table))
    if not possible:
        with pytest.raises(ValueError, match="group"):
            tc.few_shot(dataset, 1, seed)
        return
    previous, test_set = set(), None
    for shots in itertools.count(1):
        try:
            train, test = tc.few_shot(dataset, shots, seed)
        except ValueError as refusal:
            assert f"use shots <= {shots - 1}" in str(refusal)
            break
        assert np.bincount(train.labels).tolist() == [shots] * len(dataset.class_names)
        assert np.bincount(test.labels, minlength=len(dataset.class_names)).min() > 0
        assert not set(train.groups) & set(test.groups)
        for part in (train, test):  # each image has kept its label and its group
            np.testing.assert_array_equal(part.labels, dataset.labels[numbers_of(part)])
            np.testing.assert_array_equal(part.groups, dataset.groups[numbers_of(part)])
        # The test set is whole groups, in the data set's order, and the same for all shots.
        whole = np.flatnonzero(np.isin(dataset.groups, test.groups))
        np.testing.assert_array_equal(numbers_of(test), whole)
        assert test_set in (None, whole.tolist())
        test_set = whole.tolist()
        drawn = set(numbers_of(train))
        assert len(drawn) == len(train) and previous < drawn
        previous = drawn
        again = tc.few_shot(dataset, shots, seed)
        assert [numbers_of(part).tolist() for part in again] == [
            numbers_of(part).tolist() for part in (train, test)
        ]
    # As many shots could be drawn as the groups to train on have: it is one of the divisions.
    to_train = dataset.labels[np.setdiff1d(np.arange(len(dataset)), test_set)]
    counts = np.bincount(to_train)
    assert shots - 1 == counts.min()
    assert any((counts == here).all() for here in possible)


def test_few_shot_divides_each_class_evenly_and_differently_for_each_seed():
    """40 groups with few images of one class and many of another; half of them have a third."""
    draw = np.random.default_rng(0)
    counts = draw.integers(1, 9, 40), draw.integers(5, 99, 40), 20 * draw.integers(0, 2, 40)
    table = np.stack(counts, axis=1)
    labels = np.concatenate([np.repeat([0, 1, 2], row) for row in table])
    group_of = np.repeat(np.arange(40), table.sum(axis=1))
    images = np.zeros((len(labels), 1, 1, 1), np.uint8)
    dataset = tc.Dataset(images, labels, ("rare", "common", "other"), group_of)
    tests = [tc.few_shot(dataset, 1, seed)[1] for seed in range(200)]
    shares = [np.bincount(test.labels) / np.bincount(labels) for test in tests]
    assert np.min(shares) > 0.42 and np.max(shares) < 0.58
    assert len({tuple(np.unique(test.groups)) for test in tests}) > 190
    often = np.mean([np.isin(np.arange(40), test.groups) for test in tests], axis=0)
    assert abs(often - 0.5).max() < 5 * np.sqrt(0.25 / 200)  # no group is always on one side


def test_few_shot_with_each_image_a_group_of_its_own():
    dataset = numbered(6, 9)
    alone = tc.Dataset(dataset.images, dataset.labels, dataset.class_names, np.arange(15))
    train, test = tc.few_shot(alone, 3, seed=4)
    assert np.bincount(train.labels).tolist() == [3, 3]
    assert np.bincount(test.labels)[0] == 3
    assert np.bincount(test.labels)[1] in (4, 5)


# What is refused


@pytest.fixture
def pixels():
    """Two grey images of black and white, 4x4x1."""
    return (np.arange(32).reshape(2, 4, 4, 1) % 2 * 255).astype(np.uint8)


@pytest.fixture
def floats_on_disk(pixels, tmp_path):
    """The same as float32, in a file."""
    np.save(tmp_path / "images.npy", pixels.astype("float32"))
    return np.load(tmp_path / "images.npy", mmap_mode="r")


@pytest.fixture
def owls():
    """Nine cats and five owls."""
    return tc.Dataset(np.zeros((14, 4, 4, 1), np.uint8), [0] * 9 + [1] * 5, ("cat", "owl"))


def build(images, labels=(0, 1), class_names=PETS):
    return tc.Dataset(images, labels, class_names)


def zeros(*shape):
    return np.zeros(shape, np.uint8)


UINT8 = "but uint8 from 0 to 255 is expected"
SHAPE = "but (n, height, width, channels) is expected"
CHANNELS = "but the last axis must be 1 (grey) or 3 (RGB) long"


@cases(
    (
        lambda pixels: build(pixels / 255),
        TypeError,
        f"images is float64 from 0.0 to 1.0, {UINT8}: "
        "write (255 * images).astype('uint8'), if 1 is white",
    ),
    (
        lambda pixels: build(pixels.astype("float32")),
        TypeError,
        f"images is float32 from 0.0 to 255.0, {UINT8}: write images.astype('uint8')",
    ),
    (
        lambda floats_on_disk: build(floats_on_disk),
        TypeError,
        f"images is float32 from 0.0 to 255.0, {UINT8}: write images.astype('uint8')",
    ),
    (
        lambda floats_on_disk: build(floats_on_disk[..., 0]),
        ValueError,
        f"images has shape (2, 4, 4), {SHAPE}: "
        "write images[..., None] if the channel of grey images is missing",
    ),
    (
        lambda pixels: build(pixels / 127.5 - 1),
        TypeError,
        f"images is float64 from -1.0 to 1.0, {UINT8}: "
        "scale them to 0-255, then write images.astype('uint8')",
    ),
    (
        lambda pixels: build(pixels.astype("int64")),
        TypeError,
        f"images is int64 from 0 to 255, {UINT8}: write images.astype('uint8')",
    ),
    (
        lambda pixels: build(pixels.astype("int64") + 300),
        TypeError,
        f"images is int64 from 300 to 555, {UINT8}: "
        "scale them to 0-255, then write images.astype('uint8')",
    ),
    (
        lambda pixels: build(pixels > 99),
        TypeError,
        f"images is bool from False to True, {UINT8}: "
        "write (255 * images).astype('uint8'), if 1 is white",
    ),
    (
        lambda pixels: build(pixels.astype(object)),
        TypeError,
        f"images is object, {UINT8}: scale them to 0-255, then write images.astype('uint8')",
    ),
    (
        lambda pixels: build(pixels.astype("datetime64[s]")),
        TypeError,
        f"images is datetime64[s], {UINT8}: scale them to 0-255, then write images.astype('uint8')",
    ),
    (
        lambda pixels: build(np.ma.masked_equal(pixels, 0)),
        ValueError,
        "images has masked entries, but each needs a value: drop the images without one, or fix it "
        "with images.filled(value)",
    ),
    (
        lambda pixels: build(pixels, labels=np.ma.masked_array([0, 1], [False, True])),
        ValueError,
        "labels has masked entries, but each needs a value: drop the images without one, or fix it "
        "with labels.filled(value)",
    ),
    (
        lambda pixels: build(pixels * np.nan),
        ValueError,
        "images is float64 and has NaN in 2 of its 2 entries: "
        "fix these or leave them out, then scale to 0-255 and write images.astype('uint8')",
    ),
    (
        lambda pixels: build(pixels[..., 0]),
        ValueError,
        f"images has shape (2, 4, 4), {SHAPE}: "
        "write images[..., None] if the channel of grey images is missing",
    ),
    (
        lambda: build(zeros(4, 4, 3), [0]),
        ValueError,
        f"images has shape (4, 4, 3), {SHAPE}: "
        "write images[None] if this is one image, or images[..., None] if the channel of grey "
        "images is missing",
    ),
    (
        lambda pixels: build(pixels.reshape(2, 16)),
        ValueError,
        f"images has shape (2, 16), {SHAPE}: reshape it, as in images.reshape(-1, 28, 28, 1)",
    ),
    (
        lambda: build(zeros(2, 3, 32, 32)),
        ValueError,
        f"images has shape (2, 3, 32, 32), {CHANNELS}: "
        "write np.moveaxis(images, 1, -1), since the channels come first here",
    ),
    (
        lambda: build(zeros(2, 32, 32, 4)),
        ValueError,
        f"images has shape (2, 32, 32, 4), {CHANNELS}: drop the transparency with images[..., :3]",
    ),
    (
        lambda: build(zeros(2, 32, 32, 2)),
        ValueError,
        f"images has shape (2, 32, 32, 2), {CHANNELS}: convert the images to grey or to RGB",
    ),
    *(
        (
            lambda shape=shape: build(zeros(*shape)),
            ValueError,
            f"images has shape {shape}, so it holds no image: give at least one",
        )
        for shape in [(0, 4, 4, 1), (2, 0, 4, 1)]
    ),
    (
        lambda pixels: build([pixels[0], pixels[1, :2]]),
        ValueError,
        "images cannot be one array, since its entries differ in shape: make them alike first",
    ),
    (
        lambda: build(["1.jpg", "2.jpg"]),
        TypeError,
        "images holds text, but pixels are expected: "
        "read image files with tc.datasets.image_folder(path)",
    ),
    (
        lambda: build(None),
        TypeError,
        "images must be an array, got None: stack the images with np.stack(images)",
    ),
    (
        lambda owls: owls.subset([]),
        ValueError,
        "images has shape (0, 4, 4, 1), so it holds no image: give at least one",
    ),
)
def test_bad_images_are_refused(request, call, error, message):
    assert_refused(request, call, error, message)


@cases(
    (
        lambda pixels: build(pixels, [0]),
        ValueError,
        "there are 2 images but 1 label: give each image one label",
    ),
    (
        lambda pixels: build(pixels, []),
        ValueError,
        "there are 2 images but 0 labels: give each image one label",
    ),
    *(
        (
            lambda pixels, labels=labels: build(pixels, labels),
            ValueError,
            f"labels run from {labels[0]} to {labels[1]}, but with 2 class names they must be from "
            f"0 to 1: {advice}",
        )
        for labels, advice in [
            ([0, 7], "fix the labels, or give class_names one name for each"),
            ([-1, 0], "fix the labels, or give class_names one name for each"),
            ([1, 2], "if they are counted from 1, write labels - 1"),
        ]
    ),
    (
        lambda pixels: build(pixels, [0.0, 1.0]),
        TypeError,
        "labels is float64 from 0.0 to 1.0, but whole numbers from 0 to 1 are expected: "
        "write labels.astype(int), if each is whole",
    ),
    (
        lambda pixels: build(pixels, [True, False]),
        TypeError,
        "labels is bool from False to True, but whole numbers from 0 to 1 are expected: "
        "write labels.astype(int), if each is whole",
    ),
    (
        lambda pixels: build(pixels, [0, np.nan]),
        ValueError,
        "labels is float64 and has NaN in 1 of its 2 entries: "
        "fix these or leave them out, then write labels.astype(int)",
    ),
    (
        lambda pixels: build(pixels, ["cat", "dog"]),
        TypeError,
        "labels holds text, but whole numbers from 0 to 1 are expected: "
        "write class_names, labels = np.unique(labels, return_inverse=True)",
    ),
    (
        lambda pixels: build(pixels, np.eye(2)),
        ValueError,
        "labels has shape (2, 2), but (n,) is expected, one whole number per image: "
        "if it is one-hot, write labels.argmax(axis=1)",
    ),
    (
        lambda pixels: build(pixels, [[0], [1]]),
        ValueError,
        "labels has shape (2, 1), but (n,) is expected, one whole number per image: "
        "write labels.ravel() if it holds one label per image",
    ),
    *(
        (
            lambda pixels, labels=labels: build(pixels, labels),
            TypeError,
            f"labels must be an array, got {what}: give one whole number per image, as in "
            "[0, 1, 1]",
        )
        for labels, what in [(0, "an int"), (None, "None")]
    ),
)
def test_bad_labels_are_refused(request, call, error, message):
    assert_refused(request, call, error, message)


@cases(
    *(
        (
            lambda pixels, names=names: build(pixels, class_names=names),
            TypeError,
            f"class_names={names!r} must be a tuple of names, one per class: "
            'write it like class_names=("cat", "dog")',
        )
        for names in ("cat", 2, None)
    ),
    (
        lambda pixels: build(pixels, class_names=(0, 1)),
        TypeError,
        "class_names holds 0, which is not text: write tuple(map(str, class_names))",
    ),
    (
        lambda pixels: build(pixels, class_names=("cat", "cat")),
        ValueError,
        "class_names has 'cat' twice: give each class a name of its own",
    ),
    (
        lambda pixels: build(pixels, class_names=()),
        ValueError,
        "class_names is empty: give one name per class",
    ),
)
def test_bad_class_names_are_refused(request, call, error, message):
    assert_refused(request, call, error, message)


@cases(
    (
        lambda pixels: tc.Dataset(pixels, [0, 1], PETS, groups=["a", "b"]),
        TypeError,
        "groups holds text, but whole numbers are expected: "
        "write group_names, groups = np.unique(groups, return_inverse=True)",
    ),
    (
        lambda pixels: tc.Dataset(pixels, [0, 1], PETS, groups=[0.0, 1.0]),
        TypeError,
        "groups is float64 from 0.0 to 1.0, but whole numbers are expected: "
        "write groups.astype(int), if each is whole",
    ),
    (
        lambda pixels: tc.Dataset(pixels, [0, 1], PETS, groups=[True, False]),
        TypeError,
        "groups is bool from False to True, but whole numbers are expected: "
        "write groups.astype(int), if each is whole",
    ),
    (
        lambda pixels: tc.Dataset(pixels, [0, 1], PETS, groups=[0, np.nan]),
        ValueError,
        "groups is float64 and has NaN in 1 of its 2 entries: fix these or leave them out, then "
        "write groups.astype(int)",
    ),
    (
        lambda pixels: tc.Dataset(pixels, [0, 1], PETS, groups=[0, 1, 1]),
        ValueError,
        "there are 2 images, but groups has 3 of them: "
        "give the group of each image, or leave groups out",
    ),
    (
        lambda pixels: tc.Dataset(pixels, [0, 1], PETS, groups=[[0], [1]]),
        ValueError,
        "groups has shape (2, 1), but (n,) is expected, one whole number per image: "
        "write groups.ravel() if it holds one per image",
    ),
    (
        lambda pixels: tc.Dataset(pixels, [0, 1], PETS, groups=44),
        TypeError,
        "groups must be an array, got an int: give one whole number per image, as in [0, 0, 1]",
    ),
)
def test_bad_groups_are_refused(request, call, error, message):
    assert_refused(request, call, error, message)


def in_groups(groups, labels=(0, 0, 0, 0, 1, 1, 1, 1)):
    return tc.Dataset(zeros(len(labels), 4, 4, 1), labels, ("cat", "owl"), groups)


def three_classes_in_three_groups():
    """Each holds two of the classes, so a single one, as on one of two sides, lacks the third."""
    labels, groups = [0, 1, 1, 2, 2, 0], [0, 0, 1, 1, 2, 2]
    return tc.Dataset(zeros(6, 4, 4, 1), labels, ("cat", "owl", "dog"), groups)


@cases(
    (
        lambda: tc.few_shot(in_groups([0, 0, 1, 1, 2, 2, 3, 3]), shots=3, seed=6),
        ValueError,
        "shots=3, but with seed=6 the groups to train on have 2 images of class 'cat', since "
        "about half of the groups are kept to test on: use shots <= 2",
    ),
    (
        lambda: tc.few_shot(in_groups([0, 0, 0, 1, 2, 2, 2, 2]), shots=1),
        ValueError,
        "class 'owl' has all its images in one group, but needs at least 2 groups, one to train on "
        "and one to test on: add images of another group, or leave the class out",
    ),
    (
        lambda: tc.few_shot(three_classes_in_three_groups(), shots=1),
        ValueError,
        "no way was found to divide the groups in two with every class on both sides, since some "
        "groups hold several classes: add images of other groups, or build the data set without "
        "groups",
    ),
)
def test_few_shot_refuses_groups_that_it_cannot_divide(request, call, error, message):
    assert_refused(request, call, error, message)


TOO_FEW = (
    "but needs at least 2, one to train on and one to test on: add some, or leave the class out"
)


@cases(
    *(
        (
            lambda owls, shots=shots: tc.few_shot(owls, shots),
            ValueError,
            f"shots={shots}, but class 'owl' has 5 images; "
            "use shots <= 4, so that one is left to test on",
        )
        for shots in (5, 7)
    ),
    (
        lambda owls: tc.few_shot(owls, shots=0),
        ValueError,
        "shots=0 is out of range: use an int of 1 or more",
    ),
    (
        lambda owls: tc.few_shot(owls, shots=[1, 5]),
        TypeError,
        "shots=[1, 5] is not a whole number: use an int of 1 or more",
    ),
    (
        lambda owls: tc.few_shot(owls, shots=2, seed=-1),
        ValueError,
        "seed=-1 is out of range: use an int of 0 or more",
    ),
    (
        lambda owls: tc.few_shot(owls, shots=2, seed=None),
        TypeError,
        "seed=None is not a whole number: use an int of 0 or more",
    ),
    (
        lambda owls: tc.few_shot(owls.subset(slice(9)), shots=1),
        ValueError,
        f"class 'owl' has 0 images, {TOO_FEW}",
    ),
    (
        lambda owls: tc.few_shot(owls.subset(slice(10)), shots=1),
        ValueError,
        f"class 'owl' has 1 image, {TOO_FEW}",
    ),
    (
        lambda: tc.few_shot(build(zeros(3, 4, 4, 1), [0, 0, 0], ("cat",)), shots=1),
        ValueError,
        "the data set has one class only, 'cat', so there is nothing to tell apart: "
        "add images of a second class",
    ),
    *(
        (
            lambda owls, wrong=wrong: tc.few_shot(wrong(owls), shots=1),
            TypeError,
            f"dataset must be a Dataset, got {what}: build one with "
            "tc.Dataset(images, labels, class_names), or take one such as tc.datasets.digits()",
        )
        for wrong, what in [
            (lambda owls: (owls.images, owls.labels), "a tuple"),
            (lambda owls: tc.few_shot(owls, shots=1), "a tuple"),
            (lambda owls: owls.images, "an array"),
            (lambda owls: tc.datasets.digits, "a function"),
        ]
    ),
)
def test_few_shot_refuses_what_it_cannot_draw(request, call, error, message):
    assert_refused(request, call, error, message)
