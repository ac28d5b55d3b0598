"""The rows of a comparison in a CSV file, from which one that was interrupted goes on.

The file has the names of the columns, a line for each row, and comments that say what the rows
below them were measured with::

    # {"dataset": "9b1c…", "backbone": "04fe…", "seed": 0, "methods": {"fine_tune": "<function …"}}
    method,shots,episode,accuracy,balanced_accuracy,train_accuracy,steps
    "fine_tune",1,0,0.5217391304347826,0.5195488721804511,1.0,60
"""

import functools
import inspect
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from csv import QUOTE_NONNUMERIC
from hashlib import blake2b
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd

from transfer_course._backend import keras
from transfer_course._validation import as_path
from transfer_course.datasets.dataset import Dataset
from transfer_course.training import feature_cache

COLUMNS = {
    "method": str,
    "shots": int,
    "episode": int,
    "accuracy": float,
    "balanced_accuracy": float,
    "train_accuracy": float,
    "steps": int,
}
"""The columns of a table of rows, with their types."""

_FIRST_COLUMNS = [
    "method",
    "shots",
    "episode",
    "accuracy",
    "train_accuracy",
]  # of the first version

_BATCH = 100  # images that are in memory at a time


@contextmanager
def saved_rows(
    path: str | os.PathLike | None,
    methods: dict[str, Callable],
    backbone,
    dataset: Dataset,
    seed: int,
) -> Iterator[tuple[list[dict], Callable[[dict], None]]]:
    """Open the file of a comparison; yield the rows in it, and a function that appends one.

    An appended row is in the file at once. If the process was killed while it wrote one, the
    incomplete line is dropped.

    Parameters
    ----------
    path : str, os.PathLike or None
        The file, which is made if it is missing. None is for a comparison that is not saved: there
        are no rows, and none are kept.
    methods : dict of str to callable
        The methods by their names.
    backbone : keras.Model
        What every method starts from.
    dataset : Dataset
        The target task.
    seed : int
        The seed of the first episode.

    Raises
    ------
    OSError
        The file cannot be opened for writing.
    TypeError
        ``path`` is not a path.
    ValueError
        The file is something else, lacks columns since an earlier version of the course wrote it,
        or has rows of another data set, backbone, seed or method; or the name of a method is not
        one line of text.
    """
    if path is None:
        yield [], lambda row: None
        return
    path = as_path("save", path, 'write it like save="runs.csv", or leave it out')
    settings = _settings(methods, backbone, dataset, seed)
    comment = f"# {json.dumps(settings)}\n".encode()
    start = comment + _csv(pd.DataFrame(columns=list(COLUMNS)))
    with _opened(path) as file:
        content = file.read()
        rows, found = [], []
        if not start.startswith(content):  # it does if the file is new, or was killed that early
            content = content[: content.rfind(b"\n") + 1]
            rows, found = _parsed(content, path)
            _refuse_others(rows, found, settings, path)
        if rows:
            file.truncate(len(content))
            file.write(comment if settings != found[-1] else b"")
        else:
            file.truncate(0)
            file.write(start)
        file.flush()

        def append(row: dict) -> None:
            file.write(_csv(pd.DataFrame([row]), header=False, quoting=QUOTE_NONNUMERIC))
            file.flush()

        yield rows, append


def _csv(table: pd.DataFrame, **options) -> bytes:
    return table.to_csv(index=False, lineterminator="\n", **options).encode()


# What rows were measured with


def _settings(methods: dict, backbone, dataset: Dataset, seed: int) -> dict:
    """Return what the rows depend on, the same in every process; each part as a short text."""
    for name in methods:
        if not isinstance(name, str) or not name.isprintable():
            raise ValueError(
                f"methods has the name {name!r}, but in a file a name is one line of text: "
                'write it like {"to pool2": ...}'
            )
    return {
        "dataset": _digest_of_dataset(dataset),
        "backbone": _digest_of_backbone(backbone),
        "seed": int(seed),
        "methods": {name: _describe(method) for name, method in methods.items()},
    }


