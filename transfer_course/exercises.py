"""What the exercises of the course are checked with.

A check says what was called, what came back and what was expected. Whatever the reader's answer
does, the reader sees a sentence and never a traceback.
"""

from collections.abc import Callable
from functools import wraps
from reprlib import Repr
from traceback import extract_tb

import numpy as np

_short = Repr()
_short.maxstring = _short.maxother = 60
_short.maxlist = _short.maxtuple = _short.maxdict = 6
_short.repr_ndarray = lambda array, level: (
    repr(array.tolist()) if array.size <= 6 else f"an array of shape {array.shape}"
)


class NotYet(Exception):
    """The answer is not right yet. The message says why, and what to try."""


def check(function: Callable) -> Callable:
    """Turn a function that raises `NotYet` into one that returns the verdict.

    Parameters
    ----------
    function : callable
        Takes the reader's answer. It raises `NotYet` for a wrong one, and returns what a right one
        shows, a sentence.

    Returns
    -------
    callable
        Takes the answer and returns a sentence that begins with ``Right:`` or ``Not yet:``. It
        raises nothing.

    Examples
    --------
    >>> @check
    ... def check_double(answer):
    ...     expect(answer, 4, returns=8)
    ...     return "four becomes eight."
    >>> check_double(lambda number: number * 2)
    'Right: four becomes eight.'
    >>> check_double(lambda number: number + 2)
    'Not yet: your function, called with (4), returned 6. It should return 8.'
    """

    @wraps(function)
    def verdict(answer):
        if answer is ... or answer is None or (isinstance(answer, str) and not answer):
            return "Not yet: there is no answer so far. Write yours in the cell above, and run it."
        try:
            return f"Right: {function(answer)}"
        except NotYet as problem:
            return f"Not yet: {problem}"
        except Exception as problem:
            return (
                f"Not yet: your answer has a form that the check cannot use. It led to "
                f"{type(problem).__name__}: {problem}. Compare it with what the exercise asks for."
            )

    return verdict


def call(answer: Callable, *arguments, **settings):
    """Call the reader's function and return what it returns.

    Parameters
    ----------
    answer : callable
        The reader's function.
    *arguments, **settings
        What it is called with.

    Returns
    -------
    object
        Whatever came back, other than None and the three dots of an empty answer.

    Raises
    ------
    NotYet
        The answer is no function, it raised something, or nothing came back.

    Examples
    --------
    >>> call(max, [1, 3, 2])
    3
    >>> call(max, [])
    Traceback (most recent call last):
    ...
    transfer_course.exercises.NotYet: max, called with ([]), raised ValueError: max() ...
    """
    return _called(answer, arguments, settings)[0]


def expect(answer: Callable, *arguments, returns, hint: str = "", **settings):
    """Call the reader's function and compare what it returns.

    Parameters
    ----------
    answer : callable
        The reader's function.
    *arguments, **settings
        What it is called with.
    returns : object
        What it should return. Numbers and arrays may differ by rounding (a relative 1e-4, which
        allows for float32), and a list or a tuple is as good as an array.
    hint : str, optional
        A sentence for a reader whose function returns something else.

    Returns
    -------
    object
        What came back.

    Raises
    ------
    NotYet
        As in `call`, or because something else came back.

    Examples
    --------
    >>> expect(sum, [0.1, 0.2], returns=0.3)
    0.30000000000000004
    >>> expect(sum, [1, 2], returns=4, hint="Count twice.")
    Traceback (most recent call last):
    ...
    transfer_course.exercises.NotYet: sum, called with ([1, 2]), returned 3. It should return 4. ...
    """
    value, shown = _called(answer, arguments, settings)
    if not same(value, returns):
        raise NotYet(
            f"{shown}, returned {_short.repr(value)}. It should return {_short.repr(returns)}. "
            f"{hint}".strip()
        )
    return value


def same(value, expected) -> bool:
    """Say whether two values are equal up to rounding, whatever the type that holds them.

    Parameters
    ----------
    value, expected : object
        Numbers, texts, arrays, or lists of these.

    Returns
    -------
    bool

    Examples
    --------
    >>> same((1, 2), np.array([1.0, 2.0])), same("mammal", "bird"), same([1, 2], 3)
    (True, False, False)
    """
    if expected is None or isinstance(expected, str):
        return type(value) is type(expected) and value == expected
    try:
        found, right = np.asarray(value), np.asarray(expected)
    except ValueError:  # rows of different lengths
        return False
    if found.shape != right.shape:
        return False
    if found.dtype.kind in "biufc" and right.dtype.kind in "biufc":
        return bool(np.allclose(found, right, rtol=1e-4, atol=1e-7))
    return bool(np.all(found == right))


def _called(answer, arguments, settings) -> tuple[object, str]:
    """What came back, and the call as a text, from before the answer could change its arguments."""
    if not callable(answer):
        raise NotYet(f"this exercise asks for a function, and got {_short.repr(answer)}.")
    shown = _call_as_text(answer, arguments, settings)
    try:
        value = answer(*arguments, **settings)
    except Exception as problem:
        raise NotYet(
            f"{shown}, raised {type(problem).__name__}: {problem}{_line_of(answer, problem)}."
        ) from problem
    if value is None or value is ...:
        raise NotYet(f"{shown}, returned {value!r}. Is the last line a `return` with your result?")
    return value, shown


def _call_as_text(answer, arguments, settings) -> str:
    name = getattr(answer, "__name__", "<lambda>")
    name = "your function" if name == "<lambda>" else name
    shown = [_argument(each) for each in arguments]
    shown += [f"{key}={_argument(each)}" for key, each in settings.items()]
    return f"{name}, called with ({', '.join(shown)})"


def _argument(value) -> str:
    """A value on one line: of an array or a network the kind is enough."""
    if isinstance(value, int | float | str | bool | list | tuple | dict | None):
        return _short.repr(value)
    shape = getattr(value, "shape", None)
    kind = type(value).__name__
    return f"{kind} of shape {tuple(shape)}" if isinstance(shape, tuple) else kind


def _line_of(answer, problem) -> str:
    """The line of the reader's own code that raised, if there is one."""
    code = getattr(answer, "__code__", None)
    lines = [
        frame
        for frame in extract_tb(problem.__traceback__)
        if code and frame.filename == code.co_filename and frame.name == code.co_name and frame.line
    ]
    return f", in the line `{lines[-1].line}`" if lines else ""
