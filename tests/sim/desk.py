"""Where the oracle rows are written down: decimals in, decimals out, on either exchange."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

import pytest
from attrs import define, field

from sim.naive import BUY, SELL, Account, NaiveExchange, Reply
from sim.naive_fees import FeePolicy, ZeroFees

ON_BOTH = pytest.mark.parametrize("kind", ["naive", "compiled"])
"""Runs a test on the naive exchange and on the compiled one."""

TICKS, LOTS, QUOTE = Decimal("0.01"), Decimal("0.0001"), Decimal("1e-10")


class Exchange(Protocol):
    """What the rows ask of an exchange; prices in ticks, volumes in lots, money in 1e-10 quote."""

    accounts: Mapping[int, Account]

    def limit(self, now: int, agent: int, side: int, price: int, amount: int, **flags: object) -> Reply: ...
    def market(self, now: int, agent: int, side: int, amount: int, **flags: object) -> Reply: ...
    def cancel(self, now: int, agent: int, order_id: int, volume: int | None = None) -> bool: ...
    def advance(self, now: int) -> None: ...
    def end_step(self) -> None: ...
    def depth(self, side: int) -> list[tuple[int, int]]: ...
    def queue(self, side: int, price: int) -> list[tuple[int, int, int]]: ...
    def trades(self) -> list[tuple[int, int]]: ...


def units(value: str | float, of: Decimal) -> int:
    """`value` as a whole number of grid units."""
    exact = Decimal(str(value)) / of
    assert exact == exact.to_integral_value(), f"{value} is off the grid of {of}"
    return int(exact)


@define
class Desk:
    """An exchange seen in decimals. Each request happens a nanosecond after the one before."""

    exchange: Exchange
    now: int = 0
    fees: FeePolicy = field(factory=ZeroFees)

    def buy(self, agent: int, volume: str | float, price: str | float, **flags: object) -> Reply:
        """Limit buy of `volume` base at `price`."""
        return self._limit(agent, BUY, volume, price, flags)

    def sell(self, agent: int, volume: str | float, price: str | float, **flags: object) -> Reply:
        """Limit sell of `volume` base at `price`."""
        return self._limit(agent, SELL, volume, price, flags)

    def market_buy(self, agent: int, volume: str | float, **flags: object) -> Reply:
        """Market buy of `volume` base, or quote with `in_quote`."""
        return self._market(agent, BUY, volume, flags)

    def market_sell(self, agent: int, volume: str | float, **flags: object) -> Reply:
        """Market sell of `volume` base, or quote with `in_quote`."""
        return self._market(agent, SELL, volume, flags)

    def cancel(self, agent: int, order: Reply | int, volume: str | float | None = None) -> bool:
        """Cancel an order, or `volume` base of it."""
        self.now += 1
        order_id = order if isinstance(order, int) else order.order_id
        return self.exchange.cancel(
            self.now, agent, order_id, None if volume is None else units(volume, LOTS)
        )

    def bids(self) -> list[tuple[Decimal, Decimal]]:
        """(price, volume) of the bids, best first."""
        return [(price * TICKS, volume * LOTS) for price, volume in self.exchange.depth(BUY)]

    def asks(self) -> list[tuple[Decimal, Decimal]]:
        """(price, volume) of the asks, best first."""
        return [(price * TICKS, volume * LOTS) for price, volume in self.exchange.depth(SELL)]

    def trades(self) -> list[tuple[Decimal, Decimal]]:
        """(price, volume) of every trade so far."""
        return [(price * TICKS, volume * LOTS) for price, volume in self.exchange.trades()]

    def base(self, agent: int) -> tuple[Decimal, Decimal]:
        """(free, reserved) base of an agent."""
        account = self.exchange.accounts[agent]
        return account.base_free * LOTS, account.base_reserved * LOTS

    def quote(self, agent: int) -> tuple[Decimal, Decimal]:
        """(free, reserved) quote of an agent."""
        account = self.exchange.accounts[agent]
        return account.quote_free * QUOTE, account.quote_reserved * QUOTE

    def _limit(
        self, agent: int, side: int, volume: str | float, price: str | float, flags: dict[str, object]
    ) -> Reply:
        self.now += 1
        amount = units(volume, QUOTE if flags.get("in_quote") else LOTS)
        return self.exchange.limit(self.now, agent, side, units(price, TICKS), amount, **flags)

    def _market(self, agent: int, side: int, volume: str | float, flags: dict[str, object]) -> Reply:
        self.now += 1
        amount = units(volume, QUOTE if flags.get("in_quote") else LOTS)
        if "max_slippage" in flags:
            flags = {**flags, "max_slippage": Fraction(str(flags["max_slippage"]))}
        return self.exchange.market(self.now, agent, side, amount, **flags)


def open_desk(
    kind: str,
    balances: Mapping[int, tuple[str, str]],
    *,
    fees: FeePolicy | None = None,
    min_volume: str = "0.0001",
    max_open_orders: int = 100,
    ghosts_hold_a_side: bool = True,
) -> Desk:
    """A desk at a naive or a compiled exchange where each agent starts with (base, quote)."""
    accounts = {
        agent: Account(units(base, LOTS), units(quote, QUOTE)) for agent, (base, quote) in balances.items()
    }
    policy = ZeroFees() if fees is None else fees
    minimum = units(min_volume, LOTS)
    exchange = NaiveExchange if kind == "naive" else pytest.importorskip("sim.compiled").CompiledExchange
    rules = {"max_open_orders": max_open_orders, "ghosts_hold_a_side": ghosts_hold_a_side}
    return Desk(exchange(accounts, policy, minimum, **rules), fees=policy)
