"""A classifier is a backbone with a head: one dense layer that tells the classes apart."""

import json

from transfer_course._backend import keras, usual_settings
from transfer_course._validation import describe_type
from transfer_course.datasets.dataset import Dataset

_CLASSES = "classes_"


@usual_settings()
def classifier(backbone, data: Dataset, seed: int | None = None):
    """Return ``Sequential([backbone, head])`` for the classes of a data set.

    Parameters
    ----------
    backbone : keras.Model
        Becomes part of the result, so hand in a copy.
    data : Dataset
        Has the shape of the images and the names of the classes.
    seed : int, optional
        Draws the head's kernel as Keras does by default (Glorot & Bengio 2010), for a backbone that
        knows nothing yet. By default the head starts at zero, with all classes equally likely: a
        random head is an opinion about the features, and fine-tuning bends a pretrained backbone to
        fit it.

    Returns
    -------
    keras.Sequential
        Layers ``backbone`` and ``head``, a dense layer with a softmax. The probabilities are
        float32 whatever the dtype policy, since float16 is too coarse for a cross-entropy.
    """
    backbone.name = "backbone"
    start = "zeros" if seed is None else keras.initializers.GlorotUniform(seed)
    head = keras.layers.Dense(
        len(data.class_names),
        activation="softmax",
        kernel_initializer=start,
        name="head",
        dtype="float32",
    )
    # The name of the input is the one text in a plain Keras model that nothing else uses and that
    # is saved with it. For an export it has to be letters and digits.
    names = json.dumps(data.class_names).encode().hex()
    pixels = keras.Input(data.images.shape[1:], name=f"{_CLASSES}{names}")
    return keras.Sequential([pixels, backbone, head], name="classifier")


def is_classifier(model) -> bool:
    """Return whether a model is made as `classifier` makes them: a backbone, then a dense head."""
    names = [layer.name for layer in model.layers]
    return names == ["backbone", "head"] and isinstance(model.layers[1], keras.layers.Dense)


def class_names(model) -> tuple[str, ...]:
    """Return what the classes are called that a model tells apart, in the order of its outputs.

    The names are saved with the model, so a file is enough to name what is in a new photo: see
    `transfer_course.classify`.

    Parameters
    ----------
    model : keras.Model
        What an algorithm such as `transfer_course.feature_reuse` returns, or such a model loaded
        with ``keras.models.load_model``.

    Returns
    -------
    tuple of str
        The class names of the data set that it was trained on.

    Raises
    ------
    TypeError
        ``model`` is not a model.
    ValueError
        It does not know the names of its classes, since no algorithm of this package made it.

    Examples
    --------
    >>> import transfer_course as tc
    >>> train, test = tc.few_shot(tc.datasets.emoji(image_size=32), shots=1)
    >>> model = tc.from_scratch(tc.backbones.small_cnn((32, 32, 3)), train, epochs=1)
    >>> tc.class_names(model)[:3]
    ('mammal', 'bird', 'sea life')
    """
    if not isinstance(model, keras.Model):
        raise TypeError(
            f"model must be a keras.Model, got {describe_type(model)}: hand in what an algorithm "
            "such as tc.feature_reuse returns, or load one with keras.models.load_model(file)"
        )
    try:
        names = json.loads(bytes.fromhex(model.inputs[0].name.removeprefix(_CLASSES)))
        if len(names) == model.output_shape[-1] and all(isinstance(it, str) for it in names):
            return tuple(names)
    except (AttributeError, IndexError, TypeError, ValueError):
        pass
    raise ValueError(
        "the model does not know the names of its classes: hand in one that an algorithm such as "
        "tc.feature_reuse has made, or use the class_names of the data set that it was trained on"
    )
