"""Which fills of a preset keep what they capture, under the rules of 0.6: making's quality taken apart.

    python benchmarks/what_fills_keep.py making --seeds 4001 4002 4003 4004 --hours 4.2

Plays a preset or a file in a field and lists, class by class, its fills after the first hour: takes, orders
that were placed at the touch, and those behind it by distance from the mid when they were placed, by what the
flow of takers (the signal `flow`) said for their side then, and by who took. Per book and hour: fills, quote
traded, captured and kept at 20 s as validators count both, and quality, the second over the first.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from obmm.agent import Config, MarketMaker, resolve
from obmm.lab.fields import field_named
from obmm.market import BoolArray, EventKind, Feed, FloatArray, InstructionKind, IntArray, NoticeKind
from obmm.scoring.debeta.capture import centred_mids
from obmm.scoring.debeta.prints import Columns, prints_of_columns
from obmm.scoring.debeta.realised import centred_marks, horizon_prints
from obmm.sim import Scenario, SimulatedMarket

#: Prints to either side of a fill that make its mid, and when it is marked again.
HALF, HORIZON_NS = 15, 20 * 10**9
SKIPPED_S = 3600
DISTANCES_BPS = (0.0, 6.0, 10.0, 14.0, 20.0, 40.0, 100.0, 300.0)
LEANS = (-1.0, -0.3, 0.0, 0.3, 0.6, 1.001)

_Columns = list[npt.NDArray[Any]]


@attrs.define
class Tape:
    """What a run tells, row by row: trades, what was placed, and which order became of it."""

    trades: list[_Columns] = attrs.field(factory=list)
    placed: list[_Columns] = attrs.field(factory=list)
    accepted: list[_Columns] = attrs.field(factory=list)


@attrs.frozen
class Fills:
    """Columns (N,); those of an order are NaN for takes. `toward` is +1 for a purchase, -1 for a sale."""

    book: IntArray
    maker: BoolArray
    size: FloatArray
    price: FloatArray
    captured: FloatArray
    kept: FloatArray
    by_miner: BoolArray
    at_touch: BoolArray
    distance_bps: FloatArray
    lean: FloatArray


def played(
    config: Config, field: str, seeds: Sequence[int], books: int, hours: float
) -> tuple[Tape, IntArray]:
    """The tape of uid 0 in a field on today's market, and the class of each book."""
    market, others, tape = Scenario.load("taos-0.6.2"), field_named(field), Tape()
    market = attrs.evolve(market, rivals=attrs.evolve(market.rivals, **others.population))
    makers = [MarketMaker(c) for c in (config, *others.pipelines(), *[config] * others.copies)]
    feeds = frozenset[Feed]().union(*(m.feeds for m in makers), {Feed.TAPE})
    with SimulatedMarket(
        market, books=books, seed=tuple(seeds), miners=len(makers), feeds=feeds, threads=1
    ) as running:
        for seen in running.states(hours * 3600.0):
            for uid, maker in enumerate(makers):
                decision = maker.decide(seen[uid])
                running.submit(uid, decision.orders, 0.1)
                if uid == 0:
                    state, orders, events = seen[0], decision.orders, seen[0].tape
                    assert events is not None
                    rows = np.flatnonzero(events.kind == int(EventKind.TRADE))
                    ids = (events.maker_id, events.taker_id, events.order_id)
                    what = (events.book, events.time_ns, events.price, events.size, events.side, *ids)
                    tape.trades.append([column[rows] for column in what])
                    told = state.notices
                    rows = np.flatnonzero(told.kind == int(NoticeKind.ACCEPTED))
                    tape.accepted.append([c[rows] for c in (told.book, told.order_id, told.client_id)])
                    flow = decision.steps[0].signals.scalar("flow")
                    rows = np.flatnonzero(orders.kind == int(InstructionKind.LIMIT))
                    book, side = orders.book[rows], orders.side[rows]
                    touch = state.competing_touch[side, book]
                    of = (
                        orders.client_id[rows],
                        side,
                        orders.price[rows],
                        touch,
                        state.mid[book],
                        flow[book],
                    )
                    tape.placed.append([book, *of])
        asset = np.tile(market.asset_of_book(books), len(seeds))
    return tape, asset


