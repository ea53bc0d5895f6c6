"""Every rule of the protocol catches its offender and nobody else."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obmm.market import InstructionKind, MarketState, Orders, SelfTrade, TimeInForce, Venue
from obmm.market.rules import instruction_rank
from obmm.wire import Dropped, check
from wire.instructions import STATE, B, any_orders, cancel, limit, market


def verdict(orders: Orders) -> tuple[int, list[tuple[str, str]]]:
    """How many passed, and the field and reason of each that did not."""
    passed, dropped = check(orders, STATE)
    return len(passed), [(drop.field, drop.reason) for drop in dropped]


GOOD = [
    limit(),
    limit(side=1, price=0.01, size=0.25, client_id=-1),
    limit(delay_ns=86_400 * 10**9),
    limit(client_id=2**32 - 1, delay_ns=5, self_trade=SelfTrade.DECREMENT),
    limit(time_in_force=TimeInForce.GTT, expiry_ns=1, post_only=True),
    limit(time_in_force=TimeInForce.IOC),
    limit(time_in_force=TimeInForce.FOK),
    limit(size=0.13, leverage=1.0),
    limit(size=0.1 + 0.2 - 0.05),
    limit(max_slippage=-1.0),
    market(),
    market(price=-1.0, time_in_force=9, expiry_ns=-1, post_only=True),
    market(max_slippage=0.0),
    market(size=100.0, in_quote=True),
    cancel(),
    cancel(size=0.0001),
    cancel(order_id=71, client_id=-5, self_trade=0, leverage=-1.0, side=7),
    cancel(order_id=5),
    cancel(book=[2]),
]


@pytest.mark.parametrize("orders", GOOD, ids=range(len(GOOD)))
def test_good_instructions_pass_unchanged(orders: Orders) -> None:
    """What breaks no rule leaves as it is."""
    assert (orders, ()) == check(orders, STATE)


BAD: list[tuple[Orders, str, str]] = [
    (limit(book=[B]), "book", "the venue has no such book"),
    (limit(book=[-1]), "book", "the venue has no such book"),
    (limit(kind=3), "kind", "no such instruction"),
    (limit(delay_ns=-1), "delay_ns", "negative"),
    (limit(delay_ns=86_400 * 10**9 + 1), "delay_ns", "longer than a day"),
    (cancel(delay_ns=9 * 10**18), "delay_ns", "longer than a day"),
    (limit(side=2), "side", "neither buy nor sell"),
    (market(side=-1), "side", "neither buy nor sell"),
    (limit(client_id=-2), "client_id", "not of 32 bits"),
    (limit(client_id=2**32), "client_id", "not of 32 bits"),
    (limit(self_trade=SelfTrade.NONE), "self_trade", "a mode validators refuse"),
    (limit(self_trade=5), "self_trade", "a mode validators refuse"),
    (limit(leverage=-0.1), "leverage", "negative or not finite"),
    (limit(leverage=np.nan), "leverage", "negative or not finite"),
    (market(leverage=np.inf), "leverage", "negative or not finite"),
    (limit(leverage=1e300), "leverage", "too large"),
    (limit(price=np.nan), "price", "not finite"),
    (limit(price=np.inf), "price", "not finite"),
    (limit(price=0.0), "price", "not positive"),
    (limit(price=-np.inf), "price", "not finite"),
    (limit(price=0.009), "price", "below one tick"),
    (limit(price=1e300), "price", "too large"),
    (limit(in_quote=True), "in_quote", "a limit order is sized in base"),
    (limit(time_in_force=4), "time_in_force", "no such time in force"),
    (limit(time_in_force=-1), "time_in_force", "no such time in force"),
    (limit(time_in_force=TimeInForce.GTT), "expiry_ns", "a timed order needs one"),
    (limit(time_in_force=TimeInForce.GTT, expiry_ns=-5), "expiry_ns", "a timed order needs one"),
    (limit(expiry_ns=5), "expiry_ns", "only a timed order has one"),
    (
        limit(time_in_force=TimeInForce.IOC, post_only=True),
        "post_only",
        "an order that trades at once or never",
    ),
    (
        limit(time_in_force=TimeInForce.FOK, post_only=True),
        "post_only",
        "an order that trades at once or never",
    ),
    (limit(size=np.nan), "size", "not finite"),
    (market(size=-np.inf), "size", "not finite"),
    (limit(size=0.0), "size", "not positive"),
    (market(size=-1.0), "size", "not positive"),
    (limit(size=1e300), "size", "too large"),
    (cancel(size=1e300), "size", "too large"),
    (market(size=1e8, in_quote=True), "size", "too large"),
    (cancel(size=0.0), "size", "not positive"),
    (cancel(size=0.00009), "size", "below one lot"),
    (cancel(size=0.00009, in_quote=True), "size", "below one lot"),
    (market(size=1e-9, in_quote=True), "size", "below one lot"),
    (limit(size=0.2499), "size", "below the venue's minimum"),
    (limit(size=0.24999), "size", "below the venue's minimum"),
    (limit(size=0.12, leverage=1.0), "size", "below the venue's minimum"),
    (market(size=0.2, leverage=1.0), "size", "below the venue's minimum"),
    (market(size=74.7, in_quote=True), "size", "worth less than the venue's minimum"),
    (market(max_slippage=-0.1), "max_slippage", "negative or infinite"),
    (market(max_slippage=np.inf), "max_slippage", "negative or infinite"),
    (cancel(order_id=-1), "order_id", "no own order of this book has it"),
    (cancel(order_id=72), "order_id", "no own order of this book has it"),
    (cancel(order_id=2**32 + 70), "order_id", "no own order of this book has it"),
    (cancel(book=[1]), "order_id", "no own order of this book has it"),
    (cancel(book=[1], order_id=2**32 + 70), "order_id", "no own order of this book has it"),
]


@pytest.mark.parametrize(("orders", "field", "reason"), BAD, ids=range(len(BAD)))
def test_bad_instruction_is_dropped_with_its_field(orders: Orders, field: str, reason: str) -> None:
    """An offender is dropped for what is wrong with it, and its good neighbours leave."""
    neighbours = limit().joined(orders).joined(cancel(order_id=71))
    passed, dropped = check(neighbours, STATE)
    assert limit().joined(cancel(order_id=71)) == passed
    assert (Dropped(row=1, book=int(orders.book[0]), field=field, reason=reason),) == dropped


def test_quote_order_on_an_empty_side_is_left_to_the_venue() -> None:
    """Where no price is to be had nobody can say what an amount of quote is worth."""
    state = MarketState.of_books(Venue.of(B), [[]] * B, [[]] * B)
    assert 1 == len(check(market(size=1.0, in_quote=True), state)[0])


def test_minimum_is_that_of_the_book_after_truncation() -> None:
    """A size between two lots counts as the lower one, on the grid of its own book."""
    venue = attrs.evolve(STATE.venue, min_size_base=[0.25, 2.5364, 0.3], volume_decimals=[4, 4, 1])
    state = attrs.evolve(STATE, venue=venue)
    sizes = Orders.limits(
        n_books=B, book=[1, 1, 2, 2], side=0, price=299.5, size=[2.53635, 2.5364, 0.29, 0.3]
    )
    passed, _ = check(sizes, state)
    assert [2.5364, 0.3] == passed.size.tolist()


def test_first_fault_is_the_one_that_is_told() -> None:
    """An instruction is dropped once, however much is wrong with it."""
    assert (0, [("book", "the venue has no such book")]) == verdict(limit(book=[7], side=5, price=-1.0))


def test_same_order_is_cancelled_once() -> None:
    """A second cancel of an id in one answer would fail at the venue."""
    assert (2, [("order_id", "cancelled twice in one answer")]) == verdict(
        cancel().joined(cancel(book=[2])).joined(cancel(size=0.5))
    )


def test_instructions_beyond_the_fifth_of_a_book_are_dropped() -> None:
    """The venue takes the first five of each book in list order; all cancels of a book are one."""
    five = limit(book=[0] * 4)
    mixed = five.joined(cancel()).joined(limit(book=[0])).joined(limit()).joined(cancel(order_id=71))
    passed, dropped = check(mixed, STATE)
    assert [0, 0, 0, 0, 0, 1, 0] == passed.book.tolist()
    assert ["row 5, book 0: book: more than 5 instructions"] == [str(drop) for drop in dropped]


def test_cancels_after_the_fifth_are_dropped_together() -> None:
    """If a book's first cancel comes too late, so do the others."""
    passed, dropped = check(limit(book=[0] * 5).joined(cancel()).joined(cancel(order_id=71)), STATE)
    assert (5, [5, 6]) == (len(passed), [drop.row for drop in dropped])


