"""image_folder: the pictures that people really have, and the ones that are broken."""

import io
import os
import re
import shutil
import struct
import sys
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
from transfer_course.datasets.photo import UnreadableImage, read_photo

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


# Made by Jupyter, macOS, Windows, Linux, and the network disks of Synology and QNAP.
SYSTEM_FOLDERS = [".ipynb_checkpoints", "__MACOSX", ".Trash-1000", "$RECYCLE.BIN", "$Recycle.Bin"]
SYSTEM_FOLDERS += ["System Volume Information", "lost+found", "@eaDir", "#recycle", "@Recycle"]


def test_other_files_are_passed_over(photos):
    before = tc.datasets.image_folder(photos, 32)
    for name in (".DS_Store", "._1.png", ".hidden.jpg", "Thumbs.db", "notes.txt", "clip.mp4"):
        (photos / "cat" / name).write_bytes(b"no picture")
        (photos / name).write_bytes(b"no picture")
    for name in SYSTEM_FOLDERS:
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


def damaged_exif() -> bytes:
    """EXIF that says to turn by 90°, and whose resolution is a text where a fraction belongs."""
    entries = [(0x0112, 3, 1, struct.pack("<HH", 6, 0)), (0x011A, 2, 4, b"72 \0")]
    fields = b"".join(struct.pack("<HHL", *entry[:3]) + entry[3] for entry in entries)
    return b"Exif\0\0II*\0" + struct.pack("<LH", 8, len(entries)) + fields + bytes(4)


@pytest.mark.parametrize("image_format", ["jpeg", "png", "webp"])
def test_the_orientation_is_used_although_other_metadata_is_damaged(look, image_format):
    image = look("photo.jpg", halves(), format=image_format, exif=damaged_exif())
    assert abs(image[2:12] - RED).max() <= 6  # what lies left is above
    assert abs(image[20:30] - BLUE).max() <= 6


def tiff(size, entries, pixels):
    """An uncompressed TIFF put together by hand, since Pillow writes no damaged one."""
    common = [(256, 4, size[0]), (257, 4, size[1]), (258, 3, 8), (259, 3, 1), (262, 3, 1)]
    entries = sorted([*common, (273, 4, 0), (278, 4, size[1]), (279, 4, len(pixels)), *entries])
    start = 8 + 2 + 12 * len(entries) + 4
    fields = b""
    for tag, kind, value in entries:
        value = start if tag == 273 else value
        packed = value if isinstance(value, bytes) else struct.pack("<L", value)
        fields += struct.pack("<HHL", tag, kind, len(packed) if kind == 2 else 1) + packed
    return b"II*\0" + struct.pack("<LH", 8, len(entries)) + fields + bytes(4) + pixels


def test_a_tiff_with_damaged_metadata_is_read_and_turned(look):
    pixels = bytes([0] * 16 + [255] * 16) * 32  # black beside white
    image = look("a.tif", tiff((32, 32), [(274, 3, 6), (282, 2, b"72 \0")], pixels))
    assert (image[:14] == BLACK).all()
    assert (image[18:] == WHITE).all()


@settings(max_examples=200)
@given(
    exif=st.binary(max_size=80)
    | st.binary(max_size=60).map(lambda rest: b"Exif\0\0II*\0\x08\0\0\0" + rest)
    | st.binary(max_size=60).map(lambda rest: b"Exif\0\0MM\0*\0\0\0\x08\0\x03" + rest),
    image_format=st.sampled_from(["jpeg", "png", "webp"]),
)
@pytest.mark.filterwarnings("ignore")  # Pillow's remarks on damaged metadata
def test_whatever_is_in_the_exif_the_pixels_are_read(tmp_path_factory, exif, image_format):
    """Turned in one of the eight ways, since some of it can happen to be an orientation."""
    picture = halves(size=(16, 16))
    picture.paste(BLACK, (0, 8, 8, 16))
    file = Path(tmp_path_factory.getbasetemp()) / "exif.jpg"
    picture.save(file, image_format, exif=exif)
    image = read_photo(file, 16, "crop").astype(int)
    plain = np.asarray(picture).astype(int)
    eight = [np.rot90(side, k) for side in (plain, plain[::-1]) for k in range(4)]
    assert min(abs(image - turned).mean() for turned in eight) < 30


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
        image = read_photo(file, 16, "crop")
    except UnreadableImage as problem:
        assert str(problem).startswith(f"{file} cannot be read as an image (")
    else:
        assert image.shape == (16, 16, 3)
        assert image.dtype == np.uint8


