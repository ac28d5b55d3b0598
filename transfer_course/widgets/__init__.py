"""Explorers: sliders that retrain real networks, and that work without a kernel as well."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "linear": ["LinearExplorer"],
        "transfer": ["TransferExplorer"],
    },
)
