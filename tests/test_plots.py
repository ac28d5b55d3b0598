"""The figures, asked what they draw; the statistics are NumPy's."""

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

import transfer_course as tc
from transfer_course.plots import accuracy_by, accuracy_by_shots, embedding, gallery

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


def test_line_is_the_mean_and_band_one_standard_deviation():
    axis = accuracy_by(table(ACCURACY), "shots", label="shots").axes[0]
    line, band = line_and_band(axis)
    np.testing.assert_allclose(line, [[1, 0.3], [10, 0.6]])
    spread = np.std([0.2, 0.4], ddof=1)
    np.testing.assert_allclose(band, [[0.3 - spread, 0.3 + spread], [0.6 - spread, 0.6 + spread]])


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
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["3.1", "pixels"]
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
    legend = figure.axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["_mine", "$l^2"]
    assert {"$a", "b_$"} <= set(texts(figure))
    assert [line.get_color() for line in legend.get_lines()] == [
        line.get_color() for line in figure.axes[0].lines
    ]
