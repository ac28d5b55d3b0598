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
    sys.stderr.flush()
    kept = os.dup(2)
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

__all__ = ["keras", "tf"]
