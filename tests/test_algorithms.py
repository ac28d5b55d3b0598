"""The algorithms: each against the same thing done by hand, in NumPy or in plain Keras."""

from functools import partial

import numpy as np
import pytest
import zoo

import transfer_course as tc
from transfer_course.algorithms.l2_sp import L2SP

FEW = {"epochs": 3, "batch_size": 8, "seed": 3}
ALGORITHMS = {
    "pretrain": tc.pretrain,
    "from_scratch": tc.from_scratch,
    "feature_reuse": tc.feature_reuse,
    "fine_tune": partial(tc.fine_tune, freeze="pool1"),
    "l2_sp": partial(tc.l2_sp, freeze="pool1"),
}
every_algorithm = pytest.mark.parametrize("name", ALGORITHMS)


def batches(data, *, epochs, batch_size, seed):
    """The pictures and labels of each step, in the order that the docstrings promise."""
    random = np.random.default_rng(seed)
    for _ in range(epochs):
        order = random.permutation(len(data))
        for start in range(0, len(data), batch_size):
            few = order[start : start + batch_size]
            yield data.images[few], data.labels[few]


def plain_classifier(keras, backbone, data):
    """A copy of the backbone with a new head, made with nothing but Keras."""
    copy = keras.models.clone_model(backbone)
    copy.set_weights(backbone.get_weights())
    head = keras.layers.Dense(len(data.class_names), "softmax", kernel_initializer="zeros")
    return keras.Sequential([keras.Input(data.images.shape[1:]), copy, head]), copy, head


def assert_close(found, expected, atol):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=atol, rtol=0)


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other, strict=True)


def of_backbone(model):
    return model.get_layer("backbone")


# What all have in common


@every_algorithm
def test_returns_a_trained_classifier(keras, backbone, draw, name):
    train, test = draw
    model = ALGORITHMS[name](backbone, train, **FEW)
    assert isinstance(model, keras.Sequential)
    assert [layer.name for layer in model.layers] == ["backbone", "head"]
    probabilities = model.predict(test.images, verbose=0)
    assert probabilities.shape == (100, 10)
    assert probabilities.min() >= 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert model.history.epoch == [0, 1, 2]
    assert {key: len(values) for key, values in model.history.history.items()} == {
        "loss": 3,
        "accuracy": 3,
    }
    before = ALGORITHMS[name](backbone, train, **FEW | {"epochs": 1}).history.history["loss"]
    assert before == model.history.history["loss"][:1]
    assert model.history.history["loss"][-1] < before[0]
    _, accuracy = model.evaluate(test.images, test.labels, verbose=0)  # so it is compiled
    assert accuracy == pytest.approx((probabilities.argmax(axis=1) == test.labels).mean())
    assert isinstance(model.optimizer, keras.optimizers.Adam)


@every_algorithm
def test_leaves_the_backbone_as_it_was(source, backbone, draw, name):
    train, test = draw
    layers = list(backbone.layers)
    layers[3].trainable = False
    try:
        weights, predicted = backbone.get_weights(), source.predict(test.images, verbose=0)
        flags = [layer.trainable for layer in layers]
        regularizers = [weight.regularizer for weight in backbone.weights]
        model = ALGORITHMS[name](backbone, train, **FEW)
        assert_same(backbone.get_weights(), weights)
        assert [layer.trainable for layer in layers] == flags
        assert [weight.regularizer for weight in backbone.weights] == regularizers
        assert backbone.name == "backbone"
        assert all(a is b for a, b in zip(backbone.layers, layers, strict=True))
        np.testing.assert_array_equal(source.predict(test.images, verbose=0), predicted)
        # Shares nothing with the result, and hands its flags on to nobody.
        mine = {id(weight) for weight in backbone.weights}
        assert not mine & {id(weight) for weight in model.weights}
        assert of_backbone(model).layers[3].trainable == (name in ("pretrain", "from_scratch"))
    finally:
        layers[3].trainable = True


@every_algorithm
def test_leaves_the_name_of_the_backbone(draw, name):
    backbone = tc.backbones.small_cnn()
    ALGORITHMS[name](backbone, draw[0], epochs=1)
    assert backbone.name == "small_cnn"
    assert backbone.trainable


