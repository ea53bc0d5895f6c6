"""Random messages to the naive and the compiled exchange, which must agree after each of them.

What is compared after every message: the answer, the events it caused with their fees, best prices, and all
balances, free and reserved. After every batch: every queue, every level, timers, fee history and tiers, open
order counts, and that base, quote and fees add up to the last unit.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from random import Random

import numpy as np
import numpy.typing as npt
from attrs import define, field

from obmm.sim.exchange._book import snapshot
from obmm.sim.exchange._layout import FAR_TICK, REJECT_CODES
from sim.batch import ANSWER, CANCEL, END_STEP, LIMIT, MARKET, MESSAGE, RESET, ROLL, scratch, send
from sim.compiled import CompiledExchange, slot_of
from sim.naive import BUY, SELL, Account, NaiveExchange, Reply, Stp, Tif
from sim.naive_band import Band
from sim.naive_fees import DynamicFees, FeePolicy, TieredFees, ZeroFees

_BATCH = 256
_UNIT = 10**10


def _fees(rng: Random) -> Callable[[], FeePolicy]:
    kind = rng.choice(["zero", "dynamic", "dynamic", "dynamic", "tiered"])
    if kind == "zero":
        return ZeroFees
    if kind == "tiered":
        steps = [0, *sorted(rng.randrange(1, 10**6) for _ in range(rng.randrange(1, 6)))]
        tiers = [
            (v * _UNIT, Fraction(rng.randrange(-50, 90), 10**4), Fraction(rng.randrange(-50, 90), 10**4))
            for v in steps
        ]
        tier_slots = rng.randrange(1, 6)
        return lambda: TieredFees(tiers, tier_slots)
    slots = rng.choice([1, 2, 5, 40, 300])
    if rng.random() < 0.5:
        return lambda: DynamicFees(history_slots=slots)
    target, high, low = Fraction(rng.randrange(2, 9), 10), rng.randrange(1, 200), rng.randrange(1, 200)
    shapes, base = (rng.uniform(1.0, 4.0), rng.uniform(1.0, 4.0)), Fraction(rng.randrange(-9, 9), 10**5)
    return lambda: DynamicFees(
        target=target,
        maker_base=base,
        max_maker=Fraction(high, 10**4),
        max_taker=Fraction(low, 10**4),
        shape_fee=shapes[0],
        shape_rebate=shapes[1],
        history_slots=slots,
    )


@define
class Session:
    """Two exchanges of one random rule set, and a stream of random messages to both."""

    rng: Random
    naive: NaiveExchange = field(init=False)
    compiled: CompiledExchange = field(init=False)
    agents: list[int] = field(init=False)
    center: float = field(init=False)
    width: int = field(init=False)
    thick: int = field(init=False)
    ending: float = field(init=False)
    now: int = 1
    quiet: int = 0
    known: list[tuple[int, int]] = field(factory=list)
    messages: list[dict[str, int]] = field(factory=list)
    answers: list[tuple[int, ...]] = field(factory=list)
    slots: npt.NDArray[np.int64] = field(factory=lambda: np.zeros(1024, dtype=np.int64))

    def __attrs_post_init__(self) -> None:
        rng = self.rng
        self.agents = [*range(rng.randrange(2, 6)), *range(-1, -rng.randrange(2, 5), -1)]
        rich = rng.choice([1, 30, 1000])
        start = {
            agent: (rng.randrange(rich * 10**5), rng.randrange(rich * 300 * 10**11)) for agent in self.agents
        }
        min_volume = rng.choice([1, 1, 2500])
        max_open_orders = rng.choice([3, 20, 100])
        keeps_ghosts, ghosts_hold_a_side = rng.random() < 0.7, rng.random() < 0.5
        make_fees = _fees(rng)
        width = rng.choice([0, 0, 0, 1, 10, 100]) * Fraction(1, 1000)
        self.naive, self.compiled = (
            exchange(
                {a: Account(*s) for a, s in start.items()},
                make_fees(),
                min_volume,
                max_open_orders,
                keeps_ghosts,
                ghosts_hold_a_side,
                Band(width),
            )
            for exchange in (NaiveExchange, CompiledExchange)
        )
        self.center = rng.choice([30_000, 30_000, 30_000, 12, FAR_TICK - 3, FAR_TICK + 2_000_000])
        self.width = rng.choice([2, 8, 60])
        self.thick = rng.choice([4, 40, 150])
        self.ending = rng.choice([0.01, 0.01, 0.1])

    def run(self, n_messages: int) -> None:
        """Send random messages, batch by batch.

        Raises:
            AssertionError: The exchanges disagree; the text tells the message.
        """
        for _ in range(-(-n_messages // _BATCH)):
            self.messages.clear()
            self.answers.clear()
            self.naive.tape.clear()
            for _ in range(_BATCH):
                self._step()
            self._send()
            self._agree_in_full()

    # --------------------------------------------------------------- messages

    def _step(self) -> None:
        rng = self.rng
        self.now += rng.choice([0, 1, 1, 1000])
        self.naive.advance(self.now)
        self.center = max(1.0, self.center + rng.gauss(0.0, 0.3))
        chance = rng.random() + (0.35 if len(self.naive.by_id) > self.thick else 0.0)
        if self.naive.band.refused and rng.random() < 0.02:
            self.quiet = rng.randrange(200)
        if self.quiet > 0:  # long enough for a band that refused an order to widen
            self.quiet -= 1
            self._end_step()
        elif chance < 0.55 or not self.known:
            self._limit()
        elif chance < 0.68:
            self._market()
        elif 0.98 - self.ending <= chance < 0.98 or chance > 1.34:
            self._end_step()
        elif 0.98 <= chance < 0.981:
            self._reset()
        elif 0.981 <= chance < 0.983 and isinstance(self.naive.fees, TieredFees):
            self.naive.fees.roll()
            self._record({"op": ROLL})
        else:
            self._cancel()

    def _limit(self) -> None:
        rng = self.rng
        agent, side, in_quote = rng.choice(self.agents), rng.randrange(2), rng.random() < 0.03
        toward = 1 if side == BUY else -1
        price = round(self.center + toward * (rng.gauss(-0.4, 1.0) * self.width))
        if rng.random() < 0.02:
            price = rng.choice([0, -5, 1, 2, FAR_TICK, FAR_TICK + 1, 10**7, 10**9, price * 2])
        amount = self._volume()
        if in_quote:
            amount = amount * max(price, 1) * 10_000 + rng.randrange(10_000)
        tif = rng.choices([Tif.GTC, Tif.GTT, Tif.IOC, Tif.FOK], [70, 12, 9, 9])[0]
        timed = tif == Tif.GTT and agent >= 0 and rng.random() < 0.9
        expiry_ns = rng.randrange(1, 400) if timed else 0
        post_only, stp = rng.random() < 0.2, self._stp()
        reply = self.naive.limit(
            self.now,
            agent,
            side,
            price,
            amount,
            tif=tif,
            post_only=post_only,
            stp=stp,
            in_quote=in_quote,
            expiry_ns=expiry_ns,
        )
        message = {"tick": price, "tif": tif, "post_only": post_only, "expiry_ns": expiry_ns}
        self._placed(LIMIT, agent, side, amount, in_quote, stp, message, reply)

    def _market(self) -> None:
        rng = self.rng
        agent, side, in_quote, stp = (
            rng.choice(self.agents),
            rng.randrange(2),
            rng.random() < 0.3,
            self._stp(),
        )
        amount = self._volume() * (max(round(self.center), 1) * 10_000 if in_quote else 1)
        slippage = rng.randrange(10 ** rng.randrange(1, 9)) if rng.random() < 0.3 else 0
        reply = self.naive.market(
            self.now, agent, side, amount, stp=stp, in_quote=in_quote, max_slippage=Fraction(slippage, 10**8)
        )
        self._placed(MARKET, agent, side, amount, in_quote, stp, {"slippage_e8": slippage}, reply)

    def _placed(
        self,
        op: int,
        agent: int,
        side: int,
        amount: int,
        in_quote: bool,
        stp: int,
        more: dict[str, int],
        reply: Reply,
    ) -> None:
        if reply.code == "VALID":
            self.known.append((reply.order_id, agent))
        message = {"op": op, "agent": agent, "side": side, "amount": amount, "in_quote": in_quote, "stp": stp}
        self._record({**message, **more}, REJECT_CODES.index(reply.code), reply.volume)

    def _cancel(self) -> None:
        rng = self.rng
        order_id, agent = self.known[-1 - min(int(rng.expovariate(0.05)), len(self.known) - 1)]
        if rng.random() < 0.6 and self.naive.by_id:
            order_id = rng.choice(list(self.naive.by_id))
            agent = self.naive.by_id[order_id].agent
        if rng.random() < 0.02:
            agent = rng.choice(self.agents)
        volume = None if rng.random() < 0.5 else max(self._volume(), 1)
        done = self.naive.cancel(self.now, agent, order_id, volume)
        message = {"op": CANCEL, "agent": agent, "order_id": order_id, "amount": volume or 0}
        self._record(message, 0 if done else 1)

    def _end_step(self) -> None:
        self.naive.end_step()
        self._record({"op": END_STEP})

    def _reset(self) -> None:
        agent = self.rng.choice([agent for agent in self.agents if agent >= 0])
        base, quote = self.rng.randrange(10**6), self.rng.randrange(10**15)
        self.naive.reset(self.now, agent, base, quote)
        if isinstance(self.naive.fees, TieredFees):
            self.naive.fees.reset(agent)
        self._record({"op": RESET, "agent": agent, "tick": base, "amount": quote})

    def _volume(self) -> int:
        return max(round(10 ** self.rng.uniform(-0.3, 5.0)), self.rng.randrange(-1, 3))

    def _stp(self) -> Stp:
        return self.rng.choices(list(Stp), [1, 5, 1, 1, 2])[0]

    def _record(self, message: dict[str, int], code: int = 0, volume: int = 0) -> None:
        """Keep a message and what the naive exchange made of it."""
        naive = self.naive
        self.messages.append({"now_ns": self.now, **message})
        touch = (max(naive.levels[BUY], default=0), min(naive.levels[SELL], default=0))
        row = [code, naive.last_order_id, volume, len(naive.tape), *touch]
        for agent in self.agents:
            a = naive.accounts[agent]
            row += (a.base_free, a.base_reserved, a.quote_free, a.quote_reserved)
        self.answers.append(tuple(row))

    # ------------------------------------------------------------- comparison

    def _send(self) -> None:
        """The batch to the compiled exchange, and its answers beside those of the naive one."""
        batch = np.zeros(_BATCH, dtype=MESSAGE)
        for name in MESSAGE.names:
            batch[name] = [message.get(name, 0) for message in self.messages]
        batch["agent"] = [slot_of(message.get("agent", 0)) for message in self.messages]
        while self.naive.last_order_id >= self.slots.size:
            self.slots = np.concatenate([self.slots, np.zeros_like(self.slots)])
        agents = np.array([slot_of(agent) for agent in self.agents])
        answers = np.zeros((_BATCH, ANSWER + 4 * agents.size), dtype=np.int64)
        send(self.compiled.books, batch, agents, self.slots, scratch(), answers)
        self.compiled.collect()
        expected = np.array(self.answers)
        wrong = np.flatnonzero((expected != answers).any(axis=1))
        if wrong.size:
            i = int(wrong[0])
            raise AssertionError(
                f"message {self.messages[i]}: naive {self.answers[i]}, compiled {tuple(answers[i].tolist())}"
            )
        if self.naive.tape != self.compiled.tape:
            self._tapes_agree(answers[:, 3])
        self.compiled.tape.clear()

    def _tapes_agree(self, ends: npt.NDArray[np.int64]) -> None:
        """Event by event, but in any order for what a reset cancels."""
        begin = 0
        for end, message in zip(ends.tolist(), self.messages, strict=True):
            naive, compiled = self.naive.tape[begin:end], self.compiled.tape[begin:end]
            if message["op"] == RESET:
                naive, compiled = sorted(naive), sorted(compiled)
            self._check(f"events of {message}", naive, compiled)
            begin = end

    def _agree_in_full(self) -> None:
        naive, compiled, book = self.naive, self.compiled, self.compiled.book
        for side in (BUY, SELL):
            orders = [(o.id, o.price, o.agent, o.volume, o.reserved) for o in naive.resting(side)]
            self._check("queues", orders, compiled.resting(side))
            self._check("live orders", len(orders), int(book["live"][side]))
        prices, sizes = np.empty((2, 21)), np.empty((2, 21))
        snapshot(book, prices[:, None], sizes[:, None], 0)
        for side in (BUY, SELL):
            known = sizes[side] > 0
            seen = zip(np.rint(prices[side, known] * 100), np.rint(sizes[side, known] * 1e4), strict=True)
            self._check("snapshot", naive.depth(side)[:21], [(int(p), int(q)) for p, q in seen])
        for agent in self.agents:
            row = book["accounts"][slot_of(agent)]
            self._check("open orders", naive.open_order_count(agent), int(row["open_orders"] + row["ghosts"]))
        bounds = (int(book["band_low"]), int(book["band_high"])) if book["band_high"] else None
        self._check("band", naive.band.bounds, bounds)
        self._check("timers", len(naive.timers), int(book["event_count"]))
        self._check("fault", 0, int(book["fault"]))
        self._fees_agree()
        self._nothing_is_lost()

    def _fees_agree(self) -> None:
        fees, book = self.naive.fees, self.compiled.book
        if isinstance(fees, DynamicFees):
            share = fees.maker_share()
            self._check("maker share", float(share), float(book["mtr"]))
            self._check("running volume", fees.totals, book["fee_total"].tolist())
            count, newest = int(book["fee_count"]), int(book["fee_newest"])
            ring = book["fee_ring"][: fees.history_slots]
            slots = [ring[(newest - count + 1 + i) % fees.history_slots].tolist() for i in range(count)]
            self._check("fee slots", fees.slots, slots)
            if fees.shape_fee == fees.shape_rebate == 2:
                gap = abs(fees.adjustment(share) - Fraction(fees.adjustment_in_doubles(share)))
                assert gap <= Fraction(1, 10**16)
        if isinstance(fees, TieredFees):
            for agent in self.agents:
                slot = slot_of(agent)
                volume = int(book["tier_volume"][slot][int(book["tier_newest"])])
                self._check("tier", fees.tier_of.get(agent, 0), int(book["accounts"][slot]["tier"]))
                self._check("tier volume", fees.volumes.get(agent, [0])[-1], volume)

    def _nothing_is_lost(self) -> None:
        """Base, quote and fees to the last unit, in either model."""
        book, accounts = self.compiled.book, self.naive.accounts.values()
        for of, unit in (("base", "lots"), ("quote", "units")):
            owned = sum(getattr(a, f"{of}_free") + getattr(a, f"{of}_reserved") for a in accounts)
            self._check(of, int(book[f"brought_{unit}"] - book[f"burnt_{unit}"]), owned)
            self._check(f"{of} fees", getattr(self.naive, f"{of}_burnt"), int(book[f"burnt_{unit}"]))
        for agent in self.agents:
            account = self.naive.accounts[agent]
            orders = [o for o in self.naive.by_id.values() if o.agent == agent]
            sells, buys = (sum(o.reserved for o in orders if o.side == side) for side in (SELL, BUY))
            self._check("reserved", (account.base_reserved, account.quote_reserved), (sells, buys))
            assert min(account.base_free, account.quote_free) >= 0

    def _check(self, what: str, expected: object, actual: object) -> None:
        if expected != actual:
            raise AssertionError(f"{what}: naive {expected}, compiled {actual}")
