"""Questions about a layer that concern all layers inside it as well."""

import inspect
from types import FunctionType

from transfer_course._backend import keras
from transfer_course.networks.internals import is_graph, sublayers

_NO_KERNELS = ("alpha", "beta", "bias", "embedding", "gamma", "position")
"""What is in the name of a weight that is no kernel, whatever its shape, as Keras names them."""


def layers_by_path(model, prefix: str = "") -> dict:
    """Return the layers of a model by their paths, those of models nested in it included.

    >>> from transfer_course.backbones import small_cnn
    >>> list(layers_by_path(keras.Sequential([keras.Input((28, 28, 1)), small_cnn()])))[:3]
    ['small_cnn', 'small_cnn/scale', 'small_cnn/conv1']
    """
    found = {}
    for layer in model.layers:
        found[prefix + layer.name] = layer
        if is_graph(layer):
            found |= layers_by_path(layer, f"{prefix}{layer.name}/")
    return found


def set_trainable(layer, value: bool) -> None:
    """Freeze or free a layer, all layers inside it and all their weights.

    ``model.trainable = True`` alone does nothing where the model's own flag is True already, even
    if layers or weights in it are frozen: TensorFlow leaves out assignments that change nothing.
    """
    for it in sublayers(layer):
        it.trainable = not value
        it.trainable = value


def batch_norms(layer) -> list:
    """Return all batch normalization layers in a layer, itself included."""
    return [it for it in sublayers(layer) if isinstance(it, keras.layers.BatchNormalization)]


def seed_states(layer) -> list:
    """Return the variables that hold the state of random numbers, in dropout and the like."""
    weights = {id(weight) for weight in layer.weights}
    return [variable for variable in layer.variables if id(variable) not in weights]


def seed_layers(layer, seed: int) -> None:
    """Have everything random in a layer start from the seed, each part at numbers of its own."""
    for number, state in enumerate(seed_states(layer)):
        state.assign([seed + number, 0])


def differs_in_training(layer) -> bool:
    """Return whether a layer may do something else in training than in inference.

    It does if it trains, draws at random, or gathers statistics of batches. A custom layer or the
    function of a Lambda that asks whether it is in training is taken at its word.
    """
    return (
        bool(layer.trainable_weights)
        or bool(seed_states(layer))
        or any(norm.trainable for norm in batch_norms(layer))
        or any(map(_asks_for_training, sublayers(layer)))
    )


def _asks_for_training(layer) -> bool:
    is_lambda = isinstance(layer, keras.layers.Lambda)
    if not is_lambda and not is_custom(type(layer)):
        return False
    code = layer.function if is_lambda else layer.call
    return "training" in inspect.signature(code).parameters


def code_of(layer) -> tuple:
    """Return the classes and functions that a layer computes with, its sublayers' included.

    Two networks whose configurations are equal may still differ in these: a notebook can define a
    class of the same name again.
    """
    classes = [type(it) for it in sublayers(layer)]
    return (*classes, *(function for it in sublayers(layer) for function in functions_in(it)))


def functions_in(layer) -> list:
    """Return the functions that a layer was given, such as an activation or that of a Lambda."""
    return [
        value
        for name, value in vars(layer).items()
        if isinstance(value, FunctionType) and not hasattr(type(layer), name)
    ]


def is_custom(code) -> bool:
    """Return whether a class or a function is not from Keras."""
    return code.__module__.partition(".")[0] != "keras"


def has_custom_layers(layer) -> bool:
    """Return whether a layer, or one inside it, is not from Keras."""
    return any(is_custom(type(it)) for it in sublayers(layer))


def kernels(layer) -> list:
    """Return the kernels in a layer: its weights, but for biases, embeddings and normalization.

    Those of Keras's layers are named so. In a layer that somebody has written, whose weights need
    not have a name, it is each weight with two or more axes, unless its name says that it is
    something else: see ``_NO_KERNELS``.

    >>> dense = keras.layers.Dense(3)
    >>> dense.build((None, 2))
    >>> [weight.name for weight in kernels(dense)]
    ['kernel']
    """
    found = set()
    for owner in sublayers(layer):
        inner = {id(weight) for it in sublayers(owner)[1:] for weight in it.weights}
        own = [weight for weight in owner.weights if id(weight) not in inner]
        found |= {id(weight) for weight in own if _is_kernel(weight, owner)}
    return [weight for weight in layer.weights if id(weight) in found]


def _is_kernel(weight, owner) -> bool:
    if "kernel" in weight.name:
        return True
    something_else = any(word in weight.name for word in _NO_KERNELS)
    return is_custom(type(owner)) and len(weight.shape) > 1 and not something_else
