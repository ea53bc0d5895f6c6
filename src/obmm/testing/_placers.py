"""Checks of placers: every instruction is one the venue takes, and none is given twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import attrs
import numpy as np

from obmm.market import BUY, InstructionKind, Limits, MarketState, Orders, Quotes, Reason, TimeInForce
from obmm.market.arrays import FloatArray, IntArray
from obmm.market.grid import to_units
from obmm.market.rules import instruction_rank
from obmm.testing._scenes import FLAWED_STATES, Step, describe, steps
from obmm.testing._trial import ContractError, Trial
from obmm.testing.acceptance import accepted
from obmm.testing.variants import Flaw

#: Rounds after which a placer must have reached what it wants, the instruction limit notwithstanding.
_ROUNDS = 12


def placer_checks(trial: Trial) -> Iterator[tuple[str, Callable[[], None]]]:
    """Names of the checks, each with what to call."""
    yield "keeps within the instructions of a book", partial(_instructions, trial)
    yield "keeps within the open orders of a book", partial(_open_orders, trial)
    yield "cancels only what is open, once", partial(_cancels, trial)
    yield "places orders that the venue takes", partial(_placements, trial)
    yield "spends no more than is free", partial(_funds, trial)
    yield "never crosses the spread", partial(_never_crosses, trial)
    yield "places nothing on closed sides", partial(_closed_sides, trial)
    yield "keeps the position bound however its instructions arrive", partial(_keeps_bound, trial)
    yield "comes to rest", partial(_comes_to_rest, trial)
    yield "clears what is no longer wanted", partial(_clears, trial)


def _answers(trial: Trial, max_open_orders: int | None = None) -> Iterator[tuple[str, Step, Orders]]:
    """What the placer says in whole and in flawed states."""
    # A placer remembers nothing, so that the flawed states alone will do.
    flawed = tuple(sorted(FLAWED_STATES))
    scenes = [trial.scene(), *(trial.scene(flaw=flaw, picks=flawed) for flaw in Flaw)]
    for scene in scenes:
        history = steps(scene)
        if max_open_orders is not None:
            history = tuple(_crowded(step, max_open_orders) for step in history)
        for turn, (step, out) in enumerate(zip(history, trial.feed(trial.make(), history), strict=True)):
            if isinstance(out, Orders):
                yield f"in state {turn}" + describe(scene.flaw), step, out


def _crowded(step: Step, max_open_orders: int) -> Step:
    venue = attrs.evolve(step.state.venue, max_open_orders=max_open_orders)
    return attrs.evolve(step, state=attrs.evolve(step.state, venue=venue))


def _enforced(step: Step) -> Limits:
    return step.limits.enforced(step.state.accounts.position)


def _instructions(trial: Trial) -> None:
    for when, step, orders in _answers(trial):
        given, most = orders.instructions_per_book(step.state.n_books), step.state.venue.max_instructions
        if np.any(given > most):
            raise ContractError(f"{given.tolist()} instructions {when}, {most} are allowed")


def _open_orders(trial: Trial) -> None:
    """A cancel sent with a placement has not made room yet when the placement arrives."""
    for when, step, orders in _answers(trial, max_open_orders=4):
        placed = np.bincount(orders.book[~orders.is_cancel], minlength=step.state.n_books)
        there = step.state.open_orders.count
        if np.any((placed > 0) & (there + placed > 4)):
            raise ContractError(f"{placed.tolist()} placements beside {there.tolist()} {when}, 4 may be open")


def _cancels(trial: Trial) -> None:
    for when, step, orders in _answers(trial):
        own = step.state.open_orders
        there = set(zip(own.book.tolist(), own.order_id.tolist(), strict=True))
        rows = orders.is_cancel
        asked = list(zip(orders.book[rows].tolist(), orders.order_id[rows].tolist(), strict=True))
        if len(set(asked)) < len(asked) or not there.issuperset(asked):
            raise ContractError(f"cancels (book, order) {asked} {when}, open are {sorted(there)}")


def _placements(trial: Trial) -> None:
    for when, step, orders in _answers(trial):
        rows = orders.kind == InstructionKind.LIMIT
        venue, book, price, size = step.state.venue, orders.book[rows], orders.price[rows], orders.size[rows]
        if not np.all((price > 0.0) & (price < np.inf) & (size > 0.0) & (size < np.inf)):
            raise ContractError(f"prices {price.tolist()} and sizes {size.tolist()} must be positive {when}")
        for values, decimals in ((price, venue.price_decimals[book]), (size, venue.volume_decimals[book])):
            off = np.abs(values * 10.0**decimals - to_units(values, decimals)) > 1e-6
            if off.any():
                raise ContractError(f"{values[off].tolist()} is not on the grid {when}")
        if np.any(to_units(size, venue.volume_decimals[book]) < venue.min_lots[book]):
            raise ContractError(f"sizes {size.tolist()} fall below the minimum {when}")


def _funds(trial: Trial) -> None:
    for when, step, orders in _answers(trial):
        rows = orders.kind == InstructionKind.LIMIT
        buys = rows & (orders.side == BUY)
        sells = rows & (orders.side != BUY)
        n, accounts = step.state.n_books, step.state.accounts
        quote = np.bincount(orders.book[buys], weights=(orders.size * orders.price)[buys], minlength=n)
        base = np.bincount(orders.book[sells], weights=orders.size[sells], minlength=n)
        if np.any((quote > 0.0) & ~(quote <= accounts.quote_free + 1e-6)):
            raise ContractError(f"bids cost {quote.tolist()} {when}, free are {accounts.quote_free.tolist()}")
        if np.any((base > 0.0) & ~(base <= accounts.base_free + 1e-9)):
            raise ContractError(f"asks sell {base.tolist()} {when}, free are {accounts.base_free.tolist()}")


def _never_crosses(trial: Trial) -> None:
    """But for what is wished to trade at once, and then leaves nothing behind."""
    for when, step, orders in _answers(trial):
        rows = orders.kind == InstructionKind.LIMIT
        book, side, price = orders.book[rows], orders.side[rows], orders.price[rows]
        bid, ask = step.state.best_bid[book], step.state.best_ask[book]
        least = np.where(step.quotes.has_ask, step.quotes.ask_price, np.inf).min(axis=1)[book]
        most = np.where(step.quotes.has_bid, step.quotes.bid_price, -np.inf).max(axis=1)[book]
        wished = np.where(side == BUY, price <= most + 1e-9, price >= least - 1e-9)
        at_once = orders.time_in_force[rows] == TimeInForce.IOC
        if np.any(np.where(side == BUY, price >= ask, price <= bid) & ~(wished & at_once)):
            raise ContractError(f"an order at one of {price.tolist()} would trade at once {when}")


def _closed_sides(trial: Trial) -> None:
    for when, step, orders in _answers(trial):
        limits = _enforced(step)
        rows = orders.kind == InstructionKind.LIMIT
        book, side = orders.book[rows], orders.side[rows]
        allowed = np.where(side == BUY, limits.bid_allowed[book], limits.ask_allowed[book])
        if not allowed.all():
            raise ContractError(
                f"orders on closed sides of books {np.unique(book[~allowed]).tolist()} {when}"
            )


def _keeps_bound(trial: Trial) -> None:
    """Of each side, what rests beside the placements, and these, could fill without passing the bound.

    The bound leaves room for the wish alone. Only what the first instruction of a book cancels is gone when
    the others arrive.
    """
    history = tuple(_narrow(step) for step in steps(trial.scene()))
    for turn, (step, out) in enumerate(zip(history, trial.feed(trial.make(), history), strict=True)):
        if not isinstance(out, Orders):
            continue
        state = step.state
        certain = accepted(state, out.take(out.is_cancel & (instruction_rank(out) == 0))).open_orders
        placed = out.kind == InstructionKind.LIMIT
        new = _base(out.book[placed], out.side[placed], out.size[placed], state.n_books)
        resting = _base(certain.book, certain.side, certain.size, state.n_books)
        lean = np.array([[1.0], [-1.0]]) * state.accounts.position
        over = (new > 0.0) & (lean + resting + new > step.limits.position_bound + 1e-9)
        if over.any():
            side, book = np.argwhere(over)[0].tolist()
            bound = step.limits.position_bound[book]
            raise ContractError(
                f"{new[side, book]:g} base beside {resting[side, book]:g} that may rest on side {side} of "
                f"book {book} pass the bound of {bound:g} in state {turn}: cancel first, or wait a state"
            )


def _narrow(step: Step) -> Step:
    """The step with position bounds that leave just the room that its quotes need."""
    position, quotes = step.state.accounts.position, step.quotes
    bid = np.where(quotes.has_bid, quotes.bid_size, 0.0).sum(axis=1)
    ask = np.where(quotes.has_ask, quotes.ask_size, 0.0).sum(axis=1)
    bound = np.maximum(position + bid, ask - position)
    limits = Limits.of(step.state.n_books, position_limit=bound, reason=Reason.CUSTOM)
    return attrs.evolve(step, limits=limits)


def _base(book: IntArray, side: IntArray, size: FloatArray, n_books: int) -> FloatArray:
    """(2, B) base on each side of each book."""
    both = np.bincount(book + n_books * (side != BUY), weights=size, minlength=2 * n_books)
    return both.astype(np.float64).reshape(2, n_books)


def _settled(placer: Any, step: Step, quotes: Quotes) -> tuple[MarketState, Orders]:
    """The state once the placer has nothing left to do, and its last word."""
    state, limits = step.state, _enforced(step)
    for _ in range(_ROUNDS):
        answer: Orders = placer(state, quotes, limits)
        # What trades at once or not at all is wished anew until it has traded.
        orders = answer.take(answer.time_in_force != TimeInForce.IOC)
        if not len(orders):
            break
        state = accepted(state, orders)
    return state, orders


def _comes_to_rest(trial: Trial) -> None:
    """Once its instructions are carried out, the same wish asks for no more."""
    for turn, step in enumerate(steps(trial.scene())):
        _, orders = _settled(trial.make(), step, step.quotes)
        if len(orders):
            raise ContractError(
                f"still gives {orders!r} after {_ROUNDS} rounds of the same wish in state {turn}"
            )


def _clears(trial: Trial) -> None:
    """Without a wish no own order remains."""
    for turn, step in enumerate(steps(trial.scene())):
        state, _ = _settled(trial.make(), step, Quotes.none(step.state.n_books))
        if len(state.open_orders):
            raise ContractError(f"{state.open_orders!r} remain in state {turn} although nothing is wanted")
