"""What a diagnosis says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import attrs

#: A figure of the evidence.
Figure = float | int | str | None


@attrs.frozen
class Change:
    """One option given another value.

    Attributes:
        path: Stage, such as `gates.inventory`.
        option: Its option.
        old: Value so far.
        new: Value proposed.
        book: Id of the book it concerns; None for all.
    """

    path: str
    option: str
    old: float
    new: float
    book: int | None = None

    @property
    def place(self) -> str:
        """How a configuration names it: `gates.inventory.max_inventory_pct`, `books.7.builder.size_base`."""
        place = f"{self.path}.{self.option}"
        return place if self.book is None else f"books.{self.book}.{place}"

    @property
    def rises(self) -> bool:
        """Whether the value goes up."""
        return self.new > self.old


@attrs.frozen(kw_only=True)
class Finding:
    """Something that costs.

    Attributes:
        kind: Short name, one of each kind in a diagnosis: "outliers", "fees", ….
        title: One sentence that says what is wrong.
        cost: Score lost by it, None where no counterfactual can be computed from the records.
        cost_quote: Money lost by it, quote; None where it cannot be told.
        basis: What the cost was computed from.
        certain: It costs beyond doubt, even if nobody can say how much.
        evidence: Figures by name, units in the names.
        books: Ids of the books concerned, empty for all.
        changes: What to change, most important first; empty where no option helps.
        advice: What to do besides, or instead.
    """

    kind: str
    title: str
    cost: float | None
    cost_quote: float | None = None
    basis: str
    evidence: Mapping[str, Figure]
    books: tuple[int, ...] = ()
    changes: tuple[Change, ...] = ()
    advice: str = ""
    certain: bool = False

    @property
    def rank(self) -> tuple[float, float]:
        """Sorts findings: first by score lost, those without a counterfactual last, then by money."""
        score = -math.inf if self.cost is None else self.cost
        return -score, -(self.cost_quote or 0.0)

    def costs(self, least_score: float) -> bool:
        """Whether it is known to cost: more than `least_score`, or money where no score is told."""
        if self.cost is not None:
            return self.cost > least_score
        return self.certain or (self.cost_quote is not None and self.cost_quote > 0.0)

    def as_table(self) -> dict[str, Any]:
        """Plain values."""
        table = attrs.asdict(self)
        table["changes"] = [{"place": change.place, **attrs.asdict(change)} for change in self.changes]
        return table
