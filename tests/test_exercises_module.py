"""What checks the readers' answers: whatever an answer does, the reader gets a sentence."""

import re

import keras
import numpy as np
import pandas as pd
import pytest

from transfer_course.exercises import NotYet, call, check, expect, same


@check
def check_mean(answer):
    expect(answer, [1, 2, 6], returns=3, hint="Divide by the number of values.")
    return "three."


def broken(values):
    total = sum(values)
    return total / unknown  # noqa: F821


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (..., "no answer so far"),
        (None, "no answer so far"),
        ("", "no answer so far"),
        (3, "asks for a function, and got 3"),
        (lambda values: None, "returned None. Is the last line a `return`"),
        (lambda values: ..., "returned Ellipsis"),
        (lambda: 3, r"called with \(\[1, 2, 6\]\), raised TypeError: .*takes 0"),
        (broken, "broken, called .* raised NameError: .*unknown.*`return total / unknown"),
        (lambda values: [1 / 0], "raised ZeroDivisionError"),
        (sum, r"sum, called with \(\[1, 2, 6\]\), returned 9. It should return 3. Divide by"),
        (lambda values: "3", "returned '3'"),
        (lambda values: [[1], [2, 3]], "should return 3"),
        (lambda values: keras.Input((2,)), "should return 3"),
    ],
)
def test_a_wrong_answer_is_told_why(answer, words):
    assert re.match(f"Not yet: .*{words}", check_mean(answer))


@pytest.mark.parametrize(
    "answer",
    [
        np.mean,
        lambda values: sum(values) / 3,
        lambda values: np.float32(3),
        lambda values: True * 3,
    ],
)
def test_every_right_answer_is_accepted(answer):
    assert check_mean(answer) == "Right: three."


def test_a_check_that_cannot_use_the_answer_says_so_and_does_not_raise():
    verdict = check(lambda answer: f"{answer['a'] + 1}")
    assert verdict({"a": 1}) == "Right: 2"
    assert verdict({"b": 1}).startswith("Not yet: your answer has a form that the check cannot use")
    assert "TypeError" in verdict([1, 2])
    assert check(lambda answer: "fine.")(np.arange(3)) == "Right: fine."
    assert check(lambda answer: "fine.")(pd.Series([1, 2])) == "Right: fine."


@pytest.mark.parametrize(
    ("value", "expected", "equal"),
    [
        (0.1 + 0.2, 0.3, True),
        (np.float32(0.1), 0.1, True),
        (0.1, 0.101, False),
        ([1, 2], np.array([1, 2]), True),
        ([1, 2], [2, 1], False),
        ([1, 2, 3], [1, 2], False),
        (pd.Series([1.0, 2.0]), [1, 2], True),
        ("a", "a", True),
        ("a", 1, False),
        (1, "a", False),
        (None, None, True),
        (0, None, False),
        (["a", "b"], ("a", "b"), True),
        (["a", "b"], ("a", "c"), False),
        (float("nan"), 1.0, False),
    ],
)
def test_values_are_the_same_up_to_rounding_and_container(value, expected, equal):
    assert same(value, expected) is equal


def test_a_call_shows_its_arguments_on_one_line():
    table = pd.DataFrame({"a": range(100)})
    with pytest.raises(NotYet) as problem:
        call(lambda *them, **more: None, table, np.zeros((2, 3)), [*range(50)], shots=5)
    assert (
        "(DataFrame of shape (100, 1), ndarray of shape (2, 3), [0, 1, 2, 3, 4, 5, ...], shots=5)"
        in (str(problem.value))
    )


def test_an_interrupt_is_not_swallowed():
    def impatient(values):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_mean(impatient)


def test_arrays_are_shown_as_lists_or_by_their_shape():
    @check
    def check_weights(answer):
        expect(answer, [np.zeros((3, 4)), np.zeros(2)], returns=np.array([1.5, 2.0]))

    verdict = check_weights(lambda weights: np.arange(2))
    assert "([an array of shape (3, 4), [0.0, 0.0]])" in verdict
    assert "returned [0, 1]. It should return [1.5, 2.0]" in verdict


def test_an_argument_is_shown_as_it_was_before_the_answer_changed_it():
    def emptied(values):
        values.clear()
        return 0

    assert "emptied, called with ([1, 2, 6]), returned 0" in check_mean(emptied)
