"""Fine-tuning: start at the backbone's weights and train on."""

from transfer_course.algorithms._arguments import check_arguments
from transfer_course.datasets.dataset import Dataset
from transfer_course.networks.classifier import classifier
from transfer_course.networks.cloning import copy_of
from transfer_course.networks.freezing import freeze_up_to
from transfer_course.training.loop import fit


def fine_tune(
    backbone,
    train: Dataset,
    *,
    freeze: int | str = 0,
    epochs: int = 60,
    learning_rate: float = 3e-4,
    batch_size: int = 32,
    seed: int = 0,
    cache: bool = True,
    verbose: int | str = "auto",
):
    """Train a new head and the layers behind the frozen ones, from the backbone's weights on.

    Minimises the loss of the target task over θ, started at the source's θ_s (section 3.2 of the
    article; how deep to freeze: Yosinski et al. 2014). Batch normalisation stays as it was
    pretrained, statistics and all: a handful of pictures would wreck it.

    Parameters
    ----------
    backbone
        A pretrained `keras.Model` from pixels 0-255 to a feature vector. It is copied, not changed.
    train
        The examples: images uint8 (n, h, w, c), labels int (n,).
    freeze
        How many layers stay as they are, counted from the input (``backbone.layers[:freeze]``), or
        the name of the last of them: see `transfer_course.freeze_points`. 0 trains all.
    epochs, learning_rate, batch_size
        Passes over the examples, the step of Adam and examples per step. The step is a third of
        Keras's default: an ImageNet network with nothing frozen is wrecked by 1e-3.
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
        Compiled and trained; layers ``backbone`` and ``head``, probabilities (n, classes) out, the
        loss and accuracy of each epoch in ``history``.

    Raises
    ------
    TypeError, ValueError
        The examples do not fit the backbone, there is no such layer, or a setting makes no sense.
    FloatingPointError
        Training has diverged: the loss or a weight is no finite number any more.

    Example
    -------
    >>> import transfer_course as tc
    >>> train, test = tc.few_shot(tc.datasets.digits(), shots=5, seed=0)
    >>> model = tc.fine_tune(tc.backbones.small_cnn(), train, freeze="pool2", epochs=2)
    >>> [layer.name for layer in model.get_layer("backbone").layers if layer.trainable_weights]
    ['conv3', 'features']
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
    freeze_up_to(model.get_layer("backbone"), freeze)
    return fit(model, train, **steering, cache=cache, verbose=verbose)
