"""The few private names of Keras that the package uses: that they exist, and mean what they did."""

import gc
import random
import weakref

import numpy as np
import pytest

from transfer_course._backend import tf
from transfer_course.networks.internals import (
    AdamOnOneDevice,
    is_graph,
    own_random_numbers,
    run_graph,
    sublayers,
)


@pytest.fixture
def nested(keras):
    layers = keras.layers
    pixels = keras.Input((4,))
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="deep")], name="inner")
    wrapped = layers.TimeDistributed(layers.BatchNormalization(name="norm"), name="wrapper")
    return keras.Model(pixels, wrapped(layers.Reshape((3, 1), name="rows")(inner(pixels))))


def test_sublayers_finds_what_is_in_models_and_wrappers(nested):
    names = {layer.name for layer in sublayers(nested)}
    assert {"inner", "deep", "rows", "wrapper", "norm"} <= names


def test_running_a_graph_calls_each_step_and_computes_what_the_model_does(nested):
    called = []

    def note(operation):
        called.append(operation.name)
        return operation

    images = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")
    found = run_graph(nested, [images], note)
    np.testing.assert_allclose(found, nested(images), atol=1e-6)
    assert called == ["inner", "rows", "wrapper"]


def test_what_runs_as_its_graph_says(keras, nested):
    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    class Doubled(keras.Sequential):
        def call(self, inputs, **settings):
            return 2 * super().call(inputs, **settings)

    assert is_graph(nested) and is_graph(nested.get_layer("inner"))
    not_built = keras.Sequential([keras.layers.Dense(2)])
    doubled = Doubled([keras.Input((4,)), keras.layers.Dense(2)])
    assert not any(map(is_graph, [Own(), not_built, doubled, keras.layers.Dense(2)]))


def test_random_numbers_of_ones_own(keras):
    def draw(generator=None):
        with own_random_numbers(3, generator):
            return [random.random(), np.random.random(), *keras.random.uniform((2,)).numpy()]  # noqa: NPY002

    keras.utils.set_random_seed(1)
    expected = random.random(), np.random.random(), *keras.random.uniform((2,)).numpy()  # noqa: NPY002
    keras.utils.set_random_seed(1)
    assert draw() == draw()
    assert draw(keras.random.SeedGenerator(5))[2:] == draw(keras.random.SeedGenerator(5))[2:]
    assert draw(keras.random.SeedGenerator(5))[2:] != draw(keras.random.SeedGenerator(6))[2:]
    assert expected == (random.random(), np.random.random(), *keras.random.uniform((2,)).numpy())  # noqa: NPY002


def graph_of_a_step(optimizer):
    """The graph in which an optimizer moves a weight by one step, referred to weakly."""
    weight = tf.Variable([1.0, 2.0])
    optimizer.build([weight])

    def step(gradient):
        optimizer.apply([gradient], [weight])

    signature = [tf.TensorSpec((2,))]
    compiled = tf.function(step, input_signature=signature, autograph=False)
    compiled = compiled.get_concrete_function()
    compiled(tf.constant([0.5, -3.0]))
    return weakref.ref(compiled.graph), weight.numpy()


def test_the_graph_of_an_optimizer_on_one_device_is_deleted(keras):
    kept, expected = graph_of_a_step(keras.optimizers.Adam(0.1))
    deleted, found = graph_of_a_step(AdamOnOneDevice(0.1))
    np.testing.assert_array_equal(found, expected)
    gc.collect()
    assert deleted() is None
    assert kept() is not None, "Keras's own is deleted as well: AdamOnOneDevice can go"
