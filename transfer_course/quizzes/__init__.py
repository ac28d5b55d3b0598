"""The quizzes of the chapters: one YAML file each, which pages show and Moodle imports."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "files": ["load", "names"],
        "export": ["moodle"],
    },
)
