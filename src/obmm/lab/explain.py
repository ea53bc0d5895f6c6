"""One decision, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from obmm.agent import Config, ConfigError, Decision, MarketMaker, Problem, paid_by, resolve
from obmm.lab.relive import config_of, relive
from obmm.market import BUY, InstructionKind, Limits, Reason
from obmm.wire.recording import Recording


def told(decision: Decision, config: Config, book: int) -> dict[str, Any]:
    """Everything that led to `decision` on one book (by position), as plain values."""
    state = decision.state
    step = next(s for s in decision.steps if s.books[book])
    here = config.at(state.venue)
    decided = next(c for c in (here, *(a.config for a in here.assign)) if c.name == step.name)
    units = {spec.name: str(getattr(spec.cls, "unit", "")) for spec in decided.signals}
    accounts, orders, own = state.accounts, decision.orders, state.open_orders
    tick = float(state.venue.grid.tick[book])
    bid_why, ask_why = decision.why(book)
    best_bid, best_ask = (float(side[book]) for side in state.competing_touch)
    quotes = [
        {
            "side": side,
            "level": level + 1,
            "price": float(price[book, level]),
            "size": float(size[book, level]),
            "behind_ticks": sign * (touch - float(price[book, level])) / tick,
        }
        for side, price, size, has, touch, sign in (
            ("bid", step.quotes.bid_price, step.quotes.bid_size, step.quotes.has_bid, best_bid, 1),
            ("ask", step.quotes.ask_price, step.quotes.ask_size, step.quotes.has_ask, best_ask, -1),
        )
        for level in range(step.quotes.n_levels)
        if has[book, level]
    ]
    return {
        "book": int(state.venue.book_ids[book]),
        "time_s": state.time_s,
        "config": config.name,
        "pipeline": step.name,
        "objective": here.objective,
        "objective_why": paid_by(state.venue, config.choices).why if config.choices else "",
        "hash": decision.config_hash,
        "market": {
            "best bid": f"{state.best_bid[book]:.10g}",
            "best ask": f"{state.best_ask[book]:.10g}",
            "mid": f"{state.mid[book]:.10g}",
            "spread, ticks": float(state.spread[book]) / tick,
            "maker ratio": float(state.maker_ratio[book]),
            "maker rate, bp": 1e4 * float(accounts.maker_rate[book]),
            "position, base": float(accounts.position[book]),
            "free base": float(accounts.base_free[book]),
            "free quote": float(accounts.quote_free[book]),
            "open orders": int(state.open_orders.count[book]),
        },
        "signals": [
            {"name": name, "value": _row(value[book]), "unit": units[name]}
            for name, value in step.signals.items()
        ],
        "gates": [_gate(name, limits, book) for name, limits in step.gate_limits.items()]
        + [_gate("all together", step.limits, book)],
        "quotes": quotes,
        "resting": [
            {
                "side": "bid" if own.side[row] == BUY else "ask",
                "price": float(own.price[row]),
                "size": float(own.size[row]),
                "order_id": int(own.order_id[row]),
                "age_s": (state.time_ns - int(own.time_ns[row])) / 1e9,
            }
            for row in np.flatnonzero(own.book == book)
        ],
        "orders": [
            {
                "kind": InstructionKind(int(orders.kind[row])).name.lower(),
                "side": {-1: "", BUY: "buy"}.get(int(orders.side[row]), "sell"),
                "price": known(orders.price[row]),
                "size": known(orders.size[row]),
                "order_id": int(orders.order_id[row]) if orders.order_id[row] >= 0 else None,
            }
            for row in np.flatnonzero(orders.book == book)
        ],
        "reasons": {
            side: why.name.lower() if why else None for side, why in (("bid", bid_why), ("ask", ask_why))
        },
    }


def explained(
    capture: Path, source: str, params: Sequence[str], *, book: int, at_s: float, only: str = ""
) -> dict[str, Any]:
    """Run an agent over a recording up to `at_s` and tell its decision on the book with id `book`.

    Args:
        capture: The recording.
        source: The configuration, as `resolve` takes it.
        params: `name=value` words on top of it.
        book: Id of the book.
        at_s: Simulated seconds.
        only: Of a live recording of several simulations, how `validator/simulation` begins.

    Raises:
        ConfigError: The recording has no such book, or ends earlier; or a stage failed.
    """
    from obmm.wire import read_stream

    config = resolve(source, params)
    maker = MarketMaker(config)
    last = ""
    for recorded in read_stream(capture, maker.feeds, only=only):
        decision = maker.decide(recorded.state)
        last = f", at {decision.state.time_s:g} s"
        if decision.state.time_s >= at_s:
            return decision_of_book(decision, config, capture, book)
    raise ConfigError([Problem(str(capture), f"ends before {at_s:g} s{last}")])


def explained_live(
    recording: Recording, *, book: int, at_s: float, only: str = "", code: Path | None = None
) -> dict[str, Any]:
    """Tell the decision that was made live at `at_s` or the next after it, made again; see `explained`.

    Args:
        recording: The live recording.
        book: Id of the book.
        at_s: Simulated seconds.
        only: Of several simulations, how `validator/simulation` begins; the first that comes to `at_s` else.
        code: Folder with the modules of the user's own stages, see `obmm.lab.relive.config_of`.

    Raises:
        ConfigError: The recording has no such book, or ends earlier; or a stage failed.
        WireError: It is damaged.
    """
    last = ""
    for one in relive(recording, code=code):
        if one.decision is None:
            continue
        state = one.decision.state
        if f"{state.venue.validator}/{state.venue.simulation_id}".startswith(only):
            last = f", at {state.time_s:g} s"
            if state.time_s >= at_s:
                return decision_of_book(one.decision, config_of(one.setup, code), recording.path, book)
    raise ConfigError([Problem(str(recording.path), f"ends before {at_s:g} s{last}")])


def decision_of_book(decision: Decision, config: Config, source: Path, book: int) -> dict[str, Any]:
    """What `told` says of the book with that id.

    Raises:
        ConfigError: There is no such book, or a stage failed.
    """
    venue = decision.state.venue
    if book not in venue.book_ids:
        ids = ", ".join(map(str, venue.book_ids))
        raise ConfigError([Problem(str(source), f"has no book {book}; it has {ids}")])
    if decision.error:
        what = f"a stage failed, {decision.error}; `obmm check` says where"
        raise ConfigError([Problem(config.name, what)])
    return told(decision, config, venue.index_of(book))


def _gate(name: str, limits: Limits, book: int) -> dict[str, Any]:
    return {
        "name": name,
        "bid": _word(bool(limits.bid_allowed[book]), int(limits.bid_reason[book])),
        "ask": _word(bool(limits.ask_allowed[book]), int(limits.ask_reason[book])),
        "bid_size_factor": float(limits.bid_size_factor[book]),
        "ask_size_factor": float(limits.ask_size_factor[book]),
        "spread_factor": float(limits.spread_factor[book]),
        "position_limit": known(limits.position_limit[book] * limits.position_factor[book]),
    }


def _word(allowed: bool, why: int) -> str:
    said = "" if why == 0 else f": {Reason(why).name.lower()}"
    return ("open" if allowed else "closed") + said


def _row(value: Any) -> Any:
    return [float(v) for v in value] if np.ndim(value) else float(value)


def known(value: Any) -> float | None:
    """A number, None where it is not finite."""
    return float(value) if np.isfinite(value) else None
