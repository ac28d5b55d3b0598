"""Backbones: plain Keras models that turn raw pixels 0-255 into a feature vector."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "cnn": ["small_cnn"],
        "lite0": ["efficientnet_lite0", "imagenet_tensors"],
        "vgg": ["vgg16"],
    },
)