@every_algorithm
def test_leaves_other_peoples_random_numbers_alone(keras, backbone, draw, name):
    def drawn():
        return np.random.rand(), keras.random.normal((3,)).numpy().tolist()  # noqa: NPY002

    keras.utils.set_random_seed(5)
    expected = drawn()
    keras.utils.set_random_seed(5)
    ALGORITHMS[name](backbone, draw[0], epochs=1)
    assert drawn() == expected


# Feature reuse


def test_feature_reuse_is_the_softmax_regression_of_numpy(keras, backbone, draw):
    train, _ = draw
    settings = {"epochs": 12, "batch_size": 7, "seed": 4}  # 20 pictures: the last batch has 6
    model = tc.feature_reuse(backbone, train, learning_rate=0.02, **settings)
    assert_same(of_backbone(model).get_weights(), backbone.get_weights())

    head = np.zeros((65, 10))  # the bias is the last row
    first, second = np.zeros_like(head), np.zeros_like(head)
    for step, (images, labels) in enumerate(batches(train, **settings), start=1):
        features = np.pad(backbone.predict(images, verbose=0), [(0, 0), (0, 1)], constant_values=1)
        scores = features @ head
        probabilities = np.exp(scores - scores.max(axis=1, keepdims=True))
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        gradient = features.T @ (probabilities - np.eye(10)[labels]) / len(labels)
        first = 0.9 * first + 0.1 * gradient  # Adam: Kingma & Ba 2015, with Keras's ε
        second = 0.999 * second + 0.001 * gradient**2
        step_size = 0.02 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        head -= step_size * first / (np.sqrt(second) + 1e-7)
    assert_close(model.get_layer("head").get_weights(), [head[:-1], head[-1]], atol=1e-4)


def test_feature_reuse_on_features_that_say_it_all(keras):
    """Where a line separates the classes, the head finds it, and the loss goes to nothing."""
    images = np.zeros((20, 2, 2, 1), np.uint8)
    images[10:] = 200
    data = tc.Dataset(images, np.repeat([0, 1], 10), ("dark", "light"))
    pixels = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Rescaling(1 / 255)])
    pixels.add(keras.layers.Flatten())
    model = tc.feature_reuse(pixels, data, epochs=200, learning_rate=0.1)
    assert model.evaluate(images, data.labels, verbose=0)[1] == 1
    assert model.history.history["loss"][-1] < 0.01


# Fine-tuning


@pytest.mark.parametrize("freeze", [0, "conv2", "features"])
def test_fine_tune_is_what_plain_keras_does(keras, backbone, draw, freeze):
    train, _ = draw
    rates = {"learning_rate": 1e-3, "head_learning_rate": 1e-3}
    model = tc.fine_tune(backbone, train, freeze=freeze, **rates, **FEW)

    plain, copy, _ = plain_classifier(keras, backbone, train)
    names = [layer.name for layer in copy.layers]
    for layer in copy.layers[: names.index(freeze) + 1 if freeze else 0]:
        layer.trainable = False
    plain.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    for images, labels in batches(train, **FEW):
        plain.train_on_batch(images, labels)
    assert_close(model.get_weights(), plain.get_weights(), atol=2e-5)
    moved = [
        not np.array_equal(a, b)
        for a, b in zip(of_backbone(model).get_weights(), backbone.get_weights(), strict=True)
    ]
    frozen = sum(len(layer.weights) for layer in copy.layers if not layer.trainable)
    assert moved == [False] * frozen + [True] * (8 - frozen)


