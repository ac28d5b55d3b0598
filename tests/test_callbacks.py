"""Validation and callbacks give what `keras.Model.fit` gives, epoch by epoch.

The oracle is plain Keras: the same start, the same batches in the same order. That it is fed
correctly is tested first, against a loop over `train_on_batch`.
"""

import csv

import numpy as np
import pytest
import zoo
from weekly import weekly_but

import transfer_course as tc
from transfer_course.training.network import CompiledNetwork

FEW = {"epochs": 6, "batch_size": 5, "learning_rate": 1e-2, "seed": 3}
FREEZE = 2  # scale and conv1
ALGORITHMS = ["pretrain", "from_scratch", "feature_reuse", "fine_tune", "l2_sp"]


@pytest.fixture
def build(keras):
    """Three convolutions, the one in the middle with penalties of its own."""
    return lambda: zoo.BACKBONES["regularised"](keras)


@pytest.fixture(scope="module")
def data(keras):
    return tc.Dataset(*zoo.images(zoo.BACKBONES["regularised"](keras)))


@pytest.fixture(scope="module")
def validation(keras):
    """Nine other images, a third of them with wrong labels: the loss on them goes up again."""
    images, labels, names = zoo.images(zoo.BACKBONES["regularised"](keras), count=9, seed=1)
    labels[::3] = (labels[::3] + 1) % 3
    return tc.Dataset(images, labels, names)


