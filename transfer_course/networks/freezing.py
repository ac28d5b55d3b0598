"""How far to freeze a backbone: by a number of layers, or up to a layer with a name."""

import difflib
from numbers import Integral

from transfer_course._backend import keras
from transfer_course._validation import describe, describe_type
from transfer_course.networks.cloning import layers_of


def freeze_points(backbone) -> list[str]:
    """Return the names of the layers worth freezing up to, from the input to the output.

    A place is worth it where a single tensor crosses from the layers before to the layers after,
    and where the next layer has a kernel to train. Where a block has a name (``block3`` ends what
    begins with ``block3_expand_conv``), the places inside it are passed over.

    Parameters
    ----------
    backbone
        A Keras model made of layers (Sequential or functional).

    Returns
    -------
    list of str
        Each is a value for the ``freeze=`` of `fine_tune` and `l2_sp`. The last one freezes
        everything: what is left to train is the head.

    Raises
    ------
    TypeError
        ``backbone`` is not such a model.

    Example
    -------
    >>> import transfer_course as tc
    >>> tc.freeze_points(tc.backbones.small_cnn())
    ['pool1', 'pool2', 'flatten', 'features']
    """
    model = functional(backbone)
    operations = model.operations
    with_kernel = [i for i, operation in enumerate(operations) if _has_kernel(operation)]
    places = [
        operations[end - 1].name
        for end in [*with_kernel[1:], len(operations)]
        if isinstance(operations[end - 1], keras.Layer) and len(crossing(model, end)) == 1
    ]
    blocks = tuple(f"{name}_" for name in places)
    return [name for name in places if not name.startswith(blocks)]


def freeze_up_to(backbone, freeze: int | str) -> None:
    """Make the first layers of a backbone untrainable, and all its batch-norm statistics.

    ``freeze`` is a number of layers counted from the input, ``backbone.layers[:freeze]``, or the
    name of the last layer to freeze. Batch normalisation is frozen throughout: with a handful of
    pictures its statistics would drift away from what the weights behind it were trained on.
    """
    for layer in backbone.layers[: _count(backbone, freeze)]:
        layer.trainable = False
    for layer in layers_of(backbone):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


def _count(backbone, freeze: int | str) -> int:
    names = [layer.name for layer in backbone.layers]
    if isinstance(freeze, str):
        if freeze not in names:
            near = difflib.get_close_matches(freeze, names) or freeze_points(backbone)
            raise ValueError(
                f"freeze={freeze!r}: the backbone has no layer of this name; "
                f"did you mean {' or '.join(map(repr, near))}?"
            )
        return names.index(freeze) + 1
    whole = isinstance(freeze, Integral) and not isinstance(freeze, bool)
    if not whole or not 0 <= freeze <= len(names):
        raise ValueError(
            f"freeze={describe(freeze)} is no place in this backbone: use a number of layers from "
            f"0 to {len(names)}, or the name of a layer, such as {freeze_points(backbone)[0]!r}"
        )
    return freeze


def functional(backbone):
    """A copy as a functional model in which each layer was called once, with fresh weights.

    Only so are the ``input`` and ``output`` of its layers those of this model: the ones of a layer
    in use elsewhere may belong to another call of it.
    """
    try:
        copy = keras.models.clone_model(keras.Model(backbone.inputs, backbone.outputs))
    except (AttributeError, ValueError):
        raise TypeError(
            f"a backbone must be a keras.Model of layers behind a keras.Input, but "
            f"{describe_type(backbone)} came: build one, as in tc.backbones.small_cnn()"
        ) from None
    for layer in copy.layers:
        if len(layer._inbound_nodes) > 1:
            raise ValueError(
                f"the backbone uses its layer {layer.name!r} twice, so there is no cutting it into "
                f"a frozen part and the rest; give each use a layer of its own"
            )
    return copy


def _has_kernel(operation) -> bool:
    return isinstance(operation, keras.Layer) and any("kernel" in w.name for w in operation.weights)


def crossing(model, position: int) -> list:
    """The tensors that cross from the first steps of a functional model to the rest."""
    first, rest = model.operations[:position], model.operations[position:]
    made = {id(tensor) for step in first for tensor in keras.tree.flatten(step.output)}
    wanted = [tensor for step in rest for tensor in keras.tree.flatten(step.input)]
    return list({id(t): t for t in [*wanted, *model.outputs] if id(t) in made}.values())
