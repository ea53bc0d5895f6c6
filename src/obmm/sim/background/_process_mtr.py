"""The maker share as a process of its own, for runs that do not simulate the other miners."""

from __future__ import annotations

import math

from obmm.sim._jit import Record, kernel
from obmm.sim._random import Stream, normal
from obmm.sim.background._layout import SECOND
from obmm.sim.exchange._fees import set_maker_ratio

UPDATE_S = 10.0


@kernel
def next_ratio(rng: Stream, p: Record, ratio: float) -> float:
    """The exact step of an Ornstein-Uhlenbeck process over one update."""
    keep = math.exp(-UPDATE_S / p.mtr_time_scale_s)
    noise = p.mtr_sd * math.sqrt(1.0 - keep * keep) * normal(rng)
    return float(p.mtr_mean + keep * (ratio - p.mtr_mean) + noise)


@kernel
def start_mtr(b: Record, g: Record, rng: Stream) -> None:
    """Begin in the stationary law."""
    g.mtr = g.p.rivals.mtr_mean + g.p.rivals.mtr_sd * normal(rng)
    publish_mtr(b, g)


@kernel
def publish_mtr(b: Record, g: Record) -> None:
    """Show the exchange the process within its bounds."""
    set_maker_ratio(b, min(max(g.mtr, g.p.rivals.mtr_min), g.p.rivals.mtr_max))


@kernel
def update_mtr(b: Record, g: Record, rng: Stream, now_ns: int) -> None:
    """Move the process by one update."""
    g.mtr = next_ratio(rng, g.p.rivals, g.mtr)
    publish_mtr(b, g)
    g.next_mtr_ns = now_ns + int(UPDATE_S * SECOND)
