"""Five sources of labelled images, each a `transfer_course.Dataset`.

Nothing is downloaded: `mnist`, `digits`, `emoji` and `solar_cells` come with packages that the
course installs, and `image_folder` reads your own files.

>>> import transfer_course as tc
>>> tc.datasets.mnist()
Dataset(5000 images of 28x28x1, 10 classes)
"""

from transfer_course.datasets.drawings import emoji
from transfer_course.datasets.folder import image_folder
from transfer_course.datasets.handwriting import digits, mnist
from transfer_course.datasets.mapped import MappedImages
from transfer_course.datasets.solar import solar_cells

__all__ = ["MappedImages", "digits", "emoji", "image_folder", "mnist", "solar_cells"]
