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
        description="Measure experiments again and replace their results. All of them take eight "
        "hours or so, none more than two.",
        epilog="The results of an experiment that is interrupted stay as they were, and the next "
        "call goes on with it: what it has measured is in a file NAME.part beside them.",
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
        path, part = (chosen.output / f"{name}.{ending}" for ending in (kind, "part"))
        text = measure_again(name, part)
        path.write_text(text, "utf8", newline="\n")
        part.unlink()
        print(path)


def _folder(text: str) -> Path:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text!r}: create it first")
    return Path(text)


def _table(name: str, part: Path) -> str:
    """A CSV with a row for each point."""
    module, scenario = module_and_scenario(name)
    experiment = importlib.import_module(f"transfer_course.experiments.{module}")
    points = experiment.points(*scenario)
    runs = _measured(name, experiment, points, part)
    rows = [point | run for point, run in zip(points, runs, strict=True)]
    return pd.DataFrame(rows).to_csv(index=False, float_format="%.4f", lineterminator="\n")


def _grid(name: str, part: Path) -> str:
    """The grid of an explorer as a JSON object: see `explorer.pack`."""
    from transfer_course.experiments import explorer, scenarios

    scenario = name.removeprefix("explorer_")
    points = explorer.points(scenario)
    grid = {}
    for point, run in zip(points, _measured(name, explorer, points, part), strict=True):
        grid.setdefault(explorer.key(point["settings"]), []).append(run)
    return json.dumps(explorer.pack(grid, scenarios.scenario(scenario))) + "\n"


def _measured(name: str, experiment, points: list[dict], part: Path) -> list[dict]:
    """What ``experiment.measure`` gives at each point. Each run is kept in a file as it comes."""
    runs = _kept(part, points)
    # A training that Control-C stops returns normally, half trained, so its run must not be kept.
    with stop_button() as stopped:
        for point in tqdm(points[len(runs) :], desc=name, initial=len(runs), total=len(points)):
            run = experiment.measure(**point)
            if stopped():
                sys.exit(f"Stopped: the results of {name} stay as they were; call again to go on.")
            runs.append(run)
            with part.open("a", encoding="utf8") as file:
                file.write(json.dumps([point, run], default=float) + "\n")
    return runs


def _kept(part: Path, points: list[dict]) -> list[dict]:
    """The runs of an earlier call that was interrupted, as far as they are of these points."""
    lines = part.read_text("utf8").splitlines() if part.exists() else []
    runs = []
    for line, point in zip(lines, points, strict=False):
        try:
            of_point, run = json.loads(line)
        except ValueError:  # it was interrupted while it wrote
            break
        if of_point != point:
            break
        runs.append(run)
    part.write_text("".join(f"{line}\n" for line in lines[: len(runs)]), "utf8", newline="\n")
    return runs


if __name__ == "__main__":
    main()
