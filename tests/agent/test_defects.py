"""Ten defects of the first agents of this kind, each named and kept out."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.agent import MarketMaker, preset_names, resolve
from obmm.market import (
    BUY,
    Accounts,
    InstructionKind,
    Limits,
    MarketState,
    Orders,
    Quotes,
    Reason,
    Signals,
    TimeInForce,
    Venue,
)
from obmm.settings.toml import parse_layer
from obmm.signals import Imbalance, Volatility
from obmm.testing import random_states
from obmm.testing.paper import PaperOrders

WARM = 120


def answers(source, states: list[MarketState]) -> list[tuple[MarketState, Orders]]:
    """States and answers of a market in which own orders stand and do not trade."""
    maker, paper, seen = MarketMaker(source), PaperOrders(states[0].n_books), []
    for bare in states:
        state = paper.dressed(bare)
        seen.append((state, maker.respond(state)))
        paper.submit(*seen[-1])
    return seen


def test_1_the_endowment_is_not_inventory():
    """An account that starts with half its wealth in base quotes both sides of every book at once."""
    states = random_states(11, WARM, n_books=6)
    base = np.full(6, 83.0)
    endowed = Accounts.of(6, base=base, quote=25_000.0)
    maker = MarketMaker(resolve("balanced"))
    for state in states:
        decision = maker.decide(attrs.evolve(state, accounts=endowed))
    assert decision.steps[0].limits.bid_allowed.all()
    assert decision.steps[0].limits.ask_allowed.all()


def test_2_stale_layers_are_cancelled_and_never_pile_up():
    """At most one order a side stands on any book, whatever the number of states."""
    for state, _ in answers(resolve("balanced"), random_states(12, 300, n_books=4)):
        assert state.open_orders.count.max() <= 2


def test_3_orders_are_post_only_and_quotes_price_the_maker_fee():
    """No order may take; a maker fee moves the quotes out by as much, and beyond a bound closes them."""
    states = random_states(13, WARM, n_books=2)
    placed = [orders for _, orders in answers(resolve("balanced"), states)]
    for orders in placed:
        assert orders.post_only[orders.kind == InstructionKind.LIMIT].all()
    widths = {}
    for rate in (0.0, 0.0009, 0.0045):
        maker = MarketMaker(resolve("balanced", ["builder.skew_shift=0", "builder.signal_shift=0"]))
        for state in states:
            decision = maker.decide(
                attrs.evolve(state, accounts=attrs.evolve(state.accounts, maker_rate=np.full(2, rate)))
            )
        quotes, fair = decision.steps[0].quotes, decision.steps[0].signals["fair"]
        widths[rate] = 1e4 * np.fmin(fair - quotes.bid_price[:, 0], quotes.ask_price[:, 0] - fair) / fair
    assert np.nanmin(widths[0.0]) >= 5.0 - 1e-6
    assert np.nanmin(widths[0.0009]) >= 2.0 + 9.0 - 1e-6
    assert np.isnan(widths[0.0045]).all()
    assert Reason.FEES == decision.why(1)[0]


def test_4_no_order_is_below_the_venues_minimum_and_rounding_comes_last():
    """Every preset on a venue whose minimum is above its sizes."""
    venue = Venue.of(2, min_size_base=1.0)
    for name in preset_names():
        for _, orders in answers(resolve(name), random_states(14, WARM, venue=venue, n_books=2)):
            size = orders.size[orders.kind == InstructionKind.LIMIT]
            assert (size >= 1.0).all()
            np.testing.assert_array_equal(size, np.round(size, 4))


def test_5_any_number_of_depths_works():
    """Five depths, deeper than the book."""
    state = random_states(15, 1, n_books=3)[0]
    imbalance = Imbalance(depths=[1, 2, 3, 5, 50])(state, Signals(n_books=3))
    assert np.isfinite(imbalance).all()


def test_6_a_thin_side_is_quoted_or_told_never_skipped_in_silence():
    """Three levels of bids and one ask are enough; without asks the reason is given."""
    venue = Venue.of(2)
    bids = [(299.5, 5.0), (299.4, 5.0), (299.3, 5.0)]
    maker = MarketMaker(resolve("balanced"))
    for second in range(WARM):
        state = MarketState.of_books(
            venue, [bids, bids], [[(300.5, 5.0)], []], time_ns=second * 1_000_000_000
        )
        decision = maker.decide(state)
    quotes: Quotes = decision.steps[0].quotes
    assert (True, True) == (bool(quotes.has_bid[0, 0]), bool(quotes.has_ask[0, 0]))
    assert (Reason.ONE_SIDED, Reason.ONE_SIDED) == decision.why(1)


def test_7_imbalance_enters_once_and_deep_levels_do_not_rule():
    """The presets' fair value does not move with the sizes of the book."""
    for name in preset_names():
        made = resolve(name)
        if made.builder.kind != "skewed":
            continue
        fair = made.spec(f"signals.{made.builder.build().fair}").build()
        thin, thick = (
            MarketState.of_books(Venue.of(1), [[(299.5, size)]], [[(300.5, 5.0)]]) for size in (1.0, 500.0)
        )
        assert fair(thin, Signals(n_books=1)).tolist() == fair(thick, Signals(n_books=1)).tolist()


