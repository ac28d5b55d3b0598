"""Exercises: the solution passes the reader's own check, and the blank is told what is missing."""

import re
from pathlib import Path

import nbformat
import pytest

import transfer_course as tc
from transfer_course._engine import keras

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"


def sources(name: str) -> dict[str, str]:
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    return {cell.id: cell.source for cell in notebook.cells}


@pytest.fixture(scope="module")
def small_world():
    """What the cells above the exercise of 3.1 leave behind, on less data."""
    source = tc.pretrain(tc.backbones.small_cnn(), tc.datasets.mnist().subset(range(0, 5000, 3)))
    backbone = source.get_layer("backbone")
    train, test = tc.few_shot(tc.datasets.digits(), shots=5, seed=0)
    model = tc.feature_reuse(backbone, train)
    _, accuracy = model.evaluate(test.images, test.labels, verbose=0)
    return {"backbone": backbone, "train": train, "test": test, "accuracy": accuracy}


SOLUTION = re.search(
    r"```python\n(.*?)```", sources("3-1-feature-reuse")["exercise-solution"], re.DOTALL
)[1]
TOO_SHORT = SOLUTION.replace("epochs=100", "epochs=1")
MEDDLING = SOLUTION.replace(
    "    return", "    backbone.layers[1].bias.assign_add([1.0] * 16)\n    return"
)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (sources("3-1-feature-reuse")["exercise-reuse"], "Not yet: .* returned None"),
        (SOLUTION, "Right: accuracy"),
        (TOO_SHORT, "Not yet: accuracy .* Train for longer"),
        (MEDDLING, "Not yet: the backbone's weights have changed"),
    ],
)
def test_reuse_by_hand(small_world, answer, verdict, capsys):
    world = {"keras": keras, **small_world}
    world["backbone"] = keras.models.clone_model(small_world["backbone"])
    world["backbone"].set_weights(small_world["backbone"].get_weights())
    exec(answer, world)
    exec(sources("3-1-feature-reuse")["exercise-check"], world)
    assert re.search(verdict, capsys.readouterr().out)


@pytest.mark.parametrize(
    ("shots", "reuse", "scratch", "verdict"),
    [
        (5, 0.9, 0.8, "Not yet"),
        (1, 0.8, 0.6, "Yes"),
        (20, 0.95, 0.94, "Try fewer"),
    ],
)
def test_how_many_shots(shots, reuse, scratch, verdict, capsys):
    world = {
        "shots": shots,
        "accuracy": {"feature_reuse": 0.9, "from_scratch": 0.8},
        "gain": {"feature_reuse": reuse, "from_scratch": scratch},
    }
    exec(sources("00-start")["exercise-check"], world)
    assert verdict in capsys.readouterr().out
