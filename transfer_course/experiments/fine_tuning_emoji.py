"""Fine-tuning EfficientNet-Lite0 on emoji at 224 px: how much to freeze, and how large a step.

Five emoji per class, 30 epochs, three draws. Beside it feature reuse, everything frozen, with its
own defaults. Takes about ten minutes of processor time.
"""

import functools

import transfer_course as tc

SHOTS = 5
EVERYTHING = {"freeze": "all", "learning_rate": 1e-2, "epochs": 100}
SETTINGS = [
    EVERYTHING,
    *(
        {"freeze": freeze, "learning_rate": learning_rate, "epochs": 30}
        for freeze, rates in {
            "block15": (1e-4, 3e-4, 1e-3, 3e-3),
            "block11": (3e-4,),
            "block6": (3e-4,),
            "none": (1e-4, 3e-4, 1e-3),
        }.items()
        for learning_rate in rates
    ),
]
POINTS = [
    setting | {"episode": episode}
    for episode in range(3)
    for setting in SETTINGS
]

SPOT_CHECKS = [
    0,
    2,
]  # of the first draw: everything frozen, and up to block 15 at 3e-4


@functools.cache
def world():
    return tc.backbones.efficientnet_lite0(), tc.datasets.emoji()


def measure(freeze, learning_rate, epochs, episode):
    """Accuracy on the emoji not drawn (0-1), and on the few that were."""
    if freeze == "all":
        method = tc.feature_reuse
    else:
        method = functools.partial(
            tc.fine_tune, freeze=0 if freeze == "none" else freeze
        )
    method = functools.partial(
        method, learning_rate=learning_rate, epochs=epochs
    )
    backbone, emoji = world()
    found = tc.compare({"": method}, backbone, emoji, [SHOTS], 1, episode)
    return found[["accuracy", "train_accuracy"]].iloc[0].to_dict()
