"""The training loop that all algorithms share."""

import math
from time import perf_counter

import numpy as np

from transfer_course._backend import keras, usual_settings
from transfer_course._progress import progress, say, stop_button
from transfer_course.datasets.dataset import Dataset
from transfer_course.networks.internals import sublayers
from transfer_course.networks.layers import seed_layers
from transfer_course.training import feature_cache
from transfer_course.training.callbacks import check_callbacks, check_validation, epochs_seen
from transfer_course.training.head_rate import ALONE, IMAGES, WITH_BACKBONE, head_rate
from transfer_course.training.network import COMPILE, CompiledNetwork, are_finite, compiled


@usual_settings()
def fit(
    model,
    data: Dataset,
    *,
    epochs: int,
    learning_rate: float | None,
    head_learning_rate: float | None,
    batch_size: int,
    seed: int,
    cache: bool = True,
    verbose: int | str = "auto",
    validation_data: Dataset | None = None,
    validation_freq: int | list[int] = 1,
    callbacks: list | None = None,
):
    """Train what is trainable of ``Sequential([backbone, head])``, in place, and return it.

    Minimizes the cross-entropy plus the penalties of regularizers, with Adam. The result is what
    `keras.Model.fit` gives with the batches in the same order, except that layers before the first
    one that trains run in inference mode. The arguments are those that all algorithms share: see
    `transfer_course.algorithms`.

    Parameters
    ----------
    model : keras.Sequential
        With the layers ``backbone`` and ``head``.
    data : Dataset
        The examples.
    learning_rate, head_learning_rate : float or None
        Those of Adam for the backbone and the head. None is the one of `head_rate`, which fits the
        features. If a callback changes the first, the second changes in proportion.

    Returns
    -------
    keras.Sequential
        ``model``, compiled, with the history of the training in ``model.history``.

    Raises
    ------
    TypeError, ValueError
        The validation data or a callback do not fit.
    ValueError
        A callback has changed what trains or weights that are frozen, or has compiled the model
        again.
    FloatingPointError
        The loss or a weight is no longer finite. ``model`` has then the weights that it started
        with, unless a callback has seen others.
    """
    callbacks = check_callbacks(callbacks)
    validations = check_validation(validation_data, data, validation_freq, epochs)
    model.stop_training = False
    seed_layers(model, seed)
    draw = np.random.default_rng(seed)
    orders = np.stack([draw.permutation(len(data)) for _ in range(epochs)]).astype("int32")
    hooks = keras.callbacks.CallbackList(callbacks, add_history=True, model=model, epochs=epochs)
    wanted = epochs_seen(callbacks, epochs)
    with compiled(model) as network:
        network.seed_unseeded(seed)
        cache = cache and _fits_or_say_so(network, len(data), verbose)
        with stop_button() as stop_is_pressed, progress(epochs, "epoch", verbose) as show:
            train = network.prepare(data, cache, verbose)
            if validations:
                cache = cache and _fits(network, len(validation_data))
                validation = network.prepare(validation_data, cache, verbose)
            if None in (learning_rate, head_learning_rate):
                is_alone = not model.get_layer("backbone").trainable_weights
                step = ALONE if is_alone else WITH_BACKBONE
                fitting = head_rate(network.head_inputs(train.at_most(IMAGES)), step)
                learning_rate = learning_rate or fitting
                head_learning_rate = head_learning_rate or fitting
            model.compile(optimizer=keras.optimizers.Adam(learning_rate), **COMPILE)
            network.build_optimizer(model.optimizer, model.variables)
            network.set_head_factor(head_learning_rate / learning_rate)
            compiled_for = _what_is_compiled(model)
            hooks.on_train_begin()
            done, logs, was_stopped = 0, {}, False
            for chunk in _in_chunks(orders, ends=validations | wanted):
                was_stopped = stop_is_pressed()
                if was_stopped or model.stop_training:
                    break
                hooks.on_epoch_begin(done)
                if done == 0 or done in wanted:  # a callback may have changed the model
                    _check_unchanged(model, compiled_for)
                    network.load_training_state(model)
                network.load_penalties(model)
                results = network.train(train, chunk, batch_size)
                if not all(math.isfinite(it["loss"]) for it in results):
                    _raise_diverged(model, network, done + len(chunk), results[-1]["loss"])
                if done + len(chunk) in validations:
                    scores = network.evaluate(validation)
                    results[-1] |= {f"val_{name}": value for name, value in scores.items()}
                if done + len(chunk) in wanted:
                    network.copy_to(model)
                for number, logs in enumerate(results):
                    if number:
                        hooks.on_epoch_begin(done)
                    hooks.on_epoch_end(done, logs)
                    done += 1
                show(done, **{name: f"{value:.3f}" for name, value in logs.items()})
            if not network.is_finite():
                _raise_diverged(model, network, done, logs.get("loss", math.nan))
            if done not in wanted:  # there the model is in step, and a callback may have changed it
                network.copy_to(model)
            if callbacks and not network.has_frozen_part_of(model):
                raise ValueError(
                    "a callback has changed weights of frozen layers, which counts for nothing, as "
                    "what leaves these layers is computed once: change them before the training, "
                    "or freeze fewer layers"
                )
    hooks.on_train_end(logs)
    if was_stopped:
        say(
            f"Stopped after {done} of {epochs} epochs; the model keeps what it has learned in "
            f"them. (To stop the whole cell, press Stop twice.)",
            verbose,
        )
    return model


