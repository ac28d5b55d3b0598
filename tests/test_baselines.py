"""What the algorithms are compared with: class means, the source's own head, scikit-learn."""

import numpy as np
import pytest
from refusals import assert_refused, cases
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.preprocessing import normalize

import transfer_course as tc


def features_of(backbone, data):
    return backbone.predict(data.images, verbose=0).astype("float64")


# Class means


def test_class_means_are_those_of_scikit_learn(backbone, draw):
    train, test = draw
    model = tc.class_means(backbone, train)
    few, many = features_of(backbone, train), features_of(backbone, test)
    directions = normalize(few - few.mean(axis=0))
    means = np.stack([directions[train.labels == label].mean(axis=0) for label in range(10)])
    cosines = cosine_similarity(many - few.mean(axis=0), means)
    # Logarithms of probabilities are the cosines, times one factor per image, plus one constant.
    found = np.log(tc.predict(model, test.images).astype("float64"))
    lengths = np.linalg.norm(many - few.mean(axis=0), axis=1)
    lengths /= np.linalg.norm(few - few.mean(axis=0), axis=1).mean()
    expected = cosines * lengths[:, None]
    centred = [table - table.mean(axis=1, keepdims=True) for table in (found, expected)]
    np.testing.assert_allclose(*centred, atol=1e-4)
    share = (cosines.argmax(axis=1) == test.labels).mean()
    assert tc.accuracy(model, test) == pytest.approx(share, abs=0.011)  # one tie at the most


def test_class_means_are_as_good_as_a_trained_head_with_one_example(backbone):
    """Within ten points, over draws: a mean of the wrong class or axis would be far off."""
    table = tc.compare(
        [tc.class_means, tc.feature_reuse], backbone, tc.datasets.digits(), shots=[1], episodes=4
    )
    means, reuse = table.groupby("method").accuracy.mean()[["class_means", "feature_reuse"]]
    assert abs(means - reuse) < 0.1


def test_features_that_are_all_alike_are_no_numbers_gone_wrong(keras, tiny):
    layers = keras.layers
    nothing = layers.Dense(3, kernel_initializer="zeros")
    backbone = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), nothing])
    np.testing.assert_allclose(
        tc.predict(tc.class_means(backbone, tiny), tiny.images), 1 / 3, rtol=1e-5
    )
    nothing.kernel.assign(nothing.kernel + np.nan)
    with pytest.raises(FloatingPointError, match="not finite"):
        tc.class_means(backbone, tiny)


def test_class_means_behind_augmentation(keras, tiny):
    """The network is cut before the layer that draws; what is behind it runs as in inference."""
    layers = keras.layers
    middle = [layers.GaussianNoise(0.5), layers.Rescaling(1 / 255), layers.Flatten()]
    noisy = keras.Sequential([keras.Input((8, 8, 1)), *middle])
    still = keras.Sequential([keras.Input((8, 8, 1)), *middle[1:]])
    expected = tc.predict(tc.class_means(still, tiny), tiny.images)
    model = tc.class_means(noisy, tiny)
    np.testing.assert_allclose(tc.predict(model, tiny.images), expected, atol=1e-5)


# The source's own head


def test_the_source_head_is_the_source(source, backbone, draw):
    train, test = draw
    model = tc.source_head(backbone, train, source=source)
    np.testing.assert_allclose(
        model.predict(test.images, verbose=0), source.predict(test.images, verbose=0), atol=1e-6
    )
    assert not model.trainable_weights and source.trainable_weights
    assert not {id(it) for it in model.weights} & {id(it) for it in source.weights}


@cases(
    (
        lambda source, backbone, draw: tc.source_head(
            backbone,
            tc.Dataset(draw[0].images, draw[0].labels, [*draw[0].class_names[:9], "ten"]),
            source=source,
        ),
        ValueError,
        "class 9 is '9' for the source and 'ten' in the examples, but its head is of use only where"
        " all classes are the same: use tc.feature_reuse, which trains a new one",
    ),
    (
        lambda backbone, draw: tc.source_head(backbone, draw[0], source=backbone),
        ValueError,
        "the model does not know the names of its classes: hand in…",
    ),
    (
        lambda backbone, draw: tc.class_means(draw[0], backbone),
        TypeError,
        "the backbone must be a keras.Model, got a Dataset:…",
    ),
    (
        lambda source, backbone, tiny: tc.source_head(backbone, tiny, source=source),
        ValueError,
        "the backbone takes images of 28x28x1, but these are 8x8x1:…",
    ),
)
def test_what_fits_no_baseline_is_refused(request, call, error, message):
    assert_refused(request, call, error, message)


@pytest.mark.parametrize("name", ["class_means", "source_head"])
def test_baselines_return_a_classifier_and_leave_the_backbone(keras, source, draw, tmp_path, name):
    train, test = draw
    backbone = source.get_layer("backbone")
    before, flags = source.get_weights(), [layer.trainable for layer in backbone.layers]
    settings = {"source": source} if name == "source_head" else {}
    model = getattr(tc, name)(backbone, train, seed=3, **settings)
    assert all(map(np.array_equal, before, source.get_weights()))
    assert [layer.trainable for layer in backbone.layers] == flags
    assert [layer.name for layer in model.layers] == ["backbone", "head"]
    assert tc.class_names(model) == train.class_names
    assert not model.get_layer("backbone").trainable_weights
    expected = tc.predict(model, test.images)
    _, share = model.evaluate(test.images, test.labels, verbose=0)
    assert share == pytest.approx((expected.argmax(axis=1) == test.labels).mean())
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(test.images, verbose=0), expected, atol=1e-6)
    with pytest.raises(TypeError, match="a Dataset"):
        getattr(tc, name)(backbone, train.images, **settings)


# Feature reuse against scikit-learn


@pytest.mark.parametrize(
    ("C", "rate", "apart"), [(0.03, 3e-3, 0.01), (0.1, 3e-3, 0.01), (1, 1e-2, 0.05)]
)
def test_feature_reuse_with_a_penalty_is_the_logistic_regression_of_scikit_learn(
    backbone, C, rate, apart
):
    """The weaker the penalty, the further it is to the minimum, and Adam's last steps swing."""
    train, test = tc.few_shot(tc.datasets.digits(), shots=5, seed=0)
    theirs = LogisticRegression(C=C, max_iter=3000, tol=1e-8).fit(
        features_of(backbone, train), train.labels
    )
    settings = {"epochs": 5000, "learning_rate": rate, "batch_size": 50}
    model = tc.feature_reuse(backbone, train, beta=1 / (C * len(train)), **settings)
    expected = theirs.predict_proba(features_of(backbone, test))
    found = tc.predict(model, test.images)
    np.testing.assert_allclose(found, expected, atol=apart)
    share = (expected.argmax(axis=1) == test.labels).mean()
    assert tc.accuracy(model, test) == pytest.approx(share, abs=0.005)


def test_the_penalty_on_the_head_is_in_the_loss(backbone, draw):
    """The loss of the second of two steps is of the head after the first: β/2 · ‖w‖² more."""
    train, _ = draw

    def after(steps, beta):
        settings = {"epochs": steps, "learning_rate": 1e-2, "batch_size": len(train)}
        return tc.feature_reuse(backbone, train, beta=beta, **settings)

    kernel = after(1, 0.7).get_layer("head").kernel.numpy()
    losses = [after(2, beta).history.history["loss"][1] for beta in (0, 0.7)]
    assert (kernel**2).sum() > 1e-3
    assert losses[1] - losses[0] == pytest.approx(0.35 * (kernel**2).sum(), rel=1e-4)
