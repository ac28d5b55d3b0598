"""How fast the course is: ``python -m transfer_course.experiments.benchmark``.

It prints the first table of book/speed.md, in ten minutes on a machine with nothing else to do.
Notebooks are measured too where there are some: in a clone of the repository.

Times are compared within one round, one contestant after the other, so that a machine whose speed
drifts does not matter; a figure is the median of the rounds. What all of them share and need only
once (loading TensorFlow, the data, the first compilation) is done before the first round.

- *plain*: what the documentation of Keras shows, `compile` and `fit`, with the same layers frozen.
- *floor*: what cannot be avoided: one pass of the pictures through the frozen part, then the bare
  compiled training steps in a tight loop. No metrics, no history, no model that is handed back.
"""

import argparse
import os
import platform
import random
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import median
from threading import active_count
from time import perf_counter, sleep

import numpy as np

import transfer_course as tc
from transfer_course._backend import keras, tf
from transfer_course.experiments import explorer, scenarios, sources
from transfer_course.training import feature_cache

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def rounds(count: int, forget: bool = True, **contestants: Callable) -> tuple[dict, dict]:
    """Run the contestants in turn, after a round that does not count.

    Parameters
    ----------
    count : int
        The number of rounds.
    forget : bool
        Whether to empty the feature cache before each run, as if the images were new.
    **contestants : callable
        Functions without arguments, by name.

    Returns
    -------
    ratios : dict
        The median ratios of their times, in units of the first one (3.0: it took three times as
        long).
    results : dict
        What each returned last.
    """
    times, results = {name: [] for name in contestants}, {}
    for _ in range(count + 1):
        for name, run in contestants.items():
            if forget:
                forget_features()
            start = perf_counter()
            results[name] = run()
            times[name].append(perf_counter() - start)
    unit = next(iter(times.values()))
    ratios = {
        name: median(a / b for a, b in zip(own[1:], unit[1:], strict=True))
        for name, own in times.items()
    }
    return ratios, results


def forget_features() -> None:
    """Empty the feature cache: every image is new again."""
    feature_cache.clear()


def plain(
    backbone, data, freeze: str | None, epochs: int, learning_rate: float, **validation
) -> Callable:
    """The way of the article, in plain Keras. Building the model is not counted."""

    def run():
        model.set_weights(start)
        model.compile(
            keras.optimizers.Adam(learning_rate),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"] if validation else [],
        )
        model.fit(data.images, data.labels, batch_size=32, epochs=epochs, verbose=0, **validation)
        return model

    model = _network(backbone, data, freeze)
    start = model.get_weights()
    return run


def floor(backbone, data, freeze: str | None, epochs: int, learning_rate: float) -> Callable:
    """One pass through the frozen part, then bare training steps."""
    model = _network(backbone, data, freeze)
    inner, head = model.layers
    if freeze is None:
        frozen, tail = None, model
    else:
        cut = inner.get_layer(freeze).output
        frozen = tf.function(keras.Model(inner.inputs, cut), jit_compile=False)
        tail = head if freeze == inner.layers[-1].name else _tail(inner, cut, head)
    optimizer = keras.optimizers.Adam(learning_rate)
    variables = tail.trainable_variables
    optimizer.build(variables)

    @tf.function(reduce_retracing=True, jit_compile=False)
    def step(x, y):
        with tf.GradientTape() as tape:
            losses = keras.losses.sparse_categorical_crossentropy(y, tail(x, training=True))
            loss = tf.reduce_mean(losses)
        optimizer.apply(tape.gradient(loss, variables), variables)

    def run():
        x = tf.constant(data.images)
        x = x if frozen is None else frozen(x, training=False)
        y = tf.constant(data.labels)
        draw = np.random.default_rng(0)
        for _ in range(epochs):
            order = draw.permutation(len(data))
            for start in range(0, len(data), 32):
                batch = order[start : start + 32]
                step(tf.gather(x, batch), tf.gather(y, batch))

    return run


def _network(backbone, data, freeze: str | None):
    inner = keras.models.clone_model(backbone)
    inner.set_weights(backbone.get_weights())
    names = [layer.name for layer in inner.layers]
    for layer in inner.layers[: names.index(freeze) + 1 if freeze else 0]:
        layer.trainable = False
    for layer in inner.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    head = keras.layers.Dense(len(data.class_names), "softmax", kernel_initializer="zeros")
    return keras.Sequential([keras.Input(data.images.shape[1:]), inner, head])


def _tail(inner, cut, head):
    return keras.Sequential([keras.Model(cut, inner.output), head])


