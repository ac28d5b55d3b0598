"""The algorithms of the course, one module each.

Every one takes a backbone and a few examples, leaves the backbone as it was, and returns a trained
classifier. Each docstring has what is special about an algorithm; this is what all share. Beside
them, `class_means` and `source_head` are baselines: they train nothing, and have no such settings.

Parameters
----------
backbone : keras.Model
    Any Sequential or functional model from pixels (0-255) to a feature vector (n, d): with models
    nested in it, custom layers, augmentation, attention. It is copied, not changed.
train : Dataset
    The examples: images uint8 (n, h, w, c), labels int64 (n,).
epochs : int
    Passes over the examples, 1 or more.
learning_rate : float
    That of Adam, above 0.
batch_size : int, default 32
    Examples per step, as in Keras.
seed : int, default 0
    Draws the order of the examples and all that is random in the backbone. Same seed,
    same weights, on one machine; nobody else's random numbers are touched.
cache : bool, default True
    Run the layers before the first one that trains once per image, and keep what leaves them, if
    they have learned weights. False runs them again in every epoch: the same model, to float
    rounding, but slower. Nothing behind a layer that draws at random, such as augmentation, is ever
    kept.
verbose : 0, 1 or "auto", default "auto"
    1 shows a progress bar, 0 prints nothing at all. "auto" shows a bar where somebody watches, once
    it takes over two seconds.
validation_data : Dataset, optional
    Images on which loss and accuracy are measured on the way. Nothing is learned from them.
validation_freq : int or list of int, default 1
    Every how many epochs, or after which ones, counted from 1.
callbacks : list of keras.callbacks.Callback, optional
    As in `keras.Model.fit`, with hooks for epochs but none for batches. They may change the
    learning rate and weights that train; to change which layers train, train twice.

Returns
-------
keras.Sequential
    Compiled with Adam and trained. Its layers are ``backbone`` and ``head``; it gives probabilities
    float32 (n, classes). ``history.history`` has the loss and the accuracy of each epoch, and those
    of the validations.

Raises
------
TypeError, ValueError
    The examples do not fit the backbone, the backbone cannot be copied, or a setting makes no
    sense. Nothing has been trained then.
FloatingPointError
    Training has diverged: the loss or a weight is no longer finite.
"""
