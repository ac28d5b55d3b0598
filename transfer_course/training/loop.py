"""The training loop that all algorithms share.

It is Keras's own training step, with these things arranged around it:

- the frozen part of the network runs once per picture, and what leaves it is kept;
- many epochs run in one call of a compiled function, since with a small network the way from Python
  into TensorFlow and back costs more than the step itself;
- what was compiled is used again for the next network of the same shape;
- the epochs run in short chunks. Between two of them the progress bar moves, Stop is heard and a
  loss that is no number any more is noticed.
"""

import copy
import math
from collections import OrderedDict
from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from time import perf_counter
from typing import NamedTuple

import numpy as np

from transfer_course._backend import keras, tf
from transfer_course._progress import progress, report_stop, stop_button
from transfer_course.datasets.dataset import Dataset
from transfer_course.networks.cloning import copy_weights, layers_of, preprocessing_of
from transfer_course.networks.freezing import crossing, functional
from transfer_course.training.feature_cache import (
    BUDGET,
    architecture,
    fingerprint,
    frozen_features,
)

_COMPILE = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}


def fit(
    model,
    data: Dataset,
    *,
    epochs: int,
    learning_rate: float,
    batch_size: int,
    seed: int,
    cache: bool = True,
    verbose: int | str = "auto",
):
    """Train what is trainable of ``Sequential([backbone, head])``, in place, and return it.

    Minimises the cross-entropy plus the penalties of regularizers, with Adam. ``model.history``
    has the loss and the accuracy of each epoch, as `keras.Model.fit` leaves it. With
    ``cache=False``, or where its outputs would take more than `features.BUDGET` bytes, the frozen
    part runs again on every picture in every epoch.

    Stop (Control-C) ends it early, with the weights of the last finished chunk. Raises
    `FloatingPointError` if the loss or a weight is no finite number any more.
    """
    model.compile(optimizer=keras.optimizers.Adam(learning_rate), **_COMPILE)
    draw = np.random.default_rng(seed)
    orders = np.stack([draw.permutation(len(data)) for _ in range(epochs)]).astype("int32")
    history = keras.callbacks.History()
    history.set_model(model)
    history.on_train_begin()
    with _bench_for(model) as bench, stop_button() as stopped:
        _reset(bench, learning_rate, seed)
        cache = cache and _fits_budget(bench, len(data))
        digest = _digest(bench)
        inputs = (
            _features(bench, digest, data.images, verbose) if cache else [tf.constant(data.images)]
        )
        labels = tf.constant(data.labels)
        watch = _watch.get()
        seen = _features(bench, digest, watch.images, verbose) if watch else []
        with progress(epochs, "epoch", verbose) as show:
            for chunk in _in_chunks(orders, watch.epochs if watch else ()):
                if stopped():
                    break
                _copy_penalties(model.trainable_weights, bench.trainable)
                logs = bench.run_epochs[cache](inputs, labels, chunk, tf.constant(batch_size))
                for loss, accuracy in zip(*(logs[k].numpy().tolist() for k in logs), strict=True):
                    logs_of_epoch = {"loss": loss, "accuracy": accuracy}
                    history.on_epoch_end(len(history.epoch), logs_of_epoch)
                show(len(history.epoch), **{k: f"{v:.3f}" for k, v in logs_of_epoch.items()})
                if not math.isfinite(loss):
                    break
                if watch and len(history.epoch) in watch.epochs:
                    guesses = bench.run_tail(seen).numpy()
                    watch.report(len(history.epoch), logs_of_epoch, guesses)
        _check_finite(model, bench, history, learning_rate)
        _copy(bench.weights, model.weights)
    if len(history.epoch) < epochs:
        report_stop(
            f"Stopped after {len(history.epoch)} of {epochs} epochs; the model keeps what it has "
            f"learned in them."
        )
    return model


class _Watch(NamedTuple):
    epochs: tuple[int, ...]
    images: np.ndarray
    report: Callable


