"""Books ranked by what their fills have been worth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from obmm.market import Limits, Reason, Signals, Venue
from obmm.risk import TiersGate
from obmm.signals import FillEdge
from risk.gate_scenes import scene


def verdict(edges: list[float], error: float = 1.0, groups: Any = None, **options: Any) -> Limits:
    """What the gate says of books with these edges in bp."""
    signals = Signals(n_books=len(edges))
    signals.add("fill_edge", np.column_stack([edges, np.full(len(edges), error)]))
    more = {} if groups is None else {"groups": groups, "book_ids": np.arange(len(edges)) % 2}
    limits: Limits = TiersGate(**options)(scene(len(edges), venue=Venue.of(len(edges), **more)), signals)
    return limits


def test_a_book_that_surely_loses_only_reduces() -> None:
    """At -4 bp with an error of 1 bp, not of 4."""
    assert [True, False] == verdict([-4.0, 2.0]).reduce_only.tolist()
    assert [False, False] == verdict([-4.0, 2.0], error=4.0).reduce_only.tolist()
    assert Reason.LOW_EDGE == verdict([-4.0, 2.0]).bid_reason[0]


def test_the_lowest_of_the_others_quote_less() -> None:
    """Two of five; the one that loses is not among those ranked."""
    limits = verdict([5.0, -9.0, 1.0, 3.0, 2.0, 4.0], small_share=0.4, size_factor=0.25)
    assert [1.0, 1.0, 0.25, 1.0, 0.25, 1.0] == limits.bid_size_factor.tolist()
    assert Reason.TIER == limits.ask_reason[2]


@pytest.mark.parametrize("edges", [[2.0, 2.0, 2.0, 2.0], [np.nan] * 4], ids=["level", "unknown"])
def test_books_that_cannot_be_told_apart_are_free(edges: list[float]) -> None:
    """Nothing is said of them."""
    assert Limits.open(4).allows_no_more_than(verdict(edges, small_share=0.5))


def test_books_are_ranked_within_their_account() -> None:
    """The better book of the poorer account is free."""
    limits = verdict([9.0, 8.0, 2.0, 1.0], groups=[0, 0, 1, 1], small_share=0.5)
    assert [1.0, 0.5, 1.0, 0.5] == limits.bid_size_factor.tolist()


def test_a_book_that_is_left_alone_is_tried_again() -> None:
    """What is known of it fades and its error grows."""
    edge, gate = FillEdge(horizon_s=0.0, halflife_s=600.0, prior_quote=300.0), TiersGate()
    reducing = []
    for time_s in range(0, 7200, 600):
        lost = [(0, 270.0, 1.0)] * 5 if time_s == 0 else None
        state = scene(1, time_s=float(time_s + 1), fills=lost)
        signals = Signals(n_books=1)
        signals.add("fill_edge", edge(state, signals))
        reducing.append(bool(gate(state, signals).reduce_only[0]))
    assert reducing[0]
    assert not reducing[-1]
