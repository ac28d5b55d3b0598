"""Fine-tuning EfficientNet-Lite0 on emoji at 224 px: how much to freeze, at which learning rate?

Chapter 3.2 shows the results. Five emoji per class, 30 epochs, three draws. The learning rate is
that of the backbone; the head has its own, the same in all rows, and with everything frozen it is
all that trains. It takes about ten minutes of processor time.
"""

import functools

import transfer_course as tc

SHOTS, EPOCHS = 5, 30
SETTINGS = [
    {"freeze": "all", "learning_rate": 3e-4},
    *(
        {"freeze": freeze, "learning_rate": learning_rate}
        for freeze, rates in {
            "block15": (1e-4, 3e-4, 1e-3, 3e-3),
            "block11": (3e-4,),
            "block6": (3e-4,),
            "none": (1e-4, 3e-4, 1e-3),
        }.items()
        for learning_rate in rates
    ),
]
SPOT_CHECKS = [0, 2]  # of the first draw: everything frozen, and up to block 15 at 3e-4


def points() -> list[dict]:
    """Return the arguments of `measure` for each row of the results.

    Returns
    -------
    list of dict

    Examples
    --------
    >>> points()[0]
    {'freeze': 'all', 'learning_rate': 0.0003, 'episode': 0}
    """
    return [setting | {"episode": episode} for episode in range(3) for setting in SETTINGS]


def measure(freeze: str, learning_rate: float, episode: int) -> dict[str, float]:
    """Fine-tune on one draw.

    Parameters
    ----------
    freeze : str
        The last layer to freeze, ``"none"``, or ``"all"`` for feature reuse.
    learning_rate : float
        Adam's learning rate for the backbone; of no effect with everything frozen.
    episode : int
        The draw of the training images.

    Returns
    -------
    dict
        ``accuracy`` on the images that were not drawn, and ``train_accuracy``, from 0 to 1.
    """
    if freeze == "all":
        method = tc.feature_reuse, {"epochs": EPOCHS}
    else:
        place = 0 if freeze == "none" else freeze
        method = (
            tc.fine_tune,
            {"freeze": place, "learning_rate": learning_rate, "epochs": EPOCHS},
        )
    found = tc.compare({"": method}, _backbone(), tc.datasets.emoji(), [SHOTS], 1, episode)
    return found[["accuracy", "train_accuracy"]].iloc[0].to_dict()


@functools.cache
def _backbone():
    return tc.backbones.efficientnet_lite0()
