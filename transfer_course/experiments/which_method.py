"""Which method, for how many labels? Chapter 3.4 reads what this measures.

Two worlds. In the small one a CNN trained on MNIST reads other people's
digits; in the large one EfficientNet-Lite0 with ImageNet weights names emoji,
drawn at 96 pixels to be quick. Each row is one draw of the pictures (an
episode), one number of shots and one method. The learning rates were not
searched for: 0.001 is one that chapter 3.2 found to work in both worlds, 0.01
is the default of feature reuse. L2-SP has α = 1 and β = 0. In the large world
nothing is trained from scratch: three million weights, at most 100 pictures.

The 145 rows took 3.5 minutes of processor time.
"""

import functools

import transfer_course as tc

METHODS = {
    "digits": {
        "from scratch": tc.from_scratch,
        "feature reuse": tc.feature_reuse,
        "fine-tuning, half": functools.partial(
            tc.fine_tune, freeze="pool2", learning_rate=1e-3
        ),
        "fine-tuning, all": functools.partial(
            tc.fine_tune, learning_rate=1e-3
        ),
        "L2-SP, all": functools.partial(
            tc.l2_sp, learning_rate=1e-3, alpha=1, beta=0
        ),
    },
    "emoji": {
        "feature reuse": tc.feature_reuse,
        "fine-tuning, last block": functools.partial(
            tc.fine_tune, freeze="block15", learning_rate=1e-3
        ),
        "L2-SP, last block": functools.partial(
            tc.l2_sp, freeze="block15", learning_rate=1e-3, alpha=1, beta=0
        ),
    },
}
SHOTS = {"digits": (1, 5, 20, 50), "emoji": (1, 5, 10)}
POINTS = [
    {"world": world, "shots": shots, "method": method, "episode": episode}
    for world in METHODS
    for shots in SHOTS[world]
    for method in METHODS[world]
    for episode in range(5)
]
SPOT_CHECKS = [
    POINTS.index(
        {"world": "digits", "shots": 5, "method": method, "episode": 0}
    )
    for method in ("feature reuse", "fine-tuning, all")
]


def measure(
    world: str, shots: int, method: str, episode: int
) -> dict[str, float]:
    backbone, target = _world(world)
    train, test = tc.few_shot(target, shots=shots, seed=episode)
    model = METHODS[world][method](backbone, train, seed=episode)
    return {
        "accuracy": _accuracy(model, test),
        "train_accuracy": _accuracy(model, train),
    }


@functools.cache
def _world(name: str):
    if name == "emoji":
        backbone = tc.backbones.efficientnet_lite0(image_size=96)
        return backbone, tc.datasets.emoji(image_size=96)
    source = tc.pretrain(tc.backbones.small_cnn(), tc.datasets.mnist())
    return source.get_layer("backbone"), tc.datasets.digits()


def _accuracy(model, data) -> float:
    guesses = tc.predict(model, data.images).argmax(axis=1)
    return float((guesses == data.labels).mean())
