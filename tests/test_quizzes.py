"""Quizzes: what their files hold and refuse, what a page makes of them, and what Moodle reads.

How a reader answers one is in test_book.
"""

import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import nbformat
import pytest
from saved_widgets import saved_state, shown_by
from test_explorers import in_node

import transfer_course as tc
from transfer_course.quizzes.markdown import to_html

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
# All but the first page, the last ones, a refresher with exercises of its own, and a chapter that
# only a second reading needs.
WITHOUT_QUIZ = {"4-refresher", "4-second-reading"}
CHAPTERS = sorted({path.stem for path in NOTEBOOKS.glob("[1-9]-*.ipynb")} - WITHOUT_QUIZ)
every_chapter = pytest.mark.parametrize("name", CHAPTERS)


def places(name):
    """Where the right options are: 0 for the first of a question."""
    options = [question["options"] for question in tc.quizzes.load(name)]
    return [[option["right"] for option in those].index(True) for those in options]


# The questions


def test_each_chapter_has_a_quiz():
    assert tc.quizzes.names() == CHAPTERS


@every_chapter
def test_a_quiz_has_questions_with_a_right_option_and_an_explanation_of_each(name):
    questions = tc.quizzes.load(name)
    assert len(questions) >= 3
    for question in questions:
        assert question["question"].endswith(("?", "."))
        assert sum(option["right"] for option in question["options"]) == 1
        assert len(question["options"]) >= 3
        for option in question["options"]:
            assert len(option["why"].split()) >= 4 and option["why"].endswith(".")
            # The page says these words before it.
            assert not re.match("Right|Not quite|Correct|Wrong", option["why"])


def test_neither_the_place_nor_the_length_gives_the_right_option_away():
    for name in CHAPTERS:
        assert len(set(places(name))) > 1, name
    counts = Counter(place for name in CHAPTERS for place in places(name))
    assert all(0.2 < count / counts.total() < 0.5 for count in counts.values()), counts
    questions = [question for name in CHAPTERS for question in tc.quizzes.load(name)]
    longest = [max(it["options"], key=lambda option: len(option["option"])) for it in questions]
    assert sum(option["right"] for option in longest) <= len(questions) / 2


@every_chapter
def test_the_chapter_ends_with_its_quiz_as_it_is_now(name):
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    ids = [cell.id for cell in notebook.cells]
    words, quiz, summary = notebook.cells[ids.index("quiz-text") :][:3]
    assert words.source.startswith("## Quiz\n")
    assert quiz.id == "quiz" and quiz.source == f'tc.widgets.Quiz("{name}")'
    assert summary.id == "summary"
    (shown,) = shown_by(quiz)
    saved, now = saved_state(notebook)[shown]["state"], tc.widgets.Quiz(name)
    for part in ("questions", "_esm", "_css"):
        assert saved[part] == getattr(now, part), f"{part}: run `make notebooks`"
    assert quiz.outputs[0].data["text/plain"] == now._repr_mimebundle_()[0]["text/plain"]


# The files

GOOD = """
- question: What is *new*?
  options:
    - option: The head.
      right: true
      why: It belongs to the classes of the target.
    - option: The backbone.
      why: It is the source's.
    - option: "Neither: `all` is old."
      why: Then 1 < 2 & nothing is learned.
- question: What is frozen?
  options:
    - {option: "0.1", why: A number is no layer.}
    - {option: A layer, why: Its weights stay as they are., right: true}
    - {option: A label, why: It is not a weight.}
"""


@pytest.fixture
def file(tmp_path):
    def write(text, name="mine.yml"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def test_a_file_of_ones_own_is_read(file):
    first, second = tc.quizzes.load(file(GOOD))
    assert first["question"] == "What is *new*?"
    assert first["options"][1] == {
        "option": "The backbone.",
        "why": "It is the source's.",
        "right": False,
    }
    assert [option["right"] for option in second["options"]] == [False, True, False]
    assert tc.quizzes.load(str(file(GOOD))) == [first, second]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (GOOD, "", "mine.yml should be a list of 1 or more questions, got None"),
        (GOOD, "[]", "mine.yml should be a list of 1 or more questions, got 0"),
        (GOOD, "question: What?", "mine.yml should be a list of 1 or more questions, got a dict"),
        (GOOD, "- What?", "question 1 should have `options` and `question`, got a str"),
        ("What is *new*?", "What: is new?", r"mine.yml, line 2 is not YAML \(.*quotation marks"),
        ("What is *new*?", "''", "question 1: question='' should be a text"),
        ("What is *new*?", "5", "question 1: question=5 should be a text: put it between quota"),
        ("What is *new*?", r"What is $w_t$?", r"question 1: `question` has a formula in \$"),
        ("- question: What is frozen?\n ", "- ", "question 2 has no `question`: add it"),
        ("      right: true\n", "", "question 1 has 0 right options: mark one with `right: true`"),
        ("label, why", "label, right: true, why", "question 2 has 2 right options"),
        ("right: true\n", "right: 1\n", "question 1, option 1: right=1 should be true"),
        ("right: true\n", "right:\n", "question 1, option 1: right=None should be true"),
        ("right: true\n", "rihgt: true\n", "option 1 has `rihgt`, which is unknown: use `option`"),
        ("      why: It is the source's.\n", "", "question 1, option 2 has no `why`: add it"),
        ('"0.1"', "0.1", r"question 2, option 1: option=0.1 should be a text"),
        ("The backbone.", "The head.", "question 1 has an option twice"),
        (
            "    - {option: A label, why: It is not a weight.}\n",
            "",
            "question 2, options should be a list of 3 or more options, got 2",
        ),
        ("    - {option: A label, why: It is not a weight.}\n", "    - A label\n", "got a str"),
    ],
)
def test_a_slip_is_named_with_its_place(old, new, message, file):
    assert GOOD.count(old) == 1
    with pytest.raises(ValueError, match=message) as error:
        tc.quizzes.load(file(GOOD.replace(old, new)))
    assert str(error.value).startswith("mine.yml")


