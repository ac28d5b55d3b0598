"""The transfer explorer: one training at one position of its controls.

`measure` makes the live runs of `transfer_course.widgets.TransferExplorer`, and beforehand those of
its grids, which the page shows where no kernel runs. A grid holds the runs of a scenario: one per
position of the controls and draw of the shots. To be small it holds whole numbers, in thousandths,
and of each run a list in the order of `PARTS`. These commands measure a grid again, in a quarter of
an hour each::

    python -m transfer_course.experiments explorer_digits
    python -m transfer_course.experiments explorer_emoji
"""

import itertools
import json
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

import transfer_course as tc
from transfer_course.datasets.dataset import Dataset
from transfer_course.experiments import sources
from transfer_course.experiments._results import RESULTS

ALL = "all"  # the freeze depth at which only the head trains
NONE = "nothing"

# What the controls offer, by scenario. Every combination is a point of the grid.
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
PARTS = ("train", "test", "drift", "retention", "wrong")
_MOST_WRONG = 10


class Scenario(NamedTuple):
    """What a run needs: a source, and a target whose test images are never drawn."""

    backbone: object
    pool: Dataset  # the shots are drawn from here
    test: Dataset
    retention: Callable  # backbone -> share of the source task that it still does


class Stopped(Exception):
    """The run was given up, because a newer one is wanted."""


@cache
def target(scenario: str) -> tuple[Dataset, Dataset]:
    """Return the images of the target: a pool to draw shots from, and those to test on.

    Parameters
    ----------
    scenario : str
        ``"digits"`` or ``"emoji"``.

    Returns
    -------
    pool, test : tc.Dataset

    Examples
    --------
    >>> target("digits")
    (Dataset(1397 images of 28x28x1, 10 classes), Dataset(400 images of 28x28x1, 10 classes))
    """
    dataset = tc.datasets.digits() if scenario == "digits" else tc.datasets.emoji(image_size=96)
    pool, test = train_test_split(
        np.arange(len(dataset)),
        test_size=400 if scenario == "digits" else 0.5,
        stratify=dataset.labels,
        random_state=0,
    )
    return dataset.subset(np.sort(pool)), dataset.subset(test)


@cache
def load_scenario(name: str) -> Scenario:
    """Load a scenario, and train its source network if it has one to train: seconds, once.

    Parameters
    ----------
    name : str
        ``"digits"`` or ``"emoji"``.

    Returns
    -------
    Scenario
    """
    pool, test = target(name)
    if name == "digits":
        source, held_out = sources.mnist_held_out(0, "0123456789")
        head = source.get_layer("head")

        def accuracy_on_mnist(backbone) -> float:
            guesses = np.argmax(head(backbone(held_out.images, training=False)), axis=1)
            return float((guesses == held_out.labels).mean())

        return Scenario(source.get_layer("backbone"), pool, test, accuracy_on_mnist)

    backbone = tc.backbones.efficientnet_lite0(image_size=96)
    some = test.images[::2]

    def answers(network):
        return sources.imagenet_classes(network(some, training=False).numpy())

    def same_answers(network) -> float:
        return float((answers(network) == before).mean())

    before = answers(backbone)
    return Scenario(backbone, pool, test, same_answers)


def points(scenario: str) -> list[dict]:
    """Return the arguments of `measure` for all runs of a grid, in the grid's order.

    Positions that differ only in what does not matter there are one point.

    Parameters
    ----------
    scenario : str
        ``"digits"`` or ``"emoji"``.

    Returns
    -------
    list of dict
        With the keys ``scenario``, ``settings`` and ``episode``.

    Examples
    --------
    >>> len(points("emoji")) / EPISODES["emoji"]
    38.0
    """
    positions = POSITIONS[scenario]
    every_position = [
        dict(zip(positions, chosen, strict=True))
        for chosen in itertools.product(*positions.values())
    ]
    distinct = {key(settings): canonical(settings) for settings in every_position}
    return [
        {"scenario": scenario, "settings": settings, "episode": episode}
        for settings in distinct.values()
        for episode in range(EPISODES[scenario])
    ]


def canonical(settings: dict) -> dict:
    """Return the settings without what does not matter at this position.

    Parameters
    ----------
    settings : dict
        A position of each control, as in `POSITIONS`.

    Returns
    -------
    dict

    Examples
    --------
    >>> at = {"freeze": "all", "lam": 1.0, "shots": 5, "learning_rate": 0.01}
    >>> canonical({"method": "l2_sp", **at})
    {'method': 'feature_reuse', 'shots': 5}
    """
    method = settings["method"]
    if method in ("fine_tune", "l2_sp") and settings["freeze"] == ALL:
        method = "feature_reuse"
    matter = ["shots"]
    if method != "feature_reuse":  # the head has a rate of its own
        matter.append("learning_rate")
    if method in ("fine_tune", "l2_sp"):
        matter.insert(0, "freeze")
    if method == "l2_sp":
        matter.insert(1, "lam")
    return {"method": method} | {name: settings[name] for name in matter}


def key(settings: dict) -> str:
    """Return the name of a point in the grid; the page makes the same name.

    Parameters
    ----------
    settings : dict
        A position of each control, as in `POSITIONS`; what does not matter there may be missing.

    Returns
    -------
    str

    Examples
    --------
    >>> key({"method": "fine_tune", "freeze": "pool2", "shots": 5, "learning_rate": 0.001})
    'fine_tune pool2 5 0.001'
    """
    return " ".join(
        value if isinstance(value, str) else f"{value:g}" for value in canonical(settings).values()
    )


