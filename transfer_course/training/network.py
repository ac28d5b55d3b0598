"""A classifier compiled for training: its frozen part runs once per image, the rest in epochs.

Between Python and TensorFlow a step of a small network costs more on the way than in the
computation. So many epochs run in one call, and what was compiled serves the next network of the
same architecture as well.
"""

import copy
from contextlib import contextmanager
from functools import cached_property
from threading import Lock
from typing import NamedTuple

import numpy as np

from transfer_course._backend import keras, tf, usual_settings
from transfer_course.networks.cloning import preprocessing
from transfer_course.networks.graph import cut_before_training, unroll
from transfer_course.networks.internals import own_random_numbers, sublayers
from transfer_course.networks.layers import code_of
from transfer_course.training import feature_cache
from transfer_course.training.adam import AdamWithHeadRate

COMPILE = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
"""What every classifier is compiled with, beside its optimizer."""

_Regularizer = keras.regularizers.Regularizer
_EVALUATION_BATCH = 100  # images; it changes nothing but the memory that is needed


class Prepared(NamedTuple):
    """A data set as a compiled network takes it."""

    inputs: list  # features, or the images themselves
    labels: object  # int64 (n,)
    cached: bool  # whether they are features

    def at_most(self, images: int) -> "Prepared":
        """Return so many of the images, evenly spaced, or all if there are no more."""
        few = slice(None, None, -(-len(self.labels) // images))
        return Prepared([rows[few] for rows in self.inputs], self.labels[few], self.cached)


class CompiledNetwork:
    """A copy of a classifier, cut in two before the first layer that trains, and compiled.

    The part before the cut, ``frozen``, runs in inference mode and once per image; the part behind
    it, ``trainable``, trains. It takes the weights of any model with the same `signature`.

    Parameters
    ----------
    model : keras.Sequential
        A compiled classifier. It is copied, not changed.

    Raises
    ------
    TypeError, ValueError
        The model cannot be copied or cut: see `unroll`.
    """

    @usual_settings()
    def __init__(self, model):
        self._unseeded = keras.random.SeedGenerator(0)  # for layers that draw without a seed
        with own_random_numbers(generator=self._unseeded):
            graph = unroll(model)
            self.frozen, self.trainable = cut_before_training(graph)
        mine = {}
        for step in graph.steps:
            if isinstance(step.original, keras.Layer):
                pairs = zip(step.original.variables, step.copy.variables, strict=True)
                mine |= {id(old): new for old, new in pairs}
        self._variables = [mine[id(variable)] for variable in model.variables]
        self._trainable_weights = [mine[id(weight)] for weight in model.trainable_weights]
        # A layer made of others often says nothing about them in its configuration: if some of them
        # are frozen, Keras loads it with all of them trainable, and expects an optimizer to match.
        in_file = {id(weight) for step in graph.steps for weight in step.trainable}
        in_file |= {id(weight) for weight in self._trainable_weights}
        self._optimized = [i for i, it in enumerate(self._variables) if id(it) in in_file]
        behind_cut = {id(variable) for variable in self.trainable.variables}
        self._moving = [i for i, it in enumerate(self._variables) if id(it) in behind_cut]
        self._still = [i for i, it in enumerate(self._variables) if id(it) not in behind_cut]
        self._fingerprint = None  # of the weights in the frozen part
        for old, new in zip(model.trainable_weights, self._trainable_weights, strict=True):
            new.regularizer = copy.deepcopy(old.regularizer)
        self._features_tensor = graph.steps[-1].inputs[0]
        head = [mine[id(weight)] for weight in model.get_layer("head").trainable_weights]
        self._adam = AdamWithHeadRate(head)
        # XLA, which jit_compile would call in, is several times slower for convolutions on a CPU.
        self.trainable.compile(optimizer=self._adam, **COMPILE, jit_compile=False)
        self.build_optimizer(self.trainable.optimizer, self._variables)
        # Metrics are made when first needed. If the loop is being traced then, TensorFlow traces it
        # once more.
        guess = tf.zeros((1, *self.trainable.output_shape[1:]))
        self.trainable.compute_metrics(None, tf.zeros((1,), tf.int64), guess)
        # If nothing was learned by it, what leaves it is quickly made, but takes more memory than
        # the images: there is nothing to be gained by keeping it.
        self.has_features = len(self.frozen.weights) > sum(
            len(layer.weights) for layer in preprocessing(self.frozen)
        )
        self._at_cut = [tf.TensorSpec(it.shape, it.dtype) for it in self.frozen.outputs]
        self._images = [tf.TensorSpec(self.frozen.inputs[0].shape, tf.uint8)]

    # Weights in and out

    def build_optimizer(self, optimizer, variables: list) -> None:
        """Build an optimizer for a model with these variables, such that Keras can save both."""
        optimizer.build([variables[i] for i in self._optimized])

    def load(self, model) -> None:
        """Take over the weights of a model, the states of its random layers, and regularizers."""
        variables = model.variables
        fingerprint = self._fingerprint_of(model)
        if fingerprint != self._fingerprint:  # else it has served the same backbone before
            self._copy(self._still, variables, self._variables)
            self._fingerprint = fingerprint
        self._copy(self._moving, variables, self._variables)
        for mine, variable in self._regularizer_variables(model):
            mine.assign(variable)

    def has_frozen_part_of(self, model) -> bool:
        """Return whether the frozen layers of a model are still as they were loaded."""
        return self._fingerprint_of(model) == self._fingerprint

    def _fingerprint_of(self, model):
        variables = model.variables
        frozen = [variables[i] for i in self._still]
        return feature_cache.fingerprint(self._frozen_computation, frozen)

    def load_training_state(self, model) -> None:
        """Take over what training changes: weights behind the cut, and the optimizer."""
        self._copy(self._moving, model.variables, self._variables)
        optimizers = self.trainable.optimizer.variables, model.optimizer.variables
        for mine, variable in zip(*optimizers, strict=True):
            mine.assign(variable)

    def load_penalties(self, model) -> None:
        """Take over the numbers in variables of regularizers, such as the α of L2-SP."""
        for mine, value in self._regularizer_variables(model):
            if value.shape == ():
                mine.assign(value)

    def copy_to(self, model) -> None:
        """Give a model what training has changed: weights behind the cut, and the optimizer."""
        self._copy(self._moving, self._variables, model.variables)
        optimizers = self.trainable.optimizer.variables, model.optimizer.variables
        for mine, variable in zip(*optimizers, strict=True):
            variable.assign(mine)

    @staticmethod
    def _copy(places: list[int], source: list, target: list) -> None:
        for i in places:
            target[i].assign(source[i].value)

    def _regularizer_variables(self, model):
        for mine, weight in zip(self._trainable_weights, model.trainable_weights, strict=True):
            pairs = zip(_parts(mine.regularizer), _parts(weight.regularizer), strict=True)
            for my_part, part in pairs:
                for name, value in vars(part).items():
                    if isinstance(value, keras.Variable):
                        yield getattr(my_part, name), value

    def seed_unseeded(self, seed: int) -> None:
        """Have layers that draw from no generator of their own start from the seed."""
        self._unseeded.state.assign([seed, 0])

    def set_head_factor(self, factor: float) -> None:
        """Have the head learn at the rate of all others times a factor."""
        self._adam.set_head_factor(factor)

    def is_finite(self) -> bool:
        """Return whether every weight that trains is a finite number."""
        return are_finite(self._trainable_weights)

    # Data in, results out

    def prepare(self, data, cache: bool = True, verbose: int | str = "auto") -> Prepared:
        """Make a data set ready for training or evaluation.

        Parameters
        ----------
        data : Dataset
            Images uint8 (n, h, w, c) and their labels.
        cache : bool
            Whether the frozen part, if it has learned weights, is to run now and what leaves it is
            to be kept. Otherwise it runs whenever an image is needed.
        verbose : int or "auto"
            As for `progress`.
        """
        cache = cache and self.has_features
        inputs = self._features(data.images, verbose) if cache else [tf.constant(data.images)]
        return Prepared(inputs, tf.constant(data.labels), cache)

    def train(self, data: Prepared, orders: np.ndarray, batch_size: int) -> list[dict]:
        """Train for one epoch per row of ``orders``, int32 (epochs, n): positions of the images.

        Returns the loss and the accuracy of each epoch.
        """
        run = self._train_cached if data.cached else self._train_uncached
        logs = run(data.inputs, data.labels, tf.constant(orders), tf.constant(batch_size))
        columns = [logs[name].numpy().tolist() for name in ("loss", "accuracy")]
        return [{"loss": loss, "accuracy": share} for loss, share in zip(*columns, strict=True)]

    def evaluate(self, data: Prepared) -> dict:
        """Return the loss and the accuracy on a data set."""
        run = self._evaluate_cached if data.cached else self._evaluate_uncached
        return {name: float(value) for name, value in run(data.inputs, data.labels).items()}

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Return the probabilities float32 (n, classes) for images, uint8 (n, h, w, c)."""
        if self.has_features:
            return self._predict(self._features(images, verbose=0)).numpy()
        return self._predict(self._run_frozen(tf.constant(images))).numpy()

    def head_inputs(self, data: Prepared) -> np.ndarray:
        """Return what the head gets in inference, (n, d)."""
        inputs = data.inputs if data.cached else self._run_frozen(*data.inputs)
        return self._head_inputs(inputs).numpy()

    def feature_bytes(self, images: int) -> int:
        """Return how many bytes the features of so many images take, if they are kept."""
        return images * feature_cache.row_bytes(self._at_cut) if self.has_features else 0

    def _features(self, images: np.ndarray, verbose) -> list:
        def run(batch):  # compiled only if something is missing
            return self._run_frozen(batch)

        rows = feature_cache.frozen_features(run, self._fingerprint, images, verbose)
        return [tf.constant(it) for it in rows]

    # Compiled when first needed. Concrete functions, since TensorFlow warns of tf.functions that it
    # sees compiled again and again: here each is for another network.

    @cached_property
    def _frozen_computation(self):
        return feature_cache.computation(self.frozen)

    @cached_property
    def _run_frozen(self):
        def run_frozen(images):
            return keras.tree.flatten(self.frozen(images, training=False))

        return self._compiled(run_frozen, self._images)

    @cached_property
    def _predict(self):
        def predict(inputs):
            return self.trainable(inputs, training=False)

        return self._compiled(predict, [self._at_cut])

    @cached_property
    def _head_inputs(self):
        if self._features_tensor is self.frozen.outputs[0]:  # they are what crosses the cut

            def head_inputs(inputs):
                return inputs[0]

        else:
            network = keras.Model(self.frozen.outputs, self._features_tensor)

            def head_inputs(inputs):
                return network(inputs, training=False)

        return self._compiled(head_inputs, [self._at_cut])

    @cached_property
    def _train_cached(self):
        return self._compiled_epochs(self._at_cut, before=lambda inputs: inputs)

    @cached_property
    def _train_uncached(self):
        return self._compiled_epochs(self._images, before=lambda inputs: self._run_frozen(*inputs))

    @cached_property
    def _evaluate_cached(self):
        return self._compiled_evaluation(self._at_cut, before=lambda inputs: inputs)

    @cached_property
    def _evaluate_uncached(self):
        return self._compiled_evaluation(
            self._images, before=lambda inputs: self._run_frozen(*inputs)
        )

    def _compiled_epochs(self, inputs: list, before):
        network = self.trainable
        train_step = tf.autograph.experimental.do_not_convert(network.train_step)
        labels, orders = tf.TensorSpec((None,), tf.int64), tf.TensorSpec((None, None), tf.int32)

        def run_epochs(inputs, labels, orders, batch_size):
            epochs, count = tf.unstack(tf.shape(orders))
            losses = tf.TensorArray(tf.float32, epochs)
            accuracies = tf.TensorArray(tf.float32, epochs)
            for epoch in tf.range(epochs):
                network.reset_metrics()
                for start in tf.range(0, count, batch_size):
                    batch = orders[epoch, start : start + batch_size]
                    x = before([tf.gather(rows, batch) for rows in inputs])
                    train_step((x, tf.gather(labels, batch)))
                logs = network.get_metrics_result()
                losses = losses.write(epoch, tf.cast(logs["loss"], tf.float32))
                accuracies = accuracies.write(epoch, tf.cast(logs["accuracy"], tf.float32))
            return {"loss": losses.stack(), "accuracy": accuracies.stack()}

        signature = [inputs, labels, orders, tf.TensorSpec((), tf.int32)]
        return self._compiled(run_epochs, signature, autograph=True)

    def _compiled_evaluation(self, inputs: list, before):
        network = self.trainable
        test_step = tf.autograph.experimental.do_not_convert(network.test_step)

        def run_evaluation(inputs, labels):
            network.reset_metrics()
            for start in tf.range(0, tf.size(labels), _EVALUATION_BATCH):
                batch = slice(start, start + _EVALUATION_BATCH)
                test_step((before([rows[batch] for rows in inputs]), labels[batch]))
            return network.get_metrics_result()

        signature = [inputs, tf.TensorSpec((None,), tf.int64)]
        return self._compiled(run_evaluation, signature, autograph=True)

    def _compiled(self, function, signature: list, autograph: bool = False):
        compiled = tf.function(
            function, input_signature=signature, autograph=autograph, jit_compile=False
        )
        with own_random_numbers(generator=self._unseeded):
            return compiled.get_concrete_function()


# Networks that nobody is using, with their signatures, the least recently used first. So many that
# a sweep over the freeze points of a large backbone (EfficientNet-Lite0 has 18) compiles each once.
_idle: list[tuple[tuple, CompiledNetwork]] = []
_idle_lock = Lock()
_MOST_IDLE = 20


@contextmanager
def compiled(model):
    """Yield a compiled network that holds the model's weights. One serves one thread at a time.

    Parameters
    ----------
    model : keras.Sequential
        A compiled classifier with the layers ``backbone`` and ``head``.
    """
    key = signature(model)
    with _idle_lock:
        fitting = [i for i, (other, _) in enumerate(_idle) if other == key]
        network = _idle.pop(fitting[-1])[1] if fitting else None
    network = network or CompiledNetwork(model)
    network.load(model)
    try:
        yield network
    finally:
        with _idle_lock:
            _idle.append((key, network))
            del _idle[:-_MOST_IDLE]


def forget_networks() -> None:
    """Drop all idle networks."""
    with _idle_lock:
        _idle.clear()


def signature(model) -> tuple:
    """Return everything that a compiled network depends on, but for the values of variables."""
    backbone, head = model.get_layer("backbone"), model.get_layer("head")
    return (
        feature_cache.computation(backbone),
        # Compiled in as constants, since they are preprocessing.
        tuple(w.tobytes() for layer in preprocessing(backbone) for w in layer.get_weights()),
        tuple(layer.trainable for layer in sublayers(model)),
        tuple(weight.trainable for weight in model.weights),
        tuple(_describe(weight.regularizer) for weight in model.trainable_weights),
        _configuration_of_head(head),
        code_of(head),
        keras.config.dtype_policy().name,
    )


def _parts(regularizer) -> list:
    """Return a regularizer and those inside it, which count beside it; an empty list for None."""
    if regularizer is None:
        return []
    inside = [it for it in vars(regularizer).values() if isinstance(it, _Regularizer)]
    return [regularizer, *(part for it in inside for part in _parts(it))]


def _describe(regularizer) -> tuple:
    """Return what a regularizer computes, but for the values of its variables."""
    found = []
    for part in _parts(regularizer):
        settings = {
            name: np.asarray(value).tobytes() if hasattr(value, "__array__") else value
            for name, value in vars(part).items()
            if not isinstance(value, keras.Variable | _Regularizer)
        }
        # Two functions are the same if they are one object; what Keras makes, if it is set alike.
        found.append((type(part) if isinstance(part, _Regularizer) else part, repr(settings)))
    return tuple(found)


def _configuration_of_head(head) -> str:
    """Return what a head computes, but for how it started: so all algorithms share a network."""
    config = head.get_config().items()
    return repr({name: value for name, value in config if not name.endswith("_initializer")})


def are_finite(weights: list) -> bool:
    """Return whether all numbers in some weights are finite."""
    return all(np.isfinite(np.asarray(weight)).all() for weight in weights)
