"""What the five algorithms refuse before they train: backbones, examples, settings.

They share one check, so most rows ask one algorithm; the last tests ask all five.
"""

import numpy as np
import pytest
from refusals import assert_refused, cases, state

import transfer_course as tc
from transfer_course.algorithms._arguments import check_arguments

SETTINGS = {"epochs": 1, "learning_rate": 0.1, "batch_size": 8, "seed": 0}


@pytest.fixture(scope="module")
def net():
    """A backbone that fits the twelve images of tiny."""
    return tc.backbones.small_cnn((8, 8, 1))


def build(keras, *layers, size=(8, 8, 1)):
    return keras.Sequential([keras.Input(size), *layers])


# Backbones

HOW_TO_BUILD = "build one, as in tc.backbones.small_cnn()"
HOW_TO_DRAW = "draw some with train, test = tc.few_shot(dataset, shots), and pass train"


@cases(
    (
        lambda net, tiny: tc.fine_tune(tiny, net),
        TypeError,
        "the backbone must be a keras.Model, got a Dataset: "
        "write the backbone first and the examples second",
    ),
    *(
        (
            lambda tiny, wrong=wrong: tc.fine_tune(wrong(), tiny),
            TypeError,
            f"the backbone must be a keras.Model, got {what}: {HOW_TO_BUILD}",
        )
        for wrong, what in [
            (lambda: None, "None"),
            (lambda: "vgg16", "a str"),
            (lambda: tc.backbones.small_cnn, "a function"),
            (lambda: tc.backbones, "a module"),
        ]
    ),
    (
        lambda keras, tiny: tc.fine_tune(keras.layers.Flatten(), tiny),
        TypeError,
        f"the backbone must be a keras.Model, got a Flatten: {HOW_TO_BUILD}",
    ),
    *(
        (
            lambda net, tiny, wrong=wrong: tc.fine_tune(net, wrong(tiny)),
            TypeError,
            f"the examples must be a Dataset, got {what}: {HOW_TO_DRAW}",
        )
        for wrong, what in [
            (lambda tiny: tc.few_shot(tiny, shots=1), "a tuple"),
            (lambda tiny: (tiny.images, tiny.labels), "a tuple"),
            (lambda tiny: tiny.images, "an array"),
            (lambda tiny: "digits", "a str"),
            (lambda tiny: None, "None"),
        ]
    ),
)
def test_what_is_no_backbone_or_no_data_set(request, call, error, message):
    assert_refused(request, call, error, message)


def own(keras):
    class Own(keras.Model):
        def call(self, images):
            return keras.ops.mean(images, axis=(1, 2))

    model = Own()
    model(np.zeros((1, 8, 8, 1), "float32"))
    return model


def unbuilt(keras):
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])


def two_inputs(keras):
    first, second = keras.Input((8, 8, 1)), keras.Input((8, 8, 1))
    return keras.Model([first, second], keras.layers.Flatten()(first + second))


def pooling(*size):
    def pooling(keras):
        return build(keras, keras.layers.GlobalAveragePooling2D(), size=size)

    return pooling


def convolution(keras):
    return build(keras, keras.layers.Conv2D(3, 3))


def outputs(structure):
    """Return the builder of a model whose outputs have a structure, made from one vector."""

    def outputs(keras):
        images = keras.Input((8, 8, 1))
        return keras.Model(images, structure(keras, keras.layers.Flatten()(images)))

    return outputs


