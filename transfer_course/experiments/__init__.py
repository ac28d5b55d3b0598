"""Experiments that take too long for a notebook, and what they gave.

>>> import transfer_course as tc
>>> tc.experiments.load("lambda_by_labels").columns.tolist()
['shots', 'episode', 'lam', 'accuracy', 'log_loss', 'distance']

Each experiment is a module. ``points()`` lists its settings, ``measure(**point)`` trains networks
with one of them, and the points at ``SPOT_CHECKS`` are measured again by the tests. The modules
`explorer`, `tuning` and `fair` make several, such as ``explorer_digits`` and ``explorer_emoji``;
their ``points`` take the scenario.

``python -m transfer_course.experiments`` measures everything again and replaces the results.
``python -m transfer_course.experiments.benchmark`` measures how fast the course is.

Reading results loads no TensorFlow.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "augmentation",
        "choosing",
        "dissimilar",
        "explorer",
        "fair",
        "fine_tuning_emoji",
        "l2_sp_emoji",
        "labels",
        "labels_or_steps",
        "lambda_by_labels",
        "related_methods",
        "scenarios",
        "shift",
        "sources",
        "tuning",
        "which_part",
        "worlds",
    ],
    submod_attrs={"_results": ["NAMES", "load"]},
)
