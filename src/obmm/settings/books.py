"""Naming sets of books: an id, a range, even, odd, a class of assets, all."""

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


_CLASS = re.compile(r"class-([0-9]{1,2})")


def select_books(
    selector: str | int | list[int | str], book_ids: IntArray, classes: IntArray | None = None
) -> BoolArray:
    """(B,) which of `book_ids` a selector names: an id, `"0-31"`, `"even"`, `"class-1"`, `"all"`, or a list.

    Ranges include both ends; several selectors may be joined by commas.

    Args:
        selector: What names books.
        book_ids: (B,) ids of the books.
        classes: (B,) class of assets of each (`Venue.asset_class`); None where none is to be named.

    Raises:
        ValueError: The selector cannot be read.

    >>> ids = np.arange(6)
    >>> select_books("even", ids).tolist()
    [True, False, True, False, True, False]
    >>> select_books("0-1, 5", ids).tolist()
    [True, True, False, False, False, True]
    >>> select_books([1, "4-5"], ids).tolist()
    [False, True, False, False, True, True]
    >>> select_books("class-1", ids, classes=np.array([0, 0, 0, 0, 1, 1])).tolist()
    [False, False, False, False, True, True]
    """
    chosen = np.zeros(book_ids.shape, dtype=np.bool_)
    if isinstance(selector, list):
        if not selector:
            raise ValueError("an empty list names no books")
        for item in selector:
            chosen |= select_books(_not_list(item), book_ids, classes)
        return chosen
    if isinstance(selector, bool) or not isinstance(selector, (str, int)):
        raise ValueError(f"{shown(selector)} {_NONE}")
    for word in str(selector).split(","):
        chosen |= _one(word.strip(), book_ids, classes)
    return chosen


def names_class(selector: str | int | list[int | str]) -> bool:
    """Whether a selector names a class of assets, whose books only a venue can tell.

    >>> names_class("class-0"), names_class(["0-3", "class-1"]), names_class("even")
    (True, True, False)
    """
    return "class-" in str(selector)


_NONE = "names no books; write an id, a range such as '0-31', 'even', 'odd', 'class-1' or 'all'"


def _not_list(item: int | str) -> int | str:
    if isinstance(item, list):
        raise ValueError(f"{shown(item)} {_NONE}")
    return item


def _one(word: str, book_ids: IntArray, classes: IntArray | None) -> BoolArray:
    if word == "all":
        return np.ones(book_ids.shape, dtype=np.bool_)
    if word in ("even", "odd"):
        return as_flags(book_ids % 2 == (word == "odd"))
    if of_class := _CLASS.fullmatch(word):
        if classes is None:
            raise ValueError(f"{shown(word)} names a class of assets, which is not known here; name books")
        return as_flags(classes == int(of_class[1]))
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
