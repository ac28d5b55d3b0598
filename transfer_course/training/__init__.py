"""The training loop that all algorithms share."""
