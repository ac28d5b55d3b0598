"""Compare algorithms over many draws of a few examples."""

from collections.abc import Callable, Sequence

import joblib
import numpy as np
import pandas as pd

from transfer_course.dataset import Dataset, few_shot, whole_number
from transfer_course.training import predict


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
    methods
        Algorithms of this package or functions like them, called as ``method(backbone, train,
        seed=...)``. To name them yourself, a dictionary: ``{"to pool2": functools.partial(
        tc.fine_tune, freeze="pool2")}``.
    backbone
        What every method starts from.
    dataset
        The target task. What is not drawn is the test set of the episode.
    shots
        Numbers of examples per class.
    episodes
        How many draws. 20 are enough to tell differences of a few per cent.
    seed
        The seed of the first episode.

    Returns
    -------
    pandas.DataFrame
        A row per method x shots x episode, with the columns method, shots, episode, accuracy (on
        the test set, 0-1) and train_accuracy (on the few examples, 0-1).

    Raises
    ------
    TypeError, ValueError
        As `few_shot` and the methods do.

    Notes
    -----
    Runs through joblib: under ``with joblib.parallel_config(backend="loky", n_jobs=2):``, or a
    backend of dask or ray, the episodes are spread over processes with the same results. Each has
    to load TensorFlow, which pays for long runs only; the default is this process.

    Example
    -------
    >>> import transfer_course as tc
    >>> table = tc.compare(
    ...     [tc.from_scratch], tc.backbones.small_cnn(), tc.datasets.digits(), [1, 5], episodes=2
    ... )
    >>> table.groupby("shots").accuracy.mean().is_monotonic_increasing
    True
    """
    if not isinstance(methods, dict):
        methods = {method.__name__: method for method in methods}
    whole_number("episodes", episodes, at_least=1)
    draws = [(count, episode) for count in shots for episode in range(episodes)]
    rows = joblib.Parallel()(
        joblib.delayed(_episode)(name, method, backbone, dataset, count, episode, seed + episode)
        for name, method in methods.items()
        for count, episode in draws
    )
    return pd.DataFrame(rows)


def _episode(name, method, backbone, dataset, shots, episode, seed) -> dict:
    train, test = few_shot(dataset, shots, seed)
    model = method(backbone, train, seed=seed)
    guesses = predict(model, np.concatenate([train.images, test.images])).argmax(axis=1)
    return {
        "method": name,
        "shots": shots,
        "episode": episode,
        "accuracy": float((guesses[len(train) :] == test.labels).mean()),
        "train_accuracy": float((guesses[: len(train)] == train.labels).mean()),
    }
