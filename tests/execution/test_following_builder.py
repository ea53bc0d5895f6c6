"""A position is brought to where a signal points, by taking where that is cheap and else by resting."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.quote_scenes import scene
from obmm.execution import FollowingBuilder, LadderBuilder, TakingBuilder, TouchBuilder
from obmm.market import Limits, MarketState, Quotes, Reason, Signals

#: Half a spread of 0.33 bp; a take costs that and 2.3 bp.
TIGHT: dict[str, Any] = {"bids": [(299.99, 90.0)], "asks": [(300.01, 90.0)]}
BOUND = 10.0


@attrs.define
class FixedQuotes:
    """A builder that always wants the same."""

    quotes: Quotes

    def __call__(self, state: MarketState, signals: Signals, limits: Limits) -> Quotes:
        return self.quotes


def wished(builder: FollowingBuilder, flow: float, *, bound: float = BOUND, **of_scene: Any) -> Quotes:
    """What the builder wants where the signal says `flow`."""
    signals = Signals(n_books=1)
    signals.add("flow", np.array([flow]))
    limits = Limits.of(1, position_limit=bound, reason=Reason.CUSTOM)
    return builder(scene(**TIGHT, **of_scene), signals, limits)


def follower(**options: Any) -> FollowingBuilder:
    """One that takes at any cost, without a band."""
    return FollowingBuilder(
        **{"signal": "flow", "flat_cost_bps": 9.0, "size_base": 90.0, "band_share": 0.0} | options
    )


def bought(quotes: Quotes) -> float:
    """Base that is taken; a sale counts negative."""
    buys = quotes.bid_size[0, 0] * (quotes.bid_price[0, 0] >= 300.01)
    sells = quotes.ask_size[0, 0] * (quotes.ask_price[0, 0] <= 299.99)
    return float(buys - sells)


@pytest.mark.parametrize("flow", [-0.7, -0.2, 0.2, 0.7, 2.0])
@pytest.mark.parametrize("position", [-6.0, 0.0, 6.0])
def test_a_take_closes_the_gap_to_the_target(flow: float, position: float) -> None:
    """Target: the bound times the signal, cut to ±1."""
    expected = BOUND * min(flow, 1.0) - position
    assert expected == pytest.approx(bought(wished(follower(), flow, position=position)), abs=1e-9)


def test_gain_and_share_scale_the_target() -> None:
    """10 base x 0.5 x (3 x 0.2) = 3."""
    assert 3.0 == pytest.approx(bought(wished(follower(gain=3.0, target_share=0.5), 0.2)))


@given(position=st.floats(-9.0, 9.0), flow=st.floats(-1.0, 1.0))
def test_a_take_ends_at_the_nearer_edge_of_the_band(position: float, flow: float) -> None:
    """Within the band nothing is taken; beyond it what is left is the band's width from the target."""
    position = round(position, 4)
    took = bought(wished(follower(band_share=0.2, around=TakingBuilder()), flow, position=position))
    beyond = abs(position - BOUND * flow) - 2.0
    if beyond >= 0.25:
        assert beyond == pytest.approx(abs(took), abs=1e-6)
        assert np.sign(BOUND * flow - position) == np.sign(took)
    else:
        assert 0.0 == took


def test_a_take_that_is_paid_goes_all_the_way() -> None:
    """The rebate of 10 bp is worth it inside the band, too."""
    follow = follower(band_share=1.0)
    assert 5.0 == pytest.approx(bought(wished(follow, 0.5, maker_rate=0.0012, taker_rate=-0.001)))


@pytest.mark.parametrize("cost_bps", [2.6, 2.7])
def test_nothing_is_taken_for_more_than_it_may_cost(cost_bps: float) -> None:
    """0.33 bp of half a spread and 2.3 bp of fee."""
    expected = 5.0 if cost_bps > 2.64 else 0.0
    assert expected == pytest.approx(bought(wished(follower(flat_cost_bps=cost_bps), 0.5)))


@pytest.mark.parametrize(("flow", "expected"), [(0.5, (5.0, 0.25)), (-0.5, (0.25, 5.0))])
def test_where_taking_is_too_dear_the_side_of_the_target_joins_the_touch(
    flow: float, expected: tuple[float, float]
) -> None:
    """The other side stays as the other builder wished it, on all its levels."""
    inner = TouchBuilder(size_base=0.25, min_edge_bps=-5.0)
    around = LadderBuilder(levels=2, around=inner)
    quotes = wished(follower(flat_cost_bps=0.0, join_bps=np.inf, around=around), flow)
    assert expected == pytest.approx((quotes.bid_size[0, 0], quotes.ask_size[0, 0]))
    assert (299.99, 300.01) == (quotes.bid_price[0, 0], quotes.ask_price[0, 0])
    assert [flow < 0.0, flow > 0.0] == [quotes.has_bid[0, 1], quotes.has_ask[0, 1]]


