"""Quotes around a fair value: the formula by hand, and the laws of skew."""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.quote_scenes import scene, signals
from obmm.execution import SkewedBuilder, lock
from obmm.market import Limits, MarketState, Quotes, Reason, Venue

CALM: dict[str, Any] = {"volatility": "", "min_edge_bps": 0.0}


def bounded(n_books: int = 1, limit: float = 50.0, **words: Any) -> Limits:
    """Open limits with a position bound, not yet enforced."""
    return Limits.open(n_books).tightened(position_limit=limit, reason=Reason.NEAR_LIMIT, **words)


def quoted(builder: SkewedBuilder, state: MarketState, limits: Limits | None = None, **values: Any) -> Quotes:
    """What may be sent around a fair value of 300 unless told otherwise."""
    heard = signals(state.n_books, **{"microprice": 300.0, **values})
    given = limits or bounded(state.n_books)
    return lock(builder(state, heard, given), given, state)


def test_half_spread_by_hand() -> None:
    """10 bp around 300.00 in a calm book: 299.85 and 300.15."""
    quotes = quoted(SkewedBuilder(target_spread_bps=10.0, **CALM), scene())
    assert (299.85, 300.15) == (quotes.bid_price[0, 0], quotes.ask_price[0, 0])


def test_volatility_widens() -> None:
    """At the reference volatility the spread has doubled."""
    builder = SkewedBuilder(target_spread_bps=10.0, vol_ref=0.002, min_edge_bps=0.0)
    quotes = quoted(builder, scene(2), volatility=[0.002, 0.001])
    assert [299.7, 299.77] == quotes.bid_price[:, 0].tolist()


def test_unknown_volatility_counts_as_the_reference() -> None:
    """A builder does not fall silent for want of a volatility, nor quote as if there were none."""
    builder = SkewedBuilder(target_spread_bps=10.0, vol_ref=0.002, min_edge_bps=0.0)
    quotes = quoted(builder, scene(2), volatility=[np.nan, 0.002])
    assert quotes.bid_price[0, 0] == quotes.bid_price[1, 0]


def test_the_spread_factor_of_the_limits_widens() -> None:
    """X 1.2 of 15 ticks are 18."""
    quotes = quoted(SkewedBuilder(**CALM), scene(), bounded(spread_factor=1.2))
    assert (299.82, 300.18) == (quotes.bid_price[0, 0], quotes.ask_price[0, 0])


def test_the_signal_shifts_and_sizes() -> None:
    """Full signal: both quotes up by 0.3 half-spreads of 15 ticks, sizes 1.5 and 0.5."""
    builder = SkewedBuilder(signal="imbalance", size_base=1.0, **CALM)
    quotes = quoted(builder, scene(), imbalance=1.0)
    assert (299.89, 300.2) == (quotes.bid_price[0, 0], quotes.ask_price[0, 0])
    assert (1.5, 0.5) == (quotes.bid_size[0, 0], quotes.ask_size[0, 0])


def test_the_inventory_skews_against_itself() -> None:
    """Half of the bound at factor 1 is a skew of 0.5: quotes down by a quarter half-spread, 3.75 ticks."""
    builder = SkewedBuilder(inventory_skew_factor=1.0, size_base=1.0, **CALM)
    quotes = quoted(builder, scene(position=25.0))
    assert (299.81, 300.12) == (quotes.bid_price[0, 0], quotes.ask_price[0, 0])
    assert (0.75, 1.25) == (quotes.bid_size[0, 0], quotes.ask_size[0, 0])


def test_sizes_stay_between_half_and_double() -> None:
    """Signal and skew together do not silence a side."""
    builder = SkewedBuilder(signal="imbalance", inventory_skew_factor=1.0, size_base=1.0, **CALM)
    quotes = quoted(builder, scene(position=-40.0), imbalance=1.0)
    assert (1.9, 0.5) == (quotes.bid_size[0, 0], quotes.ask_size[0, 0])


def test_a_missing_signal_is_no_signal() -> None:
    """NaN neither shifts nor silences."""
    builder = SkewedBuilder(signal="imbalance", **CALM)
    assert quoted(builder, scene(), imbalance=np.nan) == quoted(builder, scene(), imbalance=0.0)


def test_without_a_fair_value_no_quotes() -> None:
    """Both sides say so; the other book quotes."""
    quotes = quoted(SkewedBuilder(**CALM), scene(2), microprice=[np.nan, 300.0])
    assert [Reason.NO_FAIR_PRICE, 0] == quotes.bid_reason.tolist() == quotes.ask_reason.tolist()
    assert [[False], [True]] == quotes.has_bid.tolist()


