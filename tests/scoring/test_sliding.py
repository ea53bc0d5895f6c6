"""The sliding window."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from obmm.scoring.sliding import SlidingWindow

STEPS = st.lists(
    st.tuples(st.sampled_from(["append", "extend", "drop", "replace", "clear"]), st.integers(0, 9))
)


@given(STEPS)
def test_a_window_is_a_list_that_forgets(steps: list[tuple[str, int]]) -> None:
    """Whatever is done to it, the view is that of a plain list, in one contiguous piece per row."""
    window, plain, number = SlidingWindow(np.dtype(np.int64), (2,)), [], 0
    for step, n in steps:
        rows = [[number + i, -number - i] for i in range(n)]
        columns = np.array(rows, dtype=np.int64).reshape(n, 2).T
        number += n
        if step == "append":
            plain.append([number, -number])
            window.append([number, -number])
        elif step == "extend":
            plain += rows
            window.extend(columns)
        elif step == "drop":
            plain = plain[n:]
            window.drop(n)
        elif step == "replace":
            plain = rows
            window.replace(columns)
        else:
            plain = []
            window.clear()
        assert len(plain) == len(window)
        assert plain == window.view.T.tolist()
        assert window.view.strides[-1] == 8


def test_memory_follows_the_window_not_the_stream() -> None:
    """A window of ten needs room for some twenty, after any number of columns."""
    window = SlidingWindow(np.dtype(np.float64))
    for i in range(10_000):
        window.append(i)
        window.drop(max(len(window) - 10, 0))
    assert window._buffer.size <= 24
