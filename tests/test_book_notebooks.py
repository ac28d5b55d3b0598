"""What a notebook must be saved with to be shown whole: the state of widgets, texts of figures."""

import ast
import json
import logging
import re
import subprocess
import sys
from pathlib import Path

import build as script
import nbformat
import pytest
from browser import chromium, new_page
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook
from saved_widgets import STATE, VIEW, problems

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# In the order of their chapter; an instructor can leave that of the solar cells out.
EXPLORERS = [
    cell.id
    for cell in nbformat.read(ROOT / "notebooks" / "explorers.ipynb", as_version=4).cells
    if cell.id.endswith("-explorer")
]


def without_state(notebook):
    del notebook.metadata["widgets"]
    return EXPLORERS


def with_the_state_of_another_run(notebook):
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if VIEW in output.get("data", {}):
                output.data[VIEW]["model_id"] = f"{number:032x}"
    return EXPLORERS


def without_one_state(notebook):
    del notebook.metadata.widgets[STATE]["state"]["widget-2"]
    return EXPLORERS[1:2]


def without_a_part(notebook):
    """What the third explorer refers to, and shows nothing itself."""
    state = notebook.metadata.widgets[STATE]["state"]
    del state[state["widget-3"]["state"]["layout"].removeprefix("IPY_MODEL_")]
    return EXPLORERS[2:3]


def without_a_part_of_a_part(notebook):
    state = notebook.metadata.widgets[STATE]["state"]
    layout = state["widget-1"]["state"]["layout"].removeprefix("IPY_MODEL_")
    state[layout]["state"]["children"] = ["IPY_MODEL_nowhere-to-be-found"]
    return EXPLORERS[:1]


@pytest.mark.parametrize(
    "spoil",
    [
        without_state,
        with_the_state_of_another_run,
        without_one_state,
        without_a_part,
        without_a_part_of_a_part,
    ],
)
def test_a_widget_without_its_state_stops_the_build_before_it_begins(spoil, tmp_path, capfd):
    notebook = nbformat.read(ROOT / "notebooks" / "explorers.ipynb", as_version=4)
    culprits = spoil(notebook)
    nbformat.write(notebook, tmp_path / "explorers.ipynb")
    assert script.build(tmp_path, tmp_path / "out") == 1
    lines = capfd.readouterr().err.splitlines()
    assert [re.search(r"\(id (.+?)\)", line)[1] for line in lines] == culprits
    for line in lines:
        assert line.startswith("explorers.ipynb, cell ")
        assert "run `make notebooks`" in line
    assert not (tmp_path / "out").exists()


def test_the_preview_says_it_and_goes_on(tmp_path, capfd, monkeypatch):
    notebook = nbformat.read(ROOT / "notebooks" / "explorers.ipynb", as_version=4)
    without_state(notebook)
    nbformat.write(notebook, tmp_path / "explorers.ipynb")
    staged = []
    monkeypatch.setattr(script, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(script, "stage", lambda *folders: staged.append(folders))
    assert not script.main(["--stage"])
    assert len(staged) == 1
    assert capfd.readouterr().err.count("run `make notebooks`") == len(EXPLORERS)


def test_a_merge_that_is_not_finished_is_named(tmp_path):
    path = tmp_path / "merged.ipynb"
    text = (ROOT / "notebooks" / "what-next.ipynb").read_text(encoding="utf-8")
    path.write_text(text.replace('"cells"', '<<<<<<< HEAD\n "cells"', 1), encoding="utf-8")
    (line,) = problems(path)
    assert line.startswith("merged.ipynb should be a notebook")
    assert "run `make notebooks`" in line


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebooks_are_saved_with_the_state_of_what_they_show(path):
    assert problems(path) == []


MODULE = "export default { render({ model, el }) { el.textContent = model.get('words'); } };"
MISSING = (
    "This page was saved without the control that belongs here. "
    "To use it, open this notebook in JupyterLab and run it."
)


@pytest.mark.browser
@pytest.mark.parametrize("state", [True, False], ids=["some state", "no state"])
def test_a_page_says_that_a_widget_is_missing(state, tmp_path):
    ours = {"_anywidget_id": "ours", "_esm": MODULE, "_css": "", "words": "drawn"}
    saved = {"ours": {"state": ours}, "a-slider": {"state": {"value": 3}}, "empty": {}}
    views = ["gone", "ours", "a-slider", "empty"]
    scripts = [(VIEW, {"model_id": name}) for name in views]
    scripts += [(STATE, {"state": saved})] * state
    page = "".join(f'<script type="{kind}">{json.dumps(it)}</script>' for kind, it in scripts)
    widgets = (ROOT / "book" / "assets" / "widgets.js").read_text(encoding="utf-8")
    path = tmp_path / "page.html"
    path.write_text(f"<!doctype html><script>{widgets}</script>{page}", encoding="utf-8")
    with chromium() as browser, new_page(browser) as (tab, trouble):
        tab.goto(path.as_uri())
        texts = [holder.text_content() for holder in tab.locator("div").all()]
    assert texts == [MISSING, "drawn" if state else MISSING, MISSING, MISSING]
    assert trouble == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_figures_have_their_texts_in_the_notebook_too(path, caplog):
    notebook = nbformat.read(path, as_version=4)
    # Of nbconvert's templates for HTML this one reads the texts of pictures.
    exporter = HTMLExporter(template_name="classic")
    exporter.log = logging.getLogger("nbconvert")
    with caplog.at_level(logging.WARNING):
        html, _ = exporter.from_notebook_node(notebook)
    assert "Alternative text" not in caplog.text
    texts = [img.get("alt") for img in BeautifulSoup(html, "html.parser").select("img")]
    figures = [
        cell.metadata.mystnb.image.alt
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert texts == figures, "run `make notebooks`: it repeats each cell's text in its output"
    assert all(texts)


def test_execute_saves_the_text_of_a_figure_with_it(tmp_path):
    path = tmp_path / "figures.ipynb"
    source = """from IPython.display import Image, display
png = bytes([137, *b"PNG", 13, 10, 26, 10])
display(Image(png, width=50))
Image(png)"""
    told = {"mystnb": {"image": {"alt": "A point: größer als nichts."}}}
    cells = [new_code_cell(source, metadata=told), new_code_cell(source)]
    nbformat.write(new_notebook(cells=cells), path)
    command = [sys.executable, ROOT / "book" / "execute.py", path]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    told, untold = nbformat.read(path, as_version=4).cells
    alt = {"alt": "A point: größer als nichts."}
    assert [output.metadata for output in told.outputs] == [
        {"image/png": {"width": 50} | alt},
        {"image/png": alt},
    ]
    assert [output.metadata for output in untold.outputs] == [{"image/png": {"width": 50}}, {}]


def test_every_text_is_read_and_written_as_utf_8():
    files = [*(ROOT / "book").glob("*.py"), *(ROOT / "tests").glob("test_book*.py")]
    calls = [
        node
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]
    texts = {"open", "read_text", "write_text"}
    wrong = []
    for call in calls:
        name, given = ast.unparse(call.func), [ast.unparse(word) for word in call.keywords]
        is_text = name.split(".")[-1] in texts and name != "Image.open"
        if (is_text or "text=True" in given) and "encoding='utf-8'" not in given:
            wrong.append(ast.unparse(call))
    assert len(calls) > 500
    assert wrong == []
