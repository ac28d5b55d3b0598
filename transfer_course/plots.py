"""The figures that several chapters draw. Each returns a matplotlib figure.

Lines differ in marker and dash as well as in colour, so that they can be told apart in grey; the
colours are those of Okabe & Ito, which the colour-blind can tell apart, and a grey and a dark red.
The algorithms of the package and their baselines have the same colour and marker in every figure,
also under names such as "fine-tuning"; a variant of one, such as "fine-tuning, half", has its
colour. Others get theirs in alphabetical order.
"""

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from transfer_course.datasets.dataset import Dataset
from transfer_course.evaluation.differences import differences, mean_with_interval

_ALGORITHMS = {  # by their names in small letters and digits alone
    "fromscratch": ("#000000", "D", ":"),
    "featurereuse": ("#0072B2", "o", "-"),
    "finetune": ("#D55E00", "s", "--"),
    "finetuning": ("#D55E00", "s", "--"),
    "l2sp": ("#009E73", "^", "-."),
    "classmeans": ("#CC79A7", "p", (0, (5, 1))),
    "logisticregression": ("#E69F00", "d", (0, (3, 1, 1, 1))),
    "sourcehead": ("#56B4E9", "8", (0, (1, 1))),
    "pixels": ("#7F7F7F", ">", (0, (7, 2, 2, 2))),
    "untrainedfeatures": ("#882255", "*", (0, (4, 1, 1, 1, 1, 1))),
}
# Three colours and seven markers have no common divisor, so 21 names look different.
_OTHER_COLOURS = ("#CC79A7", "#E69F00", "#56B4E9")
_OTHER_MARKERS = ("v", "P", "X", "<", "h", "*", ">")
_OTHER_DASHES = ((0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (7, 2, 2, 2)))
# Names are drawn as they are: in `$x_$`, matplotlib would see a formula.
_LITERAL = {"parse_math": False}


def gallery(dataset: Dataset, columns: int = 10):
    """Show the first pictures of each class, one class a row.

    >>> import transfer_course as tc
    >>> gallery(tc.datasets.digits(), columns=5)
    <Figure size ...>
    """
    names = dataset.class_names
    figure, axes = plt.subplots(
        len(names), columns, figsize=(0.6 * columns + 1, 0.6 * len(names)), squeeze=False
    )
    for label, (name, row) in enumerate(zip(names, axes, strict=True)):
        images = dataset.images[np.flatnonzero(dataset.labels == label)[:columns]]
        for axis, image in zip(row, images, strict=False):
            _show(axis, image)
        for axis in row[len(images) :]:
            axis.axis("off")
        row[0].set_ylabel(name, rotation=0, ha="right", va="center", **_LITERAL)
    figure.subplots_adjust(wspace=0.05, hspace=0.05)
    return _finished(figure)


def feature_maps(backbone, layer: str, image: np.ndarray, maps: int = 8):
    """Show an image and the strongest feature maps that a layer makes of it.

    Parameters
    ----------
    backbone
        A Keras model from pixels to features.
    layer
        The name of a layer whose output is (n, height, width, channels).
    image
        One image, uint8 (h, w, c).
    maps
        How many maps, those with the largest mean first.

    Example
    -------
    >>> import transfer_course as tc
    >>> backbone = tc.backbones.small_cnn()
    >>> feature_maps(backbone, "conv1", tc.datasets.digits().images[0])
    <Figure size ...>
    """
    from transfer_course._backend import keras

    part = keras.Model(backbone.inputs, backbone.get_layer(layer).output)
    seen = part.predict(image[None], verbose=0)[0]
    strongest = seen.mean(axis=(0, 1)).argsort()[::-1][:maps]
    figure, axes = plt.subplots(1, maps + 1, figsize=(maps + 1.5, 1.6))
    _show(axes[0], image)
    axes[0].set_title("image", fontsize=9)
    for axis, channel in zip(axes[1:], strongest, strict=True):
        axis.imshow(seen[..., channel], cmap="gray")
        axis.set(xticks=[], yticks=[])
        axis.set_title(f"map {channel}", fontsize=9)
    title = f"what {layer!r} makes of it: {seen.shape[0]}×{seen.shape[1]} pixels a map"
    figure.suptitle(title, **_LITERAL)
    return _finished(figure)