NO_INPUT = (
    "the backbone does not know its input yet: "
    "make it a keras.Sequential that begins with keras.Input((8, 8, 1))"
)
SIZES = "the backbone takes images of {}, but these are 8x8x1: "
LOAD = "load the images at the backbone's size or build a backbone for theirs"
REPEAT = "repeat the grey channel with np.repeat(images, 3, axis=-1)"
ONE_VECTOR = "a backbone gives one feature vector per image, but this model gives"
POOL = "end it with GlobalAveragePooling2D or Flatten"
NO_BRACKETS = "build it with keras.Model(images, features), without brackets"


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (unbuilt, TypeError, NO_INPUT),
        (own, TypeError, NO_INPUT),
        (
            two_inputs,
            ValueError,
            "a backbone has one input, the images, but this model has 2: "
            "build it with keras.Model(images, features)",
        ),
        (
            pooling(None, None, 1),
            ValueError,
            "the backbone leaves the size of its images open: build it with keras.Input((8, 8, 1))",
        ),
        (pooling(9, 8, 1), ValueError, SIZES.format("9x8x1") + LOAD),
        (pooling(8, 8, 3), ValueError, SIZES.format("8x8x3") + REPEAT),
        (pooling(9, 9, 3), ValueError, SIZES.format("9x9x3") + f"{LOAD}, and {REPEAT}"),
        (pooling(8, 8, 4), ValueError, SIZES.format("8x8x4") + "build a backbone for 8x8x1"),
        (convolution, ValueError, f"{ONE_VECTOR} 6x6x3: {POOL}"),
        (
            outputs(lambda keras, x: keras.ops.sum(x, axis=1)),
            ValueError,
            f"{ONE_VECTOR} a single number: {POOL}",
        ),
        (outputs(lambda keras, x: [x]), ValueError, f"{ONE_VECTOR} a list of 1: {NO_BRACKETS}"),
        (
            outputs(lambda keras, x: [x, keras.layers.Dense(2)(x)]),
            ValueError,
            f"{ONE_VECTOR} a list of 2: {NO_BRACKETS}",
        ),
        (
            outputs(lambda keras, x: {"a": x, "b": x}),
            ValueError,
            f"{ONE_VECTOR} a dict of 2: {NO_BRACKETS}",
        ),
    ],
)
def test_a_model_of_another_shape(request, keras, tiny, model, error, message):
    network = model(keras)
    before = state(network)
    assert_refused(request, lambda tiny: tc.fine_tune(network, tiny), error, message)
    assert state(network) == before


CLASSIFIER = "so it is a classifier, not a backbone"
CUT = "cut it before its last Dense layer, as in keras.Model(model.input, model.layers[-2].output)"


def ending_in(*layers):
    """Return the builder of a model that ends in these layers."""

    def ending_in(keras):
        built = [layer(keras) for layer in layers]
        return build(keras, keras.layers.Flatten(), *built)

    return ending_in


def nested_softmax(keras):
    inner = keras.Sequential([keras.Input((64,)), keras.layers.Dense(3, "softmax")])
    return build(keras, keras.layers.Flatten(), keras.Sequential([keras.Input((64,)), inner]))


def nested_functional_softmax(keras):
    vector = keras.Input((64,))
    inner = keras.Model(vector, keras.layers.Dense(3, "softmax")(vector))
    return outputs(lambda keras, x: inner(x))(keras)


def branches_before_softmax(keras):
    dense = keras.layers.Dense
    return outputs(lambda keras, x: keras.layers.Softmax()(dense(3)(x) + dense(3)(x)))(keras)


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(ending_in(lambda keras: keras.layers.Dense(3, "softmax")), id="Dense"),
        pytest.param(ending_in(lambda keras: keras.layers.Activation("softmax")), id="Activation"),
        pytest.param(ending_in(lambda keras: keras.layers.Softmax()), id="Softmax"),
        pytest.param(
            ending_in(lambda keras: keras.layers.Dense(3, keras.ops.softmax)), id="a function"
        ),
        pytest.param(outputs(lambda keras, x: keras.ops.softmax(x)), id="keras.ops"),
        pytest.param(
            outputs(lambda keras, x: keras.activations.softmax(x)), id="keras.activations"
        ),
        pytest.param(ending_in(lambda keras: keras.layers.Dense(3, "log_softmax")), id="log"),
        nested_softmax,
        nested_functional_softmax,
        branches_before_softmax,
    ],
)
def test_a_model_that_ends_in_a_softmax(request, keras, tiny, model):
    network = model(keras)
    assert_refused(
        request,
        lambda tiny: tc.fine_tune(network, tiny),
        ValueError,
        f"this model ends in a softmax, {CLASSIFIER}: {CUT}",
    )


def test_a_softmax_inside_is_no_sign_of_a_classifier(keras, tiny):
    def attention(keras, x):
        return keras.layers.Softmax()(keras.layers.Dense(64)(x)) * x

    assert SETTINGS.items() <= check_arguments(outputs(attention)(keras), tiny, **SETTINGS).items()


