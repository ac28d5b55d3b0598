"""Which method, for how many labels? Chapter 3.4 shows the results.

There are two scenarios, called worlds in the table. In the small one a CNN trained on MNIST reads
other people's digits. In the large one EfficientNet-Lite0 with ImageNet weights names emoji, drawn
at 96 pixels to be quick. Each row is one draw of the images (an episode), one number of shots and
one method. All methods have their defaults, which were chosen on other draws than these. In the
large world nothing is trained from scratch: three million weights, at most 100 images.

The 145 rows take some five minutes of processor time.
"""

import functools

import transfer_course as tc
from transfer_course.experiments import sources

# world -> method -> the name of its algorithm, and the arguments that are not defaults
METHODS = {
    "digits": {
        "from scratch": ("from_scratch", {}),
        "feature reuse": ("feature_reuse", {}),
        "fine-tuning, half": ("fine_tune", {"freeze": "pool2"}),
        "fine-tuning, all": ("fine_tune", {}),
        "L2-SP, all": ("l2_sp", {}),
    },
    "emoji": {
        "feature reuse": ("feature_reuse", {}),
        "fine-tuning, last blocks": ("fine_tune", {"freeze": "block11"}),
        "L2-SP, last blocks": ("l2_sp", {"freeze": "block11"}),
    },
}
SHOTS = {"digits": (1, 5, 20, 50), "emoji": (1, 5, 10)}
SPOT_CHECKS = [30, 40]  # digits, five shots, the first draw: feature reuse and fine-tuning of all


def points() -> list[dict]:
    """Return the arguments of `measure` for each row of the results.

    Returns
    -------
    list of dict

    Examples
    --------
    >>> points()[0]
    {'world': 'digits', 'shots': 1, 'method': 'from scratch', 'episode': 0}
    """
    return [
        {"world": world, "shots": shots, "method": method, "episode": episode}
        for world in METHODS
        for shots in SHOTS[world]
        for method in METHODS[world]
        for episode in range(5)
    ]


def measure(world: str, shots: int, method: str, episode: int) -> dict[str, float]:
    """Transfer to one draw.

    Parameters
    ----------
    world : str
        ``"digits"`` or ``"emoji"``.
    shots : int
        Training images per class.
    method : str
        A key of ``METHODS[world]``.
    episode : int
        The draw of the training images, and the seed of the training.

    Returns
    -------
    dict
        ``accuracy`` on the images that were not drawn, and ``train_accuracy``, from 0 to 1.
    """
    if world == "digits":
        backbone, target = sources.mnist_backbone(), tc.datasets.digits()
    else:
        backbone, target = _lite0(), tc.datasets.emoji(image_size=96)
    train, test = tc.few_shot(target, shots=shots, seed=episode)
    algorithm, settings = METHODS[world][method]
    model = getattr(tc, algorithm)(backbone, train, seed=episode, **settings)
    return {"accuracy": tc.accuracy(model, test), "train_accuracy": tc.accuracy(model, train)}


@functools.cache
def _lite0():
    return tc.backbones.efficientnet_lite0(image_size=96)
