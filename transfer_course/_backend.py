"""Keras on TensorFlow, loaded without TensorFlow's log lines.

``from transfer_course._backend import keras, tf`` is how every module here gets them.
"""

import os
import sys
from contextlib import contextmanager

os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever ~/.keras/keras.json says
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@contextmanager
def _without_stderr():
    """Point the process's standard error at nothing.

    TensorFlow's C++ parts write to it while they are loaded, before they have read any setting that
    could stop them. A Python error still surfaces: it is raised, not written.
    """
    if sys.stderr is not None and not getattr(sys.stderr, "closed", False):
        sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # it is closed, as in a service: there is nothing to keep quiet
        yield
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


with _without_stderr():
    import keras
    import tensorflow as tf

    tf.zeros(())  # the first tensor wakes the devices, which log as well


@contextmanager
def usual_settings():
    """Have Keras build channels-last networks of float32, whatever ~/.keras/keras.json says.

    A policy of mixed precision, which is a choice for speed, stays.
    """
    config = keras.config
    before = config.floatx(), config.image_data_format(), config.dtype_policy()
    config.set_floatx("float32")
    config.set_image_data_format("channels_last")
    if not before[2].name.startswith("mixed_"):
        config.set_dtype_policy("float32")
    try:
        yield
    finally:
        config.set_floatx(before[0])
        config.set_image_data_format(before[1])
        config.set_dtype_policy(before[2])


__all__ = ["keras", "tf", "usual_settings"]
