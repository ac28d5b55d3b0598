"""How far to freeze a backbone: by a number of layers, or up to a layer with a name."""

import difflib
from itertools import pairwise
from numbers import Integral

from transfer_course._backend import keras
from transfer_course._progress import say
from transfer_course._validation import describe
from transfer_course.networks.graph import crossing, unroll
from transfer_course.networks.internals import is_graph
from transfer_course.networks.layers import batch_norms, kernels, layers_by_path, set_trainable


def freeze_points(backbone) -> list[str]:
    """Return the names of the layers worth freezing up to, from the input to the output.

    A place is worth it where a single tensor crosses from the layers before to the layers after. Of
    the places between two layers with a kernel, which freeze the same, it is the last one. Where a
    block has a name (``block3`` ends what begins with ``block3_expand_conv``), the places inside it
    are passed over.

    Parameters
    ----------
    backbone : keras.Model
        Sequential or functional; models nested in it are looked into.

    Returns
    -------
    list of str
        Each is a value for the ``freeze=`` of `fine_tune` and `l2_sp`. A place in a nested model is
        a path, such as ``"mobilenetv2/block_3_add"``. The last one freezes everything: what is left
        to train is the head.

    Raises
    ------
    TypeError
        ``backbone`` is not such a model, or Keras cannot copy one of its layers.
    ValueError
        The backbone calls a layer with weights twice.

    Examples
    --------
    >>> import transfer_course as tc
    >>> tc.freeze_points(tc.backbones.small_cnn())
    ['pool1', 'pool2', 'flatten', 'features']
    """
    graph = unroll(backbone)
    steps = graph.steps
    with_kernel = [i for i, step in enumerate(steps) if _has_kernel(step.copy)]
    layers = [step.path for step in steps if isinstance(step.original, keras.Layer)]
    places = []
    for first, last in pairwise([*(with_kernel or [0]), len(steps)]):
        ends = range(last, first, -1)
        end = next((end for end in ends if len(crossing(graph, end)) == 1), first)
        before = [it.path for it in steps[:end] if isinstance(it.original, keras.Layer)]
        if end > first and layers.count(before[-1]) == 1:
            places.append(before[-1])
    places = list(dict.fromkeys(places))
    return [
        name
        for number, name in enumerate(places)
        if not any(_is_inside(name, block) for block in places[number + 1 :])
    ]


def _is_inside(name: str, block: str) -> bool:
    # A number tells only that Keras has made up the name: re_lu_3 is not inside re_lu.
    return name.startswith(f"{block}_") and not name.removeprefix(f"{block}_").isdigit()


def freeze_up_to(backbone, freeze: int | str) -> None:
    """Make the first layers of a backbone untrainable, and all its batch normalization.

    Batch normalization is frozen throughout: from a handful of images its statistics would drift
    away from what the weights behind it were trained on.

    Parameters
    ----------
    backbone : keras.Model
        Changed in place.
    freeze : int or str
        A number of layers counted from the input, ``backbone.layers[:freeze]``, or the name of the
        last layer to freeze; for one in a nested model its path, as `freeze_points` gives it.

    Raises
    ------
    ValueError
        There is no such place.
    """
    for layer in [*_layers_up_to(backbone, freeze), *batch_norms(backbone)]:
        set_trainable(layer, False)


def unfreeze_if_all_is_frozen(backbone, verbose: int | str) -> None:
    """Make a backbone trainable that is frozen as a whole, and say so unless ``verbose`` is 0."""
    if backbone.weights and not backbone.trainable_weights:
        set_trainable(backbone, True)
        say(
            "All layers of the backbone were frozen, as feature_reuse leaves them; here they "
            "train. To keep some of them, use freeze=.",
            verbose,
        )


def _layers_up_to(backbone, freeze: int | str) -> list:
    if isinstance(freeze, str):
        return _layers_up_to_path(backbone, freeze.split("/"), freeze)
    whole = isinstance(freeze, Integral) and not isinstance(freeze, bool)
    if not whole or not 0 <= freeze <= len(backbone.layers):
        raise ValueError(
            f"freeze={describe(freeze)} is no place in this backbone: use a number of layers from "
            f"0 to {len(backbone.layers)}, or the name of a layer, such as "
            f"{_some_places(backbone)[0]!r}"
        )
    return backbone.layers[:freeze]


def _layers_up_to_path(model, path: list[str], freeze: str) -> list:
    names = [layer.name for layer in model.layers]
    first, *rest = path
    if first not in names or (rest and not is_graph(model.get_layer(first))):
        paths = list(layers_by_path(model))
        near = difflib.get_close_matches(path[-1], paths) or _some_places(model)
        prefix = freeze.removesuffix("/".join(path))
        raise ValueError(
            f"freeze={freeze!r}: the backbone has no layer of this name; "
            f"did you mean {' or '.join(repr(prefix + name) for name in near)}?"
        )
    end = names.index(first)
    if not rest:
        return model.layers[: end + 1]
    return model.layers[:end] + _layers_up_to_path(model.layers[end], rest, freeze)


def _some_places(model) -> list[str]:
    return freeze_points(model) or [layer.name for layer in model.layers]


def _has_kernel(operation) -> bool:
    return isinstance(operation, keras.Layer) and bool(kernels(operation))