_watch: ContextVar[_Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watched(epochs, images: np.ndarray, report: Callable):
    """Have the trainings of the block report on the way how they do on other pictures.

    ``report(epoch, logs, probabilities)`` is called after each of ``epochs``, with the loss and the
    accuracy of that epoch and the probabilities (n, classes) for ``images``. Chunks end there, so a
    curve has its points at the same epochs on any machine.
    """
    token = _watch.set(_Watch(tuple(epochs), images, report))
    try:
        yield
    finally:
        _watch.reset(token)


def predict(model, images: np.ndarray) -> np.ndarray:
    """Return the probabilities (n, classes) that ``Sequential([backbone, head])`` gives.

    What ``model.predict(images)`` gives, to float rounding; but pictures that the frozen part has
    seen before pass it at no cost.
    """
    with _bench_for(model) as bench, progress(len(images), "picture") as show:
        digest = _digest(bench)
        found = []
        for start in range(0, len(images), 60):
            batch = images[start : start + 60]
            found.append(bench.run_tail(_features(bench, digest, batch)))
            show(start + len(batch))
        return np.concatenate(found)


class _Bench(NamedTuple):
    """A twin of the network in training, cut in two, with everything compiled."""

    weights: list  # in the order of `model.weights`
    trainable: list  # in the order of `model.trainable_weights`
    frozen: keras.Model  # from the pictures to what leaves the frozen part
    frozen_architecture: str
    tail: keras.Model  # from there to the probabilities
    run_frozen: tf.types.experimental.PolymorphicFunction
    run_tail: tf.types.experimental.PolymorphicFunction
    run_epochs: dict[bool, tf.types.experimental.PolymorphicFunction]  # by `cache`


# Benches that nobody is using, by the shape of the network; the shape used longest ago goes first.
_idle: OrderedDict[tuple, list[_Bench]] = OrderedDict()
_idle_lock = Lock()
_MOST_SHAPES = 16  # the explorers of both worlds come to fifteen


@contextmanager
def _bench_for(model):
    """Lend out a bench that holds the model's weights; one serves one thread at a time."""
    shape = _shape(model)
    with _idle_lock:
        bench = _idle[shape].pop() if _idle.get(shape) else None
    bench = bench or _build(model)
    _copy(model.weights, bench.weights)
    try:
        yield bench
    finally:
        with _idle_lock:
            _idle.setdefault(shape, []).append(bench)
            _idle.move_to_end(shape)
            while len(_idle) > _MOST_SHAPES:
                _idle.popitem(last=False)


def _shape(model) -> tuple:
    """Everything that the compiled functions depend on, beside the values of variables."""
    backbone = model.get_layer("backbone")
    return (
        architecture(backbone),
        tuple(type(layer) for layer in layers_of(backbone)),
        tuple(w.tobytes() for layer in preprocessing_of(backbone) for w in layer.get_weights()),
        model.get_layer("head").units,
        tuple(type(weight.regularizer) for weight in model.trainable_weights),
    )


def _build(model) -> _Bench:
    backbone = functional(model.get_layer("backbone"))
    copy_weights(model.get_layer("backbone"), backbone)
    head = keras.layers.Dense.from_config(model.get_layer("head").get_config())
    frozen, tail = _split(backbone, head)
    trainable = backbone.trainable_weights + head.trainable_weights
    for old, new in zip(model.trainable_weights, trainable, strict=True):
        new.regularizer = copy.deepcopy(old.regularizer)
    # XLA, which jit_compile would call in, is several times slower for convolutions on a CPU.
    tail.compile(optimizer=keras.optimizers.Adam(), **_COMPILE, jit_compile=False)
    tail.optimizer.build(tail.trainable_variables)
    at_cut = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in frozen.outputs]
    pictures = [tf.TensorSpec(frozen.inputs[0].shape, tf.uint8)]

    @tf.function(input_signature=pictures, autograph=False, jit_compile=False)
    def run_frozen(images):
        return keras.tree.flatten(frozen(images, training=False))

    @tf.function(input_signature=[at_cut], autograph=False, jit_compile=False)
    def run_tail(inputs):
        return tail(inputs, training=False)

    run_epochs = {
        True: _compile_epochs(tail, at_cut, before=lambda inputs: inputs),
        False: _compile_epochs(tail, pictures, before=lambda inputs: run_frozen(*inputs)),
    }
    return _Bench(
        weights=backbone.weights + head.weights,
        trainable=trainable,
        frozen=frozen,
        frozen_architecture=architecture(frozen),
        tail=tail,
        run_frozen=run_frozen,
        run_tail=run_tail,
        run_epochs=run_epochs,
    )


def _split(backbone, head):
    """Cut a network in two at the first step that trains or draws at random."""
    steps = backbone.operations
    live = [_is_live(step) for step in steps]
    cut = crossing(backbone, live.index(True) if True in live else len(steps))
    frozen = keras.Model(backbone.inputs, cut, name="frozen")
    return frozen, keras.Model(cut, head(backbone.outputs[0]))


def _is_live(step) -> bool:
    inside = layers_of(step) if isinstance(step, keras.Model) else []
    return any(
        getattr(layer, "trainable_weights", ()) or hasattr(layer, "seed_generator")
        for layer in [step, *inside]
    )


