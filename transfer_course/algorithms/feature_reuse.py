"""Feature reuse: leave the backbone as it is and train a new head on its features."""

from typing import Unpack

from transfer_course._backend import keras
from transfer_course._validation import check_number
from transfer_course.algorithms._arguments import Options, check_arguments
from transfer_course.algorithms.l2_sp import L2SP
from transfer_course.datasets.dataset import Dataset
from transfer_course.networks.classifier import classifier
from transfer_course.networks.cloning import clone
from transfer_course.networks.layers import set_trainable
from transfer_course.training.fit import fit


def feature_reuse(
    backbone,
    train: Dataset,
    *,
    epochs: int = 200,
    learning_rate: float | None = None,
    beta: float = 0.0,
    **options: Unpack[Options],
):
    """Freeze the whole backbone and train a new head on its features.

    With the source network's features h_t = f_s(X_t), only the head is learned: a logistic
    regression on h_t (section 3.1 of the article; Donahue et al. 2014, "DeCAF").

    Parameters
    ----------
    backbone : keras.Model
        A pretrained network from pixels to features.
    train : Dataset
        The examples.
    epochs : int
        Passes over the examples. They take little, as the features are computed once. With the
        default, and the default rate, a head comes within two points of the accuracy of
        scikit-learn's logistic regression also on features that hardly tell the classes apart.
    learning_rate : float, optional
        That of Adam. By default a step moves no logit by more than 1, for features of any size.
    beta : float
        Adds the penalty β/2 · ‖w‖² on the head's kernel to the loss, as in `l2_sp`; 0 or more. With
        β = 1/(C · n) for n examples the minimum is that of scikit-learn's ``LogisticRegression(C)``
        on the features. The default leaves the penalty out, since what it does depends on the size
        of the features.
    **options
        batch_size, seed, cache, verbose, validation_data, validation_freq, callbacks: see
        `transfer_course.algorithms`, also for what is returned and raised.

    Examples
    --------
    >>> import transfer_course as tc
    >>> backbone = tc.backbones.efficientnet_lite0(image_size=64)
    >>> train, test = tc.few_shot(tc.datasets.emoji(image_size=64), shots=5)
    >>> model = tc.feature_reuse(backbone, train)
    >>> [weight.path for weight in model.trainable_weights]
    ['classifier/head/kernel', 'classifier/head/bias']
    """
    rate = 1.0 if learning_rate is None else learning_rate  # any, where there is none to check
    settings = check_arguments(backbone, train, epochs=epochs, learning_rate=rate, **options)
    beta = check_number("beta", beta)
    model = classifier(clone(backbone), train)
    set_trainable(model.get_layer("backbone"), False)
    if beta:
        head = model.get_layer("head").kernel
        strength = keras.Variable(beta, dtype="float32", trainable=False)
        head.regularizer = L2SP(strength, start=keras.ops.zeros_like(head))
    if learning_rate is None:
        settings["learning_rate"] = None
    return fit(model, train, head_learning_rate=settings["learning_rate"], **settings)
