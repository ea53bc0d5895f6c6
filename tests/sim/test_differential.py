"""The compiled exchange and the naive one agree after every random message."""

from __future__ import annotations

from random import Random

import pytest

pytest.importorskip("numba")

from sim.differential import Session

SESSION = 5_120


@pytest.mark.parametrize("seed", range(40))
def test_the_exchanges_agree_after_each_message(seed):
    """40 rule sets with 5,120 messages each: answers, events, fees, balances, queues, nothing lost."""
    Session(Random(seed)).run(SESSION)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20))
def test_the_exchanges_agree_over_half_a_million_messages_a_seed(seed):
    """20 seeds with 500,000 messages each over a hundred rule sets."""
    rng = Random(1_000_000 + seed)
    for _ in range(100):
        Session(Random(rng.getrandbits(64))).run(SESSION)
