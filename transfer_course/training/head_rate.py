"""How fast a new head may learn, which depends on how large the features are."""

import numpy as np

IMAGES = 100
"""How many images are enough: the size of the features is a mean, which more hardly move."""

WITH_BACKBONE = 0.3
"""How far a step may move a logit while the features still change.

Chosen out of 0.1, 0.3 and 1 on draws that no result in the course is measured on: a head then
follows its features, and neither lags behind nor runs ahead of them.
"""

ALONE = 1.0
"""How far a step may move a logit of a head that trains alone, which has one minimum to get to.

Chosen out of 0.3, 0.5, 1 and 3 on such draws, by how near the accuracy comes to scikit-learn's, in
each of four scenarios.
"""


def head_rate(features: np.ndarray, step: float) -> float:
    """Return a learning rate at which Adam usually moves a logit of the head by `step` or less.

    A step of Adam usually moves each weight by the learning rate or less, so a logit, Σ wᵢhᵢ, by no
    more than the rate times Σ|hᵢ|. That sum is 100 for one backbone and 500 for another, so one
    rate for all would train some heads ten steps long and leave others where they started.

    Parameters
    ----------
    features : numpy.ndarray
        What the head gets for some of the examples, (n, d).
    step : float
        How far a logit may move: `WITH_BACKBONE` or `ALONE`.

    Returns
    -------
    float
        Keras's default for Adam, 0.001, if the features are all zero or not finite.

    Examples
    --------
    >>> head_rate(np.array([[1.0, -2.0], [0.0, 3.0]]), step=0.3)
    0.1
    """
    size = float(np.abs(features, dtype="float64").sum(axis=1).mean())
    return step / size if 0 < size < np.inf else 1e-3
