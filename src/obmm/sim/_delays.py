"""From the time a miner took to answer to the moments at which his instructions act."""

from __future__ import annotations

import math

import numpy as np

from obmm.market import IntArray, Orders
from obmm.sim._jit import kernel
from obmm.sim._layout import STREAM_DELAY
from obmm.sim._parameters import Delay
from obmm.sim._random import Stream, integer_below, seed_stream

_MS = 1_000_000
# Streams of single miners, apart from those of books.
_MINER_STREAMS = 2_000_000


def response_delay_ns(response_s: float, rules: Delay) -> int:
    """Delay of every instruction of an answer: exponential in the share of the time limit that was used.

    >>> from obmm.sim.scenario import Scenario
    >>> rules = Scenario.load("taos-0.5.4").delay
    >>> [round(response_delay_ns(s, rules) / 1e6, 1) for s in (0.0, 0.5, 3.0)]
    [10.0, 18.7, 1000.0]
    """
    used = (math.exp(5.0 * response_s / rules.timeout_s) - 1.0) / (math.exp(5.0) - 1.0)
    return int(_MS * (rules.min_ms + used * (rules.max_ms - rules.min_ms)))


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
    return response_delay_ns(response_s, rules) + (own + extra[first])[inverse]
