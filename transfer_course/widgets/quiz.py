"""The quiz of a chapter: choose, check, and read why."""

from os import PathLike
from pathlib import Path

import anywidget
import traitlets

from transfer_course.quizzes.files import load
from transfer_course.quizzes.markdown import to_html

HERE = Path(__file__).parent


class Quiz(anywidget.AnyWidget):
    """The questions of a quiz, with an explanation of each option and a score.

    The page has all that it needs, so the quiz works with and without a kernel. On paper all
    options and explanations are shown.

    Parameters
    ----------
    name : str or path
        The name of a chapter, such as ``"3-2-fine-tuning"``, or the path of a YAML file of your
        own: see `transfer_course.quizzes.load`.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        As `transfer_course.quizzes.load` does.

    Examples
    --------
    >>> import transfer_course as tc
    >>> tc.widgets.Quiz("3-2-fine-tuning")
    Quiz('3-2-fine-tuning')
    """

    _esm = (HERE / "common.js").read_text("utf8") + (HERE / "quiz.js").read_text("utf8")
    _css = HERE / "quiz.css"

    questions = traitlets.List().tag(sync=True)

    def __init__(self, name: str | PathLike):
        self._name = name
        self._questions = load(name)
        super().__init__(
            questions=[
                {
                    "question": to_html(question["question"]),
                    "options": [
                        {
                            "option": to_html(option["option"]),
                            "why": to_html(option["why"]),
                            "right": option["right"],
                        }
                        for option in question["options"]
                    ],
                }
                for question in self._questions
            ]
        )

    def __repr__(self) -> str:
        return f"Quiz({str(self._name)!r})"

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        """What is saved with the notebook; GitHub shows the text alone, without the answers."""
        data, metadata = super()._repr_mimebundle_(**kwargs)
        lines = []
        for number, question in enumerate(self._questions, 1):
            lines += ["", f"{number}. {question['question']}"]
            lines += [
                f"   {chr(ord('A') + index)}. {option['option']}"
                for index, option in enumerate(question["options"])
            ]
        return data | {"text/plain": "\n".join(lines[1:])}, metadata
