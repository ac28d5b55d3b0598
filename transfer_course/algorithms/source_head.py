"""The source's own head: what transfer is worth without a single label of the target."""

from itertools import zip_longest

from transfer_course._backend import keras
from transfer_course.algorithms._arguments import check_arguments
from transfer_course.datasets.dataset import Dataset
from transfer_course.networks.classifier import class_names, classifier
from transfer_course.networks.cloning import clone
from transfer_course.networks.layers import set_trainable
from transfer_course.training.network import COMPILE


def source_head(backbone, train: Dataset, *, source, seed: int = 0):
    """Use the source's classifier as it is, where the target has the same classes.

    It learns nothing from the examples, so it is the line that a method has to pass before its
    labels have been worth anything.

    Parameters
    ----------
    backbone : keras.Model
        Is there so that `transfer_course.compare` can call it: the backbone of ``source`` is used.
    train : Dataset
        The examples. Only their shape and the names of their classes matter.
    source : keras.Model
        The result of `transfer_course.pretrain`.
    seed : int
        Is there for the same reason as ``backbone``. Nothing is drawn.

    Returns
    -------
    keras.Sequential
        A copy of ``source``, with nothing in it that trains.

    Raises
    ------
    TypeError, ValueError
        As of all algorithms, ``source`` is not a result of `pretrain`, or it tells other classes
        apart.

    Examples
    --------
    >>> import transfer_course as tc
    >>> source = tc.pretrain(tc.backbones.small_cnn(), tc.datasets.mnist(), epochs=3)
    >>> train, test = tc.few_shot(tc.datasets.digits(), shots=1)
    >>> model = tc.source_head(source.get_layer("backbone"), train, source=source)
    >>> tc.accuracy(model, test) > 0.6
    True
    """
    names = class_names(source)
    check_arguments(source.get_layer("backbone"), train, epochs=1, learning_rate=1, seed=seed)
    for number, pair in enumerate(zip_longest(names, train.class_names)):
        if pair[0] != pair[1]:
            raise ValueError(
                f"class {number} is {pair[0]!r} for the source and {pair[1]!r} in the examples, "
                "but its head is of use only where all classes are the same: use tc.feature_reuse, "
                "which trains a new one"
            )
    model = classifier(clone(source.get_layer("backbone")), train)
    set_trainable(model, False)
    model.get_layer("head").set_weights(source.get_layer("head").get_weights())
    model.compile(keras.optimizers.Adam(), **COMPILE)
    return model
