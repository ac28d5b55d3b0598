"""A classifier is a backbone with a head: one dense layer that tells the classes apart."""

from transfer_course._backend import keras
from transfer_course.datasets.dataset import Dataset


def classifier(backbone, data: Dataset, seed: int):
    """Return ``Sequential([backbone, head])`` for the classes of a data set.

    Parameters
    ----------
    backbone : keras.Model
        Becomes part of the result, so hand in a copy.
    data : Dataset
        Has the shape of the images and the classes.
    seed : int
        Draws the head's kernel (Glorot & Bengio 2010, Keras's default). Its bias is zero.

    Returns
    -------
    keras.Sequential
        Layers ``backbone`` and ``head``, a dense layer with a softmax. The probabilities are
        float32 whatever the dtype policy, since float16 is too coarse for a cross-entropy.
    """
    backbone.name = "backbone"
    head = keras.layers.Dense(
        len(data.class_names),
        activation="softmax",
        kernel_initializer=keras.initializers.GlorotUniform(seed),
        name="head",
        dtype="float32",
    )
    pixels = keras.Input(data.images.shape[1:], name="pixels")
    return keras.Sequential([pixels, backbone, head], name="classifier")
