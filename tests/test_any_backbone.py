"""Whatever backbone a student brings: it trains, or one sentence says why not.

The backbones stand in zoo.py. The first part of this file holds each of them against what every
algorithm promises; the second has a test for each row of the table of failures that students met.

Each training with another backbone, algorithm or place to freeze up to compiles a network, which
takes a second or more. So what was trained is shared among tests, and the small backbones that are
not in ``FULL`` leave some combinations to the tests marked as slow.
"""

import inspect
import json
import random
import subprocess
import sys
import warnings
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
import zoo
from zoo import APPLICATIONS, BACKBONES, RANDOM, custom_layers, leaves, sublayers

import transfer_course as tc

FEW = {"epochs": 2, "batch_size": 5, "learning_rate": 1e-3, "seed": 3, "verbose": 0}
ALGORITHMS = ["pretrain", "from_scratch", "feature_reuse", "fine_tune", "l2_sp"]
ADAPTING = ["feature_reuse", "fine_tune", "l2_sp"]
FULL = [
    "nested_twice",
    "vision_transformer",
    "custom_block",
    "time_distributed_batch_norm",
    "augmentation_nested",
    "branches",
    "names_of_ours",
]
DETERMINISTIC = [name for name in BACKBONES if name not in RANDOM]


def cases(algorithms, always=("from_scratch", "feature_reuse"), names=BACKBONES):
    """Pairs of a backbone and an algorithm; all of FULL, and of the others some."""
    return [
        pytest.param(
            name, algorithm, marks=[] if name in FULL or algorithm in always else pytest.mark.slow
        )
        for name in names
        for algorithm in algorithms
    ]


def names_with(full, names=BACKBONES):
    return [pytest.param(name, marks=[] if name in full else pytest.mark.slow) for name in names]


def data_for(backbone, count=12, seed=0):
    return tc.Dataset(*zoo.images(backbone, count, seed))


def draws(keras):
    """What everybody's global random numbers come to next."""
    numbers = [random.random(), np.random.random(), *keras.random.uniform((2,)).numpy()]  # noqa: NPY002
    return [float(number) for number in numbers]


class Run(NamedTuple):
    source: object
    data: tc.Dataset
    model: object
    expected_draws: list
    found_draws: list


def train(keras, build, algorithm, global_seed=7, **settings):
    """Train, in the midst of somebody else's random numbers."""
    source = build(keras)
    data = data_for(source)
    keras.utils.set_random_seed(global_seed)
    expected = draws(keras)
    keras.utils.set_random_seed(global_seed)
    model = getattr(tc, algorithm)(source, data, **FEW | settings)
    return Run(source, data, model, expected, draws(keras))


@pytest.fixture(scope="module")
def trained(keras):
    """A backbone of the zoo, trained; once per module and settings."""

    @cache
    def run(name, algorithm, **settings):
        return train(keras, (BACKBONES | APPLICATIONS)[name], algorithm, **settings)

    return run


