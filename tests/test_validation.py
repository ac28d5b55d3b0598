"""The checks that all modules share: which values they take, and what they say of the others."""

import numpy as np
import pytest
from refusals import assert_refused, cases

from transfer_course._validation import (
    check_choice,
    check_int,
    check_number,
    describe,
    describe_type,
)


@pytest.mark.parametrize("value", [1, 5, np.int8(5), np.uint64(5)])
def test_a_whole_number_becomes_an_int(value):
    found = check_int("shots", value, at_least=1)
    assert (type(found), found) == (int, value)


def test_both_ends_of_a_range_are_in_it():
    assert check_int("size", 16, at_least=16, at_most=1024) == 16
    assert check_int("size", 1024, at_least=16, at_most=1024) == 1024


@pytest.mark.parametrize("value", [0, 1, 0.5, np.float32(0.5), np.int64(3), 3.4e38])
def test_a_number_becomes_a_float(value):
    found = check_number("alpha", value)
    assert (type(found), found) == (float, float(value))


@cases(
    *(
        (
            lambda value=value: check_int("shots", value, at_least=1),
            ValueError,
            f"shots={value} is out of range: use an int of 1 or more",
        )
        for value in (0, -1)
    ),
    *(
        (
            lambda value=value: check_int("size", value, at_least=16, at_most=1024),
            ValueError,
            f"size={value} is out of range: use an int from 16 to 1024",
        )
        for value in (15, 1025, 10**20)
    ),
    *(
        (
            lambda value=value: check_int("shots", value, at_least=1),
            TypeError,
            f"shots={shown} is not a whole number: use an int of 1 or more",
        )
        for value, shown in [
            (2.5, "2.5"),
            (2.0, "2.0"),
            ("5", "'5'"),
            (True, "True"),
            (None, "None"),
            ([1, 5], "[1, 5]"),
            (float("nan"), "nan"),
            (np.float64(2.5), "2.5"),
            (np.arange(100), "<ndarray>"),
        ]
    ),
    *(
        (
            lambda value=value: check_number("rate", value, positive=True),
            ValueError,
            f"rate={shown} is out of range: use a finite number above 0, such as 0.001",
        )
        for value, shown in [
            (0, "0"),
            (-1, "-1"),
            (1e39, "1e+39"),
            (float("nan"), "nan"),
            (np.inf, "inf"),
            (np.float32(-0.1), "-0.1"),
            (np.float32("nan"), "nan"),
            (10**400, "<int>"),
        ]
    ),
    (
        lambda: check_number("alpha", -0.1),
        ValueError,
        "alpha=-0.1 is out of range: use a finite number of 0 or more",
    ),
    *(
        (
            lambda value=value: check_number("alpha", value),
            TypeError,
            f"alpha={shown} is not a number: use a finite one of 0 or more",
        )
        for value, shown in [
            ("much", "'much'"),
            (None, "None"),
            (True, "True"),
            (1j, "1j"),
            ([0.1], "[0.1]"),
        ]
    ),
    *(
        (
            lambda value=value: check_choice("fit", value, ("crop", "pad")),
            ValueError,
            f'fit={value!r} is unknown: use fit="crop" or fit="pad"',
        )
        for value in ("stretch", "Crop", None, 224)
    ),
)
def test_another_value_is_refused(request, call, error, message):
    assert_refused(request, call, error, message)


def test_a_value_is_shown_if_it_is_short_and_readable():
    assert describe("a" * 58) == repr("a" * 58)
    assert describe("a" * 59) == "<str>"
    assert describe("a\nb") == r"'a\nb'"
    assert describe(np.eye(2)) == "<ndarray>"
    assert describe(object()) == "<object>"


def test_a_type_is_named_in_words():
    found = [describe_type(value) for value in (np.zeros(3), (1,), object(), np, None, len)]
    assert found == ["an array", "a tuple", "an object", "a module", "None", "a function"]
