"""From the time a miner took to answer to the moments at which his instructions act."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from obmm.market import IntArray, Orders, response_delay_ns
from obmm.sim._jit import kernel
from obmm.sim._parameters import Delay
from obmm.sim._random import Stream, integer_below, seed_stream
from obmm.sim.exchange._layout import STREAM_DELAY

_MS = 1_000_000
# Streams of single miners, apart from those of books.
_MINER_STREAMS = 2_000_000


def miner_streams(seeds: Sequence[int], uid: int) -> Stream:
    """The random streams (G, 4) of a miner's extra delays, one for the market of each seed."""
    streams = np.zeros((len(seeds), 4), dtype=np.uint64)
    for stream, seed in zip(streams, seeds, strict=True):
        seed_stream(stream, seed, _MINER_STREAMS + uid, STREAM_DELAY)
    return streams


@kernel
def _draw(streams: Stream, group: IntArray, low: int, high: int, out: IntArray) -> None:
    for i in range(out.size):
        out[i] = low + integer_below(streams[group[i]], high - low + 1)


def delays_ns(
    orders: Orders, number: IntArray, response_s: float, rules: Delay, streams: Stream, groups: IntArray
) -> IntArray:
    """(N,) total delay of each row: the answer's, its own, and for all but a book's first a random extra.

    The cancels of one instruction share its extra and the shortest of their own delays. Extras come from the
    stream of the row's book: `groups` (B,) says which of `streams` that is.
    """
    extra = np.zeros(len(orders), dtype=np.int64)
    group = groups[orders.book]
    _draw(streams, group, rules.extra_min_ms * _MS, rules.extra_max_ms * _MS, extra)
    extra[number == 0] = 0
    key = orders.book * (len(orders) + 1) + number
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    own = np.full(first.shape, np.iinfo(np.int64).max)
    np.minimum.at(own, inverse, orders.delay_ns)
    answer = response_delay_ns(
        response_s,
        timeout_s=rules.timeout_s,
        min_ns=round(_MS * rules.min_ms),
        max_ns=round(_MS * rules.max_ms),
    )
    return answer + (own + extra[first])[inverse]