@pytest.mark.parametrize(("join_bps", "expected"), [(0.0, 0.25), (0.33, 0.25), (0.34, 5.0)])
def test_where_the_spread_is_wide_it_does_not_join(join_bps: float, expected: float) -> None:
    """Half of 0.02 is 0.333 bp of 300."""
    around = TouchBuilder(size_base=0.25, min_edge_bps=-5.0)
    quotes = wished(follower(flat_cost_bps=0.0, join_bps=join_bps, around=around), 0.5)
    assert expected == pytest.approx(quotes.bid_size[0, 0])


@pytest.mark.parametrize("options", [{"signal": ""}, {}])
def test_without_a_direction_it_takes_toward_no_position(options: dict[str, Any]) -> None:
    """No signal, or one that is not known: as `taking` does."""
    assert -6.0 == pytest.approx(bought(wished(follower(**options), np.nan, position=6.0)))


def test_without_a_bound_no_position_is_wished() -> None:
    """There is nothing that the target could be a share of."""
    assert 0.0 == bought(wished(follower(), 1.0, bound=np.inf))


def waiting(distance: float) -> FixedQuotes:
    """Two levels a side, the first so many quote from 300, the second ten times as far."""
    steps = np.array([[distance, 10.0 * distance]])
    return FixedQuotes(Quotes.of(bid_price=300.0 - steps, ask_price=300.0 + steps, size=[[2.0, 3.0]]))


@pytest.mark.parametrize(
    ("options", "reached"), [({}, 300.01), ({"flat_cost_bps": 0.0, "join_bps": np.inf}, 299.99)]
)
def test_with_beside_what_waits_keeps_standing_behind_what_is_bought(
    options: dict[str, Any], reached: float
) -> None:
    """A take, or an order at the touch, comes first on its side; both sides of the other builder stay."""
    quotes = wished(follower(beside=True, around=waiting(0.3), **options), 0.5)
    assert quotes.bid_price[0].tolist() == pytest.approx([reached, 299.7, 297.0])
    assert quotes.bid_size[0].tolist() == pytest.approx([5.0, 2.0, 3.0])
    assert quotes.ask_price[0, :2].tolist() == pytest.approx([300.3, 303.0])
    assert [2.0, 3.0, 0.0] == quotes.ask_size[0].tolist()


def test_without_beside_a_take_is_alone_on_its_book() -> None:
    """The other builder is not heard where something is taken."""
    quotes = wished(follower(around=waiting(0.3)), 0.5)
    assert ([[5.0, 0.0]], [[0.0, 0.0]]) == (quotes.bid_size.tolist(), quotes.ask_size.tolist())


def test_what_would_trade_with_a_take_goes() -> None:
    """An ask of the other builder at the price that is paid would be bought from oneself."""
    quotes = wished(follower(beside=True, around=waiting(0.01)), 0.5)
    assert [300.01, 299.99, 299.9] == pytest.approx(quotes.bid_price[0].tolist())
    assert not quotes.has_ask.any()


@given(
    position=st.floats(-9.0, 9.0),
    flow=st.floats(-1.0, 1.0),
    join_bps=st.sampled_from([0.0, 2.0, np.inf]),
    cost_bps=st.floats(0.0, 5.0),
)
def test_beside_changes_nothing_but_what_else_stands(
    position: float, flow: float, join_bps: float, cost_bps: float
) -> None:
    """What is taken is the same, and all that waits is there whatever is taken."""
    options = {"around": waiting(0.3), "join_bps": join_bps, "flat_cost_bps": cost_bps}
    alone, beside = (
        wished(follower(beside=keep, **options), flow, position=round(position, 4)) for keep in (False, True)
    )
    assert bought(alone) == bought(beside)
    for side in ("bid", "ask"):
        prices, sizes = getattr(beside, f"{side}_price")[0], getattr(beside, f"{side}_size")[0]
        far = np.abs(prices - 300.0) > 0.1
        assert [2.0, 3.0] == sizes[far].tolist()
