"""A network as one flat list of steps, whatever models are nested in it, and a cut through it."""

from typing import NamedTuple

from transfer_course._backend import keras
from transfer_course.networks.cloning import check_graph, clone_operation, copy_state
from transfer_course.networks.internals import is_graph, mask_of, run_graph
from transfer_course.networks.layers import differs_in_training


class Step(NamedTuple):
    """One call of a layer, or of an operation such as an addition."""

    path: str  # "block1", or "mobilenetv2/block_3_add" in a nested model
    original: object
    copy: object
    inputs: list  # KerasTensors, and behind them their masks
    outputs: list  # the same
    trainable: list  # what trains of the copy if Keras is told nothing but its configuration


class Graph(NamedTuple):
    """A copy of a network in which nested models are unrolled; each step has a layer of its own."""

    pixels: object  # the KerasTensor that all begins with
    steps: list[Step]
    output: object


def unroll(model) -> Graph:
    """Return a copy of a model as a flat list of steps.

    Only where each layer is called once can the network be cut anywhere. Layers without variables
    may be called more often: each call gets a copy of its own.

    Parameters
    ----------
    model : keras.Model
        Sequential or functional, with one input.

    Returns
    -------
    Graph
        It shares nothing with ``model`` and has the same weights.

    Raises
    ------
    TypeError
        The model is neither Sequential nor functional, or Keras cannot copy one of its layers.
    ValueError
        A layer with weights is called twice.
    """
    check_graph(model)
    steps, called = [], set()

    def run(graph, tensors, path):
        def call(operation):
            if is_graph(operation):
                return lambda inputs, **_: run(operation, inputs, f"{path}{operation.name}/")

            def call_copy(*args, **kwargs):
                new = clone_operation(operation)
                new.name = f"{len(steps)}_{operation.name}"  # unique, also across nested models
                outputs = new(*args, **kwargs)
                trainable = []
                if isinstance(operation, keras.Layer):
                    _check_called_once(operation, called)
                    trainable = [variable for variable in new.variables if variable.trainable]
                    copy_state(operation, new)
                inputs = _with_masks(keras.tree.flatten((args, kwargs)))
                made = _with_masks(keras.tree.flatten(outputs))
                steps.append(Step(path + operation.name, operation, new, inputs, made, trainable))
                return outputs

            return call_copy

        wanted = zip(keras.tree.flatten(tensors), graph.inputs, strict=True)
        tensors = [
            it if it.dtype == inner.dtype else keras.ops.cast(it, inner.dtype)
            for it, inner in wanted
        ]
        return run_graph(graph, tensors[0] if len(tensors) == 1 else tensors, call)

    (pixels,) = model.inputs
    # A name of its own, since Keras would number it: then no two graphs had the same configuration.
    pixels = keras.Input(pixels.shape[1:], dtype=pixels.dtype, name="pixels")
    return Graph(pixels, steps, run(model, pixels, ""))


def crossing(graph: Graph, position: int) -> list:
    """Return the tensors that cross from the first ``position`` steps to the rest."""
    first, rest = graph.steps[:position], graph.steps[position:]
    made = {id(graph.pixels), *(id(it) for step in first for it in step.outputs)}
    wanted = [it for step in rest for it in step.inputs] + [graph.output]
    return list({id(it): it for it in wanted if id(it) in made}.values())


def cut_before_training(graph: Graph):
    """Cut a classifier before the first step that trains or draws at random.

    If there is none, since all of it is frozen, the cut is before the head.

    Returns
    -------
    frozen, trainable : keras.Model
        From the images to the tensors that cross the cut, and from those to the output.
    """
    acts = [isinstance(it.copy, keras.Layer) and differs_in_training(it.copy) for it in graph.steps]
    tensors = crossing(graph, acts.index(True) if True in acts else len(acts) - 1)
    return keras.Model(graph.pixels, tensors, name="frozen"), keras.Model(tensors, graph.output)


def _check_called_once(layer, called: set) -> None:
    if id(layer) in called and layer.variables:
        raise ValueError(
            f"the backbone uses its layer {layer.name!r} twice, so it cannot be cut into a frozen "
            f"part and the rest: give each use a layer of its own"
        )
    called.add(id(layer))


def _with_masks(values: list) -> list:
    tensors = [it for it in values if isinstance(it, keras.KerasTensor)]
    return tensors + [mask_of(it) for it in tensors if mask_of(it) is not None]
