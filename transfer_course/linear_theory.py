"""Transfer in a linear model, where everything can be solved exactly.

The target task is y = X w_t + ε, with n samples (the rows of X), d features (its columns) and
independent noise ε of standard deviation σ and mean 0. The source task has left the weights w_s.
With the mean squared error as loss, the article's objective for parameter transfer is

    1/n ‖y − Xw‖² + λ ‖w − w_s‖²                                                        (1)

and λ has this meaning in every function here. In `transfer_course.l2_sp` it is α = 2λ; in
scikit-learn's ``Ridge``, whose loss is a sum, ``alpha`` = nλ (at w_s = 0).

A *risk* is the expected ‖ŵ − w_t‖², over draws of the noise. For new inputs whose features are
uncorrelated with mean square 1 it is the expected squared error of the prediction, less the σ² that
no one can predict.

Of the functions, the ones called "isotropic" have a design with XᵀX = nI: features that are
uncorrelated in the sample itself. Their formulas need nothing but arithmetic on numbers. λ may be
an array wherever it goes into a risk; so may the numbers in the isotropic formulas.

>>> import numpy as np
>>> random = np.random.default_rng(0)
>>> X, w_s = random.normal(size=(30, 4)), np.ones(4)
>>> y = X @ [1.1, 0.9, 1.0, 1.2] + random.normal(size=30)
>>> l2_sp_estimator(X, y, source=w_s, lam=1e9).round(3)
array([1., 1., 1., 1.])
"""

from typing import NamedTuple

import numpy as np


class Risk(NamedTuple):
    """A risk in its two parts: what the pull to the source costs, and what the noise costs."""

    squared_bias: np.ndarray | float
    variance: np.ndarray | float

    @property
    def total(self):
        """The risk itself, squared bias + variance."""
        return self.squared_bias + self.variance


# The estimator and its risk, for any design


def l2_sp_estimator(X, y, *, source, lam: float) -> np.ndarray:
    """Return the weights that minimise 1/n ‖y − Xw‖² + λ ‖w − w_s‖².

    Where the gradient is zero,

        ŵ(λ) = w_s + (XᵀX + nλI)⁻¹ Xᵀ (y − X w_s)

    λ = 0 gives least squares (of its solutions, where there are many, the one nearest to the
    source), λ = ∞ the source, and a source of zeros gives ridge regression.

    Parameters
    ----------
    X
        (n, d), the features; for an intercept, append a column of ones.
    y
        (n,), or (n, k) for k outputs, each with weights of its own.
    source
        w_s: (d,), or (d, k).
    lam
        λ, 0 or more; `numpy.inf` is allowed.

    Returns
    -------
    numpy.ndarray
        ŵ, float64, of the shape of ``source``.

    Raises
    ------
    ValueError
        λ is negative.

    Example
    -------
    >>> X, y = np.sqrt(2) * np.eye(2), np.sqrt(2) * np.array([1.0, 3.0])  # XᵀX = nI
    >>> l2_sp_estimator(X, y, source=np.zeros(2), lam=1.0)  # half-way from 0 to (1, 3)
    array([0.5, 1.5])
    """
    return _estimator(X, y, source, lambda s: l2_sp_filter(s, lam=lam))


def risk(X, *, target, source, noise: float, lam) -> Risk:
    """Return the risk of `l2_sp_estimator` for this design, over draws of the noise.

    Let s_i and v_i be the eigenvalues and eigenvectors of XᵀX/n. Then

        squared bias = Σ_i (λ / (s_i + λ))² ⟨v_i, w_t − w_s⟩²
        variance     = σ²/n Σ_i s_i / (s_i + λ)²

    Parameters
    ----------
    X
        (n, d), the features.
    target, source
        w_t and w_s: (d,).
    noise
        σ, the standard deviation of the noise.
    lam
        λ, 0 or more; a number or an array.

    Returns
    -------
    Risk
        ``squared_bias``, ``variance`` and ``total``, each of the shape of ``lam``.

    Example
    -------
    >>> X = np.sqrt(4) * np.eye(4)
    >>> risk(X, target=np.ones(4), source=np.zeros(4), noise=1.0, lam=1.0)
    Risk(squared_bias=np.float64(1.0), variance=np.float64(0.25))
    """
    return _risk(X, target, source, noise, lambda s: l2_sp_filter(s, lam=lam))