def test_the_history_is_what_keras_reports(keras, backbone, draw):
    train, _ = draw
    model = tc.fine_tune(backbone, train, head_learning_rate=3e-4, **FEW)
    plain, _, _ = plain_classifier(keras, backbone, train)
    plain.compile(
        keras.optimizers.Adam(3e-4), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    random, settings = np.random.default_rng(3), {"shuffle": False, "verbose": 0}
    for epoch in range(3):  # of batches of 8, 8 and 4 pictures
        order = random.permutation(20)
        run = plain.fit(train.images[order], train.labels[order], batch_size=8, **settings)
        for key, (expected,) in run.history.items():
            assert model.history.history[key][epoch] == pytest.approx(expected, rel=1e-4)


def test_pretrain_is_fine_tune_with_a_random_head_and_nothing_frozen(keras, backbone, draw):
    settings = FEW | {"learning_rate": 1e-3}
    one = tc.pretrain(backbone, draw[0], **settings)  # it has no batch normalization
    settings |= {"head_learning_rate": 1e-3, "callbacks": [zoo.random_head(keras, FEW["seed"])]}
    other = tc.fine_tune(backbone, draw[0], **settings)
    assert_same(one.get_weights(), other.get_weights())


@every_algorithm
def test_the_head_starts_at_zero_on_a_backbone_that_knows_something(backbone, draw, name):
    """The loss of a head without an opinion is log 10; with steps of nothing it stays there."""
    still = {"learning_rate": 1e-12}
    if name in ("fine_tune", "l2_sp"):
        still["head_learning_rate"] = 1e-12
    model = ALGORITHMS[name](backbone, draw[0], **still, **FEW)
    fresh = name in ("pretrain", "from_scratch")
    assert (np.abs(model.get_layer("head").kernel).max() < 1e-9) != fresh
    assert (model.history.history["loss"] == pytest.approx([np.log(10)] * 3, rel=1e-5)) != fresh


# The head's own learning rate


def by_two_optimizers(keras, backbone, train, rates, alpha=0.0):
    """Plain Keras: one Adam for the backbone, another for the head. Returns the weights."""
    from transfer_course._backend import tf

    plain, copy, head = plain_classifier(keras, backbone, train)
    starts = [tf.constant(layer.kernel) for layer in copy.layers if layer.weights]
    parts = [(copy.trainable_weights, rates[0]), (head.trainable_weights, rates[1])]
    parts = [(weights, keras.optimizers.Adam(rate)) for weights, rate in parts]
    for images, labels in batches(train, **FEW):
        with tf.GradientTape() as tape:
            loss = keras.losses.SparseCategoricalCrossentropy()(labels, plain(images))
            for layer, start in zip([it for it in copy.layers if it.weights], starts, strict=True):
                loss += alpha / 2 * tf.reduce_sum((layer.kernel - start) ** 2)
        variables = [[weight.value for weight in weights] for weights, _ in parts]
        for (weights, adam), gradients in zip(parts, tape.gradient(loss, variables), strict=True):
            adam.apply(gradients, weights)
    return plain.get_weights()


@pytest.mark.parametrize("head_rate", [3e-2, 1e-5])
def test_the_head_learns_at_a_rate_of_its_own(keras, backbone, draw, head_rate):
    train, _ = draw
    rates = {"learning_rate": 1e-3, "head_learning_rate": head_rate}
    model = tc.fine_tune(backbone, train, **rates, **FEW)
    expected = by_two_optimizers(keras, backbone, train, (1e-3, head_rate))
    assert_close(model.get_weights(), expected, atol=5e-5)
    held = tc.l2_sp(backbone, train, alpha=3.0, beta=0, **rates, **FEW)
    expected = by_two_optimizers(keras, backbone, train, (1e-3, head_rate), alpha=3.0)
    assert_close(held.get_weights(), expected, atol=5e-5)
    # The next one is told nothing of it, though it uses the same compiled network.
    free = tc.fine_tune(backbone, train, learning_rate=1e-3, head_learning_rate=1e-3, **FEW)
    assert_close(free.get_weights(), by_two_optimizers(keras, backbone, train, (1e-3, 1e-3)), 5e-5)


def test_a_model_whose_head_had_a_rate_of_its_own_is_plain_keras(keras, backbone, draw, tmp_path):
    train, _ = draw
    model = tc.fine_tune(backbone, train, head_learning_rate=1e-2, **FEW)
    assert type(model.optimizer) is keras.optimizers.Adam
    assert float(model.optimizer.learning_rate) == pytest.approx(3e-4)
    assert int(model.optimizer.iterations) == 9
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_same(
        [it.numpy() for it in loaded.optimizer.variables],
        [it.numpy() for it in model.optimizer.variables],
    )


def test_a_schedule_moves_both_rates(keras, backbone, draw):
    train, _ = draw
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    head = {"head_learning_rate": 4e-3}
    model = tc.fine_tune(
        backbone, train, learning_rate=1e-3, callbacks=[halve], **head, **FEW | {"epochs": 1}
    )
    expected = tc.fine_tune(
        backbone, train, learning_rate=5e-4, head_learning_rate=2e-3, **FEW | {"epochs": 1}
    )
    assert_close(model.get_weights(), expected.get_weights(), atol=1e-6)


def test_the_head_has_its_rate_in_mixed_precision_too(keras, draw):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        backbone = tc.backbones.small_cnn()
        still = tc.fine_tune(backbone, draw[0], head_learning_rate=1e-30, **FEW)
        moved = tc.fine_tune(backbone, draw[0], **FEW)
    finally:
        keras.config.set_dtype_policy(before)
    assert np.abs(still.get_layer("head").kernel).max() < 1e-6
    assert np.abs(moved.get_layer("head").kernel).max() > 1e-4


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_by_default_a_step_moves_a_logit_so_far(keras, backbone, draw, scale):
    """By 1 if the head trains alone, else by 0.3.

    Adam's first step is the learning rate, with the sign of the gradient: W = -rate · sign.
    """
    train, _ = draw
    larger = keras.Sequential(
        [keras.Input((28, 28, 1)), backbone, keras.layers.Rescaling(scale, name="scale")]
    )
    features = np.abs(larger.predict(train.images, verbose=0)).sum(axis=1).mean()
    one_step = {"epochs": 1, "batch_size": len(train)}
    last_only = partial(tc.fine_tune, freeze="scale")
    for method, step in (
        (tc.feature_reuse, 1),
        (last_only, 1),
        (tc.fine_tune, 0.3),
        (tc.l2_sp, 0.3),
    ):
        head = method(larger, train, **one_step).get_layer("head").kernel.numpy()
        # A feature that is zero in all examples has no gradient, and its weights stay at zero.
        assert np.abs(head).max() * features == pytest.approx(step, rel=1e-3)
        again = method(larger, train, cache=False, **one_step).get_layer("head").kernel
        np.testing.assert_allclose(again, head, rtol=1e-3, atol=1e-9)


def test_features_that_are_all_zero_leave_the_default_of_keras(keras, tiny):
    nothing = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Rescaling(0.0), keras.layers.Flatten()]
    )
    model = tc.feature_reuse(nothing, tiny, epochs=1)
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-3)


