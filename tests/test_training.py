"""The training loop: the shortcuts it takes change nothing.

It keeps features, runs epochs in one compiled call, and uses again what it compiled. None of that
may show in a result: not in another process, in another order, nor in two threads at once.
"""

import hashlib
import inspect
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import numpy as np
import pytest
from weekly import weekly_but

import transfer_course as tc
from transfer_course import predict
from transfer_course.networks.internals import sublayers
from transfer_course.training import feature_cache, network
from transfer_course.training.network import forget_networks, signature

FEW = {"epochs": 3, "batch_size": 5, "learning_rate": 1e-3}


def assert_same(one, other):
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


def assert_close(one, other, atol=2e-5):
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=atol, rtol=0)


def differ(one, other):
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return any(not np.array_equal(a, b) for a, b in pairs)


def net_with(keras, *middle, name="net"):
    """pixels, conv, what is given, conv, features: 8x8x1 in, always the same weights."""
    layers = keras.layers
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1), name="pixels"),
            layers.Rescaling(1 / 255, name="scale"),
            layers.Conv2D(4, 3, activation="relu", name="conv1"),
            *middle,
            layers.Conv2D(4, 3, activation="relu", name="conv2"),
            layers.GlobalAveragePooling2D(name="features"),
        ],
        name=name,
    )


# Batch normalisation


def norms_in(keras, model):
    return [x for x in sublayers(model) if isinstance(x, keras.layers.BatchNormalization)]


@pytest.fixture(
    params=weekly_but(
        ["functional", "nested functional"],
        ["functional", "nested sequential", "nested functional"],
    )
)
def normalised(keras, request):
    """A network with batch normalisation somewhere in it, with statistics of its own."""
    layers = keras.layers
    norm = layers.BatchNormalization(name="norm")
    if request.param == "functional":
        net = net_with(keras, norm)
        net = keras.Model(net.inputs, net.outputs[0])
    else:
        first = layers.Conv2D(4, 1, name="inner_conv")
        inner = keras.Sequential([keras.Input((6, 6, 4)), first, norm], name="inner")
        if request.param == "nested functional":
            inner = keras.Model(inner.inputs, inner.outputs[0], name="inner")
        net = net_with(keras, inner)
    norm.set_weights([np.full(4, value, "float32") for value in (1.5, 0.2, 0.1, 2.0)])
    return net


ADAPTING = {
    "feature_reuse": tc.feature_reuse,
    "fine_tune": partial(tc.fine_tune, freeze=0, cache=False),
    "l2_sp": partial(tc.l2_sp, freeze=0),
}


@pytest.mark.parametrize("name", ADAPTING)
def test_batch_normalisation_stays_as_it_was_pretrained(keras, normalised, tiny, name):
    model = ADAPTING[name](normalised, tiny, **FEW)
    (norm,) = norms_in(keras, model)
    for found, value in zip(norm.get_weights(), (1.5, 0.2, 0.1, 2.0), strict=True):
        np.testing.assert_array_equal(found, np.full(4, value, "float32"))
    conv = next(x for x in sublayers(model) if x.name == "conv2")
    assert np.array_equal(conv.kernel, normalised.get_layer("conv2").kernel) == (
        name == "feature_reuse"
    )


@pytest.mark.parametrize("algorithm", [tc.pretrain, tc.from_scratch])
def test_batch_normalisation_learns_on_the_source_task(keras, normalised, tiny, algorithm):
    model = algorithm(normalised, tiny, **FEW)
    (norm,) = norms_in(keras, model)
    start = (1.5, 0.2, 0.1, 2.0) if algorithm is tc.pretrain else (1, 0, 0, 1)
    for found, value in zip(norm.get_weights(), start, strict=True):
        assert np.abs(found - value).max() > 1e-4


# Features kept or not: the same model


def dropouts(keras):
    layers = keras.layers
    return [
        layers.Dropout(0.5, seed=1, name="drop1"),
        layers.Conv2D(4, 3, name="middle"),
        layers.Dropout(0.5, seed=2, name="drop2"),
    ]