def measure(
    scenario: str,
    settings: dict,
    episode: int,
    report: Callable = lambda curves: None,
    given_up: Callable = lambda: False,
) -> dict:
    """Train at one position on one draw of the shots, and return what the explorer draws.

    Parameters
    ----------
    scenario : str
        ``"digits"`` or ``"emoji"``.
    settings : dict
        A position of each control, as in `POSITIONS`.
    episode : int
        Draws the shots and the order of the images.
    report : callable, optional
        Called with the curves so far, whenever they have grown.
    given_up : callable, optional
        Asked every half a second or so; once it is true the run ends with `Stopped`.

    Returns
    -------
    dict
        ``train`` and ``test``: accuracy after each of the epochs in `EPOCHS`; ``drift``: how far
        each layer, or block of layers, has moved from the source (see `drift_by_layer`);
        ``retention``: the share of the source task that the network still does; ``wrong``: pairs of
        a test image and the class that it was taken for, ten at the most.

    Raises
    ------
    Stopped
        It was given up.
    FloatingPointError
        The training has diverged.
    """
    from transfer_course._backend import keras  # takes seconds, which the page can do without

    it = load_scenario(scenario)
    settings = canonical(settings)
    method = getattr(tc, settings.pop("method"))
    if settings.get("freeze") == NONE:
        settings["freeze"] = 0
    if "lam" in settings:
        settings |= {"alpha": 2 * settings.pop("lam"), "beta": 0}
    train, _ = tc.few_shot(it.pool, settings.pop("shots"), seed=episode)
    curves = {"train": [], "test": []}

    def note(epoch, logs):
        if "val_accuracy" in logs:
            curves["train"].append(logs["accuracy"])
            curves["test"].append(logs["val_accuracy"])
            report(curves)
        callback.model.stop_training = given_up()

    callback = keras.callbacks.LambdaCallback(on_epoch_end=note)
    callback.needs_weights_after = ()  # so epochs without a validation may run in one call
    epochs = EPOCHS[scenario]
    model = method(
        it.backbone,
        train,
        epochs=epochs[-1],
        seed=episode,
        verbose=0,
        validation_data=it.test,
        validation_freq=list(epochs),
        callbacks=[callback],
        **settings,
    )
    if len(curves["test"]) < len(epochs) or given_up():
        raise Stopped
    guesses = tc.predict(model, it.test.images).argmax(axis=1)
    backbone = model.get_layer("backbone")
    wrong = np.flatnonzero(guesses != it.test.labels)[:_MOST_WRONG]
    return curves | {
        "drift": _by_block(tc.drift_by_layer(model, it.backbone)),
        "retention": it.retention(backbone),
        "wrong": [[int(i), int(guesses[i])] for i in wrong],
    }


def _by_block(drift: dict[str, float]) -> dict[str, float]:
    """The mean drift of the layers of a block, which share the first part of their names."""
    blocks = {}
    for name, distance in drift.items():
        blocks.setdefault(name.split("_")[0], []).append(distance)
    return {name: float(np.mean(distances)) for name, distances in blocks.items()}


def packed(run: dict) -> list:
    """Return a run as the grid holds it.

    Parameters
    ----------
    run : dict
        What `measure` returned.

    Returns
    -------
    list
        Its parts, in the order of `PARTS`.

    Examples
    --------
    >>> run = {"train": [0.5, 1.0], "test": [0.25, 0.75], "drift": {"conv1": 0.01234}}
    >>> packed(run | {"retention": 0.9, "wrong": [[3, 8]]})
    [[500, 1000], [250, 750], [12], 900, [[3, 8]]]
    """

    def thousandths(values):
        return [round(1000 * value) for value in values]

    drift = thousandths(run["drift"].values())
    curves = thousandths(run["train"]), thousandths(run["test"])
    return [*curves, drift, round(1000 * run["retention"]), run["wrong"]]


def load_grid(scenario: str) -> dict[str, list]:
    """Return the grid of a scenario: at each point its packed runs, one per episode.

    Parameters
    ----------
    scenario : str
        ``"digits"`` or ``"emoji"``.

    Returns
    -------
    dict
        The points have the names that `key` gives.

    Examples
    --------
    >>> grid = load_grid("digits")
    >>> len(grid["feature_reuse 5"])
    3
    """
    return json.loads((RESULTS / f"explorer_{scenario}.json").read_text("ascii"))


def load_table(scenario: str):
    """Return the grid of a scenario as a table, for `transfer_course.experiments.load`.

    Parameters
    ----------
    scenario : str
        ``"digits"`` or ``"emoji"``.

    Returns
    -------
    pandas.DataFrame
        A row for each run: its settings (NaN where one does not matter), the episode, and after the
        last epoch ``accuracy`` and ``train_accuracy``, the mean ``drift`` of the layers, and
        ``retention``.

    Examples
    --------
    >>> table = load_table("digits")
    >>> table[table.method == "feature_reuse"].retention.round(2).unique().tolist()
    [0.95]
    """
    import pandas as pd

    grid = load_grid(scenario)
    rows = []
    for point in points(scenario):
        settings, episode = point["settings"], point["episode"]
        train, test, drift, retention, _ = grid[key(settings)][episode]
        rows.append(
            settings
            | {
                "episode": episode,
                "accuracy": test[-1] / 1000,
                "train_accuracy": train[-1] / 1000,
                "drift": np.mean(drift) / 1000,
                "retention": retention / 1000,
            }
        )
    measured = ["episode", "accuracy", "train_accuracy", "drift", "retention"]
    return pd.DataFrame(rows, columns=[*POSITIONS[scenario], *measured])
