"""Stages written for one book at a time."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest

from obmm.agent import Pipeline, resolve
from obmm.market import Book, Limits, Quotes, Reason, Signals, per_book
from obmm.settings.toml import parse_layer
from obmm.testing import Flaw, checks_for, group_of, random_state, spoiled


@per_book
def tilt(book: Book, depth: int = 3, scale: float = 1.0) -> float:
    """More on the bid side than on the ask side."""
    bids, asks = (sum(size for _, size in side[:depth]) for side in (book.bids, book.asks))
    return scale * (bids - asks) / (bids + asks)


@per_book(needs=["volatility"], warmup_s=5.0)
def calm(book: Book, most: float = 0.001) -> Limits:
    """Quiet where it is loud."""
    return Limits.of(1, allowed=not book.signal("volatility") > most, reason=Reason.CUSTOM)


@per_book
def behind(book: Book, limits: Limits, ticks: float = 2.0, levels: int = 2) -> Quotes:
    """Some levels behind the best price, fewer with a position."""
    count = levels if book.position <= 0.0 else 1
    away = book.tick * ticks * float(limits.spread_factor[0]) * np.arange(1, count + 1)
    return Quotes.of(bid_price=[book.best_bid - away], ask_price=[book.best_ask + away], size=0.5)


STAGES: dict[str, Any] = {"signals": tilt, "gates": calm, "builders": behind}
CHECKS = [
    pytest.param(check.run, id=f"{group}: {check.name}")
    for group, stage in STAGES.items()
    for check in checks_for(stage)
]


@pytest.mark.parametrize("check", CHECKS)
def test_keeps_the_contract_of_a_stage(check: Callable[[], None]) -> None:
    """Whatever a function of one book becomes."""
    check()


def test_the_result_says_what_it_is() -> None:
    """A signal, a gate or a builder."""
    assert list(STAGES) == [group_of(stage) for stage in STAGES.values()]


def test_a_signal_is_what_the_function_says_of_each_sound_book() -> None:
    """NaN elsewhere, and the function is not asked there."""
    state = spoiled(random_state(1, n_books=3), {1: Flaw.EMPTY})
    heard = Signals(n_books=3)
    value = tilt(depth=1)(state, heard)  # type: ignore[call-arg]
    bid, ask = state.bid_size[:, 0], state.ask_size[:, 0]
    expected = np.where([True, False, True], (bid - ask) / np.where(bid + ask > 0.0, bid + ask, 1.0), np.nan)
    np.testing.assert_allclose(expected, value)


def test_a_number_may_differ_between_books() -> None:
    """An array (B,) gives each book its own."""
    state, heard = random_state(1, n_books=2), Signals(n_books=2)
    plain, scaled = tilt(), tilt(scale=np.array([1.0, 3.0]))  # type: ignore[call-arg]
    np.testing.assert_allclose(plain(state, heard) * [1.0, 3.0], scaled(state, heard))


def test_options_and_words_are_those_of_the_function() -> None:
    """Name, options, needs, sentence; and it can be pickled."""
    fields = attrs.fields_dict(tilt)
    assert {"depth": False, "scale": True} == {
        k: f.metadata.get("per_book", False) for k, f in fields.items()
    }
    assert ("tilt", __name__) == (tilt.__name__, tilt.__module__)
    assert "More on the bid side than on the ask side." == tilt.__doc__
    assert (frozenset({"volatility"}), 5.0) == (calm().needs, calm().warmup_s)
    assert tilt() == pickle.loads(pickle.dumps(tilt()))


def test_levels_may_differ_between_books() -> None:
    """Missing ones are none."""
    state = random_state(1, n_books=4)
    accounts = state.accounts
    more = np.array([1.0, -1.0, 1.0, -1.0]) - accounts.position
    moved = attrs.evolve(accounts, base_total=accounts.base_total + more)
    state = attrs.evolve(state, accounts=moved)
    quotes = behind()(state, Signals(n_books=4), Limits.open(4))  # type: ignore[operator]
    assert [1, 2, 1, 2] == quotes.has_bid.sum(axis=1).tolist()


def test_it_works_in_a_configuration() -> None:
    """By `module:function`, with options, single books and reads that are checked."""
    text = (
        'extends = "touch"\n'
        'signals = [{ kind = "market.test_per_book:tilt", name = "tilt", depth = 2 }]\n'
        'gates = [{ kind = "market.test_per_book:calm", name = "calm", most = 0 }]\n'
        'builder = { kind = "market.test_per_book:behind" }\n'
        "[books.1]\ngates.calm.most = 9.0\n"
    )
    state = random_state(1, n_books=3)
    step = Pipeline.bind(resolve(parse_layer(text, "my.toml")), state.venue)(state)
    assert np.isfinite(step.signals["tilt"]).all()
    assert step.gate_limits["calm"].bid_allowed[1]


def unclear(book: Book):  # type: ignore[no-untyped-def]
    """Says nothing of its result."""


def open_ended(book: Book, ticks: float) -> float:
    """An option without a default."""
    return ticks


@pytest.mark.parametrize(
    ("function", "what"),
    [(unclear, "unclear: annotate the result as float"), (open_ended, "the option 'ticks' needs a default")],
)
def test_what_cannot_be_a_stage_is_refused(function: Callable[..., Any], what: str) -> None:
    """When it is decorated."""
    with pytest.raises(TypeError, match=what):
        per_book(function)
