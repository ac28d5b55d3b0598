"""How many labels? Three ways to learn scikit-learn's digits, from 1 to 100 images per class.

Chapter 1 shows the results. The methods are training from scratch, feature reuse of a network
trained on the 5,000 digits of MNIST, and a linear classifier on the raw pixels. There are twenty
draws up to 20 shots, and eight beyond, where draws differ little. It takes about six minutes of
processor time.
"""

import functools

import transfer_course as tc
from transfer_course.experiments import sources

METHODS = ["from_scratch", "feature_reuse", "pixels"]
EPISODES = {shots: 20 for shots in (1, 2, 3, 4, 5, 7, 10, 15, 20)} | {
    shots: 8 for shots in (30, 50, 100)
}
SPOT_CHECKS = [0, 204, 408]  # one shot of the first draw, by each method


def points() -> list[dict]:
    """Return the arguments of `measure` for each row of the results.

    Returns
    -------
    list of dict

    Examples
    --------
    >>> points()[0]
    {'method': 'from_scratch', 'shots': 1, 'episode': 0}
    """
    return [
        {"method": method, "shots": shots, "episode": episode}
        for method in METHODS
        for shots, episodes in EPISODES.items()
        for episode in range(episodes)
    ]


def measure(method: str, shots: int, episode: int) -> dict[str, float]:
    """Learn the digits from one draw.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    shots : int
        Training images per class.
    episode : int
        The draw of the training images.

    Returns
    -------
    dict
        ``accuracy`` on the images that were not drawn, and ``train_accuracy``, from 0 to 1.
    """
    algorithm = tc.from_scratch if method == "from_scratch" else tc.feature_reuse
    backbone = _scaled_pixels() if method == "pixels" else sources.mnist_backbone()
    found = tc.compare([algorithm], backbone, tc.datasets.digits(), [shots], 1, episode)
    return found[["accuracy", "train_accuracy"]].iloc[0].to_dict()


@functools.cache
def _scaled_pixels():
    """A "backbone" that learns nothing: its head is a linear classifier of the pixels."""
    from transfer_course._backend import keras

    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
        ]
    )
