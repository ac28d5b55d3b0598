"""Quizzes: every question has one right option, and says of the others why they are not."""

import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
CHAPTERS = sorted(NOTEBOOKS.glob("[1-9]-*.ipynb"))  # neither the first page nor the last
OPTION = r"<details><summary>([A-Z])\. .+?</summary>\n\n(.+?)\n\n</details>"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_each_question_has_one_right_option_and_two_wrong_ones(path):
    cells = {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}
    title, *questions = re.split(r"^\*\*", cells["quiz"].source, flags=re.MULTILINE)
    assert title.strip() == "## Quiz"
    assert len(questions) >= 3
    for question in questions:
        options = re.findall(OPTION, question, re.DOTALL)
        assert len(options) == question.count("<details>") == question.count("</details>")
        assert [letter for letter, _ in options] == list("ABCDE"[: len(options)])
        right = [text for _, text in options if text.startswith("Right")]
        wrong = [text for _, text in options if text.startswith("Not ")]
        assert len(right) == 1, question
        assert len(wrong) >= 2, question
        assert len(right) + len(wrong) == len(options)
