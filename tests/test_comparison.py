"""compare(): a table whose every row can be had by hand."""

import tracemalloc
from functools import partial

import joblib
import numpy as np
import pandas as pd
import pytest

import transfer_course as tc

METHODS = {
    "reuse": partial(tc.feature_reuse, epochs=5),
    "tune": (tc.fine_tune, {"freeze": "pool2", "epochs": 2}),
    "l2": partial(tc.l2_sp, alpha=0.1, epochs=2),
    "scratch": partial(tc.from_scratch, epochs=2),
}


@pytest.fixture(scope="module")
def few():
    """200 digits of other writers."""
    return tc.datasets.digits().subset(range(200))


@pytest.fixture(scope="module")
def table(backbone, few):
    return tc.compare(METHODS, backbone, few, shots=[1, 3], episodes=2, seed=5)


def test_a_row_per_method_shots_and_episode(table):
    assert list(table.columns) == ["method", "shots", "episode", "accuracy", "train_accuracy"]
    rows = list(table[["method", "shots", "episode"]].itertuples(index=False, name=None))
    assert rows == [(m, s, e) for m in METHODS for s in (1, 3) for e in (0, 1)]


def test_each_row_is_what_one_gets_by_hand(backbone, few, table):
    for row in table.itertuples():
        train, test = tc.few_shot(few, row.shots, seed=5 + row.episode)
        method = METHODS[row.method]
        if row.method == "tune":
            method = partial(tc.fine_tune, freeze="pool2", epochs=2)
        model = method(backbone, train, seed=5 + row.episode)
        for data, found in ((test, row.accuracy), (train, row.train_accuracy)):
            guesses = model(data.images).numpy().argmax(axis=1)
            by_hand = (guesses == data.labels).mean()
            assert found == pytest.approx(by_hand, abs=1e-6), row
    assert table.accuracy.nunique() > 8  # not all alike


def test_with_groups_it_tests_on_other_groups(backbone, few):
    dataset = tc.Dataset(few.images, few.labels, few.class_names, np.arange(200) // 10)
    drawn = []

    def spy(given, train, seed):
        drawn.append(train)
        return tc.feature_reuse(given, train, epochs=5, seed=seed)

    table = tc.compare([spy], backbone, dataset, shots=[1, 2], episodes=2, seed=5)
    for row, train in zip(table.itertuples(), drawn, strict=True):
        _, test = tc.few_shot(dataset, row.shots, seed=5 + row.episode)
        assert not set(train.groups) & set(test.groups)
        model = tc.feature_reuse(backbone, train, epochs=5, seed=5 + row.episode)
        guesses = model(test.images).numpy().argmax(axis=1)
        assert row.accuracy == pytest.approx((guesses == test.labels).mean(), abs=1e-6)


def test_two_threads_at_once_fill_the_same_table(backbone, few, table):
    with joblib.parallel_config(backend="threading", n_jobs=2):
        other = tc.compare(METHODS, backbone, few, shots=[1, 3], episodes=2, seed=5)
    pd.testing.assert_frame_equal(table, other, check_exact=True)


def test_what_every_method_is_given(backbone, few):
    """The same draws for all, nested over the shots; a seed of its own for each episode."""
    calls = []

    def spy(given, train, **settings):
        assert given is backbone
        calls.append((len(train), settings, {image.tobytes() for image in train.images}))
        return tc.feature_reuse(given, train, epochs=1)

    def other_spy(given, train, **settings):
        return spy(given, train, **settings)

    table = tc.compare([spy, other_spy], backbone, few, shots=(1, 2), episodes=2, seed=7)
    assert list(table.method.unique()) == ["spy", "other_spy"]
    assert [(n, settings) for n, settings, _ in calls] == [
        (n, {"seed": 7 + e}) for _ in range(2) for n in (10, 20) for e in (0, 1)
    ]
    drawn = [images for *_, images in calls]
    assert drawn[:4] == drawn[4:]
    assert drawn[0] < drawn[2] and drawn[1] < drawn[3]
    assert drawn[0] != drawn[1]


def test_an_episode_holds_its_test_set_once(backbone):
    """few_shot makes one copy of it, and nothing makes another: photos can fill half a memory."""
    images = np.zeros((10_000, 28, 28, 1), "uint8")
    many = tc.Dataset(images, np.arange(len(images)) % 2, ("even", "odd"))
    model = tc.feature_reuse(backbone, tc.few_shot(many, 1)[0], epochs=1)

    def ready(given, train, seed):
        return model

    tracemalloc.start()
    try:
        tc.compare([ready], backbone, many, [1], episodes=1)
        assert images.nbytes < tracemalloc.get_traced_memory()[1] < 1.7 * images.nbytes
    finally:
        tracemalloc.stop()
