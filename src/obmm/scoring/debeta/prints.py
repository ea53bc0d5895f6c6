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

    Markets side by side (groups) have columns of their own each.

    >>> columns = Columns()
    >>> columns.of(np.array([7, -3, 2, 7])), columns.uids
    (array([ 0, -1,  1,  0]), [7, 2])
    """

    n_groups: int = 1
    _uids: list[list[int]] = attrs.field(init=False)
    _of_uid: IntArray = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._uids = [[] for _ in range(self.n_groups)]
        self._of_uid = np.zeros((self.n_groups, 0), dtype=np.int64)

    @property
    def uids(self) -> list[int]:
        """The uids of the first group by column."""
        return self._uids[0]

    @property
    def counts(self) -> IntArray:
        """(G,) columns given out in each group."""
        return np.array([len(uids) for uids in self._uids], dtype=np.int64)

    def uids_of(self, group: int) -> list[int]:
        """The uids of a group by column."""
        return self._uids[group]

    def of(self, uids: IntArray, group: IntArray | int = 0) -> IntArray:
        """(N,) columns of the uids, -1 for negative ones; unknown uids get a new column.

        Args:
            uids: (N,) uids.
            group: (N,) group of each, or that of all.
        """
        n_known = self._of_uid.shape[1]
        highest = int(uids.max(initial=-1))
        if highest >= n_known:
            more = np.full((self.n_groups, highest + 1 - n_known), NOBODY)
            self._of_uid = np.concatenate((self._of_uid, more), axis=1)
        columns = np.full(uids.size, NOBODY, dtype=np.int64)
        miners = np.flatnonzero(uids >= 0)
        mine, where = uids[miners], np.broadcast_to(group, uids.shape)[miners]
        columns[miners] = found = self._of_uid[where, mine]
        new = np.flatnonzero(found == NOBODY)
        if new.size:
            for one, uid in dict.fromkeys(zip(where[new].tolist(), mine[new].tolist(), strict=True)):
                self._of_uid[one, uid] = len(self._uids[one])
                self._uids[one].append(uid)
            columns[miners] = self._of_uid[where, mine]
        return columns

    def index(self, uid: int, group: int = 0) -> int | None:
        """The column of one uid in a group, None if it never traded there."""
        known = 0 <= uid < self._of_uid.shape[1] and self._of_uid[group, uid] != NOBODY
        return int(self._of_uid[group, uid]) if known else None


def prints_of_columns(
    offset: IntArray,
    time_ns: IntArray,
    price: FloatArray,
    size: FloatArray,
    side: IntArray,
    maker_id: IntArray,
    taker_id: IntArray,
    columns: Columns,
    group: IntArray | int = 0,
) -> Prints:
    """Prints from columns with account ids; ids below 0 are the background; `group` is that of each print."""
    self_trade = maker_id == taker_id
    return Prints(
        offset=offset,
        time_ns=time_ns,
        price=price,
        size=size,
        side=side,
        maker=columns.of(maker_id, group),
        taker=columns.of(taker_id, group),
        self_trade=self_trade,
        measured=((maker_id > 0) | (taker_id > 0)) & ~self_trade,
    )
