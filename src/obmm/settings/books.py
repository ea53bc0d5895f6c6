"""Naming sets of books: an id, a range, even, odd, all."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from obmm.market import BoolArray, IntArray
from obmm.market.arrays import as_flags
from obmm.settings.errors import shown

#: Ids that books can have, whatever the venue.
BOOK_IDS: IntArray = np.arange(1 << 16)
_RANGE = re.compile(r"([0-9]+)(?:-([0-9]+))?")


def select_books(selector: str | int | list[int | str], book_ids: IntArray) -> BoolArray:
    """(B,) which of `book_ids` a selector names: an id, `"0-31"`, `"even"`, `"odd"`, `"all"`, or a list.

    Ranges include both ends; several selectors may be joined by commas.

    Raises:
        ValueError: The selector cannot be read.

    >>> ids = np.arange(6)
    >>> select_books("even", ids).tolist()
    [True, False, True, False, True, False]
    >>> select_books("0-1, 5", ids).tolist()
    [True, True, False, False, False, True]
    >>> select_books([1, "4-5"], ids).tolist()
    [False, True, False, False, True, True]
    """
    chosen = np.zeros(book_ids.shape, dtype=np.bool_)
    if isinstance(selector, list):
        if not selector:
            raise ValueError("an empty list names no books")
        for item in selector:
            chosen |= select_books(_not_list(item), book_ids)
        return chosen
    if isinstance(selector, bool) or not isinstance(selector, (str, int)):
        raise ValueError(f"{shown(selector)} {_NONE}")
    for word in str(selector).split(","):
        chosen |= _one(word.strip(), book_ids)
    return chosen


_NONE = "names no books; write an id, a range such as '0-31', 'even', 'odd' or 'all'"


def _not_list(item: int | str) -> int | str:
    if isinstance(item, list):
        raise ValueError(f"{shown(item)} {_NONE}")
    return item


def _one(word: str, book_ids: IntArray) -> BoolArray:
    if word == "all":
        return np.ones(book_ids.shape, dtype=np.bool_)
    if word in ("even", "odd"):
        return as_flags(book_ids % 2 == (word == "odd"))
    match = _RANGE.fullmatch(word)
    if match is None:
        raise ValueError(f"{shown(word)} {_NONE}")
    if max(len(match[1]), len(match[2] or "")) > 9 or int(match[2] or match[1]) > BOOK_IDS[-1]:
        raise ValueError(f"{shown(word)} names no books: no venue has ids above {BOOK_IDS[-1]}")
    low, high = int(match[1]), int(match[2] or match[1])
    if high < low:
        raise ValueError(f"the range {word!r} runs backwards")
    return as_flags((book_ids >= low) & (book_ids <= high))


def ranges(numbers: Sequence[int]) -> str:
    """Numbers, those in a row put together.

    >>> ranges([1, 2, 3, 7, 9, 10])
    '1–3, 7, 9, 10'
    """
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    told = [f"{run[0]}–{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]
    return ", ".join(told)
