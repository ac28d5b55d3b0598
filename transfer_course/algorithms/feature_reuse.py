"""Feature reuse: leave the backbone as it is and train a new head on what it sees."""

from transfer_course.algorithms._arguments import check_arguments
from transfer_course.datasets.dataset import Dataset
from transfer_course.networks.classifier import classifier
from transfer_course.networks.cloning import copy_of
from transfer_course.training.loop import fit


def feature_reuse(
    backbone,
    train: Dataset,
    *,
    epochs: int = 100,
    learning_rate: float = 1e-2,
    batch_size: int = 32,
    seed: int = 0,
    cache: bool = True,
    verbose: int | str = "auto",
):
    """Freeze the whole backbone and train a new head on its features.

    With the source network's features h_t = f_s(X_t), only the head is learned: a logistic
    regression on h_t (section 3.1 of the article; Donahue et al. 2014, "DeCAF").

    Parameters
    ----------
    backbone
        A pretrained `keras.Model` from pixels 0-255 to a feature vector. It is copied, not changed.
    train
        The examples: images uint8 (n, h, w, c), labels int (n,).
    epochs, learning_rate, batch_size
        Passes over the examples, the step of Adam and examples per step. The step is ten times
        Keras's default: a single layer takes it, and is there in 100 epochs.
    seed
        Draws the head and the order of the examples. Same seed, same weights, on one machine.
    cache
        Run the backbone once per picture and keep the features. False runs it again in every epoch,
        as plain Keras does: the same model, to float rounding, many times slower.
    verbose
        1 shows a progress bar, 0 none. "auto" shows it where somebody watches and it takes over
        two seconds.

    Returns
    -------
    keras.Sequential
        Compiled and trained; layers ``backbone`` and ``head``, probabilities (n, classes) out, the
        loss and accuracy of each epoch in ``history``.

    Raises
    ------
    TypeError, ValueError
        The examples do not fit the backbone, or a setting makes no sense.
    FloatingPointError
        Training has diverged: the loss or a weight is no finite number any more.

    Example
    -------
    >>> import transfer_course as tc
    >>> backbone = tc.backbones.efficientnet_lite0(image_size=64)
    >>> train, test = tc.few_shot(tc.datasets.emoji(image_size=64), shots=5)
    >>> model = tc.feature_reuse(backbone, train)
    >>> [weight.path for weight in model.trainable_weights]
    ['classifier/head/kernel', 'classifier/head/bias']
    """
    steering = check_arguments(
        backbone,
        train,
        epochs=epochs,
        learning_rate=learning_rate,
        batch_size=batch_size,
        seed=seed,
    )
    model = classifier(copy_of(backbone), train, steering["seed"])
    model.get_layer("backbone").trainable = False
    return fit(model, train, **steering, cache=cache, verbose=verbose)
