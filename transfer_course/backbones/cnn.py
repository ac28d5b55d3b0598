"""A small convolutional network that trains in seconds on two cores."""

from numbers import Integral

from transfer_course._backend import keras, usual_settings
from transfer_course._validation import describe
from transfer_course.networks.cloning import clone_with_fresh_weights


@usual_settings()
def small_cnn(input_shape: tuple[int, int, int] = (28, 28, 1)):
    """Return a small convolutional backbone with untrained weights: pixels in, 64 features out.

    Three 3x3 convolutions of 16, 32 and 64 channels, each followed by max pooling, then a dense
    layer: 60,224 weights at 28x28x1. There is no batch normalisation, so nothing in it depends on
    the batch.

    Parameters
    ----------
    input_shape : tuple of int, default (28, 28, 1)
        (height, width, channels) of the images; 8 pixels or more a side. The default fits
        `transfer_course.datasets.mnist` and `digits`.

    Returns
    -------
    keras.Model
        Named ``small_cnn``. In: raw pixels 0-255. Out: float32 (n, 64). Its weights are the
        same on every call, so that a second run of the course gives the same numbers.

    Raises
    ------
    ValueError
        ``input_shape`` is not three whole numbers, or too small to be pooled three times.

    Examples
    --------
    >>> import transfer_course as tc
    >>> tc.backbones.small_cnn().output_shape
    (None, 64)
    """
    sides = input_shape if isinstance(input_shape, tuple | list) else ()
    whole = all(isinstance(side, Integral) for side in sides)
    if len(sides) != 3 or not whole or min(sides[:2]) < 8 or sides[2] < 1:
        raise ValueError(
            f"input_shape={describe(input_shape)} is not (height, width, channels) with 8 pixels "
            "or more a side: use one like (28, 28, 1)"
        )
    layers = keras.layers
    backbone = keras.Sequential(
        [
            layers.Input(input_shape, name="pixels"),
            layers.Rescaling(1 / 255, name="scale"),
            layers.Conv2D(16, 3, padding="same", activation="relu", name="conv1"),
            layers.MaxPooling2D(name="pool1"),
            layers.Conv2D(32, 3, padding="same", activation="relu", name="conv2"),
            layers.MaxPooling2D(name="pool2"),
            layers.Conv2D(64, 3, padding="same", activation="relu", name="conv3"),
            layers.MaxPooling2D(name="pool3"),
            layers.Flatten(name="flatten"),
            layers.Dense(64, activation="relu", name="features"),
        ],
        name="small_cnn",
    )
    return clone_with_fresh_weights(backbone, seed=0)
