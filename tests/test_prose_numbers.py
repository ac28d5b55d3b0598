"""Each number that a chapter states is one that its cells printed, or one that they were given.

So prose and table cannot part: when a notebook is run again and its numbers change, the sentence
that states them fails here. A claim cell, folded away, prints what no table shows: a difference, a
count, a value that stands in a figure only. (That the numbers hold on other machines, and by how
much, is what the asserts of the claim cells say.)
"""

import re
from pathlib import Path

import nbformat
import pytest

from transfer_course import quizzes

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
PATHS = sorted(set(NOTEBOOKS.glob("*.ipynb")) - {NOTEBOOKS / "glossary.ipynb"})
NUMBER = r"(?<![\w.])\d+(?:,\d{3})+|(?<![\w.,])\d+\.\d+(?:e-?\d+)?|(?<![\w.])\d+"
# What holds no measured number: code, formulas, links and what they point to, years of papers,
# headings, and the words for a confidence level and for a section.
NO_MEASUREMENT = [
    r"```.*?```",
    r"`[^`]*`",
    r"\$\$.*?\$\$",
    r"\$[^$]*\$",
    r"\[[^\]]*\]\([^)]*\)",
    r"<[^>]*>",
    r"\b(?:19|20)\d\d[a-z]?\b",
    r"^#+ [^\n]*$",
    r"\b95 ?%",
    r"\b(?i:chapters?|sections?|equations?|table|figure|traps?|questions?|exercises?|steps?|grade)"
    r" \d+(?:\.\d+)?(?:(?:,| and| to) \d+(?:\.\d+)?)*",
    r"\b\d+ minutes\b",  # of reading
    r"^\d+\. ",  # of an item in a list
]


def prose(source: str) -> str:
    for pattern in NO_MEASUREMENT:
        source = re.sub(pattern, " ", source, flags=re.DOTALL | re.MULTILINE)
    return source


def stated(source: str) -> list[str]:
    """The numbers in a text for readers."""
    return re.findall(NUMBER, prose(source))


def printed(cell) -> str:
    texts = [cell.source]
    for output in cell.outputs:
        texts.append(output.get("text") or output.get("data", {}).get("text/plain", ""))
    return "\n".join(texts)


def values(text: str) -> set[float]:
    """The numbers in code and its output."""
    found = re.findall(r"\d[\d,_]*\.?\d*(?:e[-+]?\d+)?", text)
    return {float(re.sub("[,_]", "", number).rstrip(".")) for number in found}


def is_among(number: str, known: set[float]) -> bool:
    """Whether a value rounds to the number: as it is, as percent or points, or their complement."""
    wanted = float(number.replace(",", ""))
    half = 0.5 * 10 ** -len(number.partition(".")[2]) * 1.000001
    return any(
        abs(scaled - wanted) <= half
        for value in known
        for scaled in (value, 100 * value, *([100 - 100 * value] if value <= 1 else []))
    )


def is_measured(cell) -> bool:
    """Whether what a cell prints can back a statement; a quiz prints its own text."""
    return cell.cell_type == "code" and cell.id != "quiz"


def explanations(name: str) -> list[str]:
    """What the quiz of a chapter says about its options. (A question may suppose any number.)"""
    questions = quizzes.load(name) if name in quizzes.names() else []
    return [option["why"] for question in questions for option in question["options"]]


def sections(notebook):
    """The cells of each part that a second-level heading begins."""
    parts = [[]]
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and re.search("^## ", cell.source, re.MULTILINE):
            parts.append([])
        parts[-1].append(cell)
    return parts


def untied(path: Path) -> list[str]:
    notebook = nbformat.read(path, as_version=4)
    whole = values("\n".join(printed(c) for c in notebook.cells if is_measured(c)))
    found = [
        f"quiz: {number}"
        for text in explanations(path.stem)
        for number in stated(text)
        if not is_among(number, whole)
    ]
    for part in sections(notebook):
        here = values("\n".join(printed(cell) for cell in part if is_measured(cell)))
        for cell in part:
            if cell.cell_type == "markdown":
                # The summary looks back on the whole chapter, as the quiz does.
                known = here if cell.id.endswith("shows") else whole
                missing = [number for number in stated(cell.source) if not is_among(number, known)]
                found += [f"{cell.id}: {number}" for number in missing]
    return found


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_each_number_in_the_prose_is_one_that_the_cells_printed_or_were_given(path):
    assert untied(path) == []


@pytest.mark.parametrize(
    ("number", "printed_as", "tied"),
    [
        ("25", "0.2512", True),
        ("25", "0.26", False),
        ("9", "0.0875", True),
        ("0.46", "0.4566", True),
        ("0.46", "0.4651", False),
        ("5,000", "source: 5000 images", True),
        ("3.1", "0.0307", True),
        ("3.1", "0.0316", False),
        ("60", "epochs=60", True),
        ("12", "", False),
    ],
)
def test_a_number_is_tied_to_a_value_that_rounds_to_it(number, printed_as, tied):
    assert is_among(number, values(printed_as)) is tied


def test_formulas_code_links_and_years_state_no_measurement():
    text = (
        r"## 3.2 Title"
        "\nKumar et al. (2022) and [3.1](3-1.ipynb), $x_2 = 7$, `f(9)`, 95 % interval,"
    )
    assert stated(text + " chapter 3.2, section 4: **17 points** (12 to 22), 0.46, 1,797.") == [
        *("17", "12", "22", "0.46", "1,797")
    ]
