"""What the frozen part of a network makes of images, computed once per image.

A frozen part gives the same output for the same image in every epoch, every episode and at every
position of a slider. So it is kept, by what was computed: a fingerprint of the frozen part and a
digest of the image.
"""

import hashlib
import json
import math
import re
from collections import OrderedDict
from collections.abc import Callable, Hashable
from itertools import chain, count
from threading import Lock

import numpy as np

from transfer_course._progress import progress
from transfer_course.networks.layers import code_of

BUDGET = 512 * 2**20
"""How many bytes of features are kept. The least recently used ones are evicted."""

# An image's features must not depend on which others are computed with it, to the last bit. They
# do not, in batches of a fixed size; they would with a batch of one, which takes another algorithm.
# Ten is as fast as any size from 8 to 64, and the few shots of ten classes fill it up.
_BATCH = 10

_cache: OrderedDict[tuple, list[np.ndarray]] = OrderedDict()
_bytes = 0  # in it: to add them up at each call would take longer than most trainings
_lock = Lock()


def frozen_features(
    run: Callable, fingerprint: Hashable, images: np.ndarray, verbose: int | str = "auto"
) -> list[np.ndarray]:
    """Return the tensors that leave the frozen part, one row per image.

    Parameters
    ----------
    run : callable
        The compiled frozen part: from a batch of images to a list of tensors.
    fingerprint : hashable
        Stands for everything that ``run`` depends on: see `fingerprint`.
    images : numpy.ndarray
        uint8 (n, h, w, c).
    verbose : int or "auto"
        As for `progress`.

    Returns
    -------
    list of numpy.ndarray
        Each of shape (n, ...).
    """
    images = np.ascontiguousarray(images)
    keys = [(fingerprint, hashlib.blake2b(it.data, digest_size=16).digest()) for it in images]
    with _lock:
        found = {key: _cache[key] for key in keys if key in _cache}
    missing = {key: i for i, key in enumerate(keys) if key not in found}
    found |= zip(missing, _compute(run, images, list(missing.values()), verbose), strict=True)
    with _lock:
        _keep((key, found[key]) for key in keys)
    return [np.stack(rows) for rows in zip(*(found[key] for key in keys), strict=True)]


def row_bytes(tensors: list) -> int:
    """Return how many bytes of features an image has, from the `tf.TensorSpec` of each tensor."""
    return sum(math.prod(it.shape[1:]) * it.dtype.size for it in tensors)


def size() -> int:
    """Return how many bytes of features are kept at present."""
    return _bytes


def clear() -> None:
    """Forget all features."""
    global _bytes
    with _lock:
        _cache.clear()
        _bytes = 0


def fingerprint(computation: Hashable, weights: list) -> Hashable:
    """Return what stands for all that a model makes of an image: its `computation` and weights."""
    digest = hashlib.blake2b(digest_size=16)
    for weight in weights:
        digest.update(weight.numpy().tobytes())
    return computation, digest.digest()


def computation(model) -> Hashable:
    """Return what a model does with its weights: its configuration, without the seeds of what is
    random in it, and the classes and functions that it is made of.

    It is the same for the same model built again, whose layers Keras then gives other names.
    """
    return re.sub(r'"seed": \d+', "", _without_made_up_names(model.to_json())), code_of(model)


def _without_made_up_names(configuration: str) -> str:
    """Number layers without a name of their own from the first on, as in a new session of Keras.

    Keras goes on numbering from model to model: what is "conv2d" in the first is "conv2d_3" in a
    later one.
    """
    made_up, used = {}, set()

    def note(part: dict) -> dict:
        if isinstance(part.get("config"), dict) and isinstance(part["config"].get("name"), str):
            name, base = part["config"]["name"], _in_snake_case(part.get("class_name", ""))
            base = rf"(?:for|back)ward_{base}|{base}|keras_tensor"  # the last is an input's
            if found := re.fullmatch(rf"({base})(?:_\d+)?", name):
                made_up[name] = found[1]
            else:
                used.add(name)
        return part

    json.loads(configuration, object_hook=note)
    names = {}
    for name, base in made_up.items():
        choice = chain([base], (f"{base}_{number}" for number in count(1)))
        names[name] = next(it for it in choice if it not in used)
        used.add(names[name])
    return re.sub(r'(?<=")\w+(?=")', lambda found: names.get(found[0], found[0]), configuration)


def _in_snake_case(name: str) -> str:
    """Return the name of a class as Keras names a layer after it: "Conv2D" is "conv2d"."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _keep(found) -> None:
    """Keep pairs of a key and its rows, as those that are used last, as far as the budget goes."""
    global _bytes
    for key, rows in found:
        if key not in _cache:
            _cache[key] = rows
            _bytes += sum(row.nbytes for row in rows)
        _cache.move_to_end(key)
    while _bytes > BUDGET:
        _, rows = _cache.popitem(last=False)
        _bytes -= sum(row.nbytes for row in rows)


def _compute(run, images: np.ndarray, wanted: list[int], verbose) -> list[list[np.ndarray]]:
    found = []
    with progress(len(wanted), "image", verbose) as show:
        for start in range(0, len(wanted), _BATCH):
            batch = wanted[start : start + _BATCH]
            full = batch + batch[-1:] * (_BATCH - len(batch))
            outputs = [output.numpy() for output in run(images[full])]
            found += [[output[row].copy() for output in outputs] for row in range(len(batch))]
            show(len(found))
    return found
