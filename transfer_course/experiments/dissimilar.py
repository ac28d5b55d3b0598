"""Does L2-SP help if the source task is unrelated? L2-SP from two sources.

Both sources are `small_cnn`, trained on images of MNIST: one was asked which digit it is, the other
how much ink there is (chapter 2). The target is that of the scenario "digits", on its images for
the report. Each row is one draw (an episode), one source and one value of λ, where 0 is
fine-tuning. Steps and settings are those of `lambda_by_labels`.

The 240 rows take ten minutes of processor time.
"""

from functools import cache

import numpy as np

import transfer_course as tc
from transfer_course.experiments import worlds
from transfer_course.experiments.lambda_by_labels import held

SOURCES = ["digit", "ink"]
LAMBDAS = (0, 0.1, 1, 10)
SPOT_CHECKS = [43]  # of MNIST's digits, five images per class, the first draw, λ = 10


def points() -> list[dict]:
    """Return the arguments of `measure` for each row of the results.

    Returns
    -------
    list of dict

    Examples
    --------
    >>> points()[-1]
    {'source': 'ink', 'shots': 20, 'episode': 9, 'lam': 10}
    """
    return [
        {"source": source, "shots": shots, "episode": episode, "lam": lam}
        for source in SOURCES
        for shots in (1, 5, 20)
        for episode in range(10)
        for lam in LAMBDAS
    ]


def measure(source: str, shots: int, episode: int, lam: float) -> dict[str, float]:
    """Train with L2-SP on one draw.

    Parameters
    ----------
    source : str
        One of `SOURCES`.
    shots : int
        Training images per class.
    episode : int
        The draw of the training images, and the seed of the training.
    lam : float
        λ of the article: the weight of the squared distance from the source.

    Returns
    -------
    dict
        ``accuracy`` on the images that were not drawn, from 0 to 1.
    """
    backbone = worlds.source("digits", 0).backbone if source == "digit" else _ink()
    train, test = tc.few_shot(worlds.target("digits").report, shots, seed=episode)
    return {"accuracy": tc.accuracy(held(lam, backbone, train, seed=episode), test)}


@cache
def _ink():
    """Return a network that tells ten equal classes of MNIST apart, by how much ink there is."""
    mnist = tc.datasets.mnist()
    mnist = mnist.subset([i for i in range(len(mnist)) if i % 10])  # as the other source
    ink = mnist.images.mean(axis=(1, 2, 3))
    borders = np.quantile(ink, np.arange(1, 10) / 10)
    by_ink = tc.Dataset(mnist.images, np.searchsorted(borders, ink), mnist.class_names)
    source = tc.pretrain(tc.backbones.small_cnn(), by_ink, verbose=0)
    return source.get_layer("backbone")
