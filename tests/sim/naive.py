"""A second exchange, written to be read: dicts, lists and Python integers, no thought of speed.

It is the reference that the compiled exchange is held against, one book with one account per agent.
Prices are integer ticks (0.01), volumes integer lots (0.0001) and money integer units of 1e-10 quote, so
that price times volume is always exact; only fees and divisions by a price are truncated.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from fractions import Fraction
from math import floor
from typing import Any

from attrs import define, field

from sim.naive_band import Band
from sim.naive_fees import MAKER, TAKER, FeePolicy, ZeroFees

QUOTE_PER_TICK_LOT = 10_000
BUY, SELL = 0, 1


class Tif(IntEnum):
    """Time in force of a limit order."""

    GTC = 0
    GTT = 1
    IOC = 2
    FOK = 3


class Stp(IntEnum):
    """What happens when an order meets one of its own agent."""

    NONE = 0
    CANCEL_OLDEST = 1
    CANCEL_NEWEST = 2
    CANCEL_BOTH = 3
    DECREASE_CANCEL = 4


@define(eq=False)
class Order:
    """A limit order, or the remainder of one; `reserved` is quote for a buy, lots for a sell."""

    id: int
    agent: int
    side: int
    price: int
    volume: int
    reserved: int
    time: int


@define
class Account:
    """What an agent owns on this book; totals are free plus reserved."""

    base_free: int
    quote_free: int
    base_reserved: int = 0
    quote_reserved: int = 0


@define(frozen=True)
class Reply:
    """The exchange's answer: a reject code, or the id, the accepted size and what of it did not trade."""

    code: str
    order_id: int = -1
    volume: int = 0
    left: int = field(default=0, eq=False)


