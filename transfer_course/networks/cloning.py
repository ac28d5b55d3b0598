"""Copies of a network: with the same weights, or with fresh ones drawn from a seed."""

import numpy as np

from transfer_course._backend import keras


def copy_of(model):
    """Return a copy of a Keras model that shares nothing with it, every layer trainable.

    >>> from transfer_course.backbones import small_cnn
    >>> backbone = small_cnn()
    >>> copy_of(backbone).layers[1] is backbone.layers[1]
    False
    """
    copy = keras.models.clone_model(model)
    copy_weights(model, copy)
    for layer in layers_of(copy):
        layer.trainable = True
    return copy


def fresh_copy(model, seed: int):
    """Return the same architecture with fresh weights: same seed, same weights.

    Keras draws from Python's global random state unless an initializer has a seed of its own, so
    each gets one here, and nobody else's random numbers are touched. A `keras.layers.Normalization`
    keeps its mean and variance: they are preprocessing, not learned. Batch normalisation averages
    its statistics over some 10 steps instead of 100, or a short training would leave them behind.
    """
    seeds = iter(np.random.SeedSequence(seed).generate_state(10_000).tolist())

    def clone(layer):
        config = layer.get_config()
        if isinstance(layer, keras.layers.BatchNormalization):
            config["momentum"] = 0.9  # 0.99 needs more steps than a few examples give
        for key, value in config.items():
            if key == "seed":
                config[key] = next(seeds)
            elif isinstance(value, dict) and "seed" in value.get("config", {}):
                value["config"]["seed"] = next(seeds)
        return layer.__class__.from_config(config)

    copy = keras.models.clone_model(model, clone_function=clone, recursive=True)
    for layer in layers_of(copy):
        layer.trainable = True
    for old, new in zip(preprocessing_of(model), preprocessing_of(copy), strict=True):
        new.set_weights(old.get_weights())
        new.finalize_state()
    return copy


def copy_weights(source, target) -> None:
    """Copy all weights of a model to another of the same architecture."""
    target.set_weights(source.get_weights())
    for layer in preprocessing_of(target):
        layer.finalize_state()  # it computes with constants, made from its weights


def preprocessing_of(model) -> list:
    """Return the layers of a model whose weights come from `adapt`, not from training."""
    return [layer for layer in layers_of(model) if isinstance(layer, keras.layers.Normalization)]


def layers_of(model) -> list:
    """Return all layers of a model, those of models inside it included.

    >>> from transfer_course.backbones import small_cnn
    >>> [layer.name for layer in layers_of(small_cnn())][:3]
    ['scale', 'conv1', 'pool1']
    """
    return [
        inner
        for layer in model.layers
        for inner in ([layer, *layers_of(layer)] if isinstance(layer, keras.Model) else [layer])
    ]
