"""Which trials are played together, as one wide market: what comes of each does not depend on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from obmm.lab.trials.play import WIDE_BOOKS, goes_with
from obmm.lab.trials.trial import Trial


def packs_of(trials: Sequence[Trial], at_once: int) -> list[tuple[int, ...]]:
    """Numbers of the trials that are played together, pack by pack.

    Narrow trials that go together share a pack, as long as there is one for everybody who plays and none is
    wider than pays.

    Args:
        trials: The trials.
        at_once: How many packs are played at a time.

    >>> from obmm.agent import resolve
    >>> from obmm.sim import Scenario
    >>> sizes = [resolve("touch", [f"size_base={size}"]) for size in (0.5, 1, 1.5, 2, 2.5)]
    >>> shared = {"scenario": Scenario.load("taos-0.5.4"), "books": 8, "hours": 1.0}
    >>> trials = [Trial(config=config, seeds=(1, 2), **shared) for config in sizes]
    >>> packs_of(trials, at_once=2), packs_of(trials, at_once=5)
    ([(0, 1, 2), (3, 4)], [(0,), (1,), (2,), (3,), (4,)])
    """
    if len(trials) <= at_once:
        return [(number,) for number in range(len(trials))]
    alike: dict[Any, list[int]] = {}
    for number, trial in enumerate(trials):
        alike.setdefault(goes_with(trial), []).append(number)
    books = np.array([trial.books * len(trial.seeds) for trial in trials])
    packs: list[tuple[int, ...]] = []
    for numbers in alike.values():
        share = at_once * books[numbers].sum() / books.sum()
        n = max(-(-books[numbers].sum() // WIDE_BOOKS), min(round(share), len(numbers)), 1)
        if len(alike) == 1:
            # As many for each of those who play.
            n = -(-n // at_once) * at_once
        packs += [tuple(part.tolist()) for part in np.array_split(np.array(numbers), min(n, len(numbers)))]
    return sorted(packs)