def _compile_epochs(tail, inputs: list, before):
    train_step = tf.autograph.experimental.do_not_convert(tail.train_step)
    labels, orders = tf.TensorSpec((None,), tf.int64), tf.TensorSpec((None, None), tf.int32)
    signature = [inputs, labels, orders, tf.TensorSpec((), tf.int32)]

    @tf.function(input_signature=signature, jit_compile=False)
    def run_epochs(inputs, labels, orders, batch_size):
        epochs, count = tf.unstack(tf.shape(orders))
        losses = tf.TensorArray(tf.float32, epochs)
        accuracies = tf.TensorArray(tf.float32, epochs)
        for epoch in tf.range(epochs):
            tail.reset_metrics()
            for start in tf.range(0, count, batch_size):
                batch = orders[epoch, start : start + batch_size]
                x = before([tf.gather(rows, batch) for rows in inputs])
                train_step((x, tf.gather(labels, batch)))
            logs = tail.get_metrics_result()
            losses = losses.write(epoch, logs["loss"])
            accuracies = accuracies.write(epoch, logs["accuracy"])
        return {"loss": losses.stack(), "accuracy": accuracies.stack()}

    return run_epochs


def _digest(bench: _Bench) -> bytes:
    return fingerprint(bench.frozen_architecture, bench.frozen.weights)


def _features(bench: _Bench, digest: bytes, images: np.ndarray, verbose="auto") -> list:
    kept = frozen_features(bench.run_frozen, digest, images, verbose)
    return [tf.constant(rows) for rows in kept]


def _fits_budget(bench: _Bench, pictures: int) -> bool:
    numbers = sum(math.prod(tensor.shape[1:]) for tensor in bench.frozen.outputs)
    size = 4 * pictures * numbers  # bytes, in float32
    if size > BUDGET:
        print(
            f"The outputs of the frozen layers would take {size / 2**20:.0f} MB for these "
            f"{pictures} pictures, more than the {BUDGET / 2**20:.0f} MB that are kept: they are "
            f"computed again in every epoch. The model comes out the same, only later."
        )
    return size <= BUDGET


def _in_chunks(orders: np.ndarray, stops: tuple[int, ...] = ()):
    """Cut a run into chunks of half a second, but of no more than a tenth of the run.

    With ``stops``, a chunk also ends after each of these epochs.
    """
    most = math.ceil(len(orders) / 10)
    done, size = 0, 1  # one epoch, until the pace is known
    while done < len(orders):
        size = min([size, *(stop - done for stop in stops if stop > done)])
        start = perf_counter()
        yield orders[done : done + size]
        pace = (perf_counter() - start) / size
        done += size
        size = max(1, min(most, int(0.5 / pace)))


def _check_finite(model, bench: _Bench, history, learning_rate: float) -> None:
    """Raise if training has diverged; the model still has the weights that it started with."""
    losses = np.array(history.history.get("loss", []))
    if np.isfinite(losses).all() and _are_finite(bench.trainable):
        return
    if not _are_finite(model.weights):
        raise FloatingPointError(
            "the backbone has weights that are no finite numbers (NaN or infinite), so nothing can "
            "be learned from it: load it again, or train it anew"
        )
    smaller = ", or a smaller alpha" if any(w.regularizer for w in bench.trainable) else ""
    raise FloatingPointError(
        f"training has diverged: by epoch {len(losses)} the loss is {losses[-1]} or weights are no "
        f"finite numbers, with learning_rate={learning_rate:g}; try "
        f"learning_rate={min(learning_rate / 10, 1e-3):g}{smaller}"
    )


def _are_finite(weights: list) -> bool:
    return all(np.isfinite(np.asarray(weight)).all() for weight in weights)


def _reset(bench: _Bench, learning_rate: float, seed: int) -> None:
    for variable in bench.tail.optimizer.variables:
        variable.assign(keras.ops.zeros_like(variable))
    bench.tail.optimizer.learning_rate = learning_rate
    for i, layer in enumerate(layers_of(bench.tail)):
        if hasattr(layer, "seed_generator"):
            layer.seed_generator.state.assign([seed + i, 0])


def _copy(sources: list, targets: list) -> None:
    for source, target in zip(sources, targets, strict=True):
        target.assign(source)


def _copy_penalties(sources: list, targets: list) -> None:
    """Hand on what regularizers keep in variables, such as the α of L2-SP."""
    for source, target in zip(sources, targets, strict=True):
        for name, value in vars(source.regularizer).items() if source.regularizer else ():
            if isinstance(value, keras.Variable):
                getattr(target.regularizer, name).assign(value)