def test_8_volatility_is_per_second_whatever_the_interval():
    """The same path, told every second or every fifth second, has the same volatility."""
    rng = np.random.default_rng(8)
    mid = 300.0 * np.exp(np.cumsum(rng.normal(0.0, 2e-4, 4000)))
    found = []
    for step in (1, 5):
        volatility = Volatility(tau_s=2000.0)
        for second in range(0, 4000, step):
            state = MarketState.of_books(
                Venue.of(1),
                [[(mid[second] - 0.5, 1.0)]],
                [[(mid[second] + 0.5, 1.0)]],
                time_ns=second * 10**9,
            )
            value = volatility(state, Signals(n_books=1))[0]
        found.append(value)
    np.testing.assert_allclose(found, 2e-4, rtol=0.1)


def test_9_nothing_survives_into_a_new_simulation():
    """A new id, or a clock that runs back, finds an agent as new."""
    states = random_states(19, WARM, n_books=2)
    fresh = MarketMaker(resolve("balanced")).decide(states[0])
    used = MarketMaker(resolve("balanced"))
    for state in states:
        used.decide(state)
    again = used.decide(states[0])
    other = used.decide(attrs.evolve(states[-1], venue=attrs.evolve(states[-1].venue, simulation_id="next")))
    assert fresh.steps[0].limits == again.steps[0].limits
    assert Reason.WARMING_UP == other.why(0)[0]


def test_10_the_checks_can_fail():
    """A builder that quotes across the book, off the grid and too small is caught."""
    from obmm.testing.rules import violations

    state = random_states(20, 1, n_books=1)[0]
    bad = Orders.limits(
        n_books=1,
        book=[0] * 6,
        side=[BUY] * 6,
        price=[float(state.best_ask[0]), 250.005, 250.0, 250.0, 250.0, 250.0],
        size=[0.5, 0.5, 0.1, 0.25005, 1e6, 0.5],
        post_only=True,
        time_in_force=[int(TimeInForce.GTT)] + [int(TimeInForce.GTC)] * 5,
    )
    told = " | ".join(violations(state, bad))
    for what in ("would trade", "not on the grid", "below the minimum", "expiry", "instructions", "is free"):
        assert what in told


def test_limits_start_open():
    """The premise of the others: without gates nothing is forbidden."""
    assert Limits.open(3).bid_allowed.all()


def test_parameters_of_the_subnet_keep_working():
    """`base_order_size=0.5 max_inventory_pct=0.30` as words."""
    made = resolve(
        parse_layer('extends = "balanced"', "my.toml"), ["base_order_size=0.7", "max_inventory_pct=0.25"]
    )
    assert (0.7, 0.25) == (
        made.builder.build().size_base,
        made.spec("gates.inventory").build().max_inventory_pct,
    )
