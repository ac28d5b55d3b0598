"""What a model says of images: any that Keras takes, and no others; and how often that is right."""

import numpy as np
import pytest
from PIL import Image
from refusals import assert_refused, cases

import transfer_course as tc


@pytest.fixture(scope="module")
def model(keras, tiny):
    layers = keras.layers
    keras.utils.set_random_seed(1)
    backbone = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(5)]
    )
    return tc.fine_tune(backbone, tiny, epochs=3)


@pytest.fixture(scope="module")
def any_size(keras):
    keras.utils.set_random_seed(1)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((None, None, 1)),
            layers.Conv2D(3, 3),
            layers.GlobalAveragePooling2D(),
            layers.Softmax(),
        ]
    )


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int16", "int64", "bool"])
def test_predict_takes_numbers_of_any_type_as_keras_does(model, tiny, dtype):
    """Those of a uint8, cut off at 256, would be others."""
    images = (2.5 * tiny.images - 100.25).astype(dtype)
    expected = model.predict(images, verbose=0)
    np.testing.assert_allclose(tc.predict(model, images), expected, atol=1e-6)
    if dtype != "bool":
        cut_off = tc.predict(model, images.astype("uint8"))
        assert np.abs(cut_off - expected).max() > 0.01


def test_predict_takes_a_list_of_images_and_a_part_of_a_file(model, tiny, tmp_path):
    expected = tc.predict(model, tiny.images)
    np.testing.assert_array_equal(tc.predict(model, list(tiny.images)), expected)
    np.save(tmp_path / "images.npy", tiny.images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    np.testing.assert_array_equal(tc.predict(model, mapped), expected)
    np.testing.assert_array_equal(tc.predict(model, mapped[3:5]), expected[3:5])


def test_predict_of_a_model_that_takes_images_of_any_size(any_size):
    for size in (5, 9):
        images = np.arange(2 * size**2, dtype="uint8").reshape(2, size, size, 1)
        expected = any_size.predict(images, verbose=0)
        np.testing.assert_allclose(tc.predict(any_size, images), expected, atol=1e-6)


def test_predict_of_a_model_that_does_not_know_its_input(keras, tiny):
    class Own(keras.Model):
        def call(self, images):
            return keras.ops.mean(images, axis=(1, 2))

    own = Own()
    np.testing.assert_allclose(
        tc.predict(own, tiny.images), own.predict(tiny.images, verbose=0), atol=1e-6
    )


@pytest.fixture(scope="module")
def two_outputs(keras):
    pixels = keras.Input((8, 8, 1))
    features = keras.layers.Flatten()(pixels)
    return keras.Model(pixels, [features, features])


@cases(
    (
        lambda model: tc.predict(model, np.zeros((8, 8, 1), "uint8")),
        ValueError,
        "images has shape (8, 8, 1), but (n, height, width, channels) is expected: write "
        "images[None] if this is one image, or images[..., None] if the channel of grey images "
        "is missing",
    ),
    (
        lambda model: tc.predict(model, np.zeros((0, 8, 8, 1), "uint8")),
        ValueError,
        "images has shape (0, 8, 8, 1), so it holds no image: give at least one",
    ),
    (
        lambda model: tc.predict(model, np.zeros((2, 9, 8, 1))),
        ValueError,
        "the model takes images of 8x8x1, but these are 9x8x1: use images like those that it was "
        "trained on",
    ),
    (
        lambda any_size: tc.predict(any_size, np.zeros((2, 9, 8, 3), "uint8")),
        ValueError,
        "the model takes images of ?x?x1, but these are 9x8x3: use images like those that it was "
        "trained on",
    ),
    (
        lambda model: tc.predict(model, [np.zeros((8, 8, 1)), np.zeros((9, 8, 1))]),
        ValueError,
        "images cannot be one array, since its entries differ in shape: make them alike first",
    ),
    (
        lambda model: tc.predict(model, 5),
        TypeError,
        "images must be an array, got an int: stack the images with np.stack(images)",
    ),
    (
        lambda model: tc.predict(model, np.zeros((2, 8, 8, 1), complex)),
        TypeError,
        "images is complex128, but pixels are expected, numbers from 0 to 255: write "
        "images.astype('uint8') if they are whole, else images.astype('float32')",
    ),
    (
        lambda two_outputs: tc.predict(two_outputs, np.zeros((2, 8, 8, 1), "uint8")),
        ValueError,
        "the model has 2 outputs, but one is expected: use model.predict",
    ),
)
def test_predict_refuses_what_the_model_does_not_take(request, call, error, message):
    assert_refused(request, call, error, message)


# Accuracy


def in_order(dataset, order):
    """The same images with the same names, of which others come first."""
    places = [dataset.class_names.index(name) for name in order]
    return tc.Dataset(dataset.images, np.argsort(places)[dataset.labels], order)


def test_accuracy_of_a_model_that_does_not_know_its_classes(keras, model, tiny):
    """It is Keras's own, also with more outputs than there are classes."""
    stranger = keras.Sequential([keras.Input((8, 8, 1)), *model.layers])
    expected = (model.predict(tiny.images, verbose=0).argmax(axis=1) == tiny.labels).mean()
    assert tc.accuracy(stranger, tiny) == tc.accuracy(model, tiny) == expected
    two = tc.Dataset(tiny.images, tiny.labels % 2, ("even", "odd"))
    stranger.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    _, expected = stranger.evaluate(two.images, two.labels, verbose=0)
    assert tc.accuracy(stranger, two) == pytest.approx(expected)


@pytest.fixture
def without_dogs(tmp_path):
    """A training set of cats, dogs and fish, and a test set of cats and fish, read as they are."""
    rng = np.random.default_rng(0)
    for folder, names in {"train": ("cat", "dog", "fish"), "test": ("cat", "fish")}.items():
        for name in names:
            (tmp_path / folder / name).mkdir(parents=True)
            for number in range(3):
                pixels = rng.integers(0, 256, (16, 16, 3), "uint8")
                Image.fromarray(pixels).save(tmp_path / folder / name / f"{number}.png")
    return tmp_path


def of_folders(root):
    train = tc.datasets.image_folder(root / "train", 16)
    return tc.from_scratch(tc.backbones.small_cnn((16, 16, 3)), train, epochs=1), train


def test_a_test_set_without_one_of_the_classes(without_dogs):
    model, train = of_folders(without_dogs)
    test = tc.datasets.image_folder(without_dogs / "test", 16, class_names=train.class_names)
    expected = model.predict(test.images, verbose=0).argmax(axis=1) == [0, 0, 0, 2, 2, 2]
    assert tc.accuracy(model, test) == expected.mean()


def other_classes(model):
    return lambda backbone, train, seed: model


@pytest.fixture(scope="module")
def one_sigmoid(keras):
    keras.utils.set_random_seed(1)
    features = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()], name="backbone")
    head = keras.layers.Dense(1, "sigmoid", name="head")
    return keras.Sequential([keras.Input((8, 8, 1)), features, head])


