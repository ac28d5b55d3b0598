"""The checks that all five algorithms share; they run before anything is trained."""

import difflib
from typing import TypedDict

import numpy as np

from transfer_course._backend import keras
from transfer_course._validation import (
    check_int,
    check_number,
    describe,
    describe_size,
    describe_type,
)
from transfer_course.datasets.dataset import Dataset

_INT32 = 2**31 - 1  # TensorFlow takes no larger seed or batch size


class Options(TypedDict, total=False):
    """What all algorithms take beside settings of their own: see `transfer_course.algorithms`."""

    batch_size: int
    seed: int
    cache: bool
    verbose: int | str
    validation_data: Dataset | None
    validation_freq: int | list[int]
    callbacks: list | None


_DEFAULTS: Options = {
    "batch_size": 32,
    "seed": 0,
    "cache": True,
    "verbose": "auto",
    "validation_data": None,
    "validation_freq": 1,
    "callbacks": None,
}


def check_arguments(backbone, data: Dataset, *, epochs, learning_rate, **options) -> dict:
    """Return the settings of a training, with the defaults of those that were not given.

    Parameters
    ----------
    backbone : keras.Model
        One input (n, h, w, c) of a known size, one output (n, d), no classifier. It may be compiled
        with any loss but a cross-entropy, and it may have a fixed batch size.
    data : Dataset
        Images of the backbone's input size, in two classes or more, none of them empty.
    epochs : int
        1 or more.
    learning_rate : float
        Above 0.
    **options
        Of those in `Options`, the ones that were given.

    Returns
    -------
    dict
        All settings of `fit` by name; numbers as Python's own.

    Raises
    ------
    TypeError
        An argument is of the wrong kind or unknown, or the backbone does not know its input shape.
    ValueError
        The backbone has other inputs or outputs or is a classifier, the data set does not fit it,
        or a setting is out of range.
    """
    _check_kinds(backbone, data)
    _check_input(backbone, data)
    _check_features(backbone)
    _check_classes(data)
    for name in options.keys() - _DEFAULTS.keys():
        known = ["epochs", "learning_rate", *_DEFAULTS]
        near = difflib.get_close_matches(name, known, n=1) or known
        raise TypeError(f"there is no argument {name!r}: use {' or '.join(near)}")
    options = _DEFAULTS | options
    if options["verbose"] not in (0, 1, "auto"):
        raise ValueError(f"verbose={describe(options['verbose'])} is unknown: use 0, 1 or 'auto'")
    return options | {
        "epochs": check_int("epochs", epochs, at_least=1),
        "learning_rate": check_number("learning_rate", learning_rate, positive=True),
        "batch_size": check_int("batch_size", options["batch_size"], at_least=1, at_most=_INT32),
        "seed": check_int("seed", options["seed"], at_least=0, at_most=_INT32),
    }


def check_head_learning_rate(value) -> float | None:
    """Return a learning rate as Python's own number, or None if there is none."""
    return None if value is None else check_number("head_learning_rate", value, positive=True)


def _check_kinds(backbone, data) -> None:
    if isinstance(backbone, Dataset):
        raise TypeError(
            "the backbone must be a keras.Model, got a Dataset: "
            "write the backbone first and the examples second"
        )
    if not isinstance(backbone, keras.Model):
        raise TypeError(
            f"the backbone must be a keras.Model, got {describe_type(backbone)}: "
            "build one, as in tc.backbones.small_cnn()"
        )
    if not isinstance(data, Dataset):
        raise TypeError(
            f"the examples must be a Dataset, got {describe_type(data)}: "
            "draw some with train, test = tc.few_shot(dataset, shots), and pass train"
        )


