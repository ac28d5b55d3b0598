"""The figures, asked what they draw; the statistics are SciPy's."""

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text
from scipy import stats

import transfer_course as tc
from transfer_course.plots import (
    accuracy_by,
    accuracy_by_shots,
    differences_by_shots,
    embedding,
    gallery,
)

ACCURACY = {1: [0.2, 0.4], 10: [0.5, 0.7]}


def table(x, methods=("reuse",)):
    return pd.DataFrame(
        {"method": method, "shots": shots, "frozen": x[shots], "accuracy": accuracy}
        for method in methods
        for shots, values in ACCURACY.items()
        for accuracy in values
    )


def line_and_band(axis):
    band = axis.collections[0].get_paths()[0].vertices
    edges = [(band[band[:, 0] == x, 1].min(), band[band[:, 0] == x, 1].max()) for x in (1, 10)]
    return axis.lines[0].get_xydata(), np.array(edges)


def legend_of(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_line_is_the_mean_and_band_its_95_percent_interval():
    figure = accuracy_by(table(ACCURACY), "shots", label="shots")
    line, band = line_and_band(figure.axes[0])
    np.testing.assert_allclose(line, [[1, 0.3], [10, 0.6]])
    expected = [
        stats.ttest_1samp(values, 0).confidence_interval(0.95) for values in ACCURACY.values()
    ]
    np.testing.assert_allclose(band, expected)
    title = figure.legends[0].get_title().get_text()
    assert title == "mean over the draws, with its 95 % t-interval"


def test_one_draw_has_no_band_and_none_is_promised():
    figure = accuracy_by(table(ACCURACY)[::2], "shots", label="shots")
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), [0.2, 0.5])
    assert figure.legends[0].get_title().get_text() == "mean over the draws"


def looks(methods):
    """Colour and marker of each method in a figure of them all."""
    figure = accuracy_by_shots(table(ACCURACY, methods))
    lines = figure.axes[0].lines
    assert len({(it.get_color(), it.get_marker(), it.get_linestyle()) for it in lines}) == len(
        methods
    )
    pairs = [(to_hex(it.get_color()), it.get_marker()) for it in lines]
    return dict(zip(legend_of(figure), pairs, strict=True))


def test_a_method_looks_the_same_in_every_figure():
    names = ["from_scratch", "feature_reuse", "fine_tune", "l2_sp"]
    names += ["class_means", "logistic_regression", "source_head"]
    words = ["from scratch", "feature reuse", "fine-tuning", "L2-SP"]
    words += ["class means", "logistic regression", "source head"]
    seen = looks(names)
    assert len(set(seen.values())) == 7
    for name, word in zip(names, words, strict=True):
        assert looks([name]) == {name: seen[name]}
        assert looks(["mine", word])[word] == seen[name]
    backwards = looks(["pixels", *names[::-1], "another"])
    assert {name: backwards[name] for name in names} == seen


def test_others_do_not_depend_on_the_order_and_variants_have_the_colour_of_their_method():
    many = [f"rate {number}" for number in range(20)]
    assert looks(many) == looks(many[::-1])
    variants = looks(["fine-tuning, half", "fine-tuning, all", "fine_tune"])
    assert len({color for color, _ in variants.values()}) == 1
    assert len({marker for _, marker in variants.values()}) == 3


def test_differences_are_tc_differences_in_percentage_points():
    draw = np.random.default_rng(0)
    rows = pd.DataFrame(
        (method, shots, episode, draw.uniform())
        for method in ("fine_tune", "$mine_", "feature_reuse")
        for shots in (20, 1)
        for episode in range(5)
    ).set_axis(["method", "shots", "episode", "accuracy"], axis=1)
    figure = differences_by_shots(rows, to="feature_reuse", names={"fine_tune": "tuned"})
    figure.savefig(io.BytesIO())
    axis = figure.axes[0]
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["1", "20"]
    assert legend_of(figure) == ["feature_reuse", "tuned", "$mine_"]
    assert "percentage points" in axis.get_ylabel()
    zero = axis.lines[0]
    assert list(zero.get_ydata()) == [0, 0]
    styles = looks(["feature_reuse", "fine_tune"])
    assert to_hex(zero.get_color()) == styles["feature_reuse"][0]
    expected = tc.differences(rows, to="feature_reuse").set_index(["method", "shots"])
    places = []
    for method, bars in zip(("fine_tune", "$mine_"), axis.containers, strict=True):
        marks, _, (intervals,) = bars
        for x, mean, segment in zip(*marks.get_data(), intervals.get_segments(), strict=True):
            shots = (1, 20)[round(x)]
            found = expected.loc[method, shots]
            assert mean == pytest.approx(100 * found.difference)
            assert sorted(segment[:, 1]) == pytest.approx([100 * found.low, 100 * found.high])
            places.append(round(x, 3))
    assert len(set(places)) == 4  # none covers another
    marks = axis.containers[0][0]
    assert (to_hex(marks.get_color()), marks.get_marker()) == styles["fine_tune"]


@pytest.mark.parametrize(("ordered", "order"), [(True, ["all", "none"]), (False, ["none", "all"])])
def test_a_categorical_keeps_its_order_and_text_that_of_appearance(ordered, order):
    rows = table({1: "none", 10: "all"})
    if ordered:
        rows["frozen"] = pd.Categorical(rows.frozen, ["all", "none"], ordered=True)
    axis = accuracy_by(rows, "frozen", label="frozen").axes[0]
    assert [tick.get_text() for tick in axis.get_xticklabels()] == order
    means = {"none": 0.3, "all": 0.6}
    expected = [[place, means[name]] for place, name in enumerate(order)]
    np.testing.assert_allclose(axis.lines[0].get_xydata(), expected)


def test_by_shots_is_logarithmic_and_methods_take_other_names():
    figure = accuracy_by_shots(table(ACCURACY, ["reuse", "pixels"]), names={"reuse": "3.1"})
    axis = figure.axes[0]
    assert axis.get_xscale() == "log"
    assert legend_of(figure) == ["3.1", "pixels"]
    assert len({(line.get_marker(), line.get_linestyle()) for line in axis.lines}) == 2


NAMES = ("$x_$", "_background_", "$half", "café")


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text)]


def test_names_of_classes_are_drawn_as_they_are():
    images = np.zeros((8, 9, 9, 3), np.uint8)
    dataset = tc.Dataset(images, np.arange(8) % 4, NAMES)
    points = np.random.default_rng(0).normal(size=(8, 5))
    for figure in (
        gallery(dataset, columns=2),
        embedding({"noise": points, "again": points}, dataset.labels, dataset.class_names),
    ):
        figure.savefig(io.BytesIO())  # a formula is read when it is drawn
        assert set(NAMES) <= set(texts(figure))
    legend = figure.legends[0]
    assert [text.get_text() for text in legend.get_texts()] == list(NAMES)
    marks = [handle.get_facecolor().tolist() for handle in legend.legend_handles]
    assert marks == [it.get_facecolor().tolist() for it in figure.axes[0].collections]


def test_names_of_methods_are_drawn_as_they_are():
    rows = table({1: "$a", 10: "b_$"}, ["_mine", "$l^2"])
    figure = accuracy_by(rows, "frozen", label="frozen")
    figure.savefig(io.BytesIO())
    legend = figure.legends[0]
    assert legend_of(figure) == ["_mine", "$l^2"]
    assert {"$a", "b_$"} <= set(texts(figure))
    assert [line.get_color() for line in legend.get_lines()] == [
        line.get_color() for line in figure.axes[0].lines
    ]
