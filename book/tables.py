"""Run the heavy experiments: ``python book/tables.py [name ...]``.

Each is a script in ``notebooks/tables/`` with its settings, ``POINTS``, and ``measure(**point)``.
What it measures is written beside it as a CSV, a row per point, which the chapters read. Without
arguments all of them run.
"""

import runpy
import sys
from pathlib import Path

import pandas as pd

TABLES = Path(__file__).resolve().parent.parent / "notebooks" / "tables"

if __name__ == "__main__":
    for name in sys.argv[1:] or sorted(path.stem for path in TABLES.glob("*.py")):
        experiment = runpy.run_path(str(TABLES / f"{name}.py"))
        rows = []
        for done, point in enumerate(experiment["POINTS"], 1):
            rows.append(point | experiment["measure"](**point))
            print(f"\r{name}: {done} of {len(experiment['POINTS'])}", end="", flush=True)
        print()
        pd.DataFrame(rows).to_csv(TABLES / f"{name}.csv", index=False, float_format="%.4f")
