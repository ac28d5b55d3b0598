"""What the transfer explorer draws where no kernel runs: real runs at every position, kept.

``python -m transfer_course.widgets.grid [world ...]`` makes the grids anew, in a quarter of an hour
each, as ``<world>.json`` beside this file. To be small they hold whole numbers, in thousandths, and
of each run a list in the order of `PARTS`.
"""

import itertools
import json
import sys
from pathlib import Path

from tqdm import tqdm

from transfer_course.widgets import experiment

PARTS = ("train", "test", "drift", "kept", "wrong")


def points(world: str) -> dict[str, dict]:
    """The settings of each point of the grid, by its key.

    >>> len(points("emoji"))
    42
    """
    positions = experiment.POSITIONS[world]
    at = [
        dict(zip(positions, chosen, strict=True))
        for chosen in itertools.product(*positions.values())
    ]
    return {experiment.key(settings): experiment.canonical(settings) for settings in at}


def packed(run: dict) -> list:
    """A run as the grid holds it.

    >>> run = {"train": [0.5, 1.0], "test": [0.25, 0.75], "drift": {"conv1": 0.01234}}
    >>> packed(run | {"kept": 0.9, "wrong": [[3, 8]]})
    [[500, 1000], [250, 750], [12], 900, [[3, 8]]]
    """

    def thousandths(values):
        return [round(1000 * value) for value in values]

    drift = thousandths(run["drift"].values())
    curves = thousandths(run["train"]), thousandths(run["test"])
    return [*curves, drift, round(1000 * run["kept"]), run["wrong"]]


def load(world: str) -> dict[str, list]:
    """The grid of a world: the packed runs of each point, one per episode, by its key.

    >>> grid = load("digits")
    >>> len(grid["feature_reuse 5 0.01"])
    3
    """
    return json.loads(_file(world).read_text("ascii"))


def _file(world: str) -> Path:
    return Path(__file__).with_name(f"{world}.json")


def _make(world: str) -> None:
    grid = {}
    for name, settings in tqdm(points(world).items(), desc=world):
        grid[name] = [
            packed(experiment.measure(world, settings, episode))
            for episode in range(experiment.EPISODES[world])
        ]
    lines = [f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in grid.items()]
    _file(world).write_text("{\n" + ",\n".join(lines) + "\n}\n", "ascii")


if __name__ == "__main__":
    for world in sys.argv[1:] or experiment.POSITIONS:
        _make(world)
