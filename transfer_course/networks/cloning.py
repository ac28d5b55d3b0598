"""Copies of a network that share nothing with it: with its weights, or with fresh ones."""

from collections.abc import Callable

import numpy as np

from transfer_course._backend import keras
from transfer_course._validation import describe_type
from transfer_course.networks.internals import is_graph, own_random_numbers, run_graph, sublayers
from transfer_course.networks.layers import functions_in, is_custom, set_trainable


def clone(model):
    """Return a copy of a model with the same weights and the same layers frozen.

    Parameters
    ----------
    model : keras.Model
        Sequential or functional. Models inside it are copied as models, and layers that it uses
        twice once.

    Returns
    -------
    keras.Model
        It shares no layer and no variable with ``model``, and leaves the size of its batches open.
        It is not compiled, and has no regularizer that was set on a variable.

    Raises
    ------
    TypeError
        The model is neither Sequential nor functional, or Keras cannot copy one of its layers.

    Examples
    --------
    >>> from transfer_course.backbones import small_cnn
    >>> backbone = small_cnn()
    >>> clone(backbone).layers[1] is backbone.layers[1]
    False
    """
    with own_random_numbers():
        copies = {}
        copy = _copy_graph(model, clone_operation, copies)
    for old, new in copies.values():
        copy_state(old, new)
    return copy


def clone_with_fresh_weights(model, seed: int):
    """Return a copy of a model with fresh weights, every layer trainable: same seed, same weights.

    A `keras.layers.Normalization` keeps its mean and variance: they are preprocessing, not learned.

    Parameters
    ----------
    model : keras.Model
        Sequential or functional.
    seed : int
        0 or more. Replaces the seeds of initializers and of random layers.

    Returns
    -------
    keras.Model
        As `clone` returns it.

    Raises
    ------
    TypeError
        As for `clone`.

    Examples
    --------
    >>> from transfer_course.backbones import small_cnn
    >>> kernels = [clone_with_fresh_weights(small_cnn(), 3).get_layer("conv1").kernel] * 2
    >>> bool((kernels[0] == kernels[1]).numpy().all())
    True
    """
    seeds = iter(np.random.SeedSequence(seed).generate_state(10_000).tolist())

    def with_seed(layer, config):
        """Give each initializer a seed of its own.

        A layer made of others hands its initializer's seed on to all of them, and the query, key
        and value of an attention would start alike. So in these Keras draws the seeds itself.
        """
        alone = len(sublayers(layer)) == 1
        for key, value in config.items():
            if key == "seed":
                config[key] = next(seeds) if alone else None
            elif isinstance(value, dict) and "seed" in (value.get("config") or {}):
                value["config"]["seed"] = next(seeds) if alone else None
        return config

    copies = {}
    with own_random_numbers(seed):
        copy = _copy_graph(model, lambda it: clone_operation(it, with_seed), copies)
    set_trainable(copy, True)
    for old, new in copies.values():
        for source, target in zip(preprocessing(old), preprocessing(new), strict=True):
            copy_state(source, target)
            set_trainable(target, True)
    return copy


def clone_operation(operation, change: Callable = lambda layer, config: config):
    """Return a new layer or operation with the same configuration, not yet called.

    ``change(layer, config)`` may return another configuration. Raises TypeError if Keras cannot
    copy the layer.
    """
    kind = type(operation)
    # Keras does not trust code that it loads. This is the reader's own, and already runs here.
    has_code = isinstance(operation, keras.layers.Lambda | keras.layers.TFSMLayer)
    trusted = {"safe_mode": False} if has_code else {}
    try:
        with keras.utils.custom_object_scope(_custom_objects(operation)):
            config = operation.get_config()
            if isinstance(operation, keras.Layer):
                config = change(operation, config)
            new = kind.from_config(config, **trusted)
    except Exception as error:  # get_config and __init__ may be anybody's
        reason = str(error).strip().split("\n")[0]
        raise TypeError(
            f"the layer {operation.name!r} ({kind.__name__}) cannot be copied ({reason}): give its "
            f"class a get_config that returns every argument of its __init__"
        ) from error
    if isinstance(operation, keras.layers.Lambda):
        new.function = operation.function  # its code loaded anew would miss what it refers to
    return new


def copy_state(source, target) -> None:
    """Copy all that a layer holds to its copy: weights, states of random numbers, what is frozen.

    Raises TypeError if the copy has other variables.
    """
    pairs = list(zip(source.variables, target.variables, strict=False))
    if len(source.variables) != len(target.variables) or any(a.shape != b.shape for a, b in pairs):
        raise TypeError(
            f"the layer {source.name!r} ({type(source).__name__}) cannot be copied, since its copy "
            f"has other weights: create all of them in its __init__ or build, from the arguments "
            f"that its get_config returns"
        )
    for old, new in pairs:
        new.assign(old.value)
    for old, new in zip(sublayers(source), sublayers(target), strict=True):
        new.trainable = old.trainable
    for layer in preprocessing(target):
        layer.finalize_state()  # it computes with constants, made from its weights


def preprocessing(layer) -> list:
    """Return the layers inside a layer whose weights come from `adapt`, not from training."""
    return [it for it in sublayers(layer) if isinstance(it, keras.layers.Normalization)]


def check_graph(model) -> None:
    """Raise TypeError if a model is neither Sequential nor functional."""
    if not is_graph(model):
        raise TypeError(
            f"a backbone must be a keras.Model made of layers behind a keras.Input, Sequential or "
            f"functional, got {describe_type(model)}: build one, as in tc.backbones.small_cnn()"
        )


def _copy_graph(model, clone_one: Callable, copies: dict):
    """Copy a model step by step; ``copies`` gets the pairs of old and new layers by their id."""
    check_graph(model)

    def copy_of(operation):
        if not isinstance(operation, keras.Layer):
            return clone_one(operation)
        if is_graph(operation):
            if id(operation) not in models:
                models[id(operation)] = _copy_graph(operation, clone_one, copies)
                models[id(operation)].trainable = operation.trainable
            return models[id(operation)]
        if id(operation) not in copies:
            copies[id(operation)] = operation, clone_one(operation)
        return copies[id(operation)][1]

    models = {}
    inputs = [keras.Input(it.shape[1:], dtype=it.dtype, name=it.name) for it in model.inputs]
    if isinstance(model, keras.Sequential):
        return keras.Sequential([*inputs, *map(copy_of, model.layers)], name=model.name)
    outputs = run_graph(model, inputs, copy_of)
    return keras.Model(keras.tree.pack_sequence_as(model.input, inputs), outputs, name=model.name)


def _custom_objects(operation) -> dict:
    """The classes and functions that Keras would otherwise look up by name, and not find."""
    found = {}
    for layer in sublayers(operation) if isinstance(operation, keras.Layer) else ():
        for code in (type(layer), *functions_in(layer)):
            if is_custom(code):
                found |= {code.__name__: code, keras.saving.get_registered_name(code): code}
    return found
