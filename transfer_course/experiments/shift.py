"""In and out of distribution, and calibration: colour emoji against line drawings.

EfficientNet-Lite0 learns from colour emoji, and is tested on other emoji twice: in colour, as it
has learned them, and as line drawings, a style that it has not. The images are those for the report
of the scenario "emoji" in `worlds`, and the settings those that `fair` chose for it on others.
Beside the three algorithms there are

- head first (Kumar et al. 2022, LP-FT): for half of the steps the head is trained on the frozen
  network (β = 0), then head and last blocks, at the learning rate that was chosen for fine-tuning;
- averaged (Wortsman et al. 2022, WiSE-FT): the mean of the weights before and after the second half
  of "head first".

Each row is one draw (an episode), one method and one style of the test. It takes ten minutes of
processor time.
"""

from functools import lru_cache

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

import transfer_course as tc
from transfer_course.experiments import fair, worlds
from transfer_course.networks.freezing import freeze_up_to
from transfer_course.networks.layers import set_trainable
from transfer_course.training.fit import fit

METHODS = ["feature_reuse", "fine_tune", "l2_sp", "head_first", "averaged"]
SPOT_CHECKS = [0, 1]  # feature reuse on the first draw, in both styles


def points() -> list[dict]:
    """Return the arguments of `measure` for each row of the results.

    Returns
    -------
    list of dict

    Examples
    --------
    >>> points()[1]
    {'shots': 1, 'episode': 0, 'method': 'feature_reuse', 'style': 'line'}
    """
    return [
        {"shots": shots, "episode": episode, "method": method, "style": style}
        for shots in (1, 5)
        for episode in range(12)
        for method in METHODS
        for style in ("color", "line")
    ]


def measure(shots: int, episode: int, method: str, style: str) -> dict[str, float]:
    """Train on one draw of colour emoji, and test on the others in one of the styles.

    Parameters
    ----------
    shots : int
        Training images per class.
    episode : int
        The draw of the training images, and the seed of the training.
    method : str
        One of `METHODS`.
    style : {"color", "line"}
        That of the images to test on.

    Returns
    -------
    dict
        ``accuracy``, from 0 to 1; ``log_loss``, the mean cross-entropy in nats;
        ``calibration_error`` (see `calibration_error`); and ``temperature``, by which the
        logarithms of the probabilities have to be divided for the least log loss on these images.
        Above 1, the method is overconfident. Probabilities below 1e-12 count as 1e-12.
    """
    model = _trained(shots, episode, method)
    _, test = tc.few_shot(worlds.emoji(style).report, shots, seed=episode)
    probabilities = np.maximum(tc.predict(model, test.images).astype("float64"), 1e-12)
    return {
        "accuracy": float((probabilities.argmax(axis=1) == test.labels).mean()),
        "log_loss": log_loss(probabilities, test.labels, temperature=1),
        "calibration_error": calibration_error(probabilities, test.labels),
        "temperature": best_temperature(probabilities, test.labels),
    }


def log_loss(probabilities: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    """Return the mean cross-entropy in nats, at a temperature (Guo et al. 2017).

    Parameters
    ----------
    probabilities : numpy.ndarray
        float (n, classes), above 0.
    labels : numpy.ndarray
        int (n,).
    temperature : float
        Divides the logarithms of the probabilities, which are then scaled to a sum of 1. 1 leaves
        them as they are.

    Returns
    -------
    float

    Examples
    --------
    >>> round(log_loss(np.array([[0.5, 0.5]]), np.array([0]), temperature=1), 3)
    0.693
    """
    logits = np.log(probabilities) / temperature
    of_the_truth = logits[np.arange(len(labels)), labels] - logsumexp(logits, axis=1)
    return float(-of_the_truth.mean())


def best_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature, from 0.05 to 20, of the least log loss.

    Parameters
    ----------
    probabilities : numpy.ndarray
        float (n, classes), above 0.
    labels : numpy.ndarray
        int (n,).

    Returns
    -------
    float

    Examples
    --------
    >>> sure = np.array([[0.9, 0.1]] * 4)  # and right in three of four cases
    >>> round(best_temperature(sure, np.array([0, 0, 0, 1])), 3)  # log 9 / log 3
    2.0
    """
    found = minimize_scalar(
        lambda log: log_loss(probabilities, labels, np.exp(log)),
        bounds=(np.log(0.05), np.log(20)),
        method="bounded",
    )
    return float(np.exp(found.x))


def calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the expected calibration error (Guo et al. 2017), with ten bins.

    The images are put into bins by how sure the method is of its answer. The error is the mean
    distance, over the images, between how sure it is in a bin and how often it is right there.

    Parameters
    ----------
    probabilities : numpy.ndarray
        float (n, classes).
    labels : numpy.ndarray
        int (n,).

    Returns
    -------
    float
        0 to 1.

    Examples
    --------
    >>> calibration_error(np.array([[0.75, 0.25]] * 4), np.array([0, 0, 0, 1]))
    0.0
    """
    sure = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = np.minimum((10 * sure).astype(int), 9)
    gaps = [abs((sure - right)[bins == number].sum()) for number in range(10)]
    return float(np.sum(gaps) / len(labels))


@lru_cache(maxsize=1)  # both styles are tested with one training
def _trained(shots: int, episode: int, method: str):
    if method in ("head_first", "averaged"):
        return _head_first_and_averaged(shots, episode)[method]
    backbone, train = _start(shots, episode)
    settings = fair.chosen("emoji")[method, shots]
    return fair.trained("emoji", method, settings, backbone, train, seed=episode)


@lru_cache(maxsize=1)  # one training for both
def _head_first_and_averaged(shots: int, episode: int) -> dict:
    backbone, train = _start(shots, episode)
    half = {
        "epochs": fair.epochs(train, fair.steps("emoji", train) // 2),
        "batch_size": fair.BATCH,
        "seed": episode,
        "verbose": 0,
    }
    head_alone = tc.feature_reuse(backbone, train, **half)
    head_first, averaged = (tc.source_head(backbone, train, source=head_alone) for _ in range(2))
    # What fine_tune trains, at its rates.
    set_trainable(head_first, True)
    freeze_up_to(head_first.get_layer("backbone"), worlds.FREEZE["emoji"])
    rate = fair.chosen("emoji")["fine_tune", shots]["learning_rate"]
    fit(head_first, train, learning_rate=rate, head_learning_rate=None, **half)
    ends = zip(head_alone.get_weights(), head_first.get_weights(), strict=True)
    averaged.set_weights([(before + after) / 2 for before, after in ends])
    return {"head_first": head_first, "averaged": averaged}


def _start(shots: int, episode: int) -> tuple:
    train, _ = tc.few_shot(worlds.emoji("color").report, shots, seed=episode)
    return worlds.source("emoji", 0).backbone, train
