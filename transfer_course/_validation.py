"""What every module checks of an argument, and the words for it in an error message."""

from collections.abc import Sequence
from inspect import isroutine
from math import inf
from numbers import Integral, Real

import numpy as np

_FLOAT32 = float(np.finfo(np.float32).max)


def check_int(name: str, value: int, at_least: int, at_most: float = np.inf) -> int:
    """value as an int, or the sentence that says why it can't be the argument called name.

    >>> check_int("shots", np.int8(5), at_least=1)
    5
    """
    span = f"from {at_least} to {at_most}" if at_most < np.inf else f"of {at_least} or more"
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{name}={describe(value)} is not a whole number: use an int {span}")
    if not at_least <= value <= at_most:
        raise ValueError(f"{name}={value} is out of range: use an int {span}")
    return int(value)


def check_choice(name: str, value: str, choices: Sequence[str]) -> str:
    """value, if it is among choices, or the sentence that says what the argument name can be.

    >>> check_choice("fit", "pad", ("crop", "pad"))
    'pad'
    """
    if not isinstance(value, str) or value not in choices:
        quoted = " or ".join(f'{name}="{choice}"' for choice in choices)
        raise ValueError(f"{name}={describe(value)} is unknown: use {quoted}")
    return value


def describe(value) -> str:
    """value as it was typed, if that is short and means something to a reader, else its type.

    >>> describe(np.float32(2.5)), describe("2.5"), describe(len), describe(np.arange(500))
    ('2.5', "'2.5'", '<builtin_function_or_method>', '<ndarray>')
    """
    text = str(value) if isinstance(value, np.number) else repr(value)
    short = len(text) <= 60 and "\n" not in text and not text.startswith("<")
    return text if short else f"<{type(value).__name__}>"


def describe_type(value) -> str:
    """What value is, for "but … came".

    >>> describe_type(None), describe_type(5), describe_type("five"), describe_type(len)
    ('None', 'an int', 'a str', 'a function')
    """
    if value is None:
        return "None"
    if isroutine(value) or hasattr(value, "__wrapped__"):  # of a function whose results are kept
        return "a function"
    name = type(value).__name__.removeprefix("nd")  # ndarray
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def check_number(name: str, value, positive: bool = False) -> float:
    """value as a float, or the sentence that says why it can't be the argument called name."""
    advice = "above 0, such as 0.001" if positive else "of 0 or more"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name}={describe(value)} is not a number: use a finite one {advice}")
    try:
        number = float(value)
    except OverflowError:
        number = inf
    if not 0 <= number <= _FLOAT32 or (positive and number == 0):
        raise ValueError(f"{name}={describe(value)} is out of range: use a finite number {advice}")
    return number
