"""The files of the quizzes: questions with their options, checked so that a slip is named.

A file is a list of questions::

    - question: Which weights does feature reuse learn?
      options:
        - option: Those of the head.
          right: true
          why: The backbone stays as it is.
        - option: All of them.
          why: That is fine-tuning.
        - option: None of them.
          why: The head is new, so it has to be learned.

Texts are Markdown within a line: `code`, *emphasis*, links. They have no formulas, because not
every place that shows a quiz can draw one: write λ and wₜ.
"""

from os import PathLike
from pathlib import Path

import yaml

from transfer_course._validation import as_path, check_choice, describe, describe_type

HERE = Path(__file__).parent


def names() -> list[str]:
    """Return the names of the quizzes, which are those of their chapters.

    Returns
    -------
    list of str
        In the order of the chapters.

    Examples
    --------
    >>> names()[0]
    '1-background'
    """
    return sorted(path.stem for path in HERE.glob("*.yml"))


def load(name: str | PathLike) -> list[dict]:
    """Read a quiz.

    Parameters
    ----------
    name : str or path
        One of `names`, or the path of a file of your own, which ends in ``.yml``.

    Returns
    -------
    list of dict
        The questions: ``question``, a text, and ``options``, at least three. Each option has the
        texts ``option`` and ``why``, the explanation, and ``right``, which is True for one of them.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    TypeError
        The name is neither a text nor a path.
    ValueError
        There is no quiz of that name, or the file is not as described in this module. The message
        says which question and which option.

    Examples
    --------
    >>> question = load("3-1-feature-reuse")[0]
    >>> question["question"]
    'Which weights does feature reuse learn from the images of the target?'
    >>> [option["right"] for option in question["options"]]
    [True, False, False]
    """
    path = as_path("name", name, "use the name of a chapter, or the path of a YAML file")
    if path.suffix != ".yml":
        path = HERE / f"{check_choice('name', name, names())}.yml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise ValueError(
            f"{path.name}{where} is not YAML ({getattr(error, 'problem', error)}): check the "
            "indentation, and put a text that has a colon in it between quotation marks"
        ) from error
    questions = _check_list(path.name, content, "questions", at_least=1)
    return [
        _check_question(f"{path.name}, question {number}", question)
        for number, question in enumerate(questions, 1)
    ]


def _check_question(where: str, question) -> dict:
    _check_keys(where, question, {"question", "options"}, {"question", "options"})
    options = _check_list(f"{where}, options", question["options"], "options", at_least=3)
    checked = [
        _check_option(f"{where}, option {number}", option)
        for number, option in enumerate(options, 1)
    ]
    right = sum(option["right"] for option in checked)
    if right != 1:
        raise ValueError(f"{where} has {right} right options: mark one with `right: true`")
    texts = [option["option"] for option in checked]
    if len(set(texts)) < len(texts):
        raise ValueError(f"{where} has an option twice: change one of them")
    return {"question": _check_text(where, question, "question"), "options": checked}


def _check_option(where: str, option) -> dict:
    _check_keys(where, option, {"option", "why"}, {"option", "why", "right"})
    right = option.get("right", False)
    if not isinstance(right, bool):
        raise ValueError(f"{where}: right={describe(right)} should be true, or be left out")
    texts = {key: _check_text(where, option, key) for key in ("option", "why")}
    return texts | {"right": right}


def _check_list(where: str, value, of: str, at_least: int) -> list:
    if not isinstance(value, list) or len(value) < at_least:
        got = f"{len(value)}" if isinstance(value, list) else describe_type(value)
        raise ValueError(f"{where} should be a list of {at_least} or more {of}, got {got}")
    return value


def _check_keys(where: str, value, needed: set, known: set) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{where} should have {_listed(needed)}, got {describe_type(value)}")
    if missing := needed - set(value):
        raise ValueError(f"{where} has no {_listed(missing)}: add it")
    if unknown := set(value) - known:
        raise ValueError(f"{where} has {_listed(unknown)}, which is unknown: use {_listed(known)}")


def _check_text(where: str, of: dict, key: str) -> str:
    text = of[key]
    if not isinstance(text, str) or not text.strip():
        raise ValueError(
            f"{where}: {key}={describe(text)} should be a text: put it between quotation marks"
        )
    if "$" in text:
        raise ValueError(f"{where}: `{key}` has a formula in $: write it in plain signs, such as λ")
    return text.strip()


def _listed(keys: set) -> str:
    return " and ".join(f"`{key}`" for key in sorted(keys, key=str))