# From scratch


def test_from_scratch_takes_nothing_but_the_architecture(backbone, draw):
    one = tc.from_scratch(backbone, draw[0], **FEW)
    other = tc.from_scratch(tc.backbones.small_cnn(), draw[0], **FEW)
    assert_same(one.get_weights(), other.get_weights())


def test_from_scratch_averages_statistics_over_ten_steps(keras, tiny):
    """The momentum is 0.9, not Keras's 0.99, with which five steps would hardly count."""
    layers = keras.layers
    backbone = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.BatchNormalization(name="norm"), layers.Flatten()]
    )
    model = tc.from_scratch(backbone, tiny, epochs=5, batch_size=12, verbose=0)
    norm = of_backbone(model).get_layer("norm")
    pixels = tiny.images.astype("float64")
    share = 1 - 0.9**5
    assert float(norm.moving_mean[0]) == pytest.approx(share * pixels.mean(), rel=1e-3)
    expected = share * pixels.var() + (1 - share) * 1
    assert float(norm.moving_variance[0]) == pytest.approx(expected, rel=1e-3)


def test_from_scratch_starts_at_weights_of_the_size_that_keras_draws(backbone, draw):
    """Glorot & Bengio 2010: uniform within ±sqrt(6 / (fan in + fan out))."""
    model = tc.from_scratch(backbone, draw[0], epochs=1, learning_rate=1e-9, seed=8)
    kernels = [weight for weight in model.get_weights() if weight.ndim > 1]
    for kernel in kernels:
        receptive = np.prod(kernel.shape[:-2])
        limit = np.sqrt(6 / (receptive * (kernel.shape[-2] + kernel.shape[-1])))
        assert 0.9 * limit < np.abs(kernel).max() <= limit * (1 + 1e-6)
        assert abs(kernel.mean()) < 0.2 * limit
    biases = [weight for weight in model.get_weights() if weight.ndim == 1]
    assert all(np.abs(bias).max() < 1e-6 for bias in biases)


