"""The set-up: one list of dependencies, one lock, one environment, and a `make` that minds them."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbval.plugin import get_sanitize_patterns
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import course

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")

ADMITTED = SpecifierSet(PROJECT["requires-python"])
PYTHONS = [f"3.{minor}" for minor in range(30) if f"3.{minor}" in ADMITTED]
SYSTEMS = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}

DIRECT = [
    Requirement(line)
    for lines in [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    for line in lines
]
PINS = [Requirement(line) for line in LOCK.splitlines() if line.strip() and line.lstrip()[0] != "#"]
TARGETS = re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE)

needs_make = pytest.mark.skipif(not shutil.which("make"), reason="needs GNU make and a shell")


def pinned(pin):
    """The version of a line of the lock, which must be exact: ``name==1.2.3``, no pattern."""
    (exact,) = pin.specifier
    assert exact.operator == "==" and "*" not in exact.version and pin.url is None, str(pin)
    return exact.version


# ---- dependencies and their lock -----------------------------------------------------------------


def test_the_lock_pins_every_package_exactly_and_names_no_host_and_no_path():
    assert len(PINS) > 100
    for pin in PINS:
        pinned(pin)
    assert "/" not in LOCK and "\\" not in LOCK


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_has_each_direct_dependency_once_in_its_range(python, system):
    here = {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "sys_platform": system,
        "platform_system": SYSTEMS[system],
        "os_name": "nt" if system == "win32" else "posix",
    }
    active = [pin for pin in PINS if pin.marker is None or pin.marker.evaluate(here)]
    names = [canonicalize_name(pin.name) for pin in active]
    assert len(names) == len(set(names)), "one package, two versions"
    versions = dict(zip(names, map(pinned, active), strict=True))
    for need in DIRECT:
        assert versions[canonicalize_name(need.name)] in need.specifier, str(need)


def test_the_lock_was_made_from_this_pyproject():
    reasons = re.findall(r"^(\S+?)==.*\n((?:    #.*\n)*)", LOCK, re.MULTILINE)
    wanted_by_us = {name for name, why in reasons if f"{PROJECT['name']} (pyproject.toml)" in why}
    assert wanted_by_us == {canonicalize_name(need.name) for need in DIRECT}


def test_what_is_installed_is_what_is_locked():
    active = [pin for pin in PINS if pin.marker is None or pin.marker.evaluate()]
    locked = {pin.name: pinned(pin) for pin in active}
    assert {name: version(name) for name in locked} == locked
    done = subprocess.run(
        [sys.executable, "-m", "pip", "check"], capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout


def test_conda_installs_the_lock_on_an_admitted_python():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *others, last = conda["dependencies"]
    python = Requirement(
        next(need for need in others if need.startswith("python=")).replace("=", "==")
    )
    assert pinned(python) in PYTHONS
    assert "pip" in others
    assert last == {"pip": ["-r requirements.lock", "-e ."]}


def test_the_makefile_admits_the_pythons_of_pyproject():
    low, high = re.search(r"\((\d+, \d+)\) <= sys.version_info < \((\d+, \d+)\)", MAKEFILE).groups()
    low, high = low.replace(", ", "."), high.replace(", ", ".")
    assert SpecifierSet(f">={low},<{high}") == ADMITTED
    assert re.findall(r"python(3\.\d+)", MAKEFILE.split("PYTHON ?=")[1].split("\n")[0]) == PYTHONS


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == PROJECT["version"] == version(PROJECT["name"])
    assert citation["license"] == PROJECT["license"]


def test_importing_the_package_loads_nothing_heavy():
    heavy = "{'tensorflow', 'keras', 'sklearn', 'matplotlib', 'pandas', 'scipy', 'numpy', 'PIL'}"
    code = f"import sys, transfer_course; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout == "[]\n"


# ---- make ----------------------------------------------------------------------------------------


def make(folder, *arguments, **variables):
    # Where make runs these tests, it has left word for the makes that it starts. Not for these.
    env = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    for name in ("PYTHON", "SIDE_BY_SIDE", "TESTS"):
        env.pop(name, None)
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=env | variables, capture_output=True, encoding="utf-8"
    )


@needs_make
def test_make_alone_lists_every_target():
    listed = re.findall(r"^  make (\S+) +\S+", make(ROOT).stdout, re.MULTILINE)
    assert listed == TARGETS
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[1]
    assert sorted(phony.split()) == sorted(TARGETS)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_make_command_on_the_page_exists(page):
    commands = re.findall(
        r"(?:`|^ *)make ([a-z-]+)", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {"lab", "test"} & set(commands)
    assert set(commands) <= set(TARGETS)


@needs_make
def test_without_a_fitting_python_make_says_what_to_do(tmp_path):
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    done = make(tmp_path, "lab", "PYTHON=no-such-python false")
    assert done.returncode == 2
    assert "needs Python 3.11, 3.12 or 3.13" in done.stderr and "PYTHON=" in done.stderr
    assert not (tmp_path / ".venv").exists()


# ---- course.py: the same without make ------------------------------------------------------------


def what_make_runs(target):
    """The arguments for Python in the recipe of a target."""
    recipe = make(ROOT, "-n", target).stdout.replace("\\\n", " ").splitlines()[-1]
    return shlex.split(recipe)[1:]


@needs_make
def test_make_and_course_py_do_the_same():
    as_root = ["--allow-root"] * (os.geteuid() == 0)
    assert what_make_runs("lab") == course.LAB + as_root
    assert what_make_runs("test") == course.TEST
    assert re.search(r"^\t@.*course\.py setup$", MAKEFILE, re.MULTILINE)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder in which the course is set up."""
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    monkeypatch.setattr(course, "ROOT", tmp_path)
    monkeypatch.setattr(course, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(course, "READY", tmp_path / ".venv" / "ready")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "ready").write_text(f"{tmp_path}\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def ran(monkeypatch):
    """The arguments that course.py gives to Python, which does not run here."""
    commands = []

    def run(command, **options):
        commands.append(command[1:])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(course.subprocess, "run", run)
    monkeypatch.setattr(course, "run", lambda arguments: commands.append(arguments) or 7)
    return commands


def test_course_py_installs_nothing_twice(folder, ran):
    assert course.main(["test", "tests", "-k", "word"]) == 7
    assert ran == [[*course.TEST, "tests", "-k", "word"]]


@pytest.mark.parametrize("stale", ["no environment", "a newer lock", "another folder"])
def test_course_py_sets_up_what_is_missing(folder, ran, stale):
    ready = folder / ".venv" / "ready"
    if stale == "no environment":
        ready.unlink()
    elif stale == "a newer lock":
        later = ready.stat().st_mtime + 10
        os.utime(folder / "requirements.lock", (later, later))
    else:
        ready.write_text("/elsewhere\n", encoding="utf-8")
    course.main(["setup"])
    assert ran[0] == ["-m", "venv", "--clear", folder / ".venv"]
    assert ["-m", "pip", "install", "-r", "requirements.lock"] in ran
    assert ready.read_text(encoding="utf-8") == f"{folder}\n"


def test_a_set_up_that_stops_half_way_starts_afresh_the_next_time(folder, monkeypatch):
    (folder / ".venv" / "ready").unlink()
    failed = subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(course.subprocess, "run", lambda *arguments, **options: failed)
    with pytest.raises(SystemExit, match=r"stopped half-way.*run the same command again"):
        course.main(["lab"])
    assert not course.is_ready()


def test_course_py_says_which_python_it_needs(folder, ran, monkeypatch):
    (folder / ".venv" / "ready").unlink()
    monkeypatch.setattr(course.sys, "version_info", (3, 10, 1))
    with pytest.raises(SystemExit, match=r"needs Python 3\.11, 3\.12 or 3\.13, and this is"):
        course.main(["lab"])
    assert ran == []


def test_course_py_needs_nothing_but_python():
    code = "import sys; sys.path[:0] = [sys.argv[1]]; import course"
    subprocess.run([sys.executable, "-I", "-S", "-c", code, ROOT], check=True)


# ---- notebooks: how they are run and compared ----------------------------------------------------


def execute(*paths):
    command = [sys.executable, ROOT / "book" / "execute.py", *paths]
    return subprocess.run(command, capture_output=True, encoding="utf-8")


@pytest.mark.long
def test_an_executed_notebook_depends_on_its_source_and_outputs_alone(tmp_path):
    (tmp_path / "data.txt").write_text("found\n", encoding="utf-8")
    first = new_code_cell("print(open('data.txt').read())", id="first", execution_count=7)
    first.metadata = {"tags": ["keep"], "execution": {"iopub.execute_input": "2020-01-01"}}
    cells = [new_markdown_cell("# Title", id="title"), first, new_code_cell("6 * 7", id="second")]
    path = tmp_path / "a.ipynb"
    metadata = {"kernelspec": {"name": "mine", "display_name": "Mine"}, "widgets": {"old": {}}}
    nbformat.write(new_notebook(cells=cells, metadata=metadata), path)

    assert execute(path).returncode == 0
    once = path.read_bytes()
    notebook = nbformat.reads(once, as_version=4)
    assert [cell.id for cell in notebook.cells] == ["title", "first", "second"]
    assert [cell.get("execution_count") for cell in notebook.cells] == [None, 1, 2]
    assert notebook.cells[1].outputs[0].text == "found\n\n"
    assert notebook.cells[1].metadata == {"tags": ["keep"]}
    assert notebook.cells[2].outputs[0].data == {"text/plain": "42"}
    assert notebook.metadata == {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
    }
    assert execute(path).returncode == 0
    assert path.read_bytes() == once


@pytest.mark.long
@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import sys; print('oh', file=sys.stderr)", "writes to stderr"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_notebook_that_goes_wrong_is_refused_and_left_alone(tmp_path, source, reason):
    path = tmp_path / "a.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(source, id="culprit")]), path)
    before = path.read_bytes()
    done = execute(path)
    assert done.returncode == 1
    assert "a.ipynb" in done.stderr and "culprit" in done.stderr and reason in done.stderr
    assert path.read_bytes() == before


def test_the_sanitize_file_masks_addresses_and_durations_and_nothing_else():
    text = (ROOT / "tests" / "nbval_sanitize.cfg").read_bytes().decode("ascii")
    patterns = get_sanitize_patterns(text)
    assert len(patterns) == text.count("regex:") == 2

    def masked(line):
        for regex, replacement in patterns:
            line = re.sub(regex, replacement, line)
        return line

    assert masked("<A at 0x7f050efac990>, 1.25 s, 3 ms") == "<A at 0xADDRESS>, DURATION, DURATION"
    for kept in ("accuracy 0.91 shots 5", "5 shots", "2 minima", "shape (50, 28, 28, 1)"):
        assert masked(kept) == kept