ADVICE = (
    "build it with the classes that the model was trained on, as in "
    "image_folder(path, class_names=train.class_names)"
)
ONE_PER_CLASS = "use a model with one output per class, such as an algorithm returns"


@cases(
    (
        lambda without_dogs: tc.accuracy(
            of_folders(without_dogs)[0], tc.datasets.image_folder(without_dogs / "test", 16)
        ),
        ValueError,
        f"class 1 is 'dog' for the model and 'fish' in the data set: {ADVICE}",
    ),
    (
        lambda model, tiny: tc.accuracy(model, in_order(tiny, ("middle", "dark", "light"))),
        ValueError,
        f"class 0 is 'dark' for the model and 'middle' in the data set: {ADVICE}",
    ),
    (
        lambda model, tiny: tc.accuracy(
            model, tc.Dataset(tiny.images, tiny.labels, (*tiny.class_names, "none"))
        ),
        ValueError,
        f"class 3 is None for the model and 'none' in the data set: {ADVICE}",
    ),
    (
        lambda model, tiny: tc.compare(
            {"it": other_classes(model)}, None, in_order(tiny, ("light", "middle", "dark")), [1], 1
        ),
        ValueError,
        f"class 0 is 'dark' for the model and 'light' in the data set: {ADVICE}",
    ),
    (
        lambda one_sigmoid, tiny: tc.accuracy(one_sigmoid, tiny),
        ValueError,
        "the model gives probabilities of shape (12, 1), but the data set has 3 classes: "
        + ONE_PER_CLASS,
    ),
    (
        lambda one_sigmoid, tiny: tc.choose({"it": other_classes(one_sigmoid)}, None, tiny),
        ValueError,
        "the model gives probabilities of shape (3, 1), but the data set has 3 classes: "
        + ONE_PER_CLASS,
    ),
)
def test_accuracy_refuses_a_model_of_other_classes(request, call, error, message):
    assert_refused(request, call, error, message)
