"""Backbones as students bring them: one builder for each kind, by name.

``BACKBONES`` are small (8x8x1 images), ``APPLICATIONS`` are those of `keras.applications` (32x32x3,
untrained). A builder takes ``keras`` and returns the same network, with the same weights, each
time: what a test builds twice is a copy, without cloning anything. Building leaves everybody's
random numbers as they were.

This module imports nothing of transfer_course, so that another process can use it beside plain
Keras.
"""

import random
from functools import cache, wraps

import numpy as np

BACKBONES, APPLICATIONS, REFUSED = {}, {}, {}


def _listed_in(table, gain=1.0):
    """List a builder under its name, and have it draw the same weights each time."""

    def register(build):
        @wraps(build)
        def always_the_same(keras):
            state = random.getstate()
            random.seed(build.__name__)  # Keras draws the seeds of its initializers from here
            try:
                backbone = build(keras)
                _look_trained(keras, backbone, gain)
            finally:
                random.setstate(state)
            return backbone

        table[build.__name__] = always_the_same
        return always_the_same

    return register


def _look_trained(keras, backbone, gain):
    """Give the weights the sizes of a trained network, so that every layer has a say.

    As Keras draws them, signals fade on their way through a deep network, and statistics and
    biases are all zero or all one: nobody would notice if they were exchanged or lost. ``gain``
    keeps the features of a deep network near 1.
    """
    layers = keras.layers
    draw = np.random.default_rng(0)
    for layer in leaves(keras, backbone).values():
        if isinstance(layer, layers.Normalization):
            continue
        for weight in layer.weights:
            if weight.name == "gamma":
                weight.assign(gain * draw.uniform(0.8, 1.2, weight.shape))
            elif weight.name == "moving_variance":
                weight.assign(draw.uniform(0.8, 1.2, weight.shape))
            elif weight.name in ("beta", "bias", "moving_mean"):
                weight.assign(draw.normal(0, 0.1, weight.shape))
        if isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D | layers.Dense):
            each = layers.DepthwiseConv2D
            inputs = np.prod(layer.kernel.shape[: 2 if isinstance(layer, each) else -1])
            layer.kernel.assign(layer.kernel * np.sqrt(2 / inputs) / np.std(layer.kernel))


def leaves(keras, model, prefix=""):
    """The layers of a model and of the models inside it, by path, as in "inner/conv"."""
    found = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found |= leaves(keras, layer, f"{prefix}{layer.name}/")
        elif not isinstance(layer, keras.layers.InputLayer):
            found[prefix + layer.name] = layer
    return found


def sublayers(layer):
    """A layer and all layers inside it, whatever kind it is."""
    return list(layer._flatten_layers())


def images(backbone, count=12, seed=0):
    """Images, labels and names of three classes for a backbone: dark, middle and light noise."""
    draw = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    noise = draw.integers(0, 80, (count, *backbone.input_shape[1:]))
    return (noise + 80 * labels[:, None, None, None]).astype("uint8"), labels, ("a", "b", "c")


# Layers that students write