def plain_classifier(keras, backbone, settings):
    """The start of `fine_tune(backbone, data, freeze=FREEZE, **settings)`, by hand."""
    for layer in backbone.layers[:FREEZE]:
        layer.trainable = False
    head = keras.layers.Dense(3, "softmax", kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((8, 8, 1)), backbone, head])
    adam = keras.optimizers.Adam(settings["learning_rate"])
    model.compile(adam, "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    return model


def batches(data, settings):
    """One epoch after the other, each in an order of its own."""
    draw, size = np.random.default_rng(settings["seed"]), settings["batch_size"]
    for _ in range(settings["epochs"]):
        order = draw.permutation(len(data))
        for start in range(0, len(data), size):
            few = order[start : start + size]
            yield data.images[few], data.labels[few]


def plain_fit(keras, backbone, data, validation_data=None, **arguments):
    """What `tc.fine_tune(backbone, data, freeze=FREEZE, ...)` should give."""
    settings = {key: arguments.pop(key) for key in FEW}
    model = plain_classifier(keras, backbone, settings)
    if validation_data is not None:
        arguments["validation_data"] = (validation_data.images, validation_data.labels)
    arguments["steps_per_epoch"] = -(-len(data) // settings["batch_size"])
    model.fit(
        batches(data, settings), epochs=settings["epochs"], shuffle=False, verbose=0, **arguments
    )
    return model


def both(keras, build, data, callbacks=list, **arguments):
    """The result of ours and of plain Keras. ``callbacks`` makes new ones for each."""
    arguments = FEW | arguments
    mine = {"head_learning_rate": arguments["learning_rate"], "callbacks": callbacks()}
    ours = tc.fine_tune(build(), data, freeze=FREEZE, verbose=0, **mine, **arguments)
    return ours, plain_fit(keras, build(), data, callbacks=callbacks(), **arguments)


def assert_close(one, other, atol=3e-5):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, atol=atol, rtol=0)


def assert_same_history(ours, plain):
    assert ours.history.epoch == plain.history.epoch
    assert ours.history.history.keys() == plain.history.history.keys()
    for key, expected in plain.history.history.items():
        np.testing.assert_allclose(
            ours.history.history[key], expected, rtol=2e-4, atol=1e-6, err_msg=key
        )


def assert_alike(ours, plain):
    assert_close(ours.get_weights(), plain.get_weights())
    assert_same_history(ours, plain)


def recorder(keras):
    """A callback as a student writes it: what it is told, and what it sees of the model."""

    class Recorder(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.events, self.weights, self.rates, self.models = [], [], [], []

        def look(self, event, epoch, logs):
            self.events.append((event, epoch, sorted(logs or {})))
            self.weights.append([weight.copy() for weight in self.model.get_weights()])
            self.rates.append(float(self.model.optimizer.learning_rate))
            self.models.append(self.model)

        def on_train_begin(self, logs=None):
            self.look("train begins", None, logs)

        def on_epoch_begin(self, epoch, logs=None):
            self.look("epoch begins", epoch, logs)

        def on_epoch_end(self, epoch, logs=None):
            self.look("epoch ends", epoch, logs)

        def on_train_end(self, logs=None):
            self.look("train ends", None, logs)

    return Recorder()


def test_the_oracle_trains_in_the_batch_order_of_the_course(keras, build, data):
    found = plain_fit(keras, build(), data, **FEW)
    expected = plain_classifier(keras, build(), FEW)
    draw = np.random.default_rng(FEW["seed"])
    for _ in range(FEW["epochs"]):
        for few in np.split(draw.permutation(12), [5, 10]):
            expected.train_on_batch(data.images[few], data.labels[few])
    assert_close(found.get_weights(), expected.get_weights(), atol=1e-6)


# Validation


slow = pytest.mark.slow


@pytest.mark.parametrize("frequency", weekly_but([4, [1, 2, 5]], [1, 2, 4, 7, [6], [1, 2, 5]]))
def test_validation_at_the_epochs_asked_for(keras, build, data, validation, frequency):
    ours, plain = both(keras, build, data, validation_data=validation, validation_freq=frequency)
    assert_alike(ours, plain)


@pytest.mark.parametrize("cache", [True, False])
def test_validation_changes_nothing_in_the_model(build, data, validation, cache):
    settings = FEW | {"freeze": FREEZE, "cache": cache, "verbose": 0}
    one = tc.fine_tune(build(), data, **settings)
    other = tc.fine_tune(build(), data, validation_data=validation, **settings)
    assert_close(one.get_weights(), other.get_weights(), atol=1e-6)


@pytest.mark.parametrize("algorithm", weekly_but(["pretrain", "l2_sp"], ALGORITHMS))
def test_every_algorithm_validates_and_calls_back(keras, build, data, validation, algorithm):
    seen = recorder(keras)
    model = getattr(tc, algorithm)(
        build(), data, validation_data=validation, callbacks=[seen], verbose=0, **FEW
    )
    loss, accuracy = model.evaluate(validation.images, validation.labels, verbose=0)
    assert model.history.history["val_loss"][-1] == pytest.approx(loss, rel=1e-4)
    assert model.history.history["val_accuracy"][-1] == pytest.approx(accuracy, abs=1e-6)
    assert len(model.history.history["val_loss"]) == FEW["epochs"]
    assert [event for event, *_ in seen.events].count("epoch ends") == FEW["epochs"]
    assert_close(seen.weights[-1], model.get_weights(), atol=0)


@pytest.mark.parametrize(
    "name",
    weekly_but(["augmentation_first"], ["augmentation_first", "custom_block", "nested_functional"]),
)
def test_nothing_is_random_in_validation(keras, validation, name):
    backbone = zoo.BACKBONES[name](keras)
    data = tc.Dataset(*zoo.images(backbone))
    model = tc.fine_tune(backbone, data, validation_data=validation, verbose=0, **FEW)
    loss, _ = model.evaluate(validation.images, validation.labels, verbose=0)
    assert model.history.history["val_loss"][-1] == pytest.approx(loss, rel=1e-4)


# The callbacks of Keras


@pytest.mark.parametrize(
    "settings",
    [
        {"monitor": "val_loss", "patience": 1, "restore_best_weights": True},
        {"monitor": "val_accuracy", "mode": "max", "patience": 2, "restore_best_weights": True},
        pytest.param(
            {"monitor": "val_loss", "patience": 3, "restore_best_weights": False}, marks=slow
        ),
        pytest.param(
            {"monitor": "loss", "min_delta": 0.2, "patience": 1, "restore_best_weights": True},
            marks=slow,
        ),
        pytest.param(
            {"monitor": "val_loss", "patience": 1000, "restore_best_weights": True}, marks=slow
        ),
    ],
)
def test_early_stopping(keras, build, data, validation, settings):
    stops = []

    def callbacks():
        stops.append(keras.callbacks.EarlyStopping(**settings))
        return [stops[-1]]

    ours, plain = both(
        keras, build, data, callbacks, epochs=14, validation_data=validation, learning_rate=2e-2
    )
    assert_alike(ours, plain)
    assert stops[0].stopped_epoch == stops[1].stopped_epoch
    assert stops[0].best_epoch == stops[1].best_epoch
    assert (len(ours.history.epoch) < 14) == (settings["patience"] < 1000)


def test_model_checkpoint_of_the_best(keras, build, data, validation, tmp_path):
    paths = iter([tmp_path / "ours.keras", tmp_path / "plain.keras"])

    def callbacks():
        return [keras.callbacks.ModelCheckpoint(next(paths), save_best_only=True)]

    settings = {"epochs": 12, "validation_data": validation, "learning_rate": 2e-2}
    ours, plain = both(keras, build, data, callbacks, **settings)
    assert_alike(ours, plain)
    ours, plain = (
        keras.saving.load_model(tmp_path / name) for name in ("ours.keras", "plain.keras")
    )
    assert_close(ours.get_weights(), plain.get_weights())


def test_model_checkpoint_of_each_epoch(keras, build, data, tmp_path):
    folders = iter(["ours", "plain"])

    def callbacks():
        path = tmp_path / next(folders) / "{epoch:02d}.weights.h5"
        path.parent.mkdir()
        return [keras.callbacks.ModelCheckpoint(path, save_weights_only=True)]

    ours, plain = both(keras, build, data, callbacks)
    names = {
        name: sorted(p.name for p in (tmp_path / name).iterdir()) for name in ("ours", "plain")
    }
    assert names["ours"] == names["plain"] == [f"{n:02d}.weights.h5" for n in range(1, 7)]
    for name in names["ours"]:
        ours.load_weights(tmp_path / "ours" / name)
        plain.load_weights(tmp_path / "plain" / name)
        assert_close(ours.get_weights(), plain.get_weights())


@pytest.mark.parametrize(
    "schedule",
    [lambda epoch: 1e-2 / (epoch + 1), lambda epoch, rate: rate * 0.5 if epoch % 2 else rate],
    ids=["of the epoch", "of epoch and rate"],
)
def test_learning_rate_scheduler(keras, build, data, schedule):
    ours, plain = both(
        keras, build, data, lambda: [keras.callbacks.LearningRateScheduler(schedule)]
    )
    assert_alike(ours, plain)
    assert "learning_rate" in ours.history.history
    assert float(ours.optimizer.learning_rate) == float(plain.optimizer.learning_rate)


def test_the_next_run_starts_at_its_own_learning_rate(keras, build, data):
    """What a scheduler did to one model is no business of the next, compiled or not."""
    settings = FEW | {"freeze": FREEZE, "verbose": 0}
    before = tc.fine_tune(build(), data, **settings)
    slow = keras.callbacks.LearningRateScheduler(lambda epoch: 1e-5)
    tc.fine_tune(build(), data, callbacks=[slow], **settings)
    after = tc.fine_tune(build(), data, **settings)
    assert_close(before.get_weights(), after.get_weights(), atol=0)
    assert float(after.optimizer.learning_rate) == pytest.approx(FEW["learning_rate"])


def test_reduce_learning_rate_on_plateau(keras, build, data, validation):
    def callbacks():
        return [keras.callbacks.ReduceLROnPlateau(monitor="val_loss", patience=1, min_delta=0.05)]

    ours, plain = both(
        keras, build, data, callbacks, epochs=12, validation_data=validation, learning_rate=2e-2
    )
    assert_alike(ours, plain)
    assert len(set(ours.history.history["learning_rate"])) > 1


@pytest.mark.parametrize("frequency", weekly_but([3], [1, 3]))
def test_csv_logger(keras, build, data, validation, tmp_path, frequency):
    paths = iter([tmp_path / "ours.csv", tmp_path / "plain.csv"])
    both(
        keras,
        build,
        data,
        lambda: [keras.callbacks.CSVLogger(next(paths))],
        validation_data=validation,
        validation_freq=[1, *range(1 + frequency, 7, frequency)],
    )
    ours, plain = (
        list(csv.reader((tmp_path / f"{n}.csv").open(encoding="utf-8"))) for n in ("ours", "plain")
    )
    assert ours[0] == plain[0]
    assert len(ours) == len(plain) == 7
    for one, other in zip(ours[1:], plain[1:], strict=True):
        for a, b in zip(one, other, strict=True):
            assert a == b or float(a) == pytest.approx(float(b), rel=2e-4, abs=1e-6)


def test_several_callbacks_in_their_order(keras, build, data, validation, tmp_path):
    """The scheduler's rate is in the file only because it comes first."""
    paths = iter([tmp_path / "ours.csv", tmp_path / "plain.csv"])

    def callbacks():
        return [
            keras.callbacks.LearningRateScheduler(lambda epoch: 2e-2 * 0.8**epoch),
            keras.callbacks.CSVLogger(next(paths)),
            keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True),
        ]

    ours, plain = both(keras, build, data, callbacks, epochs=14, validation_data=validation)
    assert_alike(ours, plain)
    ours, plain = (
        (tmp_path / f"{n}.csv").read_text(encoding="utf-8").splitlines() for n in ("ours", "plain")
    )
    assert ours[0] == plain[0] and "learning_rate" in ours[0]
    assert len(ours) == len(plain)


# Callbacks that students write


@pytest.mark.parametrize("frequency", weekly_but([2], [1, 2]))
def test_a_callback_is_told_what_keras_tells_and_sees_the_model_as_it_is(
    keras, build, data, validation, frequency
):
    seen = []

    def callbacks():
        halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
        seen.append(recorder(keras))
        return [halve, seen[-1]]

    ours, _ = both(
        keras, build, data, callbacks, validation_data=validation, validation_freq=frequency
    )
    assert seen[0].events == seen[1].events
    assert seen[0].rates == pytest.approx(seen[1].rates)
    for one, other in zip(seen[0].weights, seen[1].weights, strict=True):
        assert_close(one, other)
    assert all(model is ours for model in seen[0].models)
    assert seen[0].params["epochs"] == seen[1].params["epochs"]


def test_a_callback_can_stop_the_training(keras, build, data):
    class StopAfterThree(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                self.model.stop_training = True

    ours, plain = both(keras, build, data, lambda: [StopAfterThree()])
    assert ours.history.epoch == [0, 1, 2]
    assert_alike(ours, plain)


def test_being_stopped_by_a_callback_is_no_news(keras, build, data, capsys):
    """The sentence about Stop is for the student's own button."""
    stop = keras.callbacks.EarlyStopping(monitor="loss", min_delta=100.0, patience=0)
    model = tc.fine_tune(build(), data, callbacks=[stop], **FEW)
    assert len(model.history.epoch) < FEW["epochs"]
    assert capsys.readouterr().out == ""


def test_a_callback_can_set_the_learning_rate(keras, build, data):
    class OwnSchedule(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.learning_rate = 1e-2 / (1 + epoch)

    assert_alike(*both(keras, build, data, lambda: [OwnSchedule()]))


def test_a_callback_can_change_the_weights(keras, build, data):
    class ShrinkTheHead(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            kernel = self.model.layers[-1].kernel
            kernel.assign(0.5 * kernel)

    assert_alike(*both(keras, build, data, lambda: [ShrinkTheHead()]))


def test_what_a_callback_adds_to_the_logs_is_in_the_history(keras, build, data):
    class AddNorm(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["norm"] = float(np.linalg.norm(self.model.layers[-1].kernel))

    ours, plain = both(keras, build, data, lambda: [AddNorm()])
    assert "norm" in ours.history.history
    assert_alike(ours, plain)


def test_a_callback_can_predict_and_evaluate_on_the_way(keras, build, data, validation):
    class Evaluate(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            images, labels = validation.images, validation.labels
            logs["mine"] = self.model.evaluate(images, labels, verbose=0)[0]

    ours, plain = both(keras, build, data, lambda: [Evaluate()], validation_data=validation)
    assert_alike(ours, plain)
    history = ours.history.history
    np.testing.assert_allclose(history["mine"], history["val_loss"], rtol=1e-4)


def test_lambda_callback_with_epoch_hooks(keras, build, data):
    told = []
    hook = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: told.append(epoch))
    tc.fine_tune(build(), data, callbacks=[hook], verbose=0, **FEW)
    assert told == list(range(FEW["epochs"]))


def test_callbacks_do_not_change_what_is_trained(keras, build, data):
    """Each epoch by itself, or all in one go."""
    settings = FEW | {"freeze": FREEZE, "verbose": 0}
    one = tc.fine_tune(build(), data, **settings)
    other = tc.fine_tune(build(), data, callbacks=[recorder(keras)], **settings)
    assert_close(one.get_weights(), other.get_weights(), atol=1e-6)
    assert_same_history(one, other)


def test_the_result_trains_on_in_plain_keras(keras, build, data):
    """With the moments of Adam where they were: its optimizer is part of the result."""
    ours = tc.fine_tune(build(), data, freeze=FREEZE, verbose=0, **FEW)
    assert ours.optimizer.built
    ours.fit(data.images, data.labels, epochs=1, verbose=0)
    assert np.isfinite(ours.history.history["loss"]).all()


# What is refused, in one sentence, before anything is trained


def callback_with(keras, hook):
    def told(self, batch, logs=None):
        raise AssertionError("nobody calls this")

    return type("Mine", (keras.callbacks.Callback,), {hook: told})()


BATCH_HOOKS = ["on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"]


def refused(keras):
    return {
        **{hook: callback_with(keras, hook) for hook in BATCH_HOOKS},
        "checkpoint every 10 batches": keras.callbacks.ModelCheckpoint(
            "never.weights.h5", save_freq=10, save_weights_only=True
        ),
        "terminate on nan": keras.callbacks.TerminateOnNaN(),
        "lambda": keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None),
        "no callback": "EarlyStopping",
        "a class": keras.callbacks.TerminateOnNaN,
    }


NAMES = [*BATCH_HOOKS, "checkpoint every 10 batches", "terminate on nan", "lambda"]


def assert_one_sentence(error):
    message = str(error.value)
    assert "\n" not in message and 20 < len(message) < 400, message
    assert "Traceback" not in message and "tf." not in message


@pytest.mark.parametrize("name", [*NAMES, "no callback", "a class"])
def test_callbacks_that_are_refused(keras, build, data, name):
    seen = recorder(keras)
    with pytest.raises((TypeError, ValueError)) as error:
        tc.fine_tune(build(), data, callbacks=[seen, refused(keras)[name]], verbose=0, **FEW)
    assert_one_sentence(error)
    if name in NAMES:
        assert "batch" in str(error.value)
    assert seen.events == []


def set_all_free(model):
    model.get_layer("backbone").layers[1].trainable = True


def freeze_a_weight(model):
    model.get_layer("backbone").layers[-2].kernel.trainable = False


def compile_again(model):
    model.compile("sgd", "sparse_categorical_crossentropy")


@pytest.mark.parametrize("change", [set_all_free, freeze_a_weight, compile_again])
@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_begin", "on_epoch_end"])
def test_a_callback_that_changes_what_is_compiled_is_refused(keras, build, data, hook, change):
    """Such as gradual unfreezing, as it is done in plain Keras."""

    def told(self, *_, **__):
        change(self.model)

    callback = type("Mine", (keras.callbacks.Callback,), {hook: told})()
    with pytest.raises(ValueError, match="train twice") as error:
        tc.fine_tune(build(), data, freeze=FREEZE, callbacks=[callback], verbose=0, **FEW)
    assert_one_sentence(error)


@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_end"])
def test_a_callback_that_changes_a_frozen_weight_is_refused(keras, build, data, hook):
    def told(self, *_, **__):
        kernel = self.model.get_layer("backbone").layers[1].kernel
        kernel.assign(0.5 * kernel)

    callback = type("Mine", (keras.callbacks.Callback,), {hook: told})()
    with pytest.raises(ValueError, match="frozen layers") as error:
        tc.fine_tune(build(), data, freeze=FREEZE, callbacks=[callback], verbose=0, **FEW)
    assert_one_sentence(error)


@pytest.mark.parametrize("kind", ["arrays", "images", "size", "classes", "channels"])
def test_validation_data_that_is_refused(keras, build, data, validation, kind):
    images, labels, names = validation.images, validation.labels, validation.class_names
    wrong = {
        "arrays": (images, labels),
        "images": images,
        "size": tc.Dataset(np.repeat(images, 2, axis=1), labels, names),
        "channels": tc.Dataset(np.repeat(images, 3, axis=3), labels, names),
        "classes": tc.Dataset(images, labels, (*names, "d")),
    }[kind]
    seen = recorder(keras)
    with pytest.raises((TypeError, ValueError)) as error:
        tc.fine_tune(build(), data, validation_data=wrong, callbacks=[seen], verbose=0, **FEW)
    assert_one_sentence(error)
    assert "validation" in str(error.value)
    assert seen.events == []


@pytest.mark.parametrize("frequency", [0, -1, 1.5, "two", None, [0], ["a"]], ids=str)
def test_validation_freq_that_is_refused(build, data, validation, frequency):
    with pytest.raises((TypeError, ValueError), match="validation_freq") as error:
        tc.fine_tune(
            build(), data, validation_data=validation, validation_freq=frequency, verbose=0, **FEW
        )
    assert_one_sentence(error)


def test_a_callback_without_epochs_does_not_cut_the_run(keras, build, data, monkeypatch):
    """It can see nothing between two epochs, so they may run in one call."""
    sizes = []
    train = CompiledNetwork.train

    def noted(network, prepared, orders, batch_size):
        sizes.append(len(orders))
        return train(network, prepared, orders, batch_size)

    monkeypatch.setattr(CompiledNetwork, "train", noted)

    class AtTheStart(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.model.get_layer("head").bias.assign([1.0, 2.0, 3.0])

    class EachEpoch(AtTheStart):
        def on_epoch_begin(self, epoch, logs=None):
            pass

    runs, calls = [], []
    for callback in (AtTheStart(), EachEpoch()):
        sizes.clear()
        runs.append(tc.fine_tune(build(), data, **FEW | {"epochs": 60}, callbacks=[callback]))
        calls.append(list(sizes))
    assert max(calls[0]) > 1 == max(calls[1]) and sum(calls[0]) == sum(calls[1]) == 60
    assert_close(*(run.get_weights() for run in runs))