def test_the_edge_after_the_maker_rate_is_kept() -> None:
    """1 bp of half-spread, 2 bp of edge and 3 bp of fee: 5 bp away on either side."""
    builder = SkewedBuilder(target_spread_bps=2.0, min_edge_bps=2.0, volatility="")
    quotes = quoted(builder, scene(maker_rate=0.0003))
    assert (299.85, 300.15) == (quotes.bid_price[0, 0], quotes.ask_price[0, 0])


def test_no_rebate_carries_a_quote_past_the_fair_value() -> None:
    """However much the venue pays, bid and ask stay a tick apart around the fair value."""
    builder = SkewedBuilder(target_spread_bps=0.0, min_edge_bps=0.0, volatility="")
    quotes = quoted(builder, scene(maker_rate=-0.01))
    assert (299.99, 300.0) == (quotes.bid_price[0, 0], quotes.ask_price[0, 0])


def test_a_price_below_the_first_tick_is_no_edge() -> None:
    """Asked for more edge than the price holds, the bid says why it stays away."""
    quotes = quoted(SkewedBuilder(min_edge_bps=10_000.0, volatility=""), scene())
    assert [Reason.NO_EDGE] == quotes.bid_reason.tolist()
    assert quotes.has_ask[0, 0]


def test_a_size_below_the_minimum_is_lifted_with_a_notice() -> None:
    """0.2 base becomes the venue's 0.25 and the builder tells where; 0.3 stays."""
    builder = SkewedBuilder(size_base=np.array([0.2, 0.3]), **CALM)
    quotes = quoted(builder, scene(2))
    assert [0.25, 0.3] == quotes.bid_size[:, 0].tolist()
    assert [(True, False)] == [tuple(news.books) for news in builder.news]


def test_what_a_factor_leaves_below_the_minimum_is_not_sent() -> None:
    """The wish is lifted, then risk acts: half of 0.3 is nothing, half of 0.6 is 0.3."""
    limits = bounded(2, bid_size_factor=0.5)
    quotes = quoted(SkewedBuilder(size_base=np.array([0.3, 0.6]), **CALM), scene(2), limits)
    assert [0.0, 0.3] == quotes.bid_size[:, 0].tolist()
    assert [0.3, 0.6] == quotes.ask_size[:, 0].tolist()
    assert [Reason.SIZE_TOO_SMALL, 0] == quotes.bid_reason.tolist()


def test_sizes_are_cut_to_whole_lots() -> None:
    """Rounding comes after the multipliers: 0.33335 x 1.0 is 0.3333."""
    quotes = quoted(SkewedBuilder(size_base=0.33335, **CALM), scene())
    assert 0.3333 == quotes.bid_size[0, 0]


def test_reducing_does_not_pass_zero() -> None:
    """Long 0.4 and reduce-only: an ask of 0.4, no bid; long 0.1: nothing that the venue would take."""
    limits = bounded(2, reduce_only=True).enforced(np.array([0.4, 0.1]))
    quotes = quoted(SkewedBuilder(size_base=1.0, **CALM), scene(2, position=[0.4, 0.1]), limits)
    assert [0.4, 0.0] == quotes.ask_size[:, 0].tolist()
    assert [0, Reason.SIZE_TOO_SMALL] == quotes.ask_reason.tolist()
    assert not quotes.has_bid.any()


def test_adding_stops_at_the_bound() -> None:
    """Long 9.6 of 10: a bid may add 0.4, not 1."""
    quotes = quoted(SkewedBuilder(size_base=1.0, **CALM), scene(position=9.6), bounded(limit=10.0))
    assert 0.4 == quotes.bid_size[0, 0]


def test_without_a_bound_there_is_no_skew() -> None:
    """An unlimited book has no measure to lean by."""
    state = scene(position=25.0)
    assert 299.85 == quoted(SkewedBuilder(**CALM), state, Limits.open(1)).bid_price[0, 0]


def test_a_bound_of_zero_leans_fully() -> None:
    """The smallest position is already all of it."""
    builder = SkewedBuilder(inventory_skew_factor=1.0, size_base=1.0, **CALM)
    limits = bounded(limit=0.0).enforced(np.array([1.0]))
    quotes = quoted(builder, scene(position=1.0), limits)
    assert (False, 300.08) == (quotes.has_bid[0, 0], quotes.ask_price[0, 0])


def test_needs_name_only_what_is_used() -> None:
    """Empty names need nothing."""
    assert frozenset({"microprice", "volatility"}) == SkewedBuilder().needs
    assert frozenset({"mid", "flow"}) == SkewedBuilder(fair="mid", signal="flow", volatility="").needs


