"""What background agents own at the start, per agent and book."""

from __future__ import annotations

from obmm.sim._jit import Record, kernel
from obmm.sim._random import Stream, pareto, uniform, uniform_between
from obmm.sim.background._layout import UNIFORM_WEALTH
from obmm.sim.exchange._accounts import open_account
from obmm.sim.exchange._layout import LOTS_PER_BASE, UNITS_PER_QUOTE

_TAIL = 1.16  # of wealth and of the split, the exponent of the 80-20 rule
_SPLIT_SCALE = 0.8


@kernel
def open_in_quote(b: Record, agent: int, base: float, quote: float) -> None:
    """Open an account with amounts in base and quote."""
    open_account(b, agent, int(base * LOTS_PER_BASE), int(quote * UNITS_PER_QUOTE))


@kernel
def open_class(b: Record, first: int, p: Record) -> None:
    """Equal balances for all agents of a class whose table gives `count`, `base` and `quote`."""
    for agent in range(first, first + int(p.count)):
        open_in_quote(b, agent, p.base, p.quote)


@kernel
def open_wealth_class(b: Record, rng: Stream, first: int, p: Record, price: float) -> None:
    """Random wealth and a random split between base and quote for each agent of a class."""
    for agent in range(first, first + int(p.count)):
        if p.wealth == UNIFORM_WEALTH:
            wealth = uniform_between(rng, p.wealth_min_quote, p.wealth_max_quote)
            quote_share = uniform(rng)
        else:
            wealth = min(pareto(rng, p.wealth_min_quote, _TAIL), p.wealth_max_quote)
            ratio = pareto(rng, _SPLIT_SCALE, _TAIL)
            quote_share = ratio / (1.0 + ratio)
        open_in_quote(b, agent, (1.0 - quote_share) * wealth / price, quote_share * wealth)


@kernel
def open_miner(b: Record, rng: Stream, agent: int, wealth_quote: float, price: float) -> None:
    """A miner's starting balances: total `wealth_quote`, split by a Pareto ratio of quote to base."""
    ratio = pareto(rng, 1.0, 2.0)
    quote_share = ratio / (1.0 + ratio)
    open_in_quote(b, agent, (1.0 - quote_share) * wealth_quote / price, quote_share * wealth_quote)