CUTS = [
    *[("small_cnn", freeze) for freeze in ("pool1", "features")],
    *[("residual", freeze) for freeze in ("inner1", "sum")],
    *[("dropout", freeze) for freeze in (0, "middle", "features")],
]


@pytest.mark.parametrize(("net", "freeze"), CUTS)
def test_keeping_features_does_not_change_the_model(
    keras, backbone, residual, draw, tiny, net, freeze
):
    start, data = {
        "small_cnn": lambda: (backbone, draw[0]),
        "residual": lambda: (residual, tiny),
        "dropout": lambda: (net_with(keras, *dropouts(keras)), tiny),
    }[net]()
    kept = tc.fine_tune(start, data, freeze=freeze, cache=True, **FEW)
    plain = tc.fine_tune(start, data, freeze=freeze, cache=False, **FEW)
    assert_close(kept, plain)
    np.testing.assert_allclose(
        kept.history.history["loss"], plain.history.history["loss"], rtol=1e-4
    )


@pytest.mark.parametrize("freeze", ["inner1", "inner2"])
def test_a_cut_inside_a_skip_connection_trains_as_plain_keras_does(keras, residual, tiny, freeze):
    model = tc.fine_tune(residual, tiny, freeze=freeze, seed=2, head_learning_rate=1e-3, **FEW)
    copy = keras.models.clone_model(residual)
    copy.set_weights(residual.get_weights())
    names = [layer.name for layer in copy.layers]
    for layer in copy.layers[: names.index(freeze) + 1]:
        layer.trainable = False
    head = keras.layers.Dense(3, "softmax", kernel_initializer="zeros")
    plain = keras.Sequential([keras.Input((8, 8, 1)), copy, head])
    plain.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    random = np.random.default_rng(2)
    for _ in range(3):
        for few in np.split(random.permutation(12), [5, 10]):
            plain.train_on_batch(tiny.images[few], tiny.labels[few])
    assert_close(model, plain)


def test_branches_of_the_same_shape_are_not_exchanged(keras, tiny):
    """The order of layers differs between a model and its clones where branches run side by side.

    A weight in the wrong one of two equal branches would pass every check of shapes.
    """
    layers = keras.layers
    keras.utils.set_random_seed(3)
    pixels = keras.Input((8, 8, 1))
    late = layers.Conv2D(2, 3, padding="same", name="late")
    early = layers.Conv2D(2, 3, padding="same", name="early")
    scaled = layers.Rescaling(1 / 255)(pixels)
    a = layers.Activation("relu")(early(scaled))
    b = layers.Activation("tanh")(late(scaled))
    both = layers.Concatenate()([b, a])
    net = keras.Model(pixels, layers.GlobalAveragePooling2D()(both))
    expected = net.predict(tiny.images, verbose=0)
    model = tc.feature_reuse(net, tiny, epochs=1)
    found = model.get_layer("backbone").predict(tiny.images, verbose=0)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(
        predict(model, tiny.images), model.predict(tiny.images, verbose=0), atol=1e-6
    )
    tuned = tc.fine_tune(net, tiny, epochs=1, learning_rate=1e-9)
    found = tuned.get_layer("backbone").predict(tiny.images, verbose=0)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("algorithm", "nested"),
    [
        (tc.fine_tune, True),
        (tc.feature_reuse, False),
        pytest.param(tc.fine_tune, False, marks=pytest.mark.slow),
        pytest.param(tc.feature_reuse, True, marks=pytest.mark.slow),
    ],
)
def test_dropout_draws_and_draws_anew(keras, tiny, algorithm, nested):
    """With dropout the result is another one, and can be had again."""

    def net(rate):
        drop = keras.layers.Dropout(rate)
        return net_with(keras, keras.Sequential([keras.Input((6, 6, 4)), drop]) if nested else drop)

    one, again = (algorithm(net(0.5), tiny, seed=1, **FEW) for _ in range(2))
    assert_same(one, again)
    probabilities = one.predict(tiny.images, verbose=0)
    np.testing.assert_array_equal(probabilities, one.predict(tiny.images, verbose=0))
    assert differ(one, algorithm(net(0.0), tiny, seed=1, **FEW))


