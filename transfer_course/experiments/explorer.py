"""The experiment behind the transfer explorer: one training at one position of its controls.

The same function makes the points of the grid (`transfer_course.widgets.grid`) and the live ones.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

import transfer_course as tc
from transfer_course._progress import stopped_by
from transfer_course.datasets.dataset import Dataset

ALL = "all"  # the freeze depth at which only the head trains
NONE = "nothing"

# What the controls offer, per world. Every combination is a point of the grid.
POSITIONS = {
    "digits": {
        "method": ["from_scratch", "feature_reuse", "fine_tune", "l2_sp"],
        "freeze": [NONE, "pool1", "pool2", "flatten", ALL],
        "lam": [0.1, 1, 10, 100],
        "shots": [1, 5],
        "learning_rate": [3e-4, 1e-3, 1e-2],
    },
    "emoji": {
        "method": ["feature_reuse", "fine_tune", "l2_sp"],
        "freeze": ["block11", "block15", ALL],
        "lam": [1, 10],
        "shots": [1, 5],
        "learning_rate": [3e-4, 1e-3, 1e-2],
    },
}
EPISODES = {"digits": 3, "emoji": 3}
EPOCHS = {"digits": (1, 2, 4, 8, 15, 30, 45, 60), "emoji": (1, 2, 4, 8, 15, 22, 30)}
_MOST_WRONG = 10


class World(NamedTuple):
    """What a run needs: a source, and a target whose test pictures are never drawn."""

    backbone: object
    pool: Dataset  # the shots are drawn from here
    test: Dataset
    kept: Callable  # backbone -> share of the source task that it still does


class Stopped(Exception):
    """The run was given up, because a newer one is wanted."""


@cache
def target(name: str) -> tuple[Dataset, Dataset]:
    """The target's pictures, in two: a pool to draw shots from, and those to test on."""
    dataset = tc.datasets.digits() if name == "digits" else tc.datasets.emoji(image_size=96)
    pool, test = train_test_split(
        np.arange(len(dataset)),
        test_size=400 if name == "digits" else 0.5,
        stratify=dataset.labels,
        random_state=0,
    )
    return dataset.subset(np.sort(pool)), dataset.subset(test)


@cache
def world(name: str) -> World:
    """Load a world, and train its source network if it has one to train: seconds, once."""
    pool, test = target(name)
    if name == "digits":
        mnist = tc.datasets.mnist()
        held_out = mnist.subset(slice(None, None, 10))
        source = tc.pretrain(
            tc.backbones.small_cnn(),
            mnist.subset([i for i in range(len(mnist)) if i % 10]),
            verbose=0,
        )
        head = source.get_layer("head")

        def kept(backbone) -> float:
            guesses = np.argmax(head(backbone(held_out.images, training=False)), axis=1)
            return float((guesses == held_out.labels).mean())

        return World(source.get_layer("backbone"), pool, test, kept)

    from transfer_course.backbones.lite0 import imagenet_tensors

    backbone = tc.backbones.efficientnet_lite0(image_size=96)
    tensors = imagenet_tensors()
    kernel, bias = tensors["_fc.weight"].T, tensors["_fc.bias"]
    some = test.images[::2]

    def imagenet_classes(network):
        return np.argmax(network(some, training=False).numpy() @ kernel + bias, axis=1)

    before = imagenet_classes(backbone)
    return World(backbone, pool, test, lambda it: float((imagenet_classes(it) == before).mean()))


def canonical(settings: dict) -> dict:
    """The settings without what does not matter at this position.

    >>> at = {"freeze": "all", "lam": 1.0, "shots": 5, "learning_rate": 0.01}
    >>> canonical({"method": "l2_sp", **at})
    {'method': 'feature_reuse', 'shots': 5, 'learning_rate': 0.01}
    """
    method = settings["method"]
    if method in ("fine_tune", "l2_sp") and settings["freeze"] == ALL:
        method = "feature_reuse"
    matter = ["shots", "learning_rate"]
    if method in ("fine_tune", "l2_sp"):
        matter.insert(0, "freeze")
    if method == "l2_sp":
        matter.insert(1, "lam")
    return {"method": method} | {name: settings[name] for name in matter}


def key(settings: dict) -> str:
    """What a point of the grid is called; the page makes the same name.

    >>> key({"method": "fine_tune", "freeze": "pool2", "shots": 5, "learning_rate": 0.001})
    'fine_tune pool2 5 0.001'
    """
    return " ".join(
        value if isinstance(value, str) else f"{value:g}" for value in canonical(settings).values()
    )


def measure(
    name: str,
    settings: dict,
    episode: int,
    report: Callable = lambda curves: None,
    given_up: Callable = lambda: False,
) -> dict:
    """Train at one position on one draw of the shots, and return what the explorer draws.

    Parameters
    ----------
    name
        The world, ``"digits"`` or ``"emoji"``.
    settings
        A position of each control, as in `POSITIONS`.
    episode
        Draws the shots, the head and the order of the pictures.
    report
        Called with the curves so far, whenever they have grown.
    given_up
        Asked between chunks; once it is true the run ends with `Stopped`.

    Returns
    -------
    dict
        ``train`` and ``test``: accuracy after each of the epochs in `EPOCHS`; ``drift``: how far
        each layer, or block of layers, has moved from the source (see `drift_by_layer`); ``kept``:
        the share of the source task that the network still does; ``wrong``: pairs of a test picture
        and the class that it was taken for, ten at the most.

    Raises
    ------
    Stopped
        It was given up.
    FloatingPointError
        The training has diverged.
    """
    from transfer_course.training.loop import (
        watched,  # loads TensorFlow, which the page can do without
    )

    it = world(name)
    settings = canonical(settings)
    method = getattr(tc, settings.pop("method"))
    if settings.get("freeze") == NONE:
        settings["freeze"] = 0
    if "lam" in settings:
        settings |= {"alpha": 2 * settings.pop("lam"), "beta": 0}
    train, _ = tc.few_shot(it.pool, settings.pop("shots"), seed=episode)
    curves = {"train": [], "test": []}
    guesses = None

    def note(epoch, logs, probabilities):
        nonlocal guesses
        guesses = probabilities.argmax(axis=1)
        curves["train"].append(logs["accuracy"])
        curves["test"].append(float((guesses == it.test.labels).mean()))
        report(curves)

    epochs = EPOCHS[name]
    with stopped_by(given_up), watched(epochs, it.test.images, note):
        model = method(it.backbone, train, epochs=epochs[-1], seed=episode, verbose=0, **settings)
    if len(curves["test"]) < len(epochs) or given_up():
        raise Stopped
    backbone = model.get_layer("backbone")
    wrong = np.flatnonzero(guesses != it.test.labels)[:_MOST_WRONG]
    return curves | {
        "drift": _by_block(tc.drift_by_layer(model, it.backbone)),
        "kept": it.kept(backbone),
        "wrong": [[int(i), int(guesses[i])] for i in wrong],
    }


def _by_block(drift: dict[str, float]) -> dict[str, float]:
    """The mean drift of the layers of a block, which share the first part of their names."""
    blocks = {}
    for name, distance in drift.items():
        blocks.setdefault(name.split("_")[0], []).append(distance)
    return {name: float(np.mean(distances)) for name, distances in blocks.items()}
