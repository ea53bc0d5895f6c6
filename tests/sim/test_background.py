"""The background as a whole: accounts at the start, determinism, independence, order of processes."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from obmm.sim._jit import kernel
from obmm.sim.background._dispatch import advance
from obmm.sim.background._wealth import open_wealth_class
from obmm.sim.scenario import scenario_names
from sim.living import BUY, SECOND, SELL, advance_to, scenario, world


def digest(books: np.ndarray) -> tuple[int, ...]:
    """What a run came to, in a few numbers."""
    b = books[0]
    accounts = b["accounts"]
    return (
        int(b["events_done"]),
        int(b["trades_done"]),
        int(b["traded_units"]),
        int(b["touch"][BUY]),
        int(b["touch"][SELL]),
        int(accounts["quote_free"].sum()),
        int(accounts["base_free"].sum()),
    )


@pytest.mark.parametrize("name", scenario_names())
def test_equal_seeds_give_equal_runs_and_others_do_not(name: str) -> None:
    """For every version, with its rivals."""
    market = scenario(name, makers=2, takers=2)
    runs = [digest(world(market, seed=seed, until_s=660)[0]) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_the_steps_of_a_run_do_not_matter() -> None:
    """One call to the end or many."""
    whole, _ = world(until_s=90)
    books, backgrounds = world()
    for until_s in (1, 2, 17, 55, 90):
        advance_to(books, backgrounds, until_s)
    assert digest(whole) == digest(books)


def test_books_of_a_run_differ() -> None:
    """Their streams carry the number of the book."""
    assert digest(world(book=0, until_s=30)[0]) != digest(world(book=1, until_s=30)[0])


def test_more_rivals_do_not_change_the_draws_of_the_background() -> None:
    """Until they act, the market is the same: classes have streams of their own."""
    alone, _ = world(scenario(), until_s=599)
    crowded, _ = world(scenario(makers=5, takers=5), until_s=599)
    assert digest(alone)[1:5] == digest(crowded)[1:5]


@pytest.mark.parametrize("name", scenario_names())
def test_base_and_quote_are_conserved_but_for_what_fees_burn(name: str) -> None:
    """Over ten minutes of a full market."""
    books, _ = world(scenario(name, makers=2, takers=2), until_s=700)
    b = books[0]
    accounts = b["accounts"]
    base = int((accounts["base_free"] + accounts["base_reserved"]).sum())
    quote = sum(int(x) for x in accounts["quote_free"]) + sum(int(x) for x in accounts["quote_reserved"])
    assert int(b["brought_lots"]) - int(b["burnt_lots"]) == base
    assert int(b["brought_units"]) - int(b["burnt_units"]) == quote
    assert b["fault"] == 0
    assert b["trades_done"] > 0


def test_the_wall_at_the_start_has_the_densities_of_its_endowment() -> None:
    """About 333 base per unit of price below 300 and 167 above, within ten percent, nothing crossed."""
    books, _ = world()
    b = books[0]
    orders = b["orders"][1 : int(b["order_top"]) + 1]
    orders = orders[orders["id"] > 0]
    for side, density in ((BUY, 1000.0 / 3.0), (SELL, 500.0 / 3.0)):
        rows = orders[orders["side"] == side]
        near = np.abs(rows["tick"] - 30_000) < 10_000
        assert abs(rows["lots"][near].sum() / 1e4 / 100.0 / density - 1.0) < 0.1
    assert b["touch"][BUY] < 30_000 < b["touch"][SELL]
    assert orders["lots"].max() <= 50 * 10_000


def test_makers_quote_in_the_first_second() -> None:
    """Ten makers with two quotes each, more or less."""
    books, backgrounds = world(until_s=1)
    first = int(backgrounds[0]["slot_makers"])
    open_orders = books[0]["accounts"][first : first + 10]["open_orders"]
    assert open_orders.min() >= 1
    assert 20 <= open_orders.sum() <= 40


@kernel
def wealth(books: np.ndarray, backgrounds: np.ndarray) -> None:
    """Open the noise traders' accounts once more."""
    open_wealth_class(books[0], books[0].rng[31], 1000, backgrounds[0].p.noise, 300.0)


@pytest.mark.parametrize(("name", "low", "high"), [("taos-0.5.4", 1e4, 5e5), ("taos-0.6.2", 1e4, 6.8e4)])
def test_background_wealth_follows_the_law_of_the_version(name: str, low: float, high: float) -> None:
    """Pareto with exponent 1.16 and a cap, or uniform; compared at the median with three standard errors."""
    books, backgrounds = world(scenario(name))
    values, shares = [], []
    for _ in range(5):
        wealth(books, backgrounds)
        accounts = books[0]["accounts"][1000:2024]
        quote = accounts["quote_free"] / 1e10
        values.append(quote + accounts["base_free"] / 1e4 * 300.0)
        shares.append(quote / values[-1])
    value, share = np.concatenate(values), np.concatenate(shares)
    assert low * (1 - 1e-5) <= value.min()
    assert value.max() <= high * (1 + 1e-5)
    if name == "taos-0.5.4":
        median, middle = low * 2 ** (1 / 1.16), 0.8 * 2 ** (1 / 1.16)
        middle /= 1.0 + middle
    else:
        median, middle = (low + high) / 2, 0.5
    bound = 1.5 / np.sqrt(value.size)
    assert abs((value < median).mean() - 0.5) < bound
    assert abs((share < middle).mean() - 0.5) < bound


def test_processes_are_brought_up_to_date_in_order_of_time() -> None:
    """A quiet book that wakes after a minute has six looks, two prices and one sweep behind it."""
    books, backgrounds = world()
    g = backgrounds[0]
    field = g["spins"].copy()
    advance(books[0], g, 60 * SECOND)
    assert (6, 2) == (g["external_reads"], g["updates"])
    assert (g["spins"] != field).any()
    assert 70 * SECOND == books[0]["next_process_ns"]


def test_fills_of_makers_are_noticed_and_forgotten() -> None:
    """Nobody stays marked after a second of trading."""
    books, _ = world(until_s=120)
    assert 0 == books[0]["touched_count"]
    assert not books[0]["accounts"]["filled"].any()