@pytest.mark.parametrize("name", ["feature_reuse", "fine_tune", "from_scratch", "pretrain"])
def test_the_preprocessing_stays(keras, tiny, name):
    layers = keras.layers
    for shift in (0, 40):  # the second must not get the first one's preprocessing
        adapted = layers.Normalization(axis=-1, name="adapted")
        adapted.adapt(tiny.images.astype("float32") + shift)
        net = keras.Sequential([keras.Input((8, 8, 1)), adapted, layers.Flatten()])
        model = ALGORITHMS_OF_A_TINY_NET[name](net, tiny)
        expected = (tiny.images - (tiny.images.mean() + shift)) / tiny.images.std()
        found = of_backbone(model).predict(tiny.images, verbose=0)
        np.testing.assert_allclose(found, expected.reshape(12, -1), atol=1e-4)
        loss = model.evaluate(tiny.images, tiny.labels, verbose=0)[0]
        assert loss < 1.05 * model.history.history["loss"][-1]


ALGORITHMS_OF_A_TINY_NET = {
    name: partial(getattr(tc, name), epochs=20, learning_rate=1e-2)
    for name in ("feature_reuse", "fine_tune", "from_scratch", "pretrain")
}


# L2-SP


def kernels_of(model):
    weights = of_backbone(model).trainable_weights
    return [w.numpy().astype(float) for w in weights if "kernel" in w.name]


def test_the_penalty_and_its_gradient(keras):
    from transfer_course._backend import tf

    random = np.random.default_rng(0)
    start, here = random.normal(size=(2, 3, 4, 5)).astype("float32")
    penalty, kernel = L2SP(keras.Variable(0.7, trainable=False), start), tf.Variable(here)
    with tf.GradientTape() as tape:
        value = penalty(kernel)
    np.testing.assert_allclose(value, 0.35 * ((here - start) ** 2).sum(), rtol=1e-5)
    np.testing.assert_allclose(tape.gradient(value, kernel), 0.7 * (here - start), rtol=1e-5)


@pytest.mark.parametrize("freeze", [0, "pool1"])
def test_l2_sp_is_what_a_gradient_tape_does(keras, backbone, draw, freeze):
    from transfer_course._backend import tf

    train, _ = draw
    settings = {"learning_rate": 1e-3, "head_learning_rate": 1e-3, **FEW}
    model = tc.l2_sp(backbone, train, alpha=3.0, beta=0.5, freeze=freeze, **settings)

    plain, copy, head = plain_classifier(keras, backbone, train)
    for layer in copy.layers[: 3 if freeze else 0]:
        layer.trainable = False
    kernels = [layer.kernel for layer in copy.layers if layer.trainable and layer.weights]
    starts = [tf.constant(kernel) for kernel in kernels]
    optimizer = keras.optimizers.Adam(1e-3)
    for images, labels in batches(train, **FEW):
        with tf.GradientTape() as tape:
            loss = keras.losses.SparseCategoricalCrossentropy()(labels, plain(images))
            for kernel, start in zip(kernels, starts, strict=True):
                loss += 3.0 / 2 * tf.reduce_sum((kernel - start) ** 2)
            loss += 0.5 / 2 * tf.reduce_sum(tf.convert_to_tensor(head.kernel) ** 2)
        variables = [weight.value for weight in plain.trainable_weights]
        optimizer.apply(tape.gradient(loss, variables), plain.trainable_weights)
    assert_close(model.get_weights(), plain.get_weights(), atol=2e-5)
    # It matters: without the penalty the result is another one.
    free = tc.fine_tune(backbone, train, freeze=freeze, **settings)
    assert max(np.abs(a - b).max() for a, b in zip(free.weights, model.weights, strict=True)) > 1e-3


