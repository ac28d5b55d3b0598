"""How far methods of a comparison are ahead of one of them, and how sure that is."""

import numpy as np
import pandas as pd
from scipy import stats

from transfer_course._validation import describe, describe_type


def differences(table: pd.DataFrame, to: str, column: str = "accuracy") -> pd.DataFrame:
    """Return the mean difference of each method from one of them, with its 95 % interval.

    All methods learn from the same draws. So each episode has a difference of its own, from which
    the luck of the draw is gone: this finds differences that two separate intervals would hide.

    Parameters
    ----------
    table : pandas.DataFrame
        What `transfer_course.compare` returned: the columns method, shots, episode and ``column``.
    to : str
        The method from which the differences are taken.
    column : str, default "accuracy"
        What is compared, such as ``"balanced_accuracy"``.

    Returns
    -------
    pandas.DataFrame
        A row per method, other than ``to``, and number of shots, in the order of the table, with
        the columns method, shots and

        - episodes: how many there are of both methods; after Stop it may be fewer than were asked
          for, and differ from row to row;
        - difference: the mean over these episodes of the method minus ``to``, from -1 to 1 for an
          accuracy; above 0, the method is ahead;
        - standard_error: of this mean;
        - low, high: its 95 % interval.

    Raises
    ------
    TypeError
        ``table`` is not a DataFrame.
    ValueError
        The table has no rows, a column is missing or does not hold finite numbers, ``to`` is not a
        method of the table or the only one, two rows are of one episode, or fewer than two episodes
        are of both methods.

    Notes
    -----
    The interval is Student's, mean ± t · standard error, with t the 97.5 % point of the
    t-distribution with episodes - 1 degrees of freedom (Student 1908, "The Probable Error of a
    Mean", Biometrika 6). It is about other draws from these examples with this backbone, and for
    these it is as wide as it should be. For other examples of the same kind it is too narrow,
    possibly several times: all draws are tested on nearly the same ones (Nadeau & Bengio 2003,
    "Inference for the Generalization Error", Machine Learning 52). It says nothing about other
    backbones.

    Of twenty such intervals, one is expected to miss the true difference.

    Examples
    --------
    >>> import pandas as pd
    >>> import transfer_course as tc
    >>> table = pd.DataFrame(
    ...     {
    ...         "method": ["feature_reuse"] * 3 + ["fine_tune"] * 3,
    ...         "shots": 5,
    ...         "episode": [0, 1, 2, 0, 1, 2],
    ...         "accuracy": [0.50, 0.70, 0.60, 0.53, 0.72, 0.64],
    ...     }
    ... )
    >>> found = tc.differences(table, to="feature_reuse").iloc[0]
    >>> found.method, int(found.shots), int(found.episodes)
    ('fine_tune', 5, 3)
    >>> [round(float(found[name]), 4) for name in ("difference", "low", "high")]
    [0.03, 0.0052, 0.0548]
    """
    _check(table, to, column)
    wide = table.pivot(index=["shots", "episode"], columns="method", values=column).astype(float)
    rows = []
    for method, shots in table[["method", "shots"]].drop_duplicates().itertuples(index=False):
        if method == to:
            continue
        both = wide.loc[shots, [method, to]].dropna()
        if len(both) < 2:
            raise ValueError(
                f"methods {method!r} and {to!r} have {len(both)} of their episodes with "
                f"shots={shots} in common, but an interval needs 2 or more: use more episodes in "
                f'compare(), or leave these rows out, as in table[table["shots"] != {shots}]'
            )
        rows.append(
            {"method": method, "shots": shots, "episodes": len(both)}
            | mean_with_interval(both[method] - both[to]).rename({"mean": "difference"}).to_dict()
        )
    return pd.DataFrame(rows)


def mean_with_interval(values) -> pd.Series:
    """Return the mean of some numbers, its standard error and the ends of its 95 % t-interval.

    Parameters
    ----------
    values : array_like of float, shape (n,)

    Returns
    -------
    pandas.Series
        mean, standard_error, low and high; the last three are NaN for a single number.

    Examples
    --------
    >>> mean_with_interval([1.0, 3.0]).to_dict()
    {'mean': 2.0, 'standard_error': 1.0, 'low': -10.7, 'high': 14.7}
    """
    values = pd.Series(values, dtype=float)
    mean, error = values.mean(), values.sem()
    half = stats.t.ppf(0.975, len(values) - 1) * error
    return pd.Series(
        {"mean": mean, "standard_error": error, "low": mean - half, "high": mean + half}
    )


def _check(table, to, column) -> None:
    if not isinstance(table, pd.DataFrame):
        raise TypeError(
            f"the table must be a DataFrame, got {describe_type(table)}: "
            "pass what tc.compare returned"
        )
    for name in ["method", "shots", "episode", column]:
        if name not in list(table.columns):  # an Index cannot be asked for a list
            raise ValueError(
                f"the table has no column {describe(name)}: pass what tc.compare returned"
            )
    if table.empty:
        raise ValueError(
            "the table has no rows, as after Stop in the first training: give it time for some"
        )
    numbers = table[column]
    is_numeric = pd.api.types.is_numeric_dtype(numbers)
    if not is_numeric or numbers.isna().any() or not np.isfinite(numbers).all():
        raise ValueError(
            f"the column {column!r} of the table does not hold finite numbers only: "
            "remove the other rows, or give the name of another column"
        )
    methods = list(table["method"].unique())
    if to not in methods:
        names = " or ".join(f"to={name!r}" for name in methods)
        raise ValueError(f"to={describe(to)} is not a method of the table: use {names}")
    if len(methods) == 1:
        raise ValueError(
            f"the table has no method beside {to!r}: give two to compare(), as in "
            "[tc.feature_reuse, tc.fine_tune]"
        )
    runs = table[["method", "shots", "episode"]]
    if runs.duplicated().any():
        method, shots, episode = runs[runs.duplicated()].iloc[0]
        raise ValueError(
            f"the table has two rows of method {method!r} with shots={shots} and "
            f"episode={episode}: pass the rows of one comparison alone"
        )
