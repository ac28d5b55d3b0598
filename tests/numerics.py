"""Run the tests with the arithmetic of other processors: ``make test-numerics``.

Runs ``make check`` under each setting that changes how numbers are rounded, and under one of them
the notebooks and the tests that are marked as long; prints what passed, and ends with an error if
anything failed. The settings:

- each kernel of OpenBLAS, NumPy's linear algebra, that this processor can run: on another one
  OpenBLAS would choose another;
- TensorFlow without oneDNN, as on processors for which oneDNN has nothing;
- one thread, so that sums are taken in another order;
- another seed for the network that most tests start from.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Names that OPENBLAS_CORETYPE takes, for x86 and for ARM, the oldest first. Several may lead to the
# same kernel; one that the processor cannot run ends the process or is passed over.
CORE_TYPES = [
    *["Prescott", "Core2", "Nehalem", "Sandybridge", "Haswell", "Zen"],
    *["SkylakeX", "Cooperlake", "SapphireRapids"],
    *["ARMV8", "CORTEXA57", "NEOVERSEN1", "NEOVERSEV1", "VORTEX"],
]

# Which kernels are in use, after a calculation in each: that is where a wrong one crashes.
KERNELS_IN_USE = """
import numpy as np, scipy.linalg, threadpoolctl
for dtype in ("float32", "float64"):
    square = np.random.default_rng(0).normal(size=(64, 64)).astype(dtype)
    square @ square, square @ square[0], np.linalg.svd(square), scipy.linalg.solve(square, square)
print(*sorted({f"{p['prefix']}-{p['architecture']}" for p in threadpoolctl.threadpool_info()
               if p["internal_api"] == "openblas"}))
"""
SETTINGS = {
    "as it is": {},
    "without oneDNN": {"TF_ENABLE_ONEDNN_OPTS": "0"},
    "one thread": dict.fromkeys(
        [
            "OMP_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
            "TF_NUM_INTRAOP_THREADS",
            "TF_NUM_INTEROP_THREADS",
        ],
        "1",
    ),
    "another source network": {"TRANSFER_COURSE_SOURCE_SEED": "1"},
}
# Run once, since they take long.
ONCE = {"notebooks": "notebooks", "long tests": "tests -m long"}


def kernels(core_type=None):
    """The OpenBLAS kernels that a process uses which is told to take ``core_type``; None if none.

    >>> kernels("no such processor") == kernels()  # OpenBLAS chooses by itself
    True
    """
    env = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    if core_type:
        env["OPENBLAS_CORETYPE"] = core_type
    done = subprocess.run(
        [sys.executable, "-c", KERNELS_IN_USE], env=env, capture_output=True, encoding="utf-8"
    )
    return done.stdout.strip() or None if done.returncode == 0 else None


def core_types():
    """The names of ``CORE_TYPES`` that make a difference here: each leads to kernels of its own.

    The one that OpenBLAS chooses by itself is left out: it is "as it is".
    """
    found = {kernels(): None}
    for name in CORE_TYPES:
        found.setdefault(kernels(name), name)
    found.pop(None, None)
    return [name for name in found.values() if name]


def all_settings():
    """Every setting by its name: the variables of the environment that it consists of."""
    return SETTINGS | {f"kernel {name}": {"OPENBLAS_CORETYPE": name} for name in core_types()}


def run(command, variables):
    """Run a command from the top folder; return whether it succeeded, and the minutes it took."""
    # Where make runs this script, it leaves variables for the makes below it: not for these.
    ours = {"OPENBLAS_CORETYPE", "TRANSFER_COURSE_SOURCE_SEED"}
    env = {n: value for n, value in os.environ.items() if "MAKE" not in n and n not in ours}
    start = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=env | variables)
    return done.returncode == 0, (time.monotonic() - start) / 60


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="only say which settings there are")
    parser.add_argument(
        "--only", nargs="+", metavar="SETTING", help="run these settings alone (as --list has them)"
    )
    parser.add_argument(
        "--tests", nargs="+", metavar="PATH", help="run these files in place of `make check`"
    )
    chosen = parser.parse_args()
    settings = all_settings()
    check = (
        ["make", "test", f"TESTS={' '.join(chosen.tests)}"] if chosen.tests else ["make", "check"]
    )
    runs = {name: (check, variables) for name, variables in settings.items()}
    for name, tests in ONCE.items():
        command = ["make", "test", f"TESTS={tests}"]
        runs[f"{name}, without oneDNN"] = command, SETTINGS["without oneDNN"]
    if chosen.list:
        print(*runs, sep="\n")
        return 0
    for name in chosen.only or ():
        if name not in runs:
            parser.error(f"{name!r} is none of the settings: {', '.join(runs)}")

    results = {}
    for name in chosen.only or runs:
        print(f"\n==== {name} ====", flush=True)
        results[name] = run(*runs[name])
    width = max(map(len, results))
    print()
    for name, (passed, minutes) in results.items():
        print(f"{name:{width}}  {'passed' if passed else 'FAILED'}  {minutes:5.1f} minutes")
    return 0 if all(passed for passed, _ in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
