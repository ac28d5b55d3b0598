"""The backbones: what they compute, and that a saved one needs nothing but Keras."""

import gc
import hashlib
import inspect
import subprocess
import sys

import numpy as np
import pytest
import skimage.data
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

import transfer_course as tc

CATS = range(281, 286)  # tabby, tiger cat, Persian, Siamese, Egyptian
ESPRESSO = 967


@pytest.fixture(scope="module")
def lite0():
    return tc.backbones.efficientnet_lite0(image_size=160)


@pytest.mark.parametrize(
    "box", [(0, 0, 1, 1), (0, 0, 0.67, 1), (0.33, 0, 1, 1), (0.1, 0.1, 0.9, 1)]
)
@pytest.mark.parametrize(
    ("photo", "classes"), [("chelsea", CATS), ("coffee", [ESPRESSO])], ids=["cat", "coffee"]
)
def test_with_imagenets_own_head_lite0_names_what_is_in_a_photo(lite0, photo, classes, box):
    picture = Image.fromarray(getattr(skimage.data, photo)())
    sides = (*picture.size, *picture.size)
    corner = [round(part * side) for part, side in zip(box, sides, strict=True)]
    picture = np.asarray(picture.crop(corner).resize((160, 160), Image.Resampling.BICUBIC))
    head = tc.backbones.imagenet_tensors()
    features = lite0.predict(picture[None], verbose=0)
    scores = features @ head["_fc.weight"].T + head["_fc.bias"]
    assert scores.argmax() in classes