@pytest.mark.parametrize(
    "loss",
    [
        lambda keras: "bce",
        lambda keras: ["mse", "bce"],
        lambda keras: {"features": "sparse_categorical_crossentropy"},
        lambda keras: keras.losses.categorical_crossentropy,
        lambda keras: keras.losses.SparseCategoricalCrossentropy(from_logits=True, name="mine"),
        lambda keras: keras.losses.CategoricalFocalCrossentropy(),
    ],
)
def test_a_model_compiled_with_a_cross_entropy(request, keras, tiny, loss):
    network = build(keras, keras.layers.Flatten(name="features"))
    network.compile(loss=loss(keras))
    assert_refused(
        request,
        lambda tiny: tc.fine_tune(network, tiny),
        ValueError,
        f"this model was compiled with a cross-entropy, {CLASSIFIER}: {CUT}",
    )


def squares(expected, found):
    return (expected - found) ** 2


@pytest.mark.parametrize(
    "loss",
    [
        lambda keras: None,
        lambda keras: "mse",
        lambda keras: ["mse"],
        lambda keras: {"features": "mse"},
        lambda keras: squares,
        lambda keras: keras.losses.MeanSquaredError(),
        lambda keras: type("Own", (keras.losses.Loss,), {"call": lambda self, a, b: a - b})(),
        lambda keras: "a loss of the student's own",
    ],
)
def test_a_model_compiled_with_another_loss_is_a_backbone(keras, tiny, loss):
    network = build(keras, keras.layers.Flatten(name="features"))
    network.compile(loss=loss(keras))
    assert SETTINGS.items() <= check_arguments(network, tiny, **SETTINGS).items()


def test_a_model_with_a_fixed_batch_size_is_a_backbone(keras, tiny):
    network = unbuilt(keras)
    network(np.zeros((1, 8, 8, 1), "float32"))
    assert SETTINGS.items() <= check_arguments(network, tiny, **SETTINGS).items()


@pytest.fixture(scope="module")
def trained(net, tiny):
    """What an algorithm returns, here with NumPy's numbers for all settings."""
    return tc.l2_sp(
        net,
        tiny,
        freeze=np.int8(8),
        alpha=np.float32(0.5),
        beta=np.int64(2),
        epochs=np.int64(1),
        batch_size=np.uint8(8),
        learning_rate=np.float32(0.5),
        seed=np.int32(3),
    )


def test_of_a_trained_result_the_backbone_is_what_to_take(request, trained):
    assert_refused(
        request,
        lambda trained, tiny: tc.fine_tune(trained, tiny),
        ValueError,
        f"this model ends in a softmax, {CLASSIFIER}: "
        "take its backbone, model.get_layer('backbone')",
    )


# Examples and settings

RATE = "use a finite number above 0, such as 0.001"


