"""Transfer learning for few-shot learning: the helper package of the course.

>>> import transfer_course as tc
>>> train, test = tc.few_shot(tc.datasets.digits(), shots=5, seed=0)
>>> train.images.shape
(50, 28, 28, 1)

Everything is loaded when it is first used, so that ``import transfer_course`` costs nothing:
TensorFlow alone takes seconds.
"""

import lazy_loader

# No module here has the name of a function in it: importing the module would hide the function.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "algorithms",
        "backbones",
        "datasets",
        "experiments",
        "linear_theory",
        "plots",
        "quizzes",
        "widgets",
    ],
    submod_attrs={
        "algorithms.class_means": ["class_means"],
        "algorithms.feature_reuse": ["feature_reuse"],
        "algorithms.fine_tune": ["fine_tune"],
        "algorithms.from_scratch": ["from_scratch"],
        "algorithms.l2_sp": ["l2_sp"],
        "algorithms.pretrain": ["pretrain"],
        "algorithms.source_head": ["source_head"],
        "evaluation.choice": ["choose"],
        "evaluation.comparison": ["compare"],
        "datasets.dataset": ["Dataset", "few_shot"],
        "evaluation.differences": ["differences"],
        "evaluation.drift": ["drift_by_layer"],
        "evaluation.prediction": ["accuracy", "classify", "predict"],
        "networks.classifier": ["class_names"],
        "networks.freezing": ["freeze_points"],
    },
)