def average_risk(X, *, distance: float, noise: float, lam) -> Risk:
    """Return the risk for this design if w_t lies in a random direction from w_s.

    All directions being equally likely, each ⟨v_i, w_t − w_s⟩² is ‖w_t − w_s‖²/d on average, and
    each eigenvalue s of XᵀX/n adds

        (λ² ‖w_t − w_s‖²/d + s σ²/n) / (s + λ)²

    to the risk. Every one of these terms is least at λ = dσ² / (n ‖w_t − w_s‖²), whatever s is: so
    `best_lambda` is the best for *any* design here, also with fewer samples than features.

    Parameters
    ----------
    X
        (n, d), the features.
    distance
        ‖w_t − w_s‖.
    noise
        σ, the standard deviation of the noise.
    lam
        λ, 0 or more; a number or an array.

    Example
    -------
    >>> few = np.random.default_rng(0).normal(size=(5, 20))  # 5 samples, 20 features
    >>> best = best_lambda(samples=5, features=20, noise=0.5, distance=2.0)
    >>> lam = best * np.array([0.5, 1.0, 2.0])
    >>> int(average_risk(few, distance=2.0, noise=0.5, lam=lam).total.argmin())
    1
    """
    _, singular, _ = _svd(X)
    n, d = np.shape(X)
    keep = l2_sp_filter(singular**2 / n, lam=lam)
    # One direction per dimension: those that no sample reaches keep their distance whole.
    squared_bias = ((1 - keep) ** 2).sum(axis=-1) + d - len(singular)
    return Risk(
        squared_bias * distance**2 / d,
        noise**2 * ((keep / singular) ** 2).sum(axis=-1),
    )


# The isotropic design, XᵀX = nI: arithmetic on numbers, which a page's JavaScript can do as well


def isotropic_risk(*, samples, features, noise, distance, lam) -> Risk:
    """Return the risk where XᵀX = nI.

    There ŵ = (ŵ₀ + λ w_s) / (1 + λ), a weighted mean of least squares and source, and

        squared bias = (λ / (1 + λ))² ‖w_t − w_s‖²
        variance     = 1 / (1 + λ)² · dσ²/n

    Parameters
    ----------
    samples, features
        n and d, with n ≥ d: fewer samples cannot have XᵀX = nI.
    noise
        σ, the standard deviation of the noise.
    distance
        ‖w_t − w_s‖.
    lam
        λ, 0 or more.

    Raises
    ------
    ValueError
        n < d, or λ is negative.

    Example
    -------
    >>> isotropic_risk(samples=20, features=10, noise=1.0, distance=1.0, lam=1.0).total
    0.375
    """
    _check_lambda(lam)
    keep = 1 / (1 + lam)
    return Risk(
        (1 - keep) ** 2 * distance**2,
        keep**2 * _least_squares_risk(samples, features, noise),
    )


def best_lambda(*, samples, features, noise, distance):
    """Return the λ of least risk, λ* = dσ² / (n ‖w_t − w_s‖²).

    The derivative of `isotropic_risk` by λ is 2 (λ ‖w_t − w_s‖² − dσ²/n) / (1 + λ)³. For other
    designs, the same λ* is best on average over the direction of w_t − w_s: see `average_risk`.

    Parameters are those of `isotropic_risk`, but n < d is allowed and the distance must not be 0
    (there, the larger λ, the better).

    Example
    -------
    >>> best_lambda(samples=20, features=10, noise=1.0, distance=1.0)
    0.5
    """
    return features * noise**2 / (samples * distance**2)


def best_isotropic_risk(*, samples, features, noise, distance):
    """Return the risk at `best_lambda` where XᵀX = nI.

        1 / risk = 1 / ‖w_t − w_s‖² + 1 / (dσ²/n)

    The risk of the source alone and that of least squares alone, added like parallel resistors:
    the best mixture of the two is better than either. With ‖w_t‖ for the distance it is the risk
    of the best ridge regression, which knows of no source.

    Parameters are those of `isotropic_risk`; the distance may be 0.

    Example
    -------
    >>> round(best_isotropic_risk(samples=20, features=10, noise=1.0, distance=1.0), 4)
    0.3333
    """
    alone = _least_squares_risk(samples, features, noise)
    return alone * distance**2 / (alone + distance**2)


