"""compare(): a table whose every row can be had by hand."""

import tracemalloc
from functools import partial

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

import transfer_course as tc
from transfer_course._backend import keras

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
    assert list(table.columns) == [
        "method",
        "shots",
        "episode",
        "accuracy",
        "balanced_accuracy",
        "train_accuracy",
        "steps",
    ]
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
        guesses = model(test.images).numpy().argmax(axis=1)
        balanced = balanced_accuracy_score(test.labels, guesses)
        assert row.balanced_accuracy == pytest.approx(balanced, abs=1e-6), row
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


def test_steps_are_those_of_the_optimizer(backbone, few):
    """An epoch has a step per batch, the last one of which may be smaller."""
    methods = {
        "reuse": (tc.feature_reuse, {"epochs": 3}),
        "small batches": (tc.fine_tune, {"epochs": 2, "batch_size": 7}),
    }
    table = tc.compare(methods, backbone, few, shots=[1, 4], episodes=1)
    assert table.steps.dtype == int
    images = np.array([10, 40, 10, 40])
    epochs, batch = np.array([3, 3, 2, 2]), np.array([32, 32, 7, 7])
    np.testing.assert_array_equal(table.steps, epochs * np.ceil(images / batch))


class Rule(keras.Sequential):
    """A model that nothing trains: it answers 0, or 1 for a bright image, and counts images."""

    seen = 0

    def __init__(self, threshold):
        bright = keras.layers.Lambda(lambda x: keras.ops.mean(x, (1, 2, 3))[:, None], name="head")
        answer = keras.layers.Lambda(
            lambda x: keras.ops.concatenate([x < threshold, x >= threshold, x > 300], axis=1)
        )
        super().__init__([keras.Input((8, 8, 1)), keras.layers.Identity(name="backbone")])
        self.add(bright)
        self.add(answer)

    def predict(self, images, **settings):
        self.seen += len(images)
        return super().predict(images, **settings)


def test_balanced_accuracy_counts_classes_alike_and_costs_no_second_pass():
    """Of 24 test images, 20 are of class 0 and 4 of class 1; a model may have more outputs."""
    labels = np.array([0] * 21 + [1] * 5)
    images = np.zeros((26, 8, 8, 1), "uint8")
    images[labels == 1] = 200
    uneven = tc.Dataset(images, labels, ("dark", "bright"))
    models = {"always dark": Rule(255), "by brightness": Rule(100)}
    methods = {
        name: lambda backbone, train, seed, model=model: model for name, model in models.items()
    }
    table = tc.compare(methods, None, uneven, [1], episodes=1).set_index("method")
    assert table.accuracy.to_dict() == {"always dark": 20 / 24, "by brightness": 1}
    assert table.balanced_accuracy.to_dict() == {"always dark": 0.5, "by brightness": 1}
    assert list(table.steps) == [0, 0]  # they have no optimizer
    assert [model.seen for model in models.values()] == [26, 26]  # train and test, once each


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
