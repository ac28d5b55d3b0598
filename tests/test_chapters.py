"""What each chapter owes its reader: its needs, folded machinery, short cells, help in steps."""

import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
PATHS = sorted(set(NOTEBOOKS.glob("*.ipynb")) - {NOTEBOOKS / "glossary.ipynb"})
CELLS = {path.stem: nbformat.read(path, as_version=4).cells for path in PATHS}
every_chapter = pytest.mark.parametrize("chapter", CELLS)


def code(chapter):
    return [cell for cell in CELLS[chapter] if cell.cell_type == "code"]


def tags(cell) -> set[str]:
    return set(cell.metadata.get("tags", []))


def is_folded(cell) -> bool:
    return bool(tags(cell) & {"hide-input", "hide-cell"})


@every_chapter
def test_a_chapter_says_what_it_needs_and_how_long_it_takes(chapter):
    title = CELLS[chapter][0].source
    assert re.search(r"^\*\*You need\*\*", title, re.MULTILINE)
    minutes = int(re.search(r"Reading time:\s(\d+) minutes", title)[1])
    assert 5 <= minutes <= 60


@every_chapter
def test_what_is_folded_on_the_site_is_folded_in_jupyterlab(chapter):
    for cell in code(chapter):
        assert bool(cell.metadata.get("jupyter", {}).get("source_hidden")) == is_folded(cell), (
            cell.id
        )


@every_chapter
def test_claims_and_checks_are_folded(chapter):
    for cell in code(chapter):
        if cell.id.startswith("claim-"):
            assert "hide-cell" in tags(cell), cell.id
            assert bool(cell.metadata.jupyter.get("outputs_hidden")), cell.id
        if re.fullmatch(r"exercise-.*-check", cell.id):
            assert "hide-input" in tags(cell), cell.id


@every_chapter
def test_no_open_cell_is_longer_than_a_screen(chapter):
    for cell in code(chapter):
        assert is_folded(cell) or len(cell.source.splitlines()) <= 40, cell.id


def test_prose_says_numbers_and_not_that_something_is_more_or_less():
    prose = " ".join(
        cell.source for cells in CELLS.values() for cell in cells if cell.cell_type == "markdown"
    )
    vague = re.findall(r"(?i)\b(?:more|less|fewer) than (?:\d|a few|[a-z]+ percentage)", prose)
    assert len(vague) <= 25, vague


@every_chapter
def test_each_exercise_has_two_hints_before_its_solution(chapter):
    for cell in CELLS[chapter]:
        if re.fullmatch(r"exercise-.*-text", cell.id):
            hints = re.findall(
                r"<details><summary>(.+?)</summary>\n\n.+?\n\n</details>", cell.source, re.DOTALL
            )
            assert hints == ["Hint", "A bigger hint"], cell.id


@every_chapter
def test_each_check_catches_what_an_answer_raises_and_is_tried_with_two_right_answers(chapter):
    for cell in code(chapter):
        if re.fullmatch(r"exercise-.*-check", cell.id):
            assert re.search(r"^@check\ndef check_\w+\(answer\):", cell.source, re.MULTILINE), (
                cell.id
            )
        if re.fullmatch(r"exercise-.*-solution", cell.id):
            said = "".join(output.get("text", "") for output in cell.outputs)
            assert len(re.findall(r"^Right: ", said, re.MULTILINE)) >= 2, cell.id
