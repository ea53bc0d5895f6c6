"""One book of a scenario, brought to life at time 0."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from obmm.market.grid import ceil_units
from obmm.sim._jit import kernel
from obmm.sim._random import seed_stream
from obmm.sim.background._dispatch import start
from obmm.sim.background._setup import make_background
from obmm.sim.background._wealth import open_miner
from obmm.sim.exchange._instructions import drop_instructions
from obmm.sim.exchange._layout import LOTS_PER_BASE, TICKS_PER_QUOTE
from obmm.sim.exchange._orders import reset_agent
from obmm.sim.exchange._setup import make_book
from obmm.sim.scenario import Scenario, ScenarioError

Rows = npt.NDArray[np.void]

_NANOSECONDS = 1_000_000_000
#: The endowment of miner u is drawn from stream `_ENDOWMENTS` + u, whoever else takes part.
_ENDOWMENTS = 1000


def build_book(
    scenario: Scenario,
    asset_index: int,
    book: int,
    seed: int,
    n_watched: int,
    record: Rows,
    background: Rows,
) -> None:
    """Write rules, accounts and first events of one book into its zeroed record and background, both (1,).

    Miners 0 … `n_watched` - 1 are those of the caller, the scenario's synthetic rivals come after them.

    Raises:
        ScenarioError: The scenario wants a grid or more room than a book has.
    """
    rules, asset, rivals = scenario.venue, scenario.assets[asset_index], scenario.rivals
    if (10**rules.price_decimals, 10**rules.volume_decimals) != (TICKS_PER_QUOTE, LOTS_PER_BASE):
        given = f"{rules.price_decimals} and {rules.volume_decimals}"
        raise ScenarioError(f"the exchange has 2 price and 4 volume decimals, not {given}")
    n_miners = n_watched + rivals.makers + rivals.takers
    make_book(
        index=book,
        seed=seed,
        n_miners=max(n_miners, 1),
        min_lots=int(ceil_units(asset.min_size_base, rules.volume_decimals)),
        max_open_orders=rules.max_open_orders,
        keeps_ghosts=rules.keeps_ghosts,
        shows_ghosts=rules.shows_ghosts,
        ghosts_hold_a_side=rules.ghosts_hold_a_side,
        self_trade_notices=rules.self_trade_notices,
        price_band=asset.price_band,
        duration_ns=round(rules.duration_s * _NANOSECONDS),
        fees=scenario.fees,
        exogenous_fees=rivals.exogenous_mtr,
        into=record,
    )
    make_background(
        asset,
        rules,
        rivals,
        n_miners=max(n_miners, 1),
        first_rival=n_watched,
        block=book // rules.books_per_block,
        into=background,
    )
    _begin(record, background, n_watched)


@kernel
def _endow(record: Rows, uid: int, draw: int, wealth_quote: float, price: float) -> None:
    """Open the account of a miner with its `draw`-th endowment of this run."""
    b = record[0]
    rng = np.empty(4, np.uint64)
    seed_stream(rng, b.seed, b.index, _ENDOWMENTS + uid + (draw << 16))
    open_miner(b, rng, uid, wealth_quote, price)


@kernel
def _begin(record: Rows, background: Rows, n_watched: int) -> None:
    start(record[0], background[0])
    g = background[0]
    for uid in range(n_watched):
        _endow(record, uid, 0, g.miner_wealth_quote, 0.01 * g.initial_tick)
        record[0].accounts[uid].watched = 1


@kernel
def reset_miner(record: Rows, background: Rows, uid: int, draw: int, clear_fees: bool) -> None:
    """A miner was deregistered: orders and instructions under way go, the `draw`-th endowment comes."""
    b = record[0]
    g = background[0]
    drop_instructions(b, uid)
    reset_agent(b, uid, 0, 0, clear_fees)
    _endow(record, uid, draw, g.miner_wealth_quote, 0.01 * g.initial_tick)
