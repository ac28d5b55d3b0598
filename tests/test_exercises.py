"""Exercises: the blank is told what is missing, wrong answers are told what is wrong."""

import re
from pathlib import Path

import nbformat
import numpy as np
import pytest

import transfer_course as tc
from transfer_course._backend import keras
from transfer_course.exercises import NotYet, call, check

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"


def cells_of(path: Path) -> dict:
    return {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}


CHAPTERS = {path.stem: cells_of(path) for path in sorted(NOTEBOOKS.glob("*.ipynb"))}
EXERCISES = [
    pytest.param(cells, name, id=f"{chapter}-{name}")
    for chapter, cells in CHAPTERS.items()
    for name in cells
    if "exercise" in cells[name].metadata.get("tags", [])
]
every_exercise = pytest.mark.parametrize(("cells", "name"), EXERCISES)


def printed(cell) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


@every_exercise
def test_each_exercise_has_its_four_cells_in_order(cells, name):
    assert re.fullmatch(r"exercise-[a-z0-9-]+", name)
    first = list(cells).index(name) - 1
    assert list(cells)[first : first + 4] == [
        f"{name}-text",
        name,
        f"{name}-check",
        f"{name}-solution",
    ]
    solution = cells[f"{name}-solution"]
    assert solution.cell_type == "code"  # so that it runs wherever the notebook does
    assert "hide-cell" in solution.metadata.tags
    assert solution.metadata.jupyter.source_hidden


@every_exercise
def test_the_blank_is_told_what_is_missing(cells, name):
    assert printed(cells[f"{name}-check"]).startswith("Not yet: ")


@every_exercise
def test_the_solution_passes_the_same_check_as_the_reader(cells, name):
    check = re.search(r"^print\((check_\w+)\(", cells[f"{name}-check"].source, re.MULTILINE)[1]
    solution = cells[f"{name}-solution"]
    assert f"verdict = {check}(" in solution.source
    assert 'assert verdict.startswith("Right")' in solution.source
    assert printed(solution).startswith("Right")


def test_no_cell_looks_like_an_exercise_and_is_none():
    found = {
        (chapter, re.sub("-(text|check|solution)$", "", name))
        for chapter, cells in CHAPTERS.items()
        for name in cells
        if name.startswith("exercise-")
    }
    assert len(found) == len(EXERCISES) > 0


@pytest.fixture(scope="module")
def small_world(backbone):
    """What the cells above the exercises of 3.1 leave behind, with a network of less training."""
    digits = tc.datasets.digits()
    train, test = tc.few_shot(digits, shots=5, seed=0)
    _, accuracy = tc.feature_reuse(backbone, train).evaluate(test.images, test.labels, verbose=0)
    world = {"tc": tc, "keras": keras, "np": np, "digits": digits, "backbone": backbone}
    world |= {"check": check, "call": call, "NotYet": NotYet}
    return world | {"train": train, "test": test, "accuracy": accuracy}


def check_in(chapter: str, name: str, world: dict):
    """The reader's check, ready to be called with an answer."""
    world = dict(world)
    source = CHAPTERS[chapter][f"exercise-{name}-check"].source
    exec(re.sub(r"^print\(.*\)$", "", source, flags=re.MULTILINE), world)
    return world[f"check_{name}"]


REUSE = CHAPTERS["3-1-feature-reuse"]["exercise-reuse-solution"].source
SHORT = REUSE.replace("epochs=30", "epochs=1")  # for what goes wrong whatever the length
NEIGHBOUR = CHAPTERS["3-1-feature-reuse"]["exercise-neighbour-solution"].source


@pytest.mark.parametrize(
    ("name", "solution", "right", "wrong", "verdict"),
    [
        ("reuse", REUSE, "epochs=30", "epochs=1", "accuracy .* Train for longer"),
        ("reuse", SHORT, "Dense(10,", "Dense(11,", "the output has shape"),
        (
            "reuse",
            SHORT,
            "    return",
            "    backbone.layers[1].bias.assign_add([1.0] * 16)\n    return",
            "the backbone's weights have changed",
        ),
        ("neighbour", NEIGHBOUR, "train_labels[nearest]", "nearest", "those are row numbers"),
        ("neighbour", NEIGHBOUR, "argmin", "argmax", "nearest one's label"),
    ],
)
def test_wrong_answers_of_chapter_3_1_are_told_why(
    small_world, name, solution, right, wrong, verdict
):
    verdict_on = check_in("3-1-feature-reuse", name, small_world)
    world = dict(small_world)
    attempt = solution.split("for solution in")[0]
    assert right in attempt
    exec(attempt.replace(right, wrong), world)
    assert re.match(f"Not yet: .*{verdict}", verdict_on(world[f"solution_{name}"]))


@pytest.mark.parametrize(
    ("answer", "verdict"), [(0, "whole number"), (1, "from 2 to 20"), (10, "less than twelve")]
)
def test_wrong_answers_of_the_first_page_are_told_why(small_world, answer, verdict):
    world = small_world | {"target_data": small_world["digits"]}
    assert re.match(f"Not yet: .*{verdict}", check_in("00-start", "shots", world)(answer))
