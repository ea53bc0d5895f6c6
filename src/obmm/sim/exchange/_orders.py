"""Requests to the exchange: every check in the venue's order, then matching.

All requests act at `b.now_ns` and answer with a reject code, `VALID` for an accepted one.
"""

from __future__ import annotations

from obmm.sim._jit import Record, kernel
from obmm.sim.exchange._accounts import open_account
from obmm.sim.exchange._band import sample_band
from obmm.sim.exchange._checks import (
    buy_cost,
    executable_lots,
    lots_for_quote,
    product_units,
    takes_liquidity,
    touches,
)
from obmm.sim.exchange._fees import forget_fee_history, forget_tier, roll_tiers
from obmm.sim.exchange._ghosts import forget_ghosts
from obmm.sim.exchange._layout import (
    BUY,
    CONTRACT_VIOLATION,
    DUAL_POSITION,
    EMPTY_BOOK,
    EXCEEDING_LOAN,
    EXCEEDING_MAX_ORDERS,
    FEES_TIERED,
    FOK,
    GTC,
    INSUFFICIENT_BASE,
    INSUFFICIENT_QUOTE,
    INVALID_PRICE,
    INVALID_VOLUME,
    IOC,
    MAX_LOTS,
    MAX_TICK,
    MINIMUM_ORDER_SIZE_VIOLATION,
    SELL,
    STP_OLDEST,
    UNITS_PER_TICK_LOT,
    VALID,
)
from obmm.sim.exchange._matching import match, rest_order, withdraw
from obmm.sim.exchange._records import tape_order

_ANY_PRICE = 1 << 60
_SLIPPAGE_ONE = 10**8


@kernel
def count_reject(b: Record, agent: int, code: int) -> int:
    """Count an answer other than `VALID` and pass it on."""
    if code != VALID:
        b.rejects[1 if agent < b.n_miners else 0, code] += 1
        b.placed_slot = 0
    return code


@kernel
def _short_of(b: Record, agent: int, side: int, need: int) -> int:
    account = b.accounts[agent]
    if side == BUY:
        return INSUFFICIENT_QUOTE if need > account.quote_free else VALID
    return INSUFFICIENT_BASE if need > account.base_free else VALID


@kernel
def limit_order(
    b: Record,
    agent: int,
    side: int,
    tick: int,
    amount: int,
    in_quote: bool,
    tif: int,
    post_only: bool,
    stp: int,
    client_id: int,
) -> int:
    """Place a limit order of `amount` lots, or of `amount` quote units at the limit price.

    After `VALID`: `b.placed_id`, `b.placed_lots` (IOC cuts the size to what there is), `b.filled_lots` and
    `b.placed_slot` of the rest, 0 if nothing rests.
    """
    account = b.accounts[agent]
    if amount <= 0:
        return count_reject(b, agent, INVALID_VOLUME)
    if tick <= 0 or tick > MAX_TICK:
        return count_reject(b, agent, INVALID_PRICE)
    if account.open_orders + account.ghosts >= b.max_open_orders:
        return count_reject(b, agent, EXCEEDING_MAX_ORDERS)
    lots = amount // (tick * UNITS_PER_TICK_LOT) if in_quote else amount
    if lots > MAX_LOTS:
        return count_reject(b, agent, INVALID_VOLUME)
    if lots < b.min_lots:
        return count_reject(b, agent, MINIMUM_ORDER_SIZE_VIOLATION)
    rests = tif not in (IOC, FOK)
    if not rests:
        found = executable_lots(b, agent, side, tick, lots, tif, stp)
        if post_only or found == 0 or (tif == FOK and found < lots):
            return count_reject(b, agent, CONTRACT_VIOLATION)
        lots = found
    elif post_only and takes_liquidity(b, agent, side, tick, lots, stp):
        return count_reject(b, agent, CONTRACT_VIOLATION)
    meets = touches(b, side, tick)
    need = lots
    if side == BUY:
        # A band may leave at its limit what the walk would have bought cheaper.
        whole = not meets or b.band_high != 0
        need = product_units(tick, lots) if whole else buy_cost(b, agent, tick, lots, stp)
    short = _short_of(b, agent, side, need)
    if short != VALID:
        return count_reject(b, agent, short)

    b.last_order_id += 1
    b.placed_id = b.last_order_id
    b.placed_lots = lots
    b.placed_slot = 0
    b.filled_lots = 0
    order_id = b.last_order_id
    left = match(b, agent, side, tick, lots, stp, order_id, client_id) if meets else lots
    # Still crossing means that the band stopped it: such a rest is dropped.
    if left > 0 and rests and not (meets and touches(b, side, tick)):
        b.placed_slot = rest_order(b, agent, side, tick, left, order_id, client_id)
        tape_order(b, side, tick, left, order_id, client_id)
    return VALID