def folder_name(text: str | bytes) -> str:
    """A name as the disk has it, whatever the language of the machine is."""
    return os.fsdecode(text if isinstance(text, bytes) else text.encode())


def test_class_names_are_as_people_write_them(tmp_path):
    names = ["cafe\N{COMBINING ACUTE ACCENT}", "$x_$", "_background_", "cat"]
    if sys.platform == "linux":  # where a name is any bytes; here those of Latin-1
        names.append(b"na\xefve")
    for number, name in enumerate(names):
        save(Image.new("RGB", (20, 20), (number, 0, 0)), tmp_path / folder_name(name) / "1.png")
    dataset = tc.datasets.image_folder(tmp_path, 32)
    written = {"caf\N{LATIN SMALL LETTER E WITH ACUTE}", "$x_$", "_background_", "cat"}
    assert set(dataset.class_names) - {"na\\xefve"} == written
    assert list(dataset.class_names) == sorted(dataset.class_names)
    dataset.class_names[-1].encode()  # can be printed
    assert dataset.images[dataset.class_names.index("$x_$"), 8, 8].tolist() == [1, 0, 0]


@pytest.mark.skipif(sys.platform == "darwin", reason="there the two names are one")
def test_one_name_in_two_spellings_is_told(request, tmp_path):
    for name in ("cafe\N{COMBINING ACUTE ACCENT}", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"):
        save(halves(), tmp_path / folder_name(name) / "1.png")
    with pytest.raises(
        ValueError, match=r"two class folders 'caf\u00e9', which differ only in how"
    ):
        tc.datasets.image_folder(tmp_path)


def white_on_transparency(x):
    icon = Image.new("RGBA", (32, 32), (255, 255, 255, 0))
    icon.paste(WHITE, (x, 8, x + 8, 24))
    return icon


def test_white_drawings_on_transparency_are_told_to_turn_blank(photos):
    save(white_on_transparency(4), photos / "cat/a.png")
    save(white_on_transparency(20), photos / "dog/b.png")
    with pytest.raises(ValueError, match=r"a\.png and .*b\.png turn blank on white") as refusal:
        tc.datasets.image_folder(photos)
    assert "darker background" in str(refusal.value)
    with pytest.warns(UserWarning, match=r"turns blank on white.*a\.png and .*b\.png"):
        assert len(tc.datasets.image_folder(photos, errors="skip")) == 2


def test_blank_drawings_of_one_class_are_told_too(photos):
    for x in (4, 12, 20):
        save(white_on_transparency(x), photos / f"cat/{x}.png")
    with pytest.warns(UserWarning, match="both turn blank on white"):
        assert len(tc.datasets.image_folder(photos)) == 3


def test_all_images_in_two_classes_are_listed_and_left_out(photos):
    for number, color in enumerate(("lime", "navy", "pink")):
        for name in ("cat", "dog"):
            save(Image.new("RGB", (9, 9), color), photos / name / f"same{number}.png")
    pairs = r"cat.same0\.png and .*dog.same0\.png; .*same1.*; .*cat.same2\.png and .*dog.same2\.png"
    with pytest.raises(ValueError, match=pairs + " are the same image in two classes"):
        tc.datasets.image_folder(photos)
    with pytest.warns(UserWarning, match=f"the same in two classes: .*{pairs}") as warned:
        dataset = tc.datasets.image_folder(photos, 32, errors="skip")
    assert len(warned) == 1
    assert warned[0].filename == __file__
    assert dataset.images[:, 8, 8].tolist() == [[10, 20, 30], [90, 80, 70]]


needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")


@needs_links
def test_a_link_that_leads_nowhere(photos):
    (photos / "cat/2.jpg").symlink_to(photos / "gone.jpg")
    with pytest.raises(
        ValueError, match=r"2\.jpg .*\(it is a link that leads nowhere\): put the im"
    ):
        tc.datasets.image_folder(photos)
    with pytest.warns(UserWarning, match=r"2\.jpg .*leads nowhere"):
        assert len(tc.datasets.image_folder(photos, errors="skip")) == 2
    (photos / "owl").symlink_to(photos / "gone", target_is_directory=True)
    with pytest.raises(ValueError, match=r"owl is a link that leads nowhere: mend the link"):
        tc.datasets.image_folder(photos, errors="skip")


@needs_links
def test_links_to_images_and_to_folders_are_followed(photos, tmp_path):
    save(halves(), tmp_path / "elsewhere/owl.png")
    (photos / "owl").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (photos / "cat/link.png").symlink_to(photos / "dog/1.png")
    with pytest.raises(
        ValueError, match=r"link\.png and .*1\.png are the same image in two classes"
    ):
        tc.datasets.image_folder(photos)
    (photos / "cat/link.png").unlink()
    assert tc.datasets.image_folder(photos).class_names == ("cat", "dog", "owl")


@pytest.fixture(scope="module")
def huge_jpegs():
    """200 megapixels, red beside blue: as most cameras save it, and as a progressive JPEG."""
    picture = halves(size=(16_000, 12_500))
    encoded = {}
    for progressive in (False, True):
        file = io.BytesIO()
        picture.save(file, "jpeg", quality=50, progressive=progressive)
        encoded[progressive] = file.getvalue()
    return encoded


def test_a_jpeg_of_200_megapixels_is_read(look, huge_jpegs):
    image = look("photo.jpg", huge_jpegs[False])
    assert abs(image[:, 2:12] - RED).max() <= 6
    assert abs(image[:, 20:30] - BLUE).max() <= 6


def test_a_jpeg_that_takes_too_much_memory_is_to_be_made_smaller(look, huge_jpegs):
    with pytest.raises(ValueError, match=r"over 178 million pixels\): make it smaller, remove it"):
        look("photo.jpg", huge_jpegs[True])


# A second folder with the classes of a first one


@pytest.fixture
def train_and_test(tmp_path):
    for name, color in [("cat", RED), ("dog", BLUE)]:
        for i in range(3):
            picture = Image.new("RGB", (9, 9), (color[0], 10 * i, color[2]))
            save(picture, tmp_path / "train" / name / f"{i}.png")
            picture = Image.new("RGB", (9, 9), (color[0], 200 + 10 * i, color[2]))
            save(picture, tmp_path / "test" / name / f"{i}.png")
    return tmp_path


def test_labels_follow_the_class_names_given(train_and_test):
    train = tc.datasets.image_folder(train_and_test / "train", 16)
    shutil.rmtree(train_and_test / "test/cat")
    test = tc.datasets.image_folder(train_and_test / "test", 16, class_names=train.class_names)
    assert test.class_names == ("cat", "dog")
    assert test.labels.tolist() == [1, 1, 1]  # without class_names, dog would be refused or class 0
    other = tc.datasets.image_folder(train_and_test / "train", 16, class_names=["dog", "cat"])
    assert other.labels.tolist() == [1, 1, 1, 0, 0, 0]
    assert (other.images[other.labels == 0, 0, 0] == train.images[train.labels == 1, 0, 0]).all()


def test_a_class_that_is_not_among_the_names_is_told(train_and_test):
    with pytest.raises(
        ValueError, match=r"class folder .*cat is not among class_names=\('dog', 'o"
    ):
        tc.datasets.image_folder(train_and_test / "train", class_names=("dog", "owl"))


def test_test_images_that_are_training_images_are_told_and_left_out(train_and_test, monkeypatch):
    train = tc.datasets.image_folder(train_and_test / "train", 16)
    shutil.copy(train_and_test / "train/cat/1.png", train_and_test / "test/cat/copy.png")
    shutil.copy(train_and_test / "train/dog/1.png", train_and_test / "test/cat/wrong.png")
    with pytest.warns(UserWarning) as warned:
        test = tc.datasets.image_folder(train_and_test / "test", 16, class_names=train.class_names)
    assert len(warned) == 1
    message = str(warned[0].message)
    assert re.search(r"copy\.png \(the same as .*train.cat.1\.png\); .*wrong\.png \(", message)
    assert len(test) == 6
    assert len(tc.datasets.image_folder(train_and_test / "test", 16, errors="skip")) == 8
    # Read once more, under another name even, a folder is no copy of itself.
    monkeypatch.chdir(train_and_test)
    again = tc.datasets.image_folder("train", 16, class_names=train.class_names)
    assert len(again) == 6
    again = tc.datasets.image_folder(train_and_test / "train", 16, class_names=train.class_names)
    assert len(again) == 6


# Bursts


def take(file, taken, color=RED):
    """Save a photo that says when it was taken, unless that is None."""
    exif = Image.Exif()
    exif[0x0112] = 1  # an orientation; Pillow writes no EXIF without an entry of the first kind
    if taken is not None:
        exif.get_ifd(0x8769)[0x9003] = taken  # the EXIF of cameras, DateTimeOriginal
    save(Image.new("RGB", (32, 32), color), file, exif=exif)


@pytest.mark.parametrize("ending", ["jpg", "webp", "png"])
def test_photos_taken_shortly_after_one_another_are_a_group(tmp_path, ending):
    times = {
        "cat/a": "2026:05:01 11:59:55",  # the order of names is not that of times
        "cat/b": "2026:05:01 12:00:15",
        "cat/c": "2026:05:01 12:00:05",  # 10 s from either
        "cat/d": "2026:05:01 12:00:26",  # 11 s after b
        "dog/a": "2026:05:01 12:00:20",  # a burst goes from class to class
        "dog/b": "2026:05:02 12:00:20",
        "dog/c": None,
        "dog/d": None,
    }
    for shade, (name, taken) in enumerate(times.items()):
        take(tmp_path / f"{name}.{ending}", taken, color=(20 * shade, 0, 0))
    assert tc.datasets.image_folder(tmp_path, 16).groups is None
    groups = tc.datasets.image_folder(tmp_path, 16, burst_seconds=10).groups
    together = {(i, j) for i in range(8) for j in range(i) if groups[i] == groups[j]}
    of_the_first = [0, 1, 2, 3, 4]
    assert together == {(i, j) for i in of_the_first for j in of_the_first if j < i}
    none = tc.datasets.image_folder(tmp_path, 16, burst_seconds=0).groups
    assert len(set(none)) == 8


def test_bursts_are_those_of_the_photos_that_are_used(tmp_path):
    """One is left out as a copy, and none of the others gets its place."""
    for name, taken, shade in [
        ("cat/1", "2026:01:01 00:00:00", 0),
        ("cat/2", "2026:01:01 09:00:00", 0),
        ("cat/3", "2026:01:01 09:00:01", 90),
        ("dog/1", "2026:01:01 09:00:02", 160),
        ("dog/2", "2026:01:01 00:00:01", 240),
    ]:
        take(tmp_path / f"{name}.jpg", taken, color=(shade, shade, 0))
    with pytest.warns(UserWarning, match="2.jpg"):
        groups = tc.datasets.image_folder(tmp_path, 16, burst_seconds=2).groups
    assert groups[0] == groups[3] != groups[1] == groups[2]
    cache = tmp_path / "photos.npy"
    for _ in range(2):
        with pytest.warns(UserWarning, match="2.jpg"):
            cached = tc.datasets.image_folder(tmp_path, 16, burst_seconds=2, cache=cache)
        np.testing.assert_array_equal(cached.groups, groups)


def test_few_shot_tests_on_other_bursts_than_it_trains_on(tmp_path):
    for label in ("cat", "dog"):
        for number in range(12):
            taken = f"2026:05:01 12:{number // 3:02}:{number % 3:02}"
            shade = (number, 9 * len(label), ord(label[0]))
            take(tmp_path / label / f"{number}.png", taken, color=shade)
    dataset = tc.datasets.image_folder(tmp_path, 16, burst_seconds=5)
    assert len(set(dataset.groups)) == 4  # both classes were taken at the same minutes
    train, test = tc.few_shot(dataset, shots=2)
    assert len(train) == 4
    assert not set(train.groups) & set(test.groups)


@pytest.mark.parametrize("taken", ["", "soon", "2026:13:01 00:00:00", "0000:00:00 00:00:00", 7])
def test_a_photo_with_a_nonsensical_time_stands_alone(tmp_path, taken):
    take(tmp_path / "cat/1.jpg", taken)
    take(tmp_path / "cat/2.jpg", taken, color=WHITE)
    take(tmp_path / "dog/1.jpg", taken, color=BLUE)
    assert len(set(tc.datasets.image_folder(tmp_path, 16, burst_seconds=9).groups)) == 3
