"""Small networks and a few pictures, made once and shared: every algorithm leaves them as they are.

That it does is itself under test, in test_algorithms.py.
"""

import gc
import os
import sys

import hypothesis
import numpy as np
import pytest

import transfer_course as tc

# The same examples on every machine, however slow it is.
hypothesis.settings.register_profile("course", derandomize=True, deadline=None)
hypothesis.settings.load_profile("course")


@pytest.fixture(scope="module", autouse=True)
def memory_is_given_back():
    """Networks and features that are kept for the next training are of no use to the next file.

    What lives on, TensorFlow and its million objects, need not be searched for garbage again: that
    takes a fifth of the time of compiling a small network.
    """
    yield
    if "transfer_course.training.network" in sys.modules:
        from transfer_course.training import feature_cache, network

        network.forget_networks()
        feature_cache.clear()
    gc.unfreeze()
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def keras():
    """Keras as the package loads it: without TensorFlow's log lines."""
    from transfer_course._backend import keras

    gc.freeze()
    return keras


@pytest.fixture(scope="session")
def source():
    """small_cnn trained for two epochs on 500 digits of MNIST: about one second.

    `make test-numerics` sets another seed, since no test may hang on one network's luck.
    """
    few = tc.datasets.mnist().subset(range(0, 5000, 10))
    seed = int(os.environ.get("TRANSFER_COURSE_SOURCE_SEED", "0"))
    return tc.pretrain(tc.backbones.small_cnn(), few, epochs=2, seed=seed)


@pytest.fixture(scope="session")
def backbone(source):
    """What the algorithms start from in most tests: a pretrained small_cnn, 28x28x1."""
    return source.get_layer("backbone")


@pytest.fixture(scope="session")
def draw():
    """Two pictures of each digit to train on, and a hundred others to test on."""
    train, test = tc.few_shot(tc.datasets.digits(), shots=2, seed=0)
    return train, test.subset(range(100))


@pytest.fixture(scope="session")
def tiny():
    """Twelve noisy pictures of three classes, 8x8x1, for networks made by hand."""
    draw = np.random.default_rng(0)
    labels = np.arange(12) % 3
    images = draw.integers(0, 80, (12, 8, 8, 1)) + 80 * labels[:, None, None, None]
    return tc.Dataset(images.astype("uint8"), labels, ("dark", "middle", "light"))


@pytest.fixture(scope="session")
def residual(keras):
    """A network with a skip connection: inside the block, two tensors cross every cut."""
    layers = keras.layers
    pixels = layers.Input((8, 8, 1), name="pixels")
    x = layers.Rescaling(1 / 255, name="scale")(pixels)
    x = skip = layers.Conv2D(4, 3, padding="same", activation="relu", name="stem")(x)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="inner1")(x)
    x = layers.Conv2D(4, 3, padding="same", name="inner2")(x)
    x = layers.Add(name="sum")([x, skip])
    x = layers.Conv2D(5, 3, padding="same", activation="relu", name="last")(x)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    keras.utils.set_random_seed(0)
    return keras.models.clone_model(keras.Model(pixels, x, name="residual"))
