"""What compare() refuses before it trains anything."""

import functools

import joblib
import pytest
from refusals import assert_refused, cases

import transfer_course as tc

LIKE = "write it like [tc.feature_reuse, tc.fine_tune]"
NAMED = 'write it like {"to pool2": functools.partial(tc.fine_tune, freeze="pool2")}'


@pytest.fixture(scope="module")
def net():
    return tc.backbones.small_cnn()


@pytest.fixture(scope="module")
def few():
    return tc.datasets.digits().subset(range(200))


@pytest.fixture(scope="module")
def uneven(few):
    """Two groups, of three images of each class and of two: the seed says which is to train on."""
    return tc.Dataset(few.images[:10], [0] * 5 + [1] * 5, ("a", "b"), [0, 0, 0, 1, 1] * 2)


def must_not_run(backbone, train, seed):
    raise AssertionError("everything is checked before a method is called")


def another_must_not_run(backbone, train, seed):
    must_not_run(backbone, train, seed)


another_must_not_run.__name__ = must_not_run.__name__


def forgetful(backbone, train, seed):
    """A method without a return."""


def compare(methods=(must_not_run,), backbone=None, dataset=None, shots=(1,), **settings):
    return tc.compare(methods, backbone, dataset, shots, **{"episodes": 1, **settings})


def under(backend, net, few):
    with joblib.parallel_config(backend=backend, n_jobs=2):
        compare(backbone=net, dataset=few)


@cases(
    *(
        (
            lambda net, few, methods=methods: compare(methods, net, few),
            TypeError,
            "methods must be a list of algorithms, or a dictionary with their names, "
            f"got {what}: {LIKE}",
        )
        for methods, what in [(must_not_run, "a function"), ("fine_tune", "a str"), (None, "None")]
    ),
    *(
        (
            lambda net, few, methods=methods: compare(methods, net, few),
            ValueError,
            f"methods is empty: {LIKE}",
        )
        for methods in ([], {})
    ),
    *(
        (
            lambda net, few, methods=methods: compare(methods, net, few),
            TypeError,
            f"methods holds {what}, which cannot be called: {LIKE}",
        )
        for methods, what in [
            (["fine_tune"], "'fine_tune'"),
            ({"tune": 3}, "3"),
            ([must_not_run, None], "None"),
        ]
    ),
    (
        lambda net, few: compare([functools.partial(must_not_run, epochs=1)], net, few),
        ValueError,
        f"methods holds <partial>, which has no name: {NAMED}",
    ),
    *(
        (
            lambda net, few, methods=methods: compare(methods, net, few),
            ValueError,
            f"methods has the name 'must_not_run' twice: {NAMED}",
        )
        for methods in (
            [must_not_run, must_not_run],
            (must_not_run, forgetful, must_not_run),
            [must_not_run, another_must_not_run],
        )
    ),
    (
        lambda net, few: compare([forgetful], net, few),
        TypeError,
        "method 'forgetful' must return a model with the layers 'backbone' and 'head', got None: "
        "end it like return tc.fine_tune(backbone, train, seed=seed)",
    ),
    (
        lambda net, few: compare(backbone=net, dataset=few, shots=[]),
        ValueError,
        "shots is empty: write it like shots=[1, 5]",
    ),
    *(
        (
            lambda net, few, shots=shots: compare(backbone=net, dataset=few, shots=shots),
            TypeError,
            f"shots={shots!r} is not a list of whole numbers: write it like shots=[1, 5]",
        )
        for shots in (5, "1, 5", None)
    ),
    (
        lambda net, few: compare(backbone=net, dataset=few, shots=[1, 0]),
        ValueError,
        "shots=0 is out of range: use an int of 1 or more",
    ),
    (
        lambda net, few: compare(backbone=net, dataset=few, shots=[1, 500]),
        ValueError,
        "shots=500, but class … has … images; use shots <= …, so that one is left to test on",
    ),
    *(
        (
            lambda net, few, name=name, value=value: compare(
                backbone=net, dataset=few, **{name: value}
            ),
            error,
            f"{name}={value!r} is {message}",
        )
        for name, value, error, message in [
            ("episodes", 0, ValueError, "out of range: use an int of 1 or more"),
            ("episodes", 2.0, TypeError, "not a whole number: use an int of 1 or more"),
            ("seed", -1, ValueError, "out of range: use an int of 0 or more"),
            ("seed", "a", TypeError, "not a whole number: use an int of 0 or more"),
        ]
    ),
    (
        lambda net, uneven: compare(backbone=net, dataset=uneven, shots=[2, 3], episodes=9),
        ValueError,
        "shots=3, but with seed=1 the groups to train on have 2 images of class 'a', since about "
        "half of the groups are kept to test on: use shots <= 2",
    ),
    (
        lambda net, few: compare(backbone=net, dataset=(few.images, few.labels)),
        TypeError,
        "dataset must be a Dataset, got a tuple: build one with "
        "tc.Dataset(images, labels, class_names), or take one such as tc.datasets.digits()",
    ),
    (
        lambda net, few: under("multiprocessing", net, few),
        ValueError,
        'joblib\'s backend "multiprocessing", and what is built on it, cannot run a comparison, '
        "since a network does not survive the fork of its process: use "
        'joblib.parallel_config(backend="loky")',
    ),
    (
        lambda few: compare([tc.feature_reuse], "vgg16", few),
        TypeError,
        "the backbone must be a keras.Model, got a str: build one, as in tc.backbones.small_cnn()",
    ),
)
def test_it_is_refused(request, call, error, message):
    assert_refused(request, call, error, message)
