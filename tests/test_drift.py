"""The distance of a trained backbone from its source, against NumPy."""

import re

import numpy as np
import pytest

import transfer_course as tc


@pytest.fixture
def pair(keras, backbone):
    """A classifier on a copy of the backbone, whose weights a test may move."""
    copy = keras.models.clone_model(backbone)
    copy.set_weights(backbone.get_weights())
    copy.name = "backbone"
    head = keras.layers.Dense(10, "softmax", name="head")
    return keras.Sequential([keras.Input((28, 28, 1)), copy, head]), copy


def test_a_backbone_left_alone_has_not_moved(pair, backbone):
    assert tc.drift_by_layer(pair[0], backbone) == dict.fromkeys(
        ["conv1", "conv2", "conv3", "features"], 0.0
    )


def test_is_the_relative_distance_of_the_kernels(pair, backbone):
    model, copy = pair
    draw = np.random.default_rng(0)
    for layer in copy.layers:
        layer.set_weights([w + draw.normal(size=w.shape) for w in layer.get_weights()])
    expected = {}
    for name in ["conv1", "conv2", "conv3", "features"]:
        trained, source = copy.get_layer(name).get_weights()[0], backbone.get_layer(name).kernel
        moved = np.square(trained.astype("float64") - source).sum() ** 0.5
        expected[name] = pytest.approx(moved / np.square(source).sum() ** 0.5, rel=1e-5)
    assert tc.drift_by_layer(model, backbone) == expected


def test_doubled_weights_have_moved_by_one_and_biases_do_not_count(pair, backbone):
    model, copy = pair
    layer = copy.get_layer("conv2")
    layer.kernel.assign(2 * layer.kernel)
    copy.get_layer("conv3").bias.assign_add(np.ones(64))
    drift = tc.drift_by_layer(model, backbone)
    assert drift == {"conv1": 0, "conv2": pytest.approx(1, rel=1e-6), "conv3": 0, "features": 0}


def test_all_kernels_of_a_layer_count_and_a_layer_without_one_is_left_out(keras):
    def network():
        return keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                keras.layers.SeparableConv2D(3, 3, name="two"),
                keras.layers.BatchNormalization(name="none"),
                keras.layers.GlobalAveragePooling2D(name="pool"),
            ],
            name="backbone",
        )

    source, trained = network(), network()
    trained.set_weights(source.get_weights())
    depthwise, pointwise = (w.numpy() for w in source.get_layer("two").weights[:2])
    trained.get_layer("two").pointwise_kernel.assign(pointwise + 1)
    model = keras.Sequential([keras.Input((8, 8, 1)), trained, keras.layers.Dense(2)])
    length = (np.square(depthwise).sum() + np.square(pointwise).sum()) ** 0.5
    expected = pytest.approx(pointwise.size**0.5 / length, rel=1e-5)
    assert tc.drift_by_layer(model, source) == {"two": expected}


@pytest.mark.parametrize("fewer", ["the source", "the model"])
def test_another_architecture_is_refused(keras, backbone, fewer):
    def classifier(inner):
        copy = keras.models.clone_model(inner)
        copy.name = "backbone"
        return keras.Sequential([keras.Input((28, 28, 1)), copy])

    short = keras.Sequential([keras.Input((28, 28, 1)), *backbone.layers[:-1]])
    pair = (classifier(backbone), short) if fewer == "the source" else (classifier(short), backbone)
    with pytest.raises(ValueError, match=r"differ in layer 'features'.*that the training started"):
        tc.drift_by_layer(*pair)


def test_other_shapes_are_refused(pair):
    wider = tc.backbones.small_cnn((28, 28, 3))
    sentence = "differ in layer 'conv1'.*" + re.escape("(3, 3, 1, 16)") + ".*in the model"
    with pytest.raises(ValueError, match=sentence):
        tc.drift_by_layer(pair[0], wider)


def test_what_is_no_model_is_refused(pair, backbone):
    with pytest.raises(TypeError, match="a layer named 'backbone'"):
        tc.drift_by_layer(backbone, backbone)
    with pytest.raises(TypeError, match="a layer named 'backbone'"):
        tc.drift_by_layer({"backbone": 1}, backbone)
    with pytest.raises(TypeError, match=r"the backbone must be a keras\.Model, got None"):
        tc.drift_by_layer(pair[0], None)
