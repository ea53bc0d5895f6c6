"""Naming sets of books: an id, a range, even, odd, all."""

from __future__ import annotations

import re

import numpy as np

from obmm.market import BoolArray, IntArray
from obmm.market.arrays import as_flags

_RANGE = re.compile(r"(\d+)(?:-(\d+))?")


def select_books(selector: str | int | list[int], book_ids: IntArray) -> BoolArray:
    """(B,) which of `book_ids` a selector names: an id, a list, `"0-31"`, `"even"`, `"odd"` or `"all"`.

    Ranges include both ends; several selectors may be joined by commas.

    Raises:
        ValueError: The selector cannot be read.

    >>> ids = np.arange(6)
    >>> select_books("even", ids).tolist()
    [True, False, True, False, True, False]
    >>> select_books("0-1, 5", ids).tolist()
    [True, True, False, False, False, True]
    """
    if isinstance(selector, list):
        return np.isin(book_ids, selector)
    chosen = np.zeros(book_ids.shape, dtype=np.bool_)
    for word in str(selector).split(","):
        chosen |= _one(word.strip(), book_ids)
    return chosen


def _one(word: str, book_ids: IntArray) -> BoolArray:
    if word == "all":
        return np.ones(book_ids.shape, dtype=np.bool_)
    if word in ("even", "odd"):
        return as_flags(book_ids % 2 == (word == "odd"))
    match = _RANGE.fullmatch(word)
    if match is None:
        raise ValueError(
            f"{word!r} names no books; write an id, a range such as '0-31', 'even', 'odd' or 'all'"
        )
    low, high = int(match[1]), int(match[2] or match[1])
    if high < low:
        raise ValueError(f"the range {word!r} runs backwards")
    return as_flags((book_ids >= low) & (book_ids <= high))