def test_a_layer_that_is_called_twice_is_refused(keras, tiny):
    pixels, twice = keras.Input((8, 8, 1)), keras.layers.Dense(64, name="again")
    net = keras.Model(pixels, twice(twice(keras.layers.Flatten()(pixels))))
    with pytest.raises(ValueError, match="uses its layer 'again' twice"):
        tc.feature_reuse(net, tiny, epochs=2)


# What came before does not matter


@pytest.mark.parametrize("name", ["pretrain", "from_scratch", *ADAPTING])
def test_the_seed_decides(backbone, draw, name):
    algorithm = getattr(tc, name)
    settings = FEW | {"batch_size": 8}
    one = algorithm(backbone, draw[0], seed=1, **settings)
    other = algorithm(backbone, draw[0], seed=2, **settings)
    again = algorithm(backbone, draw[0], seed=1, **settings)
    assert_same(one, again)
    assert one.history.history == again.history.history
    assert differ(one, other)


def runs():
    """A digest of trained weights, for two processes to compare."""
    import transfer_course as tc

    train, _ = tc.few_shot(tc.datasets.digits(), shots=2, seed=0)
    backbone = tc.backbones.small_cnn()
    few = {"epochs": 2, "batch_size": 8}
    models = [
        tc.pretrain(backbone, train, **few),
        tc.from_scratch(backbone, train, seed=1, **few),
        tc.feature_reuse(backbone, train, **few),
        tc.fine_tune(backbone, train, freeze="pool1", **few),
        tc.l2_sp(backbone, train, **few),
    ]
    for model in models:
        digest = hashlib.sha256()
        for weight in model.get_weights():
            digest.update(weight.tobytes())
        print(digest.hexdigest())


@pytest.mark.long
def test_another_process_finds_the_same_weights(capsys):
    runs()
    here = capsys.readouterr().out.split()
    script = f"import hashlib\n{inspect.getsource(runs)}\nruns()"
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, encoding="utf-8", timeout=99
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout.split() == here
    assert len(set(here)) == 5


def test_what_was_trained_before_does_not_matter(keras, backbone, draw):
    train, test = draw
    fresh = tc.backbones.small_cnn()  # the same architecture, other weights
    other = tc.few_shot(tc.datasets.digits(), shots=2, seed=1)[0]
    runs = [
        lambda: tc.fine_tune(backbone, train, freeze="pool2", **FEW),
        lambda: tc.fine_tune(fresh, train, freeze="pool2", **FEW),
        lambda: tc.fine_tune(backbone, other, freeze="pool2", **FEW),
        lambda: tc.fine_tune(backbone, train, freeze="pool2", **FEW | {"learning_rate": 1e-2}),
        lambda: tc.l2_sp(backbone, train, freeze="pool2", alpha=1, beta=1, **FEW),
        lambda: tc.l2_sp(fresh, train, freeze="pool2", alpha=5, beta=0, **FEW),
        lambda: tc.feature_reuse(backbone, train, **FEW),
        lambda: tc.feature_reuse(fresh, train, **FEW),
    ]
    forwards = []
    for run in runs:  # as if each were the first
        forget_networks()
        feature_cache.clear()
        forwards.append(run())
    backwards = [run() for run in reversed(runs)][::-1]
    for one, two in zip(forwards, backwards, strict=True):
        assert_same(one, two)
        np.testing.assert_allclose(  # and no kept feature is stale
            predict(one, test.images), one.predict(test.images, verbose=0), atol=1e-5
        )
    for i, one in enumerate(forwards):
        assert all(differ(one, two) for two in forwards[:i])


