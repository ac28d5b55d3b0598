"""image_folder: the pictures that people really have, and the ones that are broken."""

import io
import re
import struct
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps, features

import transfer_course as tc
from transfer_course.datasets import folder as folder_module

RED, BLUE, WHITE, BLACK = (255, 0, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)


def halves(first=RED, second=BLUE, size=(64, 64)):
    """A picture whose left half has one colour and its right half another."""
    picture = Image.new("RGB", size, first)
    picture.paste(second, (size[0] // 2, 0, size[0], size[1]))
    return picture


def save(picture, file, **options):
    file.parent.mkdir(parents=True, exist_ok=True)
    picture.save(file, **options)
    return file


def png(width, height, depth, color_type, rows):
    """A PNG file put together by hand, for kinds that Pillow does not write."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@pytest.fixture
def photos(tmp_path):
    """A folder with two classes of one picture each."""
    save(Image.new("RGB", (40, 30), (10, 20, 30)), tmp_path / "photos/cat/1.png")
    save(Image.new("RGB", (30, 40), (90, 80, 70)), tmp_path / "photos/dog/1.png")
    return tmp_path / "photos"


@pytest.fixture
def look(photos):
    """Make one file all of class cat; get how image_folder reads it, as int (size, size, 3)."""

    def look(name, content, image_size=32, fit="crop", **how_saved):
        for other in (photos / "cat").iterdir():
            other.unlink()
        file = photos / "cat" / name
        if isinstance(content, bytes):
            file.write_bytes(content)
        else:
            content.save(file, **how_saved)
        return tc.datasets.image_folder(photos, image_size, fit).images[0].astype(int)

    return look


def test_classes_and_files_come_in_order_of_their_names(tmp_path):
    for folder in ("b", "C", "a"):
        for number in (2, 10, 1):
            color = (ord(folder), number, 0)
            save(Image.new("RGB", (20, 20), color), tmp_path / folder / f"{number}.png")
    dataset = tc.datasets.image_folder(str(tmp_path), image_size=16)
    assert dataset.class_names == ("C", "a", "b")
    assert dataset.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert dataset.images.shape == (9, 16, 16, 3)
    assert dataset.images.dtype == np.uint8
    expected = [[ord(folder), number, 0] for folder in "Cab" for number in (1, 10, 2)]
    assert dataset.images[:, 8, 8].tolist() == expected
    assert tc.datasets.image_folder(tmp_path).images.shape == (9, 224, 224, 3)


def test_other_files_are_passed_over(photos):
    before = tc.datasets.image_folder(photos, 32)
    for name in (".DS_Store", "._1.png", ".hidden.jpg", "Thumbs.db", "notes.txt", "clip.mp4"):
        (photos / "cat" / name).write_bytes(b"no picture")
        (photos / name).write_bytes(b"no picture")
    for name in (".ipynb_checkpoints", "__MACOSX"):
        save(Image.new("RGB", (9, 9), RED), photos / name / "1.png")
    save(Image.new("RGB", (9, 9), RED), photos / "cat/kittens/1.png")
    (photos / "cat" / "folder.png").mkdir()
    save(Image.new("RGB", (9, 9), RED), photos / "stray.png")
    after = tc.datasets.image_folder(photos, 32)
    np.testing.assert_array_equal(after.images, before.images)
    assert after.class_names == ("cat", "dog")


def test_it_reads_the_folder_afresh(photos):
    assert len(tc.datasets.image_folder(photos, 32)) == 2
    save(halves(), photos / "cat/2.png")
    assert len(tc.datasets.image_folder(photos, 32)) == 3


@pytest.mark.parametrize(
    "name",
    ["a.png", "a.PNG", "a.jpg", "a.JPEG", "a.jfif", "a.gif", "a.webp", "a.bmp", "a.tif", "a.tiff"]
    + ["a.avif"] * features.check("avif"),
)
def test_every_format(look, name):
    image_format = {"a.jfif": "jpeg"}.get(name)
    image = look(name, halves(), format=image_format)
    assert abs(image[:, 2:12] - RED).max() <= 6
    assert abs(image[:, 20:30] - BLUE).max() <= 6


def test_the_ending_need_not_tell_the_truth(look):
    assert look("a.jpg", halves(), format="png")[16, 2].tolist() == list(RED)


@pytest.mark.parametrize("image_format", ["jpeg", "png", "webp", "tiff"])
@pytest.mark.parametrize(
    ("orientation", "upright"),  # EXIF 2.3: what must be done to see the scene upright
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: np.rot90(a, 2).transpose(1, 0, 2)),
        (8, lambda a: np.rot90(a)),
    ],
)
def test_photos_are_turned_as_their_camera_says(look, orientation, upright, image_format):
    four = halves(RED, BLUE, (64, 64))
    four.paste(BLACK, (0, 32, 32, 64))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = look("photo.jpg", four, format=image_format, exif=exif)
    expected = upright(np.asarray(four.resize((32, 32), Image.Resampling.NEAREST)).astype(int))
    corners = np.ix_([6, 25], [6, 25])
    assert abs(image[corners] - expected[corners]).max() <= 8


def test_a_phone_photo_on_its_side_comes_out_upright(look):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90° clockwise: what lies left is above
    image = look("phone.jpg", halves(size=(400, 300)), exif=exif)
    assert abs(image[2:12] - RED).max() <= 6
    assert abs(image[20:30] - BLUE).max() <= 6


def test_transparency_goes_on_white(look):
    clear = Image.new("RGBA", (32, 32), (255, 0, 0, 0))
    clear.paste((0, 0, 255, 255), (0, 0, 16, 32))
    clear.paste((0, 0, 0, 51), (16, 16, 32, 32))  # 20 % black
    for name, options in (("a.png", {}), ("a.webp", {"lossless": True}), ("a.tif", {})):
        image = look(name, clear, **options)
        assert image[8, 8].tolist() == list(BLUE)
        assert image[8, 24].tolist() == list(WHITE)
        assert image[24, 24].tolist() == [204, 204, 204]


def test_nothing_hidden_by_transparency_bleeds_into_the_picture(look):
    """Resizing first and pasting on white afterwards would mix in the invisible red."""
    clear = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    clear.paste((0, 0, 0, 255), (0, 0, 31, 64))
    image = look("a.png", clear)
    assert (np.ptp(image, axis=2) == 0).all()


@pytest.mark.parametrize(
    ("picture", "options", "color"),
    [
        (Image.new("L", (20, 20), 100), {}, (100, 100, 100)),
        (Image.new("L", (20, 20), 100), {"transparency": 100}, WHITE),
        (Image.new("LA", (20, 20), (0, 51)), {}, (204, 204, 204)),
        (Image.new("RGB", (20, 20), (1, 2, 3)), {"transparency": (1, 2, 3)}, WHITE),
        (Image.new("1", (20, 20), 1), {}, WHITE),
        (Image.new("1", (20, 20), 0), {}, BLACK),
        (Image.fromarray(np.full((20, 20), 32768, np.uint16)), {}, (128, 128, 128)),
        (Image.fromarray(np.full((20, 20), 65535, np.uint16)), {}, WHITE),
        (Image.fromarray(np.full((20, 20), 300, np.uint16)), {}, (1, 1, 1)),
    ],
)
def test_grey_one_bit_and_sixteen_bits(look, picture, options, color):
    assert look("a.png", picture, **options)[10, 10].tolist() == list(color)


def test_palette_with_and_without_transparency(look):
    picture = Image.new("P", (20, 20), 2)
    picture.putpalette([9, 9, 9, 7, 7, 7, 0, 200, 0])
    assert look("a.png", picture)[10, 10].tolist() == [0, 200, 0]
    assert look("a.png", picture, transparency=2)[10, 10].tolist() == list(WHITE)
    assert look("a.gif", picture, transparency=2)[10, 10].tolist() == list(WHITE)
    image = look("a.png", picture, transparency=bytes([255, 255, 51]))
    assert image[10, 10].tolist() == [204, 244, 204]  # 20 % of green on white


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_cmyk(look, name):
    image = look(name, Image.new("CMYK", (20, 20), (0, 255, 255, 0)))
    assert abs(image[10, 10] - RED).max() <= 4


def test_sixteen_bit_tiff_of_either_byte_order(look):
    for order in "<>":
        values = np.full((20, 20), 32768, f"{order}u2")
        image = look("a.tif", Image.fromarray(values))
        assert image[10, 10].tolist() == [128, 128, 128]


def test_sixteen_bit_colour(look):
    row = b"\0" + struct.pack(">3H", 65535, 32768, 0) * 20
    assert look("a.png", png(20, 20, 16, 2, row * 20))[10, 10].tolist() == [255, 128, 0]
    row = b"\0" + struct.pack(">4H", 65535, 0, 0, 0) * 20
    assert look("a.png", png(20, 20, 16, 6, row * 20))[10, 10].tolist() == list(WHITE)


def test_the_first_frame_of_an_animation(look):
    frames = [Image.new("RGB", (20, 20), color) for color in (RED, BLUE)]
    for name, options in (("a.gif", {}), ("a.webp", {"lossless": True})):
        image = look(name, frames[0], save_all=True, append_images=frames[1:], **options)
        assert image[10, 10].tolist() == list(RED)


@pytest.mark.parametrize("turned", [False, True])
def test_crop_keeps_the_middle_and_pad_keeps_everything(look, turned):
    wide = Image.new("RGB", (96, 32), BLUE)
    wide.paste(RED, (32, 0, 64, 32))
    wide = wide.transpose(Image.Transpose.ROTATE_90) if turned else wide

    def along(image):  # across the middle, from one end of the long side to the other
        return image[:, 16] if turned else image[16]

    image = look("a.png", wide)
    assert (image == RED).all()

    image = look("a.png", wide, fit="pad")
    assert (along(image)[[1, 8]] == BLUE).all()
    assert (along(image)[[13, 18]] == RED).all()
    assert (along(image)[[23, 30]] == BLUE).all()
    bars = image.swapaxes(0, 1) if turned else image
    assert (bars[:10] == WHITE).all()
    assert (bars[-10:] == WHITE).all()
    assert (bars[12:20] != WHITE).any(axis=2).all()


@pytest.mark.parametrize("fit", ["crop", "pad"])
@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (17, 16), (333, 20), (500, 500)])
def test_any_size_and_shape(look, size, fit):
    assert look("a.png", Image.new("RGB", size, RED), fit=fit).shape == (32, 32, 3)


def test_making_smaller_averages(look):
    """A fine chessboard is grey from afar; without antialiasing it would stay black and white."""
    board = np.indices((320, 320)).sum(axis=0) % 2 * 255
    image = look("a.png", Image.fromarray(board.astype(np.uint8)))
    assert abs(image - 127.5).max() < 3


@pytest.mark.parametrize(("size", "most", "mean"), [((512, 384), 4, 0.5), ((2001, 1503), 40, 3)])
def test_large_jpegs_are_read_at_a_fraction_of_their_size(look, size, most, mean):
    """The same to the eye as Pillow's plain way; a size that 8 does not divide shifts a little."""
    encoded = io.BytesIO()
    Image.fromarray(skimage.data.chelsea()).resize(size).save(encoded, "jpeg", quality=90)
    image = look("photo.jpg", encoded.getvalue(), 64)
    plain = np.asarray(ImageOps.fit(Image.open(encoded), (64, 64))).astype(int)
    assert abs(image - plain).max() <= most
    assert abs(image - plain).mean() <= mean


@pytest.mark.parametrize(("image_size", "decoded"), [(64, (200, 150)), (128, (400, 300))])
def test_a_jpeg_is_decoded_at_the_least_size_that_is_twice_what_is_asked(
    look, monkeypatch, image_size, decoded
):
    sizes, transpose = [], ImageOps.exif_transpose  # the step after the choice of the size

    def spy(image, **how):
        sizes.append(image.size)
        return transpose(image, **how)

    monkeypatch.setattr(ImageOps, "exif_transpose", spy)
    look("photo.jpg", Image.new("RGB", (1600, 1200), RED), image_size)
    assert decoded in sizes


def test_a_copy_in_the_same_class_is_left_out(photos):
    save(halves(), photos / "cat/a.png")
    save(halves(), photos / "cat/b.bmp")  # another file, the same pixels
    save(halves(BLUE, RED), photos / "cat/c.png")
    with pytest.warns(UserWarning, match=r"twice: .*b\.bmp \(the same as a\.png\)$") as caught:
        dataset = tc.datasets.image_folder(photos, 32)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert np.bincount(dataset.labels).tolist() == [3, 1]


def truncated(image_format):
    encoded = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(encoded, image_format)
    return encoded.getvalue()[: len(encoded.getvalue()) // 2]


HUGE = png(100_000, 100_000, 8, 2, b"\0" * 1000)
BROKEN = {
    "empty.jpg": (b"", "empty, damaged or of a kind"),
    "text.png": (b"<html>404 not found</html>", "empty, damaged or of a kind"),
    "phone.heic": (b"\0\0\0\x18ftypheic" + b"\0" * 99, "of a kind that Pillow does not know"),
    "half.jpg": (truncated("jpeg"), "truncated"),
    "half.png": (truncated("png"), "truncated"),
    "half.gif": (truncated("gif"), ""),
    "half.webp": (truncated("webp"), ""),
    "half.bmp": (truncated("bmp"), "truncated"),
    "half.tif": (truncated("tiff"), ""),
    "huge.png": (HUGE, "it claims to have over 178 million pixels"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_picture_is_left_out_and_listed(photos, name):
    content, reason = BROKEN[name]
    file = photos / "cat" / name
    file.write_bytes(content)
    (photos / "dog" / "also.jpg").write_bytes(b"")
    with pytest.warns(UserWarning, match="left out what cannot be read: ") as warned:
        dataset = tc.datasets.image_folder(photos, 32, errors="skip")
    assert len(warned) == 1
    assert re.search(rf"{file} cannot be read as an image \(.*{reason}", str(warned[0].message))
    assert str(photos / "dog" / "also.jpg") in str(warned[0].message)
    assert warned[0].filename == __file__
    assert dataset.labels.tolist() == [0, 1]


def test_a_huge_picture_costs_neither_memory_nor_time(photos):
    (photos / "cat" / "huge.png").write_bytes(HUGE)
    resource = pytest.importorskip("resource")  # not on Windows
    memory, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    with pytest.raises(ValueError, match="million pixels"):
        tc.datasets.image_folder(photos, 32)
    assert time.perf_counter() - start < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 200_000  # kilobytes


def test_a_large_photo_is_read_without_a_warning(look, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3000)  # from here on Pillow warns
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert look("a.png", halves()).shape == (32, 32, 3)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pictures_of_unknown_white_are_refused(photos, mode):
    save(Image.new(mode, (9, 9), 1), photos / "cat/a.tif")
    with pytest.raises(ValueError, match=r"a\.tif .*32-bit, and which of them is white"):
        tc.datasets.image_folder(photos, 32)


ENCODED = []
for image_format in ("jpeg", "png", "gif", "webp", "bmp", "tiff"):
    exif = Image.Exif()
    exif[0x0112] = 6
    kept = io.BytesIO()
    halves(size=(24, 20)).save(kept, image_format, exif=exif)
    ENCODED.append(kept.getvalue())


@settings(max_examples=150)
@given(
    content=st.sampled_from(ENCODED),
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=6),
    cut=st.floats(0, 1) | st.just(1.0),
)
@pytest.mark.filterwarnings("ignore")  # Pillow's remarks on damaged metadata
def test_a_damaged_file_gives_a_picture_or_a_sentence(tmp_path_factory, content, changes, cut):
    content = bytearray(content)
    for position, value in changes:
        content[int(position * (len(content) - 1))] = value
    file = Path(tmp_path_factory.getbasetemp()) / "damaged.jpg"
    file.write_bytes(content[: int(cut * len(content))])
    try:
        image = folder_module._read(file, 16, "crop")
    except folder_module._UnreadableImage as problem:
        assert str(problem).startswith(f"{file} cannot be read as an image (")
    else:
        assert image.shape == (16, 16, 3)
        assert image.dtype == np.uint8
