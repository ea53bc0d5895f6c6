"""Ticks and lots as integers, and floats that survive the venue's truncation.

The venue reads a price or a volume as an IEEE double, converts it exactly to a decimal and cuts it toward
zero, first at 8 places and then at the grid. A float a hair below its decimal therefore loses a whole tick:
290.63 is stored as 290.6299… and becomes 290.62. The remedy is to send the next float above.
"""

from __future__ import annotations

import attrs
import numpy as np
import numpy.typing as npt

from obmm.market.arrays import BoolArray, FloatArray, IntArray, as_ints, column

#: Relative slack when a computed float is meant to lie on the grid: 0.1 + 0.2 still counts as 0.3.
_ON_GRID = 1e-9


def to_units(value: npt.ArrayLike, decimals: npt.ArrayLike) -> IntArray:
    """Nearest whole grid units of `value`: ticks of a price, lots of a volume.

    Args:
        value: Finite prices (quote) or volumes (base), any shape.
        decimals: Decimal places of the grid, broadcast against `value`.

    >>> to_units([290.63, 0.1 + 0.2], [2, 4])
    array([29063,  3000])
    """
    return as_ints(np.rint(np.asarray(value, dtype=np.float64) * _scale(decimals)))


def floor_units(value: npt.ArrayLike, decimals: npt.ArrayLike) -> IntArray:
    """Whole grid units at or below `value`; a value on the grid up to rounding noise stays there.

    >>> floor_units([290.6399, 290.63], 2)
    array([29063, 29063])
    """
    scaled = np.asarray(value, dtype=np.float64) * _scale(decimals)
    nearest = np.rint(scaled)
    near = np.abs(scaled - nearest) <= _ON_GRID * np.maximum(np.abs(nearest), 1.0)
    return as_ints(np.where(near, nearest, np.floor(scaled)))


def ceil_units(value: npt.ArrayLike, decimals: npt.ArrayLike) -> IntArray:
    """Whole grid units at or above `value`; a value on the grid up to rounding noise stays there.

    >>> ceil_units([290.6301, 290.63], 2)
    array([29064, 29063])
    """
    return -floor_units(-np.asarray(value, dtype=np.float64), decimals)


def from_units(units: npt.ArrayLike, decimals: npt.ArrayLike) -> FloatArray:
    """The nearest double to a number of grid units: the way prices are shown and compared.

    >>> from_units([29063, 3000], [2, 4])
    array([290.63,   0.3 ])
    """
    return np.asarray(np.asarray(units, dtype=np.int64) / _scale(decimals), dtype=np.float64)


def wire_float(units: npt.ArrayLike, decimals: npt.ArrayLike) -> FloatArray:
    """The smallest double that is not below the exact decimal: the way prices and volumes are sent.

    Args:
        units: Whole grid units, |units| below 2**53.
        decimals: Decimal places of the grid, 0 to 8.

    >>> bool(wire_float(29063, 2) > 290.63)
    True
    >>> int(truncated_units(wire_float(29063, 2), 2)), int(truncated_units(290.63, 2))
    (29063, 29062)
    """
    units = as_ints(units)
    value = from_units(units, decimals)
    low = _below_decimal(value, units, decimals)
    return np.asarray(np.where(low, np.nextafter(value, np.inf), value), dtype=np.float64)


def truncated_units(value: npt.ArrayLike, decimals: npt.ArrayLike) -> IntArray:
    """Grid units the venue keeps of a positive float: the exact binary value cut toward zero.

    >>> truncated_units([290.63, 0.3, 290.625], [2, 4, 2])
    array([29062,  2999, 29062])
    """
    value = np.asarray(value, dtype=np.float64)
    nearest = to_units(value, decimals)
    # `value` and the double nearest to the grid point differ, or the exact decimal decides.
    point = from_units(nearest, decimals)
    below = (value < point) | ((value == point) & _below_decimal(value, nearest, decimals))
    return as_ints(nearest - below)


def _scale(decimals: npt.ArrayLike) -> FloatArray:
    return np.asarray(10.0 ** np.asarray(decimals, dtype=np.float64))


def _below_decimal(value: FloatArray, units: IntArray, decimals: npt.ArrayLike) -> BoolArray:
    """Whether the double `value`, nearest to units/10**decimals, lies strictly below that decimal.

    Exact: the product value * 10**decimals is split by Dekker's two-product, whose error term is exact.
    """
    scale = np.broadcast_to(_scale(decimals), np.shape(value))
    product = value * scale
    splitter = 134217729.0  # 2**27 + 1
    v_hi = splitter * value - (splitter * value - value)
    v_lo = value - v_hi
    s_hi = splitter * scale - (splitter * scale - scale)
    s_lo = scale - s_hi
    error = ((v_hi * s_hi - product) + v_hi * s_lo + v_lo * s_hi) + v_lo * s_lo
    gap = (product - units) + error
    return np.asarray(gap < 0.0)


@attrs.frozen
class Grid:
    """Price and volume grids of each book.

    Attributes:
        price_decimals: (B,) decimal places of prices.
        volume_decimals: (B,) decimal places of volumes.

    >>> grid = Grid([2, 2], [4, 4])
    >>> grid.tick
    array([0.01, 0.01])
    >>> float(grid.wire_prices(grid.ticks([290.63, 300.0]))[1])
    300.0
    """

    price_decimals: IntArray = column(as_ints)
    volume_decimals: IntArray = column(as_ints)

    @property
    def tick(self) -> FloatArray:
        """(B,) smallest price step, quote."""
        return from_units(np.ones_like(self.price_decimals), self.price_decimals)

    @property
    def lot(self) -> FloatArray:
        """(B,) smallest volume step, base."""
        return from_units(np.ones_like(self.volume_decimals), self.volume_decimals)

    def ticks(self, price: npt.ArrayLike) -> IntArray:
        """Nearest ticks of finite prices (B,) or (B, K)."""
        return to_units(price, self._like(self.price_decimals, price))

    def lots(self, volume: npt.ArrayLike) -> IntArray:
        """Nearest lots of finite volumes (B,) or (B, K)."""
        return to_units(volume, self._like(self.volume_decimals, volume))

    def wire_prices(self, ticks: npt.ArrayLike) -> FloatArray:
        """Floats that reach the venue as exactly `ticks`."""
        return wire_float(ticks, self._like(self.price_decimals, ticks))

    def wire_volumes(self, lots: npt.ArrayLike) -> FloatArray:
        """Floats that reach the venue as exactly `lots`."""
        return wire_float(lots, self._like(self.volume_decimals, lots))

    @staticmethod
    def _like(decimals: IntArray, values: npt.ArrayLike) -> IntArray:
        """`decimals` shaped to broadcast over the level axis of `values`."""
        return decimals.reshape(decimals.shape + (1,) * (np.ndim(values) - 1))
