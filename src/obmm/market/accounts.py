"""The miner's own account on each book."""

from __future__ import annotations

import functools

import attrs
import numpy as np
import numpy.typing as npt

from obmm.market.arrays import BoolArray, FloatArray, as_flags, as_floats, check_shape, column, sealed


@attrs.frozen(kw_only=True, slots=False)
class Accounts:
    """Balances, fee rates and turnover of one miner; all arrays (B,). Each book is an account of its own.

    `base_initial` and `quote_initial` are the endowment the account started with: a miner begins with base
    worth up to half of its wealth, and that is not a position.

    Attributes:
        known: False where the state carried no account for the book; its numbers are then 0.
        base_total: Base held, free and reserved.
        base_free: Base not reserved by open orders.
        base_initial: Base endowment.
        quote_total: Quote held, free and reserved.
        quote_free: Quote not reserved by open orders.
        quote_initial: Quote endowment.
        base_loan: Base borrowed.
        quote_loan: Quote borrowed.
        base_collateral: Base held as collateral of loans.
        quote_collateral: Quote held as collateral of loans.
        maker_rate: Current maker fee as a fraction of notional; negative is a rebate.
        taker_rate: Current taker fee as a fraction of notional.
        traded_quote: Rolling quote volume the venue counts against the turnover cap; NaN if not told.

    Raises:
        ValueError: Arrays differ in shape.

    >>> accounts = Accounts.of(2, base=10.0, quote=1000.0)
    >>> accounts.position
    array([0., 0.])
    >>> accounts.value(np.array([100.0, 101.0]))
    array([2000., 2010.])
    """

    known: BoolArray = column(as_flags)
    base_total: FloatArray = column(as_floats)
    base_free: FloatArray = column(as_floats)
    base_initial: FloatArray = column(as_floats)
    quote_total: FloatArray = column(as_floats)
    quote_free: FloatArray = column(as_floats)
    quote_initial: FloatArray = column(as_floats)
    base_loan: FloatArray = column(as_floats)
    quote_loan: FloatArray = column(as_floats)
    base_collateral: FloatArray = column(as_floats)
    quote_collateral: FloatArray = column(as_floats)
    maker_rate: FloatArray = column(as_floats)
    taker_rate: FloatArray = column(as_floats)
    traded_quote: FloatArray = column(as_floats)

    def __attrs_post_init__(self) -> None:
        check_shape(self, self.known.shape, *(f.name for f in attrs.fields(Accounts)))

    @classmethod
    def of(
        cls,
        n_books: int,
        *,
        base: npt.ArrayLike = 0.0,
        quote: npt.ArrayLike = 0.0,
        maker_rate: npt.ArrayLike = 0.0,
        taker_rate: npt.ArrayLike = 0.00023,
        **other: npt.ArrayLike,
    ) -> Accounts:
        """Accounts holding `base` and `quote`, all free and all endowment unless `other` says otherwise."""

        def spread(values: npt.ArrayLike) -> FloatArray:
            return as_floats(np.broadcast_to(values, (n_books,)).astype(np.float64))

        columns: dict[str, npt.ArrayLike] = dict.fromkeys(_FLOATS, 0.0)
        columns |= {f"base_{name}": base for name in ("total", "free", "initial")}
        columns |= {f"quote_{name}": quote for name in ("total", "free", "initial")}
        columns |= {"maker_rate": maker_rate, "taker_rate": taker_rate, "traded_quote": np.nan}
        known = np.broadcast_to(np.asarray(other.pop("known", True)), (n_books,))
        return cls(known=known, **{name: spread(values) for name, values in (columns | other).items()})

    @classmethod
    def unknown(cls, n_books: int) -> Accounts:
        """No account on any book."""
        return cls.of(n_books, known=False, taker_rate=0.0)

    @property
    def n_books(self) -> int:
        """Number of books B."""
        return self.known.size

    @functools.cached_property
    def base_own(self) -> FloatArray:
        """Base that is the miner's own: total less loan plus collateral."""
        return sealed(self.base_total - self.base_loan + self.base_collateral)

    @functools.cached_property
    def quote_own(self) -> FloatArray:
        """Quote that is the miner's own: total less loan plus collateral."""
        return sealed(self.quote_total - self.quote_loan + self.quote_collateral)

    @property
    def base_reserved(self) -> FloatArray:
        """Base bound by open sells."""
        return self.base_total - self.base_free

    @property
    def quote_reserved(self) -> FloatArray:
        """Quote bound by open buys."""
        return self.quote_total - self.quote_free

    @functools.cached_property
    def position(self) -> FloatArray:
        """Inventory: own base less the endowment, base."""
        return sealed(self.base_own - self.base_initial)

    def value(self, price: npt.ArrayLike) -> FloatArray:
        """Worth of the account at `price` (B,), quote."""
        return self.quote_own + self.base_own * np.asarray(price, dtype=np.float64)

    def share_in_base(self, share: npt.ArrayLike, price: npt.ArrayLike) -> FloatArray:
        """(B,) base that a `share` of the account's worth buys at `price` (B,): the unit of inventory limits.

        >>> Accounts.of(1, base=10.0, quote=1000.0).share_in_base(0.3, np.array([100.0]))
        array([6.])
        """
        return as_floats(np.asarray(share) * self.value(price) / np.asarray(price, dtype=np.float64))

    def __repr__(self) -> str:
        return f"Accounts({int(self.known.sum())} of {self.n_books} books known)"


_FLOATS = tuple(f.name for f in attrs.fields(Accounts) if f.name != "known")
