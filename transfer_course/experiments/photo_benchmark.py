"""How fast photos are read: ``python -m transfer_course.experiments.photo_benchmark``.

It prints the second table of book/speed.md. Each row is a process of its own, so that its most
memory can be asked of the system; from that, what Python needs with NumPy and Pillow loaded is
subtracted. The photos are made up: JPEGs of 320x240 pixels, smooth as photos are, no two alike.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

SIZE = 224  # pixels
_PREPARE = """
import resource, sys, time
import transfer_course as tc
def most():
    unit = 1e6 if sys.platform == "darwin" else 1e6 / 1024  # bytes on a Mac, else kilobytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
"""
_OURS = """
tc.datasets.image_folder(sys.argv[2], 224)
before, start = most(), time.perf_counter()
data = tc.datasets.image_folder(sys.argv[1], 224{cache})
print(time.perf_counter() - start, most() - before)
"""
_KERAS = """
from transfer_course._backend import keras
def read(folder):
    batches = keras.utils.image_dataset_from_directory(
        folder, image_size=(224, 224), crop_to_aspect_ratio=True, shuffle=False, verbose=False
    )
    for images, labels in batches:
        pass
read(sys.argv[2])
before, start = most(), time.perf_counter()
read(sys.argv[1])
print(time.perf_counter() - start, most() - before)
"""


def make_photos(folder: Path, count: int) -> None:
    """Write JPEGs of 320x240 pixels into two classes."""
    from PIL import Image

    draw = np.random.default_rng(count)
    for i in range(count):
        file = folder / ("cat", "dog")[i % 2] / f"{i:05}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        rough = Image.fromarray(draw.integers(0, 256, (30, 40, 3), np.uint8))
        rough.resize((320, 240), Image.Resampling.BICUBIC).save(file, quality=90)


def measured(code: str, *arguments: Path) -> tuple[float, float]:
    """Return seconds, and the most memory in MB above that of a process that has read 20 photos."""
    out = subprocess.check_output([sys.executable, "-c", _PREPARE + code, *map(str, arguments)])
    seconds, memory = out.split()
    return float(seconds), float(memory)


def main() -> None:
    """Measure all rows and print the table."""
    description = "Measure how fast photos are read, for book/speed.md. It takes some minutes."
    prog = "python -m transfer_course.experiments.photo_benchmark"
    parser = argparse.ArgumentParser(prog, description=description)
    parser.add_argument("counts", nargs="*", type=int, default=[1000, 5000, 20_000])
    counts = parser.parse_args().counts

    print("| photos | as an array | `image_folder` | with `cache=` | once more | Keras |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        few = Path(folder) / "few"
        make_photos(few, 20)
        for count in counts:
            photos, cache = Path(folder) / str(count), Path(folder) / f"{count}.npy"
            make_photos(photos, count)
            array = count * SIZE * SIZE * 3 / 1e6
            cached = _OURS.format(cache=f", cache={str(cache)!r}")
            cells = [
                measured(code, photos, few)
                for code in (_OURS.format(cache=""), cached, cached, _KERAS)
            ]
            texts = [f"{seconds:.1f} s, {memory:.0f} MB" for seconds, memory in cells]
            print(f"| {count:,} | {array:.0f} MB | {' | '.join(texts)} |", flush=True)
            cache.unlink()


if __name__ == "__main__":
    main()
