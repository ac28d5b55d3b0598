"""The few private names of Keras that the package uses: that they exist, and mean what they did."""

import gc
import random
import weakref
from threading import Event, Thread

import numpy as np
import pytest

from transfer_course._backend import tf
from transfer_course.networks.internals import (
    AdamOnOneDevice,
    is_graph,
    mask_of,
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


def test_the_mask_of_a_tensor(keras):
    layers = keras.layers
    rows = keras.Input((4, 2))
    masked = layers.Masking()(rows)
    assert mask_of(rows) is None
    assert mask_of(masked).shape == (None, 4)
    assert mask_of(layers.Dense(3)(masked)) is mask_of(masked)
    assert mask_of(layers.LSTM(3)(masked)) is None
    plain = keras.Model(rows, layers.Dense(3)(rows))
    assert mask_of(plain.output) is None


def drawn(keras):
    """Numbers from each generator that a process has: Python's, NumPy's and Keras's."""
    initial = keras.initializers.RandomUniform()  # its seed is one of Python's numbers
    return [
        random.random(),
        np.random.random(),  # noqa: NPY002
        *initial((2,)).numpy(),
        *keras.random.SeedGenerator().state.numpy(),
        *keras.random.uniform((2,)).numpy(),
    ]


def test_random_numbers_of_ones_own(keras):
    def draw(generator=None):
        with own_random_numbers(3, generator):
            initial = keras.initializers.RandomUniform()
            state = keras.random.SeedGenerator().state.numpy()
            return [*initial((2,)).numpy(), *state, *keras.random.uniform((2,)).numpy()]

    keras.utils.set_random_seed(1)
    expected = drawn(keras)
    keras.utils.set_random_seed(1)
    assert draw() == draw()
    assert draw(keras.random.SeedGenerator(5))[4:] == draw(keras.random.SeedGenerator(5))[4:]
    assert draw(keras.random.SeedGenerator(5))[4:] != draw(keras.random.SeedGenerator(6))[4:]
    assert drawn(keras) == expected


def test_random_numbers_of_ones_own_leave_other_threads_theirs(keras):
    """They draw while a block is open, go on after it, and see each number once."""
    is_open, may_close = Event(), Event()

    def block():
        with own_random_numbers(3):
            is_open.set()
            may_close.wait(timeout=60)

    keras.utils.set_random_seed(1)
    expected = [drawn(keras), drawn(keras), drawn(keras)]
    keras.utils.set_random_seed(1)
    found = [drawn(keras)]
    thread = Thread(target=block)
    thread.start()
    assert is_open.wait(timeout=60)
    found.append(drawn(keras))
    may_close.set()
    thread.join(timeout=60)
    found.append(drawn(keras))
    assert found == expected


def test_augmix_draws_from_random_numbers_of_ones_own(keras):
    """It chooses its operations from Python's `random`, whatever its seed."""
    images = np.arange(2 * 8 * 8 * 3, dtype="float32").reshape(2, 8, 8, 3)

    def augmented():
        return keras.layers.AugMix(seed=1)(images, training=True).numpy()

    before = random.getstate()
    with own_random_numbers(3):
        first = augmented()
    with own_random_numbers(3):
        np.testing.assert_array_equal(augmented(), first)
    assert random.getstate() == before
    augmented()
    assert random.getstate() != before, "Keras gives it a seed: internals.py need not"


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
