"""Can a few labels choose the method? Cross-validation over the shots, against hindsight.

Each row is one draw (an episode) of a small one of the `worlds`, on its images for the report, and
one method at its defaults: what `transfer_course.choose` says of it, from the examples alone, and
how it does on the other images once it is trained on all examples. Episodes take turns with three
source networks.

The 160 rows take twenty minutes of processor time.
"""

import transfer_course as tc
from transfer_course.experiments import worlds

METHODS = ["feature_reuse", "l2_sp", "fine_tune", "from_scratch"]  # the simplest first
SPOT_CHECKS = [40]  # digits, twenty shots, the first draw: feature reuse


def points() -> list[dict]:
    """Return the arguments of `measure` for each row of the results.

    Returns
    -------
    list of dict

    Examples
    --------
    >>> points()[0]
    {'scenario': 'digits', 'shots': 5, 'episode': 0, 'method': 'feature_reuse'}
    """
    return [
        {"scenario": scenario, "shots": shots, "episode": episode, "method": method}
        for scenario in worlds.SMALL
        for shots in (5, 20)
        for episode in range(10)
        for method in METHODS
    ]


def measure(scenario: str, shots: int, episode: int, method: str) -> dict[str, float]:
    """Judge a method by one draw, without the other images and with them.

    Parameters
    ----------
    scenario : str
        One of `worlds.SMALL`.
    shots : int
        Training images per class.
    episode : int
        The draw of the training images, and the seed of the trainings.
    method : str
        One of `METHODS`.

    Returns
    -------
    dict
        ``cross_validated``, the share of the examples that was classified correctly while they were
        held out, and ``accuracy`` on the images that were not drawn; both from 0 to 1.
    """
    seeds = worlds.SOURCES[scenario]
    backbone = worlds.source(scenario, seeds[episode % len(seeds)]).backbone
    train, test = tc.few_shot(worlds.target(scenario).report, shots, seed=episode)
    choice = tc.choose([getattr(tc, method)], backbone, train, seed=episode)
    return {
        "cross_validated": choice.table.accuracy[method],
        "accuracy": tc.accuracy(choice.model, test),
    }
