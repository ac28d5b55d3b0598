"""What the frozen part of a network makes of pictures, computed once per picture.

A frozen part gives the same output for the same picture in every epoch, every episode and at every
position of a slider. So it is kept, by what was computed: a digest of the frozen part and one of
the picture.
"""

import hashlib
import re
from collections import OrderedDict
from threading import Lock

import numpy as np

from transfer_course._progress import progress

BUDGET = 512 * 2**20
"""How many bytes of features are kept. The ones used longest ago go first."""

# A picture's features must not depend on which others are computed with it, to the last bit. They
# do not, in batches of a fixed size; they would with a batch of one, which takes another algorithm.
# Ten is as fast as any size from 8 to 64, and the few shots of ten classes fill it up.
_BATCH = 10

_kept: OrderedDict[bytes, list[np.ndarray]] = OrderedDict()
_lock = Lock()


def frozen_features(
    run, fingerprint: bytes, images: np.ndarray, verbose: int | str = "auto"
) -> list[np.ndarray]:
    """Return the tensors that leave the frozen part, one row per picture.

    Parameters
    ----------
    run
        The compiled frozen part: a function from a batch of pictures to a list of tensors.
    fingerprint
        A digest of everything that ``run`` depends on.
    images
        uint8 (n, h, w, c).
    verbose
        As for `patience.progress`.
    """
    images = np.ascontiguousarray(images)
    keys = [fingerprint + hashlib.blake2b(image.data, digest_size=16).digest() for image in images]
    with _lock:
        found = {key: _kept[key] for key in keys if key in _kept}
    missing = {key: i for i, key in enumerate(keys) if key not in found}
    found |= zip(missing, _compute(run, images, list(missing.values()), verbose), strict=True)
    with _lock:
        _kept.update((key, found[key]) for key in keys)
        for key in keys:
            _kept.move_to_end(key)
        size = sum(row.nbytes for rows in _kept.values() for row in rows)
        while size > BUDGET:
            _, rows = _kept.popitem(last=False)
            size -= sum(row.nbytes for row in rows)
    return [np.stack(rows) for rows in zip(*(found[key] for key in keys), strict=True)]


def _compute(run, images: np.ndarray, wanted: list[int], verbose) -> list[list[np.ndarray]]:
    found = []
    with progress(len(wanted), "picture", verbose) as show:
        for start in range(0, len(wanted), _BATCH):
            batch = wanted[start : start + _BATCH]
            full = batch + batch[-1:] * (_BATCH - len(batch))
            outputs = [output.numpy() for output in run(images[full])]
            found += [[output[row].copy() for output in outputs] for row in range(len(batch))]
            show(len(found))
    return found


def fingerprint(architecture: str, weights: list) -> bytes:
    """Return a digest of all that a network computes."""
    digest = hashlib.blake2b(architecture.encode(), digest_size=16)
    for weight in weights:
        digest.update(np.ascontiguousarray(weight).data)
    return digest.digest()


def architecture(model) -> str:
    """Return a description of all that a model computes but for its weights."""
    return re.sub(r'"seed": \d+', "", model.to_json())
