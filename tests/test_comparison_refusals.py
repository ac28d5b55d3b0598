"""What compare() refuses before it trains anything."""

import functools

import joblib
import pytest
from refusals import assert_refused, cases

import transfer_course as tc

LIKE = "write it like [tc.feature_reuse, tc.fine_tune]"
NAMED = 'write it like {"to pool2": (tc.fine_tune, {"freeze": "pool2"})}'


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


def by_rate(backbone, train, seed, learning_rate):
    must_not_run(backbone, train, seed)


def with_options(backbone, train, **options):
    must_not_run(backbone, train, options)


def without_seed(backbone, train):
    """A method that compare() cannot give a seed."""


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
        lambda net, few: compare([(must_not_run, {"epochs": 1})], net, few),
        ValueError,
        f"methods holds a tuple of a function and a dict, which has no name: {NAMED}",
    ),
    (
        lambda net, few: compare((must_not_run, {"epochs": 1}), net, few),
        TypeError,
        f"methods holds {{'epochs': 1}}, which cannot be called: {NAMED}",
    ),
    *(
        (
            lambda net, few, method=method: compare({"quick": method}, net, few),
            TypeError,
            "method 'quick' must be an algorithm, or a tuple of one and a dictionary of its "
            f"settings, got {what}: {NAMED}",
        )
        for method, what in [
            ((must_not_run, "pool2"), "a tuple of a function and a str"),
            ((must_not_run,), "a tuple of a function"),
            ((must_not_run, {}, 3), "a tuple of a function and a dict and an int"),
            (("fine_tune", {}), "a tuple of a str and a dict"),
            ([must_not_run, {}], "a list of a function and a dict"),
            ((), "a tuple of nothing"),
        ]
    ),
    (
        lambda net, few: compare({"quick": (must_not_run, {1: 2})}, net, few),
        TypeError,
        f"method 'quick' has the setting 1, which is not a name: {NAMED}",
    ),
    (
        lambda net, few: compare({"quick": (tc.fine_tune, {"seed": 3})}, net, few),
        ValueError,
        "method 'quick' has the setting 'seed', but the seed is that of the whole call: remove it, "
        "and write seed=5 beside the methods",
    ),
    *(
        (
            lambda net, few, method=method: compare(
                {"ready": must_not_run, "quick": method}, net, few
            ),
            TypeError,
            f"method 'quick' has the setting {message}",
        )
        for method, message in [
            (
                (tc.fine_tune, {"frezze": "pool2"}),
                "'frezze', which fine_tune does not take: use freeze",
            ),
            (
                functools.partial(tc.l2_sp, learning_rat=1),
                "'learning_rat', which l2_sp does not take: use learning_rate",
            ),
            (
                (tc.feature_reuse, {"validation_dat": None}),  # of those that all algorithms take
                "'validation_dat', which feature_reuse does not take: use validation_data",
            ),
            (
                (tc.feature_reuse, {"freeze": 2}),
                "'freeze', which feature_reuse does not take: use epochs or …batch_size or …",
            ),
            (
                (tc.feature_reuse, {"backbone": 2}),
                "'backbone', which feature_reuse does not take: use …",
            ),
            (
                (must_not_run, {"epochs": 2}),
                "'epochs', which must_not_run does not take: remove it",
            ),
        ]
    ),
    *(
        (
            lambda net, few, method=method: compare({"quick": method}, net, few),
            TypeError,
            f"method 'quick' must be a function that can be called as {name}(backbone, train, "
            "seed=0), got one with other parameters: write it like def method(backbone, train, "
            "seed)",
        )
        for method, name in [
            (without_seed, "without_seed"),
            (functools.partial(must_not_run, None), "must_not_run"),
            ((with_options, {"train": 1}), "with_options"),
        ]
    ),
    (
        lambda net, few: compare([by_rate], net, few),
        TypeError,
        "method 'by_rate' has no value for 'learning_rate', which by_rate needs: give it as a "
        """setting, as in {'by_rate': (by_rate, {"learning_rate": ...})}""",
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
