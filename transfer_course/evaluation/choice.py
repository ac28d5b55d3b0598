"""Choosing a method, or a setting of one, from one's own few examples alone."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from transfer_course._progress import progress, stop_button
from transfer_course._validation import check_int, describe_type
from transfer_course.datasets.dataset import Dataset
from transfer_course.evaluation._methods import named_methods
from transfer_course.evaluation.prediction import accuracy


class Choice(NamedTuple):
    """What `choose` found.

    Attributes
    ----------
    name : str
        The method that was chosen.
    model : keras.Model
        What it returns for all of the examples.
    table : pandas.DataFrame
        A row per method, in the order given: accuracy, the share of all examples that were
        classified correctly while they were held out, from 0 to 1, and its standard_error, from the
        differences between the folds.
    """

    name: str
    model: object
    table: pd.DataFrame


def choose(
    methods: Sequence[Callable] | dict[str, Callable | tuple[Callable, dict]],
    backbone,
    train: Dataset,
    *,
    folds: int = 5,
    seed: int = 0,
) -> Choice:
    """Choose the method that does best on examples that it has not seen, and train it on all.

    Cross-validation: the examples are divided into folds, and each method is trained on all folds
    but one and tested on that one, for each fold. No test set is needed, so what is left of the
    data can still say how good the choice was.

    Parameters
    ----------
    methods : sequence of callable, or dict of str to callable or (callable, dict)
        As for `transfer_course.compare`. If two are level, the first one is chosen, so begin with
        the simplest.
    backbone : keras.Model
        What every method starts from.
    train : Dataset
        The examples, at least two per class. If they have groups, no group is in two folds.
    folds : int, default 5
        2 or more. There are fewer if a class has fewer examples (or groups). Five leave four fifths
        to train on; more cost more time.
    seed : int, default 0
        Divides the examples, and is the seed of each training.

    Returns
    -------
    Choice
        ``name``, ``model`` and ``table``.

    Raises
    ------
    TypeError
        ``methods`` is not as for `compare`, ``train`` is not a Dataset, or a number is not whole.
    ValueError
        A class has one example or one group only, a number is out of range, or as for `compare`.
    KeyboardInterrupt
        Stop was pressed: half of the evidence chooses nothing.

    Notes
    -----
    With few examples the accuracies are rough: of ten held-out examples, one is ten percentage
    points. Differences below the standard error are luck.

    Examples
    --------
    >>> import transfer_course as tc
    >>> train, test = tc.few_shot(tc.datasets.digits(), shots=2)
    >>> heads = {f"β = {beta}": (tc.feature_reuse, {"beta": beta}) for beta in (0, 0.1, 10)}
    >>> choice = tc.choose(heads, tc.backbones.small_cnn(), train)
    >>> choice.name in heads, choice.table.index.tolist()
    (True, ['β = 0', 'β = 0.1', 'β = 10'])
    """
    methods = named_methods(methods)
    if not isinstance(train, Dataset):
        raise TypeError(
            f"the examples must be a Dataset, got {describe_type(train)}: "
            "draw some with train, test = tc.few_shot(dataset, shots), and pass train"
        )
    check_int("folds", folds, at_least=2)
    check_int("seed", seed, at_least=0)
    parts = _divided(train, folds, seed)
    shares = {}
    with stop_button() as stopped, progress(len(methods) * len(parts) + 1, "training") as show:
        for name, method in methods.items():
            shares[name] = []
            for fit, held_out in parts:
                model = method(backbone, train.subset(fit), seed=seed)
                shares[name].append(accuracy(model, train.subset(held_out)))
                if stopped():
                    raise KeyboardInterrupt("Stop was pressed before anything could be chosen")
                show(sum(map(len, shares.values())))
        sizes = [len(held_out) for _, held_out in parts]
        folds_of = pd.DataFrame(shares).rename_axis(columns="method")
        accuracies = folds_of.mul(sizes, axis=0).sum() / len(train)
        table = pd.DataFrame({"accuracy": accuracies, "standard_error": folds_of.sem()})
        best = table.accuracy.round(9).idxmax()  # of sums in another order the last bits differ
        return Choice(best, methods[best](backbone, train, seed=seed), table)


def _divided(train: Dataset, folds: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the positions to train on and those to test on, for each fold."""
    names = train.class_names
    if train.groups is None:
        counts, what = np.bincount(train.labels, minlength=len(names)), "example"
    else:
        counts = [len(np.unique(train.groups[train.labels == c])) for c in range(len(names))]
        what = "group"
    smallest = int(np.argmin(counts))
    if counts[smallest] < 2:
        raise ValueError(
            f"class {names[smallest]!r} has {counts[smallest] or 'no'} {what}, but at least 2 are "
            "needed, one to train on and one to test on: use more shots, or decide without the data"
        )
    kind = StratifiedKFold if train.groups is None else StratifiedGroupKFold
    splitter = kind(min(folds, counts[smallest]), shuffle=True, random_state=seed)
    parts = list(splitter.split(np.zeros(len(train)), train.labels, train.groups))
    for fit, _ in parts:
        left_out = set(range(len(names))) - set(train.labels[fit])
        if left_out:
            raise ValueError(
                f"with these groups a fold would hold all examples of class "
                f"{names[min(left_out)]!r}: use more shots, or another seed"
            )
    return parts
