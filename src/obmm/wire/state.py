"""From a decoded message to a `MarketState`, keeping what is fixed per simulation."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any, Optional, SupportsIndex

import attrs
import numpy as np

from obmm.market import Feed, MarketState, Notices, Tape, Venue
from obmm.wire.bounds import Books
from obmm.wire.codec import JSON, MSGPACK, Codec
from obmm.wire.columns import (
    accounts_of,
    by_number,
    clear_books,
    maker_ratio,
    open_orders_of,
    sides,
    tape_of,
    trades_of,
)
from obmm.wire.config import levels_of, read_config, venue_of
from obmm.wire.errors import WireError
from obmm.wire.models import (
    ABSENT,
    Account,
    Book,
    Content,
    DetailedLevel,
    Key,
    Level,
    TapedBook,
    TradedBook,
    Update,
    is_null,
    of,
)
from obmm.wire.notices import NoticeReader

#: Validators whose venue is kept; more than there are, so that nobody can fill the memory.
_KEPT = 256


@attrs.frozen
class Readers:
    """Readers of one codec for the feeds that are wanted."""

    codec: Codec
    content: Any
    books: Any
    update: Any
    notices: NoticeReader

    @classmethod
    def of(cls, codec: Codec, feeds: frozenset[Feed], only_trades: bool = False) -> Readers:
        """Readers that skip the events and queues nobody wants."""
        level = DetailedLevel if Feed.QUEUE in feeds else Level
        taped = TradedBook if only_trades else TapedBook
        book = of(taped if Feed.TAPE in feeds else Book, level)
        return cls(
            codec=codec,
            content=codec.reader(of(Content, book)),
            books=codec.reader(of(Books, Key, of(Optional, book))),
            update=codec.reader(of(Update, book)),
            notices=NoticeReader(codec),
        )


@attrs.frozen
class _Fixed:
    """What stays the same from state to state, and what it was derived from."""

    source: tuple[object, ...]
    venue: Venue
    n_levels: int
    positions: Mapping[int, int]


def as_uid(uid: SupportsIndex) -> int:
    """A caller's uid as the plain number that a reply can carry.

    Raises:
        ValueError: It has more than 32 bits, or less than none.
    """
    number = operator.index(uid)
    if not 0 <= number < 2**32:
        raise ValueError(f"uid must be in 0…{2**32 - 1}, got {number}")
    return number


@attrs.define
class StateBuilder:
    """Builds states, and remembers each validator's venue while its configuration does not change.

    Attributes:
        feeds: What is decoded beyond the essentials.
        uid: Whose accounts are read; None takes the only ones there are.
        only_trades: Of the tape nothing but the trades is wanted.

    Raises:
        ValueError: `uid` is no number that the protocol can carry.
    """

    feeds: frozenset[Feed] = frozenset()
    uid: int | None = attrs.field(default=None, converter=attrs.converters.optional(as_uid))
    only_trades: bool = False
    _readers: dict[tuple[str, bool], Readers] = attrs.field(init=False)
    _fixed: dict[str, _Fixed] = attrs.field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        kinds = {False, self.only_trades}
        self._readers = {
            (codec.name, only): Readers.of(codec, self.feeds, only)
            for codec in (JSON, MSGPACK)
            for only in kinds
        }

    def readers(self, codec: Codec, *, whole: bool = False) -> Readers:
        """The readers of a codec; `whole` for all events of a tape of which only the trades are wanted."""
        return self._readers[codec.name, self.only_trades and not whole]

    # Absurd numbers are data; what follows from them is absurd, not noteworthy.
    @np.errstate(all="ignore")
    def state(
        self,
        content: Content[Any],
        codec: Codec,
        *,
        time_ns: int,
        version: int | None,
        validator: str,
        simulation_id: str = "",
    ) -> MarketState:
        """The state that a message tells.

        Args:
            content: The decoded message.
            codec: How its raw parts are encoded.
            time_ns: Simulated time.
            version: Spec version of the sender.
            validator: Who sent it.
            simulation_id: Name of the run where the configuration has none.

        Raises:
            WireError: A part is missing, or holds what no state can have.
        """
        if content.books is None:
            raise WireError("books", "missing")
        by_id = by_number(content.books, "books")
        source = (bytes(content.config), version, simulation_id, tuple(by_id))
        fixed = self._fixed.get(validator)
        if fixed is None or fixed.source != source:
            fixed = self._learn(source, codec, version, by_id, validator, simulation_id, fixed)
        venue = fixed.venue
        ids = fixed.positions
        books = [by_id.get(book_id) for book_id in ids]
        uid, accounts = self._own_accounts(content)
        own = [accounts.get(book_id) for book_id in ids]
        bid_price, bid_size, ask_price, ask_size = sides(books, fixed.n_levels)
        open_orders = open_orders_of(own, books, with_queues=Feed.QUEUE in self.feeds)
        ratio = maker_ratio(books)
        told = by_number(content.notices or {}, "notices").get(uid, ABSENT)
        notices = (
            Notices.none() if is_null(told) else self.readers(codec).notices.columns(bytes(told), ids, uid)
        )
        return MarketState(
            venue=venue,
            time_ns=time_ns,
            uid=uid,
            bid_price=bid_price,
            bid_size=bid_size,
            ask_price=ask_price,
            ask_size=ask_size,
            maker_ratio=ratio,
            accounts=accounts_of(own, venue.fees, ratio, clear_books(open_orders)),
            open_orders=open_orders,
            notices=notices,
            tape=_tape(books) if Feed.TAPE in self.feeds else None,
        )

    def _learn(
        self,
        source: tuple[Any, ...],
        codec: Codec,
        version: int | None,
        by_id: Mapping[int, object],
        validator: str,
        simulation_id: str,
        before: _Fixed | None,
    ) -> _Fixed:
        config = read_config(source[0], codec)
        venue = venue_of(
            config, version=version, seen=by_id, validator=validator, simulation_id=simulation_id
        )
        # A book that drops out of a message, or a reordered configuration, makes no new venue.
        if before is not None and before.venue == venue:
            venue = before.venue
        positions = {book_id: i for i, book_id in enumerate(venue.book_ids.tolist())}
        if before is None and len(self._fixed) >= _KEPT:
            del self._fixed[next(iter(self._fixed))]
        fixed = _Fixed(source, venue, levels_of(config), positions)
        self._fixed[validator] = fixed
        return fixed

    def _own_accounts(self, content: Content[Any]) -> tuple[int, Mapping[int, Account | None]]:
        """Our uid, and our accounts by book id."""
        accounts = by_number(content.accounts or {}, "accounts")
        uids = sorted(accounts) or sorted(by_number(content.notices or {}, "notices"))
        if self.uid is None and not uids:
            raise WireError("accounts", "names no uid, and none was given")
        uid = uids[0] if self.uid is None else self.uid
        return uid, by_number(accounts.get(uid) or {}, f"accounts[{uid}]")


def _tape(books: Sequence[Book[Any] | None]) -> Tape:
    return trades_of(books) if any(isinstance(book, TradedBook) for book in books) else tape_of(books)


def simulation_of(log_dir: str | None) -> str:
    """The id of a run: the first 13 characters of its log directory's name.

    >>> simulation_of("logs/20261122_163137")
    '20261122_1631'
    """
    return (log_dir or "").rstrip("/").rpartition("/")[2][:13]