@pytest.fixture(scope="module")
def middle(keras):
    """A place to freeze up to somewhere in the middle of a backbone, or 0 if it has none."""

    @cache
    def place(name):
        points = tc.freeze_points(BACKBONES[name](keras))
        return points[len(points) // 2 - 1] if len(points) > 1 else 0

    return place


@pytest.fixture(scope="module")
def tuned(trained, middle):
    """A backbone, fine-tuned from the middle on."""
    return lambda name, **settings: trained(name, "fine_tune", freeze=middle(name), **settings)


def weights_of(keras, model):
    """The weights of a backbone, by the path of the layer and the number of the weight in it."""
    return {
        (path, number): weight.numpy()
        for path, layer in leaves(keras, model).items()
        for number, weight in enumerate(layer.weights)
        if "seed_generator" not in weight.path
    }


def moved(keras, run):
    """The keys of the weights of the backbone that training has changed."""
    before = weights_of(keras, run.source)
    after = weights_of(keras, run.model.get_layer("backbone"))
    assert before.keys() == after.keys()
    return {key for key in before if not np.array_equal(before[key], after[key])}


def learned_weights(model):
    """All weights, but for the states of random generators."""
    return [w.numpy() for w in model.weights if "seed_generator" not in w.path]


def assert_same(one, other):
    for a, b in zip(learned_weights(one), learned_weights(other), strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


def assert_close(one, other, atol=2e-5):
    for a, b in zip(learned_weights(one), learned_weights(other), strict=True):
        np.testing.assert_allclose(a, b, atol=atol, rtol=0)


def differ(one, other):
    pairs = zip(learned_weights(one), learned_weights(other), strict=True)
    return any(not np.array_equal(a, b) for a, b in pairs)


def up_to(keras, backbone, point):
    """The paths of the layers up to a place, and of those behind it."""
    paths = list(leaves(keras, backbone))
    if point == 0:
        return [], paths
    inside = [n for n, path in enumerate(paths) if path == point or path.startswith(f"{point}/")]
    return paths[: inside[-1] + 1], paths[inside[-1] + 1 :]


def kernels_in(keras, backbone, paths):
    return {
        (path, number)
        for path in paths
        for number, weight in enumerate(leaves(keras, backbone)[path].weights)
        if "kernel" in weight.path
    }


def check_freeze_point(keras, run, point):
    """What stands before the place has not moved; all kernels behind it have."""
    before, behind = up_to(keras, run.source, point)
    changed = moved(keras, run)
    assert not {path for path, _ in changed} & set(before)
    assert changed >= kernels_in(keras, run.source, behind)


# Every algorithm


def check_trained(keras, run, algorithm):
    backbone, head = run.model.layers
    assert (backbone.name, head.name) == ("backbone", "head")
    assert all(np.isfinite(w).all() for w in run.model.get_weights())
    history = run.model.history
    assert history.epoch == list(range(len(history.history["loss"])))
    assert np.isfinite(history.history["loss"]).all()
    start = keras.initializers.GlorotUniform(FEW["seed"])(head.kernel.shape)
    assert not np.allclose(head.kernel, start, atol=1e-6)
    changed = moved(keras, run)
    if algorithm == "feature_reuse":
        assert not changed
    else:
        assert changed >= kernels_in(keras, run.source, leaves(keras, run.source))


def check_source(keras, run, untouched):
    """The backbone handed in is as it was, and the result has no layer and no weight of it."""
    assert_same(run.source, untouched)
    for ours, theirs in zip(sublayers(run.source), sublayers(untouched), strict=True):
        assert ours.trainable == theirs.trainable
    theirs = {id(layer) for layer in sublayers(run.source)}
    assert not theirs & {id(layer) for layer in sublayers(run.model)}
    theirs = {id(weight) for weight in run.source.variables}
    assert not theirs & {id(weight) for weight in run.model.variables}


@pytest.mark.parametrize(("name", "algorithm"), cases(ALGORITHMS))
def test_every_algorithm_trains(keras, trained, name, algorithm):
    check_trained(keras, trained(name, algorithm), algorithm)


@pytest.mark.parametrize("name", BACKBONES)
def test_fine_tuning_from_the_middle_on(keras, tuned, middle, name):
    check_freeze_point(keras, tuned(name), middle(name))


@pytest.mark.parametrize(("name", "algorithm"), cases(ALGORITHMS))
def test_the_backbone_handed_in_is_unchanged_and_shares_nothing(keras, trained, name, algorithm):
    check_source(keras, trained(name, algorithm), BACKBONES[name](keras))


@pytest.mark.parametrize("name", BACKBONES)
def test_the_backbone_is_unchanged_after_fine_tuning_from_the_middle_on(keras, tuned, name):
    check_source(keras, tuned(name), BACKBONES[name](keras))


@pytest.mark.parametrize(("name", "algorithm"), cases(ALGORITHMS))
def test_nobody_elses_random_numbers_move(trained, name, algorithm):
    run = trained(name, algorithm)
    assert run.found_draws == run.expected_draws


@pytest.mark.parametrize("name", BACKBONES)
def test_nobody_elses_random_numbers_move_in_fine_tuning(tuned, name):
    run = tuned(name)
    assert run.found_draws == run.expected_draws


def check_seeds(keras, one, build, algorithm, **settings):
    again = train(keras, build, algorithm, global_seed=8, **settings).model
    assert_same(one, again)
    assert one.history.history == again.history.history
    other = train(keras, build, algorithm, **settings | {"seed": 4}).model
    assert differ(one, other)


@pytest.mark.parametrize("name", BACKBONES)
def test_same_seed_same_weights_from_scratch(keras, trained, name):
    check_seeds(keras, trained(name, "from_scratch").model, BACKBONES[name], "from_scratch")


@pytest.mark.parametrize("name", BACKBONES)
def test_same_seed_same_weights_in_fine_tuning(keras, tuned, middle, name):
    freeze = middle(name)
    check_seeds(keras, tuned(name).model, BACKBONES[name], "fine_tune", freeze=freeze)


@pytest.mark.parametrize("name", BACKBONES)
def test_predictions_are_those_of_keras(tuned, name):
    run = tuned(name)
    found = tc.predict(run.model, run.data.images)
    expected = run.model(run.data.images, training=False).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    right = (expected.argmax(axis=1) == run.data.labels).mean()
    assert tc.accuracy(run.model, run.data) == pytest.approx(right)


@pytest.mark.parametrize("name", BACKBONES)
def test_from_scratch_takes_nothing_but_the_architecture(keras, trained, name):
    def with_other_weights(keras):
        backbone = BACKBONES[name](keras)
        for layer in leaves(keras, backbone).values():
            if not isinstance(layer, keras.layers.Normalization):
                for weight in layer.weights:
                    if "seed_generator" not in weight.path:
                        weight.assign(0.5 * weight + 0.1)
        return backbone

    other = train(keras, with_other_weights, "from_scratch", global_seed=9)
    assert_same(trained(name, "from_scratch").model, other.model)


NORMALISED = [
    "nested_functional",
    "nested_sequential",
    "nested_twice",
    "custom_block",
    "custom_block_without_training",
    "custom_block_with_a_list",
    "custom_block_inside_a_model",
    "time_distributed_batch_norm",
]


@pytest.mark.parametrize(("name", "algorithm"), cases(ALGORITHMS, names=NORMALISED))
def test_statistics_of_batch_normalisation(keras, trained, name, algorithm):
    """They learn on the source task; with a few images they stay."""
    run = trained(name, algorithm)
    statistics = {
        (path, number)
        for path, layer in leaves(keras, run.source).items()
        for number, weight in enumerate(layer.weights)
        if "moving_" in weight.path
    }
    assert statistics
    changed = moved(keras, run)
    assert (changed & statistics) == (set() if algorithm in ADAPTING else statistics)


# Freezing


@pytest.mark.parametrize("name", names_with([*FULL, "nested_functional", "nested_residual"]))
def test_every_freeze_point_works(keras, trained, name):
    points = tc.freeze_points(BACKBONES[name](keras))
    assert len(set(points)) == len(points)
    counts = []
    for point in points:
        run = trained(name, "fine_tune", freeze=point)
        check_freeze_point(keras, run, point)
        counts.append(len(run.model.trainable_weights))
    assert counts == sorted(counts, reverse=True)
    assert len(set(counts)) == len(counts)
    if name != "raw_operations":  # ends in a step that is no layer
        assert counts[-1] == 2


@pytest.mark.parametrize("name", names_with([*FULL, "nested_with_two_outputs"], DETERMINISTIC))
def test_keeping_features_does_not_change_the_model(tuned, name):
    kept, plain = tuned(name).model, tuned(name, cache=False).model
    assert_close(kept, plain)
    np.testing.assert_allclose(
        kept.history.history["loss"], plain.history.history["loss"], rtol=1e-4
    )


@pytest.mark.parametrize("name", RANDOM)
def test_randomness_does_not_depend_on_the_cache(tuned, name):
    """The frozen part before the first random layer is kept; what it draws is the same."""
    assert_close(tuned(name).model, tuned(name, cache=False).model)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_has_a_switch_for_the_cache(keras, trained, algorithm):
    kept = trained("nested_twice", algorithm).model
    plain = trained("nested_twice", algorithm, cache=False).model
    assert_close(kept, plain)


# Against plain Keras


def plain_fine_tune(keras, backbone, freeze, settings):
    """Fine-tuning as the guide of Keras does it, in the batch order of this package."""
    data = data_for(backbone)
    for path in up_to(keras, backbone, freeze)[0]:
        leaves(keras, backbone)[path].trainable = False
    for layer in sublayers(backbone):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    start = keras.initializers.GlorotUniform(settings["seed"])
    head = keras.layers.Dense(3, "softmax", kernel_initializer=start)
    model = keras.Sequential([keras.Input(data.images.shape[1:]), backbone, head])
    adam = keras.optimizers.Adam(settings["learning_rate"])
    model.compile(adam, "sparse_categorical_crossentropy", run_eagerly=True)
    draw = np.random.default_rng(settings["seed"])
    for _ in range(settings["epochs"]):
        order = draw.permutation(len(data))
        for at in range(0, len(data), settings["batch_size"]):
            few = order[at : at + settings["batch_size"]]
            model.train_on_batch(data.images[few], data.labels[few])
    return model


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_fine_tuning_is_what_plain_keras_does(keras, tuned, middle, name):
    expected = BACKBONES[name](keras)
    head = plain_fine_tune(keras, expected, middle(name), FEW).layers[-1]
    found = tuned(name).model
    expected, tuned_weights = (
        weights_of(keras, model) for model in (expected, found.get_layer("backbone"))
    )
    for key, weight in tuned_weights.items():
        np.testing.assert_allclose(weight, expected[key], atol=2e-5, rtol=0, err_msg=str(key))
    np.testing.assert_allclose(found.get_layer("head").kernel, head.kernel, atol=2e-5)


# Randomness


@pytest.mark.parametrize("algorithm", ["from_scratch", "feature_reuse"])
@pytest.mark.parametrize("name", RANDOM)
def test_what_is_random_draws_anew_in_each_epoch(keras, name, algorithm):
    """With steps too small to move a thing, only the draws tell the epochs apart."""
    tiny_steps = {"epochs": 4, "batch_size": 12, "learning_rate": 1e-12}
    run = train(keras, BACKBONES[name], algorithm, **tiny_steps)
    losses = run.model.history.history["loss"]
    assert len({round(loss, 5) for loss in losses}) == 4, losses
    one, other = (tc.predict(run.model, run.data.images) for _ in range(2))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["nested_twice", "branches", "custom_block_with_a_list"])
def test_what_is_not_random_has_the_same_loss_in_each_epoch(keras, name):
    tiny_steps = {"epochs": 4, "batch_size": 12, "learning_rate": 1e-12}
    run = train(keras, BACKBONES[name], "feature_reuse", **tiny_steps)
    losses = run.model.history.history["loss"]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-5)


