"""VGG16, the network of the article, with the preprocessing that its weights expect."""

from os import PathLike
from pathlib import Path

from transfer_course._backend import keras, usual_settings
from transfer_course._validation import check_int, describe
from transfer_course.networks.cloning import clone_with_fresh_weights

# Mean red, green and blue of ImageNet's training images (Simonyan & Zisserman 2015).
_IMAGENET_MEAN = (123.68, 116.779, 103.939)

_FILE = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"  # as Keras publishes it


@usual_settings()
def vgg16(image_size: int = 224, weights: str | Path | None = "imagenet"):
    """Return VGG16 as a backbone: pixels in, 512 features out.

    This is the article's network without two of its traps. The weights expect blue-green-red images
    minus ImageNet's mean colour; the model does this itself (a layer subtracts the mean, and the
    first kernel is reversed to read red-green-blue). The last feature map is averaged, not
    flattened, so that a new head for ten classes has 5,130 weights, not the article's 6.4 million.

    Parameters
    ----------
    image_size : int, default 224
        Height and width of the images in pixels, 32 or more. The weights were trained at 224, hence
        the default.
    weights : "imagenet", path or None, default "imagenet"
        "imagenet" takes the weights from Keras's cache (~/.keras/models); the first call downloads
        them there, 59 MB. A path is read as a file of the same kind, such as
        vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5. None gives untrained weights, the same on
        every call.

    Returns
    -------
    keras.Model
        Named ``vgg16``. In: (n, image_size, image_size, 3), raw pixels 0-255, RGB. Out: float32
        (n, 512). Its first 15 layers end with ``block4_pool``, as in the article.

    Raises
    ------
    ConnectionError
        The weights are not in the cache and cannot be downloaded.
    FileNotFoundError
        There is no file at the path ``weights``.
    TypeError
        ``image_size`` is not a whole number, or ``weights`` is of another kind.
    ValueError
        ``image_size`` is out of range, or the file does not fit VGG16.

    Examples
    --------
    >>> import transfer_course as tc
    >>> tc.backbones.vgg16(image_size=64, weights=None).layers[14].name
    'block4_pool'
    """
    check_int("image_size", image_size, at_least=32)
    original = _original(image_size, weights)
    layers = keras.layers
    mean = [-channel for channel in _IMAGENET_MEAN]
    backbone = keras.Sequential(
        [
            layers.Input((image_size, image_size, 3), name="pixels"),
            layers.Rescaling(1.0, offset=mean, name="subtract_mean"),
            *[layer.__class__.from_config(layer.get_config()) for layer in original.layers[1:]],
            layers.GlobalAveragePooling2D(name="features"),
        ],
        name="vgg16",
    )
    if weights is None:
        return clone_with_fresh_weights(backbone, seed=0)
    backbone.set_weights(original.get_weights())
    kernel = backbone.get_layer("block1_conv1").kernel
    kernel.assign(keras.ops.flip(kernel, axis=2))  # from blue-green-red to red-green-blue
    return backbone


def _original(image_size: int, weights: str | Path | None):
    known = 'use weights="imagenet", weights=None or the path of a weights file'
    if not isinstance(weights, str | PathLike | None):
        raise TypeError(f"weights={describe(weights)} is unknown: {known}")
    if weights not in ("imagenet", None) and not Path(weights).is_file():
        raise FileNotFoundError(f"there is no file at weights={str(weights)!r}: {known}")
    try:
        return keras.applications.VGG16(
            include_top=False,
            weights=weights if weights is None else str(weights),
            input_shape=(image_size, image_size, 3),
        )
    except Exception:  # its kind depends on what is in the file
        if weights == "imagenet":
            raise ConnectionError(
                "VGG16's ImageNet weights (59 MB) are not in Keras's cache, ~/.keras/models, and "
                f"could not be downloaded: connect to the network once, pass the path of {_FILE} "
                "as weights=, or use tc.backbones.efficientnet_lite0(), whose weights are installed"
            ) from None
        raise ValueError(
            f"{weights} does not hold VGG16's weights without its top: pass the path of {_FILE}, "
            'or use weights="imagenet"'
        ) from None