def test_faulty_instructions_take_no_place() -> None:
    """Only what passes its own rules is counted."""
    orders = limit(book=[0] * 6, price=[299.5, -1.0, 299.5, 299.5, 299.5, 299.5])
    assert (5, [("price", "not positive")]) == verdict(orders)


def test_no_orders_and_no_books() -> None:
    """Nothing passes as nothing; a venue without books takes nothing."""
    assert (0, []) == verdict(Orders.none(B))
    empty = MarketState.of_books(Venue.of(0), [], [])
    assert (0, ["book"]) == (lambda r: (len(r[0]), [d.field for d in r[1]]))(check(limit(), empty))


@settings(max_examples=40)
@given(orders=any_orders())
def test_every_instruction_passes_or_is_dropped_once(orders: Orders) -> None:
    """Nothing is lost without a reason, and the order stays."""
    passed, dropped = check(orders, STATE)
    rows = [drop.row for drop in dropped]
    assert sorted(set(rows)) == rows
    assert orders.take(np.setdiff1d(np.arange(len(orders)), rows)) == passed


@settings(max_examples=40)
@given(orders=any_orders())
def test_checking_what_has_passed_changes_nothing(orders: Orders) -> None:
    """The check is idempotent."""
    passed, _ = check(orders, STATE)
    assert (passed, ()) == check(passed, STATE)


@settings(max_examples=40)
@given(orders=any_orders())
def test_no_book_gets_more_than_it_takes(orders: Orders) -> None:
    """What passes fits the venue's number of instructions per book."""
    passed, _ = check(orders, STATE)
    assert (passed.instructions_per_book(B) <= STATE.venue.max_instructions).all()


@given(books=st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=30))
def test_rank_agrees_with_counting_one_by_one(books: list[tuple[int, bool]]) -> None:
    """The rank of a row is what a plain count along the list gives."""
    ranks, count, cancels = [], [0] * 4, dict[int, int]()
    for book, is_cancel in books:
        if is_cancel and book in cancels:
            ranks.append(cancels[book])
            continue
        if is_cancel:
            cancels[book] = count[book]
        ranks.append(count[book])
        count[book] += 1
    kinds = [InstructionKind.CANCEL if is_cancel else InstructionKind.LIMIT for _, is_cancel in books]
    assert ranks == instruction_rank(Orders.of(4, kinds, [book for book, _ in books])).tolist()