@pytest.mark.parametrize("freeze", [0, "pool2"])
def test_without_a_penalty_l2_sp_is_fine_tune(backbone, draw, freeze):
    settings = FEW | {"freeze": freeze}
    one = tc.l2_sp(backbone, draw[0], alpha=0, beta=0, **settings)
    other = tc.fine_tune(backbone, draw[0], **settings)
    assert_close(one.get_weights(), other.get_weights(), atol=1e-6)
    for column, values in other.history.history.items():
        assert one.history.history[column] == pytest.approx(values, abs=1e-5)


def set_in_the_configuration(keras):
    return zoo.BACKBONES["regularised"](keras)


def set_on_a_weight(keras, strength=0.3):
    backbone = zoo.BACKBONES["plain"](keras)
    backbone.get_layer("conv2").kernel.regularizer = keras.regularizers.L2(strength)
    return backbone


@pytest.mark.parametrize("build", [set_in_the_configuration, set_on_a_weight])
def test_penalties_of_the_backbone_count_beside_that_of_l2_sp(keras, tiny, build):
    settings = FEW | {"learning_rate": 1e-2}
    plain = tc.fine_tune(build(keras), tiny, **settings)
    without = tc.l2_sp(build(keras), tiny, alpha=0, beta=0, **settings)
    assert_close(without.get_weights(), plain.get_weights(), atol=1e-6)
    losses = plain.history.history["loss"]
    assert without.history.history["loss"] == pytest.approx(losses, abs=1e-6)


@pytest.mark.parametrize("name", ["pretrain", "from_scratch", "fine_tune", "l2_sp"])
def test_a_penalty_set_on_a_weight_counts(keras, tiny, name):
    """Also where a network is ready that was compiled for another one."""
    still = {"learning_rate": 1e-12, "epochs": 1, "batch_size": len(tiny)}
    losses = {}
    for strength in (0.0, 3.0, 1.0):
        backbone = set_on_a_weight(keras, strength)
        model = getattr(tc, name)(backbone, tiny, **still)
        losses[strength] = model.history.history["loss"][0]
        assert backbone.get_layer("conv2").kernel.regularizer.l2 == strength
    square = (of_backbone(model).get_layer("conv2").kernel.numpy().astype(float) ** 2).sum()
    for strength in (1.0, 3.0):
        assert losses[strength] - losses[0.0] == pytest.approx(strength * square, rel=1e-4)


def test_what_starts_from_a_result_of_l2_sp_is_not_held(keras, tiny):
    settings = FEW | {"learning_rate": 1e-2}
    held = of_backbone(tc.l2_sp(set_on_a_weight(keras), tiny, alpha=9, **settings))
    free = set_on_a_weight(keras)
    free.set_weights(held.get_weights())
    one, other = (tc.fine_tune(it, tiny, **settings) for it in (held, free))
    assert_same(one.get_weights(), other.get_weights())


def test_the_harder_the_leash_the_shorter_the_way(backbone, draw):
    def drift(alpha):
        settings = {"epochs": 15, "learning_rate": 1e-3, "seed": 0}
        model = tc.l2_sp(backbone, draw[0], alpha=alpha, beta=0, **settings)
        start = [w for w in backbone.get_weights() if w.ndim > 1]
        pairs = zip(kernels_of(model), start, strict=True)
        return np.sqrt(sum(((a - b) ** 2).sum() for a, b in pairs))

    drifts = [drift(alpha) for alpha in (0, 0.01, 0.1, 1, 10)]
    assert drifts == sorted(drifts, reverse=True)
    assert drifts[-1] < 0.3 * drifts[0]


def test_the_larger_beta_the_smaller_the_head(backbone, draw):
    def size(beta):
        model = tc.l2_sp(backbone, draw[0], alpha=0, beta=beta, epochs=20, learning_rate=1e-2)
        return np.linalg.norm(model.get_layer("head").kernel)

    assert size(0) > size(0.1) > size(1)


