"""Trade prints of all books as columns, with miners numbered by column."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.market import BUY, BoolArray, FloatArray, IntArray

NOBODY = -1
"""Column of an account that is not a miner."""


@attrs.frozen(kw_only=True)
class Prints:
    """Trades in the order they printed; the rows of book i are offset[i]:offset[i+1].

    Attributes:
        offset: (B+1,) first row of each book, and the number of rows N at the end.
        time_ns: (N,) simulated time, not falling within a book.
        price: (N,) quote.
        size: (N,) base.
        side: (N,) 0 where the taker bought, 1 where the maker bought.
        maker: (N,) column of the maker, -1 for the background.
        taker: (N,) column of the taker, -1 for the background.
        self_trade: (N,) maker and taker are the same account; such a print earns nobody anything.
        measured: (N,) the print's realised spread is measured. The validator's test takes uid 0 for a
            missing account, so what uid 0 makes for the background is never measured.
    """

    offset: IntArray
    time_ns: IntArray
    price: FloatArray
    size: FloatArray
    side: IntArray
    maker: IntArray
    taker: IntArray
    self_trade: BoolArray
    measured: BoolArray

    @property
    def n_books(self) -> int:
        """Number of books B."""
        return self.offset.size - 1

    def __len__(self) -> int:
        return self.price.size

    @property
    def buyer(self) -> IntArray:
        """(N,) column of the account that bought."""
        return np.where(self.side == BUY, self.taker, self.maker)

    @property
    def seller(self) -> IntArray:
        """(N,) column of the account that sold."""
        return np.where(self.side == BUY, self.maker, self.taker)


@attrs.define
class Columns:
    """Which column of the sums belongs to which uid; columns are given out as uids first trade.

    >>> columns = Columns()
    >>> columns.of(np.array([7, -3, 2, 7])), columns.uids
    (array([ 0, -1,  1,  0]), [7, 2])
    """

    uids: list[int] = attrs.field(factory=list)
    _of_uid: IntArray = attrs.field(factory=lambda: np.zeros(0, dtype=np.int64))

    def of(self, uids: IntArray) -> IntArray:
        """(N,) columns of the uids, -1 for negative ones; unknown uids get a new column."""
        n_known = self._of_uid.size
        highest = int(uids.max(initial=-1))
        if highest >= n_known:
            self._of_uid = np.append(self._of_uid, np.full(highest + 1 - n_known, NOBODY))
        miners = uids >= 0
        new = uids[miners][self._of_uid[uids[miners]] == NOBODY]
        for uid in dict.fromkeys(new.tolist()):
            self._of_uid[uid] = len(self.uids)
            self.uids.append(uid)
        columns = np.full(uids.size, NOBODY, dtype=np.int64)
        columns[miners] = self._of_uid[uids[miners]]
        return columns

    def index(self, uid: int) -> int | None:
        """The column of one uid, None if it never traded."""
        known = 0 <= uid < self._of_uid.size and self._of_uid[uid] != NOBODY
        return int(self._of_uid[uid]) if known else None


def prints_of_columns(
    offset: IntArray,
    time_ns: IntArray,
    price: FloatArray,
    size: FloatArray,
    side: IntArray,
    maker_id: IntArray,
    taker_id: IntArray,
    columns: Columns,
) -> Prints:
    """Prints from columns with account ids; ids below 0 are the background."""
    self_trade = maker_id == taker_id
    return Prints(
        offset=offset,
        time_ns=time_ns,
        price=price,
        size=size,
        side=side,
        maker=columns.of(maker_id),
        taker=columns.of(taker_id),
        self_trade=self_trade,
        measured=((maker_id > 0) | (taker_id > 0)) & ~self_trade,
    )