def test_options_may_differ_between_books() -> None:
    """Arrays (B,) give each book what its own number would."""
    rng = np.random.default_rng(1)
    fields = [f.name for f in attrs.fields(SkewedBuilder) if f.metadata.get("per_book")]
    defaults = {name: getattr(SkewedBuilder(), name) for name in fields}
    values = {name: default * rng.uniform(0.5, 2.0, 3) for name, default in defaults.items()}
    state, given_limits = scene(3, position=[-5.0, 0.0, 5.0]), bounded(3)
    heard = {"volatility": 0.001, "imbalance": 0.5}
    mixed = quoted(SkewedBuilder(signal="imbalance", **values), state, given_limits, **heard)
    for book in range(3):
        alone = SkewedBuilder(signal="imbalance", **{name: float(v[book]) for name, v in values.items()})
        expected = quoted(alone, state, given_limits, **heard)
        for column in ("bid_price", "ask_price", "bid_size", "ask_size"):
            assert getattr(expected, column)[book] == getattr(mixed, column)[book]


POSITIONS = st.floats(-49.0, 49.0)
SIGNAL = st.floats(-1.0, 1.0)


@settings(max_examples=200)
@given(a=POSITIONS, b=POSITIONS, signal=SIGNAL, factor=st.floats(0.0, 2.0))
def test_skew_is_monotone_in_inventory(a: float, b: float, signal: float, factor: float) -> None:
    """More base: no quote higher, no larger bid, no smaller ask."""
    low, high = sorted((a, b))
    builder = SkewedBuilder(signal="s", inventory_skew_factor=factor, size_base=2.0, **CALM)
    state = scene(2, position=[low, high], bids=[(250.0, 1.0)], asks=[(350.0, 1.0)])
    quotes = quoted(builder, state, bounded(2), s=signal)
    for price in (quotes.bid_price[:, 0], quotes.ask_price[:, 0]):
        assert price[1] <= price[0] or np.isnan(price).any()
    assert quotes.bid_size[1, 0] <= quotes.bid_size[0, 0]
    assert quotes.ask_size[1, 0] >= quotes.ask_size[0, 0]


@given(factor=st.floats(0.0, 5.0), spread=st.floats(0.0, 100.0))
def test_no_position_no_skew(factor: float, spread: float) -> None:
    """At the endowment the quotes are those of a builder that does not skew."""
    one = SkewedBuilder(inventory_skew_factor=factor, target_spread_bps=spread, volatility="")
    other = SkewedBuilder(inventory_skew_factor=0.0, target_spread_bps=spread, volatility="")
    assert quoted(one, scene()) == quoted(other, scene())


@settings(max_examples=200)
@given(
    position=st.floats(-80.0, 80.0),
    limit=st.floats(0.0, 60.0),
    soft=st.floats(0.0, 1.0),
    size=st.floats(0.01, 100.0),
    signal=SIGNAL,
)
def test_a_fill_never_carries_the_position_past_its_bound(
    position: float, limit: float, soft: float, size: float, signal: float
) -> None:
    """Whatever fills completely adds no risk beyond the bound, and no reduction passes zero at the limit."""
    limits = bounded(limit=limit, position_soft=soft * limit).enforced(np.array([position]))
    builder = SkewedBuilder(signal="s", size_base=size, **CALM)
    quotes = quoted(builder, scene(position=position), limits, s=signal)
    bid, ask = quotes.bid_size.sum(), quotes.ask_size.sum()
    assert bid == 0.0 or position + bid <= limit + 1e-9
    assert ask == 0.0 or position - ask >= -limit - 1e-9
    if abs(position) >= limit:
        assert abs(position + bid) <= abs(position)
        assert abs(position - ask) <= abs(position)


@settings(max_examples=200)
@given(
    fair=st.floats(1.0, 1_000.0),
    edge=st.floats(-5.0, 20.0),
    rate=st.floats(-0.002, 0.002),
    spread=st.floats(0.0, 40.0),
    signal=SIGNAL,
    decimals=st.integers(0, 4),
)
def test_prices_are_on_the_grid_and_keep_the_edge(
    fair: float, edge: float, rate: float, spread: float, signal: float, decimals: int
) -> None:
    """Whole ticks, rounded away from the fair value, at least edge and fee away, bid below ask."""
    venue = Venue.of(1, price_decimals=decimals)
    builder = SkewedBuilder(signal="s", min_edge_bps=edge, target_spread_bps=spread, volatility="")
    state = scene(venue=venue, maker_rate=rate)
    quotes = quoted(builder, state, microprice=fair, s=signal)
    bid, ask = float(quotes.bid_price[0, 0]), float(quotes.ask_price[0, 0])
    least = max(edge + 1e4 * rate, 0.0) * fair / 1e4
    slack = 1e-8 * fair + 1e-8
    assert math.isnan(bid) or fair - bid >= least - slack
    assert ask - fair >= least - slack
    assert not bid >= ask
    for price in (bid, ask):
        assert math.isnan(price) or price * 10**decimals == pytest.approx(
            round(price * 10**decimals), abs=1e-6
        )
