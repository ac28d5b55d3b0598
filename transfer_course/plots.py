"""The figures that several chapters draw. Each returns a matplotlib figure.

Lines differ in marker and dash as well as in colour, so that they can be told apart in grey; the
colours are those of Okabe & Ito, which the colour-blind can tell apart.
"""

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from transfer_course.datasets.dataset import Dataset

_STYLES = [
    ("#0072B2", "o", "-"),
    ("#D55E00", "s", "--"),
    ("#009E73", "^", "-."),
    ("#000000", "D", ":"),
]
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
    """Show a picture and the strongest feature maps that a layer makes of it.

    Parameters
    ----------
    backbone
        A Keras model from pixels to features.
    layer
        The name of a layer whose output is (n, height, width, channels).
    image
        One picture, uint8 (h, w, c).
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
    axes[0].set_title("picture", fontsize=9)
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
    """Show what `transfer_course.compare` found: mean accuracy by shots, with its spread.

    The line is the mean over the episodes, the band one standard deviation to each side.

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
    return accuracy_by(table, "shots", label="labelled pictures per class", names=names, log=True)


def accuracy_by(
    table: pd.DataFrame,
    x: str,
    *,
    label: str,
    names: dict[str, str] | None = None,
    log: bool = False,
):
    """Show mean accuracy by a setting, with its spread; one line per method.

    The line is the mean over the episodes, the band one standard deviation to each side.

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
    figure, axis = plt.subplots(figsize=(6, 3.8))
    lines, labels = [], []
    for method, (color, marker, dash) in zip(table.method.unique(), cycle(_STYLES), strict=False):
        rows = table[table.method == method]
        rows = rows.accuracy.groupby(rows[x].map(places).astype(float))
        mean, spread = rows.mean(), rows.std()
        name = (names or {}).get(method, method)
        lines += axis.plot(mean.index, mean, color=color, marker=marker, ls=dash)
        labels.append(name)
        axis.fill_between(mean.index, mean - spread, mean + spread, color=color, alpha=0.15, lw=0)
    if log:
        axis.set_xscale("log")
    axis.set_xticks(list(places.values()), texts, **_LITERAL)
    axis.minorticks_off()
    axis.set(xlabel=label, ylabel="accuracy on the test set", ylim=(0, 1))
    axis.grid(alpha=0.3)
    _draw_as_they_are(axis.legend(lines, labels))
    return _finished(figure)


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
