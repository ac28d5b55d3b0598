"""The transfer explorer: one training at one position of its controls.

`run` makes the live runs of `transfer_course.widgets.TransferExplorer`, and beforehand those of its
grids, which the page shows where no kernel runs. A grid holds the runs of a scenario: at each
position of the controls one per episode, that is, per draw of the shots. `pack` makes it small.
These commands measure the grids again, all four in two or three hours::

    python -m transfer_course.experiments explorer_digits
    python -m transfer_course.experiments explorer_new_classes
    python -m transfer_course.experiments explorer_emoji
    python -m transfer_course.experiments explorer_solar_cells
"""

import base64
import itertools
import json
from collections.abc import Callable

import numpy as np

import transfer_course as tc
from transfer_course.datasets.dataset import Dataset
from transfer_course.experiments import scenarios
from transfer_course.experiments._results import RESULTS
from transfer_course.experiments.scenarios import ALL, NOTHING, RANDOM_HEAD, Scenario, scenario

_WRONG = 7  # mistakes that are shown, at most: one row on a page
_NOTHING_HERE = 2**16 - 1  # in a packed grid


class Stopped(Exception):
    """The run was given up, because a newer one is wanted."""


def points(name: str) -> list[dict]:
    """Return the arguments of `measure` for all runs of a grid, in the grid's order.

    Parameters
    ----------
    name : str
        One of `scenarios.NAMES`.

    Returns
    -------
    list of dict
        With the keys ``scenario``, ``settings`` and ``episode``.

    Examples
    --------
    >>> points("emoji")[0]
    {'scenario': 'emoji', 'settings': {'method': 'feature_reuse', 'shots': 1}, 'episode': 0}
    """
    it = scenario(name)
    return [
        {"scenario": name, "settings": settings, "episode": episode}
        for settings in every_position(it).values()
        for episode in range(it.draws)
    ]


def every_position(it: Scenario) -> dict[str, dict]:
    """Return all positions by their names; those that come to the same are one.

    Parameters
    ----------
    it : Scenario
        First come the positions of its controls, then those that its presets alone have.

    Returns
    -------
    dict of str to dict
        What `key` and `canonical` give.

    Examples
    --------
    >>> len(every_position(scenario("emoji")))
    99
    """
    places = itertools.product(*it.positions.values())
    of_controls = (dict(zip(it.positions, place, strict=True)) for place in places)
    of_presets = (preset[part] for preset in it.presets for part in ("pinned", "shown"))
    return {key(each): canonical(each) for each in itertools.chain(of_controls, of_presets)}


