"""Comparison of algorithms over many draws of a few examples."""

import os
import warnings
from collections.abc import Callable, Sequence
from contextlib import contextmanager, suppress

import joblib
import numpy as np
import pandas as pd
from sklearn.metrics import recall_score

from transfer_course._progress import progress, say, stop_button
from transfer_course._validation import check_int, describe
from transfer_course.datasets.dataset import Dataset, draw, few_shot
from transfer_course.evaluation._methods import named_methods
from transfer_course.evaluation.prediction import accuracy, guesses
from transfer_course.evaluation.saved_rows import COLUMNS, saved_rows


def compare(
    methods: Sequence[Callable] | dict[str, Callable | tuple[Callable, dict]],
    backbone,
    dataset: Dataset,
    shots: Sequence[int] = (1, 2, 5, 10),
    episodes: int = 20,
    seed: int = 0,
    save: str | os.PathLike | None = None,
) -> pd.DataFrame:
    """Return how each method does for each number of shots in each episode.

    An episode is one draw of the few examples. Episode e draws them, and the weights of the head,
    with the seed ``seed + e``; all methods get the same draws, and within an episode the draw for
    few shots is part of the one for more.

    Parameters
    ----------
    methods : sequence of callable, or dict of str to callable or (callable, dict)
        Algorithms of this package or functions like them, called as ``method(backbone, train,
        seed=...)``. Each needs a name of its own. A dictionary gives names, and settings to those
        that are not to have their defaults: ``{"reuse": tc.feature_reuse, "to pool2":
        (tc.fine_tune, {"freeze": "pool2"})}``.
    backbone : keras.Model
        What every method starts from.
    dataset : Dataset
        The target task. The images that are not drawn are the test set of the episode; if it has
        groups, those of other groups are (see `few_shot`).
    shots : sequence of int, default (1, 2, 5, 10)
        Numbers of examples per class.
    episodes : int, default 20
        The number of draws. 20 are enough to see differences of a few percentage points.
    seed : int, default 0
        The seed of the first episode.
    save : str or os.PathLike, optional
        A CSV file that gets each row as soon as it is done. If it has rows already, only those that
        are missing are computed. By default nothing is saved.

    Returns
    -------
    pandas.DataFrame
        A row per method x shots x episode, with the columns method, shots, episode and

        - accuracy: on the test set, 0 to 1;
        - balanced_accuracy: the mean over the classes of the share of their test images that is
          recognized, 0 to 1. Unlike accuracy, it gives a method nothing for always answering the
          most frequent class: that gets 1/classes;
        - train_accuracy: on the few examples, 0 to 1;
        - steps: how many steps the optimizer of the returned model has taken. 0 if the model has
          no optimizer, as of a method that is not trained by Keras.

    Raises
    ------
    OSError
        The file cannot be written.
    TypeError
        ``methods`` is not a list or dictionary as above, a method does not take its settings or
        returns no classifier, or another argument is of the wrong kind.
    ValueError
        ``methods`` or ``shots`` is empty, two methods have one name, a number is out of range,
        joblib is set to fork, a method's model tells other classes apart (see `accuracy`), or the
        file has rows of other settings or is something else.
        `few_shot` and the methods raise both errors too.

    Notes
    -----
    Stop (Control-C) ends the comparison early and returns the rows that are done.

    With ``save="runs.csv"`` the same call goes on after Stop, a crash or a power cut, and one for
    more methods, shots or episodes adds what it needs. A file is for one data set, one backbone,
    one seed, and one method of each name; another is refused before any training. A method is
    another if its function's code is, or its settings are; what it calls is not looked at. The
    file has the settings in comments: ``pandas.read_csv("runs.csv", comment="#")`` reads the rows.

    The episodes run through joblib. Under ``with joblib.parallel_config(backend="loky",
    n_jobs=2):`` they are spread over processes, under its backend "dask" over machines, with the
    same results. Every process has to load TensorFlow, which is worth it for long runs only; the
    default is one process.

    Examples
    --------
    >>> import transfer_course as tc
    >>> table = tc.compare(
    ...     [tc.from_scratch], tc.backbones.small_cnn(), tc.datasets.digits(), [1, 5], episodes=2
    ... )
    >>> table.groupby("shots").accuracy.mean().is_monotonic_increasing
    True
    """
    methods = named_methods(methods)
    shots = _checked_shots(shots)
    check_int("episodes", episodes, at_least=1)
    check_int("seed", seed, at_least=0)
    for count in shots:
        for episode in range(episodes):  # what cannot be drawn is refused before any training
            draw(dataset, count, seed + episode)
    _refuse_fork()
    runs = {
        (name, count, episode): joblib.delayed(_episode)(
            name, method, backbone, dataset, count, episode, seed + episode
        )
        for name, method in methods.items()
        for count in shots
        for episode in range(episodes)
    }
    # This process trains, or it waits for others: then Stop must not wait as well.
    button = stop_button() if joblib.effective_n_jobs(None) == 1 else suppress(KeyboardInterrupt)
    with saved_rows(save, methods, backbone, dataset, seed) as (saved, append):
        rows = {_key(row): row for row in saved}
        missing = [run for key, run in runs.items() if key not in rows]
        with button, progress(len(missing), "training") as show, _run(missing) as finished:
            for done, row in enumerate(finished, start=1):
                if row is None:  # Stop was pressed during its training
                    break
                rows[_key(row)] = row
                append(row)
                show(done)
    table = [rows[key] for key in runs if key in rows]
    if len(table) < len(runs):
        say(
            f"Stopped; the table has the {len(table)} of {len(runs)} rows done by then. (To stop "
            f"the whole cell, press Stop twice.)"
            + (" The same call goes on from there." if save else "")
        )
    return pd.DataFrame(table, columns=list(COLUMNS))


