"""Feature reuse, fine-tuning, L2-SP and their baselines, compared fairly.

Each of the four scenarios in `worlds` has two tables. ``tuning_digits`` and the like are measured
on images and draws for development: what each method reaches with five learning rates of its own,
L2-SP with four strengths of its pull at each of them. ``fair_digits`` and the like are measured on
the other images, each method with the candidate that was best for that number of shots. All methods
that train take the same number of `steps`, rounded to whole epochs. From twenty images per class on
it is larger, since the smaller one leaves every method unfinished there.

Baselines have nothing to choose: class means and scikit-learn's logistic regression at its
defaults (C = 1), both on the source's features; the source's own head, which needs no label, where
the classes agree; and the most frequent class of the test set.

A scenario takes ten minutes to an hour::

    python -m transfer_course.experiments tuning_digits fair_digits
"""

import math
from functools import cache

import numpy as np
from sklearn.linear_model import LogisticRegression

import transfer_course as tc
from transfer_course.datasets.dataset import Dataset
from transfer_course.evaluation.comparison import scores_on
from transfer_course.evaluation.prediction import guesses
from transfer_course.experiments import _results, worlds

BATCH = 32
RATES = {
    "from_scratch": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
    "feature_reuse": (1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
    "fine_tune": (3e-5, 1e-4, 3e-4, 1e-3, 3e-3),
}
CANDIDATES = {
    method: [{"learning_rate": rate} for rate in rates] for method, rates in RATES.items()
} | {
    "l2_sp": [
        {"learning_rate": rate, "alpha": alpha}
        for rate in RATES["fine_tune"]
        for alpha in (0.01, 0.1, 1, 10)
    ]
}
BASELINES = ["class_means", "logistic_regression", "source_head", "majority"]
WITHOUT_SOURCE = ["from_scratch", "majority"]  # alike for each source, so measured once
EPISODES = {"digits": 20, "new_classes": 20, "emoji": 10, "solar_cells": 10}  # per source
SPOT_CHECKS = {"digits": [1, 4, 802], "new_classes": [1], "emoji": [0, 3], "solar_cells": [3]}


def points(scenario: str) -> list[dict]:
    """Return the arguments of `measure` for each row of the results of a scenario.

    Parameters
    ----------
    scenario : str
        One of those in `worlds`.

    Returns
    -------
    list of dict

    Examples
    --------
    >>> points("digits")[0]
    {'scenario': 'digits', 'shots': 1, 'source': 0, 'episode': 0, 'method': 'from_scratch'}
    """
    baselines = [name for name in BASELINES if scenario == "digits" or name != "source_head"]
    return [
        {
            "scenario": scenario,
            "shots": shots,
            "source": source,
            "episode": episode,
            "method": method,
        }
        for shots in worlds.SHOTS[scenario]
        for source in worlds.SOURCES[scenario]
        for episode in range(EPISODES[scenario])
        for method in [*worlds.methods(scenario, shots), *baselines]
        if source == 0 or method not in WITHOUT_SOURCE
    ]


def measure(scenario: str, shots: int, source: int, episode: int, method: str) -> dict[str, float]:
    """Learn from one draw of the images for the report, with the settings that were chosen.

    Parameters
    ----------
    scenario : str
        One of those in `worlds`.
    shots : int
        Training images per class.
    source : int
        The seed of the source network.
    episode : int
        The draw of the training images, and the seed of the training.
    method : str
        A key of `CANDIDATES`, or one of `BASELINES`.

    Returns
    -------
    dict
        ``accuracy`` and ``balanced_accuracy`` on the images to test on; ``train_accuracy``; and
        ``kept``, the share of the source task that the network still does: of MNIST's held-out
        digits those that it names, and of about 100 of the target's images those for which Lite0
        gives the answer that it gave before. All from 0 to 1.
    """
    start = worlds.source(scenario, source)
    train, test = tc.few_shot(worlds.target(scenario).report, shots, seed=episode)
    if method == "majority":
        return _scores(test, np.full(len(test), np.bincount(test.labels).argmax()), np.nan, start)
    if method == "logistic_regression":
        head = LogisticRegression(max_iter=3000)
        features = start.backbone.predict(train.images, verbose=0)
        head.fit(features, train.labels)
        said = head.predict(start.backbone.predict(test.images, verbose=0))
        return _scores(test, said, head.score(features, train.labels), start)
    if method == "class_means":
        model = tc.class_means(start.backbone, train)
    elif method == "source_head":
        model = tc.source_head(start.backbone, train, source=start.model)
    else:
        settings = chosen(scenario)[method, shots]
        model = trained(scenario, method, settings, start.backbone, train, seed=episode)
    fitted = tc.accuracy(model, train)
    return _scores(test, guesses(model, test), fitted, start, model.get_layer("backbone"))


def trained(scenario: str, method: str, settings: dict, backbone, train: Dataset, seed: int):
    """Return what a method makes of examples in about as many `steps` as any other.

    Parameters
    ----------
    scenario : str
        One of those in `worlds`.
    method : str
        A key of `CANDIDATES`.
    settings : dict
        One of the candidates, or others that the method takes, ``epochs`` too.
    backbone : keras.Model
        The source network.
    train : tc.Dataset
        The examples.
    seed : int
        Of the training.

    Returns
    -------
    keras.Sequential
    """
    settings = {"epochs": epochs(train, steps(scenario, train))} | settings
    if method in ("fine_tune", "l2_sp"):
        settings = {"freeze": worlds.FREEZE[scenario]} | settings
    algorithm = getattr(tc, method)
    return algorithm(backbone, train, batch_size=BATCH, seed=seed, verbose=0, **settings)


def steps(scenario: str, train: Dataset) -> int:
    """Return how many steps all methods take: more from twenty images per class on."""
    few = len(train) < 20 * len(train.class_names)
    return (200 if scenario in worlds.SMALL else 100) * (1 if few else 3)


def epochs(train: Dataset, steps: int) -> int:
    """Return how many passes over the examples take about so many steps of `BATCH` examples."""
    return round(steps / math.ceil(len(train) / BATCH))


@cache
def chosen(scenario: str) -> dict[tuple[str, int], dict]:
    """Return the best candidate of each method at each number of shots, on the tuning draws.

    Parameters
    ----------
    scenario : str
        One of those in `worlds`.

    Returns
    -------
    dict of (str, int) to dict
        Method and shots to settings. Of candidates that are level the first; where development has
        too few images for so many shots, what is best with fewer.
    """
    table = _results.load(f"tuning_{scenario}")
    means = table.groupby(["method", "shots", "candidate"]).balanced_accuracy.mean()
    highest = means.groupby(["method", "shots"]).transform("max")
    # The table has four decimals, so means that are level can differ by 0.0001.
    best = (means > highest - 1.5e-4).astype(int).groupby(["method", "shots"]).idxmax()
    found = {}
    for shots in worlds.SHOTS[scenario]:
        for method in worlds.methods(scenario, shots):
            nearest = max(known for known in best[method].index if known <= shots)
            found[method, shots] = CANDIDATES[method][best[method, nearest][2]]
    return found


def _scores(test: Dataset, said, train_accuracy: float, start, backbone=None) -> dict:
    return scores_on(test, said) | {
        "train_accuracy": float(train_accuracy),
        "kept": start.kept(start.backbone if backbone is None else backbone),
    }
