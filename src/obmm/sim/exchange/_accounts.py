"""Accounts: endowment, reservation, settlement of a fill. Every unit is accounted for."""

from __future__ import annotations

from obmm.sim._jit import Record, kernel
from obmm.sim.exchange._layout import BUY, UNITS_PER_TICK_LOT


@kernel
def open_account(b: Record, agent: int, base_lots: int, quote_units: int) -> None:
    """Give `agent` a fresh endowment; what it held is taken out of the books."""
    account = b.accounts[agent]
    b.brought_lots += base_lots - account.base_free - account.base_reserved
    b.brought_units += quote_units - account.quote_free - account.quote_reserved
    account.base_free = base_lots
    account.base_initial = base_lots
    account.base_reserved = 0
    account.quote_free = quote_units
    account.quote_initial = quote_units
    account.quote_reserved = 0
    account.net_lots = 0


@kernel
def worth(side: int, tick: int, lots: int) -> int:
    """What an order of `lots` at `tick` reserves: quote units of a buy, lots of a sell."""
    return tick * lots * UNITS_PER_TICK_LOT if side == BUY else lots


@kernel
def reserve(b: Record, agent: int, side: int, amount: int) -> None:
    """Set free funds aside for an order."""
    account = b.accounts[agent]
    if side == BUY:
        account.quote_free -= amount
        account.quote_reserved += amount
    else:
        account.base_free -= amount
        account.base_reserved += amount


@kernel
def settle_fill(b: Record, agent: int, side: int, tick: int, lots: int, fee: int, resting: bool) -> None:
    """Book one side of a trade; the funds of a resting order were set aside, those of a taker are free.

    A buyer who owes a fee pays it in base, rounded up to a lot, and has what is too much back in quote. A
    seller's fee comes off the proceeds and a rebate is quote for either.
    """
    account = b.accounts[agent]
    lot_worth = tick * UNITS_PER_TICK_LOT
    units = lot_worth * lots
    account.turnover += units
    account.fees += fee
    if side == BUY:
        account.net_lots += lots
        if resting:
            account.quote_reserved -= units
        else:
            account.quote_free -= units
        fee_lots = 0
        if fee > 0:
            fee_lots = -(-fee // lot_worth)
            b.burnt_lots += fee_lots
            fee -= fee_lots * lot_worth
        account.base_free += lots - fee_lots
        account.quote_free -= fee
    else:
        account.net_lots -= lots
        if resting:
            account.base_reserved -= lots
        else:
            account.base_free -= lots
        account.quote_free += units - fee
    b.burnt_units += fee