@cache
def custom_layers(keras):
    """The classes of custom layers, by name: what `keras.saving.load_model` needs to be told."""
    layers, ops = keras.layers, keras.ops

    class Patches(layers.Layer):
        """Cut images into patches of 2x2 and lay each out as a vector."""

        def call(self, images):
            batch, height, width, channels = ops.shape(images)
            x = ops.reshape(images, (batch, height // 2, 2, width // 2, 2, channels))
            x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
            return ops.reshape(x, (batch, (height // 2) * (width // 2), 4 * channels))

        def compute_output_shape(self, shape):
            return (shape[0], (shape[1] // 2) * (shape[2] // 2), 4 * shape[3])

    class PositionEmbedding(layers.Layer):
        """Add a vector of its own to each position."""

        def build(self, shape):
            self.positions = self.add_weight(
                shape=shape[1:], initializer="random_normal", name="positions"
            )

        def call(self, x):
            return x + self.positions

    class Block(layers.Layer):
        """Convolution, batch normalisation, dropout: passes ``training`` on."""

        def __init__(self, filters=4, rate=0.3, **kwargs):
            super().__init__(**kwargs)
            self.filters, self.rate = filters, rate
            self.conv = layers.Conv2D(filters, 3, padding="same")
            self.norm = layers.BatchNormalization()
            self.drop = layers.Dropout(rate)

        def build(self, shape):
            self.conv.build(shape)
            self.norm.build((*shape[:-1], self.filters))

        def call(self, x, training=None):
            x = self.norm(self.conv(x), training=training)
            return self.drop(ops.relu(x), training=training)

        def compute_output_shape(self, shape):
            return (*shape[:-1], self.filters)

        def get_config(self):
            return super().get_config() | {"filters": self.filters, "rate": self.rate}

    class BlockWithoutTraining(Block):
        """The same, without the argument: Keras tells the layers inside by itself."""

        def call(self, x):
            return self.drop(ops.relu(self.norm(self.conv(x))))

    class LayersInAList(layers.Layer):
        """Keeps its layers in a list, and one of them is itself made of layers."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.steps = [Block(3, 0.0, name="block"), layers.Conv2D(4, 3, name="last")]

        def build(self, shape):
            for step in self.steps:
                step.build(shape)
                shape = step.compute_output_shape(shape)

        def call(self, x, training=None):
            return self.steps[1](self.steps[0](x, training=training))

        def compute_output_shape(self, shape):
            for step in self.steps:
                shape = step.compute_output_shape(shape)
            return shape

    class Noise(layers.Layer):
        """Draws from a generator of its own, as the guide of Keras has it."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.draw = keras.random.SeedGenerator()

        def call(self, x, training=None):
            if not training:
                return x
            return x + 0.3 * keras.random.normal(ops.shape(x), seed=self.draw)

        def compute_output_shape(self, shape):
            return shape

    found = [Patches, PositionEmbedding, Block, BlockWithoutTraining, LayersInAList, Noise]
    return {layer.__name__: layer for layer in found}


def _sequence(keras, *middle, name="net"):
    """pixels, scale, conv1, what is given, conv2, features."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Rescaling(1 / 255, name="scale"),
            layers.Conv2D(4, 3, activation="elu", name="conv1"),
            *middle,
            layers.Conv2D(4, 3, activation="elu", name="conv2"),
            layers.GlobalAveragePooling2D(name="features"),
        ],
        name=name,
    )


def _inner(keras, *middle, shape=(6, 6, 4), name="inner"):
    """A functional model to put inside another one: what is given, one after the other."""
    x = start = keras.Input(shape)
    for layer in middle:
        x = layer(x)
    return keras.Model(start, x, name=name)


# Models inside models


@_listed_in(BACKBONES)
def plain(keras):
    return _sequence(keras)


@_listed_in(BACKBONES)
def model_inside_alone(keras):
    """The first row of the table: a functional model, then Flatten."""
    start = keras.Input((8, 8, 1))
    inner = keras.Model(start, keras.layers.Conv2D(4, 3, name="conv")(start), name="inner")
    return keras.Sequential([keras.Input((8, 8, 1)), inner, keras.layers.Flatten(name="flat")])


@_listed_in(BACKBONES)
def nested_functional(keras):
    layers = keras.layers
    inner = _inner(
        keras,
        layers.Conv2D(4, 3, activation="elu", name="first"),
        layers.BatchNormalization(name="norm"),
        layers.Conv2D(4, 1, activation="elu", name="second"),
    )
    return _sequence(keras, inner)


@_listed_in(BACKBONES)
def nested_sequential(keras):
    layers = keras.layers
    first = layers.Conv2D(4, 1, name="first")
    inner = [keras.Input((6, 6, 4)), first, layers.BatchNormalization(name="norm")]
    return _sequence(keras, keras.Sequential(inner, name="inner"))


@_listed_in(BACKBONES)
def nested_twice(keras):
    layers = keras.layers
    deep = _inner(
        keras,
        layers.Conv2D(4, 3, activation="elu", name="conv"),
        layers.BatchNormalization(name="norm"),
        layers.Conv2D(4, 1, activation="elu", name="conv2"),
        shape=(6, 6, 3),
        name="deep",
    )
    first = layers.Conv2D(3, 1, activation="elu", name="conv")
    last = layers.Conv2D(4, 1, activation="elu", name="last")
    return _sequence(keras, _inner(keras, first, deep, last))


@_listed_in(BACKBONES)
def nested_residual(keras):
    """A skip connection inside the inner model, and one around it."""
    layers = keras.layers
    start = keras.Input((8, 8, 4))
    x = layers.Conv2D(4, 3, padding="same", activation="elu", name="a")(start)
    x = layers.Conv2D(4, 3, padding="same", name="b")(x)
    inner = keras.Model(start, layers.Add(name="sum")([x, start]), name="inner")
    pixels = keras.Input((8, 8, 1))
    x = layers.Rescaling(1 / 255, name="scale")(pixels)
    skip = layers.Conv2D(4, 3, padding="same", name="stem")(x)
    x = layers.Add(name="join")([inner(skip), skip])
    x = layers.Conv2D(3, 3, activation="elu", name="last")(x)
    return keras.Model(pixels, layers.GlobalAveragePooling2D(name="features")(x))


@_listed_in(BACKBONES)
def nested_with_two_outputs(keras):
    """Two tensors leave the inner model."""
    layers = keras.layers
    start = keras.Input((8, 8, 1))
    early = layers.Conv2D(3, 3, activation="elu", name="early")(start)
    late = layers.Conv2D(3, 3, activation="elu", name="late")(early)
    inner = keras.Model(start, [early, late], name="inner")
    pixels = keras.Input((8, 8, 1))
    early, late = inner(layers.Rescaling(1 / 255, name="scale")(pixels))
    early = layers.GlobalMaxPooling2D(name="pool_early")(early)
    late = layers.GlobalAveragePooling2D(name="pool_late")(late)
    both = layers.Concatenate(name="both")([early, late])
    return keras.Model(pixels, layers.Dense(5, name="features")(both))


@_listed_in(BACKBONES)
def cut_out_of_a_longer_model(keras):
    """Without its last layers, as students cut a classifier."""
    whole = _sequence(keras)
    probabilities = keras.layers.Dense(7, "softmax", name="old_head")(whole.outputs[0])
    whole = keras.Model(whole.inputs, probabilities)
    return keras.Model(whole.inputs, whole.layers[-2].output, name="cut")


# Branches


@_listed_in(BACKBONES)
def branches(keras):
    """Two branches of equal shape, listed in another order than they are joined in."""
    layers = keras.layers
    pixels = keras.Input((8, 8, 1))
    x = layers.Rescaling(1 / 255, name="scale")(pixels)
    late = layers.Conv2D(3, 3, padding="same", name="late")
    early = layers.Conv2D(3, 3, padding="same", name="early")
    a = layers.Activation("relu", name="relu")(early(x))
    b = layers.Activation("tanh", name="tanh")(late(x))
    x = layers.Concatenate(name="join")([b, a])
    x = layers.Conv2D(4, 3, activation="elu", name="last")(x)
    return keras.Model(pixels, layers.GlobalAveragePooling2D(name="features")(x))


@_listed_in(BACKBONES)
def squeeze_and_excite(keras):
    layers = keras.layers
    pixels = keras.Input((8, 8, 1))
    x = layers.Rescaling(1 / 255, name="scale")(pixels)
    x = layers.SeparableConv2D(4, 3, activation="elu", name="stem")(x)
    weight = layers.GlobalAveragePooling2D(keepdims=True, name="squeeze")(x)
    weight = layers.Conv2D(4, 1, activation="sigmoid", name="excite")(weight)
    x = layers.Multiply(name="scaled")([x, weight])
    x = layers.DepthwiseConv2D(3, activation="elu", name="last")(x)
    return keras.Model(pixels, layers.Flatten(name="features")(x))


@_listed_in(BACKBONES)
def pixels_reach_the_end(keras):
    """The image itself is needed behind every layer."""
    layers = keras.layers
    pixels = keras.Input((8, 8, 1))
    x = layers.Rescaling(1 / 255, name="scale")(pixels)
    x = layers.Conv2D(3, 3, activation="elu", name="conv")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    mean = layers.GlobalAveragePooling2D(name="mean")(pixels)
    mean = layers.Rescaling(1 / 255, name="small")(mean)
    return keras.Model(pixels, layers.Concatenate(name="features")([x, mean]))


# Attention


@_listed_in(BACKBONES)
def attention(keras):
    layers = keras.layers
    pixels = keras.Input((8, 8, 1))
    x = layers.Rescaling(1 / 255, name="scale")(pixels)
    x = layers.Reshape((8, 8), name="rows")(x)
    x = layers.MultiHeadAttention(2, 4, name="attention")(x, x)
    x = layers.Dense(4, activation="elu", name="dense")(x)
    return keras.Model(pixels, layers.GlobalAveragePooling1D(name="features")(x))


@_listed_in(BACKBONES)
def vision_transformer(keras):
    layers, own = keras.layers, custom_layers(keras)
    pixels = keras.Input((8, 8, 1))
    x = layers.Rescaling(1 / 255, name="scale")(pixels)
    x = own["Patches"](name="patches")(x)
    x = layers.Dense(8, name="embed")(x)
    x = own["PositionEmbedding"](name="positions")(x)
    for n in (1, 2):
        y = layers.LayerNormalization(name=f"norm{n}a")(x)
        y = layers.MultiHeadAttention(2, 4, name=f"attention{n}")(y, y)
        x = layers.Add(name=f"add{n}a")([x, y])
        y = layers.LayerNormalization(name=f"norm{n}b")(x)
        y = layers.Dense(8, activation="gelu", name=f"dense{n}")(y)
        x = layers.Add(name=f"add{n}b")([x, y])
    return keras.Model(pixels, layers.GlobalAveragePooling1D(name="features")(x))


# Custom blocks and wrappers


@_listed_in(BACKBONES)
def custom_block(keras):
    own = custom_layers(keras)
    return _sequence(keras, own["Block"](name="block1"), own["Block"](name="block2"))


@_listed_in(BACKBONES)
def custom_block_without_training(keras):
    return _sequence(keras, custom_layers(keras)["BlockWithoutTraining"](name="block"))


@_listed_in(BACKBONES)
def custom_block_with_a_list(keras):
    return _sequence(keras, custom_layers(keras)["LayersInAList"](name="block"))


@_listed_in(BACKBONES)
def custom_block_inside_a_model(keras):
    return _sequence(keras, _inner(keras, custom_layers(keras)["Block"](name="block")))


@_listed_in(BACKBONES)
def time_distributed_dense(keras):
    return _sequence(keras, keras.layers.TimeDistributed(keras.layers.Dense(3), name="timed"))


@_listed_in(BACKBONES)
def time_distributed_batch_norm(keras):
    layers = keras.layers
    return _sequence(keras, layers.TimeDistributed(layers.BatchNormalization(), name="timed"))


@_listed_in(BACKBONES)
def spectral_norm(keras):
    layers = keras.layers
    return _sequence(keras, layers.SpectralNormalization(layers.Conv2D(4, 3), name="spectral"))


@_listed_in(BACKBONES)
def bidirectional_lstm(keras):
    """Reads the image row by row."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Rescaling(1 / 255, name="scale"),
            layers.Reshape((8, 8), name="rows"),
            layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both_ways"),
            layers.Dense(4, activation="elu", name="dense"),
            layers.Flatten(name="features"),
        ]
    )


@_listed_in(BACKBONES)
def recurrent_with_dropout(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Rescaling(1 / 255, name="scale"),
            layers.Reshape((8, 8), name="rows"),
            layers.GRU(4, dropout=0.3, recurrent_dropout=0.3, name="features"),
        ]
    )


@_listed_in(BACKBONES)
def masked(keras):
    """Reads the image row by row, and skips the dark rows. A mask goes from layer to layer."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Rescaling(1 / 255, -0.28, name="scale"),
            layers.ReLU(name="relu"),
            layers.Reshape((8, 8), name="rows"),
            layers.Masking(name="mask"),
            layers.Dense(4, activation="elu", name="dense"),
            layers.LSTM(3, return_sequences=True, name="read"),
            layers.LSTM(4, name="features"),
        ]
    )


# Randomness


@_listed_in(BACKBONES)
def dropout(keras):
    layers = keras.layers
    drops = layers.Dropout(0.3, name="drop1"), layers.SpatialDropout2D(0.3, name="drop2")
    return _sequence(keras, drops[0], layers.Conv2D(4, 3, name="middle"), drops[1])


@_listed_in(BACKBONES)
def augmentation_first(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.RandomFlip(name="flip"),
            layers.RandomRotation(0.2, name="rotate"),
            layers.Rescaling(1 / 255, name="scale"),
            layers.Conv2D(4, 3, activation="elu", name="conv1"),
            layers.Conv2D(4, 3, activation="elu", name="conv2"),
            layers.Flatten(name="features"),
        ]
    )


@_listed_in(BACKBONES)
def augmentation_in_the_middle(keras):
    return _sequence(keras, keras.layers.GaussianNoise(0.3, name="noise"))


@_listed_in(BACKBONES)
def augmentation_nested(keras):
    """The usual idiom: `augment = Sequential([RandomFlip(), ...])`, then the rest."""
    layers = keras.layers
    several = [
        layers.RandomFlip("horizontal", name="flip"),
        layers.RandomTranslation(0.2, 0.2, name="shift"),
        layers.RandomZoom(0.2, name="zoom"),
        layers.RandomContrast(0.3, name="contrast"),
    ]
    augment = keras.Sequential([keras.Input((8, 8, 1)), *several], name="augment")
    pixels = keras.Input((8, 8, 1))
    x = layers.Rescaling(1 / 255, name="scale")(augment(pixels))
    x = layers.Conv2D(4, 3, activation="elu", name="conv1")(x)
    x = layers.Conv2D(4, 3, activation="elu", name="conv2")(x)
    return keras.Model(pixels, layers.Flatten(name="features")(x))


@_listed_in(BACKBONES)
def noise_in_a_nested_model(keras):
    layers = keras.layers
    deep = _inner(keras, layers.GaussianNoise(0.3, name="noise"), name="deep")
    return _sequence(keras, _inner(keras, layers.Conv2D(4, 1, name="conv"), deep))


@_listed_in(BACKBONES)
def noise_with_a_generator_of_its_own(keras):
    return _sequence(keras, custom_layers(keras)["Noise"](name="noise"))


# Names, shapes, types


@_listed_in(BACKBONES)
def names_of_ours(keras):
    """Layers and a model with the names that the package itself gives."""
    layers = keras.layers
    pixels = keras.Input((8, 8, 1), name="pixels")
    x = layers.Rescaling(1 / 255, name="frozen")(pixels)
    x = layers.Conv2D(4, 3, activation="elu", name="backbone")(x)
    x = layers.Flatten(name="features")(x)
    return keras.Model(pixels, layers.Dense(4, name="head")(x), name="classifier")


@_listed_in(BACKBONES)
def a_layer_named_pixels(keras):
    layers = keras.layers
    start = [keras.Input((8, 8, 1)), layers.Rescaling(1 / 255, name="pixels")]
    conv = layers.Conv2D(4, 3, activation="elu", name="conv")
    return keras.Sequential([*start, conv, layers.Flatten(name="head")], name="backbone")


@_listed_in(BACKBONES)
def the_same_name_inside_and_outside(keras):
    layers = keras.layers
    inner = _inner(
        keras, layers.Conv2D(4, 3, activation="elu", name="conv1"), layers.Conv2D(4, 1, name="net")
    )
    return _sequence(keras, inner)


@_listed_in(BACKBONES)
def built_by_calling(keras):
    """Its input shape was learned from one image, so it says batch size 1."""
    layers = keras.layers
    net = keras.Sequential(
        [
            layers.Rescaling(1 / 255, name="scale"),
            layers.Conv2D(4, 3, activation="elu", name="conv1"),
            layers.Conv2D(4, 3, activation="elu", name="conv2"),
            layers.Flatten(name="features"),
        ]
    )
    net(np.zeros((1, 8, 8, 1), "float32"))
    return net


@_listed_in(BACKBONES)
def fixed_batch_size(keras):
    layers = keras.layers
    pixels = keras.Input((8, 8, 1), batch_size=4)
    x = layers.Rescaling(1 / 255, name="scale")(pixels)
    x = layers.Conv2D(4, 3, activation="elu", name="conv1")(x)
    x = layers.Conv2D(4, 3, activation="elu", name="conv2")(x)
    return keras.Model(pixels, layers.GlobalAveragePooling2D(name="features")(x))


@_listed_in(BACKBONES)
def uint8_input(keras):
    layers = keras.layers
    pixels = keras.Input((8, 8, 1), dtype="uint8")
    x = layers.Rescaling(1 / 255, name="scale")(pixels)
    x = layers.Conv2D(4, 3, activation="elu", name="conv1")(x)
    x = layers.Conv2D(4, 3, activation="elu", name="conv2")(x)
    return keras.Model(pixels, layers.GlobalAveragePooling2D(name="features")(x))


@_listed_in(BACKBONES)
def lambda_layer(keras):
    return _sequence(keras, keras.layers.Lambda(lambda x: 2.0 * x - 0.1, name="double"))


@_listed_in(BACKBONES)
def raw_operations(keras):
    """`+`, `*` and keras.ops between the layers: steps that are no layers."""
    layers, ops = keras.layers, keras.ops
    pixels = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, padding="same", name="conv1")(pixels / 255.0)
    y = layers.Conv2D(4, 3, padding="same", name="conv2")(ops.relu(x))
    x = ops.tanh(x + 0.5 * y)
    x = layers.Conv2D(4, 3, activation="elu", name="conv3")(x)
    return keras.Model(pixels, ops.mean(x, axis=(1, 2)))


@_listed_in(BACKBONES)
def one_relu_used_twice(keras):
    """No weights in it, so nothing is in the way of using it twice."""
    layers = keras.layers
    relu = layers.ReLU(negative_slope=0.2, name="relu")
    pixels = keras.Input((8, 8, 1))
    x = layers.Rescaling(1 / 255, name="scale")(pixels)
    x = relu(layers.Conv2D(4, 3, name="conv1")(x))
    x = relu(layers.Conv2D(4, 3, name="conv2")(x))
    return keras.Model(pixels, layers.GlobalAveragePooling2D(name="features")(x))


# Penalties and preprocessing


@_listed_in(BACKBONES)
def adapted_normalisation_inside(keras):
    """A Normalization that was adapted, in a model inside the model."""
    normalise = keras.layers.Normalization(axis=-1, mean=[100.0], variance=[900.0], name="adapted")
    learned = keras.layers.Normalization(axis=-1, name="learned")
    learned.adapt(np.random.default_rng(1).normal(0.5, 2, (50, 8, 8, 1)).astype("float32"))
    inner = _inner(keras, normalise, learned, shape=(8, 8, 1), name="preprocess")
    layers = keras.layers
    conv = layers.Conv2D(4, 3, activation="elu", name="conv1")
    return keras.Sequential([keras.Input((8, 8, 1)), inner, conv, layers.Flatten(name="features")])


@_listed_in(BACKBONES)
def regularised(keras):
    """With penalties of its own, on weights."""
    layers = keras.layers
    held = layers.Conv2D(4, 3, kernel_regularizer="l2", bias_regularizer="l1", name="held")
    return _sequence(keras, held)


@_listed_in(BACKBONES)
def other_normalisations(keras):
    layers = keras.layers
    group = layers.GroupNormalization(2, name="group")
    return _sequence(keras, layers.LayerNormalization(name="layer"), group)


# keras.applications

_WITHOUT_HEAD = {"weights": None, "include_top": False, "pooling": "avg"}


def _list_application(name, scale, offset, gain, **settings):
    def build(keras):
        inner = getattr(keras.applications, name)(
            input_shape=(32, 32, 3), **_WITHOUT_HEAD, **settings
        )
        inner.name = "inner"
        pixels = keras.Input((32, 32, 3))
        return keras.Model(pixels, inner(keras.layers.Rescaling(scale, offset)(pixels)))

    build.__name__ = name
    _listed_in(APPLICATIONS, gain)(build)


_list_application("MobileNetV2", 1 / 127.5, -1.0, 1.1, alpha=0.35)
_list_application("MobileNetV3Small", 1 / 127.5, -1.0, 1.2, include_preprocessing=False)
_list_application("EfficientNetB0", 1.0, 0.0, 1.25)
_list_application("ResNet50V2", 1 / 127.5, -1.0, 0.9)
_list_application("DenseNet121", 1 / 127.5, -1.0, 1.1)
_list_application("ConvNeXtTiny", 1.0, 0.0, 1.0)


@_listed_in(APPLICATIONS)
def augmented_mobilenetv2(keras):
    layers = keras.layers
    flip = layers.RandomFlip(name="flip")
    augment = keras.Sequential([flip, layers.RandomRotation(0.1, name="rotate")], name="augment")
    inner = keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, **_WITHOUT_HEAD)
    return keras.Sequential(
        [keras.Input((32, 32, 3)), augment, layers.Rescaling(1 / 127.5, -1.0, name="scale"), inner]
    )


# What cannot be trained, and gets one sentence


@_listed_in(REFUSED)
def subclassed_model(keras):
    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv, self.flat = keras.layers.Conv2D(4, 3), keras.layers.Flatten()

        def call(self, x):
            return self.flat(self.conv(x))

    model = Subclassed()
    model.build((None, 8, 8, 1))
    model(np.zeros((1, 8, 8, 1), "float32"))
    return model


@_listed_in(REFUSED)
def dense_used_twice(keras):
    layers = keras.layers
    pixels, twice = keras.Input((8, 8, 1)), layers.Dense(64, name="again")
    return keras.Model(pixels, twice(twice(layers.Flatten(name="flat")(pixels))))


@_listed_in(REFUSED)
def model_used_twice(keras):
    layers = keras.layers
    inner = _inner(keras, layers.Conv2D(4, 3, padding="same", name="conv"), shape=(8, 8, 4))
    pixels = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, padding="same", name="stem")(pixels)
    return keras.Model(pixels, layers.Flatten(name="features")(inner(inner(x))))


RANDOM = [
    "custom_block",
    "custom_block_without_training",
    "custom_block_inside_a_model",
    "recurrent_with_dropout",
    "dropout",
    "augmentation_first",
    "augmentation_in_the_middle",
    "augmentation_nested",
    "noise_in_a_nested_model",
    "noise_with_a_generator_of_its_own",
]
"""The small ones that draw at random in training."""


def random_head(keras, seed):
    """A callback that gives a training a head drawn as Keras does, where ours starts at zero."""

    class RandomHead(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            kernel = self.model.get_layer("head").kernel
            kernel.assign(keras.initializers.GlorotUniform(seed)(kernel.shape))

    return RandomHead()