def test_features_are_those_of_the_weights_at_the_time(keras, tiny):
    """The same model object, its weights changed in place."""
    net = net_with(keras)
    before = tc.feature_reuse(net, tiny, **FEW)
    kernel = net.get_layer("conv1").kernel
    kernel.assign(-kernel)
    after = tc.feature_reuse(net, tiny, **FEW)
    np.testing.assert_allclose(
        predict(after, tiny.images), after.predict(tiny.images, verbose=0), atol=1e-6
    )
    assert differ(before, after)
    plain = tc.feature_reuse(net, tiny, cache=False, **FEW)
    assert_close(after, plain)


def test_the_architecture_counts_where_the_weights_are_equal(keras, tiny):
    """Networks alike in every weight, but not in what they compute."""
    for scale in (1 / 255, 1 / 100):
        net = net_with(keras)
        layers = [keras.layers.Rescaling(scale, name="scale"), *net.layers[1:]]
        net = keras.Sequential([keras.Input((8, 8, 1)), *layers])
        model = tc.feature_reuse(net, tiny, **FEW)
        np.testing.assert_allclose(
            predict(model, tiny.images), model.predict(tiny.images, verbose=0), atol=1e-6
        )


def classifier_by_hand(keras, backbone, head):
    """What looks like a result of this package, with another head."""
    copy = keras.models.clone_model(backbone)
    copy.set_weights(backbone.get_weights())
    copy.name = "backbone"
    return keras.Sequential([keras.Input(backbone.input_shape[1:]), copy, head])


@pytest.mark.parametrize("first", ["by hand", "by fine_tune"])
def test_the_head_counts_where_the_backbones_are_equal(keras, tiny, first):
    """A head without a softmax, in a model of one's own that was asked for predictions."""
    net = net_with(keras)
    expected = tc.fine_tune(net, tiny, **FEW)
    own = classifier_by_hand(keras, net, keras.layers.Dense(3, name="head"))
    forget_networks()
    if first == "by hand":
        predict(own, tiny.images)
    model = tc.fine_tune(net, tiny, **FEW)
    assert_same(model, expected)
    for it in (own, model):
        expected = it.predict(tiny.images, verbose=0)
        np.testing.assert_allclose(predict(it, tiny.images), expected, atol=1e-6)


def test_predict_of_a_head_that_is_not_dense(keras, tiny):
    head = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")], name="head")
    own = classifier_by_hand(keras, net_with(keras), head)
    expected = own.predict(tiny.images, verbose=0)
    np.testing.assert_allclose(predict(own, tiny.images), expected, atol=1e-6)


def test_all_algorithms_share_a_compiled_network(keras, tiny):
    """Also those whose head starts otherwise."""
    net = net_with(keras)
    models = [algorithm(net, tiny, epochs=1) for algorithm in (tc.fine_tune, tc.pretrain)]
    assert signature(models[0]) == signature(models[1])


@pytest.mark.parametrize("kind", ["sequential", "functional"])
def test_a_network_built_again_is_compiled_once(keras, tiny, kind):
    """Though Keras then gives other names to its layers. With another layer it is another one."""

    def build(activation="relu", last=keras.layers.Flatten):
        keras.utils.set_random_seed(1)
        layers = [keras.layers.Conv2D(4, 3), keras.layers.Activation(activation), last()]
        if kind == "sequential":
            return keras.Sequential([keras.Input((8, 8, 1)), *layers])
        pixels = keras.Input((8, 8, 1))
        x = layers[1](layers[0](pixels / 255.0))
        return keras.Model(pixels, layers[2](keras.layers.Add()([x, 2 * x])))

    networks = [build(), build(), build("tanh"), build(last=keras.layers.GlobalMaxPooling2D)]
    assert networks[0].layers[1].name != networks[1].layers[1].name
    found = [feature_cache.computation(it) for it in networks]
    assert found[0] == found[1]
    assert len(set(found)) == 3
    forget_networks()
    one, again = (tc.fine_tune(it, tiny, **FEW) for it in networks[:2])
    assert_same(one, again)
    assert len(network._idle) == 1


