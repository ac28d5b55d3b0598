"""The linear theory: against simulation, other people's implementations, and gradient descent."""

import numpy as np
import pytest
from adapt.parameter_based import RegularTransferLR
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct
from sklearn.linear_model import LinearRegression, Ridge

from transfer_course import linear_theory as theory
from transfer_course.algorithms.l2_sp import L2SP

LAMBDAS = (0.0, 0.03, 0.4, 7.0)
MANY, FEW = 12, 4  # samples, with 6 features: more than enough, and too few
TASK = {"samples": 30, "features": 8, "noise": 1.3}


def problem(n, d=6, seed=0, noise=0.5):
    """A design with unequal eigenvalues, the two tasks' weights, and a draw of the targets."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d)) * np.linspace(0.4, 1.6, d)
    source = random.normal(size=d)
    target = source + 0.7 * random.normal(size=d)
    return X, X @ target + noise * random.normal(size=n), source, target


def orthonormal(n, d, seed=0):
    """A design with XᵀX = nI."""
    return np.sqrt(n) * np.linalg.qr(np.random.default_rng(seed).normal(size=(n, d)))[0]


def simulated(estimates, target):
    """Risk, squared bias and variance of many estimates, each with its standard error."""
    draws = len(estimates)
    errors = ((estimates - target) ** 2).sum(axis=1)
    spread = estimates - estimates.mean(axis=0)
    squares = (spread**2).sum(axis=1)
    bias = estimates.mean(axis=0) - target
    # Subtract what noise adds to the square of a mean; the spread along the bias gives its error.
    squared_bias = bias @ bias - squares.sum() / (draws - 1) / draws
    error_of_bias = 2 * (spread @ bias).std() / np.sqrt(draws) + squares.mean() / draws
    return {
        "total": (errors.mean(), errors.std() / np.sqrt(draws)),
        "squared_bias": (squared_bias, error_of_bias),
        "variance": (squares.sum() / (draws - 1), squares.std() / np.sqrt(draws)),
    }


def assert_agrees(risk, found):
    for part, (value, standard_error) in found.items():
        assert abs(getattr(risk, part) - value) < 4 * standard_error + 1e-12, part


# The estimator


@pytest.mark.parametrize("lam", LAMBDAS[1:])
@pytest.mark.parametrize("n", [MANY, FEW])
def test_estimator_is_adapts_whose_lambda_enters_squared(n, lam):
    X, y, source, _ = problem(n)
    # lsqr minimises ‖y − Xw‖² + damp² ‖w − w_s‖² and adapt hands it its lambda_ as damp, though its
    # documentation has lambda_ without the square.
    start = LinearRegression(fit_intercept=False).fit(np.eye(6), source)
    other = RegularTransferLR(start, lambda_=np.sqrt(n * lam), verbose=0).fit(X, y)
    found = theory.l2_sp_estimator(X, y, source=source, lam=lam)
    np.testing.assert_allclose(found, other.coef_, atol=1e-5)


@pytest.mark.parametrize("lam", LAMBDAS[1:])
@pytest.mark.parametrize("n", [MANY, FEW])
def test_estimator_from_zero_is_ridge(n, lam):
    X, y, source, _ = problem(n)
    ridge = Ridge(alpha=n * lam, fit_intercept=False).fit(X, y)
    found = theory.l2_sp_estimator(X, y, source=np.zeros_like(source), lam=lam)
    np.testing.assert_allclose(found, ridge.coef_, rtol=1e-9)


def test_estimator_of_several_outputs_is_one_for_each():
    X, y, source, _ = problem(MANY)
    both = theory.l2_sp_estimator(
        X, np.stack([y, 2 * y], 1), source=np.stack([source, 0 * source], 1), lam=0.3
    )
    ridge = Ridge(alpha=MANY * 0.3, fit_intercept=False)
    np.testing.assert_allclose(both[:, 0], source + ridge.fit(X, y - X @ source).coef_)
    np.testing.assert_allclose(both[:, 1], ridge.fit(X, 2 * y).coef_)


@pytest.mark.parametrize("n", [MANY, FEW])
def test_estimator_without_pull_is_the_least_squares_solution_nearest_to_the_source(n):
    X, y, source, _ = problem(n)
    expected = source + np.linalg.lstsq(X, y - X @ source)[0]
    np.testing.assert_allclose(theory.l2_sp_estimator(X, y, source=source, lam=0), expected)


def test_dead_and_repeated_features_stay_where_the_source_has_them():
    X, y, source, target = problem(MANY)
    X[:, 1], X[:, 3] = 0, X[:, 2]
    expected = source + np.linalg.lstsq(X, y - X @ source)[0]
    found = theory.l2_sp_estimator(X, y, source=source, lam=0)
    np.testing.assert_allclose(found, expected)
    # To rounding: how the factors of X are rounded depends on the processor.
    assert found[1] == pytest.approx(source[1], abs=1e-12)
    assert found[2] - source[2] == pytest.approx(found[3] - source[3], abs=1e-12)
    # At λ = 0 the risk is σ² tr (XᵀX)⁺, and the source's error in what X does not reach.
    pseudo = np.linalg.pinv(X)
    unreached = (np.eye(6) - pseudo @ X) @ (target - source)
    risk = theory.risk(X, target=target, source=source, noise=0.8, lam=0)
    assert risk.squared_bias == pytest.approx(unreached @ unreached)
    assert risk.variance == pytest.approx(0.8**2 * np.sum(pseudo**2))


@pytest.mark.parametrize("lam", LAMBDAS[1:])
def test_estimator_is_where_gradient_descent_on_the_objective_ends(lam):
    X, y, source, _ = problem(MANY)
    w = source.copy()
    for _ in range(3000):
        w -= 0.05 * (2 / len(X) * X.T @ (X @ w - y) + 2 * lam * (w - source))
    np.testing.assert_allclose(theory.l2_sp_estimator(X, y, source=source, lam=lam), w, atol=1e-9)


def linear_network(keras, source, rate, regularizer=None):
    layer = keras.layers.Dense(1, use_bias=False)
    model = keras.Sequential([keras.Input((len(source),)), layer])
    layer.kernel.assign(source[:, None])
    layer.kernel.regularizer = regularizer
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model


def test_estimator_is_where_keras_ends_with_the_penalty_of_l2_sp_at_alpha_twice_lambda(keras):
    X, y, source, _ = problem(MANY)
    lam = 0.4
    penalty = L2SP(
        keras.Variable(2 * lam, trainable=False), start=source[:, None].astype("float32")
    )
    model = linear_network(keras, source, 0.1, penalty)
    # 150 steps of all data, as one epoch of the data 150 times over, which is faster.
    again = {"x": np.tile(X, (150, 1)), "y": np.tile(y, 150)}
    model.fit(**again, batch_size=len(X), shuffle=False, verbose=0)
    found = theory.l2_sp_estimator(X, y, source=source, lam=lam)
    np.testing.assert_allclose(model.get_weights()[0][:, 0], found, atol=1e-4)


# Its risk


@pytest.mark.parametrize("lam", LAMBDAS)
@pytest.mark.parametrize("n", [MANY, FEW])
def test_risk_is_that_of_simulated_draws(n, lam):
    X, _, source, target = problem(n)
    noise = np.random.default_rng(1).normal(scale=0.8, size=(20_000, n))
    inverse = np.linalg.pinv(X.T @ X + n * lam * np.eye(6), hermitian=True)
    estimates = source + (X @ (target - source) + noise) @ X @ inverse
    found = theory.risk(X, target=target, source=source, noise=0.8, lam=lam)
    assert_agrees(found, simulated(estimates, target))


@pytest.mark.parametrize("lam", LAMBDAS)
def test_isotropic_risk_is_that_of_simulated_draws(lam):
    random = np.random.default_rng(2)
    n, d = TASK["samples"], TASK["features"]
    X, source = orthonormal(n, d), random.normal(size=d)
    target = source + 0.9 * np.eye(d)[3]
    noise = random.normal(scale=TASK["noise"], size=(20_000, n))
    solve = np.linalg.inv(X.T @ X + n * lam * np.eye(d)) @ X.T
    estimates = source + (X @ (target - source) + noise) @ solve.T
    found = theory.isotropic_risk(**TASK, distance=0.9, lam=lam)
    assert_agrees(found, simulated(estimates, target))


@pytest.mark.parametrize("lam", LAMBDAS)
@pytest.mark.parametrize("n", [MANY, FEW])
def test_average_risk_is_that_of_simulated_directions(n, lam):
    X, _, _, _ = problem(n)
    random = np.random.default_rng(3)
    offsets = random.normal(size=(20_000, 6))
    offsets *= 1.7 / np.linalg.norm(offsets, axis=1, keepdims=True)
    inverse = np.linalg.pinv(X.T @ X + n * lam * np.eye(6), hermitian=True)
    estimates = (offsets @ X.T + random.normal(scale=0.8, size=(20_000, n))) @ X @ inverse
    errors = ((estimates - offsets) ** 2).sum(axis=1)
    found = theory.average_risk(X, distance=1.7, noise=0.8, lam=lam).total
    assert abs(found - errors.mean()) < 4 * errors.std() / np.sqrt(len(errors))


def test_risks_of_many_lambdas_are_those_of_each():
    X, _, source, target = problem(FEW)
    lams = np.array([[0.0, 0.1], [2.0, np.inf]])
    functions = [
        lambda lam: theory.risk(X, target=target, source=source, noise=0.8, lam=lam),
        lambda lam: theory.average_risk(X, distance=1.7, noise=0.8, lam=lam),
        lambda lam: theory.isotropic_risk(**TASK, distance=1.7, lam=lam),
    ]
    for function in functions:
        each = [[function(float(lam)).total for lam in row] for row in lams]
        np.testing.assert_allclose(function(lams).total, each)


# The best λ


def least(function):
    """Where a function of λ is least, by SciPy, searched on a logarithmic axis."""
    found = minimize_scalar(lambda log: function(np.exp(log)), bounds=(-8, 8), method="bounded")
    return np.exp(found.x), found.fun


@pytest.mark.parametrize("distance", [0.3, 1.0, 4.0])
def test_best_lambda_is_where_a_search_finds_it(distance):
    X = orthonormal(TASK["samples"], TASK["features"])
    target = distance * np.ones(8) / np.sqrt(8)
    lam, value = least(
        lambda lam: theory.risk(X, target=target, source=0 * target, noise=1.3, lam=lam).total
    )
    assert theory.best_lambda(**TASK, distance=distance) == pytest.approx(lam, rel=1e-3)
    assert theory.best_isotropic_risk(**TASK, distance=distance) == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("n", [MANY, FEW])
def test_best_lambda_is_best_for_any_design_averaged_over_directions(n):
    X, _, _, _ = problem(n)
    lam, _ = least(lambda lam: theory.average_risk(X, distance=1.7, noise=0.8, lam=lam).total)
    expected = theory.best_lambda(samples=n, features=6, noise=0.8, distance=1.7)
    assert expected == pytest.approx(lam, rel=1e-3)


# Negative transfer


@pytest.mark.parametrize("lam", [0.2, 1.0, 9.0])
@pytest.mark.parametrize("baseline", ["least squares", "ridge"])
def test_at_the_border_transfer_is_as_good_as_none(lam, baseline):
    X = orthonormal(TASK["samples"], TASK["features"])
    target = 2 * np.ones(8) / np.sqrt(8)
    zero = np.zeros(8)

    def of_distance(distance, lam):
        source = target - distance * np.eye(8)[0]
        return theory.risk(X, target=target, source=source, noise=1.3, lam=lam).total

    def from_zero(lam):
        return theory.risk(X, target=target, source=zero, noise=1.3, lam=lam).total

    no_transfer = from_zero(0.0) if baseline == "least squares" else least(from_zero)[1]
    border = brentq(lambda distance: of_distance(distance, lam) - no_transfer, 0, 100)
    found = theory.negative_transfer_border(**TASK, lam=lam, no_transfer=no_transfer)
    assert found == pytest.approx(border, rel=1e-6)
    if baseline == "least squares":  # the form in the docstring
        assert found**2 == pytest.approx((1 + 2 / lam) * 8 * 1.3**2 / 30)


def test_with_the_best_lambda_the_border_is_the_norm_of_the_target():
    for samples in (8, 50, 1000):
        task = TASK | {"samples": samples}
        ridge = theory.best_isotropic_risk(**task, distance=2.0)
        for distance in (0.5, 1.9, 2.1, 6.0):
            transfer = theory.best_isotropic_risk(**task, distance=distance)
            assert (transfer > ridge) == (distance > 2.0)


def test_border_is_zero_where_even_a_perfect_source_loses():
    ridge = theory.best_isotropic_risk(**TASK, distance=0.1)
    perfect = theory.isotropic_risk(**TASK, distance=0.0, lam=0.01)
    assert perfect.total > ridge
    assert theory.negative_transfer_border(**TASK, lam=0.01, no_transfer=ridge) == 0


# Bayes


@pytest.mark.parametrize("n", [MANY, FEW])
def test_posterior_is_that_of_a_gaussian_process_with_a_linear_kernel(n):
    X, y, source, _ = problem(n)
    kernel = ConstantKernel(0.7**2, "fixed") * DotProduct(0.0, "fixed")
    process = GaussianProcessRegressor(kernel, alpha=0.8**2, optimizer=None)
    # At the unit vectors the function is its weights.
    weights, covariance = process.fit(X, y - X @ source).predict(np.eye(6), return_cov=True)
    found = theory.posterior(X, y, source=source, prior_std=0.7, noise=0.8)
    np.testing.assert_allclose(found[0], source + weights, atol=1e-9)
    np.testing.assert_allclose(found[1], covariance, atol=1e-9)


@pytest.mark.parametrize("n", [MANY, FEW])
def test_posterior_mean_is_the_estimator_and_its_covariance_the_risk(n):
    X, y, source, _ = problem(n)
    mean, covariance = theory.posterior(X, y, source=source, prior_std=0.7, noise=0.8)
    lam = 0.8**2 / (n * 0.7**2)
    np.testing.assert_allclose(mean, theory.l2_sp_estimator(X, y, source=source, lam=lam))
    distance = np.sqrt(6) * 0.7
    assert theory.best_lambda(samples=n, features=6, noise=0.8, distance=distance) == (
        pytest.approx(lam)
    )
    found = theory.average_risk(X, distance=distance, noise=0.8, lam=lam).total
    assert found == pytest.approx(np.trace(covariance))


# Early stopping


@pytest.mark.parametrize("steps", [0, 1, 7, 200])
@pytest.mark.parametrize("n", [MANY, FEW])
def test_early_stopped_estimator_is_a_loop_of_gradient_descent(n, steps):
    X, y, source, _ = problem(n)
    w = source.copy()
    for _ in range(steps):
        w = w - 0.05 * 2 / n * X.T @ (X @ w - y)
    found = theory.early_stopped_estimator(X, y, source=source, learning_rate=0.05, steps=steps)
    np.testing.assert_allclose(found, w, atol=1e-12)


def test_early_stopped_estimator_is_keras_with_sgd(keras):
    X, y, source, _ = problem(MANY)
    model = linear_network(keras, source, 0.05)
    model.fit(X, y, batch_size=len(X), epochs=9, verbose=0)
    found = theory.early_stopped_estimator(X, y, source=source, learning_rate=0.05, steps=9)
    np.testing.assert_allclose(model.get_weights()[0][:, 0], found, atol=1e-5)


@pytest.mark.parametrize("n", [MANY, FEW])
def test_early_stopping_risk_is_that_of_simulated_draws(n):
    X, _, source, target = problem(n)
    y = X @ target + np.random.default_rng(4).normal(scale=0.8, size=(20_000, n))
    estimates = np.tile(source, (len(y), 1))
    for _ in range(12):
        estimates -= 0.05 * 2 / n * (estimates @ X.T - y) @ X
    task = {"target": target, "source": source, "noise": 0.8}
    found = theory.early_stopping_risk(X, **task, learning_rate=0.05, steps=np.array([3, 12]))
    last = theory.Risk(*(part[1] for part in found))
    assert_agrees(last, simulated(estimates, target))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [MANY, FEW])
def test_early_stopping_costs_no_more_than_published(n, seed):
    # Ali, Kolter & Tibshirani 2019: at most 1.69 times the risk of ridge regression.
    X, _, source, target = problem(n, seed=seed)
    task = {"target": target, "source": source, "noise": 0.8}
    rate = 1e-3
    steps = np.geomspace(10, 1e5, 40).astype(int)
    stopped = theory.early_stopping_risk(X, **task, learning_rate=rate, steps=steps).total
    ridge = theory.risk(X, **task, lam=1 / (2 * rate * steps)).total
    assert (stopped < 1.69 * ridge).all()


def test_filters_agree_to_first_order_in_directions_that_the_data_hardly_determine():
    s = np.array([1e-5])
    lam = 1 / (2 * 0.01 * 50)
    stopped = theory.early_stopping_filter(s, learning_rate=0.01, steps=50)
    np.testing.assert_allclose(stopped, theory.l2_sp_filter(s, lam=lam), rtol=1e-4)


# What must hold for every input

seeds = st.integers(0, 10**6)
lambdas = st.floats(1e-3, 1e3)
sizes = st.integers(1, 12)


@settings(max_examples=50)
@given(seeds, lambdas, sizes)
def test_estimator_moves_and_turns_with_the_problem(seed, lam, n):
    X, y, source, _ = problem(n, seed=seed)
    random = np.random.default_rng(seed + 1)
    shift = random.normal(size=6)
    turn = np.linalg.qr(random.normal(size=(6, 6)))[0]
    found = theory.l2_sp_estimator(X, y, source=source, lam=lam)
    moved = theory.l2_sp_estimator(X, y + X @ shift, source=source + shift, lam=lam)
    turned = theory.l2_sp_estimator(X @ turn, y, source=turn.T @ source, lam=lam)
    np.testing.assert_allclose(moved, found + shift, atol=1e-8)
    np.testing.assert_allclose(turned, turn.T @ found, atol=1e-8)


@settings(max_examples=50)
@given(seeds, lambdas, sizes)
def test_data_given_twice_change_nothing(seed, lam, n):
    # The loss is a mean: this is what the n in nλ is for.
    X, y, source, _ = problem(n, seed=seed)
    once = theory.l2_sp_estimator(X, y, source=source, lam=lam)
    twice = theory.l2_sp_estimator(np.tile(X, (2, 1)), np.tile(y, 2), source=source, lam=lam)
    np.testing.assert_allclose(twice, once, atol=1e-9)


@settings(max_examples=50)
@given(seeds, lambdas, sizes)
def test_the_larger_lambda_the_nearer_to_the_source(seed, lam, n):
    X, y, source, _ = problem(n, seed=seed)

    def distance(lam):
        return np.linalg.norm(theory.l2_sp_estimator(X, y, source=source, lam=lam) - source)

    assert distance(0) >= distance(lam) >= distance(2 * lam) > distance(np.inf) == 0


@settings(max_examples=50)
@given(st.integers(8, 500), st.floats(0.01, 10), st.floats(0.01, 10), lambdas)
def test_no_lambda_beats_the_best(samples, noise, distance, lam):
    task = {"samples": samples, "features": 8, "noise": noise, "distance": distance}
    best = theory.best_isotropic_risk(**task)
    assert theory.isotropic_risk(**task, lam=lam).total >= best * (1 - 1e-9)
    at_best = theory.isotropic_risk(**task, lam=theory.best_lambda(**task)).total
    assert at_best == pytest.approx(best)


# Errors


def test_what_makes_no_sense_is_refused_in_a_sentence():
    X, y, source, _ = problem(MANY)
    with pytest.raises(ValueError, match="lam=-1: expected 0 or more"):
        theory.l2_sp_estimator(X, y, source=source, lam=-1)
    with pytest.raises(ValueError, match="lam=nan: expected 0 or more"):
        theory.isotropic_risk(**TASK, distance=1, lam=float("nan"))
    few = {"samples": 5, "features": 8, "noise": 1.0}
    with pytest.raises(ValueError, match="samples=5, features=8: XᵀX = nI needs at least as many"):
        theory.isotropic_risk(**few, distance=1, lam=1)
    with pytest.raises(ValueError, match="at least as many"):
        theory.best_isotropic_risk(**few, distance=1)
    with pytest.raises(ValueError, match="lam=0: expected more than 0"):
        theory.negative_transfer_border(**TASK, lam=0, no_transfer=1)