def negative_transfer_border(*, samples, features, noise, lam, no_transfer):
    """Return the distance ‖w_t − w_s‖ beyond which transfer with this λ does harm, if XᵀX = nI.

    Transfer is negative if its risk exceeds that of not transferring, R₀. Where the two are equal,

        ‖w_t − w_s‖² = ((1 + λ)² R₀ − dσ²/n) / λ²

    What "not transferring" is must be said. Against least squares, R₀ = dσ²/n, the border is at
    ‖w_t − w_s‖² = (1 + 2/λ) dσ²/n, and with the best λ there is none. Against the best ridge
    regression, R₀ = `best_isotropic_risk` at distance ‖w_t‖, and the best λ, it is at
    ‖w_t − w_s‖ = ‖w_t‖, for any n and σ.

    Parameters
    ----------
    samples, features, noise
        n, d and σ, as in `isotropic_risk`.
    lam
        λ, more than 0.
    no_transfer
        R₀, the risk of what transfer is compared with.

    Returns
    -------
    float
        The distance; 0 if at this λ even a perfect source loses.

    Raises
    ------
    ValueError
        n < d, or λ is not positive.

    Example
    -------
    >>> task = {"samples": 20, "features": 10, "noise": 1.0}
    >>> ridge = best_isotropic_risk(**task, distance=2.0)  # ‖w_t‖ = 2
    >>> best = best_lambda(**task, distance=2.0)
    >>> round(float(negative_transfer_border(**task, lam=best, no_transfer=ridge)), 6)
    2.0
    """
    if np.any(np.asarray(lam) <= 0):
        raise ValueError(f"lam={lam!r}: expected more than 0; without a pull there is no border")
    alone = _least_squares_risk(samples, features, noise)
    return np.sqrt(np.maximum((1 + lam) ** 2 * no_transfer - alone, 0)) / lam


# The Bayesian reading


