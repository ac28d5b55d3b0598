"""Does L2-SP help EfficientNet-Lite0 on emoji? Chapter 3.3 reads what this measures.

Five colour emoji per class at 224 px, the layers behind block 11 trained for 30 epochs, β = 0. Each
row is one draw of the pictures (an episode), one learning rate and one α. Beside the accuracy of
L2-SP on all other emoji it has the one of feature reuse on the same draw.

The 30 rows took 6.5 minutes of processor time, 13 minutes on two cores with other work to do.
"""

import transfer_course as tc

POINTS = [
    {"learning_rate": learning_rate, "alpha": alpha, "episode": episode}
    for learning_rate in (0.001, 0.003)
    for alpha in (0.0, 0.1, 1.0, 10.0, 100.0)
    for episode in range(3)
]
SPOT_CHECKS = [
    0,
    14,
]  # at the small rate, where a rounding error does not grow


def measure(
    learning_rate: float, alpha: float, episode: int
) -> dict[str, float]:
    train, test = tc.few_shot(tc.datasets.emoji(), shots=5, seed=episode)
    backbone = tc.backbones.efficientnet_lite0()
    held = tc.l2_sp(
        backbone,
        train,
        alpha=alpha,
        beta=0,
        freeze="block11",
        epochs=30,
        learning_rate=learning_rate,
        seed=episode,
    )
    reused = tc.feature_reuse(backbone, train, seed=episode)
    return {
        "accuracy": _accuracy(held, test),
        "train_accuracy": _accuracy(held, train),
        "feature_reuse": _accuracy(reused, test),
    }


def _accuracy(model, data) -> float:
    return float(
        (tc.predict(model, data.images).argmax(axis=1) == data.labels).mean()
    )
