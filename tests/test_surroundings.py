"""The package in the surroundings that people have: without a terminal, with other settings."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from weekly import weekly_but

SETUP = """
import numpy as np
import transfer_course as tc
pixels = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 1), np.uint8)
data = tc.Dataset(pixels, np.arange(12) % 3, ("a", "b", "c"))
"""


def run(code: str, **options) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=300, **options
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


# How Python starts without a console (pythonw, a service), and what IDLE and others put in place.
NO_OUTPUT = {
    "none": "sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = None",
    "closed": "sys.stdout.close(); sys.stderr.close()",
    "closed files": "os.close(1); os.close(2)",
    "without isatty": """
class Window:
    def write(self, text): pass
    def flush(self): pass
sys.stdout = sys.stderr = Window()
""",
}


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="a file of the system's cannot be closed there")
@pytest.mark.parametrize("how", weekly_but(["closed files"], NO_OUTPUT))
def test_without_a_console(how, tmp_path):
    """A training with a bar, a sentence to the student, and a comparison."""
    proof = tmp_path / "done.txt"
    code = f"""
import os, sys
{NO_OUTPUT[how]}
{SETUP}
from transfer_course import _progress
backbone = tc.backbones.small_cnn((8, 8, 1))
tc.fine_tune(backbone, data, epochs=2, verbose=1)
_progress.say("a sentence")
tc.compare([tc.fine_tune], backbone, data, shots=[1], episodes=2)
open({str(proof)!r}, "w", encoding="utf-8").write("done")
"""
    subprocess.run([sys.executable, "-c", code], timeout=300, stdin=subprocess.DEVNULL)
    assert proof.read_text(encoding="utf-8") == "done"


SETTINGS = [
    {"floatx": "float16"},
    {"floatx": "float64", "image_data_format": "channels_first", "backend": "jax"},
]
RESULTS = f"""
{SETUP}
import sys
backbone = tc.backbones.small_cnn((8, 8, 1))
found = []
for method in (tc.from_scratch, tc.l2_sp):
    model = method(backbone, data, epochs=3)
    found += [model.predict(data.images, verbose=0), tc.predict(model, data.images)]
    found.append(model.history.history["loss"])
    model.evaluate(data.images, data.labels, verbose=0)
large = np.linspace(0, 255, 64 * 64 * 3).astype("uint8").reshape(1, 64, 64, 3)
for network in (tc.backbones.efficientnet_lite0(64), tc.backbones.vgg16(64, weights=None)):
    found.append(network.predict(large, verbose=0))
np.savez(sys.argv[1], *[np.asarray(it, "float64") for it in found])
"""


def results_with(tmp_path, settings) -> list[np.ndarray]:
    folder = tmp_path / "-".join(map(str, settings.values())).replace(".", "") / "keras"
    folder.mkdir(parents=True)
    (folder / "keras.json").write_text(json.dumps(settings), encoding="utf-8")
    script = folder / "script.py"
    script.write_text(RESULTS, encoding="utf-8")
    subprocess.run(
        [sys.executable, script, folder / "results.npz"],
        env=os.environ | {"KERAS_HOME": str(folder)},
        check=True,
        timeout=300,
    )
    with np.load(folder / "results.npz") as saved:
        return list(saved.values())


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    return results_with(tmp_path_factory.mktemp("usual"), {"floatx": "float32"})


@pytest.mark.slow
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_whatever_kerass_own_file_of_settings_says(usual, tmp_path, settings):
    for ours, theirs in zip(results_with(tmp_path, settings), usual, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such locale")
def test_in_a_locale_without_unicode(tmp_path):
    """As a bare container has it; names of classes, messages and results are as ever."""
    from PIL import Image

    for name in ("café", "thé"):
        folder = tmp_path / os.fsdecode(name.encode())
        folder.mkdir()
        Image.new("RGB", (20, 20), (len(name), 0, 0)).save(folder / "1.png")
    code = f"""
import transfer_course as tc
dataset = tc.datasets.image_folder({str(tmp_path)!a}, 32)
assert dataset.class_names == ("caf\\u00e9", "th\\u00e9"), ascii(dataset.class_names)
tc.experiments.load("labels")
print(dataset)
"""
    bare = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert run(code, env=os.environ | bare) == "Dataset(2 images of 32x32x3, 2 classes)\n"
