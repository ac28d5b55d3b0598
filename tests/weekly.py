"""Which cases of a test `make test` runs, and which are left to the weekly run of the slow ones."""

import pytest


def weekly_but(few, cases):
    """Return what ``parametrize`` takes: all cases; those that are not among the few are slow."""
    return [pytest.param(case, marks=[] if case in few else pytest.mark.slow) for case in cases]