def adapt_trainers(backbone, data, epochs: int) -> dict[str, Callable]:
    """The two methods of adapt, another library for transfer learning, on the same network."""
    from adapt.parameter_based import FineTuning, RegularTransferNN

    def encoder():
        inner = keras.models.clone_model(backbone)
        inner.set_weights(backbone.get_weights())
        return inner

    labels = np.eye(len(data.class_names))[data.labels]
    shared = {"loss": "categorical_crossentropy", "verbose": 0, "random_state": 0}
    fit = {"epochs": epochs, "batch_size": 32, "verbose": 0}

    def fine_tuning():
        head = keras.Sequential([keras.layers.Dense(10, activation="softmax")])
        method = FineTuning(
            encoder=encoder(),
            task=head,
            pretrain=False,
            optimizer=keras.optimizers.Adam(3e-4),
            **shared,
        )
        method.fit(data.images.astype("float32"), labels, **fit)

    def regular_transfer():
        network = keras.Sequential([encoder(), keras.layers.Dense(10, activation="softmax")])
        network.build((None, *data.images.shape[1:]))
        method = RegularTransferNN(
            network, lambdas=0.05, optimizer=keras.optimizers.Adam(3e-4), **shared
        )
        method.fit(data.images.astype("float32"), labels, **fit)

    return {"fine_tune": fine_tuning, "l2_sp": regular_transfer}


def start_ratio(code: str) -> float:
    """How long it takes in units of `import tensorflow`, each in a process of its own."""

    def seconds(code):
        code = f"import time; t = time.perf_counter(); {code}; print(time.perf_counter() - t)"
        command = [sys.executable, "-c", code]
        return float(subprocess.check_output(command, stderr=subprocess.DEVNULL))

    return median(seconds(code) / seconds("import tensorflow") for _ in range(3))


def curve_times(it: scenarios.Scenario, settings: dict, episode: int = 0) -> list[float]:
    """Train at a position of the explorer's controls: after how long each point was there."""
    times, start = [], perf_counter()
    whole = len(it.epochs)
    with suppress(explorer.Stopped):  # what follows the curve is not part of it
        explorer.run(
            it,
            settings,
            episode,
            report=lambda curves: times.append(perf_counter() - start),
            given_up=lambda: len(times) == whole,
        )
    return times


def first_points() -> None:
    """How soon the first point of a curve is there.

    The network that a run begins with is there already, as after any other run in the explorer.
    """
    for name, freeze, shots in (
        ("digits", "nothing", 5),
        ("digits", "nothing", 20),
        ("emoji", "block11", 5),
    ):
        it, shares = scenarios.scenario(name), []
        at = scenarios.at("fine_tune", shots, 1e-3, freeze)
        for episode in range(6):
            explorer.prepare(it)
            times = curve_times(it, at, episode)
            shares.append(times[0] / times[-1])
        found = f"{median(shares[1:]):.2f} of {times[-1]:.1f} s; the first time {shares[0]:.2f}"
        row(f"first point of a curve ({name}, {shots} shots, frozen: {freeze})", "< 0.1", found)


def slider_moves() -> None:
    """What a move of the explorer costs, against the same curve by plain Keras."""
    it = scenarios.scenario("digits")
    backbone, test = it.source().backbone, it.test
    train, _ = tc.few_shot(it.pool, shots=5, seed=0)
    at = {"method": "fine_tune", "lam": 1, "shots": 5, "learning_rate": 1e-3}
    for freeze, must in (("pool2", 10), ("nothing", 5), ("all", 30)):
        last_frozen = {"nothing": None, "all": "features"}.get(freeze, freeze)
        keras_way = plain(
            backbone,
            train,
            last_frozen,
            epochs=60,
            learning_rate=1e-3,
            validation_data=(test.images, test.labels),
            validation_freq=list(it.epochs),
        )
        ours = partial(curve_times, it, at | {"freeze": freeze})
        found, _ = rounds(5, forget=False, ours=ours, plain=keras_way)
        what = f"a move of the explorer (digits, 5 shots, 60 epochs), frozen: {freeze}"
        row(f"{what}: faster than plain `fit`", f"{must}×", f"{found['plain']:.1f}×")


def storm() -> str:
    """200 random moves in 20 seconds: what is left when they are over."""
    widget = tc.widgets.TransferExplorer()
    sent = []
    widget.send = sent.append
    draw = random.Random(0)
    positions = scenarios.scenario("digits").positions

    def moves(count, pause):
        for number in range(count):
            at = {name: draw.choice(values) for name, values in positions.items()}
            move = {"kind": "move", "view": "a", "id": number, "settings": at}
            widget.receive(move | {"runs": [{"settings": at, "episode": 0}]})
            sleep(pause)
        while widget.is_training:
            sleep(0.01)

    moves(100, 0.3)  # every network has been compiled by then
    before, threads = resident(), active_count()
    sent.clear()
    moves(200, 0.1)
    assert (sent[-1]["kind"], sent[-1]["id"]) == ("done", 199), sent[-1]
    assert not [message for message in sent if message["kind"] == "problem"]
    grown = resident() - before
    return f"the last one won; threads {active_count() - threads:+d}, memory {grown:+.0f} MB"


def resident() -> float:
    """The memory of this process now, in MB; 0 where there is no /proc to ask."""
    pages = Path("/proc/self/statm")
    return int(pages.read_text(encoding="utf-8").split()[1]) * 4096 / 1e6 if pages.exists() else 0


