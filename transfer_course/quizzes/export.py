"""Quizzes in Moodle's own format, which other learning platforms import as well.

Described at https://docs.moodle.org/en/Moodle_XML_format.
"""

from os import PathLike
from pathlib import Path
from xml.etree import ElementTree as ET

from transfer_course.quizzes.files import load
from transfer_course.quizzes.markdown import to_html


def moodle(*quizzes: str | PathLike) -> str:
    """Return quizzes as Moodle XML.

    Each quiz becomes a category of the question bank, below *Transfer learning*. Its questions have
    a single right answer and feedback for each answer.

    Parameters
    ----------
    *quizzes : str or path
        One or several of the names that `load` takes.

    Returns
    -------
    str
        The XML. Save it as UTF-8.

    Examples
    --------
    >>> xml = moodle("3-1-feature-reuse", "3-2-fine-tuning")
    >>> xml.count('<question type="multichoice">')
    8
    """
    root = ET.Element("quiz")
    for name in quizzes:
        title = Path(name).stem
        category = ET.SubElement(root, "question", type="category")
        _add(category, "category", f"$course$/top/Transfer learning/{title}")
        for number, question in enumerate(load(name), 1):
            _add_question(root, f"{title}, question {number}", question)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def _add_question(root: ET.Element, name: str, question: dict) -> None:
    made = ET.SubElement(root, "question", type="multichoice")
    _add(made, "name", name)
    _add(made, "questiontext", to_html(question["question"]), format="html")
    for tag, value in {
        "defaultgrade": "1",
        "single": "true",  # one answer only
        "shuffleanswers": "true",
        "answernumbering": "ABCD",
    }.items():
        ET.SubElement(made, tag).text = value
    for option in question["options"]:
        fraction = "100" if option["right"] else "0"  # per cent of the grade
        answer = _add(made, "answer", to_html(option["option"]), fraction=fraction, format="html")
        _add(answer, "feedback", to_html(option["why"]), format="html")


def _add(parent: ET.Element, tag: str, text: str, **attributes: str) -> ET.Element:
    made = ET.SubElement(parent, tag, attributes)
    ET.SubElement(made, "text").text = text
    return made