def _check_input(backbone, data: Dataset) -> None:
    size = data.images.shape[1:]
    try:
        expected = backbone.input_shape
    except AttributeError:
        raise TypeError(
            "the backbone does not know its input yet: "
            f"make it a keras.Sequential that begins with keras.Input({size})"
        ) from None
    if not isinstance(expected, tuple):
        raise ValueError(
            f"a backbone has one input, the images, but this model has {len(expected)}: "
            "build it with keras.Model(images, features)"
        )
    expected = expected[1:]
    if None in expected:
        raise ValueError(
            f"the backbone leaves the size of its images open: build it with keras.Input({size})"
        )
    if expected != size:
        advice = []
        if expected[:2] != size[:2]:
            advice.append("load the images at the backbone's size or build a backbone for theirs")
        if (size[2], expected[-1]) == (1, 3):
            advice.append("repeat the grey channel with np.repeat(images, 3, axis=-1)")
        elif (size[2], expected[-1]) == (3, 1):
            advice.append("make grey ones with images.mean(axis=-1, keepdims=True).astype('uint8')")
        raise ValueError(
            f"the backbone takes images of {describe_size(expected)}, but these are "
            f"{describe_size(size)}: "
            + ", and ".join(advice or [f"build a backbone for {describe_size(size)}"])
        )


def _check_features(backbone) -> None:
    # output_shape would hide a list of one tensor. A Sequential has no attribute `output`.
    output = getattr(backbone, "output", backbone.outputs[0])
    one_vector = "a backbone gives one feature vector per image, but this model gives"
    if isinstance(output, list | tuple | dict):
        raise ValueError(
            f"{one_vector} a {type(output).__name__} of {len(output)}: "
            "build it with keras.Model(images, features), without brackets"
        )
    if len(output.shape) != 2:
        raise ValueError(
            f"{one_vector} {describe_size(output.shape[1:]) or 'a single number'}: "
            "end it with GlobalAveragePooling2D or Flatten"
        )
    if _ends_in_softmax(backbone):
        sign = "ends in a softmax"
    elif _minimised_cross_entropy(backbone):
        sign = "was compiled with a cross-entropy"
    else:
        return
    if any(layer.name == "backbone" for layer in backbone.layers):
        advice = "take its backbone, model.get_layer('backbone')"
    else:
        advice = (
            "cut it before its last Dense layer, as in "
            "keras.Model(model.input, model.layers[-2].output)"
        )
    raise ValueError(f"this model {sign}, so it is a classifier, not a backbone: {advice}")


def _check_classes(data: Dataset) -> None:
    names = data.class_names
    if len(names) < 2:
        raise ValueError(
            f"there is one class only, {names[0]!r}, so there is nothing to tell apart: "
            "add images of a second class"
        )
    counts = np.bincount(data.labels, minlength=len(names))
    if not counts.all():
        raise ValueError(
            f"class {names[counts.argmin()]!r} has no images, so nothing can be learned about it: "
            "add some, or leave it out of class_names and renumber the labels"
        )


def _ends_in_softmax(model) -> bool:
    last = model
    while isinstance(last, keras.Sequential) or hasattr(last, "operations"):
        # A functional model lists its steps from input to output, so its one output is made last.
        steps = last.layers if isinstance(last, keras.Sequential) else last.operations
        last = steps[-1]
    activation = getattr(last, "activation", None)
    return "softmax" in getattr(activation, "__name__", type(last).__name__).lower()


def _minimised_cross_entropy(model) -> bool:
    losses = keras.tree.flatten(getattr(model, "loss", None))  # of one loss, a list or a dictionary
    return any("crossentropy" in name for loss in losses for name in _names(loss))


def _names(loss) -> list[str]:
    """Return the names of a loss: a string, a function, a `keras.losses.Loss` or None."""
    if isinstance(loss, str):
        try:
            loss = keras.losses.get(loss)  # "bce" is a short name
        except ValueError:  # it is not one of Keras's
            return []
    names = (getattr(loss, "__name__", ""), getattr(loss, "name", ""), type(loss).__name__)
    return [str(name).replace("_", "").lower() for name in names]
