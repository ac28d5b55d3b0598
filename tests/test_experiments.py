"""What was measured beforehand: some rows of each table are measured again."""

import runpy
from pathlib import Path

import pandas as pd
import pytest

TABLES = sorted((Path(__file__).resolve().parent.parent / "notebooks" / "tables").glob("*.py"))
names = pytest.mark.parametrize("script", TABLES, ids=lambda path: path.stem)


@names
def test_the_table_has_a_row_for_each_point_in_their_order(script):
    points = pd.DataFrame(runpy.run_path(str(script))["POINTS"])
    table = pd.read_csv(script.with_suffix(".csv"))
    assert not points.duplicated().any()
    pd.testing.assert_frame_equal(table[points.columns], points, check_dtype=False)


@names
def test_points_measured_again_give_what_the_table_says(script):
    """The cheapest points that the script names; accuracies differ a little between machines."""
    experiment = runpy.run_path(str(script))
    table = pd.read_csv(script.with_suffix(".csv"))
    for number in experiment["SPOT_CHECKS"]:
        found = experiment["measure"](**experiment["POINTS"][number])
        assert found and set(found) == set(table.columns) - set(experiment["POINTS"][number])
        for name, value in found.items():
            assert table[name][number] == pytest.approx(value, abs=0.04), (number, name)
