"""The baseline without transfer: the same architecture, trained on the few examples alone."""

from transfer_course.algorithms._arguments import check_arguments
from transfer_course.datasets.dataset import Dataset
from transfer_course.networks.classifier import classifier
from transfer_course.networks.cloning import fresh_copy
from transfer_course.training.loop import fit


def from_scratch(
    backbone,
    train: Dataset,
    *,
    epochs: int = 60,
    learning_rate: float = 1e-3,
    batch_size: int = 32,
    seed: int = 0,
    verbose: int | str = "auto",
):
    """Train the backbone's architecture from fresh weights: what transfer has to beat.

    Parameters
    ----------
    backbone
        A `keras.Model` from pixels 0-255 to a feature vector. Only its architecture is used.
    train
        The examples: images uint8 (n, h, w, c), labels int (n,).
    epochs, learning_rate, batch_size
        Passes over the examples, the step of Adam (Keras's default) and examples per step. The
        defaults bring `small_cnn` to 100 % on a handful of digits.
    seed
        Draws the weights and the order of the examples. Same seed, same weights, on one machine.
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
    >>> train, test = tc.few_shot(tc.datasets.digits(), shots=5, seed=0)
    >>> model = tc.from_scratch(tc.backbones.small_cnn(), train)
    >>> loss, accuracy = model.evaluate(test.images, test.labels, verbose=0)
    >>> accuracy > 0.6
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
    model = classifier(fresh_copy(backbone, seed), train, steering["seed"])
    return fit(model, train, **steering, verbose=verbose)
