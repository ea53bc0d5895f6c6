"""Price levels: the tree of bits, queues, far prices, snapshots."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from obmm.sim._jit import Record, kernel
from obmm.sim.exchange import _bits as bits
from obmm.sim.exchange import _book as book_kernels
from obmm.sim.exchange._accounts import open_account
from obmm.sim.exchange._layout import BUY, FAR_TICK, SELL, VALID
from obmm.sim.exchange._orders import cancel_order, place_limit
from obmm.sim.exchange._setup import make_book

MANY = 10**17


def funded_book(n_agents: int = 3) -> np.ndarray:
    """A book without fees whose agents can pay for everything."""
    books = make_book(min_lots=1, max_open_orders=1000)
    for agent in range(n_agents):
        open_account(books[0], agent, MANY, MANY)
    return books


@kernel
def walk(b: Record, side: int, start: int, up: bool, found: np.ndarray) -> int:
    """Collect marked levels from `start` on; how many."""
    count = 0
    level = start
    while count < found.size:
        level = bits.level_above(b, side, level) if up else bits.level_below(b, side, level)
        if level < 0:
            break
        found[count] = level
        count += 1
        level += 1 if up else -1
        if level < 0 or level > FAR_TICK:
            break
    return count


@kernel
def mark(b: Record, side: int, levels: np.ndarray, clear: np.ndarray) -> None:
    """Set `levels`, then clear those of `clear`."""
    for level in levels:
        bits.set_level(b, side, level)
    for level in clear:
        bits.clear_level(b, side, level)


LEVELS = st.lists(st.integers(0, FAR_TICK), max_size=30, unique=True)


@given(LEVELS, st.data())
def test_tree_of_bits_finds_what_was_marked(levels: list[int], data: st.DataObject) -> None:
    """Walking up and down visits exactly the levels that were set and not cleared."""
    gone = data.draw(st.lists(st.sampled_from(levels), unique=True)) if levels else []
    b = SHARED[0]
    mark(b, SELL, np.array(levels, dtype=np.int64), np.array(gone, dtype=np.int64))
    kept = sorted(set(levels) - set(gone))
    found = np.zeros(40, dtype=np.int64)
    n = walk(b, SELL, 0, True, found)
    assert kept == found[:n].tolist()
    n = walk(b, SELL, FAR_TICK, False, found)
    assert kept[::-1] == found[:n].tolist()
    mark(b, SELL, np.array([], dtype=np.int64), np.array(kept, dtype=np.int64))
    assert not b["bits_top"].any()
    assert not b["bits_mid"].any()


SHARED = make_book()


def levels_of(b: Record, side: int) -> list[tuple[int, int]]:
    """All levels of a side, best first, as (tick, lots)."""
    found, tick = [], 0
    while tick := book_kernels.next_level(b, side, tick):
        found.append((tick, book_kernels.level_lots(b, side, tick)))
    return found


def test_levels_are_listed_best_first_with_their_volume() -> None:
    """Bids fall, asks rise, volumes of one price add up."""
    b = funded_book()[0]
    for side, tick, lots in [(BUY, 100, 5), (BUY, 90, 7), (BUY, 100, 1), (SELL, 120, 3), (SELL, 5000, 2)]:
        assert place_limit(b, 0, side, tick, lots, False) == VALID
    assert levels_of(b, BUY) == [(100, 6), (90, 7)]
    assert levels_of(b, SELL) == [(120, 3), (5000, 2)]
    assert b["touch"].tolist() == [100, 120]


def test_far_prices_rest_in_order_of_price_then_time() -> None:
    """Asks beyond the dense levels are separate levels, sorted, and stay behind the near ones."""
    b = funded_book()[0]
    far = [10_000_000, FAR_TICK, 300_000, 10_000_000, 900_000]
    for lots, tick in enumerate(far, start=1):
        assert place_limit(b, 0, SELL, tick, lots, False) == VALID
    assert place_limit(b, 0, SELL, 500, 9, False) == VALID
    expected = [(500, 9), (FAR_TICK, 2), (300_000, 3), (900_000, 5), (10_000_000, 5)]
    assert expected == levels_of(b, SELL)
    prices, sizes = np.zeros((2, 3)), np.zeros((2, 3))
    book_kernels.snapshot(b, prices[:, None], sizes[:, None], 0)
    assert prices[SELL].tolist() == [5.0, 2621.43, 3000.0]
    assert np.isnan(prices[BUY]).all()
    assert sizes[SELL].tolist() == [0.0009, 0.0002, 0.0003]


def test_far_bids_do_not_mix_with_far_asks() -> None:
    """With the near book empty a bid may rest above the dense levels, below an ask that does too."""
    b = funded_book()[0]
    assert place_limit(b, 0, SELL, 400_000, 4, False) == VALID
    assert place_limit(b, 1, BUY, 300_000, 3, False) == VALID
    assert place_limit(b, 1, BUY, 350_000, 3, False) == VALID
    assert levels_of(b, BUY) == [(350_000, 3), (300_000, 3)]
    assert place_limit(b, 2, SELL, 300_000, 5, False) == VALID
    assert levels_of(b, BUY) == [(300_000, 1)]
    assert levels_of(b, SELL) == [(400_000, 4)]


def test_touch_moves_when_the_best_level_is_cancelled() -> None:
    """The next level becomes best, then the side is empty."""
    b = funded_book()[0]
    placed = []
    for tick in (100, 40):
        place_limit(b, 0, BUY, tick, 5, False)
        placed.append((int(b["placed_slot"]), int(b["placed_id"])))
    assert cancel_order(b, *placed[0], 0) == 5
    assert b["touch"][BUY] == 40
    assert cancel_order(b, *placed[1], 0) == 5
    assert b["touch"][BUY] == 0
    assert b["live"][BUY] == 0


def test_a_recycled_slot_does_not_answer_to_the_old_id() -> None:
    """Cancelling by a stale (slot, id) fails and leaves the new order alone."""
    b = funded_book()[0]
    place_limit(b, 0, BUY, 100, 5, False)
    slot, old = int(b["placed_slot"]), int(b["placed_id"])
    cancel_order(b, slot, old, 0)
    place_limit(b, 0, BUY, 100, 5, False)
    assert slot == b["placed_slot"]
    assert cancel_order(b, slot, old, 0) == 0
    assert levels_of(b, BUY) == [(100, 5)]


def test_depth_counts_levels_not_ticks() -> None:
    """The volume of the best two levels, however far apart."""
    b = funded_book()[0]
    for tick, lots in [(100, 5), (20, 7), (10, 11)]:
        place_limit(b, 0, BUY, tick, lots, False)
    assert book_kernels.depth_lots(b, BUY, 2) == 12
    assert book_kernels.depth_lots(b, BUY, 21) == 23
    assert book_kernels.depth_lots(b, SELL, 5) == 0