def posterior(X, y, *, source, prior_std: float, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance of w_t given the data, if before them w_t ~ N(w_s, τ²I).

    With Gaussian noise of standard deviation σ the posterior is Gaussian:

        covariance = (XᵀX/σ² + I/τ²)⁻¹
        mean       = covariance (Xᵀy/σ² + w_s/τ²)

    The mean is `l2_sp_estimator` with λ = σ² / (nτ²): λ says how far from the source one expects
    the target to be. That is `best_lambda`, since ‖w_t − w_s‖² is dτ² on average; and the trace of
    the covariance is the risk there, averaged over the prior.

    Parameters
    ----------
    X, y
        (n, d) and (n,): the data.
    source
        w_s: (d,), the mean of the prior.
    prior_std
        τ, the prior's standard deviation in each direction.
    noise
        σ, the standard deviation of the noise.

    Returns
    -------
    tuple
        The mean (d,) and the covariance (d, d).

    Example
    -------
    >>> X, y = np.eye(2), np.array([2.0, 4.0])
    >>> mean, covariance = posterior(X, y, source=np.zeros(2), prior_std=1.0, noise=1.0)
    >>> mean, covariance.diagonal()
    (array([1., 2.]), array([0.5, 0.5]))
    """
    X, y, source = (np.asarray(array, dtype=float) for array in (X, y, source))
    covariance = np.linalg.inv(X.T @ X / noise**2 + np.eye(len(source)) / prior_std**2)
    return covariance @ (X.T @ y / noise**2 + source / prior_std**2), covariance


# Stopping early


def l2_sp_filter(eigenvalues, *, lam) -> np.ndarray:
    """Return the part of the way from source to least squares that L2-SP goes, s / (s + λ).

    Along each eigenvector of XᵀX/n, with eigenvalue s, the estimator lies between w_s (0) and least
    squares (1).

    Parameters
    ----------
    eigenvalues
        (m,), more than 0.
    lam
        λ, 0 or more; a number or an array.

    Returns
    -------
    numpy.ndarray
        The shape of ``lam``, then (m,).

    Raises
    ------
    ValueError
        λ is negative.

    Example
    -------
    >>> l2_sp_filter([1.0, 3.0], lam=1.0)
    array([0.5 , 0.75])
    """
    _check_lambda(lam)
    return 1 / (1 + np.asarray(lam, dtype=float)[..., None] / np.asarray(eigenvalues))


def early_stopping_filter(eigenvalues, *, learning_rate: float, steps) -> np.ndarray:
    """Return the part of the way to least squares that gradient descent from the source goes.

    On the mean squared error 1/n ‖y − Xw‖², t steps of size η go

        1 − (1 − 2ηs)^t

    of the way along an eigenvector of XᵀX/n with eigenvalue s; the 2 comes from the derivative of
    the square. To first order in small s this is 2ηts, and s / (s + λ) is s/λ: so they agree, in
    the directions that the data hardly determine, at

        λ = 1 / (2ηt)

    (Goodfellow, Bengio & Courville 2016, section 7.8, whose α is 2λ.)

    Parameters
    ----------
    eigenvalues
        (m,), more than 0.
    learning_rate
        η. Gradient descent converges if it is below 1 / (largest eigenvalue).
    steps
        t, 0 or more; an integer or an array of them.

    Returns
    -------
    numpy.ndarray
        The shape of ``steps``, then (m,).

    Example
    -------
    >>> early_stopping_filter([1.0, 3.0], learning_rate=0.1, steps=2)
    array([0.36, 0.84])
    """
    left = 1 - 2 * learning_rate * np.asarray(eigenvalues)
    return 1 - left ** np.asarray(steps)[..., None]


def early_stopped_estimator(X, y, *, source, learning_rate: float, steps: int) -> np.ndarray:
    """Return where gradient descent on 1/n ‖y − Xw‖² is after some steps from the source.

    The same as the loop ``w = w - learning_rate * 2 / n * X.T @ (X @ w - y)``, in closed form.

    Parameters are those of `l2_sp_estimator` and `early_stopping_filter`.

    Example
    -------
    >>> X, y = np.sqrt(2) * np.eye(2), np.sqrt(2) * np.array([1.0, 3.0])
    >>> early_stopped_estimator(X, y, source=np.zeros(2), learning_rate=0.25, steps=1)
    array([0.5, 1.5])
    """

    def keep(s):
        return early_stopping_filter(s, learning_rate=learning_rate, steps=steps)

    return _estimator(X, y, source, keep)


def early_stopping_risk(X, *, target, source, noise: float, learning_rate: float, steps) -> Risk:
    """Return the risk of `early_stopped_estimator` for this design, over draws of the noise.

    With the risk of L2-SP at λ = 1/(2ηt) it is compared by Ali, Kolter & Tibshirani (2019): for
    small η it is at most 1.69 times as large, for any design.

    Parameters are those of `risk` and `early_stopping_filter`; ``steps`` may be an array.

    Example
    -------
    >>> X = np.sqrt(4) * np.eye(4)
    >>> task = {"target": np.ones(4), "source": np.zeros(4), "noise": 1.0}
    >>> early_stopping_risk(X, **task, learning_rate=0.25, steps=1)
    Risk(squared_bias=np.float64(1.0), variance=np.float64(0.25))
    """

    def keep(s):
        return early_stopping_filter(s, learning_rate=learning_rate, steps=steps)

    return _risk(X, target, source, noise, keep)


# In the coordinates of the eigenvectors, an estimator is a filter: how much of each to keep


def _estimator(X, y, source, spectral_filter) -> np.ndarray:
    X, y, source = (np.asarray(array, dtype=float) for array in (X, y, source))
    left, singular, right = _svd(X)
    keep = spectral_filter(singular**2 / len(X)) / singular
    return source + (right.T * keep) @ (left.T @ (y - X @ source))


def _risk(X, target, source, noise, spectral_filter) -> Risk:
    _, singular, right = _svd(X)
    keep = spectral_filter(singular**2 / len(X))
    offset = np.asarray(target, dtype=float) - np.asarray(source, dtype=float)
    reached = right @ offset
    unreached = offset - right.T @ reached  # what no sample says anything about
    return Risk(
        (1 - keep) ** 2 @ reached**2 + unreached @ unreached,
        noise**2 * ((keep / singular) ** 2).sum(axis=-1),
    )


def _svd(X):
    """Return the singular value decomposition without the singular values that are zero."""
    left, singular, right = np.linalg.svd(np.asarray(X, dtype=float), full_matrices=False)
    # Where np.linalg.matrix_rank draws the line.
    some = singular > singular.max(initial=0) * max(np.shape(X)) * np.finfo(float).eps
    return left[:, some], singular[some], right[some]


def _least_squares_risk(samples, features, noise):
    if np.any(np.asarray(samples) < features):
        raise ValueError(
            f"samples={samples!r}, features={features!r}: XᵀX = nI needs at least as many samples "
            f"as features; for fewer take average_risk(), with a design of your own"
        )
    return features * noise**2 / samples


def _check_lambda(lam) -> None:
    if not np.all(np.asarray(lam) >= 0):
        raise ValueError(f"lam={lam!r}: expected 0 or more; less would push off from the source")
