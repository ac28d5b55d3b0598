"""A classifier is a backbone with a head: one dense layer that tells the classes apart."""

from transfer_course._backend import keras
from transfer_course.datasets.dataset import Dataset


def classifier(backbone, data: Dataset, seed: int):
    """Return ``Sequential([backbone, head])`` for the classes of a data set.

    The backbone becomes part of the result, so hand in a copy. The head is a dense layer with a
    softmax; its kernel is drawn from the seed (Glorot & Bengio 2010, Keras's default), its bias
    is zero.
    """
    backbone.name = "backbone"
    head = keras.layers.Dense(
        len(data.class_names),
        activation="softmax",
        kernel_initializer=keras.initializers.GlorotUniform(seed),
        name="head",
    )
    pixels = keras.Input(data.images.shape[1:], name="pixels")
    return keras.Sequential([pixels, backbone, head], name="classifier")
