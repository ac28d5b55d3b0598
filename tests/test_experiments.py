"""What was measured beforehand: the results fit the experiments, and some are measured again.

The runs of the explorer are measured again in test_explorers.
"""

import signal
import subprocess
import sys
from importlib import resources

import pandas as pd
import pytest

import transfer_course as tc
from transfer_course.experiments.__main__ import main

TABLES = [name for name in tc.experiments.NAMES if not name.startswith("explorer_")]
tables = pytest.mark.parametrize("name", TABLES)
RESULTS = resources.files("transfer_course.experiments") / "results"


@tables
def test_the_table_has_a_row_for_each_point_in_their_order(name):
    points = pd.DataFrame(getattr(tc.experiments, name).points())
    table = tc.experiments.load(name)
    assert not points.duplicated().any()
    pd.testing.assert_frame_equal(table[points.columns], points, check_dtype=False)


@pytest.mark.long
@tables
def test_points_measured_again_give_what_the_table_says(name):
    """The cheapest points that the module names; accuracies differ a little between machines."""
    experiment = getattr(tc.experiments, name)
    points, table = experiment.points(), tc.experiments.load(name)
    for number in experiment.SPOT_CHECKS:
        found = experiment.measure(**points[number])
        assert found and set(found) == set(table.columns) - set(points[number])
        for column, value in found.items():
            assert table[column][number] == pytest.approx(value, abs=0.04), (number, column)


@pytest.mark.parametrize("scenario", tc.experiments.explorer.POSITIONS)
def test_the_table_of_the_explorer_holds_the_last_points_of_its_grid(scenario):
    explorer = tc.experiments.explorer
    table = tc.experiments.load(f"explorer_{scenario}")
    points, grid = explorer.points(scenario), explorer.load_grid(scenario)
    assert len(table) == len(points) == sum(map(len, grid.values()))
    for point, row in zip(points, table.to_dict("records"), strict=True):
        train, test, drift, retention, _ = grid[explorer.key(row)][row["episode"]]
        assert point["episode"] == row["episode"]
        assert point["settings"].items() <= row.items()
        assert [row["train_accuracy"], row["accuracy"]] == [train[-1] / 1000, test[-1] / 1000]
        assert row["drift"] == pytest.approx(sum(drift) / len(drift) / 1000)
        assert row["retention"] == retention / 1000


@pytest.mark.parametrize("name", ["label", "", "../labels", None, ["labels"]])
def test_an_unknown_name_is_refused_with_those_that_there_are(name):
    with pytest.raises(
        ValueError, match=r"name=.* is unknown: use .*\"explorer_digits\".*\"labels\""
    ):
        tc.experiments.load(name)


def test_reading_results_loads_no_tensorflow():
    code = (
        "import sys, transfer_course as tc; tc.experiments\n"
        "assert not {'pandas', 'numpy', 'sklearn'} & set(sys.modules), 'by the import'\n"
        "for name in tc.experiments.NAMES: assert len(tc.experiments.load(name)) > 20\n"
        "assert not {'keras', 'tensorflow'} & set(sys.modules), 'by load'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# The command


@pytest.fixture
def remembered(monkeypatch):
    """Experiments that only remember what they measured, which takes no time."""

    def remember(name):
        experiment = getattr(tc.experiments, name)
        points, table = experiment.points(), tc.experiments.load(name)
        measured = table.drop(columns=list(points[0])).to_dict("records")
        runs = [(point, run) for point, run in zip(points, measured, strict=True)]
        monkeypatch.setattr(
            experiment, "measure", lambda **at: next(run for point, run in runs if point == at)
        )

    return remember


@tables
def test_the_command_writes_the_table_as_it_is_kept(name, remembered, tmp_path):
    remembered(name)
    main([name, "--output", str(tmp_path)])
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.csv"]
    assert (tmp_path / f"{name}.csv").read_bytes() == (RESULTS / f"{name}.csv").read_bytes()


@pytest.mark.parametrize("scenario", tc.experiments.explorer.POSITIONS)
def test_the_command_writes_the_grid_as_it_is_kept(scenario, monkeypatch, tmp_path):
    grid = tc.experiments.explorer.load_grid(scenario)

    def measure(scenario, settings, episode):
        train, test, drift, retention, wrong = grid[tc.experiments.explorer.key(settings)][episode]
        return {
            "train": [share / 1000 for share in train],
            "test": [share / 1000 for share in test],
            "drift": {f"layer{number}": share / 1000 for number, share in enumerate(drift)},
            "retention": retention / 1000,
            "wrong": wrong,
        }

    monkeypatch.setattr(tc.experiments.explorer, "measure", measure)
    main([f"explorer_{scenario}", "--output", str(tmp_path)])
    name = f"explorer_{scenario}.json"
    assert (tmp_path / name).read_bytes() == (RESULTS / name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["label"], "invalid choice: 'label' (choose from"),
        (["labels", "--output", "nowhere"], "there is no folder 'nowhere': create it first"),
    ],
)
def test_the_command_says_what_is_wrong(arguments, says, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    assert says in capsys.readouterr().err


def test_an_experiment_that_control_c_stops_writes_nothing(monkeypatch, tmp_path):
    def measure(**point):
        signal.raise_signal(signal.SIGINT)
        return {"accuracy": 0.5}

    monkeypatch.setattr(tc.experiments.labels, "measure", measure)
    with pytest.raises(SystemExit, match="Stopped: the results of labels stay as they were"):
        main(["labels", "--output", str(tmp_path)])
    assert not list(tmp_path.iterdir())
