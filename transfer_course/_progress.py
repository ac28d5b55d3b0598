"""What a long run owes the person who waits for it: a progress bar, and a stop button.

Both are for people. Where nobody watches (a test, CI, a notebook run by a program) no bar is shown.
"""

import os
import signal
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from threading import current_thread, main_thread

from tqdm import tqdm

_DELAY = 2  # seconds; what is over sooner needs no bar

_bar_is_up = ContextVar("bar_is_up", default=False)
_stop_is_asked = ContextVar("stop_is_asked", default=None)
_depth = ContextVar("depth", default=0)  # how many runs are going on, one inside the other


@contextmanager
def progress(total: int, unit: str, verbose: int | str = "auto"):
    """Yield a function that shows how far a loop is: ``show(done, loss="0.31")``.

    The bar, with the time left, appears after two seconds where somebody watches; at once if
    ``verbose`` is 1, never if it is 0. Inside another one it stays away.
    """
    out = _standard_output()
    wanted = _is_watched(out) if verbose == "auto" else verbose
    hidden = _bar_is_up.get() or out is None or not wanted
    up = _bar_is_up.set(_bar_is_up.get() or not hidden)
    # stdout, because what goes to stderr stands in a red box in JupyterLab
    bar = tqdm(
        total=total,
        unit=f" {unit}",
        delay=0 if verbose == 1 else _DELAY,
        leave=verbose == 1,
        file=out,
        disable=hidden,
        ncols=80,
        nrows=2,  # tqdm would find none in a terminal that does not tell its size, and stay hidden
    )

    def show(done: int, **values):
        bar.set_postfix(values, refresh=False)
        bar.update(done - bar.n)

    try:
        with bar:
            yield show
    finally:
        _bar_is_up.reset(up)


@contextmanager
def stop_button():
    """Yield a function that tells whether Stop (or Control-C) was pressed.

    The press does not raise, so the block has to ask often. A second press does. A block inside
    another one shares its button. Signals reach the main thread alone; elsewhere nobody presses.
    """
    depth = _depth.set(_depth.get() + 1)
    try:
        before = signal.getsignal(signal.SIGINT)
        if _stop_is_asked.get() or current_thread() is not main_thread() or before is None:
            # None is a handler set by a program that Python runs inside: it cannot be put back.
            yield _stop_is_asked.get() or (lambda: False)
            return
        presses = []

        def press(signal_number, frame):
            presses.append(frame)
            if len(presses) > 1:
                raise KeyboardInterrupt

        outer = _stop_is_asked.set(lambda: bool(presses))
        signal.signal(signal.SIGINT, press)
        try:
            yield _stop_is_asked.get()
        finally:
            signal.signal(signal.SIGINT, before)
            _stop_is_asked.reset(outer)
    finally:
        _depth.reset(depth)


def say(sentence: str, verbose: int | str = "auto") -> None:
    """Print a sentence, unless ``verbose`` is 0 or a longer run around this one has more to say."""
    out = _standard_output()
    if verbose != 0 and _depth.get() == 0 and out is not None:
        print(sentence, file=out)


def _standard_output():
    """Return `sys.stdout`, or None where nothing can be written, as in a service."""
    out = sys.stdout
    if out is None or getattr(out, "closed", False):
        return None
    if out is sys.__stdout__:
        try:
            os.fstat(out.fileno())
        except OSError:  # the file behind it is closed
            return None
    return out


def _is_watched(out) -> bool:
    if out is None or current_thread() is not main_thread():
        return False
    ipython = sys.modules.get("IPython")
    kernel = getattr(ipython and ipython.get_ipython(), "kernel", None)
    if kernel is None:
        return hasattr(out, "isatty") and out.isatty()
    # JupyterLab offers to pass questions on to its user; programs that run notebooks do not.
    return kernel.get_parent().get("content", {}).get("allow_stdin", False)
