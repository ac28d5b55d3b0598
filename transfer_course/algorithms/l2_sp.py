"""Parameter transfer by L2-SP: fine-tuning on a leash, held to the weights it started from."""

from transfer_course._backend import keras
from transfer_course._validation import check_number
from transfer_course.algorithms._arguments import check_arguments
from transfer_course.datasets.dataset import Dataset
from transfer_course.networks.classifier import classifier
from transfer_course.networks.cloning import copy_of
from transfer_course.networks.freezing import freeze_up_to
from transfer_course.training.loop import fit


class L2SP(keras.regularizers.Regularizer):
    """The penalty strength/2 · ‖w − start‖² on one kernel.

    A regularizer that is set on a variable counts from the next step on; one that is set on a layer
    already built (``layer.kernel_regularizer = ...``) is silently ignored.
    """

    def __init__(self, strength: keras.Variable, start):
        self.strength = strength  # a variable, so that it can be moved without compiling again
        self.start = keras.Variable(start, trainable=False)

    def __call__(self, kernel):
        return self.strength / 2 * keras.ops.sum(keras.ops.square(kernel - self.start))


def l2_sp(
    backbone,
    train: Dataset,
    *,
    alpha: float | keras.Variable = 0.1,
    beta: float | keras.Variable = 0.01,
    freeze: int | str = 0,
    epochs: int = 60,
    learning_rate: float = 3e-4,
    batch_size: int = 32,
    seed: int = 0,
    cache: bool = True,
    verbose: int | str = "auto",
):
    """Fine-tune with a penalty on the distance from the source's weights.

    Adds α/2 · Σ‖w − w⁰‖² over the kernels of the backbone that train (biases and normalisation go
    free) and β/2 · ‖w‖² on the head's kernel, which has no source to stay near (Li, Grandvalet &
    Davoine 2018, "Explicit Inductive Bias for Transfer Learning with Convolutional Networks",
    ICML). The article's λ‖θ_t − θ_s‖² is α = 2λ, β = 0. With α = β = 0 this is
    `fine_tune`.

    Parameters
    ----------
    backbone
        A pretrained `keras.Model` from pixels 0-255 to a feature vector. It is copied, not changed.
    train
        The examples: images uint8 (n, h, w, c), labels int (n,).
    alpha, beta
        How hard the backbone is held to its source, and the head to zero; 0 or more. The defaults
        pull mildly; what is best differs from task to task. Hand in a `keras.Variable` to move it
        later: what it holds counts at the next step, with nothing compiled again.
    freeze
        How many layers stay as they are, counted from the input (``backbone.layers[:freeze]``), or
        the name of the last of them: see `transfer_course.freeze_points`. 0 trains all.
    epochs, learning_rate, batch_size
        Passes over the examples, the step of Adam and examples per step, as in `fine_tune`.
    seed
        Draws the head and the order of the examples. Same seed, same weights, on one machine.
    cache
        Run the frozen layers once per picture and keep what leaves them. False runs them again in
        every epoch, as plain Keras does: the same model, to float rounding, but slower.
    verbose
        1 shows a progress bar, 0 none. "auto" shows it where somebody watches and it takes over
        two seconds.

    Returns
    -------
    keras.Sequential
        Compiled and trained; layers ``backbone`` and ``head``, probabilities (n, classes) out. The
        loss in ``history``, and of ``evaluate``, has the penalty in it.

    Raises
    ------
    TypeError, ValueError
        The examples do not fit the backbone, there is no such layer, a negative α or β, or another
        setting that makes no sense.
    FloatingPointError
        Training has diverged: the loss or a weight is no finite number any more.

    Example
    -------
    >>> import numpy as np
    >>> import transfer_course as tc
    >>> train, test = tc.few_shot(tc.datasets.digits(), shots=5, seed=0)
    >>> backbone = tc.backbones.small_cnn()
    >>> start = backbone.get_layer("conv1").kernel.numpy()
    >>> def drift(model):
    ...     return np.linalg.norm(model.get_layer("backbone").get_layer("conv1").kernel - start)
    >>> bool(drift(tc.l2_sp(backbone, train, alpha=1.0)) < drift(tc.fine_tune(backbone, train)))
    True
    """
    steering = check_arguments(
        backbone,
        train,
        epochs=epochs,
        learning_rate=learning_rate,
        batch_size=batch_size,
        seed=seed,
    )
    alpha, beta = _variable("alpha", alpha), _variable("beta", beta)
    model = classifier(copy_of(backbone), train, steering["seed"])
    freeze_up_to(model.get_layer("backbone"), freeze)
    for weight in model.get_layer("backbone").trainable_weights:
        if "kernel" in weight.name:
            weight.regularizer = L2SP(alpha, start=weight)
    head = model.get_layer("head").kernel
    head.regularizer = L2SP(beta, start=keras.ops.zeros_like(head))
    return fit(model, train, **steering, cache=cache, verbose=verbose)


def _variable(name: str, value) -> keras.Variable:
    if isinstance(value, keras.Variable):
        check_number(name, value.numpy()[()])  # a number, if the variable holds one
        return value
    return keras.Variable(check_number(name, value), dtype="float32", trainable=False)
