"""Folders and files that no data set can be made of, and settings that the data sets refuse."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from refusals import assert_refused, cases

import transfer_course as tc

OR_SKIP = 'remove it, or pass errors="skip" to leave it out'
SAVE_AGAIN = f"save it again as an ordinary JPEG or PNG, {OR_SKIP}"
SMALLER = f"make it smaller, {OR_SKIP}"
UNKNOWN = "it is empty, damaged or of a kind that Pillow does not know"
CHECK = "check the path, and that you may read it"
LAYOUT = "such as …cat and …dog"


def png(color, size=(20, 20)) -> bytes:
    encoded = io.BytesIO()
    Image.new("RGB", size, color).save(encoded, "png")
    return encoded.getvalue()


def noise(image_format: str) -> bytes:
    encoded = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(encoded, image_format)
    return encoded.getvalue()


def png_that_claims_100_000_by_100_000_pixels() -> bytes:
    def chunk(name, data):
        crc = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + crc

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


def jpeg_that_claims_65_500_by_65_500_pixels() -> bytes:
    """The most that a JPEG can claim is 65,535 a side: its sizes have 16 bits."""
    content = noise("jpeg")
    frame = content.index(b"\xff\xc0") + 5
    return content[:frame] + struct.pack(">HH", 65_500, 65_500) + content[frame + 4 :]


def write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


GOOD = {"cat/1.png": png("red"), "dog/1.png": png("blue")}


@pytest.fixture
def photos(tmp_path):
    """A folder that can be read: a cat and a dog."""
    return write(tmp_path / "photos", GOOD)


@pytest.fixture
def locked(photos, monkeypatch):
    """A folder that may not be read; chmod would not stop root, who runs tests in a container."""

    def refuse(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", refuse)
    return photos


SIZE = "use an int from 16 to 1024"


@cases(
    (
        lambda photos: tc.datasets.image_folder(photos, burst_seconds="5"),
        TypeError,
        "burst_seconds='5' is not a number: use a finite one of 0 or more",
    ),
    (
        lambda photos: tc.datasets.image_folder(photos, burst_seconds=-1),
        ValueError,
        "burst_seconds=-1 is out of range: use a finite number of 0 or more",
    ),
    (
        lambda photos: tc.datasets.image_folder(photos / "gone"),
        FileNotFoundError,
        f"…gone cannot be opened as a folder (No such file or directory): {CHECK}",
    ),
    (
        lambda: tc.datasets.image_folder("~no-such-user/photos"),
        FileNotFoundError,
        f"…photos cannot be opened as a folder (No such file or directory): {CHECK}",
    ),
    (
        lambda: tc.datasets.image_folder("C:\0"),  # Python reads \0 as one character
        ValueError,
        f"…C:… cannot be opened as a folder (embedded null byte): {CHECK}",
    ),
    (
        lambda photos: tc.datasets.image_folder(photos / "cat/1.png"),
        NotADirectoryError,
        f"…1.png cannot be opened as a folder (Not a directory): {CHECK}",
    ),
    (
        lambda locked: tc.datasets.image_folder(locked),
        PermissionError,
        f"…photos cannot be opened as a folder (Permission denied): {CHECK}",
    ),
    *(
        (
            lambda path=path: tc.datasets.image_folder(path),
            TypeError,
            f"path={path} is not a path: give the folder's name as text",
        )
        for path in (7, None)
    ),
    *(
        (
            lambda photos, size=size: tc.datasets.image_folder(photos, image_size=size),
            error,
            f"image_size={size} is {message}: {SIZE}",
        )
        for size, error, message in [
            (8, ValueError, "out of range"),
            (99999, ValueError, "out of range"),
            (64.0, TypeError, "not a whole number"),
            ((64, 64), TypeError, "not a whole number"),
        ]
    ),
    (
        lambda photos: tc.datasets.image_folder(photos, fit="stretch"),
        ValueError,
        'fit=\'stretch\' is unknown: use fit="crop" or fit="pad"',
    ),
    (
        lambda photos: tc.datasets.image_folder(photos, errors=None),
        ValueError,
        'errors=None is unknown: use errors="raise" or errors="skip"',
    ),
    (
        lambda: tc.datasets.emoji("colour"),
        ValueError,
        'style=\'colour\' is unknown: use style="color" or style="line"',
    ),
    (
        lambda: tc.datasets.emoji(224),
        ValueError,
        'style=224 is unknown: use style="color" or style="line"',
    ),
    *(
        (
            lambda size=size: tc.datasets.emoji(image_size=size),
            error,
            f"image_size={size} is {message}: {SIZE}",
        )
        for size, error, message in [
            (15, ValueError, "out of range"),
            (2000, ValueError, "out of range"),
            (True, TypeError, "not a whole number"),
        ]
    ),
)
def test_a_bad_argument_is_refused(request, call, error, message):
    assert_refused(request, call, error, message)


IN_TWO_CLASSES = {**GOOD, "cat/2.png": png("lime"), "dog/2.png": png("lime")}


@pytest.mark.filterwarnings("ignore:left out")
@pytest.mark.parametrize(
    ("files", "errors", "message"),
    [
        pytest.param(
            {},
            "raise",
            f"…mine holds no class folders: make one folder of images per class, {LAYOUT}",
            id="empty",
        ),
        pytest.param(
            {"1.png": png("red"), "2.png": png("blue")},
            "raise",
            "…mine holds images but no class folders: "
            f"put the images of each class in a folder of its own, {LAYOUT}",
            id="loose images",
        ),
        pytest.param(
            {"cat/1.png": png("red")},
            "raise",
            "…mine holds one class folder only, 'cat', but two are needed: "
            "add another, or pass …cat if the class folders are in there",
            id="one class",
        ),
        pytest.param(
            {"cat/1.png": png("red"), "dog/notes.txt": b"none yet"},
            "raise",
            "class folder …dog holds no image file (.jpg, .png, …): add some, or remove the folder",
            id="a class without images",
        ),
        pytest.param(
            {"animals/cat/1.png": png("red"), "plants/oak/1.png": png("blue")},
            "raise",
            "class folder …animals holds no image file (.jpg, .png, …): "
            "pass …animals itself if the folders in it are the classes",
            id="one folder too deep",
        ),
        pytest.param(
            IN_TWO_CLASSES,
            "raise",
            "…cat…2.png and …dog…2.png are the same image in two classes: remove it from the class "
            'where it does not belong, or pass errors="skip" to leave them out',
            id="one image in two classes",
        ),
        pytest.param(
            {"cat/1.png": png("red"), "dog/1.png": png("red"), "dog/2.png": png("blue")},
            "skip",
            "no image in class folder …cat can be used: add some that can, or remove the folder",
            id="a class of images of another class",
        ),
        pytest.param(
            {"cat/1.png": png("red"), "dog/1.jpg": b""},
            "skip",
            "no image in class folder …dog can be used (…1.jpg cannot be read as an image "
            f"({UNKNOWN})): add some that can, or remove the folder",
            id="a class of broken images",
        ),
    ],
)
def test_a_folder_of_no_classes_is_refused(request, tmp_path, files, errors, message):
    folder = write(tmp_path / "mine", files)
    assert_refused(
        request,
        lambda tmp_path: tc.datasets.image_folder(folder, errors=errors),
        ValueError,
        message,
    )


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        pytest.param("2.jpg", b"", UNKNOWN, id="no bytes"),
        pytest.param("2.jpg", b"<html>404 not found</html>", UNKNOWN, id="text"),
        pytest.param("2.heic", b"\0\0\0\x18ftypheic" + bytes(99), UNKNOWN, id="iPhone"),
        pytest.param(
            "2.jpg",
            noise("jpeg")[:2000],
            "image file is truncated (… bytes not processed)",
            id="half a JPEG",
        ),
        pytest.param("2.png", noise("png")[:6000], "image file is truncated", id="half a PNG"),
        pytest.param(
            "2.png",
            noise("png")[:200] + bytes(200) + noise("png")[400:],
            "broken …",
            id="a damaged PNG",
        ),
        pytest.param(
            "2.png",
            png_that_claims_100_000_by_100_000_pixels(),
            "it claims to have over 178 million pixels",
            id="a huge PNG",
        ),
        pytest.param(
            "2.jpg",
            jpeg_that_claims_65_500_by_65_500_pixels(),
            "it claims to have over 178 million pixels",
            id="a huge JPEG",
        ),
    ],
)
def test_a_broken_image_is_refused_by_name(request, photos, name, content, reason):
    (photos / "cat" / name).write_bytes(content)
    advice = SMALLER if "million" in reason else SAVE_AGAIN
    message = f"…{name} cannot be read as an image ({reason}): {advice}"
    assert_refused(request, lambda photos: tc.datasets.image_folder(photos), ValueError, message)