def embedding(points: dict[str, np.ndarray], labels: np.ndarray, class_names):
    """Show labelled points in the plane of their two largest principal components, side by side.

    Parameters
    ----------
    points
        A title for each panel, with an array (n, d).
    labels
        int (n,): the class of each point, drawn as its number and colour.
    class_names
        The names of the classes, for the legend.

    Example
    -------
    >>> points = np.random.default_rng(0).normal(size=(20, 5))
    >>> embedding({"noise": points}, np.arange(20) % 2, ["a", "b"])
    <Figure size ...>
    """
    from sklearn.decomposition import PCA

    markers = "osDv^<>PX*"
    width = 3.3 * len(points) + 0.6
    figure, axes = plt.subplots(1, len(points), figsize=(width, 3.5), squeeze=False)
    for axis, (title, rows) in zip(axes[0], points.items(), strict=True):
        plane = PCA(2, random_state=0).fit_transform(rows.astype("float64"))
        handles = []
        for label in range(len(class_names)):
            x, y = plane[labels == label].T
            marker, color = markers[label % 10], plt.cm.tab10(label % 10)
            handles.append(axis.scatter(x, y, s=9, marker=marker, color=color, alpha=0.7, lw=0))
        axis.set(title=title, xticks=[], yticks=[])
        axis.set(xlabel="1st principal component", ylabel="2nd principal component")
    legend = figure.legend(handles, class_names, loc="outside right", markerscale=1.6)
    _draw_as_they_are(legend)
    return _finished(figure)


def accuracy_by_shots(table: pd.DataFrame, names: dict[str, str] | None = None):
    """Show what `transfer_course.compare` found: mean accuracy by shots, with its 95 % interval.

    The line is the mean over the episodes, the band its 95 % t-interval. Bands that overlap do not
    mean that two methods are alike, since all learn from the same draws: `differences_by_shots`
    tells.

    Parameters
    ----------
    table
        The columns method, shots, episode and accuracy.
    names
        Other names for methods, for the legend.

    Example
    -------
    >>> rows = {"method": "luck", "shots": [1, 1, 5, 5], "episode": [0, 1, 0, 1]}
    >>> accuracy_by_shots(pd.DataFrame(rows | {"accuracy": [0.1, 0.2, 0.1, 0.2]}))
    <Figure size ...>
    """
    return accuracy_by(table, "shots", label="labelled images per class", names=names, log=True)


def accuracy_by(
    table: pd.DataFrame,
    x: str,
    *,
    label: str,
    names: dict[str, str] | None = None,
    log: bool = False,
):
    """Show mean accuracy by a setting, with its 95 % interval; one line per method.

    The line is the mean over the episodes, the band its 95 % t-interval; one episode has no band.

    Parameters
    ----------
    table
        The columns method, accuracy and ``x``; a row per episode.
    x
        The column to go along the axis. Numbers stand where they belong; an ordered categorical, in
        its order, and text, in order of appearance, stand at equal distances.
    label
        What the axis says, with the unit if there is one.
    names
        Other names for methods, for the legend.
    log
        Whether the axis is logarithmic. Then all numbers must be above 0.

    Example
    -------
    >>> rows = {"method": "luck", "freeze": ["all", "all", "none", "none"]}
    >>> table = pd.DataFrame(rows | {"accuracy": [0.1, 0.2, 0.1, 0.2]})
    >>> accuracy_by(table, "freeze", label="frozen")
    <Figure size ...>
    """
    if pd.api.types.is_numeric_dtype(table[x]):
        ticks = sorted(table[x].unique())
        places = dict(zip(ticks, ticks, strict=True))
        texts = [f"{tick:g}" for tick in ticks]
    else:
        column = table[x]
        texts = list(column.cat.categories if column.dtype == "category" else column.unique())
        places = {text: place for place, text in enumerate(texts)}
    figure, axis = plt.subplots(figsize=(6, 4))
    lines, title = {}, "mean over the draws"
    for method, (color, marker, dash) in _styles(table.method.unique()).items():
        rows = table[table.method == method]
        found = rows.accuracy.groupby(rows[x].map(places).astype(float)).apply(mean_with_interval)
        found = found.unstack()
        (line,) = axis.plot(found.index, found["mean"], color=color, marker=marker, ls=dash)
        axis.fill_between(found.index, found.low, found.high, color=color, alpha=0.15, lw=0)
        lines[method] = line
        if found.low.notna().any():
            title = "mean over the draws, with its 95 % t-interval"
    if log:
        axis.set_xscale("log")
    axis.set_xticks(list(places.values()), texts, **_LITERAL)
    axis.minorticks_off()
    axis.set(xlabel=label, ylabel="accuracy on the test set", ylim=(0, 1))
    axis.grid(alpha=0.3)
    _legend(figure, lines, names, title)
    return _finished(figure)


