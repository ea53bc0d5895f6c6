"""Memory that is taken page by page as it is used."""

from __future__ import annotations

import mmap
import sys

import numpy as np
import numpy.typing as npt


def zeroed(n: int, dtype: np.dtype[np.void]) -> npt.NDArray[np.void]:
    """`n` zeroed records.

    numpy asks for huge pages for arrays of this size, and a book touches a little of each: that would take
    13 MB a book instead of 2.5 MB, and run no faster.
    """
    size = n * dtype.itemsize
    if sys.platform == "win32":
        return np.frombuffer(mmap.mmap(-1, size), dtype=dtype)
    return np.frombuffer(mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), dtype=dtype)
