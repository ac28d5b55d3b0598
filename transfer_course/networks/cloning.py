"""Copies of a network that share nothing with it: with its weights, or with fresh ones."""

from collections.abc import Callable
from weakref import WeakKeyDictionary

import numpy as np

from transfer_course._backend import keras
from transfer_course._validation import describe_type
from transfer_course.networks.internals import is_graph, own_random_numbers, run_graph, sublayers
from transfer_course.networks.layers import (
    code_of,
    functions_in,
    has_custom_layers,
    is_custom,
    seed_states,
    set_trainable,
)

# By the model: its layout, a copy that has yet to get its state, and the pairs of layers. It serves
# once.
_made_ahead = WeakKeyDictionary()


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
        It shares no layer and no weight with ``model``, and leaves the size of its batches open.
        It has the same regularizers, but no penalty of `l2_sp`, and is not compiled.

    Raises
    ------
    TypeError
        The model is neither Sequential nor functional, or Keras cannot copy one of its layers; or
        the copy of a layer that is not Keras's own computes something else.

    Examples
    --------
    >>> from transfer_course.backbones import small_cnn
    >>> backbone = small_cnn()
    >>> clone(backbone).layers[1] is backbone.layers[1]
    False
    """
    layout, copy, copies = _made_ahead.pop(model, (None, None, None))
    if layout is None or layout != _layout(model):  # it has been changed since then
        copy, copies = _copy_of(model)
    for old, new in copies.values():
        copy_state(old, new)
    if has_custom_layers(model):
        _check_copies(model, copy, copies)
    return copy


def clone_ahead(model) -> None:
    """Make the next `clone` of a model quick, by building the copy now.

    For a large network that is most of the work before the first step of a training.
    """
    if model not in _made_ahead:
        _made_ahead[model] = _layout(model), *_copy_of(model)


def _layout(model) -> tuple:
    """Return what a copy is built from; the rest is state."""
    return model.to_json(), code_of(model)


def _copy_of(model) -> tuple:
    """Return a copy that has yet to get the model's state, and the pairs of old and new layers."""
    copies = {}
    with own_random_numbers():
        return _copy_graph(model, clone_operation, copies), copies


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
    if has_custom_layers(model):
        clone(model)  # or a layer whose copy computes something else would not be noticed
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
        _copy_regularizers(old, new)
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
        raise _no_copy(operation, str(error).strip().split("\n")[0]) from error
    if isinstance(operation, keras.layers.Lambda):
        new.function = operation.function  # its code loaded anew would miss what it refers to
    return new


def _no_copy(operation, reason: str) -> TypeError:
    return TypeError(
        f"the layer {operation.name!r} ({type(operation).__name__}) cannot be copied ({reason}): "
        f"give its class a get_config that returns every argument of its __init__"
    )


def copy_state(source, target) -> None:
    """Copy all that a layer holds to its copy: weights, states of random numbers, what is frozen,
    regularizers.

    Raises TypeError if the copy has other variables.
    """
    pairs = _pairs(source, target)
    for old, new in pairs:
        new.assign(old.value)
    for old, new in zip(sublayers(source), sublayers(target), strict=True):
        new.trainable = old.trainable
    for old, new in pairs:  # a weight can be frozen in a layer that trains
        new.trainable = old.trainable
    _copy_regularizers(source, target)
    for layer in preprocessing(target):
        layer.finalize_state()  # it computes with constants, made from its weights


def _pairs(source, target) -> list[tuple]:
    """Return the variables of a layer, each with that of its copy."""
    pairs = list(zip(source.variables, target.variables, strict=False))
    if len(source.variables) != len(target.variables) or any(a.shape != b.shape for a, b in pairs):
        raise TypeError(
            f"the layer {source.name!r} ({type(source).__name__}) cannot be copied, since its copy "
            f"has other weights: create all of them in its __init__ or build, from the arguments "
            f"that its get_config returns"
        )
    return pairs


def _copy_regularizers(source, target) -> None:
    """Give each weight the regularizer of the original, wherever it was set.

    The penalty of L2-SP belongs to one training: of that, what the weight had before.
    """
    for old, new in _pairs(source, target):
        new.regularizer = getattr(old.regularizer, "own", old.regularizer)


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


def _check_copies(model, copy, copies: dict) -> None:
    """Raise TypeError if the copy of a layer by hand computes something else than the layer.

    Keras copies what a layer's ``get_config`` returns, and notices nothing if that is not all. So
    an image of noise goes through the model, and what reaches such a layer through its copy, too.
    """

    def call(operation):
        if is_graph(operation):
            return lambda inputs, **_: run_graph(operation, inputs, call)

        def call_both(*args, **kwargs):
            outputs = operation(*args, **kwargs)
            if isinstance(operation, keras.Layer) and has_custom_layers(operation):
                again, copied = (it(*args, **kwargs) for it in copies[id(operation)])
                if _alike(outputs, again) and not _alike(outputs, copied):
                    custom = (it for it in sublayers(operation) if is_custom(type(it)))
                    raise _no_copy(next(custom), "its copy computes something else")
            return outputs

        return call_both

    if any(None in it.shape[1:] for it in model.inputs):
        return
    draw = np.random.default_rng(0)
    noise = [
        keras.ops.convert_to_tensor(
            draw.integers(0, 256, (it.shape[0] or 1, *it.shape[1:])), it.dtype
        )
        for it in model.inputs
    ]
    states = [(it, it.numpy()) for it in [*seed_states(model), *seed_states(copy)]]
    try:
        with own_random_numbers():
            run_graph(model, noise[0] if len(noise) == 1 else noise, call)
    finally:
        for state, value in states:
            state.assign(value)


def _alike(one, other) -> bool:
    pairs = zip(keras.tree.flatten(one), keras.tree.flatten(other), strict=True)
    return all(
        a.shape == b.shape and np.allclose(a, b, rtol=1e-3, atol=1e-6, equal_nan=True)
        for a, b in pairs
    )


def _custom_objects(operation) -> dict:
    """The classes and functions that Keras would otherwise look up by name, and not find."""
    found = {}
    for layer in sublayers(operation) if isinstance(operation, keras.Layer) else ():
        for code in (type(layer), *functions_in(layer)):
            if is_custom(code):
                found |= {code.__name__: code, keras.saving.get_registered_name(code): code}
    return found
