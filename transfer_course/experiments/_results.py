"""The results of the experiments, which come with the package as CSV and JSON files."""

from pathlib import Path

from transfer_course._validation import check_choice

# In the order in which they are measured: the fair tables and shift use what the tuning found.
NAMES = (
    "explorer_digits",
    "explorer_new_classes",
    "explorer_emoji",
    "explorer_solar_cells",
    "tuning_digits",
    "tuning_new_classes",
    "tuning_emoji",
    "tuning_solar_cells",
    "fair_digits",
    "fair_new_classes",
    "fair_emoji",
    "fair_solar_cells",
    "augmentation",
    "choosing",
    "dissimilar",
    "fine_tuning_emoji",
    "l2_sp_emoji",
    "labels",
    "labels_or_steps",
    "lambda_by_labels",
    "related_methods",
    "shift",
    "which_part",
)
RESULTS = Path(__file__).with_name("results")


def module_and_scenario(name: str) -> tuple[str, tuple[str, ...]]:
    """Return the module that measures an experiment, and the arguments of its ``points``.

    Examples
    --------
    >>> module_and_scenario("fair_new_classes"), module_and_scenario("lambda_by_labels")
    (('fair', ('new_classes',)), ('lambda_by_labels', ()))
    """
    module, _, scenario = name.partition("_")
    return (module, (scenario,)) if module in ("explorer", "tuning", "fair") else (name, ())


def load(name: str):
    """Return the results of an experiment, as they were measured beforehand.

    Parameters
    ----------
    name : str
        One of `NAMES`.

    Returns
    -------
    pandas.DataFrame
        A row for each point of the experiment, in the order of its ``points()``: first the
        settings, then what was measured. Accuracies are shares from 0 to 1.

    Raises
    ------
    ValueError
        There is no experiment of this name.

    Examples
    --------
    >>> import transfer_course as tc
    >>> labels = tc.experiments.load("labels")
    >>> labels[labels.shots == 1].groupby("method").accuracy.mean().round(2).to_dict()
    {'feature_reuse': 0.84, 'from_scratch': 0.59, 'pixels': 0.65}
    """
    check_choice("name", name, NAMES)
    if name.startswith("explorer_"):
        from transfer_course.experiments import explorer

        return explorer.load_table(name.removeprefix("explorer_"))

    import pandas as pd

    return pd.read_csv(RESULTS / f"{name}.csv")
