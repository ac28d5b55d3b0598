"""Questions about a layer that concern all layers inside it as well."""

import inspect
from types import FunctionType

from transfer_course._backend import keras
from transfer_course.networks.internals import is_graph, sublayers


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
    """Freeze or free a layer and all layers inside it.

    ``model.trainable = True`` alone does nothing where the model's own flag is True already, even
    if layers in it are frozen: TensorFlow leaves out assignments that change nothing.
    """
    for it in sublayers(layer):
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

    It does if it trains, draws at random, or gathers statistics of batches. A custom layer that
    asks whether it is in training is taken at its word.
    """
    return (
        bool(layer.trainable_weights)
        or bool(seed_states(layer))
        or any(norm.trainable for norm in batch_norms(layer))
        or any(
            "training" in inspect.signature(it.call).parameters
            for it in sublayers(layer)
            if is_custom(type(it))
        )
    )


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


def is_kernel(weight) -> bool:
    """Return whether a weight is a kernel: neither a bias nor part of a normalization."""
    return "kernel" in weight.name
