"""The price band of version 0.6: a list of prices and its median."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from statistics import median

from attrs import define, field

SAMPLES = 300
PATIENCE = 60


@define
class Band:
    """No trade further than `width` from the median of the last 300 samples of the trade price.

    A sample is taken at each end of a step; trades of an agent with itself do not count. After each full
    minute without a trade since an order was refused the band is wider by its own width.
    """

    width: Fraction = Fraction(0)
    last_price: int = 0
    samples: list[int] = field(factory=list)
    refused: bool = False
    quiet: int = 0
    bounds: tuple[int, int] | None = None

    def allows(self, price: int) -> bool:
        """Whether a trade at `price` is allowed."""
        return self.bounds is None or self.bounds[0] <= price <= self.bounds[1]

    def traded(self, price: int) -> None:
        """Two different agents traded."""
        self.last_price, self.refused, self.quiet = price, False, 0

    def end_step(self) -> None:
        """Take a sample and place the band anew."""
        if not self.width or not self.last_price:
            return
        self.samples = [*self.samples, self.last_price][-SAMPLES:]
        self.quiet += self.refused
        reach = self.width * (1 + self.quiet // PATIENCE)
        reference = Fraction(median(self.samples))
        self.bounds = ceil(reference * (1 - reach)), floor(reference * (1 + reach))
