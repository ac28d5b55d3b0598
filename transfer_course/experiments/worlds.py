"""The scenarios of the fair table: a source each, and a target in two parts.

Settings are chosen on the first part, ``development``, and results are measured on the second,
``report``. No image is in both; where images come in groups, no group is.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd

import transfer_course as tc
from transfer_course.datasets.dataset import Dataset
from transfer_course.experiments import sources

SHOTS = {
    "digits": (1, 5, 20, 50),
    "new_classes": (1, 5, 20, 50),
    "emoji": (1, 5, 10),
    "solar_cells": (1, 5, 20, 50),
}
SOURCES = {  # the seeds of the source networks; of ImageNet's there is one
    "digits": (0, 1, 2),
    "new_classes": (0, 1, 2),
    "emoji": (0,),
    "solar_cells": (0,),
}
# The last layer that fine-tuning and L2-SP freeze. Of Lite0 the last three of 16 blocks train, and
# the convolution behind them: more than half of its three million weights.
FREEZE = {"digits": 0, "new_classes": 0, "emoji": "block13", "solar_cells": "block13"}
SMALL = ("digits", "new_classes")
_FEW = 24  # a class with fewer images is for the report alone


class Target(NamedTuple):
    """A target task, in two parts that share no image and no group."""

    development: Dataset
    report: Dataset


class Source(NamedTuple):
    """A source network."""

    model: object  # with its head, if that is a Keras model of this package, or None
    backbone: object
    kept: Callable  # backbone -> share of the source task that it still does


@cache
def target(scenario: str) -> Target:
    """Return the target of a scenario: a third of it for development, the rest for the report.

    Parameters
    ----------
    scenario : str
        A key of `SHOTS`.

    Returns
    -------
    Target
        Every third image of each class is for development; of a data set with groups, every third
        group. Classes with fewer than 24 images are not divided: development does without them.

    Examples
    --------
    >>> target("digits").report
    Dataset(1195 images of 28x28x1, 10 classes)
    >>> target("emoji").development
    Dataset(61 images of 96x96x3, 5 classes)
    """
    if scenario == "digits":
        return _divided(tc.datasets.digits())
    if scenario == "new_classes":
        return _divided(tc.datasets.digits("56789"))
    if scenario == "emoji":
        return emoji("color")
    return _divided(tc.datasets.solar_cells(image_size=96))


@cache
def emoji(style: str) -> Target:
    """Return the target of the scenario "emoji" in one of two styles, the same emoji in each part.

    Parameters
    ----------
    style : {"color", "line"}
        As for `transfer_course.datasets.emoji`.

    Returns
    -------
    Target
        As of `target`.
    """
    return _divided(tc.datasets.emoji(style, image_size=96))


@cache
def source(scenario: str, seed: int) -> Source:
    """Return a source network of a scenario. It is trained on first use, in seconds, and cached.

    Parameters
    ----------
    scenario : str
        A key of `SHOTS`.
    seed : int
        Of the training. ImageNet's network does not depend on it.

    Returns
    -------
    Source
    """
    if scenario not in SMALL:
        return _imagenet(scenario)
    classes = "0123456789" if scenario == "digits" else "01234"
    model, held_out = sources.mnist_held_out(seed, classes)
    head = model.get_layer("head")

    def kept(backbone) -> float:
        guesses = np.argmax(head(backbone(held_out.images, training=False)), axis=1)
        return float((guesses == held_out.labels).mean())

    return Source(model, model.get_layer("backbone"), kept)


def methods(scenario: str, shots: int) -> list[str]:
    """Return the names of the methods that are trained at a number of shots.

    Parameters
    ----------
    scenario : str
        A key of `SHOTS`.
    shots : int
        Training images per class.

    Returns
    -------
    list of str
        Three million weights are not trained from scratch. With twenty solar cells and more there
        is no L2-SP either: to choose among its twenty candidates takes too long there.

    Examples
    --------
    >>> methods("emoji", 1), methods("solar_cells", 20)
    (['feature_reuse', 'fine_tune', 'l2_sp'], ['feature_reuse', 'fine_tune'])
    """
    names = ["from_scratch"] * (scenario in SMALL) + ["feature_reuse", "fine_tune"]
    return names + ["l2_sp"] * (scenario != "solar_cells" or shots < 20)


@cache
def _imagenet(scenario: str) -> Source:
    backbone = tc.backbones.efficientnet_lite0(image_size=96)
    images = target(scenario).report.images
    return Source(None, backbone, same_imagenet_classes(backbone, images[:: len(images) // 100]))


def same_imagenet_classes(backbone, images: np.ndarray) -> Callable:
    """Return `unchanged` for the classes that ImageNet's head sees in images.

    Parameters
    ----------
    backbone : keras.Model
        `efficientnet_lite0`, as it was before.
    images : numpy.ndarray
        What the classes are asked of.

    Returns
    -------
    callable
    """

    def classes(network):
        return sources.imagenet_classes(features(network, images))

    return unchanged(classes, backbone)


def features(network, images: np.ndarray) -> np.ndarray:
    """Return what a network makes of images, 25 at a time.

    It is called, not compiled, since it is asked once. A call keeps the outputs of all layers until
    its end: of EfficientNet-Lite0 ten megabytes for each image of 96 pixels.

    Parameters
    ----------
    network : keras.Model
        From pixels to features.
    images : numpy.ndarray
        uint8 (n, h, w, c).

    Returns
    -------
    numpy.ndarray
        float32 (n, d).

    Examples
    --------
    >>> features(tc.backbones.small_cnn(), tc.datasets.digits().images[:60]).shape
    (60, 64)
    """
    few_at_a_time = np.array_split(images, math.ceil(len(images) / 25))
    return np.concatenate([network(few, training=False).numpy() for few in few_at_a_time])


def unchanged(classes: Callable, backbone) -> Callable:
    """Return a function of a network: for how many images it gives the same class as before.

    Parameters
    ----------
    classes : callable
        Takes a network, and returns the class of each image.
    backbone : keras.Model
        The network as it was before.

    Returns
    -------
    callable
        Takes a backbone that has been trained on, and returns a share of the images, from 0 to 1.
    """
    before = classes(backbone)
    return lambda network: float((classes(network) == before).mean())


def _divided(dataset: Dataset) -> Target:
    labels = pd.Series(dataset.labels)
    if dataset.groups is None:
        place = labels.groupby(labels).cumcount()
        size = labels.groupby(labels).transform("size")
        develops = (place % 3 == 0) & (size >= _FEW)
    else:
        develops = pd.Series(dataset.groups % 3 == 0)
    return Target(
        _of_present_classes(dataset, np.flatnonzero(develops)),
        _of_present_classes(dataset, np.flatnonzero(~develops)),
    )


def _of_present_classes(dataset: Dataset, indices: np.ndarray) -> Dataset:
    """Return a part of a data set, without the names of classes that are not in it."""
    part = dataset.subset(indices)
    present, labels = np.unique(part.labels, return_inverse=True)
    names = [dataset.class_names[label] for label in present]
    return Dataset(part.images, labels, names, part.groups)
