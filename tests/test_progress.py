"""The progress bar, where somebody watches, and the stop button.

Both are tried where they are for: in a terminal, and in a Jupyter kernel that is told, as
JupyterLab does and programs do not, that a person is there.
"""

import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest
from jupyter_client.manager import start_new_kernel

import transfer_course as tc
from transfer_course._progress import progress, stop_button
from transfer_course.training import feature_cache, fit
from transfer_course.training.network import CompiledNetwork, are_finite

BAR = re.compile(r"(\d+)/(\d+) \[.*<.*\]")  # done/of [so far<left, pace]


@contextmanager
def pressed_at_once(monkeypatch, times=1, at=2):
    """Press Control-C while the chunk with this number is in training."""
    chunks = []
    original = CompiledNetwork.train

    def press(*args):
        chunks.append(args)
        if at <= len(chunks) < at + times:
            os.kill(os.getpid(), signal.SIGINT)
        return original(*args)

    monkeypatch.setattr(CompiledNetwork, "train", press)
    yield
    monkeypatch.undo()


def in_terminal(code: str) -> str:
    """What a person would see who runs this in a terminal."""
    pty = pytest.importorskip("pty", reason="Windows has no terminals of this kind")
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", code], stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            shown += os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
    os.close(ours)
    assert process.wait() == 0, shown.decode()
    return shown.decode()


def test_a_handler_that_python_cannot_put_back_stays(monkeypatch):
    """A program that Python runs inside has set it: then `signal.getsignal` gives None."""
    calls = []
    monkeypatch.setattr(signal, "getsignal", lambda number: None)
    monkeypatch.setattr(signal, "signal", lambda *arguments: calls.append(arguments))
    with stop_button() as stopped:
        assert not stopped()
    assert calls == []


@pytest.mark.parametrize(
    "code",
    [
        """
import pathlib, tempfile
from PIL import Image
folder = pathlib.Path(tempfile.mkdtemp())
for name, red in (("cat", 0), ("dog", 9)):
    (folder / name).mkdir()
    for i in range(2):
        Image.new("RGB", (40, 40), (red, i, 0)).save(folder / name / f"{i}.png")
tc.datasets.image_folder(folder)
""",
        "tc.datasets.emoji(image_size=16)",
    ],
)
def test_reading_and_drawing_show_a_bar(code):
    """It comes after two seconds; here at once."""
    shown = in_terminal(
        f"import transfer_course as tc\nfrom transfer_course import _progress\n"
        f"_progress._DELAY = 0\n{code}"
    )
    assert BAR.search(shown)


SLOW_LOOP = """
import time
from transfer_course._progress import progress
with progress(3, "epoch") as show:
    for done in (1, 2, 3):
        time.sleep({seconds})
        show(done)
print("over")
"""


def test_a_terminal_shows_a_bar_with_the_time_left_once_it_takes_long():
    shown = in_terminal(SLOW_LOOP.format(seconds=1.1))
    assert BAR.findall(shown)[0] == ("2", "3")
    assert "epoch" in shown and shown.rstrip().endswith("over")


def test_what_is_over_soon_shows_no_bar():
    assert in_terminal(SLOW_LOOP.format(seconds=0.1)).strip() == "over"


def test_nothing_is_shown_where_nobody_watches():
    code = SLOW_LOOP.format(seconds=1.1)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    )
    assert (done.stdout, done.stderr) == ("over\n", "")


@pytest.fixture(scope="module")
def kernel():
    manager, client = start_new_kernel()
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run_cell(client, code: str, somebody_there: bool, on_output=None) -> dict:
    """Run a cell as JupyterLab would, or as nbval would. Return text by stream."""
    outputs = {"stdout": "", "stderr": "", "error": ""}

    def keep(message):
        kind, content = message["header"]["msg_type"], message["content"]
        if kind == "stream":
            outputs[content["name"]] += content["text"]
            if on_output:
                on_output(content["text"])
        elif kind == "error":
            outputs["error"] += "\n".join(content["traceback"])

    client.execute_interactive(
        code, allow_stdin=somebody_there, output_hook=keep, stdin_hook=print, timeout=120
    )
    return outputs