@define
class NaiveExchange:
    """One order book and its accounts.

    `tape` collects ("o", time, id, side, price, volume) with price 0 for the rest of a market order,
    ("c", time, id, price, volume) and ("t", time, aggressor side, price, volume, taker order, taker,
    taker fee, maker order, maker, maker fee).
    """

    accounts: dict[int, Account]
    fees: FeePolicy = field(factory=ZeroFees)
    min_volume: int = 1
    max_open_orders: int = 100
    keeps_ghosts: bool = True
    ghosts_hold_a_side: bool = True
    band: Band = field(factory=Band)
    levels: list[dict[int, list[Order]]] = field(factory=lambda: [{}, {}])
    by_id: dict[int, Order] = field(factory=dict)
    ghosts: list[Order] = field(factory=list)
    tape: list[tuple[Any, ...]] = field(factory=list)
    timers: list[tuple[int, int, int]] = field(factory=list)
    expiries: list[tuple[int, int, int, bool]] = field(factory=list)
    last_order_id: int = 0
    base_burnt: int = 0
    quote_burnt: int = 0

    # ---------------------------------------------------------------- requests

    def limit(
        self,
        now: int,
        agent: int,
        side: int,
        price: int,
        amount: int,
        *,
        tif: int = Tif.GTC,
        post_only: bool = False,
        stp: int = Stp.CANCEL_OLDEST,
        in_quote: bool = False,
        expiry_ns: int = 0,
    ) -> Reply:
        """Place a limit order of `amount` lots, or of `amount` quote units at the limit price.

        A GTT order's timer starts with its acceptance and is never withdrawn.
        """
        if amount <= 0:
            return Reply("INVALID_VOLUME")
        if price <= 0:
            return Reply("INVALID_PRICE")
        if self.open_order_count(agent) >= self.max_open_orders:
            return Reply("EXCEEDING_MAX_ORDERS")
        volume = amount // (price * QUOTE_PER_TICK_LOT) if in_quote else amount
        if volume < self.min_volume:
            return Reply("MINIMUM_ORDER_SIZE_VIOLATION")
        if tif in (Tif.IOC, Tif.FOK):
            available = self.executable(agent, side, price, volume, tif, stp)
            if post_only or available == 0 or (tif == Tif.FOK and available < volume):
                return Reply("CONTRACT_VIOLATION")
            volume = min(volume, available)
        elif post_only and self.would_trade(agent, side, price, volume, stp):
            return Reply("CONTRACT_VIOLATION")
        need = self.need(agent, side, price, volume, stp)
        if side == BUY and self.band.bounds is not None:
            need = price * volume * QUOTE_PER_TICK_LOT
        reply = self._accept(now, agent, side, price, volume, need, stp, rests=tif in (Tif.GTC, Tif.GTT))
        if reply.code == "VALID" and tif == Tif.GTT and expiry_ns > 0:
            self.timers.append((now + expiry_ns, agent, reply.order_id))
        return reply

    def market(
        self,
        now: int,
        agent: int,
        side: int,
        amount: int,
        *,
        stp: int = Stp.CANCEL_OLDEST,
        in_quote: bool = False,
        max_slippage: Fraction = Fraction(0),
    ) -> Reply:
        """Place a market order of `amount` lots, or of as many lots as `amount` quote units pay for."""
        if amount <= 0:
            return Reply("INVALID_VOLUME")
        if not in_quote and amount < self.min_volume:
            return Reply("MINIMUM_ORDER_SIZE_VIOLATION")
        held = self.ghosts_hold_a_side and any(ghost.side == 1 - side for ghost in self.ghosts)
        if not self.levels[1 - side] and not held:
            return Reply("EMPTY_BOOK")
        volume = self.volume_for_quote(agent, side, amount, stp) if in_quote else amount
        if volume < self.min_volume:
            return Reply("MINIMUM_ORDER_SIZE_VIOLATION")
        worst = self.worst_price(side, max_slippage)
        need = self.need(agent, side, None, volume, stp)
        reply = self._accept(now, agent, side, worst, volume, need, stp, rests=False)
        if reply.left:
            self.tape.append(("o", now, reply.order_id, side, 0, reply.left))
        return reply

    def cancel(self, now: int, agent: int, order_id: int, volume: int | None = None) -> bool:
        """Cancel an order of the agent's own, wholly or by `volume` lots; whether there was one."""
        order = self.by_id.get(order_id)
        if order is None or order.agent != agent or volume == 0:
            return False
        self._withdraw(now, order, order.volume if volume is None else min(volume, order.volume))
        return True

    def advance(self, now: int) -> None:
        """Let the timers due at `now` or earlier run out, in their order.

        `expiries` collects (time, agent, order id, whether there was still something to cancel).
        """
        for timer in sorted((t for t in self.timers if t[0] <= now), key=lambda t: t[0]):
            self.timers.remove(timer)
            self.expiries.append((*timer, self.cancel(*timer)))

    def end_step(self) -> None:
        """The publish interval ends: fully filled orders are forgotten."""
        self.ghosts.clear()
        self.band.end_step()

    def reset(self, now: int, agent: int, base: int, quote: int) -> None:
        """A deregistered agent: all its orders cancelled, new balances."""
        for order in [o for o in self.by_id.values() if o.agent == agent]:
            self._withdraw(now, order, order.volume)
        self.accounts[agent] = Account(base, quote)

    # --------------------------------------------------------------- questions

    def resting(self, side: int) -> Iterator[Order]:
        """Resting orders of a side in the order they would trade."""
        for price in sorted(self.levels[side], reverse=side == BUY):
            yield from self.levels[side][price]

    def crossed(self, side: int, limit: int | None) -> Iterator[Order]:
        """The orders an order of `side` could trade with at `limit` (None: at any price), best first."""
        for order in self.resting(1 - side):
            if limit is not None and (order.price > limit if side == BUY else order.price < limit):
                return
            yield order

    def open_order_count(self, agent: int) -> int:
        """Resting orders of the agent, those just filled included until the step ends."""
        return sum(order.agent == agent for order in [*self.by_id.values(), *self.ghosts])

    def executable(self, agent: int, side: int, limit: int, volume: int, tif: int, stp: int) -> int:
        """How much of an IOC or FOK order could execute; 0 where its own orders forbid it."""
        found = 0
        for order in self.crossed(side, limit):
            if found >= volume:
                break
            if order.agent == agent:
                if stp == Stp.CANCEL_OLDEST:
                    continue
                if stp == Stp.CANCEL_NEWEST or (stp == Stp.CANCEL_BOTH and tif == Tif.IOC):
                    return 0
                if stp == Stp.CANCEL_BOTH:
                    return volume
            found += order.volume
        return found

    def would_trade(self, agent: int, side: int, limit: int, volume: int, stp: int) -> bool:
        """Whether a post-only order would take liquidity that is not its agent's own to remove."""
        crossed = list(self.crossed(side, limit))
        if not crossed:
            return False
        all_own = all(order.agent == agent for order in crossed)
        if stp == Stp.CANCEL_OLDEST:
            return not all_own
        if stp == Stp.CANCEL_BOTH:
            return crossed[0].agent != agent
        if stp == Stp.DECREASE_CANCEL:
            return not all_own or sum(order.volume for order in crossed) >= volume
        return True

    def need(self, agent: int, side: int, limit: int | None, volume: int, stp: int) -> int:
        """What is reserved: lots for a sell, the price of all that would trade and rest for a buy."""
        if side == SELL:
            return volume
        need, left = 0, volume
        for order in self.crossed(side, limit):
            own = order.agent == agent
            if own and stp in (Stp.CANCEL_OLDEST, Stp.CANCEL_NEWEST, Stp.CANCEL_BOTH):
                continue
            taken = min(left, order.volume)
            need += order.price * taken * QUOTE_PER_TICK_LOT
            left -= taken
        return need if limit is None else need + limit * left * QUOTE_PER_TICK_LOT

    def volume_for_quote(self, agent: int, side: int, amount: int, stp: int) -> int:
        """Lots that `amount` quote units buy or sell, walking the opposite side."""
        volume, left = 0, amount
        for order in self.crossed(side, None):
            if order.agent == agent and stp in (Stp.CANCEL_OLDEST, Stp.CANCEL_NEWEST, Stp.CANCEL_BOTH):
                continue
            price = order.price * QUOTE_PER_TICK_LOT
            if order.volume * price > left:
                return volume + left // price
            volume += order.volume
            left -= order.volume * price
        return volume

    def worst_price(self, side: int, max_slippage: Fraction) -> int | None:
        """The last price a market order may trade at; None without a bound."""
        if max_slippage == 0:
            return None
        best = next(self.crossed(side, None), None)
        if best is None:
            return None
        return floor(best.price * (1 + max_slippage if side == BUY else 1 - max_slippage))

    def depth(self, side: int) -> list[tuple[int, int]]:
        """Levels of a side, best first: (price, volume)."""
        prices = sorted(self.levels[side], reverse=side == BUY)
        return [(price, sum(order.volume for order in self.levels[side][price])) for price in prices]

    def queue(self, side: int, price: int) -> list[tuple[int, int, int]]:
        """Orders of a level in their order of time: (id, agent, volume)."""
        return [(order.id, order.agent, order.volume) for order in self.levels[side].get(price, [])]

    def trades(self) -> list[tuple[int, int]]:
        """(price, volume) of every trade so far."""
        return [(event[3], event[4]) for event in self.tape if event[0] == "t"]

    # ------------------------------------------------------------------ effects

    def _accept(
        self,
        now: int,
        agent: int,
        side: int,
        limit: int | None,
        volume: int,
        need: int,
        stp: int,
        *,
        rests: bool,
    ) -> Reply:
        account = self.accounts[agent]
        if side == BUY:
            if need > account.quote_free:
                return Reply("INSUFFICIENT_QUOTE")
            account.quote_free -= need
            account.quote_reserved += need
        else:
            if need > account.base_free:
                return Reply("INSUFFICIENT_BASE")
            account.base_free -= need
            account.base_reserved += need
        self.last_order_id += 1
        order = Order(self.last_order_id, agent, side, 0, volume, need, now)
        self._match(now, order, limit, stp)
        # What still crosses was stopped by the band and is dropped.
        if rests and order.volume and limit is not None and next(self.crossed(side, limit), None) is None:
            order.price = limit
            self._release(order, order.reserved - self._worth(order, order.volume))
            self.levels[side].setdefault(limit, []).append(order)
            self.by_id[order.id] = order
            self.tape.append(("o", now, order.id, side, limit, order.volume))
        else:
            self._release(order, order.reserved)
        return Reply("VALID", order.id, volume, order.volume)

    def _match(self, now: int, order: Order, limit: int | None, stp: int) -> None:
        while order.volume:
            other = next(self.crossed(order.side, limit), None)
            if other is None:
                return
            if other.agent != order.agent or stp == Stp.NONE:
                if not self.band.allows(other.price):
                    self.band.refused = True
                    return
                self._trade(now, order, other)
            elif stp == Stp.CANCEL_OLDEST:
                self._withdraw(now, other, other.volume)
            elif stp == Stp.CANCEL_NEWEST:
                order.volume = 0
            elif stp == Stp.CANCEL_BOTH:
                self._withdraw(now, other, other.volume)
                order.volume = 0
            else:
                step = min(order.volume, other.volume)
                self._withdraw(now, other, step)
                order.volume -= step

    def _trade(self, now: int, taker: Order, maker: Order) -> None:
        price, volume = maker.price, min(taker.volume, maker.volume)
        if maker.agent != taker.agent:
            self.band.traded(price)
        amount = price * volume * QUOTE_PER_TICK_LOT
        maker_fee = _truncate(self.fees.rate(maker.agent, MAKER) * amount)
        taker_fee = _truncate(self.fees.rate(taker.agent, TAKER) * amount)
        self.fees.record(now, maker.agent, MAKER, amount)
        self.fees.record(now, taker.agent, TAKER, amount)
        for order, fee in ((maker, maker_fee), (taker, taker_fee)):
            order.volume -= volume
            if order.side == BUY:
                self._settle_buy(order, price, volume, fee)
            else:
                self._settle_sell(order, price, volume, fee)
        self.tape.append(
            (
                "t",
                now,
                taker.side,
                price,
                volume,
                taker.id,
                taker.agent,
                taker_fee,
                maker.id,
                maker.agent,
                maker_fee,
            )
        )
        if maker.volume == 0:
            self._erase(maker)
            if self.keeps_ghosts:
                self.ghosts.append(maker)

    def _settle_buy(self, order: Order, price: int, volume: int, fee: int) -> None:
        account, amount = self.accounts[order.agent], price * volume * QUOTE_PER_TICK_LOT
        order.reserved -= amount
        account.quote_reserved -= amount
        if fee > 0:  # paid in whole lots of base, rounded up; what is too much comes back in quote
            lot_worth = price * QUOTE_PER_TICK_LOT
            fee_base = -(-fee // lot_worth)
            account.base_free += volume - fee_base
            account.quote_free += fee_base * lot_worth - fee
            self.base_burnt += fee_base
            self.quote_burnt -= fee_base * lot_worth - fee
        else:
            account.base_free += volume
            account.quote_free -= fee
            self.quote_burnt += fee

    def _settle_sell(self, order: Order, price: int, volume: int, fee: int) -> None:
        account = self.accounts[order.agent]
        order.reserved -= volume
        account.base_reserved -= volume
        account.quote_free += price * volume * QUOTE_PER_TICK_LOT - fee
        self.quote_burnt += fee

    def _withdraw(self, now: int, order: Order, volume: int) -> None:
        self.tape.append(("c", now, order.id, order.price, volume))
        order.volume -= volume
        self._release(order, self._worth(order, volume) if order.volume else order.reserved)
        if order.volume == 0:
            self._erase(order)

    def _release(self, order: Order, amount: int) -> None:
        account = self.accounts[order.agent]
        order.reserved -= amount
        if order.side == BUY:
            account.quote_reserved -= amount
            account.quote_free += amount
        else:
            account.base_reserved -= amount
            account.base_free += amount

    def _worth(self, order: Order, volume: int) -> int:
        return volume * order.price * QUOTE_PER_TICK_LOT if order.side == BUY else volume

    def _erase(self, order: Order) -> None:
        del self.by_id[order.id]
        queue = self.levels[order.side][order.price]
        queue.remove(order)
        if not queue:
            del self.levels[order.side][order.price]


def _truncate(amount: Fraction) -> int:
    """Toward zero."""
    return int(amount)
