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
        wide = int(books[numbers].sum())
        if len(alike) == 1:
            n = n_packs(len(numbers), wide, at_once)
        else:
            n = max(-(-wide // WIDE_BOOKS), round(at_once * wide / books.sum()), 1)
        packs += [tuple(part.tolist()) for part in np.array_split(np.array(numbers), min(n, len(numbers)))]
    return sorted(packs)


def n_packs(trials: int, books: int, at_once: int) -> int:
    """How many packs trials that all go together make: as many for each of those who play.

    Args:
        trials: How many trials.
        books: Books of all of them.
        at_once: How many packs are played at a time.

    >>> n_packs(trials=8, books=256, at_once=2), n_packs(trials=8, books=264, at_once=2)
    (2, 4)
    """
    fewest = max(-(-books // WIDE_BOOKS), 1)
    return min(-(-fewest // at_once) * at_once, trials)