@pytest.mark.long
@pytest.mark.parametrize("somebody_there", [True, False])
def test_a_kernel_shows_a_bar_to_people_only(kernel, somebody_there):
    outputs = run_cell(kernel[1], SLOW_LOOP.format(seconds=1.1), somebody_there)
    assert bool(BAR.search(outputs["stdout"])) is somebody_there
    assert outputs["stdout"].rstrip().endswith("over")
    assert outputs["stderr"] == outputs["error"] == ""


@pytest.mark.long
def test_stop_in_a_kernel_leaves_a_model_and_a_sentence(kernel):
    manager, client = kernel
    run_cell(client, "import transfer_course as tc", False)
    prepare = """
train, test = tc.few_shot(tc.datasets.digits(), 2)
backbone = tc.backbones.small_cnn()
tc.from_scratch(backbone, train, epochs=2)
print("ready")
"""
    assert run_cell(client, prepare, False)["error"] == ""
    code = 'print("go", flush=True); model = tc.from_scratch(backbone, train, epochs=100_000)'

    def interrupt(text):
        if "go" in text:
            threading.Timer(6, manager.interrupt_kernel).start()

    outputs = run_cell(client, code, True, interrupt)
    assert re.search(r"Stopped after \d+ of 100000 epochs", outputs["stdout"])
    assert outputs["stderr"] == outputs["error"] == ""
    check = "print(len(model.history.epoch) > 10, model.predict(test.images, verbose=0).shape)"
    assert run_cell(client, check, False)["stdout"] == "True (1777, 10)\n"