def test_methods_share_the_features_of_the_same_frozen_layers(backbone, draw, monkeypatch):
    feature_cache.clear()
    settings = {"freeze": "pool2", "epochs": 1, "seed": 0}
    before = tc.fine_tune(backbone, draw[0], **settings)
    kept = feature_cache.size()
    monkeypatch.setattr(feature_cache, "_compute", lambda run, images, wanted, verbose: [])
    after = tc.l2_sp(backbone, draw[0], alpha=0, beta=0, **settings)
    assert kept == feature_cache.size() > 0
    for one, other in zip(before.get_weights(), after.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("adapted", [False, True])
def test_nothing_is_kept_if_no_layer_is_frozen(keras, tiny, monkeypatch, capsys, adapted):
    """Scaled images are four times as large as images, and made in no time."""
    layers = keras.layers
    parts = [layers.Normalization(mean=100.0, variance=900.0)] if adapted else []
    if adapted:
        parts.append(layers.Normalization(axis=-1))
        parts[-1].adapt(tiny.images.astype("float32"))
    parts += [layers.Rescaling(1 / 255), layers.Conv2D(4, 3), layers.Flatten()]
    net = keras.Sequential([keras.Input((8, 8, 1)), *parts])
    feature_cache.clear()
    monkeypatch.setattr(feature_cache, "BUDGET", 12 * 8 * 8 * 4 - 1)
    model = tc.fine_tune(net, tiny, validation_data=tiny, **FEW)
    found = predict(model, tiny.images)
    np.testing.assert_allclose(found, model.predict(tiny.images, verbose=0), atol=1e-6)
    assert feature_cache.size() == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("kept", [0, 3000])
def test_a_small_budget_changes_nothing(backbone, draw, monkeypatch, kept):
    """Images beyond the budget are computed again: 3,000 bytes are 11 times 64 features."""
    train, test = draw
    model = tc.feature_reuse(backbone, train, **FEW)
    expected = predict(model, test.images)
    monkeypatch.setattr(feature_cache, "BUDGET", kept)
    feature_cache.clear()
    np.testing.assert_allclose(predict(model, test.images), expected, atol=1e-6)
    assert feature_cache.size() == kept // 256 * 256
    assert_close(tc.feature_reuse(backbone, train, verbose=0, **FEW), model)


def test_the_frozen_part_sees_each_picture_once(keras, tiny):
    """Twice the pictures, three epochs, two trainings: one pass each through the frozen part."""
    feature_cache.clear()
    passed = []
    run = lambda images: passed.append(len(images)) or [keras.ops.cast(images, "float32")]  # noqa: E731
    twice = np.concatenate([tiny.images, tiny.images])
    for _ in range(2):
        (found,) = feature_cache.frozen_features(run, b"test", twice)
        np.testing.assert_array_equal(found, twice.astype("float32"))
    assert passed == [10, 10]  # 12 pictures, filled up to two batches of 10


@pytest.mark.parametrize("cache", [True, False])
def test_each_loop_is_traced_once(keras, tiny, cache):
    """Python runs a layer for each thing that is compiled, and never again."""
    calls = []

    class Noted(keras.layers.Layer):
        def call(self, x):
            calls.append(x.shape)
            return x

    backbone = net_with(keras, Noted())
    settings = FEW | {"cache": cache, "verbose": 0}
    tc.fine_tune(backbone, tiny, **settings)
    without_validation = len(calls)
    tc.fine_tune(backbone, tiny, **settings, validation_data=tiny)
    tc.fine_tune(backbone, tiny, **settings, validation_data=tiny)
    # The first training: once when the clone is built, three times when it is checked (the layer
    # twice, its copy once), twice for the network that is compiled (it is unrolled, and cut), once
    # for the features that set the head's rate, once in the loop. Others: their clone with its
    # check, and once the validation.
    assert without_validation == 8
    assert len(calls) == 8 + 4 + 4 + 1


def test_a_pictures_features_do_not_depend_on_its_company(backbone, draw):
    model = tc.feature_reuse(backbone, draw[0], epochs=1)
    images = draw[1].images[:37]
    feature_cache.clear()
    together = predict(model, images)
    feature_cache.clear()
    np.testing.assert_allclose(predict(model, images[5:6]), together[5:6], atol=1e-6)
    one = tc.fine_tune(backbone, draw[0], freeze="pool2", **FEW)
    feature_cache.clear()
    predict(one, draw[0].images[[3]])
    predict(one, draw[0].images[19:1:-1])
    assert_same(tc.fine_tune(backbone, draw[0], freeze="pool2", **FEW), one)


def test_a_training_that_breaks_off_leaves_nothing_behind(backbone, draw, monkeypatch):
    expected = tc.fine_tune(backbone, draw[0], freeze="pool2", **FEW)

    class Interrupted(Exception):
        pass

    def interrupt(*_):
        raise Interrupted

    with monkeypatch.context() as patched:
        patched.setattr("keras.callbacks.History.on_epoch_end", interrupt)
        with pytest.raises(Interrupted):
            tc.fine_tune(backbone, draw[0], freeze="pool2", **FEW)
    assert_same(tc.fine_tune(backbone, draw[0], freeze="pool2", **FEW), expected)


# Two at once


def test_two_threads_get_what_one_after_the_other_gets(backbone, draw):
    other = tc.few_shot(tc.datasets.digits(), shots=2, seed=1)[0]
    settings = FEW | {"epochs": 20}
    runs = [
        lambda: tc.fine_tune(backbone, draw[0], freeze="pool2", seed=1, **settings),
        lambda: tc.fine_tune(backbone, other, freeze="pool2", seed=2, **settings),
        lambda: tc.l2_sp(backbone, draw[0], freeze="pool2", alpha=1, **settings),
        lambda: tc.l2_sp(backbone, draw[0], freeze="pool2", alpha=9, **settings),
    ]
    expected = [run() for run in runs]
    for pair in ([0, 1], [2, 3], [0, 0]):
        barrier = Barrier(2)

        def at_once(i, barrier=barrier):
            barrier.wait(timeout=30)
            return runs[i]()

        with ThreadPoolExecutor(2) as pool:
            for i, found in zip(pair, pool.map(at_once, pair), strict=True):
                assert_same(found, expected[i])


# The progress bar


@pytest.mark.parametrize("verbose", [0, 1])
def test_a_progress_bar_only_when_asked_for(backbone, draw, capfd, verbose):
    tc.feature_reuse(backbone, draw[0], epochs=12, verbose=verbose)
    shown = capfd.readouterr().out
    assert ("12/12" in shown and "accuracy" in shown) if verbose else shown == ""


def test_predict_is_what_keras_predicts(backbone, residual, draw, tiny):
    for model, images in [
        (tc.feature_reuse(backbone, draw[0], epochs=2), draw[1].images),
        (tc.fine_tune(backbone, draw[0], epochs=2), draw[1].images),
        (tc.fine_tune(residual, tiny, freeze="inner1", epochs=2), tiny.images[:1]),
    ]:
        expected = model.predict(images, verbose=0)
        np.testing.assert_allclose(predict(model, images), expected, atol=1e-6)


def test_predict_of_a_model_that_is_frozen_altogether(backbone, draw):
    train, test = draw
    model = tc.feature_reuse(backbone, train, epochs=1)
    model.trainable = False
    expected = model.predict(test.images, verbose=0)
    np.testing.assert_allclose(tc.predict(model, test.images), expected, atol=1e-6)
    assert tc.accuracy(model, test) == (expected.argmax(axis=1) == test.labels).mean()
