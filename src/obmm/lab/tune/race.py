"""Which candidates go on: halving by rank, and out at once where one is clearly worse on the same seeds.

Figures are signed so that more is better; their means compare because all candidates have the same seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from obmm.lab.compare.statistics import paired_t
from obmm.market import BoolArray, FloatArray, IntArray

#: Of those that reach a rung the best of `HALVING` go on to the next.
HALVING = 2
#: A candidate is out when a one-sided paired test against a better one passes this level. It only spares
#: work, and decides nothing of what is found.
OUT = 0.1


@attrs.frozen
class Decision:
    """What becomes of the candidates at a rung.

    Attributes:
        kept: Those that go on, best first.
        out: Why the others do not, by candidate.
    """

    kept: tuple[str, ...]
    out: Mapping[str, str]


def decide(figures: Mapping[str, FloatArray], racing: Sequence[str], best: Mapping[str, str]) -> Decision:
    """Who of the candidates `racing` goes on.

    Args:
        figures: Candidate → (S, M) figures on the seeds of the rung, more is better; those of `best` too.
        racing: Candidates at this rung.
        best: The best so far, and how they are called: one, or several that no other beats in every figure.

    >>> figures = {"best": np.array([[3.0], [4.0], [5.0]])}
    >>> figures |= {"a": figures["best"] - 1.0, "b": figures["best"] + [[0.5], [0.1], [0.2]]}
    >>> decide(figures, ["a", "b"], {"best": "trial 3"})
    Decision(kept=('b',), out={'a': 'clearly worse than trial 3'})
    """
    out: dict[str, str] = {}
    for name in racing:
        for other, called in best.items():
            if name != other and clearly_worse(figures[name], figures[other]):
                out[name] = f"clearly worse than {called}"
                break
    left = ranked({name: figures[name] for name in racing if name not in out})
    # Half of those that came, not of those that are left: what is clearly worse makes room for nobody.
    places = -(-len(racing) // HALVING)
    for name in left[places:]:
        out[name] = f"behind the best {places} of {len(racing)}"
    return Decision(tuple(left[:places]), out)


def clearly_worse(one: FloatArray, other: FloatArray) -> bool:
    """Whether `one` (S, M) is below `other` in every figure, seed by seed, and by more than noise makes."""
    for column in (one - other).T:
        t, p = paired_t(column)
        if not (t < 0.0 and p / 2.0 < OUT):
            return False
    return True


def ranked(figures: Mapping[str, FloatArray]) -> list[str]:
    """Candidates from best to worst by their means over seeds.

    Of several figures, those that no other beats in every one come first, then those that only these beat,
    and so on; among equals the mean rank over the figures decides, then the order given.
    """
    names = list(figures)
    if not names:
        return []
    means = np.array([figures[name].mean(axis=0) for name in names])
    order: list[str] = []
    left: IntArray = np.arange(len(names))
    while left.size:
        first = unbeaten(means[left])
        layer = left[first]
        places = np.argsort(np.argsort(-means[layer], axis=0, kind="stable"), axis=0, kind="stable")
        order += [names[layer[i]] for i in np.argsort(places.mean(axis=1), kind="stable")]
        left = left[~first]
    return order


def unbeaten(means: FloatArray) -> BoolArray:
    """(N,) which rows of (N, M) no other row beats: at least as good in every figure, better in one.

    >>> unbeaten(np.array([[1.0, 5.0], [2.0, 4.0], [1.0, 4.0]])).tolist()
    [True, True, False]
    """
    as_good = (means[None, :, :] >= means[:, None, :]).all(axis=2)
    better = (means[None, :, :] > means[:, None, :]).any(axis=2)
    unbeaten: BoolArray = ~np.logical_or.reduce(as_good & better, axis=1)
    return unbeaten
