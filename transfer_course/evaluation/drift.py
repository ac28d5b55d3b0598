"""How far training has moved a backbone from the weights it started from."""

import numpy as np

from transfer_course._backend import keras
from transfer_course._validation import describe_type
from transfer_course.networks.internals import is_graph
from transfer_course.networks.layers import kernels, layers_by_path


def drift_by_layer(model, backbone) -> dict[str, float]:
    """Return how far each layer of a trained model has moved from the source.

    The distance is that of the kernels, the weights that L2-SP holds, relative to the length of
    what they started from: ‖w − w⁰‖ / ‖w⁰‖, with w all kernels of the layer as one vector. Biases
    and normalization are left out. Relative, because layers differ widely in size.

    Parameters
    ----------
    model : keras.Model
        What an algorithm of this package returns: it has a layer ``backbone``.
    backbone : keras.Model
        What the algorithm started from.

    Returns
    -------
    dict of str to float
        A number per layer with a kernel, by its name, from the input to the output; a layer of a
        model nested in the backbone has a path such as ``"mobilenetv2/Conv1"``. 0: it did not move;
        1: it moved as far as the source's weights are from zero. A layer whose kernels are all zero
        in the source has no length to compare with: nan if it has moved.

    Raises
    ------
    TypeError
        ``model`` has no layer named ``backbone``, or ``backbone`` is not a model.
    ValueError
        The two backbones differ in their layers or in the shapes of their kernels, or have none.

    Examples
    --------
    >>> import transfer_course as tc
    >>> train, test = tc.few_shot(tc.datasets.digits(), shots=5)
    >>> backbone = tc.backbones.small_cnn()
    >>> drift = drift_by_layer(tc.fine_tune(backbone, train, freeze="pool2", epochs=2), backbone)
    >>> [name for name, distance in drift.items() if distance == 0]
    ['conv1', 'conv2']
    >>> [name for name, distance in drift.items() if distance > 0]
    ['conv3', 'features']
    """
    if "backbone" not in [layer.name for layer in getattr(model, "layers", [])]:
        raise TypeError(
            f"the model must have a layer named 'backbone', got {describe_type(model)}: "
            "pass what tc.fine_tune or tc.l2_sp returned"
        )
    if not isinstance(backbone, keras.Model):
        raise TypeError(
            f"the backbone must be a keras.Model, got {describe_type(backbone)}: "
            "pass the one that the training started from"
        )
    trained, source = (kernels_by_layer(it) for it in (model.get_layer("backbone"), backbone))
    for name in [*trained, *source]:
        shapes = [[kernel.shape for kernel in side.get(name, [])] for side in (trained, source)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"the two differ in layer {name!r}, whose kernels have the shapes {shapes[0]} in "
                f"the model and {shapes[1]} in the backbone: pass the backbone that the training "
                "started from"
            )
    if not source:
        raise ValueError(
            "the backbone has no kernel, so there is no distance to measure: use one with layers "
            "such as Conv2D or Dense"
        )
    return {name: _distance(_flat(trained[name]), _flat(start)) for name, start in source.items()}


def _distance(here: np.ndarray, start: np.ndarray) -> float:
    moved, length = np.linalg.norm(here - start), np.linalg.norm(start)
    if moved == 0:
        return 0.0
    return float(moved / length) if length else float("nan")


def kernels_by_layer(backbone) -> dict[str, list[np.ndarray]]:
    """Return the kernels of each layer that has some, by its path.

    Parameters
    ----------
    backbone : keras.Model
        Models nested in it are looked into.

    Returns
    -------
    dict of str to list of numpy.ndarray
        From the input to the output.
    """
    found = {
        path: [weight.numpy() for weight in kernels(layer)]
        for path, layer in layers_by_path(backbone).items()
        if not is_graph(layer)
    }
    return {path: arrays for path, arrays in found.items() if arrays}


def _flat(kernels: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([kernel.ravel() for kernel in kernels])
