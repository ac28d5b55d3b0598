"""What the explorers are about: a source, a target, and what the controls offer there."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

import transfer_course as tc
from transfer_course.datasets.dataset import Dataset
from transfer_course.experiments import worlds

ALL = "all"  # the freeze depth at which only the head trains
NOTHING = "nothing"
RANDOM_HEAD = "random_head"  # a method that no control offers: only a preset shows it
NAMES = ("digits", "new_classes", "emoji", "solar_cells")
_MOST_TESTED = 400  # images


class Source(NamedTuple):
    """A source network, and what tells how much of its task is kept.

    Attributes
    ----------
    backbone : keras.Model
        From pixels to features.
    retention : callable or None
        Takes a backbone that has been trained on, and returns the share of the source task that it
        still does, from 0 to 1. None where nothing is known of that task.
    """

    backbone: object
    retention: Callable | None


class Scenario(NamedTuple):
    """All that an explorer needs to know.

    Attributes
    ----------
    pool, test : Dataset
        The shots are drawn from the first; the second is what accuracy is measured on.
    source : callable
        Returns the `Source`: seconds, the first time.
    positions : dict of str to list
        What each control offers: ``method``, ``freeze``, ``lam``, ``shots`` and ``learning_rate``.
        Every combination is a point of the grid, and so is every position of a preset.
    start : dict
        A position of each control.
    epochs : tuple of int
        After which accuracy is measured.
    draws : int
        How many draws of the shots the grid has at each point.
    freeze_names : dict of str to str
        What a reader sees for ``positions["freeze"]``.
    block_of : callable
        Takes the path of a layer, and returns the part of the network that it is in.
    blocks : list of str
        These parts, from the input to the output.
    retention_title, retention_words : str
        What ``Source.retention`` tells: above its bar, and in the sentence that says the result.
    image_size : int
        Pixels at which the page shows the test images.
    presets : list of dict
        Each has a ``title``, a ``text``, and two positions: one ``pinned``, one ``shown``.
    """

    pool: Dataset
    test: Dataset
    source: Callable[[], Source]
    positions: dict[str, list]
    start: dict
    epochs: tuple[int, ...]
    draws: int
    freeze_names: dict[str, str]
    block_of: Callable[[str], str]
    blocks: list[str]
    retention_title: str
    retention_words: str
    image_size: int
    presets: list[dict]


@cache
def scenario(name: str) -> Scenario:
    """Return one of the scenarios whose grids come with the package.

    Parameters
    ----------
    name : str
        One of `NAMES`.

    Returns
    -------
    Scenario

    Examples
    --------
    >>> scenario("digits").pool
    Dataset(1397 images of 28x28x1, 10 classes)
    """
    return {
        "digits": _digits,
        "new_classes": _new_classes,
        "emoji": _emoji,
        "solar_cells": _solar_cells,
    }[name]()


def at(method: str, shots: int, learning_rate: float, freeze: str = NOTHING, lam: float = 1):
    """Return a position of the controls.

    Examples
    --------
    >>> at("l2_sp", 5, 0.01)
    {'method': 'l2_sp', 'freeze': 'nothing', 'lam': 1, 'shots': 5, 'learning_rate': 0.01}
    """
    return {
        "method": method,
        "freeze": freeze,
        "lam": lam,
        "shots": shots,
        "learning_rate": learning_rate,
    }


def divided(dataset: Dataset, test_size) -> tuple[Dataset, Dataset]:
    """Return a data set in two parts with the same shares of the classes: a pool, and a test set.

    Parameters
    ----------
    dataset : Dataset
        Without groups.
    test_size : int or float
        A number of images, or a share of them.

    Returns
    -------
    pool, test : Dataset
    """
    places = np.arange(len(dataset))
    pool, test = train_test_split(
        places, test_size=test_size, stratify=dataset.labels, random_state=0
    )
    return dataset.subset(np.sort(pool)), dataset.subset(test)


def _first_part(path: str) -> str:
    return path.split("_")[0]


def _small(name: str, dataset: Dataset, draws: int, presets: list[dict]) -> Scenario:
    """One of the scenarios with the small network."""

    @cache
    def source():
        it = worlds.source(name, 0)
        return Source(it.backbone, it.kept)

    pool, test = divided(dataset, _MOST_TESTED)
    return Scenario(
        pool,
        test,
        source,
        positions={
            "method": ["from_scratch", "feature_reuse", "fine_tune", "l2_sp"],
            "freeze": [NOTHING, "pool1", "pool2", "flatten", ALL],
            "lam": [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100],
            "shots": [1, 2, 5, 10, 20],
            "learning_rate": [3e-4, 1e-3, 1e-2],
        },
        start=at("fine_tune", 5, 3e-4),
        epochs=(1, 2, 4, 8, 15, 30, 45, 60),
        draws=draws,
        freeze_names={
            NOTHING: "nothing",
            "pool1": "block 1",
            "pool2": "block 2",
            "flatten": "block 3",
            ALL: "everything (all but the head)",
        },
        block_of=_first_part,
        blocks=["conv1", "conv2", "conv3", "features"],
        retention_title="How much of the source task is kept: accuracy on MNIST with the source's "
        "own head",
        retention_words="Accuracy that is kept on the source task:",
        image_size=28,
        presets=presets,
    )


def _digits() -> Scenario:
    return _small(
        "digits",
        tc.datasets.digits(),
        draws=5,
        presets=[
            {
                "title": "The puzzle of the first page",
                "pinned": at(RANDOM_HEAD, 1, 1e-3),
                "shown": at("fine_tune", 1, 3e-4),
                "text": "The usual recipe (pinned), with a random head and one rate of 0.001 for "
                "everything, reads two digits in three. The defaults of fine-tuning read eight in "
                "ten. Move the learning rate to 0.001, too: most of the lead stays, so most of the "
                "answer is in the head.",
            },
            {
                "title": "What the source is worth",
                "pinned": at("from_scratch", 1, 1e-3),
                "shown": at("fine_tune", 1, 3e-4),
                "text": "One image of each digit. Trained from scratch (pinned), the network reads "
                "half of the digits. Starting from MNIST's weights it reads eight in ten. Switch "
                "to feature reuse and to L2-SP: with one shot the three differ little.",
            },
            {
                "title": "Too large a learning rate wrecks the features",
                "pinned": at("fine_tune", 1, 3e-4),
                "shown": at("fine_tune", 1, 1e-2),
                "text": "The same training at a learning rate thirty times as large. Look at how "
                "far the layers have moved, and at what is kept of the source task.",
            },
            {
                "title": "λ brings it back",
                "pinned": at("fine_tune", 1, 1e-2),
                "shown": at("l2_sp", 1, 1e-2, lam=1),
                "text": "Still the large learning rate, but now it costs something to move away "
                "from the source. Move λ up and watch the layers come home.",
            },
        ],
    )


def _new_classes() -> Scenario:
    return _small(
        "new_classes",
        tc.datasets.digits("56789"),
        draws=3,
        presets=[
            {
                "title": "A frozen source can be worse than none",
                "pinned": at("feature_reuse", 5, 3e-4, freeze=ALL),
                "shown": at("from_scratch", 5, 3e-4),
                "text": "The source knows the digits 0 to 4. Its frozen features (pinned) read "
                "eight in ten of the digits 5 to 9. Trained from scratch on the same 25 images, "
                "the network reads nearly nine in ten.",
            },
            {
                "title": "The last layer was in the way",
                "pinned": at("feature_reuse", 5, 1e-3, freeze=ALL),
                "shown": at("fine_tune", 5, 1e-3, freeze="flatten"),
                "text": "Everything but the head is frozen (pinned), or everything up to block 3, "
                "so that the source's last layer learns too. That is enough: move on to block 2 "
                "and to nothing, and the accuracy hardly changes.",
            },
            {
                "title": "λ can hold too tight",
                "pinned": at("l2_sp", 5, 3e-4, lam=100),
                "shown": at("l2_sp", 5, 3e-4, lam=0.01),
                "text": "With λ = 100 (pinned) the network stays at the source's weights, and "
                "reads as much as feature reuse does. With λ = 0.01 it may leave them, and reads "
                "as much as fine-tuning.",
            },
        ],
    )


def _imagenet(
    pool: Dataset,
    test: Dataset,
    depths: list[str],
    shots: list[int],
    learning_rates: list[float],
    draws: int,
    presets: list[dict],
) -> Scenario:
    """One of the scenarios with ImageNet's network."""

    @cache
    def source():
        backbone = tc.backbones.efficientnet_lite0(image_size=96)
        some = test.images[:: max(2, len(test) // 100)]
        return Source(backbone, worlds.same_imagenet_classes(backbone, some))

    return Scenario(
        pool,
        test,
        source,
        positions={
            "method": ["feature_reuse", "fine_tune", "l2_sp"],
            "freeze": [*depths, ALL],
            "lam": [0.01, 0.1, 0.3, 1, 3, 10, 30],
            "shots": shots,
            "learning_rate": learning_rates,
        },
        start=at("fine_tune", 5, 1e-3, freeze=depths[-1]),
        epochs=(1, 2, 4, 8, 15, 22, 30),
        draws=draws,
        freeze_names={depth: depth.replace("block", "block ") for depth in depths}
        | {ALL: "everything (all but the head)"},
        block_of=_first_part,
        blocks=["stem", *(f"block{number}" for number in range(1, 17)), "top"],
        retention_title="How much of the source task is kept: images to which ImageNet's head "
        "gives the same of its 1,000 answers as before",
        retention_words="ImageNet's head gives the same answers as before for",
        image_size=40,
        presets=presets,
    )


def _emoji() -> Scenario:
    pool, test = divided(tc.datasets.emoji(image_size=96), 0.5)
    return _imagenet(
        pool,
        test,
        depths=["block11", "block15"],
        shots=[1, 2, 5],
        learning_rates=[1e-3, 1e-2],
        draws=5,
        presets=[
            {
                "title": "Fine-tuning learns new features",
                "pinned": at("feature_reuse", 5, 1e-3, freeze=ALL),
                "shown": at("fine_tune", 5, 1e-3, freeze="block11"),
                "text": "Five drawings of each class. Feature reuse (pinned) takes the features of "
                "ImageNet's photos as they are. With the last five blocks free to change, the "
                "network names more of the emoji.",
            },
            {
                "title": "Too large a learning rate wrecks the features",
                "pinned": at("fine_tune", 5, 1e-3, freeze="block11"),
                "shown": at("fine_tune", 5, 1e-2, freeze="block11"),
                "text": "The last five blocks train, once at the learning rate that suits them "
                "(pinned), once at one ten times as large.",
            },
            {
                "title": "λ brings it back",
                "pinned": at("fine_tune", 5, 1e-2, freeze="block11"),
                "shown": at("l2_sp", 5, 1e-2, freeze="block11", lam=10),
                "text": "Still the large learning rate, but now it costs something to move away "
                "from the source: most of what reuse gives is back. With λ = 1 the pull is too "
                "weak, and less comes back.",
            },
        ],
    )


def _solar_cells() -> Scenario:
    target = worlds.target("solar_cells")
    some = np.random.default_rng(0).permutation(len(target.development))[:_MOST_TESTED]
    # The modules have done their part: the two share none.
    pool, test = (
        Dataset(part.images, part.labels, part.class_names)
        for part in (target.report, target.development.subset(some))
    )
    return _imagenet(
        pool,
        test,
        depths=["block11", "block13"],
        shots=[1, 5, 20],
        learning_rates=[1e-3],
        draws=3,
        presets=[
            {
                "title": "Twenty labels instead of one",
                "pinned": at("fine_tune", 1, 1e-3, freeze="block13"),
                "shown": at("fine_tune", 20, 1e-3, freeze="block13"),
                "text": "On average twenty labels per class are ahead of one (pinned). But look "
                "at the dots: with one label the three draws lie far apart, and most of the lead "
                "comes from the worst of them.",
            },
            {
                "title": "Ahead, or lucky?",
                "pinned": at("feature_reuse", 1, 1e-3, freeze=ALL),
                "shown": at("fine_tune", 1, 1e-3, freeze="block11"),
                "text": "The mean of fine-tuning is higher than that of feature reuse (pinned). "
                "Compare draw by draw: in one of the three it gains nothing. Three draws do not "
                "settle it.",
            },
        ],
    )
