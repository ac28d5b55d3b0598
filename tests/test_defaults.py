"""What the defaults are worth: on draws that they were not chosen on, against scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import transfer_course as tc
from transfer_course.experiments import sources, worlds

SHOTS, SEEDS = (1, 5, 20), range(50, 56)
METHODS = [tc.from_scratch, tc.feature_reuse, tc.fine_tune, tc.l2_sp]


def logistic_regression(backbone, train, test):
    """The accuracy of scikit-learn's default on the features."""
    found = LogisticRegression(max_iter=3000).fit(
        backbone.predict(train.images, verbose=0), train.labels
    )
    return found.score(backbone.predict(test.images, verbose=0), test.labels)


@pytest.fixture(scope="module")
def on_digits():
    """The accuracy of each method at its defaults, and of scikit-learn's: six draws."""
    backbone, digits = sources.mnist_backbone(), tc.datasets.digits()
    table = tc.compare(METHODS, backbone, digits, SHOTS, episodes=6, seed=SEEDS[0])
    rows = []
    for shots in SHOTS:
        for seed in SEEDS:
            train, test = tc.few_shot(digits, shots, seed=seed)
            accuracy = logistic_regression(backbone, train, test)
            rows.append({"method": "sklearn", "shots": shots, "accuracy": accuracy})
    return pd.concat([table, pd.DataFrame(rows)]).groupby(["shots", "method"]).accuracy.mean()


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("shots", SHOTS)
def test_feature_reuse_is_level_with_logistic_regression_on_digits(on_digits, shots):
    assert abs(on_digits[shots, "feature_reuse"] - on_digits[shots, "sklearn"]) < 0.015


@pytest.mark.long
@pytest.mark.parametrize(
    ("scenario", "shots", "within"),
    [
        # `make test` runs the one that was hardest to get right; -m slow runs the others.
        pytest.param("new_classes", 5, 0.015, marks=pytest.mark.slow),
        ("new_classes", 20, 0.025),
        pytest.param("new_classes", 50, 0.015, marks=pytest.mark.slow),
        pytest.param("emoji", 1, 0.015, marks=pytest.mark.slow),
        pytest.param("emoji", 5, 0.015, marks=pytest.mark.slow),
        pytest.param("solar_cells", 5, 0.015, marks=pytest.mark.slow),
        pytest.param("solar_cells", 20, 0.015, marks=pytest.mark.slow),
    ],
)
def test_feature_reuse_is_level_with_logistic_regression(scenario, shots, within):
    """Also where the features hardly tell the classes apart, so that the head has far to go.

    That is on the new classes with twenty images: there it is 1.2 points behind over these draws,
    with a standard error of 0.4; with half the epochs and a third of the rate it was 6.8.
    """
    if scenario == "solar_cells":
        pytest.importorskip("elpv_dataset")
    leads = []
    for seed in range(50, 62):
        backbone = worlds.source(scenario, seed % len(worlds.SOURCES[scenario])).backbone
        train, test = tc.few_shot(worlds.target(scenario).report, shots, seed=seed)
        found = tc.accuracy(tc.feature_reuse(backbone, train), test)
        leads.append(found - logistic_regression(backbone, train, test))
    assert abs(np.mean(leads)) < within


@pytest.mark.long
@pytest.mark.slow
def test_the_order_of_the_methods_makes_sense(on_digits):
    """No method of transfer is behind training from scratch, or far behind another."""
    of = on_digits.unstack("method")
    assert (of[["feature_reuse", "fine_tune", "l2_sp"]].min(axis=1) > of.from_scratch).all()
    assert of.feature_reuse[1] - of.fine_tune[1] < 0.05
    assert of.feature_reuse[5] - of.fine_tune[5] < 0.02
    assert of.fine_tune[20] > of.feature_reuse[20] - 0.005
    assert of.l2_sp[1] > of.fine_tune[1]
    assert (of.l2_sp > of[["feature_reuse", "fine_tune"]].min(axis=1) - 0.01).all()
