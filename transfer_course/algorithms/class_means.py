"""Class means: no training at all, each class is the mean of its examples' features."""

import numpy as np
from sklearn.preprocessing import normalize

from transfer_course._backend import keras
from transfer_course.algorithms._arguments import check_arguments
from transfer_course.datasets.dataset import Dataset
from transfer_course.networks.classifier import classifier
from transfer_course.networks.cloning import clone
from transfer_course.networks.layers import set_trainable
from transfer_course.training.network import COMPILE, compiled


def class_means(backbone, train: Dataset, *, seed: int = 0):
    """Give an image the class whose mean feature vector points in the most similar direction.

    The features are centred, by the mean of the examples, and scaled to length 1 before they are
    averaged per class; the class of the largest cosine wins. That is the baseline of Wang et al.
    2019, "SimpleShot: Revisiting Nearest-Neighbor Classification for Few-Shot Learning", but for
    one thing: they centre by the mean of the source's images, which need not be at hand.

    Parameters
    ----------
    backbone : keras.Model
        A pretrained network from pixels to features. It is copied, not changed.
    train : Dataset
        The examples.
    seed : int
        Is there so that `transfer_course.compare` can call it. Nothing is drawn.

    Returns
    -------
    keras.Sequential
        As of all algorithms: layers ``backbone``, frozen, and ``head``, whose kernel has the
        directions of the class means. Only the order of its probabilities means something.

    Raises
    ------
    TypeError, ValueError
        As of all algorithms.
    FloatingPointError
        The features are not finite.

    Examples
    --------
    >>> import transfer_course as tc
    >>> train, test = tc.few_shot(tc.datasets.emoji(image_size=64), shots=5)
    >>> model = tc.class_means(tc.backbones.efficientnet_lite0(image_size=64), train)
    >>> tc.accuracy(model, test) > 0.3
    True
    """
    check_arguments(backbone, train, epochs=1, learning_rate=1, seed=seed)
    model = classifier(clone(backbone), train)
    set_trainable(model.get_layer("backbone"), False)
    model.compile(keras.optimizers.Adam(), **COMPILE)
    with compiled(model) as network:
        features = network.head_inputs(network.prepare(train, verbose=0)).astype("float64")
    if not np.isfinite(features).all():
        raise FloatingPointError(
            "the backbone gives features that are not finite (NaN or infinite), so nothing can be "
            "learned from them: load it again, or train it anew"
        )
    centre = features.mean(axis=0)
    directions, lengths = normalize(features - centre, return_norm=True)
    classes = range(len(train.class_names))
    means = normalize([directions[train.labels == c].mean(axis=0) for c in classes])
    # The cosine, but for the length of the image's own vector, which is the same for all classes.
    # Divided by the usual length, it stays near the range of a cosine.
    kernel = means.T / lengths.mean()
    model.get_layer("head").set_weights([kernel, -centre @ kernel])
    return model
