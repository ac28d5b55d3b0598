"""A saved model knows what its classes are called, and names a new photo by itself."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from refusals import assert_refused, cases

import transfer_course as tc

NAMES = ("café / thé", 'a "quoted" one', "$x_$", "名字", "_background_", "back\\slash")


@pytest.fixture(scope="module")
def colors():
    """Six classes, each of one colour that no other has."""
    draw = np.random.default_rng(0)
    images = np.repeat(draw.integers(0, 256, (6, 1, 1, 3)), 4, axis=0) + np.zeros((24, 32, 32, 3))
    return tc.Dataset(images.astype("uint8"), np.repeat(np.arange(6), 4), NAMES)


@pytest.fixture(scope="module")
def model(colors):
    return tc.from_scratch(tc.backbones.small_cnn((32, 32, 3)), colors, epochs=60)


def test_every_algorithm_gives_the_names(colors):
    backbone = tc.backbones.small_cnn((32, 32, 3))
    for method in (tc.pretrain, tc.from_scratch, tc.feature_reuse, tc.fine_tune, tc.l2_sp):
        assert tc.class_names(method(backbone, colors, epochs=1)) == NAMES


LOADED = """
import json, sys
import keras
model = keras.models.load_model(sys.argv[1])  # by plain Keras
import transfer_course as tc
json.dump([tc.class_names(model), tc.classify(model, sys.argv[2])], sys.stdout)
"""


@pytest.mark.long
def test_a_file_and_a_photo_are_enough(model, colors, tmp_path):
    model.save(tmp_path / "model.keras")
    for label in range(6):
        Image.fromarray(colors.images[4 * label]).save(tmp_path / f"{label}.png")
        found = tc.classify(model, tmp_path / f"{label}.png")
        assert next(iter(found)) == NAMES[label]
        assert list(found.values()) == sorted(found.values(), reverse=True)
        by_hand = model.predict(colors.images[4 * label][None], verbose=0)[0]
        assert [found[name] for name in NAMES] == pytest.approx(by_hand.tolist(), abs=1e-5)
    done = subprocess.run(
        [sys.executable, "-c", LOADED, tmp_path / "model.keras", tmp_path / "5.png"],
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    names, shares = json.loads(done.stdout)
    assert tuple(names) == NAMES
    assert shares == pytest.approx(found, abs=1e-5)


def test_the_names_are_in_nobodys_way(model, colors, keras, tmp_path):
    """Whatever else one does with a model, it does."""
    images, labels = colors.images, colors.labels
    before = model.predict(images, verbose=0)
    model.export(tmp_path / "exported", verbose=0)
    served = keras.layers.TFSMLayer(tmp_path / "exported", call_endpoint="serve")
    np.testing.assert_allclose(served(images.astype("float32")), before, atol=1e-5)
    again = keras.models.clone_model(model)
    again.set_weights(model.get_weights())
    assert tc.class_names(again) == NAMES
    both = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.RandomFlip(), again])
    both.compile("adam", "sparse_categorical_crossentropy")
    both.fit(images, labels, epochs=1, verbose=0)
    model.summary(print_fn=str)
    assert keras.Model(model.inputs, model.layers[0].output).predict(images, verbose=0).shape


def test_a_model_whose_classes_are_renamed_by_its_owner(model, keras):
    """Transfer to another task with as many classes takes the names of that task."""
    others = tc.Dataset(np.zeros((12, 32, 32, 3), "uint8"), np.arange(12) % 6, tuple("abcdef"))
    after = tc.feature_reuse(model.get_layer("backbone"), others, epochs=1)
    assert tc.class_names(after) == tuple("abcdef")
    assert tc.class_names(model) == NAMES


ADVICE = (
    "hand in one that an algorithm such as tc.feature_reuse has made, or use the class_names of "
    "the data set that it was trained on"
)


@cases(
    (
        lambda: tc.class_names("model.keras"),
        TypeError,
        "model must be a keras.Model, got a str: hand in what an algorithm such as "
        "tc.feature_reuse returns, or load one with keras.models.load_model(file)",
    ),
    (
        lambda backbone: tc.class_names(backbone),
        ValueError,
        f"the model does not know the names of its classes: {ADVICE}",
    ),
    (
        lambda source: tc.classify(source, "photo.jpg"),
        ValueError,
        "the model takes images of 28x28x1, but a photo is read as a square in colour: "
        "use a model that was trained on tc.datasets.image_folder(path)",
    ),
    (
        lambda model: tc.classify(model, "gone.jpg"),
        ValueError,
        "gone.jpg cannot be read as an image (there is no such file): …",
    ),
    (
        lambda model: tc.classify(model, 7),
        TypeError,
        "photo=7 is not a path: give the file's name as text",
    ),
)
def test_what_cannot_name_anything(request, call, error, message):
    assert_refused(request, call, error, message)
