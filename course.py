"""Set up, open and test the course on any system: ``python course.py lab`` (Windows: ``py ...``).

It needs nothing but Python. Where there is `make`, that does the same and more: it too calls this
file to set the course up.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
# Written last, so that it is there only when a set-up is complete. It names the folder, because an
# environment does not survive a move.
READY = VENV / "ready"

LAB = ["-m", "jupyterlab", "--ServerApp.root_dir=notebooks"]
LAB += ["--LabApp.default_url=/lab/tree/00-start.ipynb"]
LAB += ["--KernelManager.transport_encryption=auto", "--Application.log_level=ERROR"]
# Two test files run at a time, each from start to end in one process, because its tests share
# fixtures. In the order of collection, so that short notebooks come last.
TEST = ["-m", "pytest", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", "-m", "not slow"]


def is_ready():
    """Whether the environment is complete, is of this folder, and is no older than its list."""
    lists = [ROOT / "requirements.lock", ROOT / "pyproject.toml"]
    return (
        READY.exists()
        and READY.read_text(encoding="utf-8").strip() == str(ROOT)
        and READY.stat().st_mtime >= max(file.stat().st_mtime for file in lists)
    )


def set_up():
    """Install the course into .venv, afresh."""
    if not (3, 11) <= sys.version_info < (3, 14):
        sys.exit(
            f"The course needs Python 3.11, 3.12 or 3.13, and this is {sys.version.split()[0]}: "
            "install one of these, and run it in its place (in Windows, py -3.13 course.py lab)"
        )
    print("Installing the course into .venv: 3 GB, once, 1 to 3 minutes ...", flush=True)
    quiet = {"PIP_QUIET": "2", "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    news = "@jupyterlab/apputils-extension:announcements"
    steps = [
        [sys.executable, "-m", "venv", "--clear", VENV],
        [PYTHON, "-m", "pip", "install", "-r", "requirements.lock"],
        [PYTHON, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--editable", "."],
        # JupyterLab is not to ask whether it may fetch its makers' news.
        [PYTHON, "-m", "jupyter", "labextension", "disable", "--log-level=ERROR", news],
        # Matplotlib gathers the fonts of the machine, which it might announce in a notebook.
        [PYTHON, "-c", "import matplotlib.font_manager"],
    ]
    for step in steps:
        if subprocess.run(step, cwd=ROOT, env=os.environ | quiet).returncode:
            sys.exit(
                "The set-up stopped half-way, for the reason above. Is this machine online, and "
                "has its disk 3 GB to spare? Then run the same command again: it starts afresh."
            )
    READY.write_text(f"{ROOT}\n", encoding="utf-8")


def run(arguments):
    """Run the environment's Python and return its exit code. Control-C is for what runs there."""
    process = subprocess.Popen([PYTHON, *arguments], cwd=ROOT)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            pass


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description="Set the course up in .venv where that is missing, then:"
    )
    parser.add_argument(
        "command",
        choices=["lab", "test", "setup"],
        help="open it in JupyterLab; run the tests (further arguments are for pytest); or no more",
    )
    chosen, rest = parser.parse_known_args(arguments)
    if rest and chosen.command != "test":
        parser.error(f"{chosen.command} takes no further arguments, got {' '.join(rest)}")
    if not is_ready():
        set_up()
    if chosen.command == "lab":
        print("JupyterLab is opening in your browser. Control-C, twice, stops it.", flush=True)
        as_root = ["--allow-root"] * (getattr(os, "geteuid", lambda: 1)() == 0)
        return run([*LAB, *as_root])
    if chosen.command == "test":
        return run([*TEST, *rest])


if __name__ == "__main__":
    sys.exit(main())
