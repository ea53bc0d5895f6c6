"""Several levels behind the quote of another builder."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.quote_scenes import scene, signals
from obmm.execution import FillRate, LadderBuilder, SkewedBuilder, TouchBuilder, lock
from obmm.market import Builder, Feed, Limits, MarketState, Quotes, Reason, Signals
from obmm.settings.registry import find


def quoted(builder: Builder, state: MarketState, limits: Limits | None = None, **values: Any) -> Quotes:
    """What may be sent of what the builder wants."""
    given = limits or Limits.open(state.n_books)
    return lock(builder(state, signals(state.n_books, **values), given), given, state)


def test_levels_step_away_from_the_touch() -> None:
    """Every level is one step behind the one before, with its share of size."""
    ladder = LadderBuilder(around=TouchBuilder(size_base=0.5), levels=3, step_ticks=5.0, size_growth=2.0)
    quotes = quoted(ladder, scene())
    assert [299.5, 299.45, 299.4] == quotes.bid_price[0].tolist()
    assert [300.5, 300.55, 300.6] == quotes.ask_price[0].tolist()
    assert [0.5, 1.0, 2.0] == quotes.bid_size[0].tolist()


def test_steps_in_basis_points_round_away() -> None:
    """1 bp of 299.50 is 2.995 ticks: 3 and 6 ticks behind."""
    ladder = LadderBuilder(levels=3, step_ticks=0.0, step_bps=1.0)
    assert [299.5, 299.47, 299.44] == quoted(ladder, scene()).bid_price[0].tolist()


def test_levels_are_at_least_a_tick_apart() -> None:
    """No two orders share a price, however small the step."""
    ladder = LadderBuilder(levels=3, step_ticks=0.0)
    assert [299.5, 299.49, 299.48] == quoted(ladder, scene()).bid_price[0].tolist()


def test_the_first_level_is_the_inner_builders() -> None:
    """A ladder of one is its inner builder."""
    inner = SkewedBuilder(volatility="")
    heard = {"microprice": 300.0}
    assert quoted(inner, scene(), **heard) == quoted(LadderBuilder(around=inner, levels=1), scene(), **heard)


def test_what_does_not_fit_is_cut_from_the_far_end() -> None:
    """Room for 0.9 base: 0.5, then 0.4, then nothing."""
    limits = Limits.open(1).tightened(position_limit=0.9, reason=Reason.NEAR_LIMIT)
    quotes = quoted(LadderBuilder(levels=3), scene(), limits)
    assert [0.5, 0.4, 0.0] == quotes.bid_size[0].tolist()
    assert np.isnan(quotes.bid_price[0, 2])


def test_growth_below_one_is_lifted_to_the_minimum() -> None:
    """0.3, then 0.15 lifted to 0.25, with a notice; the inner builder's own notice passes through."""
    ladder = LadderBuilder(around=TouchBuilder(size_base=0.3), levels=2, size_growth=0.5)
    assert [0.3, 0.25] == quoted(ladder, scene()).bid_size[0].tolist()
    assert [[True]] == [news.books.tolist() for news in ladder.news]
    small = LadderBuilder(around=TouchBuilder(size_base=0.1), levels=1)
    quoted(small, scene())
    assert [[True]] == [news.books.tolist() for news in small.news]


def test_reasons_are_the_inner_builders() -> None:
    """A side the inner builder leaves empty stays empty for its reason."""
    quotes = quoted(LadderBuilder(), scene(bids=[]))
    assert [Reason.NO_FAIR_PRICE] == quotes.bid_reason.tolist()
    assert not quotes.has_bid.any()


def test_only_a_builder_can_be_inside() -> None:
    """Anything that cannot be called is refused at once."""
    with pytest.raises(TypeError, match="around"):
        LadderBuilder(around=3)


def test_ladders_do_not_share_their_inner_builder() -> None:
    """Two ladders made around one instance remember apart."""
    inner = TouchBuilder(size_base=0.1)
    one, other = LadderBuilder(around=inner), LadderBuilder(around=inner)
    quoted(one, scene())
    assert () == inner.news == other.around.news


def test_reset_reaches_the_inner_builder_and_its_controller() -> None:
    """Everything starts afresh."""
    ladder = LadderBuilder(around=TouchBuilder(size_base=0.1, controller=FillRate()))
    quoted(ladder, scene())
    ladder.reset()
    assert () == ladder.news == ladder.around.news
    assert FillRate() == ladder.around.controller


class Bare:
    """A user's builder that offers nothing but a call."""

    def __call__(self, state: MarketState, signals: Signals, limits: Limits) -> Quotes:
        """The touch builder's quotes."""
        return TouchBuilder()(state, signals, limits)


def test_a_plain_callable_will_do() -> None:
    """No needs, no warm-up, nothing to reset."""
    ladder = LadderBuilder(around=Bare())
    nothing: frozenset[Feed | str] = frozenset()
    ladder.reset()
    assert (nothing, 0.0) == (ladder.needs, ladder.warmup_s)
    assert 3 == quoted(ladder, scene()).has_bid.sum()


def test_it_is_found_by_name() -> None:
    """The names of the configuration."""
    assert [LadderBuilder, SkewedBuilder, TouchBuilder] == [
        find("builders", name) for name in ("ladder", "skewed", "touch")
    ]


@settings(max_examples=100)
@given(
    levels=st.integers(1, 6),
    step=st.floats(0.0, 10.0),
    bps=st.floats(0.0, 5.0),
    growth=st.floats(0.0, 2.0),
    room=st.floats(0.0, 5.0),
)
def test_ladders_are_well_formed(levels: int, step: float, bps: float, growth: float, room: float) -> None:
    """Strictly ordered levels without holes, whole lots of at least the minimum, sum within the room."""
    limits = Limits.open(1).tightened(position_limit=room, reason=Reason.NEAR_LIMIT)
    ladder = LadderBuilder(levels=levels, step_ticks=step, step_bps=bps, size_growth=growth)
    quotes = quoted(ladder, scene(), limits)
    for price, size, sign in (
        (quotes.bid_price[0], quotes.bid_size[0], -1.0),
        (quotes.ask_price[0], quotes.ask_size[0], 1.0),
    ):
        n = int((size > 0.0).sum())
        assert np.all(size[:n] >= 0.25)
        assert np.all(size[n:] == 0.0)
        assert np.all(np.diff(sign * price[:n]) > 0.005)
        assert np.isnan(price[n:]).all()
        assert size.sum() <= room + 1e-9
