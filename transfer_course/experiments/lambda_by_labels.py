"""Does the best λ fall as labels grow? L2-SP at ten values of λ and four numbers of labels.

The scenario is that of the digits in `worlds`, on its images for the report. Each row is one draw
of the images (an episode); episodes take turns with three source networks. All runs take as many
steps as those of `fair`: 600 from twenty images per class on, since 200 leave them unfinished
there. Adam's rate is 0.001 for the backbone, at which fine-tuning without a penalty moves the
weights far. There is no penalty on the head, so that λ alone differs.

The 480 rows take half an hour of processor time.
"""

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss

import transfer_course as tc
from transfer_course.datasets.dataset import Dataset
from transfer_course.experiments import fair, worlds
from transfer_course.networks.layers import kernels

LAMBDAS = (0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)
EPISODES = 12
SPOT_CHECKS = [3, 243]  # the first draw at λ = 0.1, of 1 and of 20 images per class


def points() -> list[dict]:
    """Return the arguments of `measure` for each row of the results.

    Returns
    -------
    list of dict

    Examples
    --------
    >>> points()[1]
    {'shots': 1, 'episode': 0, 'lam': 0.01}
    """
    return [
        {"shots": shots, "episode": episode, "lam": lam}
        for shots in worlds.SHOTS["digits"]
        for episode in range(EPISODES)
        for lam in LAMBDAS
    ]


def measure(shots: int, episode: int, lam: float) -> dict[str, float]:
    """Train with L2-SP on one draw.

    Parameters
    ----------
    shots : int
        Training images per class.
    episode : int
        The draw of the training images, and the seed of the training.
    lam : float
        λ of the article: the weight of the squared distance from the source. 0 is fine-tuning.

    Returns
    -------
    dict
        ``accuracy`` on the images that were not drawn, from 0 to 1; their ``log_loss``, the mean
        cross-entropy in nats; and ``distance``, how far the kernels that the penalty is on have
        moved, ‖θ_t − θ_s‖.
    """
    seeds = worlds.SOURCES["digits"]
    backbone = worlds.source("digits", seeds[episode % len(seeds)]).backbone
    train, test = tc.few_shot(worlds.target("digits").report, shots, seed=episode)
    model = held(lam, backbone, train, seed=episode)
    probabilities = tc.predict(model, test.images)
    pairs = zip(kernels(model.get_layer("backbone")), kernels(backbone), strict=True)
    moved = [np.sum((now.numpy() - start.numpy()) ** 2) for now, start in pairs]
    return {
        "accuracy": float((probabilities.argmax(axis=1) == test.labels).mean()),
        "log_loss": float(log_loss(test.labels, probabilities)),
        "distance": float(np.sqrt(np.sum(moved))),
    }


def held(lam: float, backbone, train: Dataset, seed: int):
    """Return what L2-SP at λ makes of the examples, without a penalty on the head."""
    settings = {"alpha": 2 * lam, "beta": 0, "learning_rate": 1e-3}
    settings["epochs"] = fair.epochs(train, fair.steps("digits", train))
    return fair.trained("digits", "l2_sp", settings, backbone, train, seed)


def best(table: pd.DataFrame) -> pd.DataFrame:
    """Return the λ at which the mean accuracy is highest, and how sure that is.

    Parameters
    ----------
    table : pandas.DataFrame
        The results of this experiment.

    Returns
    -------
    pandas.DataFrame
        A column for each number of shots. The rows are the median of 2,000 bootstraps, which draw
        the episodes anew, and the ends of the 95 % interval around it.

    Examples
    --------
    >>> best(tc.experiments.load("lambda_by_labels"))
               1    5     20   50
    2.5 %     1.0  0.1  0.00  0.0
    median  100.0  1.0  0.00  0.0
    97.5 %  100.0  3.0  0.03  0.0
    """
    found = {}
    for shots, rows in table.groupby("shots"):
        by_draw = rows.pivot(index="episode", columns="lam", values="accuracy")
        random = np.random.default_rng(0)
        again = random.integers(len(by_draw), size=(2000, len(by_draw)))
        highest = by_draw.to_numpy()[again].mean(axis=1).argmax(axis=1)
        lams = by_draw.columns.to_numpy()[highest]
        found[shots] = np.percentile(lams, [2.5, 50, 97.5], method="nearest")
    return pd.DataFrame(found, index=["2.5 %", "median", "97.5 %"])
