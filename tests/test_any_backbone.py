"""Whatever backbone a student brings: it trains, or one sentence says why not.

The backbones stand in zoo.py. The first part of this file holds each of them against what every
algorithm promises; the second has a test for each row of the table of failures that students met.

Each training with another backbone, algorithm or place to freeze up to compiles a network, which
takes a second or more. So what was trained is shared among tests, and backbones that are not in
``FULL`` leave the first part to the tests marked as slow.
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
from weekly import weekly_but
from zoo import APPLICATIONS, BACKBONES, RANDOM, REFUSED, custom_layers, leaves, sublayers

import transfer_course as tc

FEW = {"epochs": 2, "batch_size": 5, "learning_rate": 1e-3, "seed": 3, "verbose": 0}
ONE_RATE = {"head_learning_rate": FEW["learning_rate"]}  # for backbone and head, as in plain Keras
ALGORITHMS = ["pretrain", "from_scratch", "feature_reuse", "fine_tune", "l2_sp"]
ADAPTING = ["feature_reuse", "fine_tune", "l2_sp"]
FULL = ["nested_twice", "custom_block"]
DETERMINISTIC = [name for name in BACKBONES if name not in RANDOM]


def cases(algorithms, names=BACKBONES):
    """Pairs of a backbone and an algorithm; those of FULL, and the others marked as slow."""
    return [
        pytest.param(name, algorithm, marks=[] if name in FULL else pytest.mark.slow)
        for name in names
        for algorithm in algorithms
    ]


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
    return lambda name, **settings: trained(
        name, "fine_tune", freeze=middle(name), **ONE_RATE | settings
    )


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
    assert np.abs(head.kernel).max() > 1e-6
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


@pytest.mark.parametrize("name", weekly_but(FULL, BACKBONES))
def test_fine_tuning_from_the_middle_on(keras, tuned, middle, name):
    check_freeze_point(keras, tuned(name), middle(name))


@pytest.mark.parametrize(("name", "algorithm"), cases(ALGORITHMS))
def test_the_backbone_handed_in_is_unchanged_and_shares_nothing(keras, trained, name, algorithm):
    check_source(keras, trained(name, algorithm), BACKBONES[name](keras))


@pytest.mark.parametrize("name", weekly_but(FULL, BACKBONES))
def test_the_backbone_is_unchanged_after_fine_tuning_from_the_middle_on(keras, tuned, name):
    check_source(keras, tuned(name), BACKBONES[name](keras))


@pytest.mark.parametrize(("name", "algorithm"), cases(ALGORITHMS))
def test_nobody_elses_random_numbers_move(trained, name, algorithm):
    run = trained(name, algorithm)
    assert run.found_draws == run.expected_draws


@pytest.mark.parametrize("name", weekly_but(FULL, BACKBONES))
def test_nobody_elses_random_numbers_move_in_fine_tuning(tuned, name):
    run = tuned(name)
    assert run.found_draws == run.expected_draws


def check_seeds(keras, one, build, algorithm, **settings):
    again = train(keras, build, algorithm, global_seed=8, **settings).model
    assert_same(one, again)
    assert one.history.history == again.history.history
    other = train(keras, build, algorithm, **settings | {"seed": 4}).model
    assert differ(one, other)


@pytest.mark.parametrize("name", weekly_but(FULL, BACKBONES))
def test_same_seed_same_weights_from_scratch(keras, trained, name):
    check_seeds(keras, trained(name, "from_scratch").model, BACKBONES[name], "from_scratch")


@pytest.mark.parametrize("name", weekly_but(FULL, BACKBONES))
def test_same_seed_same_weights_in_fine_tuning(keras, tuned, middle, name):
    freeze = middle(name)
    check_seeds(keras, tuned(name).model, BACKBONES[name], "fine_tune", freeze=freeze, **ONE_RATE)


@pytest.mark.parametrize("name", weekly_but(FULL, BACKBONES))
def test_predictions_are_those_of_keras(tuned, name):
    run = tuned(name)
    found = tc.predict(run.model, run.data.images)
    expected = run.model(run.data.images, training=False).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    right = (expected.argmax(axis=1) == run.data.labels).mean()
    assert tc.accuracy(run.model, run.data) == pytest.approx(right)


@pytest.mark.parametrize("name", weekly_but(FULL, BACKBONES))
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


@pytest.mark.parametrize("name", weekly_but(FULL, BACKBONES))
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


@pytest.mark.parametrize("name", weekly_but([*FULL, "nested_with_two_outputs"], DETERMINISTIC))
def test_keeping_features_does_not_change_the_model(tuned, name):
    kept, plain = tuned(name).model, tuned(name, cache=False).model
    assert_close(kept, plain)
    np.testing.assert_allclose(
        kept.history.history["loss"], plain.history.history["loss"], rtol=1e-4
    )


@pytest.mark.parametrize("name", weekly_but(FULL, RANDOM))
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
    head = keras.layers.Dense(3, "softmax", kernel_initializer="zeros")
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


@pytest.mark.parametrize("name", weekly_but(FULL, DETERMINISTIC))
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


def standing_still(keras):
    """Settings with which nothing moves. A head of zeros would give every image the same loss."""
    return {"batch_size": 12, "learning_rate": 1e-12, "callbacks": [zoo.random_head(keras, 3)]}


@pytest.mark.parametrize("algorithm", ["from_scratch", "feature_reuse"])
@pytest.mark.parametrize("name", weekly_but(FULL, RANDOM))
def test_what_is_random_draws_anew_in_each_epoch(keras, name, algorithm):
    """With steps too small to move a thing, only the draws tell the epochs apart."""
    run = train(keras, BACKBONES[name], algorithm, epochs=4, **standing_still(keras))
    losses = run.model.history.history["loss"]
    assert len({round(loss, 5) for loss in losses}) == 4, losses
    one, other = (tc.predict(run.model, run.data.images) for _ in range(2))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["nested_twice", "branches", "custom_block_with_a_list"])
def test_what_is_not_random_has_the_same_loss_in_each_epoch(keras, name):
    run = train(keras, BACKBONES[name], "feature_reuse", epochs=4, **standing_still(keras))
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
        if "retracing" not in record.getMessage():  # this very loop is what causes that
            noise.append(record.getMessage())
logging.getLogger().addHandler(Keep())
for name in ("tensorflow", "absl", "keras"):
    logging.getLogger(name).addHandler(Keep())
found = {}
for name, path, images, expected in json.load(open(sys.argv[2], encoding="utf-8")):
    noise.clear()
    custom = None if name in sys.argv[3].split(",") else zoo.custom_layers(keras)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", DeprecationWarning)  # nobody sees those of Keras itself
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

SAVED = [
    (name, "fine_tune") for name in [*FULL, "branches", "augmentation_nested", "augmentation_first"]
]
SAVED += [("nested_twice", algorithm) for algorithm in ALGORITHMS if algorithm != "fine_tune"]
SAVED += [("vision_transformer", "l2_sp"), ("custom_block", "l2_sp")]


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
                warnings.simplefilter("error", UserWarning)
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
    (folder / "todo.json").write_text(json.dumps(todo), encoding="utf-8")
    arguments = [str(folder.parent), str(folder / "todo.json"), ",".join(without_custom)]
    arguments[0] = str(inspect.getfile(zoo)).rsplit("/", 1)[0]
    process = subprocess.run(
        [sys.executable, "-c", LOADER, *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert process.returncode == 0, process.stderr[-2000:]
    return failed | json.loads(process.stdout.splitlines()[-1])


@pytest.mark.long
@pytest.mark.parametrize(("name", "algorithm"), SAVED)
def test_saved_and_loaded_by_plain_keras_in_another_process(loaded_elsewhere, name, algorithm):
    difference, noise = loaded_elsewhere[f"{name}-{algorithm}"]
    assert not isinstance(difference, str), difference
    assert difference < 1e-5
    assert noise == []


@pytest.mark.parametrize(
    "name", ["custom_block_inside_a_model", "recurrent_with_dropout", "attention"]
)
def test_saved_with_all_frozen_a_layer_made_of_others_loads_in_silence(keras, name, tmp_path):
    """Keras forgets what was frozen inside some of them: the saved optimizer must match."""
    run = train(keras, BACKBONES[name], "feature_reuse")
    run.model.save(tmp_path / "saved.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        loaded = keras.saving.load_model(
            tmp_path / "saved.keras", custom_objects=custom_layers(keras)
        )
    images, labels = run.data.images, run.data.labels
    np.testing.assert_allclose(loaded(images), run.model(images), atol=1e-6)
    run.model.fit(images, labels, verbose=0)  # with the same optimizer, further


# The rows of the table, one by one

FAST = {"epochs": 3, "verbose": 0}


@pytest.fixture
def make(keras):
    """A Sequential of what is given, for 8x8x1 images."""
    return lambda *layers, **kwargs: keras.Sequential([keras.Input((8, 8, 1)), *layers], **kwargs)


def assert_one_sentence(error):
    message = str(error.value)
    assert "\n" not in message and 20 < len(message) < 400, message
    for word in ("safe_mode", "Traceback", "tf.Tensor", "Exception encountered"):
        assert word not in message


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nested_functional", ["conv1", "inner/norm", ("inner", "inner/second"), "features"]),
        ("nested_sequential", ["conv1", ("inner", "inner/norm"), "features"]),
        (
            "nested_twice",
            [
                "conv1",
                "inner/conv",
                "inner/deep/norm",
                ("inner/deep", "inner/deep/conv2"),
                ("inner", "inner/last"),
                "features",
            ],
        ),
        ("nested_residual", ["stem", "join", "features"]),
        (
            "the_same_name_inside_and_outside",
            ["conv1", "inner/conv1", ("inner", "inner/net"), "features"],
        ),
        ("model_inside_alone", ["flat"]),
    ],
)
def test_row_functional_model_inside_its_layers_are_places_to_freeze_up_to(keras, name, expected):
    """Where an inner model ends, its own name and that of its last layer mean the same place."""
    found = tc.freeze_points(BACKBONES[name](keras))
    assert len(found) == len(expected)
    for point, one_of in zip(found, expected, strict=True):
        assert point in ([one_of] if isinstance(one_of, str) else one_of)


def test_row_functional_model_inside_an_integer_counts_the_layers_outside(keras):
    """scale, conv1, inner: the first three, whatever is in them."""
    run = train(keras, BACKBONES["nested_functional"], "fine_tune", freeze=3)
    check_freeze_point(keras, run, "inner")


def test_row_functional_model_inside_any_layer_inside_is_a_place(keras):
    """And not only the places worth it."""
    run = train(keras, BACKBONES["nested_twice"], "fine_tune", freeze="inner/deep/conv")
    check_freeze_point(keras, run, "inner/deep/conv")


@pytest.mark.parametrize("freeze", ["inner/nothing", "deep/conv", "inner/", "/inner", ""])
def test_row_functional_model_inside_a_wrong_path_gets_one_sentence(keras, freeze):
    backbone = BACKBONES["nested_twice"](keras)
    with pytest.raises(ValueError, match="freeze=") as error:
        tc.fine_tune(backbone, data_for(backbone), freeze=freeze, **FAST)
    assert_one_sentence(error)


RANDOM_LAYERS = {
    "RandomFlip": {},
    "RandomRotation": {"factor": 0.3},
    "RandomTranslation": {"height_factor": 0.3, "width_factor": 0.3},
    "RandomZoom": {"height_factor": 0.4},
    "RandomContrast": {"factor": 0.6},
    "RandomBrightness": {"factor": 0.3},
    "GaussianNoise": {"stddev": 1.0},
    "GaussianDropout": {"rate": 0.3},
    "Dropout": {"rate": 0.3},
    "SpatialDropout2D": {"rate": 0.5},
}


@pytest.mark.parametrize("kind", weekly_but(["RandomFlip", "GaussianNoise"], RANDOM_LAYERS))
def test_row_random_layers_first_are_applied_in_training_and_only_there(keras, make, kind):
    layers = keras.layers

    def build(keras):
        random_layer = getattr(layers, kind)(**RANDOM_LAYERS[kind])
        return make(random_layer, layers.Rescaling(1 / 255), layers.Flatten())

    run = train(keras, build, "feature_reuse", epochs=3, **standing_still(keras))
    losses = run.model.history.history["loss"]
    assert len({round(loss, 6) for loss in losses}) == 3, losses
    features = run.model.get_layer("backbone")(run.data.images, training=False)
    np.testing.assert_allclose(features, run.data.images.reshape(12, -1) / 255, atol=1e-5)
    settings = standing_still(keras)
    again = train(keras, build, "feature_reuse", epochs=3, global_seed=8, **settings)
    assert losses == again.model.history.history["loss"]
    assert run.found_draws == run.expected_draws


@pytest.mark.parametrize("name", weekly_but(["custom_block"], ["attention", "custom_block"]))
def test_row_attention_and_custom_blocks_train_whatever_the_freeze(keras, name):
    backbone = BACKBONES[name](keras)
    for freeze in range(1, len(backbone.layers) + 1):
        run = train(keras, BACKBONES[name], "fine_tune", freeze=freeze, epochs=1)
        frozen = {layer.name for layer in run.source.layers[:freeze]}
        changed = {path for path, _ in moved(keras, run)}
        assert not changed & frozen
        assert bool(changed) == any(layer.trainable_weights for layer in backbone.layers[freeze:])


@pytest.mark.parametrize("name", ["attention", "vision_transformer", "branches", "custom_block"])
def test_row_seeds_no_two_kernels_from_scratch_start_alike(keras, name):
    """Query, key and value of an attention, for example, or two branches of the same shape."""
    model = train(keras, BACKBONES[name], "from_scratch", learning_rate=1e-12).model
    kernels = [w.numpy().ravel() for w in model.weights if "kernel" in w.path]
    for n, kernel in enumerate(kernels):
        for other in kernels[:n]:
            if kernel.shape == other.shape:
                assert not np.allclose(kernel, other, atol=1e-4)


@pytest.mark.parametrize("where", ["time distributed", "in a block", "alone"])
@pytest.mark.parametrize("algorithm", ADAPTING)
def test_row_batch_normalisation_of_raw_pixels_keeps_its_statistics(keras, make, algorithm, where):
    layers = keras.layers
    norm = {
        "time distributed": lambda: layers.TimeDistributed(layers.BatchNormalization()),
        "in a block": lambda: custom_layers(keras)["Block"](4, 0.0),
        "alone": layers.BatchNormalization,
    }[where]()
    net = make(norm, layers.Flatten())
    before = [weight.numpy() for weight in net.weights if "moving_" in weight.path]
    model = getattr(tc, algorithm)(net, data_for(net), **FAST)
    after = [weight.numpy() for weight in model.weights if "moving_" in weight.path]
    assert len(before) == 2
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture
def mixed_precision(keras):
    before = keras.config.dtype_policy()
    keras.mixed_precision.set_global_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize("algorithm", weekly_but(["pretrain", "l2_sp"], ALGORITHMS))
def test_row_mixed_precision_trains(keras, mixed_precision, algorithm):
    settings = {"epochs": 20, "learning_rate": 1e-2}
    run = train(keras, BACKBONES["plain"], algorithm, **settings)
    losses = run.model.history.history["loss"]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.9 * losses[0]
    found = tc.predict(run.model, run.data.images)
    expected = run.model(run.data.images, training=False).numpy()
    np.testing.assert_allclose(found, expected, atol=5e-3)
    again = train(keras, BACKBONES["plain"], algorithm, **settings)
    assert_same(run.model, again.model)


def test_row_mixed_precision_and_then_none(keras, request):
    """The same network under another policy is another network."""
    before = train(keras, BACKBONES["plain"], "fine_tune").model
    single = keras.config.dtype_policy()
    request.getfixturevalue("mixed_precision")
    half = train(keras, BACKBONES["plain"], "fine_tune").model
    keras.config.set_dtype_policy(single)
    after = train(keras, BACKBONES["plain"], "fine_tune").model
    assert_same(before, after)
    assert differ(before, half)


@pytest.mark.parametrize("word", ["head", "backbone", "pixels", "classifier", "frozen"])
def test_row_names_that_we_use_ourselves(keras, make, word):
    layers = keras.layers
    for name, layer in [("net", word), (word, "conv")]:
        conv = layers.Conv2D(4, 3, name=layer)
        net = make(layers.Rescaling(1 / 255), conv, layers.Flatten(), name=name)
        model = tc.fine_tune(net, data_for(net), freeze=layer if name == "net" else 0, **FAST)
        assert np.isfinite(model.history.history["loss"]).all()
        assert layer in [inner.name for inner in model.get_layer("backbone").layers]
        assert net.name == name


# Masks


@pytest.mark.parametrize(("freeze", "functional"), [(0, False), ("dense", False), ("dense", True)])
def test_a_mask_goes_across_the_cut(keras, freeze, functional):
    """From Masking to the LSTM, whether the layers between the two are frozen or not."""

    def build(keras):
        backbone = BACKBONES["masked"](keras)
        return keras.Model(backbone.inputs, backbone.outputs[0]) if functional else backbone

    run = train(keras, build, "fine_tune", freeze=freeze, **ONE_RATE)
    masks = run.source.get_layer("mask").compute_mask(
        keras.Model(run.source.inputs[0], run.source.get_layer("rows").output)(run.data.images)
    )
    assert 0 < np.mean(masks) < 1
    check_freeze_point(keras, run, freeze)
    found = tc.predict(run.model, run.data.images)
    np.testing.assert_allclose(found, run.model(run.data.images), atol=1e-6)
    expected = build(keras)
    head = plain_fine_tune(keras, expected, freeze, FEW).layers[-1]
    np.testing.assert_allclose(run.model.get_layer("head").kernel, head.kernel, atol=2e-5)


@pytest.mark.parametrize("algorithm", ["feature_reuse", "fine_tune"])
def test_a_mean_leaves_out_what_is_masked(keras, make, algorithm):
    layers = keras.layers
    net = make(
        layers.Rescaling(1 / 255),
        layers.Reshape((8, 8)),
        layers.Masking(),
        layers.Dense(4, name="dense"),
        layers.GlobalAveragePooling1D(),
    )
    data = data_for(net)
    images = data.images.copy()
    images[:, 5:] = 0
    data = tc.Dataset(images, data.labels, data.class_names)
    model = getattr(tc, algorithm)(net, data, **FAST)
    dense = model.get_layer("backbone").get_layer("dense")
    expected = (images[:, :5, :, 0] / 255 @ dense.kernel.numpy() + dense.bias.numpy()).mean(axis=1)
    np.testing.assert_allclose(model.get_layer("backbone")(images), expected, atol=1e-5)
    np.testing.assert_allclose(tc.predict(model, images), model(images), atol=1e-6)


# A layer that the student froze


@pytest.mark.parametrize("algorithm", ["fine_tune", "l2_sp"])
@pytest.mark.parametrize("frozen", ["conv2", "inner/first", "inner/norm"])
def test_row_frozen_by_the_student_stays_frozen(keras, algorithm, frozen):
    def build(keras):
        backbone = BACKBONES["nested_functional"](keras)
        leaves(keras, backbone)[frozen].trainable = False
        return backbone

    run = train(keras, build, algorithm)
    assert frozen not in {path for path, _ in moved(keras, run)}
    paths = set(leaves(keras, run.source)) - {frozen}
    assert moved(keras, run) >= kernels_in(keras, run.source, paths)
    copy = leaves(keras, run.model.get_layer("backbone"))[frozen]
    assert not copy.trainable
    assert not leaves(keras, run.source)[frozen].trainable  # and still so where it came from
    assert leaves(keras, run.source)["conv1"].trainable


def test_row_frozen_by_the_student_together_with_freeze(keras):
    def build(keras):
        backbone = BACKBONES["nested_functional"](keras)
        backbone.get_layer("conv2").trainable = False
        return backbone

    run = train(keras, build, "fine_tune", freeze="conv1")
    changed = {path for path, _ in moved(keras, run)}
    assert changed >= {"inner/first", "inner/second"}
    assert not changed & {"conv1", "conv2"}


def test_row_frozen_by_the_student_inside_a_block(keras):
    def build(keras):
        backbone = BACKBONES["custom_block_with_a_list"](keras)
        backbone.get_layer("block").steps[0].conv.trainable = False
        return backbone

    run = train(keras, build, "fine_tune")
    one, other = (
        model.get_layer("block").steps for model in (run.source, run.model.get_layer("backbone"))
    )
    np.testing.assert_array_equal(one[0].conv.kernel, other[0].conv.kernel)
    assert not np.array_equal(one[1].kernel, other[1].kernel)


@pytest.mark.parametrize("algorithm", ["fine_tune", "pretrain"])
def test_row_one_weight_frozen_by_the_student(keras, algorithm):
    """And not the layer: it stays in fine-tuning, and trains on the source task."""

    def build(keras):
        backbone = BACKBONES["plain"](keras)
        backbone.get_layer("conv1").kernel.trainable = False
        return backbone

    run = train(keras, build, algorithm)
    stays = {("conv1", 0)} if algorithm == "fine_tune" else set()
    assert moved(keras, run) == weights_of(keras, run.source).keys() - stays
    assert not run.source.get_layer("conv1").kernel.trainable


@pytest.mark.parametrize("algorithm", ["pretrain", "from_scratch"])
def test_row_frozen_by_the_student_is_trained_on_the_source_task(keras, algorithm):
    def build(keras):
        backbone = BACKBONES["nested_functional"](keras)
        leaves(keras, backbone)["inner/first"].trainable = False
        return backbone

    run = train(keras, build, algorithm)
    paths = leaves(keras, run.source)
    assert moved(keras, run) >= kernels_in(keras, run.source, paths)
    assert not paths["inner/first"].trainable


def freeze_all(keras, backbone, how):
    if how == "the model":
        backbone.trainable = False
    elif how == "each layer":
        for layer in backbone.layers:
            layer.trainable = False
    else:
        for layer in leaves(keras, backbone).values():
            if layer.weights:
                layer.trainable = False


@pytest.mark.parametrize(
    ("how", "algorithm"),
    [
        ("the model", "feature_reuse"),
        ("each layer", "fine_tune"),
        *[
            pytest.param("the model", algorithm, marks=pytest.mark.slow)
            for algorithm in ALGORITHMS
            if algorithm != "feature_reuse"
        ],
        pytest.param("each layer with weights", "l2_sp", marks=pytest.mark.slow),
    ],
)
def test_row_frozen_altogether_is_trained_and_said(keras, capsys, algorithm, how):
    def build(keras):
        backbone = BACKBONES["nested_functional"](keras)
        freeze_all(keras, backbone, how)
        return backbone

    run = train(keras, build, algorithm, verbose="auto")
    said = capsys.readouterr().out.strip()
    if algorithm in ("fine_tune", "l2_sp"):
        assert said.endswith(".") and "\n" not in said and "frozen" in said
    else:
        assert said == ""
    kernels = kernels_in(keras, run.source, leaves(keras, run.source))
    assert (moved(keras, run) >= kernels) == (algorithm != "feature_reuse")
    train(keras, build, algorithm, verbose=0)
    assert capsys.readouterr().out == ""


def test_row_frozen_altogether_as_feature_reuse_returns_it(keras, capsys):
    def build(keras):
        return train(keras, BACKBONES["plain"], "feature_reuse").model.get_layer("backbone")

    run = train(keras, build, "fine_tune", verbose="auto")
    assert "frozen" in capsys.readouterr().out
    assert moved(keras, run) >= kernels_in(keras, run.source, leaves(keras, run.source))


def test_row_not_frozen_as_pretrain_returns_it(keras, capsys):
    first = train(keras, BACKBONES["nested_functional"], "pretrain").model
    run = train(keras, lambda keras: first.get_layer("backbone"), "fine_tune", verbose="auto")
    assert moved(keras, run) >= kernels_in(keras, run.source, leaves(keras, run.source))
    assert capsys.readouterr().out == ""


# A class that is defined anew, as when a cell runs again

CELL = """
class Inner(keras.layers.Layer):
    def call(self, x):
        return {sign} * x

    def compute_output_shape(self, shape):
        return shape