def differences_by_shots(table: pd.DataFrame, to: str, names: dict[str, str] | None = None):
    """Show how far methods are ahead of one of them, by shots, with 95 % intervals.

    Each mark is a mean of paired differences and each bar its interval, from
    `transfer_course.differences`. A bar that does not reach zero is a difference that the luck of
    the draw does not explain.

    Parameters
    ----------
    table
        What `transfer_course.compare` returned.
    to
        The method from which the differences are taken: the line at zero.
    names
        Other names for methods, for the legend.

    Example
    -------
    >>> rows = {"shots": 1, "episode": [0, 1, 0, 1], "accuracy": [0.1, 0.2, 0.4, 0.6]}
    >>> table = pd.DataFrame(rows | {"method": ["luck", "luck", "skill", "skill"]})
    >>> differences_by_shots(table, to="luck")
    <Figure size ...>
    """
    found = differences(table, to)
    styles = _styles(table.method.unique())
    color, _, dash = styles.pop(to)
    shots = sorted(found.shots.unique())
    figure, axis = plt.subplots(figsize=(6, 4))
    handles = {to: axis.axhline(0, color=color, ls=dash)}
    for number, (method, (color, marker, _)) in enumerate(styles.items()):
        rows = found[found.method == method]
        # Beside each other, so that no bar covers another.
        beside = min(0.12, 0.8 / len(styles)) * (number - (len(styles) - 1) / 2)
        handles[method] = axis.errorbar(
            rows.shots.map(shots.index) + beside,
            100 * rows.difference,
            yerr=100 * (rows.high - rows.difference),
            color=color,
            marker=marker,
            ls="",
            capsize=3,
        )
    axis.set_xticks(range(len(shots)), [f"{count:g}" for count in shots])
    axis.set_xlim(-0.5, len(shots) - 0.5)
    axis.set_xlabel("labelled images per class")
    axis.set_ylabel("difference of accuracy\n(percentage points)")
    axis.grid(axis="y", alpha=0.3)
    _legend(figure, handles, names, "mean paired difference, with its 95 % t-interval")
    return _finished(figure)


def _styles(methods) -> dict[str, tuple]:
    """Return colour, marker and dash of each method, in the order of the methods."""
    plain = {name: "".join(filter(str.isalnum, str(name).lower())) for name in methods}
    styles = {name: _ALGORITHMS.get(plain[name]) for name in methods}
    others = sorted((name for name in methods if not styles[name]), key=str)
    looks = zip(cycle(_OTHER_COLOURS), cycle(_OTHER_MARKERS), cycle(_OTHER_DASHES), strict=False)
    for name, (color, marker, dash) in zip(others, looks, strict=False):
        near = [look[0] for known, look in _ALGORITHMS.items() if plain[name].startswith(known)]
        styles[name] = (near or [color])[0], marker, dash
    return styles


def _legend(figure, handles: dict, names: dict[str, str] | None, title: str) -> None:
    """Say below a figure which method is which, where it covers no line, and what is drawn."""
    texts = [(names or {}).get(method, method) for method in handles]
    columns = 2 if len(texts) > 1 else 1
    legend = figure.legend(
        handles.values(), texts, loc="outside lower center", ncols=columns, title=title
    )
    _draw_as_they_are(legend)


def _show(axis, image: np.ndarray) -> None:
    axis.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=255)
    axis.set(xticks=[], yticks=[])


def _draw_as_they_are(legend) -> None:
    for text in legend.get_texts():
        text.set(**_LITERAL)


def _finished(figure):
    figure.set_layout_engine("constrained")
    plt.close(figure)  # so that a notebook shows it once, as the value of the cell
    return figure
