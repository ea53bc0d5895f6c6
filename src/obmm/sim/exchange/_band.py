"""The price band of 0.6: no trade further than a fraction from the median of the last 300 seconds.

The reference is sampled once a second from the last trade that was not a self-trade. When the band has
refused an order and nothing has traded for a while it widens by its own width, again and again until
something trades: the venue does likewise, at a pace it has not published (taken here as one minute).
"""

from __future__ import annotations

import math

from obmm.sim._jit import Record, kernel
from obmm.sim.exchange._layout import BAND_SLOTS

_PATIENCE_STEPS = 60


@kernel
def in_band(b: Record, tick: int) -> bool:
    """Whether a trade at `tick` is allowed."""
    return bool(b.band_high == 0 or b.band_low <= tick <= b.band_high)


@kernel
def band_traded(b: Record, tick: int) -> None:
    """Two different accounts traded at `tick`."""
    b.band_tick = tick
    b.band_refused = 0
    b.band_quiet = 0
    b.band_steps = 0


@kernel
def _replace_sample(b: Record, new: int) -> None:
    ordered = b.band_sorted
    b.band_newest = (b.band_newest + 1) % BAND_SLOTS
    if b.band_count < BAND_SLOTS:
        i = b.band_count
        b.band_count += 1
    else:
        old = b.band_ring[b.band_newest]
        i = 0
        while ordered[i] != old:
            i += 1
        while i + 1 < BAND_SLOTS and ordered[i + 1] < new:
            ordered[i] = ordered[i + 1]
            i += 1
    while i > 0 and ordered[i - 1] > new:
        ordered[i] = ordered[i - 1]
        i -= 1
    ordered[i] = new
    b.band_ring[b.band_newest] = new


@kernel
def sample_band(b: Record) -> None:
    """Once a second: take the last trade price into the median and place the band."""
    if b.band <= 0.0 or b.band_tick == 0:
        return
    _replace_sample(b, b.band_tick)
    if b.band_refused:
        b.band_quiet += 1
        b.band_steps = b.band_quiet // _PATIENCE_STEPS
    count = b.band_count
    reference = 0.5 * (b.band_sorted[(count - 1) // 2] + b.band_sorted[count // 2])
    width = b.band * (1 + b.band_steps)
    # Products such as 300.00 x 0.9 must not miss the tick they mean by a rounding of doubles.
    b.band_low = math.ceil(reference * (1.0 - width) - 1e-6)
    b.band_high = math.floor(reference * (1.0 + width) + 1e-6)