def test_a_quiz_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"name='3-2' is unknown: use .*name=\"3-2-fine-tuning\""):
        tc.quizzes.load("3-2")
    with pytest.raises(FileNotFoundError):
        tc.quizzes.load(tmp_path / "none.yml")
    with pytest.raises(TypeError, match="name=None is not a path: use the name of a chapter"):
        tc.widgets.Quiz(None)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("`a < b` & *c*", "<code>a &lt; b</code> &amp; <em>c</em>"),
        ("λ* = 1, so λ* is <b>one</b>", "λ* = 1, so λ* is &lt;b&gt;one&lt;/b&gt;"),
        ("[site](https://example.org)", '<a href="https://example.org">site</a>'),
        ("[no](javascript:alert(1))", "[no](javascript:alert(1))"),
    ],
)
def test_markdown_becomes_html_and_html_stays_text(text, html):
    assert to_html(text) == html


# The page


def test_the_page_has_the_texts_in_html(file):
    widget = tc.widgets.Quiz(file(GOOD))
    first = widget.questions[0]
    assert first["question"] == "What is <em>new</em>?"
    assert first["options"][2] == {
        "option": "Neither: <code>all</code> is old.",
        "why": "Then 1 &lt; 2 &amp; nothing is learned.",
        "right": False,
    }


def test_where_widgets_are_not_shown_the_questions_are_there_as_text(file):
    widget = tc.widgets.Quiz(file(GOOD))
    assert widget._repr_mimebundle_()[0]["text/plain"].splitlines() == [
        "1. What is *new*?",
        "   A. The head.",
        "   B. The backbone.",
        "   C. Neither: `all` is old.",
        "",
        "2. What is frozen?",
        "   A. 0.1",
        "   B. A layer",
        "   C. A label",
    ]


def test_the_score_counts_right_first_answers():
    said = in_node(
        tc.widgets.Quiz(CHAPTERS[0]),
        "at.map(module.score)",
        [[None, None], [True, None, None], [False, None], [True, False, True]],
    )
    assert said == [
        "2 questions. Your first answer to each one counts.",
        "Score: 1 of 3. Questions to go: 2.",
        "Score: 0 of 2. Questions to go: 1.",
        "Score: 2 of 3.",
    ]


# Moodle


def as_moodle_reads(xml):
    """Category -> its questions, by the elements that Moodle's importer of multichoice looks up.

    They are described at https://docs.moodle.org/en/Moodle_XML_format.
    """
    assert xml.startswith('<?xml version="1.0"')  # on the first line, or Moodle's parser is lost
    root = ET.fromstring(xml.encode())
    assert root.tag == "quiz"
    categories = {}
    for question in root:
        assert question.tag == "question"
        if question.get("type") == "category":
            questions = categories[question.findtext("category/text")] = []
            continue
        assert question.get("type") == "multichoice"
        assert question.find("questiontext").get("format") == "html"
        assert question.findtext("single") == "true"
        assert question.findtext("answernumbering") in {"none", "abc", "ABCD", "123"}
        answers = [
            (
                answer.findtext("text"),
                float(answer.get("fraction")),
                answer.findtext("feedback/text"),
            )
            for answer in question.findall("answer")
            if answer.get("format") == answer.find("feedback").get("format") == "html"
        ]
        name = question.findtext("name/text")
        questions.append((name, question.findtext("questiontext/text"), answers))
    return categories


def test_moodle_reads_what_the_file_says(file):
    assert as_moodle_reads(tc.quizzes.moodle(file(GOOD))) == {
        "$course$/top/Transfer learning/mine": [
            (
                "mine, question 1",
                "What is <em>new</em>?",
                [
                    ("The head.", 100, "It belongs to the classes of the target."),
                    ("The backbone.", 0, "It is the source's."),
                    (
                        "Neither: <code>all</code> is old.",
                        0,
                        "Then 1 &lt; 2 &amp; nothing is learned.",
                    ),
                ],
            ),
            (
                "mine, question 2",
                "What is frozen?",
                [
                    ("0.1", 0, "A number is no layer."),
                    ("A layer", 100, "Its weights stay as they are."),
                    ("A label", 0, "It is not a weight."),
                ],
            ),
        ]
    }


def test_moodle_gets_every_quiz_in_a_category_of_its_own():
    read = as_moodle_reads(tc.quizzes.moodle(*CHAPTERS))
    assert list(read) == [f"$course$/top/Transfer learning/{name}" for name in CHAPTERS]
    for name, questions in zip(CHAPTERS, read.values(), strict=True):
        graded = [[fraction for _, fraction, _ in answers] for _, _, answers in questions]
        assert [it.index(100) for it in graded] == places(name)
        assert all(sorted(it)[:-1] == [0] * (len(it) - 1) for it in graded)
    names = [question for questions in read.values() for question, _, _ in questions]
    assert len(set(names)) == len(names)
