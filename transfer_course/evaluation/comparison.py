"""Comparison of algorithms over many draws of a few examples."""

from collections.abc import Callable, Sequence

import joblib
import numpy as np
import pandas as pd

from transfer_course._progress import progress, say, stop_button
from transfer_course._validation import check_int, describe, describe_type
from transfer_course.datasets.dataset import Dataset, few_shot
from transfer_course.evaluation.prediction import predict


def compare(
    methods: Sequence[Callable] | dict[str, Callable],
    backbone,
    dataset: Dataset,
    shots: Sequence[int] = (1, 2, 5, 10),
    episodes: int = 20,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the accuracy of each method for each number of shots in each episode.

    An episode is one draw of the few examples. Episode e draws them, and the weights of the head,
    with the seed ``seed + e``; all methods get the same draws, and within an episode the draw for
    few shots is part of the one for more.

    Parameters
    ----------
    methods : sequence of callable, or dict of str to callable
        Algorithms of this package or functions like them, called as ``method(backbone, train,
        seed=...)``. Each needs a name of its own. A dictionary gives names: ``{"to pool2":
        functools.partial(tc.fine_tune, freeze="pool2")}``.
    backbone : keras.Model
        What every method starts from.
    dataset : Dataset
        The target task. The images that are not drawn are the test set of the episode.
    shots : sequence of int, default (1, 2, 5, 10)
        Numbers of examples per class.
    episodes : int, default 20
        The number of draws. 20 are enough to see differences of a few percentage points.
    seed : int, default 0
        The seed of the first episode.

    Returns
    -------
    pandas.DataFrame
        A row per method x shots x episode, with the columns method, shots, episode, accuracy (on
        the test set, 0-1) and train_accuracy (on the few examples, 0-1).

    Raises
    ------
    TypeError
        ``methods`` is not a list or dictionary of callables, a method returns no classifier, or
        another argument is of the wrong kind.
    ValueError
        ``methods`` or ``shots`` is empty, two methods have one name, or a number is out of range.
        `few_shot` and the methods raise both errors too.

    Notes
    -----
    Stop (Control-C) ends the comparison early and returns the rows that are done.

    The episodes run through joblib. Under ``with joblib.parallel_config(backend="loky",
    n_jobs=2):``, or a backend of dask or ray, they are spread over processes, with the same
    results. Every process has to load TensorFlow, which is worth it for long runs only; the default
    is one process.

    Examples
    --------
    >>> import transfer_course as tc
    >>> table = tc.compare(
    ...     [tc.from_scratch], tc.backbones.small_cnn(), tc.datasets.digits(), [1, 5], episodes=2
    ... )
    >>> table.groupby("shots").accuracy.mean().is_monotonic_increasing
    True
    """
    methods = _with_names(methods)
    shots = _checked_shots(shots)
    check_int("episodes", episodes, at_least=1)
    for count in shots:
        few_shot(dataset, count, seed)  # so what cannot be drawn is refused before any training
    runs = [
        joblib.delayed(_episode)(name, method, backbone, dataset, count, episode, seed + episode)
        for name, method in methods.items()
        for count in shots
        for episode in range(episodes)
    ]
    rows = []
    with stop_button() as stopped, progress(len(runs), "training") as show:
        for row in joblib.Parallel(return_as="generator")(runs):
            if stopped():  # so this row is of a training that was cut short
                break
            rows.append(row)
            show(len(rows))
    if len(rows) < len(runs):
        say(
            f"Stopped; the table has the {len(rows)} of {len(runs)} rows done by then. (To stop "
            f"the whole cell, press Stop twice.)"
        )
    return pd.DataFrame(rows, columns=["method", "shots", "episode", "accuracy", "train_accuracy"])


def _with_names(methods) -> dict:
    like = "write it like [tc.feature_reuse, tc.fine_tune]"
    named = 'write it like {"to pool2": functools.partial(tc.fine_tune, freeze="pool2")}'
    if not isinstance(methods, dict | list | tuple):
        raise TypeError(
            "methods must be a list of algorithms, or a dictionary with their names, "
            f"got {describe_type(methods)}: {like}"
        )
    if not methods:
        raise ValueError(f"methods is empty: {like}")
    is_dict = isinstance(methods, dict)
    for method in methods.values() if is_dict else methods:
        if not callable(method):
            raise TypeError(f"methods holds {describe(method)}, which cannot be called: {like}")
        if not is_dict and not hasattr(method, "__name__"):
            raise ValueError(f"methods holds {describe(method)}, which has no name: {named}")
    if is_dict:
        return methods
    names = [method.__name__ for method in methods]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"methods has the name {twice[0]!r} twice: {named}")
    return dict(zip(names, methods, strict=True))


def _checked_shots(shots) -> list[int]:
    if not isinstance(shots, Sequence | np.ndarray) or isinstance(shots, str):
        raise TypeError(
            f"shots={describe(shots)} is not a list of whole numbers: write it like shots=[1, 5]"
        )
    if len(shots) == 0:
        raise ValueError("shots is empty: write it like shots=[1, 5]")
    return [check_int("shots", count, at_least=1) for count in shots]


def _episode(name, method, backbone, dataset, shots, episode, seed) -> dict:
    train, test = few_shot(dataset, shots, seed)
    model = method(backbone, train, seed=seed)
    if not {"backbone", "head"} <= {layer.name for layer in getattr(model, "layers", ())}:
        raise TypeError(
            f"method {name!r} must return a model with the layers 'backbone' and 'head', "
            f"got {describe(model)}: end it like return tc.fine_tune(backbone, train, seed=seed)"
        )
    guesses = predict(model, np.concatenate([train.images, test.images])).argmax(axis=1)
    return {
        "method": name,
        "shots": shots,
        "episode": episode,
        "accuracy": float((guesses[len(train) :] == test.labels).mean()),
        "train_accuracy": float((guesses[: len(train)] == train.labels).mean()),
    }
