"""Do the labels bring fine-tuning ahead of feature reuse, or the steps?

In `fair` the steps triple from twenty images per class on, where fine-tuning comes ahead on the
digits. Here each number of labels has both numbers of steps. The rest is as there: the scenario of
the digits, its images for the report, three source networks, and the settings that were chosen for
that number of labels.

The 480 rows take ten minutes of processor time.
"""

from itertools import product

import transfer_course as tc
from transfer_course.evaluation.comparison import scores_on
from transfer_course.evaluation.prediction import guesses
from transfer_course.experiments import fair, worlds

METHODS = ("feature_reuse", "fine_tune")
SPOT_CHECKS = [1]  # fine-tuning on five images per class, 200 steps, the first draw


def points() -> list[dict]:
    """Return the arguments of `measure` for each row of the results.

    Returns
    -------
    list of dict

    Examples
    --------
    >>> points()[0]
    {'shots': 5, 'steps': 200, 'source': 0, 'episode': 0, 'method': 'feature_reuse'}
    """
    episodes = range(fair.EPISODES["digits"])
    places = product((5, 20), (200, 600), worlds.SOURCES["digits"], episodes, METHODS)
    names = ("shots", "steps", "source", "episode", "method")
    return [dict(zip(names, place, strict=True)) for place in places]


def measure(shots: int, steps: int, source: int, episode: int, method: str) -> dict[str, float]:
    """Learn from one draw of the images for the report.

    Parameters
    ----------
    shots : int
        Training images per class.
    steps : int
        Of training, rounded to whole epochs.
    source : int
        The seed of the source network.
    episode : int
        The draw of the training images, and the seed of the training.
    method : str
        One of `METHODS`.

    Returns
    -------
    dict
        ``accuracy`` and ``balanced_accuracy`` on the images to test on, from 0 to 1.
    """
    backbone = worlds.source("digits", source).backbone
    train, test = tc.few_shot(worlds.target("digits").report, shots, seed=episode)
    settings = fair.chosen("digits")[method, shots] | {"epochs": fair.epochs(train, steps)}
    model = fair.trained("digits", method, settings, backbone, train, seed=episode)
    return scores_on(test, guesses(model, test))
