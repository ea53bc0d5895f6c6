"""The venue's rules for an answer, checked one instruction at a time, apart from the code that makes it."""

from __future__ import annotations

from collections import Counter, defaultdict
from fractions import Fraction

from obmm.market import BUY, InstructionKind, MarketState, Orders, TimeInForce


def violations(state: MarketState, orders: Orders) -> list[str]:
    """Every way in which `orders` break the venue's rules, in words; empty for a valid answer.

    Written without the vectorised arithmetic of the placer, and with exact fractions where the venue
    truncates, so that one can be held against the other. Funds count as free only once a cancel has been
    carried out, which is not before the next state.

    >>> from obmm.testing.states import random_state
    >>> state = random_state(1, n_books=1)
    >>> bad = Orders.limits(n_books=1, book=[0], side=[0], price=[200.005], size=[0.1])
    >>> violations(state, bad)
    ['row 0, book 0: size 0.1 is below the minimum 0.25', 'row 0, book 0: price 200.005 is not on the grid']
    """
    found: list[str] = []
    venue, accounts = state.venue, state.accounts
    quote_need, base_need = [Fraction(0)] * venue.n_books, [Fraction(0)] * venue.n_books
    standing = Counter(state.open_orders.book.tolist())
    known = set(zip(state.open_orders.book.tolist(), state.open_orders.order_id.tolist(), strict=True))
    instructions: Counter[int] = Counter()
    cancelling: set[int] = set()
    cancelled = {
        (int(orders.book[row]), int(orders.order_id[row]))
        for row in range(len(orders))
        if orders.kind[row] == InstructionKind.CANCEL
    }
    client_ids: set[int] = set()
    for row in range(len(orders)):
        book = int(orders.book[row])

        def wrong(what: str, row: int = row, book: int = book) -> None:
            name = venue.book_ids[book] if 0 <= book < venue.n_books else book
            found.append(f"row {row}, book {name}: {what}")

        if not 0 <= book < venue.n_books:
            wrong("there is no such book")
            continue
        if orders.kind[row] == InstructionKind.CANCEL:
            if (book, int(orders.order_id[row])) not in known:
                wrong(f"cancels order {orders.order_id[row]}, which is not open")
            if book not in cancelling:
                cancelling.add(book)
                instructions[book] += 1
            continue
        instructions[book] += 1
        price, size = float(orders.price[row]), float(orders.size[row])
        tick, lot = (
            Fraction(1, 10 ** int(venue.price_decimals[book])),
            Fraction(1, 10 ** int(venue.volume_decimals[book])),
        )
        units = Fraction(repr(size)) / lot
        if units.denominator != 1:
            wrong(f"size {size} is not on the grid")
        if Fraction(repr(size)) < Fraction(repr(float(venue.min_size_base[book]))):
            wrong(f"size {size:g} is below the minimum {venue.min_size_base[book]:g}")
        client_id = int(orders.client_id[row])
        if client_id >= 0 and client_id in client_ids:
            wrong(f"client id {client_id} is used twice")
        client_ids.add(client_id)
        if orders.kind[row] != InstructionKind.LIMIT:
            continue
        standing[book] += orders.time_in_force[row] in (TimeInForce.GTC, TimeInForce.GTT)
        if (Fraction(repr(price)) / tick).denominator != 1:
            wrong(f"price {price} is not on the grid")
        if orders.time_in_force[row] == TimeInForce.GTT and orders.expiry_ns[row] <= 0:
            wrong("expires without an expiry")
        buy = int(orders.side[row]) == BUY
        best = _others_best(state, book, buy)
        if bool(orders.post_only[row]) and best is not None and (price >= best if buy else price <= best):
            wrong(f"post-only at {price:g} would trade with {best:g}")
        for order_id in _own_crossed(state, book, buy, price):
            if (book, order_id) not in cancelled:
                wrong(f"would meet our own order {order_id}, which is not being cancelled")
        if buy:
            quote_need[book] += Fraction(repr(price)) * Fraction(repr(size))
        else:
            base_need[book] += Fraction(repr(size))
    for book in range(venue.n_books):
        where = f"book {venue.book_ids[book]}"
        if instructions[book] > venue.max_instructions:
            found.append(f"{where}: {instructions[book]} instructions, {venue.max_instructions} are allowed")
        if standing[book] > venue.max_open_orders:
            found.append(f"{where}: {standing[book]} open orders, {venue.max_open_orders} are allowed")
        for name, need, free in (
            ("bids", quote_need[book], float(accounts.quote_free[book])),
            ("asks", base_need[book], float(accounts.base_free[book])),
        ):
            # Balances are decimals that travel as doubles.
            if need > 0 and float(need) > free + 1e-6:
                found.append(f"{where}: {name} need {float(need):g}, {free:g} is free")
    return found


def _others_best(state: MarketState, book: int, buy: bool) -> float | None:
    """The best price on the other side at which more rests than our own orders."""
    prices, sizes = (state.ask_price, state.ask_size) if buy else (state.bid_price, state.bid_size)
    rows = state.open_orders.rows(book)
    own: defaultdict[float, float] = defaultdict(float)
    for side, price, size in zip(
        state.open_orders.side[rows], state.open_orders.price[rows], state.open_orders.size[rows], strict=True
    ):
        if (int(side) == BUY) != buy:
            own[round(float(price), 8)] += float(size)
    for price, size in zip(prices[book], sizes[book], strict=True):
        if size > own[round(float(price), 8)] + 1e-9:
            return float(price)
    return None


def _own_crossed(state: MarketState, book: int, buy: bool, price: float) -> list[int]:
    """Our resting orders on the other side that an order at `price` would reach."""
    rows = state.open_orders.rows(book)
    return [
        int(order_id)
        for order_id, side, resting in zip(
            state.open_orders.order_id[rows],
            state.open_orders.side[rows],
            state.open_orders.price[rows],
            strict=True,
        )
        if (int(side) == BUY) != buy and (price >= resting if buy else price <= resting)
    ]
