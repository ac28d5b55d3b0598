"""How far to freeze: by a count or by a name, and which places are worth it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import transfer_course as tc
from transfer_course.networks import cloning
from transfer_course.networks.cloning import clone, clone_ahead
from transfer_course.networks.freezing import freeze_up_to
from transfer_course.networks.internals import sublayers


def frozen(backbone, freeze):
    """The layers of a copy that cannot be trained, by name."""
    copy = clone(backbone)
    freeze_up_to(copy, freeze)
    return [layer.name for layer in sublayers(copy) if not layer.trainable]


def test_freeze_points_of_the_backbones_of_the_course():
    assert tc.freeze_points(tc.backbones.small_cnn()) == ["pool1", "pool2", "flatten", "features"]
    lite0 = tc.backbones.efficientnet_lite0(32, weights=None)
    blocks = [f"block{n}" for n in range(1, 17)]
    assert tc.freeze_points(lite0) == ["stem", *blocks, "features"]
    vgg16 = tc.freeze_points(tc.backbones.vgg16(32, weights=None))
    assert {f"block{n}_pool" for n in range(1, 5)} < set(vgg16)
    assert vgg16[0] == "block1_conv1" and vgg16[-1] == "features"


def test_freeze_points_of_the_backbone_of_a_trained_model(source):
    points = tc.freeze_points(source.get_layer("backbone"))
    assert points == ["pool1", "pool2", "flatten", "features"]


def test_no_freeze_point_inside_a_skip_connection(residual):
    assert tc.freeze_points(residual) == ["stem", "sum", "features"]


def test_a_block_that_begins_with_normalization_ends_at_its_sum(keras):
    """As in ResNet V2: at the next kernel two tensors cross, but right behind the sum only one."""
    layers = keras.layers
    pixels = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, padding="same", name="stem")(pixels)
    for block in ("first", "second"):
        inner = layers.BatchNormalization(name=f"{block}_norm")(x)
        inner = layers.ReLU(name=f"{block}_relu")(inner)
        inner = layers.Conv2D(4, 3, padding="same", name=f"{block}_conv1")(inner)
        inner = layers.Conv2D(4, 3, padding="same", name=f"{block}_conv2")(inner)
        x = layers.Add(name=f"{block}_sum")([x, inner])
    network = keras.Model(pixels, layers.Flatten(name="flat")(x))
    assert tc.freeze_points(network) == ["stem", "first_sum", "flat"]


def test_names_that_keras_numbers_are_not_taken_for_blocks(keras):
    layers = keras.layers
    parts = [layers.Conv2D(2, 3), layers.ReLU(name="re_lu")]
    parts += [layers.Conv2D(2, 3), layers.ReLU(name="re_lu_1")]
    parts += [layers.Conv2D(2, 3), layers.ReLU(name="block"), layers.Conv2D(2, 1, name="block_in")]
    network = keras.Sequential([keras.Input((9, 9, 1)), *parts, layers.Flatten(name="flat")])
    assert tc.freeze_points(network) == ["re_lu", "re_lu_1", "block", "flat"]


def test_a_name_that_others_begin_with_is_a_block_only_at_its_end(keras):
    layers = keras.layers
    parts = [layers.Conv2D(2, 3, name=name) for name in ("conv", "conv_b", "conv_c")]
    parts += [layers.Flatten(name="flat"), layers.Dense(3, name="flat_out")]
    network = keras.Sequential([keras.Input((9, 9, 1)), *parts])
    assert tc.freeze_points(network) == ["conv", "conv_b", "flat", "flat_out"]


def test_freeze_points_leave_the_model_alone(residual):
    weights, output = residual.get_weights(), residual.output
    tc.freeze_points(residual)
    assert residual.output is output
    for before, after in zip(weights, residual.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_each_freeze_point_is_a_value_for_freeze(backbone, draw):
    """And each freezes more than the one before; the last leaves only the head to train."""
    counts = []
    for point in tc.freeze_points(backbone):
        model = tc.fine_tune(backbone, draw[0], freeze=point, epochs=1)
        counts.append(len(model.trainable_weights))
    assert counts == [8, 6, 4, 2]


@settings(max_examples=15)
@given(count=st.integers(0, 9))
def test_a_count_freezes_the_first_layers_and_a_name_all_up_to_it(backbone, count):
    names = [layer.name for layer in backbone.layers]
    assert frozen(backbone, count) == names[:count]
    if count:
        assert frozen(backbone, names[count - 1]) == names[:count]


@pytest.mark.parametrize("freeze", [0, "pool2", "sum"])
def test_a_count_and_a_name_train_the_same_model(backbone, residual, draw, tiny, freeze):
    net, data = (residual, tiny) if freeze == "sum" else (backbone, draw[0])
    names = [layer.name for layer in net.layers]
    count = names.index(freeze) + 1 if freeze else 0
    one = tc.fine_tune(net, data, freeze=freeze, epochs=2).get_weights()
    other = tc.fine_tune(net, data, freeze=count, epochs=2).get_weights()
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_batch_normalisation_is_frozen_whatever_the_count(keras):
    layers = keras.layers
    inner = keras.Sequential([keras.Input((6, 6, 2)), layers.BatchNormalization(name="inside")])
    net = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3, name="conv"), inner])
    net.add(layers.BatchNormalization(name="outside"))
    net.add(layers.Flatten())
    assert frozen(net, 0) == ["inside", "outside"]
    assert frozen(net, 1) == ["conv", "inside", "outside"]


def test_a_copy_made_ahead_gets_the_state_of_the_model_as_it_is_now(keras, monkeypatch):
    backbone = tc.backbones.small_cnn()
    clone_ahead(backbone)
    kernel = backbone.get_layer("conv2").kernel
    kernel.assign(-kernel)
    kernel.trainable = False
    backbone.get_layer("conv3").kernel.regularizer = keras.regularizers.L2(0.5)
    with monkeypatch.context() as patch:
        patch.setattr(cloning, "_copy_of", None)  # it is the one that is used
        first = clone(backbone)
    second = clone(backbone)  # it serves once
    for copy in (first, second):
        assert copy.layers[1] is not backbone.layers[1]
        for weight, original in zip(copy.weights, backbone.weights, strict=True):
            assert (weight.numpy() == original.numpy()).all()
        assert not copy.get_layer("conv2").kernel.trainable
        assert float(copy.get_layer("conv3").kernel.regularizer.l2) == 0.5
    assert first.layers[1] is not second.layers[1]


def test_a_copy_made_ahead_of_a_change_of_the_layers_is_not_used(keras):
    def bright(x):
        return x + 1

    def dark(x):
        return x - 1

    dark.__name__ = dark.__qualname__ = "bright"
    backbone = tc.backbones.small_cnn()
    layer = backbone.get_layer("conv1")
    layer.activation = bright
    for change in (dark, keras.activations.tanh):
        clone_ahead(backbone)
        layer.activation = change
        with keras.utils.custom_object_scope({"bright": change}):
            assert clone(backbone).get_layer("conv1").activation is change
    clone_ahead(backbone)
    layer.trainable = False
    assert not clone(backbone).get_layer("conv1").trainable
