"""Build the site: ``python book/build.py`` writes it, and a PDF of it, to ``book/_build/html/``.

The notebooks live beside the book, not in it, so that JupyterLab shows students nothing but
notebooks. This script copies them and the book's own pages into one source folder and hands that
to Jupyter Book. The notebooks are published with the outputs they were saved with; none is run.
"""

import argparse
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import nbformat
import yaml
from contents import entries
from launch import COLAB, PDF, repository
from saved_widgets import problems
from without_javascript import add_pictures

from transfer_course import quizzes

BOOK = Path(__file__).resolve().parent
NOTEBOOKS = BOOK.parent / "notebooks"
# Formulas are drawn as SVG by this one file, which carries its own glyphs. MathJax's other outputs
# load fonts and extensions later on, which browsers refuse to pages opened from a disk.
MATHJAX = "static/mathjax/es5/tex-svg-full.js"
PRINT = [sys.executable, BOOK / "pdf.py"]
JUPYTER_BOOK = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]

# Colab's own kernel stands on its own Jupyter, which must stay: the lock rules over all the rest.
FOR_COLAB = """\
# On Colab only: fetches the course and installs what it needs, in the versions of its lock.
# If Colab asks to restart the session, do so and run this cell once more.
!git clone --quiet --depth 1 --branch {branch} {url} /content/course
!grep -vE "^(ipy|jupyter|jedi|traitlets|widgets|tornado)" /content/course/requirements.lock > lock
%pip install --quiet --constraint lock /content/course
%cd /content/course/notebooks"""


def stage(notebooks, source):
    """Gather everything that Jupyter Book reads in the folder ``source``."""
    ours = shutil.ignore_patterns("_build", "__pycache__", "*.py")
    shutil.copytree(BOOK, source, ignore=ours, dirs_exist_ok=True)
    for notebook in sorted(Path(notebooks).glob("*.ipynb")):
        shutil.copy2(notebook, source)  # with its date, so that a preview renews what has changed
    package = find_spec("mathjax").submodule_search_locations[0]
    (source / "assets" / "mathjax").mkdir(exist_ok=True)
    shutil.copy2(Path(package) / MATHJAX, source / "assets" / "mathjax")
    export_quizzes(source / "quizzes")


def export_quizzes(folder):
    """Write each quiz in Moodle's format, and all of them as one file, to ``folder``."""
    folder.mkdir(exist_ok=True)
    files = {name: [name] for name in quizzes.names()} | {"all": quizzes.names()}
    for file, names in files.items():
        (folder / f"{file}.xml").write_text(quizzes.moodle(*names), encoding="utf-8")


def for_colab(notebooks, folder):
    """Copy the notebooks to ``folder`` with a first cell that installs the course there."""
    settings = yaml.safe_load((BOOK / "_config.yml").read_text(encoding="utf-8"))["repository"]
    url = repository(settings["url"])
    if not url:  # no links to Colab
        return
    folder.mkdir()
    code = FOR_COLAB.format(url=url, branch=settings["branch"])
    for path in sorted(Path(notebooks).glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        notebook.cells.insert(0, nbformat.v4.new_code_cell(code, id="for-colab"))
        nbformat.write(notebook, folder / path.name)


def build(notebooks, folder, pdf=True):
    """Build the site from the ``*.ipynb`` in ``notebooks``; return an exit code.

    The site is written to ``folder/_build/html``; whatever was in ``folder/_build`` is deleted
    first. Any warning, a link that leads nowhere among them, makes the exit code other than 0. So
    does, before anything is built, a widget that was saved without its state. With ``pdf``, and a
    Chromium to print it, the book is there as one PDF too.
    """
    if _report_problems(notebooks):
        return 1
    target = Path(folder) / "_build"
    shutil.rmtree(target, ignore_errors=True)
    stage(notebooks, target / "source")
    for notebook in (target / "source").glob("*.ipynb"):
        add_pictures(notebook)
    pdf = pdf and _can_print()
    if pdf:
        entries(BOOK / "_toc.yml")  # what the PDF cannot follow is said before all the work
    # -W -n --keep-going: every warning counts as a failure, dead references too, and all are shown.
    flags = ["-q", "-W", "-n", "--keep-going", "--path-output", folder]
    code = subprocess.run(
        [*JUPYTER_BOOK, "build", target / "source", *flags], env=_environment(pdf)
    ).returncode
    if code:
        return code
    for_colab(notebooks, target / "html" / COLAB)
    if pdf:
        command = [*PRINT, target / "html", target / "html" / PDF]
        return subprocess.run(command, env=_environment(pdf)).returncode
    return 0


def _report_problems(notebooks):
    """Print what the site could not show of the notebooks; return whether there is such a thing."""
    found = [line for path in sorted(Path(notebooks).glob("*.ipynb")) for line in problems(path)]
    for line in found:
        print(line, file=sys.stderr)
    return bool(found)


def _can_print():
    if subprocess.run(PRINT, env=_environment(False)).returncode == 0:
        return True
    print("No Chromium was found to print with: the site will be without its PDF.")
    return False


def preview(port, open_browser=False):
    """Serve the site on this machine; build again and reload it whenever a page is saved."""
    source = BOOK / "_build" / "source"
    stage(NOTEBOOKS, source)
    subprocess.run([*JUPYTER_BOOK, "config", "sphinx", source], check=True, env=_environment(False))
    watched = [flag for folder in (NOTEBOOKS, BOOK) for flag in ("--watch", folder)]
    command = [sys.executable, "-m", "sphinx_autobuild", source, BOOK / "_build" / "preview", "-qn"]
    # What is built is no reason to build; the source folder is copied to, never written in.
    command += ["--re-ignore", r"_build|\.ipynb_checkpoints", *watched]
    command += ["--pre-build", f'"{sys.executable}" "{BOOK / "build.py"}" --stage']
    command += ["--port", str(port)] + ["--open-browser"] * open_browser
    return subprocess.run(command, env=_environment(False)).returncode


def _environment(with_pdf):
    """Where Sphinx finds launch.py, and whether there will be a PDF to link to.

    All text is UTF-8, also to the libraries, whatever the machine's own language is.
    """
    path = os.pathsep.join(filter(None, [str(BOOK), os.environ.get("PYTHONPATH")]))
    # TensorFlow is imported for the reference. What it says on the way concerns nobody here.
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    ours = quiet | {"PYTHONPATH": path, "PYTHONUTF8": "1"} | ({"BOOK_PDF": PDF} if with_pdf else {})
    return os.environ | ours


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description="Build the site in book/_build/html, with a PDF if there is a Chromium."
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--serve",
        action="store_true",
        help="serve a preview, and build it again after each change, until Control-C",
    )
    instead.add_argument(
        "--stage",
        action="store_true",
        help="only gather the source in book/_build/source, as the preview does before each build",
    )
    parser.add_argument(
        "--open-browser", action="store_true", help="with --serve: open the site in a browser"
    )
    parser.add_argument(
        "--port", type=int, default=8000, help="with --serve: where (default: %(default)s)"
    )
    chosen = parser.parse_args(arguments)
    if chosen.stage:
        _report_problems(NOTEBOOKS)  # and go on: in the preview the page says it, too
        return stage(NOTEBOOKS, BOOK / "_build" / "source")
    if chosen.serve:
        return preview(chosen.port, chosen.open_browser)
    return build(NOTEBOOKS, BOOK)


if __name__ == "__main__":
    sys.exit(main())
