"""The compiled exchange behind the interface of the naive one."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from attrs import define, field

from obmm.market import FeePolicy as VenueFees
from obmm.market import InstructionKind, NoticeKind
from obmm.sim.exchange import _layout as layout
from obmm.sim.exchange._accounts import open_account
from obmm.sim.exchange._book import best_order, order_behind
from obmm.sim.exchange._fees import (
    MAKER,
    TAKER,
    dynamic_part,
    fee_rate,
    forget_tier,
    roll_tiers,
    set_maker_ratio,
)
from obmm.sim.exchange._instructions import act, expire, submit
from obmm.sim.exchange._orders import (
    cancel_order,
    end_step,
    find_order,
    limit_order,
    market_order,
    reset_agent,
)
from obmm.sim.exchange._queue import next_event_ns, pop_event
from obmm.sim.exchange._setup import make_book
from sim.naive import BUY, Account, Reply, Stp, Tif
from sim.naive_band import Band
from sim.naive_fees import DynamicFees, FeePolicy, TieredFees

N_MINERS = 16
_STEP_NS = 10**9


def slot_of(agent: int) -> int:
    """Account slot of a published id."""
    return agent if agent >= 0 else N_MINERS - agent - 1


def published(slot: int) -> int:
    """Published id of an account slot."""
    return slot if slot < N_MINERS else N_MINERS - slot - 1


def venue_fees(policy: FeePolicy) -> VenueFees:
    """The same policy in the venue's words."""
    if isinstance(policy, DynamicFees):
        return VenueFees(
            kind="dynamic",
            maker_fee=float(policy.maker_base),
            taker_fee=float(policy.taker_base),
            max_maker_rate=float(policy.max_maker),
            max_taker_rate=float(policy.max_taker),
            target_mtr=float(policy.target),
            shape_maker_fee=policy.shape_fee,
            shape_maker_rebate=policy.shape_rebate,
            history_slots=policy.history_slots,
        )
    return VenueFees(kind="tiered" if isinstance(policy, TieredFees) else "zero")


def adjustment(policy: DynamicFees, share: float) -> float:
    """What the compiled policy adds to the maker's rate at maker share `share`."""
    return float(dynamic_part(make_book(fees=venue_fees(policy))[0], share))


class Accounts(Mapping[int, Account]):
    """The accounts of a compiled book by published id."""

    def __init__(self, book: Any, agents: list[int]) -> None:
        self.book, self.agents = book, agents

    def __getitem__(self, agent: int) -> Account:
        row = self.book["accounts"][slot_of(agent)]
        names = ("base_free", "quote_free", "base_reserved", "quote_reserved")
        return Account(*(int(row[name]) for name in names))

    def __iter__(self) -> Any:
        return iter(self.agents)

    def __len__(self) -> int:
        return len(self.agents)


@define
class Tiers:
    """The tiers of a compiled book, read like those of the naive policy."""

    book: Any

    @property
    def volumes(self) -> dict[int, list[int]]:
        """Quote volume of the newest slot of each agent."""
        newest = int(self.book["tier_newest"])
        return {agent: [int(self.book["tier_volume"][slot_of(agent)][newest])] for agent in range(N_MINERS)}

    def rate(self, agent: int, role: int) -> Fraction:
        """The rate of the agent's present tier."""
        return Fraction(fee_rate(self.book, slot_of(agent), (MAKER, TAKER)[role]), 10**16)

    def roll(self) -> None:
        """A slot ends."""
        roll_tiers(self.book)

    def reset(self, agent: int) -> None:
        """Back to the first tier."""
        forget_tier(self.book, slot_of(agent))


