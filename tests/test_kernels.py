"""Which weights are kernels: those that L2-SP holds, and whose drift is measured."""

import numpy as np
import pytest

import transfer_course as tc
from transfer_course.networks.layers import kernels

# A layer of Keras, the shape of its input, and which of its weights are kernels, by their numbers.
STOCK = {
    "Dense": (lambda it: it.Dense(3), (4,), [0]),
    "EinsumDense, bias of two axes": (
        lambda it: it.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de"),
        (5, 4),
        [0],
    ),
    "Conv2D": (lambda it: it.Conv2D(3, 3), (8, 8, 1), [0]),
    "Conv2DTranspose": (lambda it: it.Conv2DTranspose(3, 3), (8, 8, 1), [0]),
    "DepthwiseConv2D": (lambda it: it.DepthwiseConv2D(3), (8, 8, 2), [0]),
    "SeparableConv2D": (lambda it: it.SeparableConv2D(3, 3), (8, 8, 2), [0, 1]),
    "LSTM": (lambda it: it.LSTM(3), (5, 4), [0, 1]),
    "GRU, bias of two axes": (lambda it: it.GRU(3), (5, 4), [0, 1]),
    "Bidirectional": (lambda it: it.Bidirectional(it.SimpleRNN(3)), (5, 4), [0, 1, 3, 4]),
    "TimeDistributed": (lambda it: it.TimeDistributed(it.Dense(3)), (5, 4), [0]),
    "SpectralNormalization": (lambda it: it.SpectralNormalization(it.Dense(3)), (4,), [0]),
    "Embedding": (lambda it: it.Embedding(9, 3), (4,), []),
    "PReLU": (lambda it: it.PReLU(), (8, 8, 2), []),
    "BatchNormalization": (lambda it: it.BatchNormalization(), (8, 8, 2), []),
    "LayerNormalization, two axes": (lambda it: it.LayerNormalization((1, 2)), (5, 4), []),
    "GroupNormalization": (lambda it: it.GroupNormalization(1), (8, 8, 2), []),
    "Normalization, two axes": (lambda it: it.Normalization((1, 2)), (5, 4), []),
}


@pytest.mark.parametrize("name", STOCK)
def test_kernels_of_a_layer_of_keras(keras, name):
    make, shape, expected = STOCK[name]
    layer = make(keras.layers)
    layer(keras.Input(shape))
    assert numbers_of(kernels(layer), layer) == expected


def test_kernels_of_attention(keras):
    """Query, key, value and output; their biases have two axes as well."""
    layer, rows = keras.layers.MultiHeadAttention(2, 3), keras.Input((5, 4))
    layer(rows, rows)
    assert [layer.weights[i].ndim for i in (1, 3, 5)] == [2, 2, 2]
    assert numbers_of(kernels(layer), layer) == [0, 2, 4, 6]


def numbers_of(some: list, layer) -> list[int]:
    numbers = {id(weight): number for number, weight in enumerate(layer.weights)}
    return [numbers[id(weight)] for weight in some]


def by_hand(keras):
    """Layers as students write them, by what their weights are for."""
    layers = keras.layers

    class Linear(layers.Layer):
        """As in Keras's guide, where weights have no names."""

        def __init__(self, units=4, **kwargs):
            super().__init__(**kwargs)
            self.units = units

        def build(self, shape):
            self.w = self.add_weight(shape=(shape[-1], self.units), initializer="random_normal")
            self.b = self.add_weight(shape=(self.units,), initializer="zeros")

        def call(self, x):
            return x @ self.w + self.b

        def get_config(self):
            return super().get_config() | {"units": self.units}

    class Shifted(layers.Layer):
        """Named, and none of them a kernel whatever its shape."""

        def build(self, shape):
            names = ("position_embedding", "pos_bias", "gamma", "beta")
            self.parts = [
                self.add_weight(shape=(1, *shape[1:]), initializer="ones", name=name)
                for name in names
            ]

        def call(self, x):
            return x * self.parts[2] + self.parts[0] + self.parts[1] + self.parts[3]

    class Mixed(layers.Layer):
        """A layer of Keras inside, and weights of its own beside it."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner = layers.PReLU()

        def build(self, shape):
            self.mix = self.add_weight(shape=(shape[-1], 3), initializer="random_normal")
            self.inner.build((*shape[:-1], 3))

        def call(self, x):
            return self.inner(x @ self.mix)

    return Linear, Shifted, Mixed


def test_kernels_of_layers_by_hand(keras):
    """Weights with two or more axes, unless their names say that they are something else."""
    for layer, expected in zip(by_hand(keras), (["w"], [], ["mix"]), strict=True):
        layer = layer()
        layer(keras.Input((5, 4)))
        assert [id(it) for it in kernels(layer)] == [id(getattr(layer, name)) for name in expected]


@pytest.fixture
def net(keras):
    linear, shifted, _ = by_hand(keras)
    layers = keras.layers
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Rescaling(1 / 255, name="scale"),
            layers.Flatten(name="flat"),
            shifted(name="shifted"),
            linear(name="linear1"),
            layers.ReLU(name="relu"),
            linear(name="linear2"),
        ]
    )


def test_l2_sp_holds_layers_by_hand(net, tiny):
    settings = {"epochs": 10, "learning_rate": 1e-3}
    free = tc.drift_by_layer(tc.fine_tune(net, tiny, **settings), net)
    held = tc.drift_by_layer(tc.l2_sp(net, tiny, alpha=100, **settings), net)
    assert list(free) == list(held) == ["linear1", "linear2"]
    assert all(held[name] < 0.5 * free[name] for name in free)
    assert tc.freeze_points(net) == ["relu", "linear2"]


@pytest.mark.parametrize("reason", ["no kernel at all", "the kernel is frozen"])
def test_a_penalty_on_nothing_is_refused(keras, net, tiny, reason):
    """If other weights train; where nothing of the backbone does, all of it is held anyway."""
    if reason == "no kernel at all":
        net = keras.Sequential(
            [keras.Input((8, 8, 1)), *net.layers[:3], keras.layers.LayerNormalization()]
        )
    else:
        net.get_layer("linear2").w.trainable = False
    arguments = {"freeze": "linear1"} if reason == "the kernel is frozen" else {}
    before = net.get_weights()
    with pytest.raises(ValueError, match=r"no kernel .* trains.*: use tc\.fine_tune"):
        tc.l2_sp(net, tiny, alpha=1, **arguments)
    for weight, value in zip(net.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, value)
    tc.l2_sp(net, tiny, alpha=0, epochs=1, **arguments)
    tc.l2_sp(net, tiny, alpha=1, epochs=1, freeze=len(net.layers))


def test_drift_without_a_kernel_is_refused(keras, tiny):
    net = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    model = tc.feature_reuse(net, tiny, epochs=1)
    with pytest.raises(ValueError, match=r"has no kernel.*: use"):
        tc.drift_by_layer(model, net)
