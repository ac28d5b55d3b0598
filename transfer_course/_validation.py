"""Checks of arguments that many modules share, and the words for their error messages.

A message is one sentence: what was expected, what was received, what to do.
"""

import os
from collections.abc import Sequence
from inspect import isroutine
from math import inf
from numbers import Integral, Real
from os import PathLike
from pathlib import Path

import numpy as np

_FLOAT32_MAX = float(np.finfo(np.float32).max)


def check_int(name: str, value: int, at_least: int, at_most: float = inf) -> int:
    """Check that an argument is a whole number in a range.

    Parameters
    ----------
    name : str
        What the argument is called; the message begins with it.
    value : int
        What was received. NumPy's integers count as whole numbers, a bool does not.
    at_least, at_most : int
        The range, both ends included. There is no upper end by default.

    Returns
    -------
    int
        The value as Python's own number.

    Raises
    ------
    TypeError
        The value is not a whole number.
    ValueError
        The value is out of range.

    Examples
    --------
    >>> check_int("shots", np.int8(5), at_least=1)
    5
    """
    span = f"from {at_least} to {at_most}" if at_most < inf else f"of {at_least} or more"
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{name}={describe(value)} is not a whole number: use an int {span}")
    if not at_least <= value <= at_most:
        raise ValueError(f"{name}={value} is out of range: use an int {span}")
    return int(value)


def check_number(name: str, value: float, positive: bool = False) -> float:
    """Check that an argument is a finite number of 0 or more.

    Parameters
    ----------
    name : str
        What the argument is called; the message begins with it.
    value : float
        What was received. NumPy's numbers count, a bool does not. It must fit into a float32.
    positive : bool, default False
        True refuses 0 too.

    Returns
    -------
    float
        The value as Python's own number.

    Raises
    ------
    TypeError
        The value is not a number.
    ValueError
        The value is negative, NaN, infinite or too large.

    Examples
    --------
    >>> check_number("learning_rate", np.float32(0.5), positive=True)
    0.5
    """
    advice = "above 0, such as 0.001" if positive else "of 0 or more"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name}={describe(value)} is not a number: use a finite one {advice}")
    try:
        number = float(value)
    except OverflowError:
        number = inf
    if not 0 <= number <= _FLOAT32_MAX or (positive and number == 0):
        raise ValueError(f"{name}={describe(value)} is out of range: use a finite number {advice}")
    return number


def check_choice(name: str, value: str, choices: Sequence[str]) -> str:
    """Check that an argument is one of a few words.

    Parameters
    ----------
    name : str
        What the argument is called; the message begins with it.
    value : str
        What was received.
    choices : sequence of str
        What the argument can be.

    Returns
    -------
    str
        The value.

    Raises
    ------
    ValueError
        The value is not among the choices.

    Examples
    --------
    >>> check_choice("fit", "pad", ("crop", "pad"))
    'pad'
    """
    if not isinstance(value, str) or value not in choices:
        quoted = " or ".join(f'{name}="{choice}"' for choice in choices)
        raise ValueError(f"{name}={describe(value)} is unknown: use {quoted}")
    return value


def as_path(name: str, value: str | PathLike, advice: str) -> Path:
    """Check that an argument is a path.

    Parameters
    ----------
    name : str
        What the argument is called; the message begins with it.
    value : str or os.PathLike
        What was received.
    advice : str
        What to do, for the message.

    Returns
    -------
    pathlib.Path
        The path, with ``~`` as the user's own folder.

    Raises
    ------
    TypeError
        The value is not a path.

    Examples
    --------
    >>> as_path("cache", "photos.npy", "give a name").suffix
    '.npy'
    """
    if not isinstance(value, str | PathLike):
        raise TypeError(f"{name}={describe(value)} is not a path: {advice}")
    return Path(os.path.expanduser(value))


def describe(value) -> str:
    """Return a value as it was typed if that is short, else its type.

    Parameters
    ----------
    value : object
        What was received.

    Returns
    -------
    str
        Text for a message such as ``f"shots={describe(shots)} is not a whole number"``.

    Examples
    --------
    >>> describe(np.float32(2.5)), describe("2.5"), describe(len), describe(np.arange(500))
    ('2.5', "'2.5'", '<builtin_function_or_method>', '<ndarray>')
    """
    text = str(value) if isinstance(value, np.number) else repr(value)
    short = len(text) <= 60 and "\n" not in text and not text.startswith("<")
    return text if short else f"<{type(value).__name__}>"


def describe_size(shape: tuple) -> str:
    """Return the shape of an image in words, with a question mark where any length will do.

    Parameters
    ----------
    shape : tuple of int or None
        Without the axis of the images.

    Returns
    -------
    str

    Examples
    --------
    >>> describe_size((28, 28, 1)), describe_size((None, None, 3))
    ('28x28x1', '?x?x3')
    """
    return "x".join("?" if length is None else str(length) for length in shape)


def describe_type(value) -> str:
    """Return the type of a value in words.

    Parameters
    ----------
    value : object
        What was received.

    Returns
    -------
    str
        Text for a message such as ``f"X must be a Dataset, got {describe_type(x)}: build one"``.

    Examples
    --------
    >>> describe_type(None), describe_type(5), describe_type("five"), describe_type(len)
    ('None', 'an int', 'a str', 'a function')
    """
    if value is None:
        return "None"
    if isroutine(value) or hasattr(value, "__wrapped__"):  # functools.cache wraps a function
        return "a function"
    name = type(value).__name__.removeprefix("nd")  # ndarray
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