@define
class CompiledExchange:
    """One compiled book; requests act at once, good-till-time orders through the instruction queue."""

    start: dict[int, Account]
    fees: FeePolicy
    min_volume: int = 1
    max_open_orders: int = 100
    keeps_ghosts: bool = True
    ghosts_hold_a_side: bool = True
    band: Band = field(factory=Band)
    books: Any = field(init=False)
    book: Any = field(init=False)
    accounts: Accounts = field(init=False)
    expiries: list[tuple[int, int, int, bool]] = field(factory=list)
    tape: list[tuple[Any, ...]] = field(factory=list)
    tiers: Tiers | None = None
    _slots: dict[int, int] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        policy, tiered = self.fees, isinstance(self.fees, TieredFees)
        self.books = make_book(
            n_miners=N_MINERS,
            min_lots=self.min_volume,
            max_open_orders=self.max_open_orders,
            keeps_ghosts=self.keeps_ghosts,
            ghosts_hold_a_side=self.ghosts_hold_a_side,
            price_band=float(self.band.width),
            fees=venue_fees(policy),
            tiers=[(v / 10**10, float(m), float(t)) for v, m, t in policy.tiers] if tiered else (),
            tier_slots=policy.history_slots if tiered else 1,
            tier_period_ns=1 << 60,
        )
        self.book = self.books[0]
        self.book["tape_on"] = 1
        self.tiers = Tiers(self.book) if tiered else None
        self.accounts = Accounts(self.book, list(self.start))
        for agent, account in self.start.items():
            open_account(self.book, slot_of(agent), account.base_free, account.quote_free)
            self.book["accounts"][slot_of(agent)]["watched"] = 1
        if isinstance(policy, DynamicFees) and policy.frozen is not None:
            self._resume(policy)

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
        """Place a limit order."""
        self.book["now_ns"] = now
        if tif == Tif.GTT and expiry_ns > 0:
            code = self.instruct(
                agent=slot_of(agent),
                side=side,
                tick=price,
                amount=amount,
                time_in_force=tif,
                post_only=post_only,
                self_trade=stp,
                in_quote=in_quote,
                expiry_ns=expiry_ns,
            )
        else:
            slot = slot_of(agent)
            code = limit_order(
                self.book, slot, side, price, amount, in_quote, int(tif), post_only, int(stp), -1
            )
        return self._reply(code)

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
        """Place a market order."""
        self.book["now_ns"] = now
        slippage = int(max_slippage * 10**8)
        code = market_order(self.book, slot_of(agent), side, amount, in_quote, int(stp), slippage, -1)
        return self._reply(code)

    def cancel(self, now: int, agent: int, order_id: int, volume: int | None = None) -> bool:
        """Cancel an order of the agent's own; a background agent knows where it rests."""
        self.book["now_ns"] = now
        slot = find_order(self.book, slot_of(agent), order_id) if agent >= 0 else self._slots.get(order_id, 0)
        if self.book["orders"][slot]["agent"] != slot_of(agent):
            return False
        done = cancel_order(self.book, slot, order_id, 0 if volume is None else volume) > 0
        self.collect()
        return done

    def advance(self, now: int) -> None:
        """Deliver what is due up to `now`."""
        self._deliver(now)
        self.collect()

    def end_step(self) -> None:
        """The publish interval ends."""
        end_step(self.book)

    def reset(self, now: int, agent: int, base: int, quote: int) -> None:
        """A deregistered agent."""
        self.book["now_ns"] = now
        reset_agent(self.book, slot_of(agent), base, quote, False)
        self.collect()

    def depth(self, side: int) -> list[tuple[int, int]]:
        """Levels of a side, best first: (price, volume)."""
        levels: dict[int, int] = {}
        for order in self.resting(side):
            levels[order[1]] = levels.get(order[1], 0) + order[3]
        return list(levels.items())

    def queue(self, side: int, price: int) -> list[tuple[int, int, int]]:
        """Orders of a level in their order of time: (id, agent, volume)."""
        return [(order[0], order[2], order[3]) for order in self.resting(side) if order[1] == price]

    def resting(self, side: int) -> list[tuple[int, int, int, int, int]]:
        """(id, price, agent, volume, reserved) of a side's orders as they would trade."""
        found, slot = [], best_order(self.book, side)
        while slot:
            order = self.book["orders"][slot]
            agent = published(int(order["agent"]))
            found.append(
                (int(order["id"]), int(order["tick"]), agent, int(order["lots"]), int(order["reserved"]))
            )
            slot = order_behind(self.book, slot)
        return found

    def trades(self) -> list[tuple[int, int]]:
        """(price, volume) of every trade so far."""
        return [(event[3], event[4]) for event in self.tape if event[0] == "t"]

    def maker_share(self) -> tuple[int, int]:
        """Passive and total quote volume behind the published maker share, or the target's fraction."""
        passive, aggressive = (int(v) for v in self.book["fee_frozen"])
        share = float(self.book["mtr"])
        if passive + aggressive and share == passive / (passive + aggressive):
            return passive, passive + aggressive
        return Fraction(str(share)).as_integer_ratio()

    def _resume(self, policy: DynamicFees) -> None:
        """Take over a fee history as if its last instant were just past."""
        book = self.book
        book["fee_total"], book["fee_frozen"], book["fee_has_frozen"] = policy.totals, policy.frozen, 1
        book["fee_count"] = len(policy.slots)
        for i, slot in enumerate(policy.slots):
            book["fee_ring"][i] = slot
        book["fee_newest"] = len(policy.slots) - 1
        set_maker_ratio(book, float(policy.maker_share()))

    def _deliver(self, now: int) -> None:
        while next_event_ns(self.book) <= now:
            self.book["now_ns"] = next_event_ns(self.book)
            event = self.book["events"][pop_event(self.book)]
            if event["kind"] == layout.EV_INSTRUCTION:
                act(self.book, int(event["data"]))
            else:
                before = int(self.book["notice_count"])
                expire(self.book, *(int(event[name]) for name in ("agent", "tick", "data", "lots")))
                notice = self.book["notices"][before]
                done = bool(notice["kind"] == NoticeKind.CANCELLED)
                agent = published(int(notice["agent"]))
                self.expiries.append((int(self.book["now_ns"]), agent, int(notice["order_id"]), done))

    def instruct(self, **columns: float) -> int:
        """Let a limit order act as an instruction of a miner; the code of the answer."""
        row = np.zeros(1, dtype=layout.INSTRUCTION)[0]
        row["kind"], row["order_id"], row["client_id"] = InstructionKind.LIMIT, -1, -1
        for name, value in columns.items():
            row[name] = value
        before = int(self.book["notice_count"])
        submit(self.book, row)
        self._deliver(int(self.book["now_ns"]))
        notices = self.book["notices"][before : self.book["notice_count"]]
        answer = [n for n in notices if n["kind"] in (NoticeKind.ACCEPTED, NoticeKind.REJECTED)]
        return int(answer[0]["reason"])

    def _reply(self, code: int) -> Reply:
        self.collect()
        if code != layout.VALID:
            return Reply(layout.REJECT_CODES[code])
        if self.book["placed_slot"]:
            self._slots[int(self.book["placed_id"])] = int(self.book["placed_slot"])
        return Reply("VALID", int(self.book["placed_id"]), int(self.book["placed_lots"]))

    def collect(self) -> None:
        """Move the tape's new rows into `tape`, in the naive exchange's words."""
        for row in self.book["tape"][: self.book["tape_count"]].tolist():
            now, tick, lots, order, taker_order, _, maker_fee, taker_fee, maker, taker, kind, side = row
            if kind == layout.TAPE_ORDER:
                self.tape.append(("o", now, order, side, tick, lots))
            elif kind == layout.TAPE_CANCEL:
                self.tape.append(("c", now, order, tick, lots))
            else:
                self.tape.append(
                    ("t", now, side, tick, lots, taker_order, taker, taker_fee, order, maker, maker_fee)
                )
        self.book["tape_count"] = 0
        self.book["notice_count"] = 0


__all__ = ["BUY", "CompiledExchange", "adjustment", "slot_of", "venue_fees"]
