"""How a bad argument must be refused: in one sentence of ours, and with nothing changed or lost.

A test gets rows (call, error, message). The parameters of the call are names of fixtures, but for
those with a default; … in a message stands for anything.
"""

import re
from inspect import signature
from pathlib import Path

import numpy as np
import pytest

import transfer_course as tc


def cases(*rows):
    """Parametrise a test over rows of call, error and message; the message names the row."""
    names = [message.replace("…", "...")[:60] for _, _, message in rows]
    return pytest.mark.parametrize(("call", "error", "message"), rows, ids=names)


def assert_refused(request, call, error: type[Exception], message: str) -> None:
    """Check that a call raises the error with the message, and leaves its fixtures as they were."""
    parameters = signature(call).parameters.values()
    fixtures = [p.name for p in parameters if p.default is p.empty]
    values = {name: request.getfixturevalue(name) for name in fixtures}
    before = state(list(values.values()))

    with pytest.raises(error) as caught:
        call(**values)

    said = str(caught.value)
    assert type(caught.value) is error
    assert re.fullmatch(".*".join(map(re.escape, message.split("…"))), said), said
    assert_reads_well(said)
    assert state(list(values.values())) == before
    # Only this error is shown, and this package raised it, not one of its engines.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    files = [Path(frame.path) for frame in caught.traceback]
    assert "transfer_course" in files[-1].parts
    assert not any({"tensorflow", "keras"} & set(file.parts) for file in files)


VERBS = """add|build|check|connect|convert|cut|draw|drop|end|fix|give|hand|load|make|mend|move|pass|
put|read|reinstall|remove|rename|renumber|repeat|reshape|save|scale|stack|take|use|write"""
VERBS = VERBS.replace("\n", "")
ADVICE = re.compile(f"(if [^:;]+, )?({VERBS}) |did you mean '")


def assert_reads_well(message: str) -> None:
    """Check that it is one sentence, ends with what to do and has no word from inside an engine."""
    assert "\n" not in message
    assert not re.search(r"[.!?] [A-Z]", message)
    assert not re.search(r"tensorflow|keras\.src|Tensor|TypeSpec| at 0x|np\.\w+\(nan", message)
    last = re.split(r'(?<!")[:;] (?=\w)', message)[-1]  # not within a {"dictionary": of code}
    assert ADVICE.match(last), last


def state(value):
    """Return all of a value that a refused call could have changed."""
    if isinstance(value, np.ndarray):
        return value.dtype, value.shape, value.flags.writeable, value.tobytes()
    if isinstance(value, tc.Dataset):
        return state(value.images), state(value.labels), value.class_names, state(value.groups)
    if isinstance(value, list | tuple):
        return [state(part) for part in value]
    if isinstance(value, Path):
        files = sorted(value.rglob("*")) if value.is_dir() else [value]
        return [(file, file.is_file() and file.read_bytes()) for file in files]
    if hasattr(value, "get_weights"):
        weights = [state(weight) for weight in value.get_weights()]
        names = ("built", "compiled", "loss", "optimizer", "history", "name", "trainable")
        attributes = [getattr(value, name, None) for name in names]
        return weights, attributes, state(getattr(value, "layers", []))
    return repr(value)
