"""The methods of a comparison: their names, their settings, and how they are called."""

import difflib
import functools
import inspect
from collections.abc import Callable
from typing import Unpack, get_args, get_origin

from transfer_course._validation import describe, describe_type

_LIKE = "write it like [tc.feature_reuse, tc.fine_tune]"
_NAMED = 'write it like {"to pool2": (tc.fine_tune, {"freeze": "pool2"})}'


def named_methods(methods) -> dict[str, Callable]:
    """Return the methods by their names, with their settings in them, each checked.

    Parameters
    ----------
    methods : sequence of callable, or dict of str to callable or (callable, dict)
        As for `compare`.

    Returns
    -------
    dict of str to callable
        What is called as ``method(backbone, train, seed=...)``. A method with settings is a
        `functools.partial`, so that a file of rows does not tell the two ways of writing it apart.

    Raises
    ------
    TypeError
        ``methods`` or one of them is of the wrong kind, cannot be called like that, or has a
        setting that it does not take.
    ValueError
        There are no methods, one has no name, two have the same, or one has a setting ``seed``.

    Examples
    --------
    >>> import transfer_course as tc
    >>> named_methods({"long": (tc.fine_tune, {"epochs": 200})})["long"].keywords
    {'epochs': 200}
    """
    if not isinstance(methods, dict | list | tuple):
        raise TypeError(
            "methods must be a list of algorithms, or a dictionary with their names, "
            f"got {describe_type(methods)}: {_LIKE}"
        )
    if not methods:
        raise ValueError(f"methods is empty: {_LIKE}")
    if isinstance(methods, dict):
        named = {name: _with_settings(name, method) for name, method in methods.items()}
    else:
        named = _by_their_own_names(methods)
    for name, method in named.items():
        _check_call(name, method)
    return named


def _by_their_own_names(methods) -> dict[str, Callable]:
    for method in methods:
        if isinstance(method, tuple):
            raise ValueError(f"methods holds {_parts(method)}, which has no name: {_NAMED}")
        if not callable(method):
            advice = _NAMED if isinstance(method, dict) else _LIKE
            raise TypeError(f"methods holds {describe(method)}, which cannot be called: {advice}")
        if not hasattr(method, "__name__"):
            raise ValueError(f"methods holds {describe(method)}, which has no name: {_NAMED}")
    names = [method.__name__ for method in methods]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"methods has the name {twice[0]!r} twice: {_NAMED}")
    return dict(zip(names, methods, strict=True))


def _with_settings(name, method) -> Callable:
    if callable(method):
        return method
    if not isinstance(method, tuple | list):
        raise TypeError(f"methods holds {describe(method)}, which cannot be called: {_LIKE}")
    match method:
        case (function, dict(settings)) if isinstance(method, tuple) and callable(function):
            pass
        case _:
            raise TypeError(
                f"method {name!r} must be an algorithm, or a tuple of one and a dictionary of its "
                f"settings, got {_parts(method)}: {_NAMED}"
            )
    for setting in settings:
        if not isinstance(setting, str):
            raise TypeError(
                f"method {name!r} has the setting {describe(setting)}, which is not a name: "
                f"{_NAMED}"
            )
    if "seed" in settings:
        raise ValueError(
            f"method {name!r} has the setting 'seed', but the seed is that of the whole call: "
            "remove it, and write seed=5 beside the methods"
        )
    return functools.partial(function, **settings)


def _parts(method) -> str:
    parts = " and ".join(describe_type(part) for part in method) or "nothing"
    return f"{describe_type(method)} of {parts}"


def _check_call(name, method) -> None:
    """Check that a method takes what it will be called with, so far as that can be seen."""
    function, given, settings = method, (), {}
    if isinstance(method, functools.partial):
        function, given, settings = method.func, method.args, method.keywords
    try:
        signature = inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):  # some that are written in C have none
        return
    called = getattr(function, "__name__", "it")
    known = _settings_of(signature, skip=len(given) + 2)
    for setting in settings if known is not None else ():
        if setting not in [*known, "seed"]:
            near = difflib.get_close_matches(setting, known, n=1) or known
            raise TypeError(
                f"method {name!r} has the setting {setting!r}, which {called} does not take: "
                + (f"use {' or '.join(near)}" if near else "remove it")
            )
    try:
        there = signature.bind_partial(*given, None, None, **settings | {"seed": None}).arguments
        missing = [
            parameter.name
            for parameter in signature.parameters.values()
            if parameter.name not in there
            and parameter.default is parameter.empty
            and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        ]
    except TypeError:
        raise TypeError(
            f"method {name!r} must be a function that can be called as {called}(backbone, train, "
            "seed=0), got one with other parameters: write it like def method(backbone, train, "
            "seed)"
        ) from None
    if missing:
        raise TypeError(
            f"method {name!r} has no value for {missing[0]!r}, which {called} needs: give it as a "
            f'setting, as in {{{str(name)!r}: ({called}, {{"{missing[0]}": ...}})}}'
        )


def _settings_of(signature: inspect.Signature, skip: int) -> list[str] | None:
    """Return the names of the settings that a function takes, or None if it takes any."""
    names = []
    for parameter in list(signature.parameters.values())[skip:]:
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            names.append(parameter.name)
        elif parameter.kind is parameter.VAR_KEYWORD:
            # The algorithms of this package say which: **options: Unpack[Options].
            if get_origin(parameter.annotation) is not Unpack:
                return None
            (options,) = get_args(parameter.annotation)
            names += options.__annotations__
    return [name for name in names if name != "seed"]
