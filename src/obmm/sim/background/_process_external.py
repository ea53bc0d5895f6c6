"""The outside price: its direction is the one thing that all books have in common.

The feed gives a new sample every `persistence_s`; books look at it every `update_s` and see a sample once it
is older than the look. Log returns are normal, so directions are independent and equally likely.
"""

from __future__ import annotations

import math

from obmm.sim._jit import Record, kernel
from obmm.sim._random import normal, seed_stream
from obmm.sim.background._layout import COMMON_BOOK, SECOND, STREAM_EXTERNAL


@kernel
def start_external(g: Record, seed: int) -> None:
    """No direction yet; the samples of a run are the same for each of its books."""
    seed_stream(g.external_rng, seed, COMMON_BOOK, STREAM_EXTERNAL)
    g.external_sample = -1
    g.external_reads = 0
    g.external_return = 0.0
    g.external_volume_factor = 0.0


@kernel
def update_external(g: Record, now_ns: int) -> None:
    """Look at the feed at `now_ns`."""
    p = g.p.external
    newest = -(-now_ns // int(p.persistence_s * SECOND)) - 1
    while g.external_sample < newest:
        g.external_sample += 1
        g.external_return = 1e-4 * p.step_sd_bps * normal(g.external_rng)
    g.external_reads += 1
    g.external_volume_factor = min(2.0, math.exp(abs(g.external_return)))
    if p.volume_decay_per_read > 0.0:
        g.external_volume_factor *= math.exp(-p.volume_decay_per_read * g.external_reads)
