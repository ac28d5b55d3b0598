"""Keras's callbacks in a loop that runs several epochs in one call."""

from collections.abc import Collection
from numbers import Integral

from transfer_course._backend import keras
from transfer_course._validation import describe, describe_size, describe_type
from transfer_course.datasets.dataset import Dataset

_BATCH_HOOKS = [
    f"on_{when}batch_{edge}"
    for when in ("", "train_", "test_", "predict_")
    for edge in ("begin", "end")
]


def check_callbacks(callbacks) -> list:
    """Return the callbacks as a list.

    Raises
    ------
    TypeError
        One of them is no `keras.callbacks.Callback`.
    ValueError
        One of them asks to be called after each batch.
    """
    callbacks = keras.tree.flatten(callbacks) if callbacks is not None else []
    for callback in callbacks:
        name = type(callback).__name__
        if not isinstance(callback, keras.callbacks.Callback):
            hint = f"write {name}()" if isinstance(callback, type) else "derive it from that class"
            raise TypeError(
                f"callbacks must hold keras.callbacks.Callback objects, got "
                f"{describe_type(callback)}: {hint}"
            )
        hooks = [hook for hook in _BATCH_HOOKS if _has_hook(callback, hook)]
        # Keras's own checkpoint has such a hook, and with this setting does nothing in it.
        by_epoch = getattr(callback, "save_freq", None) == "epoch"
        if hooks and not (by_epoch and isinstance(callback, keras.callbacks.ModelCheckpoint)):
            raise ValueError(
                f"the callback {name} acts after batches ({hooks[0]}), but here a callback acts "
                f"after epochs, since several batches run in one call: use on_epoch_end, or "
                f"save_freq='epoch'"
            )
    return callbacks


def check_validation(data, train: Dataset, freq, epochs: int) -> set[int]:
    """Return the epochs, counted from 1, after which there is a validation.

    Raises
    ------
    TypeError
        ``data`` is no `Dataset`, or ``freq`` neither a number nor a list of epochs.
    ValueError
        The validation data do not fit the training data, or ``freq`` is below 1.
    """
    epochs_asked = list(freq) if isinstance(freq, Collection) else [freq]
    if not all(isinstance(it, Integral) and it is not True for it in epochs_asked):
        raise TypeError(
            f"validation_freq={describe(freq)} is neither a number nor a list of epochs: "
            f"write it like validation_freq=5 or validation_freq=[1, 10, 60]"
        )
    if min(epochs_asked, default=1) < 1:
        raise ValueError(
            f"validation_freq={describe(freq)} is out of range: use an int of 1 or more, or a list "
            f"of epochs counted from 1"
        )
    if data is None:
        return set()
    if not isinstance(data, Dataset):
        raise TypeError(
            f"validation_data must be a Dataset, got {describe_type(data)}: hand in the test set "
            f"of train, test = tc.few_shot(dataset, shots), or tc.Dataset(images, labels, names)"
        )
    sizes = [describe_size(it.images.shape[1:]) for it in (data, train)]
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"validation_data has images of {sizes[0]}, but the examples to train on are "
            f"{sizes[1]}: load both at one size"
        )
    if data.class_names != train.class_names:
        raise ValueError(
            f"validation_data has the classes {describe(data.class_names)}, but the examples to "
            f"train on have {describe(train.class_names)}: use the same class_names for both"
        )
    return {
        epoch
        for epoch in range(1, epochs + 1)
        if (epoch in epochs_asked if isinstance(freq, Collection) else epoch % freq == 0)
    }


def epochs_seen(callbacks: list, epochs: int) -> set[int]:
    """Return the epochs, counted from 1, after which a callback may look at the weights.

    For a callback that acts at an epoch's start or end these are all, unless it has an attribute
    ``needs_weights_after`` with those that it needs. The others then reach it too, but some epochs
    late.
    """
    everything = range(1, epochs + 1)
    return {
        epoch
        for callback in callbacks
        if _has_hook(callback, "on_epoch_begin") or _has_hook(callback, "on_epoch_end")
        for epoch in getattr(callback, "needs_weights_after", everything)
    }


def _has_hook(callback, hook: str) -> bool:
    inherited = getattr(keras.callbacks.Callback, hook)
    return getattr(type(callback), hook, inherited) is not inherited or hook in vars(callback)
