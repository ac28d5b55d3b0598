"""Choosing by cross-validation: against the same by hand."""

import os
import signal

import numpy as np
import pytest
from refusals import assert_refused, cases
from sklearn.model_selection import StratifiedKFold

import transfer_course as tc


@pytest.fixture(scope="module")
def few():
    return tc.few_shot(tc.datasets.digits(), shots=3, seed=0)[0]


METHODS = {
    "one epoch": (tc.feature_reuse, {"epochs": 1}),
    "reuse": (tc.feature_reuse, {"epochs": 30}),
    "means": tc.class_means,
}


@pytest.fixture(scope="module")
def choice(backbone, few):
    return tc.choose(METHODS, backbone, few, seed=4)


def test_the_table_is_what_one_gets_by_hand(backbone, few, choice):
    """Three examples of a class are three folds, though five were asked for."""
    splitter = StratifiedKFold(3, shuffle=True, random_state=4)
    parts = list(splitter.split(few.images, few.labels))
    assert list(choice.table.index) == list(METHODS)
    for name, (method, settings) in {**METHODS, "means": (tc.class_means, {})}.items():
        right = []
        for fit, held_out in parts:
            model = method(backbone, few.subset(fit), seed=4, **settings)
            guesses = model(few.images[held_out]).numpy().argmax(axis=1)
            right.append(guesses == few.labels[held_out])
        row = choice.table.loc[name]
        assert row.accuracy == pytest.approx(np.concatenate(right).mean(), abs=1e-6)
        shares = np.mean(right, axis=1)
        error = np.sqrt(((shares - shares.mean()) ** 2).sum() / 2 / 3)
        assert row.standard_error == pytest.approx(error, abs=1e-6)


def test_every_example_counts_once_in_folds_of_different_sizes(keras):
    """Five examples in folds of three and two. Always "dark" is right for three of the five."""
    labels = np.array([0, 0, 0, 1, 1])
    images = np.full((5, 8, 8, 1), 100 * labels[:, None, None, None], np.uint8)
    five = tc.Dataset(images, labels, ("dark", "bright"))

    def always_dark(backbone, train, seed):
        layers = keras.layers
        dark = layers.Dense(2, "softmax", kernel_initializer="zeros")
        model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), dark])
        dark.bias.assign([1.0, 0.0])
        return model

    found = tc.choose([always_dark], None, five, folds=2).table
    assert found.accuracy.item() == pytest.approx(3 / 5)


def test_the_best_is_chosen_and_trained_on_all(backbone, few, choice):
    assert choice.name == choice.table.accuracy.idxmax() != "one epoch"
    method = {"reuse": tc.feature_reuse, "means": tc.class_means}[choice.name]
    settings = {"epochs": 30} if choice.name == "reuse" else {}
    expected = method(backbone, few, seed=4, **settings)
    for one, other in zip(choice.model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_of_two_that_are_level_the_first_is_chosen(backbone, few):
    twice = {"b": METHODS["reuse"], "a": METHODS["reuse"]}
    assert tc.choose(twice, backbone, few, folds=2).name == "b"


def test_no_group_is_on_both_sides(backbone, few):
    groups = np.arange(30) // 15 + 2 * (np.arange(30) % 3)  # six, each with five classes
    dataset = tc.Dataset(few.images, few.labels, few.class_names, groups)
    seen = []

    def spy(given, train, seed):
        seen.append(set(train.groups))
        return tc.class_means(given, train)

    tc.choose([spy], backbone, dataset)
    everything = set(groups)
    assert seen[-1] == everything  # the last training, on all
    left_out = [everything - it for it in seen[:-1]]
    assert sorted(g for it in left_out for g in it) == sorted(everything)  # each group once


def test_stop_chooses_nothing(backbone, few):
    def pressed(given, train, seed):
        os.kill(os.getpid(), signal.SIGINT)
        return tc.class_means(given, train)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt, match="Stop was pressed"):
            tc.choose([pressed], backbone, few)
    finally:
        signal.signal(signal.SIGINT, before)


@cases(
    (
        lambda backbone, draw: tc.choose(
            [tc.class_means], backbone, tc.Dataset(draw[0].images[:3], [0, 1, 1], ("0", "1"))
        ),
        ValueError,
        "class '0' has 1 example, but at least 2 are needed, one to train on and one to test on: "
        "use more shots, or decide without the data",
    ),
    (
        lambda backbone, draw: tc.choose([tc.class_means], draw[0], backbone),
        TypeError,
        "the examples must be a Dataset, got …: draw some with…",
    ),
    (
        lambda backbone, draw: tc.choose([tc.class_means], backbone, draw[0], folds=1),
        ValueError,
        "folds=1 …",
    ),
    (
        lambda backbone, draw: tc.choose([], backbone, draw[0]),
        ValueError,
        "methods is empty: …",
    ),
    (
        lambda backbone, draw: tc.choose(
            [tc.class_means],
            backbone,
            tc.Dataset(draw[0].images, draw[0].labels, draw[0].class_names, draw[0].labels),
        ),
        ValueError,
        "class '0' has 1 group, but at least 2 are needed, one to train on and one to test on: "
        "use more shots, or decide without the data",
    ),
)
def test_what_cannot_be_chosen_from_is_refused(request, call, error, message):
    assert_refused(request, call, error, message)