def conv_in_numpy(x, kernel, stride, depthwise):
    """A convolution with TensorFlow's "same" padding; kernel (out, in, height, width)."""
    size = kernel.shape[2]
    pads = []
    for side in x.shape[1:3]:
        total = max((-(-side // stride) - 1) * stride + size - side, 0)
        pads.append((total // 2, total - total // 2))
    x = np.pad(x, [(0, 0), *pads, (0, 0)])
    windows = sliding_window_view(x, (size, size), axis=(1, 2))[:, ::stride, ::stride]
    if depthwise:
        return np.einsum("nhwcij,cij->nhwc", windows, kernel[:, 0])
    return np.einsum("nhwcij,ocij->nhwo", windows, kernel, optimize=True)


def lite0_in_numpy(images):
    """EfficientNet-Lite0 from the tensors in the file, in float64."""
    tensors = tc.backbones.imagenet_tensors()

    def step(x, conv, norm, stride=1, relu6=True):
        kernel = tensors[f"{conv}.weight"].astype(float)
        x = conv_in_numpy(x, kernel, stride, depthwise="depthwise" in conv)
        mean, var = tensors[f"{norm}.running_mean"], tensors[f"{norm}.running_var"]
        x = (x - mean) / np.sqrt(var.astype(float) + 1e-3)
        x = x * tensors[f"{norm}.weight"] + tensors[f"{norm}.bias"]
        return np.clip(x, 0, 6) if relu6 else x

    x = step((images.astype(float) - 127) / 128, "_conv_stem", "_bn0", stride=2)
    for i in range(16):
        block, before = f"_blocks.{i}.", x
        stride = 2 if i in (1, 3, 5, 11) else 1
        if i > 0:  # the first block alone does not widen
            x = step(x, f"{block}_expand_conv", f"{block}_bn0")
        x = step(x, f"{block}_depthwise_conv", f"{block}_bn1", stride)
        x = step(x, f"{block}_project_conv", f"{block}_bn2", relu6=False)
        if x.shape == before.shape:
            x = x + before
    return step(x, "_conv_head", "_bn1").mean(axis=(1, 2))


@pytest.mark.parametrize("size", [32, 45])
def test_lite0_computes_what_numpy_makes_of_its_tensors(size):
    images = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), np.uint8)
    found = tc.backbones.efficientnet_lite0(image_size=size).predict(images, verbose=0)
    np.testing.assert_allclose(found, lite0_in_numpy(images), atol=2e-4)


def test_nobody_can_alter_the_tensors_that_all_share():
    with pytest.raises(ValueError, match="read-only"):
        tc.backbones.imagenet_tensors()["_fc.bias"][0] = 1


@pytest.fixture(scope="module")
def keras_vgg16(keras):
    """VGG16 of keras.applications with random weights, biases too."""
    keras.utils.set_random_seed(0)
    model = keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3))
    draw = np.random.default_rng(0)
    for layer in model.layers:
        if layer.weights:
            layer.bias.assign(draw.normal(size=layer.bias.shape))
    return model


@pytest.fixture(scope="module")
def vgg_file(keras_vgg16, tmp_path_factory):
    path = tmp_path_factory.mktemp("vgg") / "vgg16_notop.weights.h5"
    keras_vgg16.save_weights(path)
    return path


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_vgg16_is_kerass_with_its_preprocessing(keras, keras_vgg16, vgg_file, kind):
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    prepared = keras.applications.vgg16.preprocess_input(images.astype("float32"))
    expected = keras_vgg16.predict(prepared, verbose=0).mean(axis=(1, 2))
    backbone = tc.backbones.vgg16(image_size=32, weights=kind(vgg_file))
    found = backbone.predict(images, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    # It matters: with red and blue exchanged, or without the mean, the features are others.
    for wrong in (prepared[..., ::-1], images[..., ::-1].astype("float32")):
        other = keras_vgg16.predict(wrong, verbose=0).mean(axis=(1, 2))
        assert np.abs(other - found).max() > 1e-2 * np.abs(expected).max()


def test_the_articles_fifteen_layers_of_vgg16_end_with_block4_pool():
    backbone = tc.backbones.vgg16(image_size=32, weights=None)
    assert backbone.layers[14].name == "block4_pool"
    assert backbone.output_shape == (None, 512)


@pytest.mark.parametrize(
    "build",
    [
        tc.backbones.small_cnn,
        lambda: tc.backbones.efficientnet_lite0(32, weights=None),
        lambda: tc.backbones.vgg16(32, weights=None),
    ],
    ids=["small_cnn", "lite0", "vgg16"],
)
def test_untrained_backbones_have_always_the_same_weights(keras, build):
    def drawn(seed):
        """A hash of each weight, so that no two networks are held at once; the kernels' starts."""
        keras.utils.set_random_seed(seed)
        weights = build().get_weights()
        starts = [kernel.ravel()[:9].tobytes() for kernel in weights if kernel.ndim > 1]
        return [hashlib.sha256(weight.tobytes()).hexdigest() for weight in weights], starts

    hashes, starts = drawn(seed=1)
    gc.collect()
    assert drawn(seed=2)[0] == hashes
    assert len(set(starts)) == len(starts)  # no seed used twice


def test_small_cnn_is_as_its_docstring_says():
    backbone = tc.backbones.small_cnn()
    assert backbone.name == "small_cnn"
    assert backbone.count_params() == 60_224
    assert backbone.output_shape == (None, 64)
    assert tc.backbones.small_cnn((8, 16, 3)).input_shape == (None, 8, 16, 3)


def load_and_predict(folder):
    """Runs in a process of its own, which knows Keras but not this package."""
    import os
    import sys
    from pathlib import Path

    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras
    import numpy as np

    for path in Path(folder).glob("*.keras"):
        saved = np.load(path.with_suffix(".npz"))
        found = keras.saving.load_model(path).predict(saved["images"], verbose=0)
        np.testing.assert_allclose(found, saved["predicted"], rtol=1e-4, atol=1e-5)
        print(path.stem)
    assert not any(name.startswith("transfer_course") for name in sys.modules)


@pytest.mark.long
def test_what_is_saved_loads_with_keras_alone(backbone, draw, tmp_path):
    train, test = draw
    pictures = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    few = {"epochs": 2, "batch_size": 8}
    models = {  # made one at a time, or all are in memory at once
        "small_cnn": lambda: tc.backbones.small_cnn(),
        "lite0": lambda: tc.backbones.efficientnet_lite0(32),
        "vgg16": lambda: tc.backbones.vgg16(32, weights=None),
        "pretrain": lambda: tc.pretrain(backbone, train, **few),
        "feature_reuse": lambda: tc.feature_reuse(backbone, train, **few),
        "fine_tune": lambda: tc.fine_tune(backbone, train, freeze="pool1", **few),
        "l2_sp": lambda: tc.l2_sp(backbone, train, alpha=0.3, beta=0.2, **few),
    }
    for name, make in models.items():
        model = make()
        images = pictures if name in {"lite0", "vgg16"} else test.images[:4]
        model.save(tmp_path / f"{name}.keras")
        predicted = model.predict(images, verbose=0)
        np.savez(tmp_path / f"{name}.npz", images=images, predicted=predicted)
    script = f"{inspect.getsource(load_and_predict)}\nload_and_predict({str(tmp_path)!r})"
    run = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert set(run.stdout.split()) == set(models)
