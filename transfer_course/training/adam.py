"""Adam as the loop uses it: the head may learn at a rate of its own."""

from types import SimpleNamespace

from transfer_course._backend import keras
from transfer_course.networks.internals import AdamOnOneDevice


class AdamWithHeadRate(AdamOnOneDevice):
    """`keras.optimizers.Adam`, whose learning rate is multiplied by a factor for some variables.

    It has the variables of a plain Adam, which can therefore take over its state.

    Parameters
    ----------
    head : list of keras.Variable
        The variables with a rate of their own.
    """

    def __init__(self, head: list):
        super().__init__()
        # In a namespace, or Keras would count what is in it among the optimizer's own variables.
        self._head = SimpleNamespace(variables=head, factor=keras.Variable(1.0, trainable=False))

    def set_head_factor(self, factor: float) -> None:
        """Have the head learn at the rate of all others times a factor, from the next step on."""
        self._head.factor.assign(factor)

    def update_step(self, gradient, variable, learning_rate):
        # Keras hands over TensorFlow's variables, which are inside its own.
        if any(variable is it or variable is it.value for it in self._head.variables):
            learning_rate = learning_rate * self._head.factor
        super().update_step(gradient, variable, learning_rate)
