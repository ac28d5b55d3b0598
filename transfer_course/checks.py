"""What the algorithms check of what they are given, before anything is trained."""

from math import isfinite
from numbers import Real

from transfer_course._engine import keras
from transfer_course.dataset import Dataset, whole_number


def check(backbone, data: Dataset, *, epochs, learning_rate, batch_size, seed) -> None:
    """Raise, in a sentence, unless a backbone can be trained on a data set like this."""
    _check_backbone_and_data(backbone, data)
    whole_number("epochs", epochs, at_least=1)
    whole_number("batch_size", batch_size, at_least=1)
    whole_number("seed", seed, at_least=0)
    check_number("learning_rate", learning_rate)
    if learning_rate == 0:
        raise ValueError("learning_rate=0 would learn nothing; try 0.001")


def _check_backbone_and_data(backbone, data: Dataset) -> None:
    if not isinstance(backbone, keras.Model):
        raise TypeError(
            f"backbone must be a keras.Model, but a {type(backbone).__name__} came: "
            f"build one with tc.backbones, or take model.get_layer('backbone') of a trained model"
        )
    if not isinstance(data, Dataset):
        raise TypeError(
            f"the examples must be a Dataset, but a {type(data).__name__} came: "
            f"draw some with train, test = tc.few_shot(dataset, shots)"
        )
    try:
        expected, features = backbone.input_shape, backbone.output_shape
    except AttributeError:
        raise TypeError(
            "the backbone does not know its input yet: begin it with "
            "keras.Input((height, width, channels))"
        ) from None
    pictures = data.images.shape
    if not isinstance(expected, tuple) or expected[1:] != pictures[1:]:
        raise ValueError(
            f"the backbone takes pictures of {_size(expected)}, but these are {_size(pictures)}; "
            f"build a backbone of their size, or load the pictures at the backbone's"
        )
    # Keras gives the shape of a list of one tensor as that of the tensor.
    if isinstance(getattr(backbone, "output", None), list):
        features = [features]
    if not isinstance(features, tuple) or len(features) != 2:
        raise ValueError(
            f"a backbone gives one feature vector per picture, but this one gives "
            f"{_size(features)}; end it with GlobalAveragePooling2D, and build it with "
            f"keras.Model(input, output), without brackets"
        )
    if _is_classifier(backbone):
        raise ValueError(
            "this model ends in a softmax: it is a classifier, not a backbone; take the backbone "
            "out of it, with model.get_layer('backbone') if this package trained it"
        )
    if len(data.class_names) < 2:
        raise ValueError(
            f"there is one class only, {data.class_names[0]!r}, so there is nothing to tell "
            f"apart: add pictures of a second class"
        )


def check_number(name: str, value) -> None:
    """Raise unless the value is a finite number, zero or more."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, but a {type(value).__name__} came: {value!r}")
    if not isfinite(value) or value < 0:
        raise ValueError(f"{name}={value!r}: expected a finite number, 0 or more")


def _is_classifier(model) -> bool:
    last = model.layers[-1]
    return getattr(last, "activation", None) is keras.activations.softmax or isinstance(
        last, keras.layers.Softmax
    )


def _size(shape: tuple | list) -> str:
    if isinstance(shape, list):
        return f"a list of {len(shape)}"
    return "x".join(str(side or "any") for side in shape[1:])