def _digest_of_dataset(dataset: Dataset) -> str:
    digest = blake2b(digest_size=8)
    digest.update(repr((dataset.images.shape, dataset.class_names)).encode())
    digest.update(dataset.labels)
    if dataset.groups is not None:
        digest.update(b"groups")
        digest.update(dataset.groups)
    for start in range(0, len(dataset.labels), _BATCH):  # they need not all fit into memory
        digest.update(np.ascontiguousarray(dataset.images[start : start + _BATCH]))
    return digest.hexdigest()


def _digest_of_backbone(backbone) -> str:
    what = backbone  # some methods of your own may start from something else
    if isinstance(backbone, keras.Model):
        computation = feature_cache.computation(backbone)
        what = feature_cache.fingerprint(computation, backbone.weights)
    return _digest(_without_addresses(repr(what)))


def _describe(method) -> str:
    """Return what is shown of a method, such as the arguments in a partial, and that of its code.

    Of arguments that are shown by their address in memory, such as models, the type must do.
    """
    function = method
    while isinstance(function, functools.partial):
        function = function.func
    try:
        code = inspect.getsource(function)
    except (OSError, TypeError):  # typed at Python's prompt, or not a function
        code = ""
    return f"{_without_addresses(repr(method))} with code {_digest(code)}"


def _without_addresses(text: str) -> str:
    return re.sub(" at 0x[0-9A-Fa-f]+", "", text)


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()


# The file


def _opened(path: Path):
    try:
        file = open(path, "a+b")  # noqa: SIM115, since its caller closes it
    except (OSError, ValueError) as problem:  # a ValueError for "C:\0", where \0 is a character
        reason = getattr(problem, "strerror", problem)
        raise type(problem)(
            f"save={str(path)!r} cannot be written to ({reason}): "
            "use a file in a folder of your own"
        ) from None
    file.seek(0)
    return file


def _parsed(content: bytes, path: Path) -> tuple[list[dict], list[dict]]:
    """Return the rows in a file, and the settings of each call that has written to it."""
    try:
        found = [json.loads(it[1:]) for it in content.split(b"\n") if it.startswith(b"#")]
        # As text first, since "None" may be a method's name, and Python reads each float exactly.
        table = pd.read_csv(BytesIO(content), comment="#", dtype=str, keep_default_na=False)
        ours = {"dataset", "backbone", "seed", "methods"}
        is_ours = found and all(ours == set(it) for it in found)
        if is_ours and list(table) == list(COLUMNS):
            return table.astype(COLUMNS).to_dict("records"), found
        is_old = is_ours and list(table) == _FIRST_COLUMNS
    except (ValueError, TypeError):
        is_old = False
    if is_old:
        missing = " and ".join(name for name in COLUMNS if name not in _FIRST_COLUMNS)
        raise ValueError(
            f"save={str(path)!r} is from an earlier version of the course, which did not measure "
            f"{missing}: use another file for new rows, and read this one with "
            'pandas.read_csv(file, comment="#")'
        )
    raise ValueError(f"save={str(path)!r} is not a file that compare() wrote: use another name")


def _refuse_others(rows: list[dict], found: list[dict], settings: dict, path: Path) -> None:
    """Raise ValueError if some rows were measured with other settings than these."""
    if not rows:
        return
    has = f"save={str(path)!r} has rows of another"
    latest = found[-1]
    for name in ("dataset", "backbone", "seed"):
        if latest[name] != settings[name]:
            raise ValueError(
                f"{has} {name} ({latest[name]}, got {settings[name]}): "
                "use the same one to go on, or another file"
            )
    measured = {row["method"] for row in rows}
    known = {name: method for it in found for name, method in it["methods"].items()}
    for name, method in settings["methods"].items():
        if name in measured and known.get(name) != method:
            raise ValueError(
                f"{has} method {name!r}, {known.get(name)}, got {method}: "
                "use another name for this one, or another file"
            )
