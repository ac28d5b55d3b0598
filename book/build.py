"""Build the site: ``python book/build.py`` leaves it in ``book/_build/html/``.

The notebooks live beside the book, not in it, so that JupyterLab shows students nothing but
notebooks. This script copies them and the book's own pages into one source folder and hands that
to Jupyter Book. The notebooks are published with the outputs they were saved with; none is run.
"""

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

BOOK = Path(__file__).resolve().parent
# Formulas are drawn as SVG by this one file, which carries its own glyphs. MathJax's other outputs
# load fonts and extensions later on, which browsers refuse to pages opened from a disk.
MATHJAX = "static/mathjax/es5/tex-svg-full.js"


def stage(notebooks, source):
    """Gather everything that Jupyter Book reads in ``source``, a folder that does not exist yet."""
    shutil.copytree(BOOK, source, ignore=shutil.ignore_patterns("_build", "__pycache__", "*.py"))
    for notebook in sorted(Path(notebooks).glob("*.ipynb")):
        shutil.copy(notebook, source)
    package = find_spec("mathjax").submodule_search_locations[0]
    (source / "assets" / "mathjax").mkdir()
    shutil.copy(Path(package) / MATHJAX, source / "assets" / "mathjax")


def build(notebooks, folder):
    """Build the site from the ``*.ipynb`` in ``notebooks``; return Jupyter Book's exit code.

    The site is written to ``folder/_build/html``; whatever was in ``folder/_build`` is deleted
    first. Any warning, a link that leads nowhere among them, makes the exit code other than 0.
    """
    target = Path(folder) / "_build"
    shutil.rmtree(target, ignore_errors=True)
    stage(notebooks, target / "source")
    jupyter_book = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
    # -W -n --keep-going: every warning counts as a failure, dead references too, and all are shown.
    flags = ["-q", "-W", "-n", "--keep-going", "--path-output", folder]
    return subprocess.run([*jupyter_book, "build", target / "source", *flags]).returncode


if __name__ == "__main__":
    sys.exit(build(BOOK.parent / "notebooks", BOOK))