def canonical(settings: dict) -> dict:
    """Return the settings without what does not matter at this position.

    Parameters
    ----------
    settings : dict
        A position of each control, as in ``Scenario.positions`` or in one of its presets.

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
        A position of each control; what does not matter there may be missing.

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


def measure(scenario: str, settings: dict, episode: int) -> dict:
    """Return `run` of one of the scenarios that come with the package.

    Parameters
    ----------
    scenario : str
        One of `scenarios.NAMES`.
    settings : dict
        A position of each control.
    episode : int
        Draws the shots and the order of the images.

    Returns
    -------
    dict
    """
    return run(scenarios.scenario(scenario), settings, episode)


def run(
    it: Scenario,
    settings: dict,
    episode: int,
    report: Callable = lambda curves: None,
    given_up: Callable = lambda: False,
) -> dict:
    """Train at one position on one draw of the shots, and return what the explorer draws.

    Parameters
    ----------
    it : Scenario
        The source and the target.
    settings : dict
        A position of each control. Values between those that the controls offer are fine, and so is
        the method ``"random_head"``, which only a preset has.
    episode : int
        Draws the shots and the order of the images.
    report : callable, optional
        Called with the curves so far, whenever they have grown.
    given_up : callable, optional
        Asked before the training and every half a second or so; once it is true the run ends with
        `Stopped`.

    Returns
    -------
    dict
        ``train`` and ``test``: accuracy after each of ``it.epochs``; ``drift``: how far each of
        ``it.blocks`` has moved from the source, the mean of its layers (see `drift_by_layer`);
        ``retention``: the share of the source task that the network still does, or None; ``wrong``:
        pairs of a test image and the class that it was taken for, seven at the most.

    Raises
    ------
    Stopped
        It was given up.
    FloatingPointError
        The training has diverged.
    """
    from transfer_course._backend import keras  # takes seconds, which the page can do without

    source = it.source()
    settings = canonical(settings)
    method = settings.pop("method")
    train_by = _random_head if method == RANDOM_HEAD else getattr(tc, method)
    if settings.get("freeze") == NOTHING:
        settings["freeze"] = 0
    if "lam" in settings:
        settings |= {"alpha": 2 * settings.pop("lam"), "beta": 0}
    train, _ = tc.few_shot(it.pool, settings.pop("shots"), seed=episode)
    curves = {"train": [], "test": []}

    def note(epoch, logs):
        if "val_accuracy" in logs:
            curves["train"].append(logs["accuracy"])
            curves["test"].append(logs["val_accuracy"])
            report({name: [*shares] for name, shares in curves.items()})
        listen(logs)

    def listen(logs):
        callback.model.stop_training = given_up()

    callback = keras.callbacks.LambdaCallback(on_train_begin=listen, on_epoch_end=note)
    callback.needs_weights_after = ()  # so epochs without a validation may run in one call
    if given_up():
        raise Stopped
    model = train_by(
        source.backbone,
        train,
        epochs=it.epochs[-1],
        seed=episode,
        verbose=0,
        validation_data=it.test,
        validation_freq=list(it.epochs),
        callbacks=[callback],
        **settings,
    )
    if len(curves["test"]) < len(it.epochs) or given_up():
        raise Stopped
    guesses = tc.predict(model, it.test.images).argmax(axis=1)
    wrong = np.flatnonzero(guesses != it.test.labels)[:_WRONG]
    retention = source.retention and source.retention(model.get_layer("backbone"))
    return curves | {
        # A network without weight matrices has no distances, and no blocks.
        "drift": _by_block(tc.drift_by_layer(model, source.backbone) if it.blocks else {}, it),
        "retention": retention,
        "wrong": [[int(place), int(guesses[place])] for place in wrong],
    }


def prepare(it: Scenario) -> None:
    """Make the first point of the next run come sooner: build the network that it begins with.

    Parameters
    ----------
    it : Scenario
        The source and the target.
    """
    from transfer_course.networks.cloning import clone_ahead

    clone_ahead(it.source().backbone)


def _random_head(
    backbone, train: Dataset, *, learning_rate: float, seed: int, callbacks, **options
):
    """Fine-tuning as many tutorials have it: a random head, and one rate for the whole network."""
    from transfer_course._backend import keras

    def draw(logs):
        kernel = drawn.model.get_layer("head").kernel
        kernel.assign(keras.initializers.GlorotUniform(1000 + seed)(kernel.shape))

    drawn = keras.callbacks.LambdaCallback(on_train_begin=draw)
    return tc.fine_tune(
        backbone,
        train,
        learning_rate=learning_rate,
        head_learning_rate=learning_rate,
        seed=seed,
        callbacks=[drawn, *callbacks],
        **options,
    )


def _by_block(drift: dict[str, float], it: Scenario) -> list[float]:
    """The mean drift of the layers of each block. One that began at zero has no length to go by."""
    blocks = {name: [] for name in it.blocks}
    for path, distance in drift.items():
        blocks[it.block_of(path)].append(0.0 if np.isnan(distance) else distance)
    return [float(np.mean(distances)) for distances in blocks.values()]


def pack(grid: dict[str, list[dict]], it: Scenario) -> dict:
    """Return a grid in a tenth of its size, as text that JSON can hold.

    Parameters
    ----------
    grid : dict of str to list of dict
        By the name of a point: the runs of its episodes, the first ones at least.
    it : Scenario
        What the runs are of.

    Returns
    -------
    dict
        ``keys``, the names of the points; ``runs``, base64 of little-endian uint16 with the axes
        point, episode and number. The numbers of a run are in thousandths, in the order that `run`
        gives them, 65535 where there is none.

    Examples
    --------
    >>> it = scenario("digits")
    >>> unpack(pack({"feature_reuse 5": load_grid("digits")["feature_reuse 5"]}, it), it).keys()
    dict_keys(['feature_reuse 5'])
    """
    numbers = np.full((len(grid), it.draws, _size(it)), _NOTHING_HERE, "<u2")
    for row, runs in zip(numbers, grid.values(), strict=True):
        for cells, each in zip(row, runs[: it.draws], strict=False):
            shares = [*each["train"], *each["test"], *each["drift"]]
            shares += [] if each["retention"] is None else [each["retention"]]
            cells[: len(shares)] = np.clip(np.rint(1000 * np.array(shares)), 0, _NOTHING_HERE - 1)
            wrong = np.ravel(each["wrong"][:_WRONG])
            cells[_size(it) - 2 * _WRONG :][: len(wrong)] = wrong
    return {"keys": list(grid), "runs": base64.b64encode(numbers.tobytes()).decode("ascii")}


def unpack(packed: dict, it: Scenario) -> dict[str, list[dict]]:
    """Return a grid from what `pack` made of it.

    Parameters
    ----------
    packed : dict
        The result of `pack`.
    it : Scenario
        The same.

    Returns
    -------
    dict of str to list of dict
        By the name of a point, the runs of its episodes, as `run` gives them.
    """
    numbers = np.frombuffer(base64.b64decode(packed["runs"]), "<u2").astype(int)
    numbers = numbers.reshape(len(packed["keys"]), it.draws, _size(it))
    return {
        name: [_unpacked(cells.tolist(), it) for cells in row if cells[0] != _NOTHING_HERE]
        for name, row in zip(packed["keys"], numbers, strict=True)
    }


def _unpacked(cells: list[int], it: Scenario) -> dict:
    parts = iter(cells)

    def shares(count):
        return [each / 1000 for each in itertools.islice(parts, count)]

    found = {name: shares(len(it.epochs)) for name in ("train", "test")}
    found["drift"] = shares(len(it.blocks))
    retention = next(parts)
    found["retention"] = None if retention == _NOTHING_HERE else retention / 1000
    pairs = zip(parts, parts, strict=True)
    found["wrong"] = [list(pair) for pair in pairs if pair[0] != _NOTHING_HERE]
    return found


def _size(it: Scenario) -> int:
    """How many numbers a packed run has."""
    return 2 * len(it.epochs) + len(it.blocks) + 1 + 2 * _WRONG


def load_packed(name: str) -> dict:
    """Return the grid of a scenario as `pack` made it.

    Parameters
    ----------
    name : str
        One of `scenarios.NAMES`.

    Returns
    -------
    dict
    """
    return json.loads((RESULTS / f"explorer_{name}.json").read_text("ascii"))


def load_grid(name: str) -> dict[str, list[dict]]:
    """Return the grid of a scenario.

    Parameters
    ----------
    name : str
        One of `scenarios.NAMES`.

    Returns
    -------
    dict of str to list of dict
        At each point, named as `key` does, its runs: one per episode, as `run` gives them.

    Examples
    --------
    >>> load_grid("digits")["feature_reuse 5"][0]["test"][-1] > 0.8
    True
    """
    return unpack(load_packed(name), scenario(name))


def load_table(name: str):
    """Return the grid of a scenario as a table, for `transfer_course.experiments.load`.

    Parameters
    ----------
    name : str
        One of `scenarios.NAMES`.

    Returns
    -------
    pandas.DataFrame
        A row for each run: its settings (NaN where one does not matter), the episode, and after the
        last epoch ``accuracy`` and ``train_accuracy``, the mean ``drift`` of the blocks, and
        ``retention``.

    Examples
    --------
    >>> table = load_table("digits")
    >>> table[table.method == "feature_reuse"].episode.unique().tolist()
    [0, 1, 2, 3, 4]
    """
    import pandas as pd

    grid, it = load_grid(name), scenario(name)
    rows = []
    for point in points(name):
        each = grid[key(point["settings"])][point["episode"]]
        rows.append(
            point["settings"]
            | {
                "episode": point["episode"],
                "accuracy": each["test"][-1],
                "train_accuracy": each["train"][-1],
                "drift": np.mean(each["drift"]),
                "retention": each["retention"],
            }
        )
    measured = ["episode", "accuracy", "train_accuracy", "drift", "retention"]
    return pd.DataFrame(rows, columns=[*it.positions, *measured])
