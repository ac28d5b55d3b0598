"""Photographs of solar cells: find the broken ones, a task that people have."""

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib.resources import files

import numpy as np

from transfer_course._progress import progress
from transfer_course._validation import check_int
from transfer_course.datasets.dataset import Dataset

CLASSES = ("mono fine", "mono broken", "poly fine", "poly broken")
SIZE = 300  # height and width of the photographs in pixels

# Cells of each of the 44 modules, in the order of the list. The package does not say where a module
# ends, but the photographs do. At the edge of a module a cell's edge is darker: so the left and
# right edges show how many cells are in a row (10; in the modules of 54, 72 and 48 cells 9, 12 and
# 8), and the top edges show which row is the first.
MODULES = (
    *(15 * [60] + 5 * [60] + [54] + 6 * [60]),
    *(2 * [60] + [50] + 6 * [60]),
    *([72] + 3 * [60] + [48] + 3 * [60]),
)


def solar_cells(image_size: int = 224) -> Dataset:
    """Return 2,223 photographs of solar cells in four classes: mono or poly, fine or broken.

    They show the cells' electroluminescence: a cell shines when a current is sent through it, and
    stays dark where it is broken. "mono" cells are cut from one crystal of silicon, "poly" cells
    from many, whose grains are visible and look like damage to a network that does not know them.

    Parameters
    ----------
    image_size : int, default 224
        Height and width in pixels, 16 to 300, which is the size of the photographs. The default is
        what networks trained on ImageNet expect; the data set then takes 335 MB of memory.

    Returns
    -------
    Dataset
        Images uint8 (2223, image_size, image_size, 3), the grey values three times, as networks
        trained on ImageNet take RGB. Labels int64 (2223,): 588 are "mono fine", 313 "mono broken",
        920 "poly fine" and 402 "poly broken". Groups int64 (2223,), 0 to 43: the modules.

    Raises
    ------
    ModuleNotFoundError
        The package elpv-dataset is not installed.
    TypeError
        ``image_size`` is not a whole number.
    ValueError
        ``image_size`` is out of range.

    Notes
    -----
    Not for commercial use. The photographs are under the licence CC BY-NC-SA 4.0 and come with the
    package elpv-dataset. Give this credit wherever they appear: Buerhop-Lutz et al., "A benchmark
    for visual identification of defective solar cells in electroluminescence imagery" (EU PVSEC,
    2018); Deitsch et al., "Automatic classification of defective photovoltaic module cells in
    electroluminescence images" (Solar Energy, 2019); Deitsch et al., "Segmentation of photovoltaic
    module cells in uncalibrated electroluminescence images" (Machine Vision and Applications,
    2021).

    Of 2,624 photographs the 401 with an uncertain label are left out: there, the probability that
    the cell is defective is given as 1/3 or 2/3. That measures the annotator's doubt and not the
    cell, so an accuracy on them would have no meaning.

    The cells come from 44 modules, and those of one module resemble each other in brightness, grid
    and wear. So the modules are the groups, and `few_shot` tests on other modules than it trains
    on. The package gives no module; they are inferred from the order of the list and from the
    photographs, where the edge of a module is dark. The result has 18 mono and 26 poly modules, as
    reported by Deitsch et al. (2019), and explains 45 % of the variance of the mean brightness of
    all 2,624 photographs; shifted by 30 photographs, half a module, it explains 30 %.

    The last result is cached.

    Examples
    --------
    >>> solar_cells(image_size=32)
    Dataset(2223 images of 32x32x3, 4 classes, 44 groups)
    """
    return _read(check_int("image_size", image_size, at_least=16, at_most=SIZE))


@lru_cache(maxsize=1)
def _read(image_size: int) -> Dataset:
    from PIL import Image

    try:
        folder = files("elpv_dataset") / "data"
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "tc.datasets.solar_cells() needs the package elpv-dataset, which is not installed: "
            "add it with pip install elpv-dataset"
        ) from None
    # The package's own reader, load_dataset(), decodes all photographs, at full size.
    rows = [line.split() for line in (folder / "labels.csv").read_text("ascii").splitlines()]
    probability = np.array([float(row[1]) for row in rows])
    mono = np.array([row[2] == "mono" for row in rows])
    certain = np.flatnonzero((probability == 0) | (probability == 1))
    labels = 2 * ~mono + (probability == 1)
    images = np.empty((len(certain), image_size, image_size, 3), np.uint8)

    def read(place: int) -> None:
        with (folder / rows[certain[place]][0]).open("rb") as file, Image.open(file) as photo:
            images[place] = photo.resize((image_size, image_size)).convert("RGB")

    with progress(len(images), "cell") as show, ThreadPoolExecutor() as pool:
        for done, _ in enumerate(pool.map(read, range(len(images))), start=1):
            show(done)
    images.setflags(write=False)  # spares a copy
    groups = np.repeat(np.arange(len(MODULES)), MODULES)
    return Dataset(images, labels[certain], CLASSES, groups[certain])
