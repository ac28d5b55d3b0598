"""Which part of a network to train, for which change? After Lee et al. 2023, surgical fine-tuning.

The source network reads MNIST. The target is MNIST changed in one of three ways: the images are
inverted, or blurred, or each digit d is called 9 - d. Unlike elsewhere in the course the source's
head is kept, since the classes are the same; of backbone and head one part alone is trained, or all
of it. The images are the 500 that the source has not seen. On one half of them the learning rate of
each part is chosen for each change, on the other half results are measured (the column ``images``).

Each row is one draw of five images per class (an episode), with as many steps as in `fair`. The
540 rows take eight minutes of processor time.
"""

import numpy as np
from scipy.ndimage import gaussian_filter

import transfer_course as tc
from transfer_course.datasets.dataset import Dataset
from transfer_course.experiments import fair, worlds
from transfer_course.networks.layers import set_trainable
from transfer_course.training.fit import fit

CHANGES = ["inverted", "blurred", "renamed"]
PARTS = ["conv1", "conv2", "conv3", "features", "head", "all"]
RATES = (3e-4, 1e-3, 3e-3)
EPISODES = {"development": 3, "report": 7}
SHOTS = 5
SPOT_CHECKS = [316]  # the head on blurred images, the first draw for the report, the middle rate


def points() -> list[dict]:
    """Return the arguments of `measure` for each row of the results.

    Returns
    -------
    list of dict

    Examples
    --------
    >>> points()[0]["part"], points()[0]["images"]
    ('conv1', 'development')
    """
    return [
        {
            "change": change,
            "part": part,
            "images": images,
            "learning_rate": rate,
            "episode": episode,
        }
        for change in CHANGES
        for part in PARTS
        for images, episodes in EPISODES.items()
        for rate in RATES
        for episode in range(episodes)
    ]


def measure(
    change: str, part: str, images: str, learning_rate: float, episode: int
) -> dict[str, float]:
    """Train one part of the source network on one draw.

    Parameters
    ----------
    change : str
        One of `CHANGES`.
    part : str
        One of `PARTS`: the layer that is trained.
    images : {"development", "report"}
        The half of the images to draw from and to test on.
    learning_rate : float
        That of Adam.
    episode : int
        The draw of the training images, and the seed of the training.

    Returns
    -------
    dict
        ``accuracy`` on the images of this half that were not drawn, from 0 to 1, and ``before``,
        that of the source network as it was.
    """
    source = worlds.source("digits", 0).model
    seed = episode if images == "report" else 1000 + episode
    train, test = tc.few_shot(_changed(change, images), SHOTS, seed=seed)
    model = tc.source_head(source.get_layer("backbone"), train, source=source)
    before = tc.accuracy(model, test)
    train_only(model, part)
    fit(
        model,
        train,
        epochs=fair.epochs(train, fair.steps("digits", train)),
        learning_rate=learning_rate,
        head_learning_rate=learning_rate,
        batch_size=fair.BATCH,
        seed=seed,
        verbose=0,
    )
    return {"accuracy": tc.accuracy(model, test), "before": before}


def train_only(model, part: str) -> None:
    """Freeze all layers of a classifier but one, or none of them if ``part`` is "all"."""
    set_trainable(model, True)
    for layer in [*model.get_layer("backbone").layers, model.get_layer("head")]:
        set_trainable(layer, part in ("all", layer.name))


def _changed(change: str, images: str) -> Dataset:
    mnist = tc.datasets.mnist()
    first = 0 if images == "development" else 10
    unseen = mnist.subset(range(first, len(mnist), 20))  # every tenth, in two halves
    pixels, labels = unseen.images, unseen.labels
    if change == "inverted":
        pixels = 255 - pixels
    elif change == "blurred":
        pixels = gaussian_filter(pixels, sigma=(0, 2, 2, 0))
    else:
        labels = 9 - labels
    return Dataset(np.ascontiguousarray(pixels), labels, mnist.class_names)
