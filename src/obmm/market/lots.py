"""First-in first-out matching of fills: what a fill realises and which lots stay open (0.3.5 and later)."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import attrs


class Lot(NamedTuple):
    """An open part of a fill.

    Attributes:
        time_ns: When it was opened.
        size_base: What is still open.
        price: Price of the fill, quote.
        fee: Opening fee of what is still open, quote.
    """

    time_ns: int
    size_base: float
    price: float
    fee: float


class Realised(NamedTuple):
    """What a fill closed.

    Attributes:
        pnl: Price gain less the shares of opening and closing fee, quote.
        size_base: Size closed.
    """

    pnl: float
    size_base: float


@attrs.define
class OpenLots:
    """Open lots of one uid on one book. Either `longs` or `shorts` is empty.

    Attributes:
        longs: Bought lots, oldest first.
        shorts: Sold lots, oldest first.

    >>> lots = OpenLots()
    >>> lots.fill(True, 2.0, 100.0, fee=0.02, time_ns=0)
    Realised(pnl=0.0, size_base=0.0)
    >>> lots.fill(False, 5.0, 101.0, fee=0.05, time_ns=1)
    Realised(pnl=1.96, size_base=2.0)
    >>> lots.shorts[0].size_base, round(lots.shorts[0].fee, 4)
    (3.0, 0.03)
    """

    longs: deque[Lot] = attrs.field(factory=deque)
    shorts: deque[Lot] = attrs.field(factory=deque)

    def fill(
        self,
        is_buy: bool,
        size_base: float,
        price: float,
        *,
        fee: float,
        time_ns: int,
        whole_fee_on_partial_close: bool = False,
    ) -> Realised:
        """Close opposite lots, oldest first, and open a lot with the rest.

        Args:
            is_buy: A buy closes shorts, a sell closes longs.
            size_base: Size of the fill.
            price: Its price.
            fee: Its fee, quote, negative for a rebate; shared out in proportion to size.
            time_ns: When it happened.
            whole_fee_on_partial_close: The part that ends inside a lot is charged the whole fee, on top of
                what earlier parts were charged (the defect of 0.3.5 and 0.4.5).
        """
        opposite, own = (self.shorts, self.longs) if is_buy else (self.longs, self.shorts)
        left, pnl, closed = size_base, 0.0, 0.0
        # Shares are taken with reciprocals as the validator does, so that P&L rounds the same way.
        per_fill = 1.0 / size_base
        while left > 0.0 and opposite:
            lot = opposite[0]
            part = min(lot.size_base, left)
            gain = (lot.price - price if is_buy else price - lot.price) * part
            if part == lot.size_base:
                opposite.popleft()
                open_fee, close_fee = lot.fee, fee * part * per_fill
            else:
                open_fee = lot.fee * part * (1.0 / lot.size_base)
                close_fee = fee if whole_fee_on_partial_close else fee * part * per_fill
                opposite[0] = Lot(lot.time_ns, lot.size_base - part, lot.price, lot.fee - open_fee)
            pnl += gain - open_fee - close_fee
            closed += part
            left -= part
        if left > 0.0:
            own.append(Lot(time_ns, left, price, fee if left == size_base else fee * left * per_fill))
        return Realised(pnl, closed)
