"""Four sources of pictures with labels, each a `transfer_course.Dataset`.

Nothing is downloaded: the first three come with packages that the course installs anyway, the
fourth is the reader's own folder.

>>> import transfer_course as tc
>>> tc.datasets.mnist()
Dataset(5000 images of 28x28x1, 10 classes)
"""

from transfer_course.datasets.drawings import emoji
from transfer_course.datasets.folder import image_folder
from transfer_course.datasets.handwriting import digits, mnist

__all__ = ["digits", "emoji", "image_folder", "mnist"]