@cases(
    (
        lambda net, draw: tc.fine_tune(net, draw[0]),
        ValueError,
        f"the backbone takes images of 8x8x1, but these are 28x28x1: {LOAD}",
    ),
    (
        lambda net: tc.fine_tune(
            net, tc.Dataset(np.zeros((2, 8, 8, 3), np.uint8), [0, 1], ("a", "b"))
        ),
        ValueError,
        "the backbone takes images of 8x8x1, but these are 8x8x3: "
        "make grey ones with images.mean(axis=-1, keepdims=True).astype('uint8')",
    ),
    (
        lambda net, tiny: tc.fine_tune(net, tc.Dataset(tiny.images[:2], [0, 0], ("zero",))),
        ValueError,
        "there is one class only, 'zero', so there is nothing to tell apart: "
        "add images of a second class",
    ),
    (
        lambda net, tiny: tc.fine_tune(net, tiny.subset(tiny.labels != 2)),
        ValueError,
        "class 'light' has no images, so nothing can be learned about it: "
        "add some, or leave it out of class_names and renumber the labels",
    ),
    *(
        (
            lambda net, tiny, name=name, value=value: tc.fine_tune(net, tiny, **{name: value}),
            error,
            f"{name}={value!r} is {message}",
        )
        for name, value, error, message in [
            ("epochs", 0, ValueError, "out of range: use an int of 1 or more"),
            ("epochs", 2.5, TypeError, "not a whole number: use an int of 1 or more"),
            ("batch_size", 0, ValueError, "out of range: use an int from 1 to 2147483647"),
            ("batch_size", 2**31, ValueError, "out of range: use an int from 1 to 2147483647"),
            ("batch_size", "8", TypeError, "not a whole number: use an int from 1 to 2147483647"),
            ("seed", -1, ValueError, "out of range: use an int from 0 to 2147483647"),
            ("seed", 10**20, ValueError, "out of range: use an int from 0 to 2147483647"),
            ("seed", None, TypeError, "not a whole number: use an int from 0 to 2147483647"),
            ("learning_rate", 0, ValueError, f"out of range: {RATE}"),
            ("learning_rate", float("nan"), ValueError, f"out of range: {RATE}"),
            ("learning_rate", "fast", TypeError, "not a number: use a finite one above 0, such …"),
            ("head_learning_rate", 0, ValueError, f"out of range: {RATE}"),
            (
                "head_learning_rate",
                "x",
                TypeError,
                "not a number: use a finite one above 0, such …",
            ),
        ]
    ),
    (
        lambda net, tiny: tc.l2_sp(net, tiny, head_learning_rate=-1),
        ValueError,
        f"head_learning_rate=-1 is out of range: {RATE}",
    ),
    (
        lambda net, tiny: tc.feature_reuse(net, tiny, beta=-0.1),
        ValueError,
        "beta=-0.1 is out of range: use a finite number of 0 or more",
    ),
    (
        lambda net, tiny: tc.feature_reuse(net, tiny, head_learning_rate=0.1),
        TypeError,
        "there is no argument 'head_learning_rate': use learning_rate",
    ),
    (
        lambda keras, net, tiny: tc.fine_tune(
            net, tiny, learning_rate=keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.1)
        ),
        TypeError,
        "learning_rate=<ExponentialDecay> is not a number: use a finite one above 0, such as 0.001",
    ),
    *(
        (
            lambda net, tiny, name=name, value=value: tc.l2_sp(net, tiny, **{name: value}),
            error,
            f"{name}={value!r} is {message}",
        )
        for name in ("alpha", "beta")
        for value, error, message in [
            (-0.1, ValueError, "out of range: use a finite number of 0 or more"),
            (float("nan"), ValueError, "out of range: use a finite number of 0 or more"),
            ("much", TypeError, "not a number: use a finite one of 0 or more"),
        ]
    ),
    (
        lambda keras, net, tiny: tc.l2_sp(net, tiny, alpha=keras.Variable(-1.0)),
        ValueError,
        "alpha=-1.0 is out of range: use a finite number of 0 or more",
    ),
    (
        lambda keras, net, tiny: tc.l2_sp(net, tiny, beta=keras.Variable([0.1, 0.2])),
        TypeError,
        "beta=… is not a number: use a finite one of 0 or more",
    ),
)
def test_examples_and_settings_that_make_no_sense(request, call, error, message):
    assert_refused(request, call, error, message)


# All five

ALGORITHMS = ("from_scratch", "pretrain", "feature_reuse", "fine_tune", "l2_sp")


@pytest.fixture(params=ALGORITHMS)
def algorithm(request):
    return getattr(tc, request.param)


@cases(
    (
        lambda algorithm, tiny: algorithm(None, tiny),
        TypeError,
        f"the backbone must be a keras.Model, got None: {HOW_TO_BUILD}",
    ),
    (
        lambda algorithm, net: algorithm(net, None),
        TypeError,
        f"the examples must be a Dataset, got None: {HOW_TO_DRAW}",
    ),
    *(
        (
            lambda algorithm, net, tiny, name=name: algorithm(net, tiny, **{name: -1}),
            ValueError,
            f"{name}=-1 is out of range: use …",
        )
        for name in ("epochs", "learning_rate", "batch_size", "seed")
    ),
)
def test_every_algorithm_checks_all_its_arguments(request, algorithm, call, error, message):
    assert_refused(request, call, error, message)


def test_numpys_numbers_are_as_good_as_pythons(net, tiny, trained):
    numbers = {"epochs": np.int64(1), "batch_size": np.uint8(8), "seed": np.int32(3)}
    for rate in (np.float32(0.5), np.int64(1), 1):
        found = check_arguments(net, tiny, learning_rate=rate, **numbers)
        expected = {"epochs": 1, "batch_size": 8, "seed": 3, "learning_rate": rate}
        assert expected.items() <= found.items()
        assert {type(found[name]) for name in expected} == {int, float}
    assert trained.history.epoch == [0]
    assert float(trained.optimizer.learning_rate) == 0.5