"""
OUTER = """
class Outer(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inside = Inner()

    def call(self, x):
        return self.inside(x)

    def compute_output_shape(self, shape):
        return shape
"""


@pytest.mark.parametrize(
    ("where", "clear"),
    [
        ("alone", True),
        ("in a wrapper", False),
        *[
            pytest.param(where, clear, marks=pytest.mark.slow)
            for where in ("alone", "in a layer", "in a model")
            for clear in (False, True)
            if (where, clear) != ("alone", True)
        ],
    ],
)
def test_row_a_redefined_class_is_computed_anew(keras, make, where, clear):
    layers = keras.layers
    notebook = {"keras": keras}
    exec(OUTER, notebook)
    models = []
    for sign in (1.0, -1.0, 1.0):
        exec(CELL.format(sign=sign), notebook)
        if clear:
            keras.utils.clear_session()
        layer = {
            "alone": lambda: notebook["Inner"](name="own"),
            "in a layer": lambda: notebook["Outer"](name="own"),
            "in a wrapper": lambda: layers.TimeDistributed(notebook["Inner"](name="i"), name="own"),
            "in a model": lambda: make(notebook["Inner"](name="i"), name="own"),
        }[where]()
        net = make(layer, layers.Rescaling(1 / 255, name="scale"), layers.Flatten(name="flat"))
        data = data_for(net)
        model = tc.feature_reuse(net, data, epochs=10, learning_rate=1e-2, verbose=0)
        expected = model(data.images, training=False).numpy()
        np.testing.assert_allclose(tc.predict(model, data.images), expected, atol=1e-5)
        features = model.get_layer("backbone")(data.images).numpy()
        flat = data.images.reshape(12, -1) / 255
        np.testing.assert_allclose(features, sign * flat, atol=1e-5)
        models.append(model)
    assert_same(models[0], models[2])
    assert differ(models[0], models[1])


def test_row_a_lambda_that_does_something_else_in_training(keras, make):
    def bright(x, training):
        return x + 1000 if training else x

    layers = keras.layers
    net = make(layers.Lambda(bright), layers.Rescaling(1 / 255), layers.Flatten())
    settings = FEW | {"epochs": 1, "callbacks": [zoo.random_head(keras, 3)], "batch_size": 12}
    model = tc.feature_reuse(net, data_for(net), **settings | {"learning_rate": 1e-12})
    images = data_for(net).images
    loss = keras.losses.SparseCategoricalCrossentropy()
    plain = float(loss(data_for(net).labels, model(images, training=False)))
    bright = float(loss(data_for(net).labels, model(images, training=True)))
    assert model.history.history["loss"][0] == pytest.approx(bright, rel=1e-3)
    assert bright != pytest.approx(plain, rel=0.01)


def test_row_a_lambda_that_reads_a_global_is_computed_anew(keras, make):
    notebook = {"keras": keras, "__name__": "__main__"}
    for factor in (1.0, -1.0):
        notebook["factor"] = factor
        layer = eval("keras.layers.Lambda(lambda x: factor * x, name='scaled')", notebook)
        net = make(layer, keras.layers.Flatten(name="flat"))
        model = tc.feature_reuse(net, data_for(net), **FAST)
        images = data_for(net).images
        expected = model(images, training=False).numpy()
        np.testing.assert_allclose(tc.predict(model, images), expected, atol=1e-5)


# Layers that cannot be copied, and models that cannot be cut


@pytest.fixture
def scale(keras):
    """A layer by hand with an argument that its get_config forgets, and one set from outside."""

    class Scale(keras.layers.Layer):
        def __init__(self, factor=1.0, **kwargs):
            super().__init__(**kwargs)
            self.factor, self.offset = factor, 0.0
            self.draw = keras.random.SeedGenerator(0)

        def call(self, x, training=None):
            noise = keras.random.normal(keras.ops.shape(x), seed=self.draw)
            return self.factor * x + self.offset + (noise if training else 0)

        def compute_output_shape(self, shape):
            return shape

        def get_config(self):
            return super().get_config()

    return Scale


@pytest.mark.parametrize(
    ("algorithm", "where"),
    [
        ("from_scratch", "alone"),
        ("feature_reuse", "in a wrapper"),
        ("feature_reuse", "in a model"),
    ],
)
def test_row_a_layer_whose_copy_computes_something_else_is_refused(
    keras, make, scale, algorithm, where
):
    def net(layer):
        if where == "in a wrapper":
            layer = keras.layers.TimeDistributed(layer, name="timed")
        return make(make(layer) if where == "in a model" else layer, keras.layers.Flatten())

    set_later = scale(name="own")
    set_later.offset = 5.0
    for layer in (scale(255.0, name="own"), set_later):
        wrong = net(layer)
        states = [variable.numpy() for variable in wrong.variables]
        with pytest.raises(TypeError, match=r"'own' \(Scale\).* something else") as error:
            getattr(tc, algorithm)(wrong, data_for(wrong), **FAST)
        assert_one_sentence(error)
        for variable, state in zip(wrong.variables, states, strict=True):
            np.testing.assert_array_equal(variable, state)
    right = net(scale(name="own"))
    getattr(tc, algorithm)(right, data_for(right), **FAST)


def test_row_a_layer_that_always_draws_at_random_is_copied(keras, make):
    """With no two outputs alike, nothing can be said of its copy."""

    class Always(keras.layers.Layer):
        def call(self, x):
            return x + keras.random.normal(keras.ops.shape(x))

    net = make(Always(name="always"), keras.layers.Flatten())
    tc.feature_reuse(net, data_for(net), **FAST)


def trains_or_one_sentence(net, algorithm):
    data = data_for(net)
    try:
        model = getattr(tc, algorithm)(net, data, **FAST)
    except (TypeError, ValueError) as error:
        message = str(error)
        assert "\n" not in message and 20 < len(message) < 400, message
        assert "safe_mode" not in message
    else:
        assert np.isfinite(model.history.history["loss"]).all()
        expected = model(data.images, training=False).numpy()
        np.testing.assert_allclose(tc.predict(model, data.images), expected, atol=1e-5)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_row_tfsm_layer_trains_or_gets_one_sentence(keras, make, tmp_path, algorithm):
    exported = make(keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(4, 3))
    exported.export(tmp_path / "saved", verbose=False)
    saved = keras.layers.TFSMLayer(tmp_path / "saved", call_endpoint="serve", name="saved")
    pixels = keras.Input((8, 8, 1))
    net = keras.Model(pixels, keras.layers.Flatten(name="flat")(saved(pixels)))
    trains_or_one_sentence(net, algorithm)


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        pytest.param(
            name,
            algorithm,
            marks=[] if (name, algorithm) == ("built_by_calling", "l2_sp") else pytest.mark.slow,
        )
        for name in ["lambda_layer", "built_by_calling", "fixed_batch_size"]
        for algorithm in ALGORITHMS
    ],
)
def test_row_lambda_and_batch_sizes_in_the_shape_train(keras, trained, name, algorithm):
    run = trained(name, algorithm)
    check_trained(keras, run, algorithm)
    for batch_size in (1, 12):
        model = train(keras, BACKBONES[name], algorithm, batch_size=batch_size).model
        assert np.isfinite(model.history.history["loss"]).all()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("name", REFUSED)
def test_row_what_cannot_be_cut_gets_one_sentence(keras, name, algorithm):
    backbone = REFUSED[name](keras)
    data = tc.Dataset(*zoo.images(BACKBONES["plain"](keras)))
    with pytest.raises((TypeError, ValueError)) as error:
        getattr(tc, algorithm)(backbone, data, **FAST)
    assert_one_sentence(error)


@pytest.mark.parametrize("name", REFUSED)
def test_row_what_cannot_be_cut_has_no_freeze_points(keras, name):
    with pytest.raises((TypeError, ValueError)) as error:
        tc.freeze_points(REFUSED[name](keras))
    assert_one_sentence(error)


@pytest.mark.parametrize("loss", [["mse"], {"features": "mse"}, "mse", None])
def test_row_compiled_with_a_list_or_a_dict_of_losses(keras, loss):
    backbone = BACKBONES["plain"](keras)
    backbone.compile("adam", loss)
    model = tc.feature_reuse(backbone, data_for(backbone), **FAST)
    assert np.isfinite(model.history.history["loss"]).all()


SWEEP = """
import logging
import numpy as np
import transfer_course as tc

said = []

class Keep(logging.Handler):
    def emit(self, record):
        said.append(record.getMessage())

images = np.random.default_rng(0).integers(0, 256, (6, 28, 28, 1)).astype("uint8")
data = tc.Dataset(images, [0, 1, 0, 1, 0, 1], ("a", "b"))
backbone = tc.backbones.small_cnn()
for name in (None, "tensorflow", "absl"):
    logging.getLogger(name).addHandler(Keep())
for seed in (0, 1):
    for point in [0, *tc.freeze_points(backbone)]:
        model = tc.fine_tune(backbone, data, freeze=point, epochs=1, seed=seed, verbose=0)
        tc.predict(model, images)
        tc.fine_tune(backbone, data, freeze=point, epochs=1, seed=seed, cache=False, verbose=0)
print("said:", *said, sep="\\n")
"""


@pytest.mark.long
def test_row_a_sweep_over_freeze_points_is_silent():
    process = subprocess.run(
        [sys.executable, "-c", SWEEP], capture_output=True, encoding="utf-8", timeout=300
    )
    assert process.returncode == 0, process.stderr[-2000:]
    assert process.stdout == "said:\n"
    assert "retracing" not in process.stderr


# A kernel that is all zero


@pytest.fixture
def with_a_zero_kernel(keras, make):
    def build(keras):
        layers = keras.layers
        zero = layers.Conv2D(4, 3, kernel_initializer="zeros", name="zero")
        inner = keras.Sequential([keras.Input((8, 8, 4)), zero], name="inner")
        net = make(layers.Conv2D(4, 1, name="conv"), inner, layers.Flatten(name="flat"))
        zero.bias.assign(np.ones(4))
        return net

    return build


@pytest.mark.filterwarnings("error")
def test_row_a_kernel_of_zeros_in_drift_by_layer(keras, with_a_zero_kernel):
    run = train(keras, with_a_zero_kernel, "feature_reuse")
    assert tc.drift_by_layer(run.model, run.source) == {"conv": 0.0, "inner/zero": 0.0}
    run = train(keras, with_a_zero_kernel, "fine_tune")
    drift = tc.drift_by_layer(run.model, run.source)
    assert list(drift) == ["conv", "inner/zero"]
    assert np.isnan(drift["inner/zero"])
    assert np.isfinite(drift["conv"])


@pytest.mark.parametrize(
    "name",
    weekly_but(["nested_twice"], ["nested_twice", "nested_with_two_outputs", "vision_transformer"]),
)
def test_drift_by_layer_names_layers_by_their_path(keras, tuned, name):
    run = tuned(name)
    before, after = leaves(keras, run.source), leaves(keras, run.model.get_layer("backbone"))
    expected = {}
    for path, layer in before.items():
        start, end = (
            [w.numpy().ravel().astype(float) for w in side.weights if "kernel" in w.name]
            for side in (layer, after[path])
        )
        if start:
            start, end = np.concatenate(start), np.concatenate(end)
            expected[path] = np.linalg.norm(end - start) / np.linalg.norm(start)
    assert tc.drift_by_layer(run.model, run.source) == pytest.approx(expected, rel=1e-5)


# keras.applications: few images, one epoch

ONCE = {"epochs": 1, "batch_size": 3}
LATE = {
    "MobileNetV2": "inner/block_15_add",
    "MobileNetV3Small": "inner/expanded_conv_9_add",
    "EfficientNetB0": "inner/block6d_add",
    "ResNet50V2": "inner/conv5_block2_out",
    "DenseNet121": "inner/conv5_block15_concat",
    "ConvNeXtTiny": None,
    "augmented_mobilenetv2": None,
}


@pytest.fixture(scope="module")
def application(keras):
    """One of `keras.applications`, built once."""
    return cache(lambda name: APPLICATIONS[name](keras))


def train_application(keras, source, algorithm, **settings):
    data = data_for(source, count=6)
    before = [weight.numpy() for weight in source.weights]
    model = getattr(tc, algorithm)(source, data, **FEW | ONCE | settings)
    for weight, value in zip(source.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    assert not {id(w) for w in source.variables} & {id(w) for w in model.variables}
    assert not {id(x) for x in sublayers(source)} & {id(x) for x in sublayers(model)}
    return Run(source, data, model, [], [])


@pytest.mark.parametrize("name", weekly_but(["MobileNetV2"], APPLICATIONS))
def test_applications_have_places_to_freeze_up_to_inside(keras, application, name):
    points = tc.freeze_points(application(name))
    inside = [point for point in points if point.startswith(("inner/", "mobilenetv2"))]
    assert len(inside) >= 4
    if LATE[name]:
        assert LATE[name] in points
    paths = leaves(keras, application(name))
    names = {*paths, *(layer.name for layer in application(name).layers)}
    assert set(points) <= names


@pytest.mark.parametrize("name", weekly_but(["MobileNetV2"], APPLICATIONS))
def test_applications_feature_reuse(keras, application, name):
    run = train_application(keras, application(name), "feature_reuse", epochs=2)
    assert not moved(keras, run)
    found = tc.predict(run.model, run.data.images)
    expected = run.model(run.data.images, training=False).numpy()
    np.testing.assert_allclose(found, expected, atol=2e-4)


@pytest.mark.parametrize("name", weekly_but(["MobileNetV2"], APPLICATIONS))
def test_applications_fine_tuned_from_a_late_place_on(keras, application, name):
    points = tc.freeze_points(application(name))
    point = LATE[name] or points[-2]
    run = train_application(keras, application(name), "fine_tune", freeze=point)
    check_freeze_point(keras, run, point)


@pytest.mark.parametrize("algorithm", ["pretrain", "from_scratch", "fine_tune", "l2_sp"])
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) for n in APPLICATIONS])
def test_applications_train_altogether(keras, application, name, algorithm):
    run = train_application(keras, application(name), algorithm)
    statistics = {key for key, w in statistics_of(keras, run.source).items()}
    changed = moved(keras, run)
    assert changed >= kernels_in(keras, run.source, leaves(keras, run.source))
    assert (changed & statistics) == (set() if algorithm in ADAPTING else statistics)


def statistics_of(keras, backbone):
    return {
        (path, number): weight
        for path, layer in leaves(keras, backbone).items()
        for number, weight in enumerate(layer.weights)
        if "moving_" in weight.path
    }


@pytest.mark.slow
@pytest.mark.parametrize("place", ["first", "middle", "last"])
@pytest.mark.parametrize("name", weekly_but(["MobileNetV2", "ConvNeXtTiny"], APPLICATIONS))
def test_applications_fine_tuned_from_three_places_on(keras, application, name, place):
    points = tc.freeze_points(application(name))
    point = {"first": points[0], "middle": points[len(points) // 2], "last": points[-1]}[place]
    run = train_application(keras, application(name), "fine_tune", freeze=point)
    check_freeze_point(keras, run, point)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNetV2", "MobileNetV3Small", "ResNet50V2"])
def test_applications_keeping_features_does_not_change_the_model(keras, application, name):
    settings = {"freeze": LATE[name], "learning_rate": 1e-4}
    kept = train_application(keras, application(name), "fine_tune", **settings)
    plain = train_application(keras, application(name), "fine_tune", cache=False, **settings)
    assert_close(kept.model, plain.model, atol=5e-5)
