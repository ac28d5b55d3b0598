"""Explorers, whose sliders retrain real networks, and quizzes: with and without a kernel."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "linear": ["LinearExplorer"],
        "quiz": ["Quiz"],
        "transfer": ["TransferExplorer"],
    },
)
