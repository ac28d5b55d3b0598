"""What the package needs of Keras that has no public name. No other module uses a private one.

tests/test_keras_internals.py notices when one of them goes or changes its meaning.
"""

import random
from collections.abc import Callable
from contextlib import contextmanager
from threading import RLock

import numpy as np

# The generator that keras.random draws from where a layer passes no seed. It is one per thread.
from keras.src.backend.common import global_state
from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR

from transfer_course._backend import keras

_random_lock = RLock()


def sublayers(layer) -> list:
    """Return a layer and all layers inside it, to any depth.

    `keras.Model.layers` stops at custom layers and wrappers: the batch normalization in
    ``TimeDistributed(BatchNormalization())`` is in no public list.

    Examples
    --------
    >>> [type(it).__name__ for it in sublayers(keras.layers.TimeDistributed(keras.layers.Dense(3)))]
    ['TimeDistributed', 'Dense']
    """
    return layer._flatten_layers()


def is_graph(layer) -> bool:
    """Return whether a layer is a Sequential or functional model that runs as its graph says.

    A subclass with a ``call`` of its own computes something else than its graph, if it has one.
    """
    own_call = any(
        "call" in vars(cls)
        for cls in type(layer).__mro__
        if cls.__module__.partition(".")[0] != "keras"
    )
    is_sequential = isinstance(layer, keras.Sequential) and bool(getattr(layer, "inputs", None))
    return not own_call and (is_sequential or hasattr(layer, "_run_through_graph"))


def run_graph(model, tensors, operation_fn: Callable):
    """Call ``operation_fn(operation)(*args, **kwargs)`` for each step of a model, and return the
    output.

    It calls them as the model would, with the arguments that were given when it was built. There is
    no public way to do that and see each call: `keras.models.clone_model` does not look into nested
    models.
    """
    if isinstance(model, keras.Sequential):
        for layer in model.layers:
            tensors = operation_fn(layer)(tensors)
        return tensors
    return model._run_through_graph(tensors, operation_fn=operation_fn)


@contextmanager
def own_random_numbers(seed: int = 0, generator=None):
    """Have the block draw from the seed, and nobody outside it notice.

    Keras seeds initializers and layers from Python's `random` unless they have a seed of their own.
    Layers that draw with no seed at all use `keras.random`'s generator: for these ``generator``
    takes its place, a `keras.random.SeedGenerator`.
    """
    with _random_lock:
        python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
        theirs = global_state.get_global_attribute(GLOBAL_SEED_GENERATOR)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        global_state.set_global_attribute(GLOBAL_SEED_GENERATOR, generator)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
            global_state.set_global_attribute(GLOBAL_SEED_GENERATOR, theirs)


class AdamOnOneDevice(keras.optimizers.Adam):
    """`keras.optimizers.Adam`, whose graphs are deleted with what they were compiled for.

    Keras sums the gradients over devices, even if there is one. In a graph that registers a
    function with TensorFlow, for good, and with it the graph: of a training of EfficientNet-Lite0
    20,000 objects and thirty megabytes.
    """

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return grads_and_vars
