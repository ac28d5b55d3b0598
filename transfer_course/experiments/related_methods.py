"""Transfer next to multi-task learning and meta-learning. Chapter 2 shows the results.

The source is MNIST, all 5,000 images; the target is the digits by other writers, 1 or 5 per class.
Each row is one method on one draw of the target's images (an episode); all methods get the same
draws. What is trained on the source alone is trained once, with one seed, so the spread is that of
the draws. It takes two minutes on two cores.
"""

import functools

import numpy as np

import transfer_course as tc
from transfer_course._backend import keras
from transfer_course.experiments import sources

WAYS, SUPPORT, QUERIES = 5, 5, 10

METHODS = [
    "from scratch",
    "feature reuse",
    "fine-tuning",
    "multi-task",
    "class means",
    "prototypical",
]
SPOT_CHECKS = [8, 24, 72]  # the source network is trained for two of them


def points() -> list[dict]:
    """Return the arguments of `measure` for each row of the results.

    Returns
    -------
    list of dict

    Examples
    --------
    >>> points()[0]
    {'method': 'from scratch', 'shots': 1, 'episode': 0}
    """
    return [
        {"method": method, "shots": shots, "episode": episode}
        for method in METHODS
        for shots in (1, 5)
        for episode in range(8)
    ]


def measure(method: str, shots: int, episode: int) -> dict[str, float]:
    """Learn the digits from one draw.

    Parameters
    ----------
    method : str
        One of `METHODS`. ``"class means"`` is the classifier of a prototypical network on features
        that were trained the usual way.
    shots : int
        Training images per class.
    episode : int
        The draw of the training images, and the seed of the training.

    Returns
    -------
    dict
        ``accuracy`` on the images that were not drawn, from 0 to 1.
    """
    train, test = tc.few_shot(tc.datasets.digits(), shots, seed=episode)
    if method == "multi-task":
        joint = multi_task(tc.datasets.mnist(), train, seed=episode)
        model = keras.Model(joint.inputs[1], joint.outputs[1])
        guesses = model.predict(test.images, verbose=0).argmax(axis=1)
        return {"accuracy": float((guesses == test.labels).mean())}
    if method == "prototypical":
        return {"accuracy": prototype_accuracy(_meta_trained(), train, test)}
    backbone = sources.mnist_backbone()
    if method == "class means":
        return {"accuracy": prototype_accuracy(backbone, train, test)}
    if method == "from scratch":
        model = tc.from_scratch(backbone, train, seed=episode)
    elif method == "feature reuse":
        model = tc.feature_reuse(backbone, train, seed=episode)
    else:
        model = tc.fine_tune(backbone, train, seed=episode)
    return {"accuracy": tc.accuracy(model, test)}


def multi_task(source, train, seed):
    """Train one backbone and two heads on both tasks at the same time."""
    backbone = fresh_backbone(seed)
    inputs, outputs = [], []
    for data in (source, train):
        pixels = keras.Input(data.images.shape[1:])
        head = keras.layers.Dense(len(data.class_names), activation="softmax")
        inputs.append(pixels)
        outputs.append(head(backbone(pixels)))
    model = keras.Model(inputs, outputs)
    model.compile(
        keras.optimizers.Adam(1e-3),
        loss=["sparse_categorical_crossentropy"] * 2,
        steps_per_execution=39,
    )
    # The few target images come again and again, as many as source images.
    again = np.random.default_rng(seed).integers(len(train), size=len(source))
    model.fit(
        [source.images, train.images[again]],
        [source.labels, train.labels[again]],
        epochs=3,
        verbose=0,
    )
    return model


def meta_train(source, episodes, seed):
    """Train a backbone for few-shot tasks, a new one in every step.

    Parameters
    ----------
    source : tc.Dataset
        Where the tasks are drawn from: `WAYS` of its classes, `SUPPORT` and `QUERIES` images each.
    episodes : int
        The number of tasks.
    seed : int
        Draws the tasks and the first weights.

    Returns
    -------
    keras.Model
        A `small_cnn`: the mean features of a few images of a class are the class's prototype.
    """
    backbone = fresh_backbone(seed)
    backbone.compile(
        keras.optimizers.Adam(1e-3),
        loss=episode_loss,
        steps_per_execution=50,
    )
    # One batch is one task: a few classes, of each some support images, then queries.
    random = np.random.default_rng(seed)
    of_class = [np.flatnonzero(source.labels == label) for label in range(len(source.class_names))]
    tasks = np.concatenate(
        [
            random.choice(of_class[label], SUPPORT + QUERIES, replace=False)
            for _ in range(episodes)
            for label in random.permutation(len(of_class))[:WAYS]
        ]
    )
    place_in_task = np.arange(len(tasks)) // (SUPPORT + QUERIES) % WAYS
    backbone.fit(
        source.images[tasks],
        place_in_task,
        batch_size=WAYS * (SUPPORT + QUERIES),
        shuffle=False,
        verbose=0,
    )
    return backbone


def episode_loss(labels, features):
    """How well the queries of a task find their class by its prototype."""
    features = keras.ops.reshape(features, (WAYS, SUPPORT + QUERIES, 64))
    labels = keras.ops.reshape(labels, (WAYS, SUPPORT + QUERIES))
    prototypes = keras.ops.mean(features[:, :SUPPORT], axis=1)
    queries = features[:, SUPPORT:, None]
    distances = keras.ops.sum((queries - prototypes) ** 2, axis=-1)
    return keras.losses.sparse_categorical_crossentropy(
        labels[:, SUPPORT:], -distances, from_logits=True
    )


# Chapter 2 prints this function, and a page is narrower than an editor.
# fmt: off
def prototype_accuracy(backbone, train, test) -> float:
    """Give each test image the class whose mean feature vector is nearest."""
    features = backbone.predict(train.images, verbose=0)
    prototypes = np.stack(
        [
            features[train.labels == label].mean(axis=0)
            for label in range(len(train.class_names))
        ]
    )
    queries = backbone.predict(test.images, verbose=0)[:, None]
    distances = ((queries - prototypes) ** 2).sum(axis=-1)
    return float((distances.argmin(axis=1) == test.labels).mean())
# fmt: on


def fresh_backbone(seed):
    """Return a `small_cnn` with weights that the seed draws."""
    keras.utils.set_random_seed(seed)
    return keras.models.clone_model(tc.backbones.small_cnn())


@functools.cache
def _meta_trained():
    return meta_train(tc.datasets.mnist(), episodes=300, seed=0)
