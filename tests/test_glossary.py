"""The glossary: each term once, with its Chinese name, and linked where a chapter first uses it."""

import re
from pathlib import Path

import link_terms
import nbformat
import pytest

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
CHAPTERS = sorted(set(NOTEBOOKS.glob("*.ipynb")) - {NOTEBOOKS / "glossary.ipynb"})
ASKED_FOR = {"shot", "frozen", "kernel", "epoch", "softmax", "seed", "standard error"}


def texts(path):
    cells = nbformat.read(path, as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "markdown"]


def test_each_term_has_its_chinese_name_and_the_terms_are_in_order():
    _, *entries = texts(NOTEBOOKS / "glossary.ipynb")
    for entry in entries:
        assert re.fullmatch(
            r"## [^\n]+\n\n\*\*[^\n]*[\u4e00-\u9fff][^\n]*\*\*\n\n[^\n]+\.(?!\n).*", entry
        ), entry
    names = [entry.splitlines()[0].removeprefix("## ") for entry in entries]
    sortable = [name.lower().replace("λ", "l") for name in names]
    assert sortable == sorted(sortable)
    assert len(set(names)) == len(names)
    assert set(names) >= ASKED_FOR


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_the_first_use_of_each_term_leads_to_the_glossary(path):
    sources = texts(path)
    assert link_terms.linked(sources) == sources, "run `python book/link_terms.py`"


def test_links_are_made_in_prose_alone_and_once():
    sources = [
        "# A seed",
        "In `seed` and $seed$, [the seed](x.md)",
        "the seeds, and a seed; reseed",
    ]
    expected = [*sources[:2], "the [seeds](glossary.ipynb#seed), and a seed; reseed"]
    assert link_terms.linked(sources) == expected
    assert link_terms.linked(expected) == expected
    assert link_terms.linked(["source\ntasks"]) == ["[source\ntasks](glossary.ipynb#source-task)"]
