"""Every section of the article has its place in a chapter, and every chapter on the first page."""

import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
# The article numbers both its mathematics and its code 4, so the notebook is named as well.
OUTLINE = [
    ("1-background", "## 1.1 The rise of transfer learning"),
    ("1-background", "## 1.2 Challenges of few-shot learning"),
    ("1-background", "## 1.3 Definition and importance"),
    ("2-core-concepts", "## 2.1 Basic concepts"),
    ("2-core-concepts", "## 2.2 Kinds of transfer"),
    ("2-core-concepts", "## 2.3 Related methods"),
    ("3-1-feature-reuse", "# 3.1 Feature reuse"),
    ("3-2-fine-tuning", "# 3.2 Fine-tuning"),
    ("3-3-parameter-transfer", "# 3.3 Parameter transfer"),
    ("3-4-diagram", "# 3.4 Diagram"),
    ("4-mathematics", "## 4.1 Feature reuse"),
    ("4-mathematics", "## 4.2 Fine-tuning"),
    ("4-mathematics", "## 4.3 Parameter transfer"),
    ("4-code", "## 4.1 Feature reuse in code"),
    ("4-code", "## 4.2 Fine-tuning in code"),
    ("4-code", "## 4.3 Parameter transfer in code"),
    ("5-applications", "## 5.1 Computer vision"),
]


def markdown(name: str) -> list[str]:
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]


def headings(name: str) -> list[str]:
    lines = "\n\n".join(markdown(name)).splitlines()
    return [line for line in lines if re.match("#+ ", line)]


@pytest.mark.parametrize(("name", "heading"), OUTLINE)
def test_each_section_of_the_article_has_its_heading(name, heading):
    assert heading in headings(name)


def test_the_sections_of_a_notebook_come_in_the_order_of_the_article():
    for name in {name for name, _ in OUTLINE}:
        wanted = [heading for notebook, heading in OUTLINE if notebook == name]
        assert [heading for heading in headings(name) if heading in wanted] == wanted


def test_the_first_page_lists_all_chapters_in_order_with_the_times_that_they_state():
    listed = re.findall(
        r"^- \[.+?\]\((.+?)\.ipynb\): .+?\((\d+) minutes\)\.$",
        "\n".join(markdown("00-start")),
        re.MULTILINE,
    )
    chapters = dict.fromkeys(name for name, _ in OUTLINE)
    chapters = [*chapters, "evidence", "what-next"]
    chapters.insert(-3, "explorers")
    chapters.insert(chapters.index("4-mathematics"), "4-refresher")
    chapters.insert(chapters.index("4-mathematics") + 1, "4-second-reading")
    assert [name for name, _ in listed] == chapters
    for name, minutes in listed:
        assert re.search(r"Reading time:\s(\d+) minutes", markdown(name)[0])[1] == minutes, name
