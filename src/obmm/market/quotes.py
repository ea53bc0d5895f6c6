"""Where and how much we want to quote."""

from __future__ import annotations

import attrs
import numpy as np
import numpy.typing as npt

from obmm.market.arrays import BoolArray, FloatArray, IntArray, as_floats, as_ints, check_shape, column


@attrs.frozen(kw_only=True)
class Quotes:
    """Desired orders per book and side, best first; a NaN price or a size of 0 means none.

    Attributes:
        bid_price: (B, K) quote.
        bid_size: (B, K) base.
        ask_price: (B, K) quote.
        ask_size: (B, K) base.
        bid_reason: (B,) `Reason` why a side that risk allows stays empty.
        ask_reason: (B,) the same for asks.

    Raises:
        ValueError: Arrays differ in shape.

    >>> Quotes.none(2)
    Quotes(2 books x 1 levels, 0 bids, 0 asks)
    """

    bid_price: FloatArray = column(as_floats)
    bid_size: FloatArray = column(as_floats)
    ask_price: FloatArray = column(as_floats)
    ask_size: FloatArray = column(as_floats)
    bid_reason: IntArray = column(as_ints)
    ask_reason: IntArray = column(as_ints)

    def __attrs_post_init__(self) -> None:
        shape = self.bid_price.shape
        if len(shape) != 2:
            raise ValueError(f"Quotes.bid_price has shape {shape}, expected (books, levels)")
        check_shape(self, shape, "bid_size", "ask_price", "ask_size")
        check_shape(self, shape[:1], "bid_reason", "ask_reason")

    @classmethod
    def none(cls, n_books: int, n_levels: int = 1) -> Quotes:
        """No quote anywhere."""
        nan, zero = np.full((n_books, n_levels), np.nan), np.zeros((n_books, n_levels))
        why = np.zeros(n_books, dtype=np.int64)
        return cls(bid_price=nan, bid_size=zero, ask_price=nan, ask_size=zero, bid_reason=why, ask_reason=why)

    @classmethod
    def of(
        cls,
        *,
        bid_price: npt.ArrayLike,
        ask_price: npt.ArrayLike,
        size: npt.ArrayLike = 0.0,
        bid_size: npt.ArrayLike | None = None,
        ask_size: npt.ArrayLike | None = None,
        bid_reason: npt.ArrayLike = 0,
        ask_reason: npt.ArrayLike = 0,
    ) -> Quotes:
        """Quotes at prices (B,) for one level or (B, K) for several.

        `size` is said of both sides; it and the sizes of one side may be one number, (B,) or (B, K). A
        builder need not round, nor look at closed sides, bounds and factors: the lock does.

        >>> Quotes.of(bid_price=[299.5, np.nan], ask_price=[300.5, 300.7], size=0.5)
        Quotes(2 books x 1 levels, 1 bids, 2 asks)
        """
        bids, asks = _levels(bid_price), _levels(ask_price)
        shape = np.broadcast_shapes(bids.shape, asks.shape)

        def filled(values: npt.ArrayLike) -> FloatArray:
            levels = _levels(values)
            return levels if levels.shape == shape else np.broadcast_to(levels, shape)

        def said(reason: npt.ArrayLike) -> IntArray:
            return (
                np.full(shape[:1], reason) if isinstance(reason, int) else np.broadcast_to(reason, shape[:1])
            )

        return cls(
            bid_price=filled(bids),
            bid_size=filled(size if bid_size is None else bid_size),
            ask_price=filled(asks),
            ask_size=filled(size if ask_size is None else ask_size),
            bid_reason=said(bid_reason),
            ask_reason=said(ask_reason),
        )

    @property
    def n_books(self) -> int:
        """Number of books B."""
        return int(self.bid_price.shape[0])

    @property
    def n_levels(self) -> int:
        """Orders per side K."""
        return int(self.bid_price.shape[1])

    @property
    def has_bid(self) -> BoolArray:
        """(B, K) where a bid is wanted."""
        return np.isfinite(self.bid_price) & (self.bid_size > 0.0)

    @property
    def has_ask(self) -> BoolArray:
        """(B, K) where an ask is wanted."""
        return np.isfinite(self.ask_price) & (self.ask_size > 0.0)

    def __repr__(self) -> str:
        return (
            f"Quotes({self.n_books} books x {self.n_levels} levels, {int(self.has_bid.sum())} bids, "
            f"{int(self.has_ask.sum())} asks)"
        )


def _levels(values: npt.ArrayLike) -> FloatArray:
    """One number per book as a single level; one for all and several per book as they are."""
    array = as_floats(values)
    return array[:, None] if array.ndim == 1 else array
