"""The results of the experiments, which come with the package as CSV and JSON files."""

from pathlib import Path

from transfer_course._validation import check_choice

NAMES = (
    "explorer_digits",
    "explorer_emoji",
    "fine_tuning_emoji",
    "l2_sp_emoji",
    "labels",
    "related_methods",
    "which_method",
)
RESULTS = Path(__file__).with_name("results")


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
