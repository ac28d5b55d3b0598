"""Fine-tuning: start at the backbone's weights and train on."""

from typing import Unpack

from transfer_course.algorithms._arguments import (
    Options,
    check_arguments,
    check_head_learning_rate,
)
from transfer_course.datasets.dataset import Dataset
from transfer_course.networks.classifier import classifier
from transfer_course.networks.cloning import clone
from transfer_course.networks.freezing import freeze_up_to, unfreeze_if_all_is_frozen
from transfer_course.training.fit import fit


def fine_tune(
    backbone,
    train: Dataset,
    *,
    freeze: int | str = 0,
    epochs: int = 60,
    learning_rate: float = 3e-4,
    head_learning_rate: float | None = None,
    **options: Unpack[Options],
):
    """Train a new head and the layers behind the frozen ones, from the backbone's weights on.

    Minimizes the loss of the target task over θ, started at the source's θ_s (section 3.2 of the
    article; how deep to freeze: Yosinski et al. 2014). Batch normalization stays as it was
    pretrained, statistics and all: a handful of images would wreck it.

    Parameters
    ----------
    backbone : keras.Model
        A pretrained network from pixels to features. Layers that are frozen in it stay frozen; if
        all of them are, as in a result of `feature_reuse`, all of them train.
    train : Dataset
        The examples.
    freeze : int or str
        How many layers stay as they are, counted from the input (``backbone.layers[:freeze]``), or
        the name of the last of them: see `transfer_course.freeze_points`. 0 freezes none.
    epochs : int
        Passes over the examples.
    learning_rate : float
        That of Adam, for the backbone. The default is a third of Keras's: with a few digits 1e-3
        moves a small network further than is good for it.
    head_learning_rate : float, optional
        Adam's learning rate for the head alone. It is the one part without pretrained weights, so
        it has further to go: by default its rate is such that a step moves no logit by more than
        0.3, for features of any size, or by more than 1 where the head trains alone. For one rate
        for all, as in the article, give the same here.
    **options
        batch_size, seed, cache, verbose, validation_data, validation_freq, callbacks: see
        `transfer_course.algorithms`, also for what is returned and raised.

    Examples
    --------
    >>> import transfer_course as tc
    >>> train, test = tc.few_shot(tc.datasets.digits(), shots=5, seed=0)
    >>> model = tc.fine_tune(tc.backbones.small_cnn(), train, freeze="pool2", epochs=2)
    >>> [layer.name for layer in model.get_layer("backbone").layers if layer.trainable_weights]
    ['conv3', 'features']
    """
    settings = check_arguments(
        backbone, train, epochs=epochs, learning_rate=learning_rate, **options
    )
    head_learning_rate = check_head_learning_rate(head_learning_rate)
    model = classifier(clone(backbone), train)
    unfreeze_if_all_is_frozen(model.get_layer("backbone"), settings["verbose"])
    freeze_up_to(model.get_layer("backbone"), freeze)
    return fit(model, train, head_learning_rate=head_learning_rate, **settings)
