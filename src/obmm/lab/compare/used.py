"""Which seeds of a comparison were looked at before, and for what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from obmm.lab.trials.seeds import Use, is_confirming
from obmm.settings.books import ranges

#: Purposes in words.
_WORDS = {
    "tune": "tuned on",
    "compare": "compared on",
    "confirm": "confirmed on",
    "simulate": "simulated",
    "study": "studied on",
}


@attrs.frozen(kw_only=True)
class UsedBefore:
    """Seeds of a comparison that were used before it began.

    Attributes:
        purpose: For what.
        seeds: Which of the comparison's seeds.
        times: How often.
        last: When last, UTC.
        folders: Where the results lie.
    """

    purpose: str
    seeds: tuple[int, ...]
    times: int
    last: str
    folders: tuple[str, ...]

    @property
    def words(self) -> str:
        """In words."""
        what = _WORDS.get(self.purpose, self.purpose)
        often = "once" if self.times == 1 else f"{self.times} times"
        return f"{what} {often}: {ranges(self.seeds)} (last {self.last[:10]}, {self.folders[-1]})"

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return attrs.asdict(self)


def used_before(uses: Iterable[Use], seeds: Sequence[int]) -> tuple[UsedBefore, ...]:
    """What a ledger tells of `seeds`, by purpose; tuning first, as it weighs most."""
    found: dict[str, list[Use]] = {}
    for use in uses:
        if set(use.seeds) & set(seeds):
            found.setdefault(use.purpose, []).append(use)
    order = sorted(found, key=lambda purpose: (purpose != "tune", purpose))
    return tuple(
        UsedBefore(
            purpose=purpose,
            seeds=tuple(sorted({seed for use in found[purpose] for seed in use.seeds} & set(seeds))),
            times=len(found[purpose]),
            last=found[purpose][-1].when,
            folders=tuple(dict.fromkeys(use.folder for use in found[purpose])),
        )
        for purpose in order
    )


def seeds_words(seeds: Sequence[int], before: Sequence[UsedBefore]) -> str:
    """What to think of the seeds, in a sentence or two."""
    told = [use.words for use in before]
    fresh = sorted(set(seeds) - {seed for use in before for seed in use.seeds})
    if not told:
        kind = "kept for confirming and " if all(map(is_confirming, seeds)) else ""
        return f"Seeds {ranges(seeds)} are {kind}not in the ledger: nobody looked at them before."
    words = f"Seeds {ranges(seeds)} were used before: {'; '.join(told)}."
    if fresh:
        words += f" Fresh: {ranges(fresh)}."
    if any(use.purpose == "tune" for use in before):
        words += (
            " What is best on seeds it was tuned on need not be better elsewhere: --confirm takes fresh ones."
        )
    return words