# Saved and loaded

LOADER = """
import json, logging, sys, warnings
import numpy as np
import keras
sys.path.insert(0, sys.argv[1])
import zoo

noise = []
class Keep(logging.Handler):
    def emit(self, record):
        noise.append(record.getMessage())
logging.getLogger().addHandler(Keep())
for name in ("tensorflow", "absl", "keras"):
    logging.getLogger(name).addHandler(Keep())
found = {}
for name, path, images, expected in json.load(open(sys.argv[2])):
    noise.clear()
    custom = None if name in sys.argv[3].split(",") else zoo.custom_layers(keras)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model = keras.saving.load_model(
                path, custom_objects=custom, safe_mode="lambda" not in name
            )
            guesses = model.predict(np.load(images), verbose=0)
            difference = float(np.abs(guesses - np.load(expected)).max())
            model.evaluate(np.load(images), np.zeros(len(guesses), int), verbose=0)
            model.train_on_batch(np.load(images), np.zeros(len(guesses), int))
        except Exception as error:
            difference = f"{type(error).__name__}: {error}"[:500]
    found[name] = [difference, [str(w.message) for w in caught] + noise]
print(json.dumps(found))
"""

SAVED = [(name, "fine_tune") for name in BACKBONES]
SAVED += [("nested_twice", algorithm) for algorithm in ALGORITHMS if algorithm != "fine_tune"]
SAVED += [("vision_transformer", "l2_sp"), ("custom_block", "l2_sp"), ("dropout", "from_scratch")]


