"""The balanced accuracy of each candidate setting on the images for development.

`fair` chooses its settings from these tables. A scenario takes a quarter to half an hour.
"""

import transfer_course as tc
from transfer_course.evaluation.comparison import scores_on
from transfer_course.evaluation.prediction import guesses
from transfer_course.experiments import fair, worlds

EPISODES = {"digits": 6, "new_classes": 6, "emoji": 4, "solar_cells": 4}
SEED = 1000  # of the first draw, so that the report uses none of them
MOST_SHOTS = {"digits": 50, "new_classes": 50, "emoji": 5, "solar_cells": 20}
SPOT_CHECKS = {"digits": [30, 66], "new_classes": [30], "emoji": [0, 20], "solar_cells": [0]}


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
    >>> points("emoji")[0]
    {'scenario': 'emoji', 'shots': 1, 'method': 'feature_reuse', 'candidate': 0, 'episode': 0}
    """
    return [
        {
            "scenario": scenario,
            "shots": shots,
            "method": method,
            "candidate": candidate,
            "episode": episode,
        }
        for shots in worlds.SHOTS[scenario]
        if shots <= MOST_SHOTS[scenario]
        for method in worlds.methods(scenario, shots)
        for candidate in range(len(fair.CANDIDATES[method]))
        for episode in range(EPISODES[scenario])
    ]


def measure(
    scenario: str, shots: int, method: str, candidate: int, episode: int
) -> dict[str, float]:
    """Learn from one draw of the images for development.

    Parameters
    ----------
    scenario : str
        One of those in `worlds`.
    shots : int
        Training images per class.
    method : str
        A key of `fair.CANDIDATES`.
    candidate : int
        Which of its settings.
    episode : int
        The draw of the training images, and the seed of the training and of the source network.

    Returns
    -------
    dict
        ``balanced_accuracy`` on the images for development that were not drawn, from 0 to 1.
    """
    seed = SEED + episode
    backbone = worlds.source(scenario, seed).backbone
    train, test = tc.few_shot(worlds.target(scenario).development, shots, seed=seed)
    settings = fair.CANDIDATES[method][candidate]
    model = fair.trained(scenario, method, settings, backbone, train, seed=seed)
    scores = scores_on(test, guesses(model, test))
    return {"balanced_accuracy": scores["balanced_accuracy"]}
