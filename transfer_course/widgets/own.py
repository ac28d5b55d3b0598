"""A scenario for the explorer from one's own network and one's own images."""

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from transfer_course.algorithms._arguments import check_arguments
from transfer_course.datasets.dataset import Dataset
from transfer_course.evaluation.drift import kernels_by_layer
from transfer_course.experiments import worlds
from transfer_course.experiments.scenarios import ALL, NOTHING, Scenario, Source, at
from transfer_course.networks.classifier import class_names
from transfer_course.networks.freezing import freeze_points

_MOST_TESTED = 400  # images: more would make every point of a curve wait
_MOST_BLOCKS = 16
_FROM_SCRATCH = 1_000_000  # weights; larger networks learn nothing from a few images alone


def own(backbone, dataset: Dataset, source=None) -> Scenario:
    """Return a scenario whose controls fit a network and a data set.

    Half of the images of each class are for testing, about 400 at the most; of a data set with
    groups, half of the groups.

    Parameters
    ----------
    backbone : keras.Model
        As for the algorithms.
    dataset : Dataset
        As for the algorithms, with at least four images per class, or four groups.
    source : keras.Sequential, optional
        What `transfer_course.pretrain` returned, if the backbone is from there. It tells how many
        of the test images still get the source's class after a transfer.

    Returns
    -------
    Scenario

    Raises
    ------
    TypeError, ValueError
        As of the algorithms; or a class has fewer images or groups, or ``source`` has another
        backbone.
    """
    check_arguments(backbone, dataset, epochs=1, learning_rate=1)
    pool, test = _halves(dataset)
    same = None if source is None else _same_classes(source, backbone, test.images)
    it = Source(backbone, same)
    depths = _depths(backbone)
    smallest = int(np.bincount(pool.labels).min())
    shots = [count for count in (1, 5, 20) if count < smallest] or [1]
    block_of, blocks = _blocks(backbone)
    methods = ["feature_reuse", "fine_tune", "l2_sp"]
    if backbone.count_params() <= _FROM_SCRATCH:
        methods.insert(0, "from_scratch")
    return Scenario(
        pool,
        test,
        lambda: it,
        positions={
            "method": methods,
            "freeze": [NOTHING, *depths, ALL],
            "lam": [0.1, 1, 10],
            "shots": shots,
            "learning_rate": [3e-4, 1e-3],
        },
        start=at("fine_tune", max(n for n in shots if n <= 5), 3e-4, freeze=[NOTHING, *depths][-1]),
        epochs=(1, 2, 4, 8, 15, 22, 30),
        draws=3,
        freeze_names={NOTHING: "nothing", ALL: "everything (all but the head)"}
        | {name: name for name in depths},
        block_of=block_of,
        blocks=blocks,
        retention_title="How much of the source task is kept: test images that the source's own "
        "head puts into the same class as before",
        retention_words="Images that the source's own head puts into the same class as before:",
        image_size=28 if max(backbone.input_shape[1:3]) <= 28 else 40,
        presets=[],
    )


def _halves(dataset: Dataset) -> tuple[Dataset, Dataset]:
    """A pool to draw from and a test set that share no image and no group."""
    labels, names = dataset.labels, dataset.class_names
    if dataset.groups is None:
        counts, what = np.bincount(labels, minlength=len(names)), "images"
    else:
        counts = [len(np.unique(dataset.groups[labels == c])) for c in range(len(names))]
        what = "groups"
    if min(counts) < 4:
        few = int(np.argmin(counts))
        raise ValueError(
            f"class {names[few]!r} has {counts[few]} {what}, but the explorer needs at least 4 of "
            "each class, since it trains on half of them and tests on the others: add some, or "
            "leave the class out"
        )
    if dataset.groups is None:
        test = _some_of_each(dataset.labels, min(0.5, _MOST_TESTED / len(dataset)))
        pool = np.setdiff1d(np.arange(len(dataset)), test)
        return dataset.subset(pool), dataset.subset(test)
    halves = StratifiedGroupKFold(2, shuffle=True, random_state=0)
    first, second = next(halves.split(labels, labels, dataset.groups))
    some = second[_some_of_each(labels[second], min(1, _MOST_TESTED / len(second)))]
    parts = [dataset.subset(places) for places in (first, some)]
    # The groups have done their part: those that shots are drawn from are in the pool alone.
    pool, test = (Dataset(part.images, part.labels, names) for part in parts)
    return pool, test


def _some_of_each(labels: np.ndarray, share: float) -> np.ndarray:
    """The places of a share of each class, but of two images at least, in random order."""
    draw = np.random.default_rng(0)
    of_each = [draw.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)]
    some = [places[: max(2, round(share * len(places)))] for places in of_each]
    return draw.permutation(np.concatenate(some))


def _depths(backbone) -> list[str]:
    """At most two places between freezing nothing and freezing all."""
    places = freeze_points(backbone)[:-1]
    return [places[i] for i in sorted({len(places) // 2, 3 * len(places) // 4})] if places else []


def _blocks(backbone):
    """What part of the network a layer is in, for a chart of at most 16 bars; and all the parts.

    A part has the name of its last layer: its path, if another one's has the same end.
    """
    paths = list(kernels_by_layer(backbone))
    parts = [part.tolist() for part in np.array_split(paths, _MOST_BLOCKS) if len(part)]
    short = [part[-1].split("/")[-1] for part in parts]
    blocks = [
        name if short.count(name) == 1 else part[-1]
        for part, name in zip(parts, short, strict=True)
    ]
    block_of = {path: name for part, name in zip(parts, blocks, strict=True) for path in part}
    return block_of.get, blocks


def _same_classes(source, backbone, images):
    """How many of the images the source's head puts into the same class as before."""
    class_names(source)  # or it says what is wrong
    theirs, ours = source.get_layer("backbone").get_weights(), backbone.get_weights()
    if len(theirs) != len(ours) or any(map(lambda a, b: a.shape != b.shape, theirs, ours)):
        raise ValueError(
            "source= has another backbone than backbone=: pass both from the same tc.pretrain, "
            "with backbone=source.get_layer('backbone')"
        )
    some = np.asarray(images[:: max(1, len(images) // 100)])
    head = source.get_layer("head")

    def classes(network):
        return np.argmax(head(worlds.features(network, some)), axis=1)

    return worlds.unchanged(classes, backbone)