def _key(row: dict) -> tuple:
    return row["method"], row["shots"], row["episode"]


def _refuse_fork() -> None:
    try:
        joblib.Parallel(return_as="generator_unordered")
    except ValueError as problem:
        if "return_as" not in str(problem):
            raise
        raise ValueError(
            'joblib\'s backend "multiprocessing", and what is built on it, cannot run a '
            "comparison, since a network does not survive the fork of its process: use "
            'joblib.parallel_config(backend="loky")'
        ) from None


@contextmanager
def _run(runs: list):
    """Yield the rows as they are done, in any order."""
    rows = joblib.Parallel(return_as="generator_unordered", batch_size=1)(runs)
    try:
        yield rows
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # joblib's, that Stop leaves trainings undone
            rows.close()


def _checked_shots(shots) -> list[int]:
    if not isinstance(shots, Sequence | np.ndarray) or isinstance(shots, str):
        raise TypeError(
            f"shots={describe(shots)} is not a list of whole numbers: write it like shots=[1, 5]"
        )
    if len(shots) == 0:
        raise ValueError("shots is empty: write it like shots=[1, 5]")
    return [check_int("shots", count, at_least=1) for count in shots]


def _episode(name, method, backbone, dataset, shots, episode, seed) -> dict | None:
    """Return a row of the table, or None if Stop was pressed before it was done."""
    with stop_button() as stopped:
        train, test = few_shot(dataset, shots, seed)
        model = method(backbone, train, seed=seed)
        if not {"backbone", "head"} <= {layer.name for layer in getattr(model, "layers", ())}:
            raise TypeError(
                f"method {name!r} must return a model with the layers 'backbone' and 'head', "
                f"got {describe(model)}: end it like return tc.fine_tune(backbone, train, "
                "seed=seed)"
            )
        row = {
            "method": name,
            "shots": shots,
            "episode": episode,
            **scores_on(test, guesses(model, test)),
            "train_accuracy": accuracy(model, train),
            "steps": _steps(model),
        }
        return None if stopped() else row


def scores_on(test: Dataset, guesses: np.ndarray) -> dict[str, float]:
    """Return ``accuracy`` and ``balanced_accuracy`` of the classes guessed for a data set."""
    classes = range(len(test.class_names))
    return {
        "accuracy": float((guesses == test.labels).mean()),
        "balanced_accuracy": float(
            recall_score(test.labels, guesses, labels=classes, average="macro")
        ),
    }


def _steps(model) -> int:
    optimizer = getattr(model, "optimizer", None)
    return int(getattr(optimizer, "iterations", 0))
