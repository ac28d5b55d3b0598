"""What a long run owes the person who waits for it: a progress bar, and a stop button.

Both are for people. Where nobody watches (a test, CI, a notebook run by a program) no bar is shown.
"""

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
    hidden = _bar_is_up.get() or not (_is_watched() if verbose == "auto" else verbose)
    up = _bar_is_up.set(_bar_is_up.get() or not hidden)
    # stdout, because what goes to stderr stands in a red box in JupyterLab
    bar = tqdm(
        total=total,
        unit=f" {unit}",
        delay=0 if verbose == 1 else _DELAY,
        leave=verbose == 1,
        file=sys.stdout,
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
        if _stop_is_asked.get() or current_thread() is not main_thread():
            yield _stop_is_asked.get() or (lambda: False)
            return
        presses = []

        def press(signal_number, frame):
            presses.append(frame)
            if len(presses) > 1:
                raise KeyboardInterrupt

        outer = _stop_is_asked.set(lambda: bool(presses))
        before = signal.signal(signal.SIGINT, press)
        try:
            yield _stop_is_asked.get()
        finally:
            signal.signal(signal.SIGINT, before)
            _stop_is_asked.reset(outer)
    finally:
        _depth.reset(depth)


def say(sentence: str, verbose: int | str = "auto") -> None:
    """Print a sentence, unless ``verbose`` is 0 or a longer run around this one has more to say."""
    if verbose != 0 and _depth.get() == 0:
        print(sentence)


def _is_watched() -> bool:
    if current_thread() is not main_thread():
        return False
    ipython = sys.modules.get("IPython")
    kernel = getattr(ipython and ipython.get_ipython(), "kernel", None)
    if kernel is None:
        return sys.stdout.isatty()
    # JupyterLab offers to pass questions on to its user; programs that run notebooks do not.
    return kernel.get_parent().get("content", {}).get("allow_stdin", False)
