"""What cannot be frozen, and what names no place to freeze up to."""

import pytest
from refusals import assert_refused, cases

import transfer_course as tc


@pytest.fixture(scope="module")
def net():
    return tc.backbones.small_cnn((8, 8, 1))


def twice(keras):
    """A network that uses a layer twice."""
    again = keras.layers.Dense(64, name="again")
    return keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), again, again])


NUMBER_OR_NAME = "use a number of layers from 0 to 9, or the name of a layer, such as 'pool1'"
PLACES = "'pool1' or 'pool2' or 'flatten' or 'features'"


@cases(
    *(
        (
            lambda net, tiny, freeze=freeze: tc.fine_tune(net, tiny, freeze=freeze),
            ValueError,
            f"freeze={freeze} …: {NUMBER_OR_NAME}",
        )
        for freeze in (10, 10**6, -1, 2.5, 1.0, True, None, ["pool1"], float("nan"))
    ),
    (
        lambda net, tiny: tc.fine_tune(net, tiny, freeze=net.layers[1]),
        ValueError,
        f"freeze=<Conv2D> …: {NUMBER_OR_NAME}",
    ),
    *(
        (
            lambda net, tiny, freeze=freeze: tc.fine_tune(net, tiny, freeze=freeze),
            ValueError,
            f"freeze={freeze!r}: …; did you mean {names}?",
        )
        for freeze, names in [
            ("pool", "'pool…' or 'pool…' or 'pool…'"),
            ("Pool2", "'pool2'…"),
            ("zebra", PLACES),
            ("", PLACES),
        ]
    ),
    (
        lambda net, tiny: tc.l2_sp(net, tiny, freeze=10),
        ValueError,
        f"freeze=10 …: {NUMBER_OR_NAME}",
    ),
    (
        lambda keras, tiny: tc.fine_tune(twice(keras), tiny, epochs=1),
        ValueError,
        "the backbone uses its layer 'again' twice, …: give each use a layer of its own",
    ),
    *(
        (
            lambda tiny, wrong=wrong: tc.freeze_points(wrong(tiny)),
            TypeError,
            f"a backbone must be a keras.Model …{what}…: build one, as in …small_cnn()",
        )
        for wrong, what in [
            (lambda tiny: None, "None"),
            (lambda tiny: "vgg16", "a str"),
            (lambda tiny: 3, "an int"),
            (lambda tiny: tiny, "a Dataset"),
        ]
    ),
    (
        lambda keras: tc.freeze_points(keras.Sequential([keras.layers.Dense(3)])),
        TypeError,
        "a backbone must be a keras.Model …a Sequential…: build one, as in …small_cnn()",
    ),
)
def test_it_is_refused(request, call, error, message):
    assert_refused(request, call, error, message)
