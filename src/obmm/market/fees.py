"""The venue's fee rules as the state publishes them."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from obmm.market.arrays import FloatArray

FeeKind: TypeAlias = Literal["dynamic", "tiered", "zero"]


@attrs.frozen(kw_only=True)
class FeePolicy:
    """Maker and taker rates as fractions of notional; negative is a rebate.

    Under the dynamic policy both depend on one number per book, the maker share x of the miners' traded
    volume: below the target makers are paid and takers charged, above it the other way round. The sum of
    both rates does not depend on x.

    Attributes:
        kind: "dynamic", "tiered" or "zero".
        maker_fee: Constant part of the maker rate.
        taker_fee: Constant part of the taker rate.
        max_maker_rate: Largest maker rebate (dynamic).
        max_taker_rate: Largest maker fee, paid to takers (dynamic).
        target_mtr: Maker share at which the dynamic part vanishes.
        shape_maker_fee: Exponent of the dynamic part below the target; the name is the venue's.
        shape_maker_rebate: Exponent of the dynamic part above the target; the name is the venue's.
        history_slots: Trade instants after which x starts to move.

    >>> policy = FeePolicy()
    >>> [float(round(1e4 * rate, 2)) for rate in policy.maker_rate([0.3, 0.4, 0.6])]
    [-9.38, 0.0, 16.67]
    """

    kind: FeeKind = "dynamic"
    maker_fee: float = 0.0
    taker_fee: float = 0.00023
    max_maker_rate: float = 0.015
    max_taker_rate: float = 0.015
    target_mtr: float = 0.4
    shape_maker_fee: float = 2.0
    shape_maker_rebate: float = 2.0
    history_slots: int = 300

    def maker_rate(self, maker_ratio: npt.ArrayLike) -> FloatArray:
        """Maker rate at maker share `maker_ratio`, any shape; NaN counts as the target."""
        return self.maker_fee + self._dynamic(maker_ratio)

    def taker_rate(self, maker_ratio: npt.ArrayLike) -> FloatArray:
        """Taker rate at maker share `maker_ratio`, any shape; NaN counts as the target."""
        return self.taker_fee - self._dynamic(maker_ratio)

    def slope(self, maker_ratio: npt.ArrayLike) -> FloatArray:
        """Change of the maker rate per unit of maker share, at `maker_ratio`, any shape; NaN is the target.

        >>> float(round(1e4 * FeePolicy().slope(0.6), 3))
        166.667
        """
        x = np.asarray(maker_ratio, dtype=np.float64)
        if self.kind != "dynamic":
            return np.zeros_like(x)
        target = self.target_mtr
        gap = target - np.where(np.isnan(x), target, x)
        room = max(1.0 - target, float(np.finfo(np.float64).tiny))
        below, above = self.shape_maker_fee, self.shape_maker_rebate
        with np.errstate(divide="ignore", invalid="ignore"):
            rebate = self.max_maker_rate * below / target * (np.maximum(gap, 0.0) / target) ** (below - 1.0)
            fee = self.max_taker_rate * above / room * (np.maximum(-gap, 0.0) / room) ** (above - 1.0)
        return np.where(gap > 0.0, rebate, np.where(gap < 0.0, fee, 0.0))

    def _dynamic(self, maker_ratio: npt.ArrayLike) -> FloatArray:
        x = np.asarray(maker_ratio, dtype=np.float64)
        if self.kind != "dynamic":
            return np.zeros_like(x)
        target = self.target_mtr
        x = np.where(np.isnan(x), target, x)
        gap = target - x
        rebate = -self.max_maker_rate * (np.maximum(gap, 0.0) / target) ** self.shape_maker_fee
        room = max(1.0 - target, np.finfo(np.float64).tiny)
        fee = self.max_taker_rate * (np.maximum(-gap, 0.0) / room) ** self.shape_maker_rebate
        # The venue cuts the gap to three decimals before it asks whether x is at the target; x = 0 pays none.
        still = (np.trunc(np.round(gap * 1e3, 9)) == 0.0) | (x == 0.0)
        return np.where(still, 0.0, np.where(gap > 0.0, rebate, fee))
