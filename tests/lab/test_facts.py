"""Facts of small markets, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from obmm.lab.facts import Facts, flat, maker_markout_bps, measure
from obmm.lab.history import histories
from obmm.market.state import MarketState
from obmm.market.tape import EventKind, Tape
from obmm.market.venue import SECOND_NS, Venue

ORDER, TRADE, CANCEL = EventKind.ORDER, EventKind.TRADE, EventKind.CANCEL


def tape(*events: tuple[EventKind, float, int, float, float, int]) -> Tape:
    """A tape of one book from (kind, seconds, side, price, size, order id); takers have order id 900 + id."""
    kind, seconds, side, price, size, order = (
        (list(c) for c in zip(*events, strict=True)) if events else [[]] * 6
    )
    traded = np.array(kind) == TRADE
    return Tape(
        offset=[0, len(events)],
        kind=kind,
        time_ns=[round(s * SECOND_NS) for s in seconds],
        side=side,
        price=price,
        size=size,
        order_id=order,
        taker_order_id=np.where(traded, 900 + np.array(order, dtype=int), -1),
        maker_id=np.where(traded, -5, -1),
        taker_id=np.where(traded, 7, -1),
        maker_fee=np.zeros(len(events)),
        taker_fee=np.where(traded, 0.00023 * np.array(price) * np.array(size), 0.0),
        client_id=[-1] * len(events),
    )


def book(second: int, bid: float, ask: float, *events, bid_size: float = 1.0, ask_size: float = 1.0):
    """A one-book state with two levels a side, a tick apart."""
    return MarketState.of_books(
        Venue.of(1),
        [[(bid, bid_size), (round(bid - 0.01, 2), 2.0)]],
        [[(ask, ask_size), (round(ask + 0.02, 2), 3.0)]],
        time_ns=second * SECOND_NS,
        tape=tape(*events),
    )


def small_market() -> list[MarketState]:
    """Order 1 rests a second and is cancelled, order 2 fills twice, order 3 stays."""
    return [
        book(10, 299.0, 301.0),
        book(11, 299.0, 301.0, (ORDER, 10.5, 0, 298.9, 4.0, 1), (ORDER, 10.6, 1, 301.0, 6.0, 2)),
        book(12, 299.5, 301.5, (CANCEL, 11.5, -1, 298.9, 4.0, 1), (TRADE, 11.6, 0, 301.0, 2.0, 2)),
        book(13, 299.5, 301.5, (TRADE, 12.1, 0, 301.0, 4.0, 2), (ORDER, 12.2, 0, 299.6, 1.0, 3)),
        book(14, 299.0, 301.0, bid_size=3.0),
    ]


@pytest.fixture(scope="module")
def pooled() -> Facts:
    """Facts of the small market."""
    return measure(small_market())["pooled"]


def test_rates_are_per_simulated_second(pooled):
    """Five updates are four seconds."""
    assert pooled["seconds"] == 4.0
    assert pooled["rates_per_s"]["order"] == 0.75
    assert pooled["rates_per_s"]["cancel"] == 0.25
    assert pooled["rates_per_s"]["trade"] == 0.5
    assert pooled["trade"]["aggressing_orders_per_s"] == 0.25
    assert pooled["trade"]["notional_per_s"] == pytest.approx(6.0 * 301.0 / 4.0)


def test_flows_are_base_per_minute_from_taker_to_maker():
    """A miner takes 6 base of the wall in 4 seconds; without ids of the classes nothing is told."""
    classes = {"wall": (-3, -9), "noise": (-10, -20), "miners": (9, 0)}
    flow = measure(small_market(), classes)["pooled"]["flow"]
    assert flow["miners"] == {"wall": pytest.approx(90.0), "noise": 0.0, "miners": 0.0}
    assert set(flow["wall"].values()) == set(flow["noise"].values()) == {0.0}
    assert "flow" not in measure(small_market())["pooled"]


def test_lifetimes_run_from_the_orders_own_event(pooled):
    """1 s to the cancel; 1 s and 1.5 s to the two fills; one order of three filled."""
    assert pooled["lifetime_cancelled_s"]["mean"] == pytest.approx(1.0)
    assert pooled["lifetime_to_maker_fill_s"]["n"] == 2.0
    assert pooled["lifetime_to_maker_fill_s"]["mean"] == pytest.approx(1.25)
    assert pooled["limit_orders_that_get_maker_fill_frac"] == pytest.approx(1 / 3)


def test_placement_distance_is_measured_from_the_touch_one_update_earlier(pooled):
    """10 ticks behind, at the touch, 10 ticks inside."""
    distance = pooled["placement_distance_ticks"]
    assert (distance["min"], distance["q50"], distance["max"]) == (-10.0, 0.0, 10.0)


def test_spread_levels_and_gaps_are_in_ticks(pooled):
    """200 ticks of spread, gaps of 1 and 2."""
    assert pooled["spread_ticks"]["mean"] == 200.0
    assert pooled["spread_bps"]["max"] == pytest.approx(2e4 / 300.0)
    assert pooled["levels"]["bid"]["mean"] == 2.0
    assert pooled["level_gap_ticks"]["1-2"]["ask"]["mean"] == 2.0
    assert pooled["level_gap_ticks"]["all"]["mean"] == 1.5
    assert pooled["depth"]["top5"]["ask"]["mean"] == 4.0


def test_a_quarter_of_the_updates_moves_the_mid_neither_way(pooled):
    """Two of four returns are zero."""
    assert pooled["zero_ret1_frac"] == 0.5


def test_a_makers_markout_is_signed_by_its_side():
    """A maker who sold at 301 has gained 100 ticks when the mid stands at 300."""
    (history,) = histories(small_market())
    gain, size = maker_markout_bps(history, 0)
    assert gain == pytest.approx(1e4 * np.array([0.5, 0.5]) / 301.0)
    assert size.tolist() == [2.0, 4.0]
    later, _ = maker_markout_bps(history, 1)
    assert later == pytest.approx(1e4 * np.array([0.5, 1.0]) / 301.0)


def test_fees_of_miners_and_of_the_background_are_told_apart(pooled):
    """The taker is a miner, the maker is not."""
    assert pooled["remote_trades"]["n"] == 2.0
    assert pooled["remote_trades"]["taker_fee_bps"]["mean"] == pytest.approx(2.3)
    assert pooled["local_taker_fee_bps"]["mean"] is None
    assert pooled["local_maker_fee_bps"]["mean"] == 0.0


def test_an_empty_side_keeps_the_last_mid_and_is_counted():
    """One update of five has no bid."""
    states = small_market()
    states[2] = MarketState.of_books(Venue.of(1), [[]], [[(301.0, 1.0)]], time_ns=12 * SECOND_NS)
    padded = [attrs_levels(state) for state in states]
    (history,) = histories(padded)
    assert history.mid.tolist() == [300.0, 300.0, 300.0, 300.5, 300.0]
    assert measure(padded)["pooled"]["one_sided_or_empty_updates"] == 0.2


def attrs_levels(state: MarketState) -> MarketState:
    """The state with exactly two levels a side."""
    bids = [list(zip(state.bid_price[0], state.bid_size[0], strict=True))]
    asks = [list(zip(state.ask_price[0], state.ask_size[0], strict=True))]
    for side in (bids, asks):
        side[0] += [(np.nan, 0.0)] * (2 - len(side[0]))
    return MarketState.of_books(state.venue, bids, asks, time_ns=state.time_ns)


def test_states_must_be_equally_spaced():
    """A gap would make every horizon wrong."""
    states = small_market()
    with pytest.raises(ValueError, match="equally spaced"):
        measure([*states[:2], *states[3:]])
    with pytest.raises(ValueError, match="at least two"):
        measure(states[:1])


def test_facts_need_an_update_each_second():
    """Horizons of one second cannot be read from states two seconds apart."""
    with pytest.raises(ValueError, match="each second"):
        measure(small_market()[::2])


def test_flat_names_are_dotted_and_leave_out_the_unknown(pooled):
    """Ready to be put in a table."""
    names = flat({"pooled": pooled})
    assert names["pooled.trade.volume_per_s"] == 1.5
    assert not any(name.startswith("pooled.local_taker_fee_bps.mean") for name in names)


def test_books_of_one_market_are_correlated_pairwise():
    """Two books that move together correlate to one."""
    venue = Venue.of(2)
    states = [
        MarketState.of_books(
            venue, [[(p - 1, 1.0)], [(p - 2, 1.0)]], [[(p + 1, 1.0)], [(p + 2, 1.0)]], time_ns=k * SECOND_NS
        )
        for k, p in enumerate([300.0, 301.0, 299.0, 300.5, 300.0])
    ]
    facts = measure(states)
    assert facts["cross_book_corr"]["1s"]["mean"] == pytest.approx(1.0)
    assert facts["cross_book_corr"]["300s"]["mean"] is None
