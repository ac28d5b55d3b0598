"""What is augmentation worth with few labels? The fair table again, behind random layers of Keras.

Every image is moved, turned and scaled at random each time it is trained on. The draws, settings
and steps are those of `fair`, for the first source network: so a row of ``fair_digits`` or
``fair_emoji`` is the same run without augmentation.

The 160 rows take half an hour of processor time.
"""

import transfer_course as tc
from transfer_course._backend import keras
from transfer_course.evaluation.comparison import scores_on
from transfer_course.evaluation.prediction import guesses
from transfer_course.experiments import fair, worlds

SHOTS = {"digits": (1, 5, 20), "emoji": (1, 5)}
METHODS = ["feature_reuse", "fine_tune"]
SPOT_CHECKS = [40]  # digits, five shots, the first draw: feature reuse


def points() -> list[dict]:
    """Return the arguments of `measure` for each row of the results.

    Returns
    -------
    list of dict

    Examples
    --------
    >>> points()[0]
    {'scenario': 'digits', 'shots': 1, 'episode': 0, 'method': 'feature_reuse'}
    """
    return [
        {"scenario": scenario, "shots": shots, "episode": episode, "method": method}
        for scenario, numbers in SHOTS.items()
        for shots in numbers
        for episode in range(fair.EPISODES[scenario])
        for method in METHODS
    ]


def measure(scenario: str, shots: int, episode: int, method: str) -> dict[str, float]:
    """Learn from one draw, augmented.

    Parameters
    ----------
    scenario : str
        A key of `SHOTS`.
    shots : int
        Training images per class.
    episode : int
        The draw of the training images, and the seed of the training.
    method : str
        One of `METHODS`.

    Returns
    -------
    dict
        ``accuracy`` and ``balanced_accuracy`` on the images that were not drawn, from 0 to 1.
    """
    train, test = tc.few_shot(worlds.target(scenario).report, shots, seed=episode)
    backbone = worlds.source(scenario, 0).backbone
    settings = fair.chosen(scenario)[method, shots]
    if scenario == "emoji" and method == "fine_tune":
        settings = settings | {"freeze": f"{backbone.name}/{worlds.FREEZE[scenario]}"}
    model = fair.trained(scenario, method, settings, augmented(backbone), train, seed=episode)
    return scores_on(test, guesses(model, test))


def augmented(backbone):
    """Return a network that moves its images at random while it trains, and then does the same.

    Parameters
    ----------
    backbone : keras.Model
        From pixels to features.

    Returns
    -------
    keras.Sequential
        Each image is moved by up to a tenth of its size, turned by up to a twentieth of a turn, and
        scaled by up to a tenth.
    """
    return keras.Sequential(
        [
            keras.Input(backbone.input_shape[1:]),
            keras.layers.RandomTranslation(0.1, 0.1, fill_mode="nearest"),
            keras.layers.RandomRotation(0.05, fill_mode="nearest"),
            keras.layers.RandomZoom(0.1, fill_mode="nearest"),
            backbone,
        ]
    )
