"""What the package needs of Keras that has no public name. No other module uses a private one.

tests/test_keras_internals.py notices when one of them goes or changes its meaning.
"""

import random
import threading
from collections.abc import Callable
from contextlib import contextmanager

from keras.src.backend.common import global_state
from keras.src.layers.preprocessing.image_preprocessing import aug_mix
from keras.src.random import seed_generator

from transfer_course._backend import keras


class _PythonRandom(threading.local):
    """Python's `random`; for a thread in `own_random_numbers`, a generator of its own."""

    own = None

    def __getattr__(self, name: str):
        return getattr(self.own or random, name)


# Where Keras draws from Python's `random`: the seeds of initializers and layers that are given none
# (make_default_seed), and the operations of AugMix. To seed `random` itself and put it back would
# have all other threads draw the same numbers again.
seed_generator.python_random = aug_mix.py_random = _python_random = _PythonRandom()


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


def mask_of(tensor):
    """Return the mask that a tensor of a graph has from a layer such as Masking, or None.

    Keras hands it to the layers behind by itself, so it is in none of the arguments that they are
    called with. Yet it is one of their inputs.
    """
    return getattr(tensor, "_keras_mask", None)


@contextmanager
def own_random_numbers(seed: int = 0, generator=None):
    """Have Keras draw from the seed in the block, and nobody outside it or in other threads notice.

    Keras seeds initializers and layers from Python's `random` unless they have a seed of their own.
    Layers that draw with no seed at all use `keras.random`'s generator, which is one per thread:
    for these ``generator`` takes its place, a `keras.random.SeedGenerator`.
    """
    name = seed_generator.GLOBAL_SEED_GENERATOR
    before = _python_random.own, global_state.get_global_attribute(name)
    _python_random.own = random.Random(seed)
    global_state.set_global_attribute(name, generator)
    try:
        yield
    finally:
        _python_random.own = before[0]
        global_state.set_global_attribute(name, before[1])


class AdamOnOneDevice(keras.optimizers.Adam):
    """`keras.optimizers.Adam`, whose graphs are deleted with what they were compiled for.

    Keras sums the gradients over devices, even if there is one. In a graph that registers a
    function with TensorFlow, for good, and with it the graph: of a training of EfficientNet-Lite0
    20,000 objects and thirty megabytes.
    """

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return grads_and_vars