def test_the_stopped_model_is_that_of_the_last_finished_chunk(backbone, draw, monkeypatch, capsys):
    settings = {"epochs": 30, "batch_size": 5}
    with pressed_at_once(monkeypatch, at=3):
        stopped = tc.fine_tune(backbone, draw[0], **settings)
    done = len(stopped.history.epoch)
    assert f"Stopped after {done} of 30 epochs" in capsys.readouterr().out
    # the orders of the epochs are drawn one by one, so a shorter run is the beginning of a longer
    short = tc.fine_tune(backbone, draw[0], **(settings | {"epochs": done}))
    for one, other in zip(stopped.get_weights(), short.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert stopped.history.history == short.history.history


def test_a_second_press_stops_the_cell_and_loses_nothing(backbone, draw, monkeypatch):
    before = [weight.copy() for weight in backbone.get_weights()]
    handler = signal.getsignal(signal.SIGINT)  # a shell's background job ignores the signal
    with pressed_at_once(monkeypatch, times=1), pytest.raises(KeyboardInterrupt), stop_button():
        os.kill(os.getpid(), signal.SIGINT)
        tc.fine_tune(backbone, draw[0], epochs=30)  # stops at once; the press comes too late
        os.kill(os.getpid(), signal.SIGINT)
    for one, other in zip(before, backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert signal.getsignal(signal.SIGINT) is handler
    assert len(tc.fine_tune(backbone, draw[0], epochs=3).history.epoch) == 3


def test_a_stopped_comparison_returns_what_is_done(backbone, monkeypatch, capsys):
    digits = tc.datasets.digits().subset(range(300))
    method = {"reuse": partial(tc.feature_reuse, epochs=10)}  # 10 chunks each
    whole = tc.compare(method, backbone, digits, shots=[1], episodes=3)
    with pressed_at_once(monkeypatch, at=15):  # in the second training
        stopped = tc.compare(method, backbone, digits, shots=[1], episodes=3)
    assert stopped.equals(whole.iloc[:1])
    out = capsys.readouterr().out
    assert out.startswith("Stopped; the table has the 1 of 3 rows") and out.count("Stopped") == 1


def test_outside_the_main_thread_the_button_is_nobodys(backbone, draw):
    models = []

    def train():
        models.append(tc.feature_reuse(backbone, draw[0], epochs=3))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert len(models[0].history.epoch) == 3


def test_inside_a_bar_there_is_no_other(capsys):
    with progress(1, "episode", verbose=1), progress(7, "epoch", verbose=1) as show:
        show(7)
    shown = capsys.readouterr().out
    assert "0/1" in shown and "7/7" not in shown


def test_a_bar_shows_again_after_an_error(capsys):
    with pytest.raises(ZeroDivisionError), progress(2, "epoch", verbose=1):
        1 / 0  # noqa: B018
    with progress(2, "epoch", verbose=1) as show:
        show(2)
    assert "2/2" in capsys.readouterr().out


# Divergence


@pytest.mark.parametrize("algorithm", [tc.from_scratch, tc.fine_tune, tc.l2_sp])
def test_training_that_diverges_says_what_to_try(backbone, draw, algorithm):
    before = [weight.copy() for weight in backbone.get_weights()]
    with pytest.raises(FloatingPointError, match=r"learning_rate=1e\+30; try learning_rate=0.001"):
        algorithm(backbone, draw[0], learning_rate=1e30, epochs=3)
    for one, other in zip(before, backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    # and nothing of it is left in what the next training uses again
    again = algorithm(backbone, draw[0], epochs=3)
    assert np.isfinite(again.history.history["loss"]).all()


def test_too_large_an_alpha_is_named(backbone, draw):
    with pytest.raises(FloatingPointError, match="a smaller alpha"):
        tc.l2_sp(backbone, draw[0], alpha=1e38, learning_rate=1.0, epochs=5)
    with pytest.raises(FloatingPointError, match="or beta"):
        tc.feature_reuse(backbone, draw[0], beta=1e38, learning_rate=1.0, epochs=5)


def test_a_backbone_with_nan_in_it_is_named(keras, backbone, draw):
    broken = keras.models.clone_model(backbone)
    broken.set_weights([np.full_like(weight, np.nan) for weight in backbone.get_weights()])
    with pytest.raises(FloatingPointError, match="the backbone has weights"):
        tc.fine_tune(broken, draw[0], epochs=2)


def test_weights_that_blow_up_at_the_very_last_step_are_noticed(backbone, draw, monkeypatch):
    """The loss is computed before the step."""
    monkeypatch.setattr(CompiledNetwork, "is_finite", lambda network: False)
    with pytest.raises(FloatingPointError, match="weights are no longer finite"):
        tc.fine_tune(backbone, draw[0], epochs=2)


@pytest.mark.parametrize(
    ("value", "expected"), [(3e38, True), (np.inf, False), (-np.inf, False), (np.nan, False)]
)
def test_what_is_finite(keras, value, expected):
    assert are_finite([keras.Variable([0.0]), keras.Variable([value, 1.0])]) is expected


# Budget


def test_features_above_the_budget_are_not_kept_and_that_is_said(
    backbone, draw, monkeypatch, capsys
):
    kept = tc.fine_tune(backbone, draw[0], freeze="pool1", epochs=2)
    assert capsys.readouterr().out == ""
    row = 14 * 14 * 16 * 4  # bytes that leave pool1 for one picture
    monkeypatch.setattr(feature_cache, "BUDGET", len(draw[0]) * row)
    tc.fine_tune(backbone, draw[0], freeze="pool1", epochs=2)
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(feature_cache, "BUDGET", len(draw[0]) * row - 1)
    without = tc.fine_tune(backbone, draw[0], freeze="pool1", epochs=2)
    assert "computed again in every epoch" in capsys.readouterr().out
    for one, other in zip(kept.get_weights(), without.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5, rtol=0)


def test_what_is_kept_stays_within_the_budget(backbone, monkeypatch):
    monkeypatch.setattr(feature_cache, "BUDGET", 100 * 64 * 4)
    train, test = tc.few_shot(tc.datasets.digits(), shots=5)
    tc.predict(tc.feature_reuse(backbone, train, epochs=2), test.images)
    assert 0 < feature_cache.size() <= feature_cache.BUDGET


def test_chunks_are_short_and_no_more_than_a_tenth(backbone, draw, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(fit, "perf_counter", lambda: clock[0])
    for pace in (1e-4, 0.1, 3.0):  # seconds an epoch
        lengths = []

        def train(network, data, orders, batch_size, lengths=lengths, pace=pace):
            lengths.append(len(orders))
            clock[0] += pace * len(orders)
            return [{"loss": 1.0, "accuracy": 0.5}] * len(orders)

        monkeypatch.setattr(CompiledNetwork, "train", train)
        tc.fine_tune(backbone, draw[0], epochs=200)
        assert sum(lengths) == 200 and lengths[0] == 1
        assert max(lengths) <= 20 and max(lengths[:-1]) * pace <= max(0.5, pace)
