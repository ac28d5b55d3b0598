"""Measure experiments again: ``python -m transfer_course.experiments [name ...]``."""

import argparse
import importlib
import json
import sys
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from transfer_course._progress import stop_button
from transfer_course.experiments._results import NAMES, RESULTS, module_and_scenario


def main(arguments: list[str] | None = None) -> None:
    """Measure the experiments that the command line names, or all of them.

    Parameters
    ----------
    arguments : list of str, optional
        The command line without the program's name; by default the one of this process.

    Raises
    ------
    SystemExit
        The command line is wrong, or Control-C was pressed.
    """
    parser = argparse.ArgumentParser(
        prog="python -m transfer_course.experiments",
        description="Measure experiments again and replace their results. All of them take four "
        "hours or so, none more than one.",
        epilog="The files of an experiment that is interrupted stay as they were.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        choices=NAMES,
        metavar="name",
        help=f"what to measure (default: everything): {', '.join(NAMES)}",
    )
    parser.add_argument(
        "--output",
        type=_folder,
        default=RESULTS,
        metavar="FOLDER",
        help="where to write the results (default: into the package, where load() reads them; "
        "there fair_* and shift find the settings that tuning_* found)",
    )
    chosen = parser.parse_args(arguments)
    for name in sorted(chosen.names or NAMES, key=NAMES.index):
        is_explorer = name.startswith("explorer_")
        measure_again, kind = (_grid, "json") if is_explorer else (_table, "csv")
        path = chosen.output / f"{name}.{kind}"
        text = measure_again(name)
        path.write_text(text, "utf8", newline="\n")
        print(path)


def _folder(text: str) -> Path:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text!r}: create it first")
    return Path(text)


def _table(name: str) -> str:
    """A CSV with a row for each point."""
    module, scenario = module_and_scenario(name)
    experiment = importlib.import_module(f"transfer_course.experiments.{module}")
    points = experiment.points(*scenario)
    runs = _measured(name, experiment, points)
    rows = [point | run for point, run in zip(points, runs, strict=True)]
    return pd.DataFrame(rows).to_csv(index=False, float_format="%.4f", lineterminator="\n")


def _grid(name: str) -> str:
    """A JSON object with a line for each position of the explorer's controls: its runs."""
    from transfer_course.experiments import explorer

    points = explorer.points(*module_and_scenario(name)[1])
    grid = {}
    for point, run in zip(points, _measured(name, explorer, points), strict=True):
        grid.setdefault(explorer.key(point["settings"]), []).append(explorer.packed(run))
    lines = [f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in grid.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _measured(name: str, experiment, points: list[dict]) -> list[dict]:
    """What ``experiment.measure`` gives at each point."""
    runs = []
    # A training that Control-C stops returns normally, half trained, so its run must not be kept.
    with stop_button() as stopped:
        for point in tqdm(points, desc=name):
            runs.append(experiment.measure(**point))
            if stopped():
                sys.exit(f"Stopped: the results of {name} stay as they were.")
    return runs


if __name__ == "__main__":
    main()