@kernel
def market_order(
    b: Record, agent: int, side: int, amount: int, in_quote: bool, stp: int, slippage_e8: int, client_id: int
) -> int:
    """Trade `amount` lots, or lots for `amount` quote units, at what there is; the rest is dropped.

    `slippage_e8` (fraction x 1e8, 0 for none) bounds the price by the touch.
    """
    if amount <= 0 or (not in_quote and amount > MAX_LOTS):
        return count_reject(b, agent, INVALID_VOLUME)
    if not in_quote and amount < b.min_lots:
        return count_reject(b, agent, MINIMUM_ORDER_SIZE_VIOLATION)
    if b.live[1 - side] == 0 and (b.ghosts[1 - side] == 0 or not b.ghosts_hold_a_side):
        return count_reject(b, agent, EMPTY_BOOK)
    lots = lots_for_quote(b, agent, side, amount, stp) if in_quote else amount
    if lots < b.min_lots:
        return count_reject(b, agent, MINIMUM_ORDER_SIZE_VIOLATION)
    short = _short_of(b, agent, side, buy_cost(b, agent, 0, lots, stp) if side == BUY else lots)
    if short != VALID:
        return count_reject(b, agent, short)

    limit = _ANY_PRICE if side == BUY else 0
    if slippage_e8 > 0:
        reach = _SLIPPAGE_ONE + slippage_e8 if side == BUY else _SLIPPAGE_ONE - slippage_e8
        limit = b.touch[1 - side] * max(reach, 0) // _SLIPPAGE_ONE
    b.last_order_id += 1
    b.placed_id = b.last_order_id
    b.placed_lots = lots
    b.placed_slot = 0
    left = match(b, agent, side, limit, lots, stp, b.last_order_id, client_id)
    if left > 0:
        tape_order(b, side, 0, left, b.placed_id, client_id)
    return VALID


@kernel
def place_limit(b: Record, agent: int, side: int, tick: int, lots: int, post_only: bool) -> int:
    """A plain limit order as the background sends it: good till cancelled, cancel-oldest."""
    return limit_order(b, agent, side, tick, lots, False, GTC, post_only, STP_OLDEST, -1)


@kernel
def place_on_credit(
    b: Record, agent: int, side: int, tick: int, lots: int, lent_units: int, max_units: int
) -> int:
    """A plain limit order of the background, of which `lent_units` of quote or their worth in base are lent.

    The rest of its cost must be covered by what the agent has of either asset, and what it owes may not
    exceed `max_units`. A loan is a negative free balance.
    """
    account = b.accounts[agent]
    lot_worth = tick * UNITS_PER_TICK_LOT
    owed = max(-account.quote_free, 0) + max(-account.base_free, 0) * lot_worth
    if (account.base_free if side == BUY else account.quote_free) < 0:
        return count_reject(b, agent, DUAL_POSITION)
    own = account.quote_free + account.base_free * lot_worth
    if owed + lent_units > max_units or product_units(tick, lots) - lent_units > own:
        return count_reject(b, agent, EXCEEDING_LOAN)
    short_units = max(product_units(tick, lots) - account.quote_free, 0) if side == BUY else 0
    short_lots = max(lots - account.base_free, 0) if side == SELL else 0
    account.quote_free += short_units
    account.base_free += short_lots
    code = place_limit(b, agent, side, tick, lots, False)
    account.quote_free -= short_units
    account.base_free -= short_lots
    return code


@kernel
def place_market(b: Record, agent: int, side: int, lots: int) -> int:
    """A plain market order as the background sends it."""
    return market_order(b, agent, side, lots, False, STP_OLDEST, 0, -1)


@kernel
def cancel_order(b: Record, slot: int, order_id: int, lots: int) -> int:
    """Withdraw `lots` of an order (0: all of it); how much it was, 0 if that order is no more."""
    if slot == 0 or b.orders[slot].id != order_id:
        return 0
    here = b.orders[slot].lots
    taken = here if lots == 0 or lots > here else lots
    withdraw(b, slot, taken)
    return int(taken)


@kernel
def find_order(b: Record, agent: int, order_id: int) -> int:
    """Slot of a miner's own resting order, 0 if it has none of that id."""
    slot = b.accounts[agent].first_order
    while slot and b.orders[slot].id != order_id:
        slot = b.orders[slot].own_next
    return int(slot)


@kernel
def end_step(b: Record) -> None:
    """The publish interval ends at `b.now_ns`: filled orders are forgotten, tiers and band move on."""
    forget_ghosts(b)
    if b.fee_kind == FEES_TIERED and b.now_ns >= b.tier_next_ns:
        roll_tiers(b)
        b.tier_next_ns += b.tier_period_ns
    sample_band(b)


@kernel
def reset_agent(b: Record, agent: int, base_lots: int, quote_units: int, clear_fees: bool) -> None:
    """A miner was deregistered: its orders go, its balances are new.

    Version 0.1.51 clears the book's fee history as well (`clear_fees`).
    """
    while b.accounts[agent].first_order:
        slot = b.accounts[agent].first_order
        withdraw(b, slot, b.orders[slot].lots)
    open_account(b, agent, base_lots, quote_units)
    forget_tier(b, agent)
    if clear_fees:
        forget_fee_history(b)