def _fits(network: CompiledNetwork, images: int) -> bool:
    return network.feature_bytes(images) <= feature_cache.BUDGET


def _fits_or_say_so(network: CompiledNetwork, images: int, verbose) -> bool:
    if _fits(network, images):
        return True
    size, budget = (it / 2**20 for it in (network.feature_bytes(images), feature_cache.BUDGET))
    say(
        f"The outputs of the frozen layers would take {size:.0f} MB for these {images} images, "
        f"more than the {budget:.0f} MB that are kept: they are computed again in every epoch. The "
        f"model comes out the same, only later.",
        verbose,
    )
    return False


def _in_chunks(orders: np.ndarray, ends: set[int]):
    """Cut a run into chunks of half a second, but of no more than a tenth of the run.

    Between two chunks the progress bar moves and Stop is heard. A chunk also ends after each of the
    epochs ``ends``, counted from 1.
    """
    most = math.ceil(len(orders) / 10)
    done, size = 0, 1  # one epoch, until the pace is known
    while done < len(orders):
        size = min([size, *(end - done for end in ends if end > done)])
        start = perf_counter()
        yield orders[done : done + size]
        pace = (perf_counter() - start) / size
        done += size
        size = max(1, min(most, int(0.5 / pace)))


def _what_is_compiled(model) -> tuple:
    """Return what a callback must not change: the optimizer, and which layers and weights train."""
    parts = [*sublayers(model), *model.weights]
    return model.optimizer, [part.trainable for part in parts]


def _check_unchanged(model, compiled_for: tuple) -> None:
    if _what_is_compiled(model) != compiled_for:
        raise ValueError(
            "a callback has changed what trains, or compiled the model again, but this training is "
            "compiled as it began: train twice, the second time from model.get_layer('backbone'), "
            "as in tc.fine_tune(model.get_layer('backbone'), train)"
        )


def _raise_diverged(model, network: CompiledNetwork, epoch: int, loss: float):
    if not are_finite(model.weights):
        raise FloatingPointError(
            "the backbone has weights that are not finite (NaN or infinite), so nothing can be "
            "learned from it: load it again, or train it anew"
        )
    rate = float(model.optimizer.learning_rate)
    penalized = any(weight.regularizer for weight in model.trainable_weights)
    raise FloatingPointError(
        f"training has diverged: by epoch {epoch} the loss is {loss} or weights are no longer "
        f"finite, with learning_rate={rate:g}; try learning_rate={min(rate / 10, 1e-3):g}"
        + (", or a smaller alpha or beta" if penalized else "")
    )
