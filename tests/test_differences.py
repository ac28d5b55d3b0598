"""differences(): SciPy's paired t-test on the same episodes, and an example done by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusals import assert_refused, cases
from scipy.stats import ttest_rel

import transfer_course as tc
from transfer_course.evaluation.differences import mean_with_interval

METHODS = ["feature_reuse", "fine_tune", "l2_sp"]


def random_table(episodes=6, seed=0, shots=(5, 1)):
    draw = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "method": method,
            "shots": count,
            "episode": episode,
            "accuracy": draw.uniform(),
            "balanced_accuracy": draw.uniform(),
        }
        for method in METHODS
        for count in shots
        for episode in range(episodes)
    )


@pytest.fixture
def table():
    return random_table()


def test_two_episodes_done_by_hand():
    """Differences 0.1 and 0.3: mean 0.2, deviation 0.1·√2, so 0.1 as error; t is 12.7062."""
    table = pd.DataFrame(
        [
            ("mine", 1, 0, 0.6),
            ("theirs", 1, 1, 0.2),
            ("theirs", 1, 0, 0.5),
            ("mine", 1, 1, 0.5),
        ],
        columns=["method", "shots", "episode", "accuracy"],
    )
    found = tc.differences(table, to="theirs")
    assert list(found.columns) == [
        "method",
        "shots",
        "episodes",
        "difference",
        "standard_error",
        "low",
        "high",
    ]
    expected = ["mine", 1, 2, 0.2, 0.1, 0.2 - 1.27062, 0.2 + 1.27062]
    assert found.iloc[0].tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("column", ["accuracy", "balanced_accuracy"])
def test_each_row_is_scipys_paired_test(table, column):
    shuffled = table.sample(frac=1, random_state=1)
    found = tc.differences(shuffled, "fine_tune", column)
    assert set(zip(found.method, found.shots, strict=True)) == {
        (method, shots) for method in ("feature_reuse", "l2_sp") for shots in (1, 5)
    }
    for row in found.itertuples():
        ours, theirs = (
            table[(table.method == method) & (table.shots == row.shots)][column].to_numpy()
            for method in (row.method, "fine_tune")
        )
        test = ttest_rel(ours, theirs)
        interval = test.confidence_interval(0.95)
        assert row.episodes == 6
        assert row.difference == pytest.approx((ours - theirs).mean())
        assert row.difference / row.standard_error == pytest.approx(test.statistic)
        assert (row.low, row.high) == pytest.approx(tuple(interval))


def test_of_a_column_of_true_and_false_it_is_that_of_shares(table):
    table["passed"] = table.accuracy > table.accuracy.median()
    found = tc.differences(table, to="fine_tune", column="passed")
    table["passed"] = table.passed.astype(float)
    pd.testing.assert_frame_equal(found, tc.differences(table, to="fine_tune", column="passed"))


def test_rows_are_in_the_order_of_the_table(table):
    found = tc.differences(table, to="fine_tune")
    assert list(zip(found.method, found.shots, strict=True)) == [
        ("feature_reuse", 5),
        ("feature_reuse", 1),
        ("l2_sp", 5),
        ("l2_sp", 1),
    ]


def test_after_stop_the_episodes_that_both_have_are_used(table):
    cut = table.iloc[:-2]  # the last method lacks two episodes of the last number of shots
    found = tc.differences(cut, to="feature_reuse").set_index(["method", "shots"])
    assert found.episodes.to_dict() == {
        ("fine_tune", 5): 6,
        ("fine_tune", 1): 6,
        ("l2_sp", 5): 6,
        ("l2_sp", 1): 4,
    }
    pairs = table[table.episode < 4]
    expected = tc.differences(pairs, to="feature_reuse").set_index(["method", "shots"])
    pd.testing.assert_series_equal(found.loc["l2_sp", 1], expected.loc["l2_sp", 1])


@given(
    luck=st.lists(st.floats(-1, 1), min_size=6, max_size=6),
    to=st.sampled_from(METHODS),
    seed=st.integers(0, 5),
)
def test_the_luck_of_an_episode_changes_nothing(luck, to, seed):
    """A number for each episode that is added to all methods."""
    table = random_table(seed=seed)
    moved = table.assign(accuracy=table.accuracy + table.episode.map(dict(enumerate(luck))))
    pd.testing.assert_frame_equal(
        tc.differences(table, to=to), tc.differences(moved, to=to), rtol=1e-6, atol=1e-9
    )


@given(seed=st.integers(0, 50))
def test_the_other_way_round_it_has_the_other_sign(seed):
    table = random_table(seed=seed)
    table = table[table.method != "l2_sp"]
    one = tc.differences(table, to="fine_tune")
    other = tc.differences(table, to="feature_reuse")
    np.testing.assert_allclose(one.difference, -other.difference)
    np.testing.assert_allclose(one.standard_error, other.standard_error)
    np.testing.assert_allclose(one[["low", "high"]], -other[["high", "low"]])


def test_of_what_compare_returns(backbone):
    few = tc.datasets.digits().subset(range(200))
    methods = {"short": (tc.feature_reuse, {"epochs": 1}), "long": tc.feature_reuse}
    found = tc.differences(tc.compare(methods, backbone, few, [2], 3), to="short")
    assert (found.method[0], found.shots[0], found.episodes[0]) == ("long", 2, 3)
    assert found.difference[0] > 0


def test_95_of_100_intervals_have_the_true_mean_in_them():
    """Of 2,000 intervals the share is within 0.95 ± 0.02 but for one run in 20,000."""
    numbers = np.random.default_rng(0).normal(0.3, 2, size=(2000, 4))
    found = [mean_with_interval(row) for row in numbers]
    assert np.mean([it["low"] < 0.3 < it["high"] for it in found]) == pytest.approx(0.95, abs=0.02)


@cases(
    (
        lambda table: tc.differences(table.accuracy, to="fine_tune"),
        TypeError,
        "the table must be a DataFrame, got a Series: pass what tc.compare returned",
    ),
    *(
        (
            lambda table, name=name: tc.differences(table.drop(columns=name), to="fine_tune"),
            ValueError,
            f"the table has no column {name!r}: pass what tc.compare returned",
        )
        for name in ("method", "shots", "episode", "accuracy")
    ),
    (
        lambda table: tc.differences(table, to="fine_tune", column="speed"),
        ValueError,
        "the table has no column 'speed': pass what tc.compare returned",
    ),
    (
        lambda table: tc.differences(table, to="fine_tune", column=["accuracy"]),
        ValueError,
        "the table has no column ['accuracy']: pass what tc.compare returned",
    ),
    (
        lambda table: tc.differences(table[:0], to="fine_tune"),
        ValueError,
        "the table has no rows, as after Stop in the first training: give it time for some",
    ),
    *(
        (
            lambda table, change=change: tc.differences(
                table.assign(accuracy=change(table.accuracy)), to="fine_tune"
            ),
            ValueError,
            "the column 'accuracy' of the table does not hold finite numbers only: remove the "
            "other rows, or give the name of another column",
        )
        for change in (
            lambda numbers: numbers.astype(str),
            lambda numbers: numbers.where(numbers.index > 0),
            lambda numbers: numbers.where(numbers.index > 0, np.inf),
            lambda numbers: numbers.astype("Float64").where(numbers.index > 0),
        )
    ),
    *(
        (
            lambda table, to=to: tc.differences(table, to=to),
            ValueError,
            f"to={to!r} is not a method of the table: use to='feature_reuse' or to='fine_tune' or "
            "to='l2_sp'",
        )
        for to in ("pixels", 3, None, ["fine_tune"])
    ),
    (
        lambda table: tc.differences(table[table.method == "fine_tune"], to="fine_tune"),
        ValueError,
        "the table has no method beside 'fine_tune': give two to compare(), as in "
        "[tc.feature_reuse, tc.fine_tune]",
    ),
    (
        lambda table: tc.differences(pd.concat([table, table[3:4]]), to="fine_tune"),
        ValueError,
        "the table has two rows of method 'feature_reuse' with shots=5 and episode=3: "
        "pass the rows of one comparison alone",
    ),
    *(
        (
            lambda table, rows=rows: tc.differences(table[rows(table)], to="feature_reuse"),
            ValueError,
            f"methods {method!r} and 'feature_reuse' have {count} of their episodes with "
            f"shots={shots} in common, but an interval needs 2 or more: use more episodes in "
            f'compare(), or leave these rows out, as in table[table["shots"] != {shots}]',
        )
        for rows, method, shots, count in [
            (lambda table: table.episode == 2, "fine_tune", 5, 1),
            (lambda table: table.index < len(table) - 5, "l2_sp", 1, 1),
            (
                lambda table: (table.method != "feature_reuse") | (table.shots == 5),
                "fine_tune",
                1,
                0,
            ),
        ]
    ),
)
def test_it_is_refused(request, call, error, message):
    assert_refused(request, call, error, message)
