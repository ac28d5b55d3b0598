"""Parameter transfer by L2-SP: fine-tuning with a penalty on the distance from the source."""

from typing import Unpack

from transfer_course._backend import keras
from transfer_course._validation import check_number
from transfer_course.algorithms._arguments import (
    Options,
    check_arguments,
    check_head_learning_rate,
)
from transfer_course.datasets.dataset import Dataset
from transfer_course.networks.classifier import classifier
from transfer_course.networks.cloning import clone
from transfer_course.networks.freezing import freeze_up_to, unfreeze_if_all_is_frozen
from transfer_course.networks.layers import kernels
from transfer_course.training.fit import fit


class L2SP(keras.regularizers.Regularizer):
    """The penalty strength/2 · ‖w − start‖² on one kernel, beside the one that it has already.

    ``own``, the regularizer of the kernel or None, counts as before. A copy of the network gets
    that alone: see `transfer_course.networks.cloning`.

    A regularizer that is set on a variable counts from the next step on; one that is set on a layer
    already built (``layer.kernel_regularizer = ...``) is silently ignored.
    """

    def __init__(self, strength: keras.Variable, start, own=None):
        self.own = own
        self.strength = strength  # a variable, so that it can be moved without compiling again
        self.start = keras.Variable(start, trainable=False)

    def __call__(self, kernel):
        penalty = self.strength / 2 * keras.ops.sum(keras.ops.square(kernel - self.start))
        return penalty + self.own(kernel) if self.own else penalty


def l2_sp(
    backbone,
    train: Dataset,
    *,
    alpha: float | keras.Variable = 1.0,
    beta: float | keras.Variable = 0.01,
    freeze: int | str = 0,
    epochs: int = 60,
    learning_rate: float = 3e-4,
    head_learning_rate: float | None = None,
    **options: Unpack[Options],
):
    """Fine-tune with a penalty on the distance from the source's weights.

    Adds α/2 · Σ‖w − w⁰‖² over the kernels of the backbone that train (biases, embeddings and
    normalization go free) and β/2 · ‖w‖² on the head's kernel, which has no source to stay near
    (Li, Grandvalet & Davoine 2018, "Explicit Inductive Bias for Transfer Learning with
    Convolutional Networks", ICML). The article's λ‖θ_t − θ_s‖² is α = 2λ, β = 0. With α = β = 0
    this is `fine_tune`. Regularizers that the backbone has go on counting beside it.

    Parameters
    ----------
    backbone : keras.Model
        As for `fine_tune`.
    train : Dataset
        The examples.
    alpha, beta : float or keras.Variable
        How hard the backbone is held to its source, and the head to zero; 0 or more. With the
        defaults, which were chosen on draws that no result is measured on, one picture of each
        digit is worth a point more than to `fine_tune`. What is best differs from task to task, and
        falls as examples grow. Hand in a `keras.Variable` to move it later: what it holds counts at
        the next step, with nothing compiled again.
    freeze, epochs, learning_rate, head_learning_rate
        As for `fine_tune`.
    **options
        batch_size, seed, cache, verbose, validation_data, validation_freq, callbacks: see
        `transfer_course.algorithms`, also for what is returned and raised. The losses, also that of
        ``evaluate``, have the penalty in them.

    Raises
    ------
    ValueError
        Also if ``alpha`` is above 0 and of the backbone only weights train that are no kernels.

    Notes
    -----
    Adam divides a gradient by its usual size, and that of the penalty too. So held hard, a weight
    does not settle at its source but swings about it, by up to the learning rate: at 0.0003 that
    costs little, at 0.003 it costs accuracy. Decoupled from the gradient, as weight decay is in
    AdamW, or as a bound on the distance (Gouk, Hospedales & Pontil 2021, "Distance-Based
    Regularisation of Deep Networks for Fine-Tuning", ICLR), the pull would not swing, but this is
    the paper's.

    The penalty belongs to the variables of the model that is returned, and is not part of its
    configuration: a copy by Keras, or a model saved and loaded again, has the same weights and no
    penalty.

    In a layer of your own a kernel is each weight with two or more axes, unless "bias",
    "embedding", "position", "alpha", "beta" or "gamma" is in its name.

    Examples
    --------
    >>> import transfer_course as tc
    >>> train, test = tc.few_shot(tc.datasets.digits(), shots=5, seed=0)
    >>> backbone = tc.backbones.small_cnn()
    >>> def drift(model):
    ...     return tc.drift_by_layer(model, backbone)["conv2"]
    >>> drift(tc.l2_sp(backbone, train)) < drift(tc.fine_tune(backbone, train))
    True
    """
    settings = check_arguments(
        backbone, train, epochs=epochs, learning_rate=learning_rate, **options
    )
    head_learning_rate = check_head_learning_rate(head_learning_rate)
    alpha, beta = _variable("alpha", alpha), _variable("beta", beta)
    model = classifier(clone(backbone), train)
    copy = model.get_layer("backbone")
    unfreeze_if_all_is_frozen(copy, settings["verbose"])
    freeze_up_to(copy, freeze)
    ids = {id(weight) for weight in kernels(copy)}
    held = [weight for weight in copy.trainable_weights if id(weight) in ids]
    if copy.trainable_weights and not held and float(alpha) > 0:
        raise ValueError(
            f"alpha={float(alpha):g} holds nothing, since no kernel of the backbone trains, only "
            f"biases, embeddings or normalization: use tc.fine_tune, or freeze fewer layers"
        )
    for weight in held:
        weight.regularizer = L2SP(alpha, start=weight, own=weight.regularizer)
    head = model.get_layer("head").kernel
    head.regularizer = L2SP(beta, start=keras.ops.zeros_like(head))
    return fit(model, train, head_learning_rate=head_learning_rate, **settings)


def _variable(name: str, value) -> keras.Variable:
    if isinstance(value, keras.Variable):
        check_number(name, value.numpy()[()])  # a number, if the variable holds one
        return value
    return keras.Variable(check_number(name, value), dtype="float32", trainable=False)
