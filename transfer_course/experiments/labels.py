"""How many labels: three ways to learn scikit-learn's digits, from 1 to 100 pictures per class.

From scratch; feature reuse of a network trained on the 5,000 digits of MNIST; and a linear
classifier on the raw pixels. Twenty draws up to 20 shots, eight beyond, where draws differ little.
Takes about six minutes of processor time.
"""

import functools

import transfer_course as tc
from transfer_course._backend import keras

METHODS = ["from_scratch", "feature_reuse", "pixels"]
EPISODES = {shots: 20 for shots in (1, 2, 3, 4, 5, 7, 10, 15, 20)} | {
    shots: 8 for shots in (30, 50, 100)
}
POINTS = [
    {"method": method, "shots": shots, "episode": episode}
    for method in METHODS
    for shots, episodes in EPISODES.items()
    for episode in range(episodes)
]

# One shot of the first draw: from scratch, by reuse, on the pixels.
SPOT_CHECKS = [0, 204, 408]


@functools.cache
def source_backbone():
    source = tc.pretrain(tc.backbones.small_cnn(), tc.datasets.mnist())
    return source.get_layer("backbone")


@functools.cache
def scaled_pixels():
    # A "backbone" that learns nothing: what remains to be trained is a linear classifier.
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
        ]
    )


def measure(method, shots, episode):
    """Accuracy (0-1) on all digits not drawn, and on the few that were."""
    algorithm = (
        tc.from_scratch if method == "from_scratch" else tc.feature_reuse
    )
    backbone = scaled_pixels() if method == "pixels" else source_backbone()
    digits = tc.datasets.digits()
    found = tc.compare([algorithm], backbone, digits, [shots], 1, episode)
    return found[["accuracy", "train_accuracy"]].iloc[0].to_dict()
