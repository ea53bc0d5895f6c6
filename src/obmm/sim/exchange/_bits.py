"""Which of 262,144 levels hold orders: a tree of 64-bit words, three deep, per side.

Finding the next level costs three bit scans however far away it is: the next tick and the far end of a
gap of a thousand ticks take the same time.
"""

from __future__ import annotations

import numpy as np

from obmm.sim._jit import Record, kernel

_ONE = np.uint64(1)
_ALL = np.uint64(2**64 - 1)

# Position of a single set bit by a de Bruijn sequence (Leiserson, Prokop and Randall 1998).
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_S1, _S2, _S4, _S8, _S16, _S32, _S58 = (np.uint64(n) for n in (1, 2, 4, 8, 16, 32, 58))
_POSITION = np.zeros(64, dtype=np.int64)
for _bit in range(64):
    _POSITION[((int(_DE_BRUIJN) << _bit) & (2**64 - 1)) >> 58] = _bit


@kernel
def lowest_bit(word: np.uint64) -> int:
    """Position of the lowest set bit; `word` is not 0."""
    return int(_POSITION[((word & (~word + _ONE)) * _DE_BRUIJN) >> _S58])


@kernel
def highest_bit(word: np.uint64) -> int:
    """Position of the highest set bit; `word` is not 0."""
    word |= word >> _S1
    word |= word >> _S2
    word |= word >> _S4
    word |= word >> _S8
    word |= word >> _S16
    word |= word >> _S32
    return int(_POSITION[((word - (word >> _S1)) * _DE_BRUIJN) >> _S58])


@kernel
def set_level(b: Record, side: int, level: int) -> None:
    """Mark `level` (0 … 64**3-1) of `side` as holding orders."""
    b.bits_low[side, level >> 6] |= _ONE << np.uint64(level & 63)
    b.bits_mid[side, level >> 12] |= _ONE << np.uint64((level >> 6) & 63)
    b.bits_top[side] |= _ONE << np.uint64(level >> 12)


@kernel
def clear_level(b: Record, side: int, level: int) -> None:
    """Mark `level` of `side` as empty."""
    b.bits_low[side, level >> 6] &= ~(_ONE << np.uint64(level & 63))
    if b.bits_low[side, level >> 6] != 0:
        return
    b.bits_mid[side, level >> 12] &= ~(_ONE << np.uint64((level >> 6) & 63))
    if b.bits_mid[side, level >> 12] == 0:
        b.bits_top[side] &= ~(_ONE << np.uint64(level >> 12))


@kernel
def level_above(b: Record, side: int, level: int) -> int:
    """The lowest marked level at or above `level`, -1 if there is none."""
    low = level >> 6
    word = b.bits_low[side, low] & (_ALL << np.uint64(level & 63))
    if word == 0:
        # The shift by one more than the position is split in two: a shift by 64 is undefined.
        word = b.bits_mid[side, low >> 6] & ((_ALL << np.uint64(low & 63)) << _ONE)
        mid = low >> 6
        if word == 0:
            word = b.bits_top[side] & ((_ALL << np.uint64(mid)) << _ONE)
            if word == 0:
                return -1
            mid = lowest_bit(word)
            word = b.bits_mid[side, mid]
        low = (mid << 6) + lowest_bit(word)
        word = b.bits_low[side, low]
    return (low << 6) + lowest_bit(word)


@kernel
def level_below(b: Record, side: int, level: int) -> int:
    """The highest marked level at or below `level`, -1 if there is none."""
    low = level >> 6
    word = b.bits_low[side, low] & (_ALL >> np.uint64(63 - (level & 63)))
    if word == 0:
        word = b.bits_mid[side, low >> 6] & ((_ALL >> np.uint64(63 - (low & 63))) >> _ONE)
        mid = low >> 6
        if word == 0:
            word = b.bits_top[side] & ((_ALL >> np.uint64(63 - mid)) >> _ONE)
            if word == 0:
                return -1
            mid = highest_bit(word)
            word = b.bits_mid[side, mid]
        low = (mid << 6) + highest_bit(word)
        word = b.bits_low[side, low]
    return (low << 6) + highest_bit(word)
