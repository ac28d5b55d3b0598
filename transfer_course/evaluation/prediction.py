"""What a trained model says of images, and how often that is right."""

from transfer_course.training.loop import predict

__all__ = ["accuracy", "predict"]


def accuracy(model, dataset) -> float:
    """Return the share of a data set that a model gets right."""
    guesses = predict(model, dataset.images).argmax(axis=1)
    return float((guesses == dataset.labels).mean())