@pytest.mark.parametrize("freeze", [0, "features"])
def test_moving_alpha_and_beta_counts_at_once(keras, backbone, draw, freeze):
    train, _ = draw
    alpha, beta = (keras.Variable(0.0, trainable=False) for _ in range(2))
    model = tc.l2_sp(backbone, train, alpha=alpha, beta=beta, freeze=freeze, **FEW)

    def loss():
        return model.evaluate(train.images, train.labels, verbose=0)[0]

    plain = loss()
    starts = [w.astype(float) for w in backbone.get_weights() if w.ndim > 1]
    now = kernels_of(model)
    starts = starts[len(starts) - len(now) :]
    way = sum(((a - b) ** 2).sum() for a, b in zip(now, starts, strict=True))
    length = (model.get_layer("head").kernel.numpy().astype(float) ** 2).sum()
    alpha.assign(1000.0)
    assert loss() - plain == pytest.approx(500 * way, rel=1e-4, abs=1e-6)
    assert (way == 0) == (freeze == "features")
    alpha.assign(0.0)
    beta.assign(3.0)
    assert loss() - plain == pytest.approx(1.5 * length, rel=1e-4)
    assert float(alpha) == 0 and float(beta) == 3  # still the reader's own variables


def test_an_alpha_that_a_callback_moves_counts_from_the_next_epoch_on(keras, backbone, draw):
    alpha = keras.Variable(0.0, trainable=False)
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: alpha.assign(1000.0))
    settings = FEW | {"learning_rate": 1e-3, "epochs": 2, "beta": 0}
    moved = tc.l2_sp(backbone, draw[0], alpha=alpha, callbacks=[callback], **settings)
    plain = tc.l2_sp(backbone, draw[0], alpha=0, **settings)
    moved, plain = moved.history.history["loss"], plain.history.history["loss"]
    assert moved[0] == pytest.approx(plain[0], abs=1e-5)
    assert moved[1] > plain[1] + 0.1


def test_each_source_is_held_to_its_own_weights(backbone, draw):
    """Also where the network that was compiled for one of them trains the next."""
    still = FEW | {"learning_rate": 1e-9}
    other = tc.backbones.small_cnn()
    for source in (backbone, other):
        held = tc.l2_sp(source, draw[0], alpha=1000.0, beta=0, **still)
        free = tc.fine_tune(source, draw[0], **still)
        losses = held.history.history["loss"]
        assert losses == pytest.approx(free.history.history["loss"], abs=1e-3)


def test_biases_normalisation_and_what_is_frozen_carry_no_penalty(keras, tiny):
    layers = keras.layers
    net = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(3, 3, name="one")])
    net.add(layers.BatchNormalization(name="norm"))
    net.add(layers.DepthwiseConv2D(3, name="depthwise"))
    net.add(layers.LayerNormalization(name="layer_norm"))
    net.add(layers.GlobalAveragePooling2D())
    net.add(layers.Dense(4, name="two"))
    model = tc.l2_sp(net, tiny, freeze="one", epochs=1)
    held = {weight.path for weight in model.weights if weight.regularizer is not None}
    assert {path.split("/", 1)[1] for path in held} == {
        "depthwise/kernel",
        "two/kernel",
        "head/kernel",
    }, held


def test_the_loss_in_the_history_has_the_penalty_in_it(backbone, draw):
    """In the second of two steps the penalty is β/2 ‖w‖² of the head after the first."""
    train, _ = draw

    def after(steps, beta):
        settings = {"epochs": steps, "batch_size": len(train), "learning_rate": 1e-12}
        return tc.l2_sp(backbone, train, alpha=5, beta=beta, **settings)

    with_beta, without = (after(2, beta).history.history["loss"][1] for beta in (2, 0))
    difference = with_beta - without
    length = (after(1, 2).get_layer("head").kernel.numpy().astype(float) ** 2).sum()
    assert length > 1e-3
    assert difference == pytest.approx(length, rel=1e-4)