def fills_of(tape: Tape) -> Fills:
    """Every fill of uid 0 after the first hour."""
    book, time_ns, price, size, side, maker, taker, order = map(
        np.concatenate, zip(*tape.trades, strict=True)
    )
    from_ns = time_ns.min() + SKIPPED_S * 10**9
    client = {(b, o): c for b, o, c in zip(*map(_ints, zip(*tape.accepted, strict=True)), strict=True)}
    placed = [np.concatenate(c) for c in zip(*tape.placed, strict=True)]
    row_of = {key: row for row, key in enumerate(zip(*(_ints([c]) for c in placed[:2]), strict=True))}
    rows: list[tuple[float, ...]] = []
    for number in np.unique(book).tolist():
        at = np.flatnonzero(book == number)
        p, q, t = price[at], size[at], time_ns[at]
        prints = prints_of_columns(np.array([0, at.size]), t, p, q, side[at], maker[at], taker[at], Columns())
        mids, marks = centred_mids(p, HALF), centred_marks(prints, HALF)[horizon_prints(t, HORIZON_NS)]
        mine = ((maker[at] == 0) ^ (taker[at] == 0)) & (t >= from_ns)
        for i in np.flatnonzero(mine).tolist():
            makes = maker[at[i]] == 0
            toward = 1.0 if (side[at[i]] == 0) != makes else -1.0
            captured = toward * (mids[i] - p[i]) * q[i]
            kept = toward * (marks[i] - p[i]) * q[i] if makes and np.isfinite(marks[i]) else 0.0
            kept = float(np.clip(kept, -abs(captured), abs(captured)))
            near, distance, lean = 0.0, np.nan, np.nan
            row = row_of.get((number, client.get((number, int(order[at[i]])), -1))) if makes else None
            if row is not None:
                _, _, _, asked, touch, mid, flow = (c[row] for c in placed)
                near = float(abs(asked - touch) < 1e-6)
                distance, lean = 1e4 * toward * (mid - asked) / mid, toward * flow
            other = taker[at[i]] if makes else maker[at[i]]
            rows.append((number, makes, q[i], p[i], captured, kept, other >= 0, near, distance, lean))
    told = np.array(rows).reshape(-1, 10).T
    flags = {1: told[1] > 0, 6: told[6] > 0, 7: told[7] > 0}
    columns = [flags.get(k, told[k]) for k in range(10)]
    return Fills(told[0].astype(np.int64), *columns[1:])


def _ints(columns: Sequence[npt.NDArray[Any]]) -> list[int]:
    whole: list[int] = np.concatenate(columns).astype(np.int64).tolist()
    return whole


def table(fills: Fills, asset: IntArray, hours: float) -> Iterator[str]:
    """Lines of all classes."""
    for number in np.unique(asset).tolist():
        here = asset[fills.book] == number
        behind = here & fills.maker & ~fills.at_touch & np.isfinite(fills.distance_bps)
        touch = here & fills.maker & fills.at_touch
        parts = {
            "all": here,
            "takes": here & ~fills.maker,
            "makes at the touch": touch,
            "  from miners at the touch": touch & fills.by_miner,
            "  from the background at the touch": touch & ~fills.by_miner,
            "makes behind it": behind,
            "  from miners behind it": behind & fills.by_miner,
            "  from the background behind it": behind & ~fills.by_miner,
        }
        for low, high in itertools.pairwise(DISTANCES_BPS):
            inside = (fills.distance_bps >= low) & (fills.distance_bps < high)
            parts[f"  placed {low:.0f} to {high:.0f} bp out"] = behind & inside
        for low, high in itertools.pairwise(LEANS):
            parts[f"  flow {low:+.1f} to {high:+.1f}"] = behind & (fills.lean >= low) & (fills.lean < high)
        yield f"class {number}: per book and hour   fills   quote  captured    kept  quality"
        for name, rows in parts.items():
            if not rows.any():
                continue
            per = 1.0 / ((asset == number).sum() * hours)
            quote = float((fills.price * fills.size)[rows].sum())
            captured, kept = float(fills.captured[rows].sum()), float(fills.kept[rows].sum())
            quality = kept / captured if captured else float("nan")
            yield (
                f"{name:34s} {rows.sum() * per:8.2f} {quote * per:7.0f} {captured * per:+9.3f} "
                f"{kept * per:+7.3f} {quality:+8.2f}"
            )


def main(words: Sequence[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", nargs="?", default="making", help="preset or file; it has a signal `flow`")
    parser.add_argument("--field", default="default")
    parser.add_argument("--seeds", type=int, nargs="+", default=[4001, 4002])
    parser.add_argument("--books", type=int, default=16)
    parser.add_argument("--hours", type=float, default=4.2)
    told = parser.parse_args(words)
    tape, asset = played(resolve(told.source), told.field, told.seeds, told.books, told.hours)
    print(*table(fills_of(tape), asset, told.hours - SKIPPED_S / 3600.0), sep="\n")


if __name__ == "__main__":
    main()
