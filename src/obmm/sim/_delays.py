"""From the time a miner took to answer to the moments at which his instructions act."""

from __future__ import annotations

import numpy as np

from obmm.market import IntArray, Orders, response_delay_ns
from obmm.sim._jit import kernel
from obmm.sim._parameters import Delay
from obmm.sim._random import Stream, integer_below, seed_stream
from obmm.sim.exchange._layout import STREAM_DELAY

_MS = 1_000_000
# Streams of single miners, apart from those of books.
_MINER_STREAMS = 2_000_000


def miner_stream(seed: int, uid: int) -> Stream:
    """The random stream of a miner's extra delays."""
    rng = np.zeros(4, dtype=np.uint64)
    seed_stream(rng, seed, _MINER_STREAMS + uid, STREAM_DELAY)
    return rng


@kernel
def _draw(rng: Stream, low: int, high: int, out: IntArray) -> None:
    for i in range(out.size):
        out[i] = low + integer_below(rng, high - low + 1)


def delays_ns(orders: Orders, number: IntArray, response_s: float, rules: Delay, rng: Stream) -> IntArray:
    """(N,) total delay of each row: the answer's, its own, and for all but a book's first a random extra.

    The cancels of one instruction share its extra and the shortest of their own delays.
    """
    extra = np.zeros(len(orders), dtype=np.int64)
    _draw(rng, rules.extra_min_ms * _MS, rules.extra_max_ms * _MS, extra)
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