@pytest.fixture(scope="module")
def loaded_elsewhere(keras, trained, tuned, tmp_path_factory):
    """Save all, load all in one process that has Keras alone: differences and what it said."""
    folder = tmp_path_factory.mktemp("saved")
    todo, failed, without_custom = [], {}, []
    for name, algorithm in SAVED:
        label = f"{name}-{algorithm}"
        try:
            run = tuned(name) if algorithm == "fine_tune" else trained(name, algorithm)
            paths = [str(folder / f"{label}{end}") for end in (".keras", "-in.npy", "-out.npy")]
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                run.model.save(paths[0])
            images = run.data.images[:4]
            np.save(paths[1], images)
            np.save(paths[2], run.model(images, training=False).numpy())
        except Exception as error:
            failed[label] = [f"not saved: {error}", []]
            continue
        todo.append([label, *paths])
        kinds = {type(layer).__name__ for layer in sublayers(run.source)}
        if not kinds & custom_layers(keras).keys():
            without_custom.append(label)
    (folder / "todo.json").write_text(json.dumps(todo))
    arguments = [str(folder.parent), str(folder / "todo.json"), ",".join(without_custom)]
    arguments[0] = str(inspect.getfile(zoo)).rsplit("/", 1)[0]
    process = subprocess.run(
        [sys.executable, "-c", LOADER, *arguments], capture_output=True, text=True, timeout=300
    )
    assert process.returncode == 0, process.stderr[-2000:]
    return failed | json.loads(process.stdout.splitlines()[-1])


@pytest.mark.parametrize(("name", "algorithm"), SAVED)
def test_saved_and_loaded_by_plain_keras_in_another_process(loaded_elsewhere, name, algorithm):
    difference, noise = loaded_elsewhere[f"{name}-{algorithm}"]
    assert not isinstance(difference, str), difference
    assert difference < 1e-5
    assert noise == []