def notebook_costs(path: Path) -> tuple[float, float]:
    """Seconds to run a notebook, and the most memory that its kernel had, in GB."""
    code = (
        "import resource, sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path;"
        "from execute import execute; execute(Path(sys.argv[2]));"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    start = perf_counter()
    out = subprocess.check_output([sys.executable, "-c", code, str(ROOT / "book"), str(path)])
    # kilobytes on Linux, bytes on a Mac
    unit = 1 if sys.platform == "darwin" else 1024
    return perf_counter() - start, int(out.split()[-1]) * unit / 1e9


def row(what: str, must: str, found: str) -> None:
    print(f"| {what} | {must} | {found} |", flush=True)


def main() -> None:
    """Measure all rows and print the table."""
    description = "Measure how fast the course is, for book/speed.md. It takes ten minutes."
    prog = "python -m transfer_course.experiments.benchmark"
    argparse.ArgumentParser(prog, description=description).parse_args()

    cpu = platform.processor() or platform.machine()
    print(f"{os.cpu_count()} cores ({cpu}), Python {platform.python_version()}, ", end="")
    print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}\n")
    print("| what | must reach | found |\n|---|---|---|")

    emoji, lite0 = tc.datasets.emoji(), tc.backbones.efficientnet_lite0()
    few, rest = tc.few_shot(emoji, shots=5)
    for method, freeze, must in (
        (tc.feature_reuse, "features", 15),
        (tc.fine_tune, "block15", 3.5),
        (tc.fine_tune, "block11", 2),
    ):
        settings = {"epochs": 30, "learning_rate": 1e-2 if freeze == "features" else 3e-4}
        extra = {} if freeze == "features" else {"freeze": freeze, "head_learning_rate": 3e-4}
        found, models = rounds(
            3,
            ours=lambda: method(lite0, few, **settings, **extra),  # noqa: B023
            plain=plain(lite0, few, freeze, **settings),
            floor=floor(lite0, few, freeze, **settings),
        )
        what = f"{method.__name__}, Lite0 at 224 px, frozen up to {freeze}, 5 shots, 30 epochs"
        row(f"{what}: faster than plain `fit`", f"{must}×", f"{found['plain']:.1f}×")
        most = 1.6 if freeze == "features" else 1.25
        row("… against its floor", f"≤ {most}×", f"{1 / found['floor']:.2f}×")
        right = [
            (np.argmax(models[name](rest.images), axis=1) == rest.labels).mean()
            for name in ("ours", "plain")
        ]
        row("… accuracy, and that of plain `fit`", "alike", "{:.2f}, {:.2f}".format(*right))

    warnings.simplefilter("ignore")  # what adapt and Keras have to say to each other
    digits = tc.datasets.digits()
    backbone = sources.mnist_backbone()
    few, _ = tc.few_shot(digits, shots=5)
    settings = {"epochs": 60, "learning_rate": 3e-4}
    adapt = adapt_trainers(backbone, few, epochs=60)
    found, _ = rounds(
        7,
        ours=lambda: tc.fine_tune(backbone, few, head_learning_rate=3e-4, **settings),
        plain=plain(backbone, few, None, **settings),
        floor=floor(backbone, few, None, **settings),
        adapt=adapt["fine_tune"],
    )
    row(
        "small_cnn on digits, nothing frozen, 60 epochs: faster than plain `fit`",
        "5×",
        f"{found['plain']:.1f}×",
    )
    row(
        "… against its floor (a second training: nothing is traced again)",
        "≤ 1.15×",
        f"{1 / found['floor']:.2f}×",
    )
    row("… faster than `FineTuning` of adapt 0.4.5", "> 1×", f"{found['adapt']:.1f}×")
    found, _ = rounds(
        7,
        l2_sp=lambda: tc.l2_sp(backbone, few, **settings),
        adapt=adapt["l2_sp"],
    )
    row(
        "l2_sp, the same: faster than `RegularTransferNN` of adapt 0.4.5",
        "> 1×",
        f"{found['adapt']:.1f}×",
    )
    settings["epochs"] = 300
    found, _ = rounds(
        7,
        plain=lambda: tc.fine_tune(backbone, few, **settings),
        l2_sp=lambda: tc.l2_sp(backbone, few, **settings),
    )
    row(
        "a step of L2-SP against the step without the penalty (300 epochs)",
        "≤ 1.10×",
        f"{found['l2_sp']:.2f}×",
    )
    slider_moves()
    first_points()
    row("200 moves of the explorer in 20 s", "the last one wins, nothing is left", storm())
    imports = start_ratio("import transfer_course")
    row("`import transfer_course` against `import tensorflow`", "< 0.1×", f"{imports:.4f}×")
    usable = start_ratio("import transfer_course as tc; tc.widgets.TransferExplorer()")
    row("a usable explorer, against the same", "< 2×", f"{usable:.2f}×")
    for path in NOTEBOOKS:
        seconds, memory = notebook_costs(path)
        row(f"memory to run {path.stem} (time)", "< 2 GB", f"{memory:.2f} GB ({seconds:.0f} s)")


if __name__ == "__main__":
    main()
