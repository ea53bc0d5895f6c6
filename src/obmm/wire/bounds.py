"""How much a message may hold: several times what a venue can send, and little enough to be harmless.

With these any body of up to 4 MiB is answered or refused within 250 ms of one core and 512 MiB of memory.
Counts are looked at before anything is made of the items where msgpack names them in front of a list or map;
JSON, and items that are repeated, cost bytes.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from msgspec import Meta

from obmm.wire.errors import WireError

T = TypeVar("T")
KeyT = TypeVar("KeyT")

#: Content of a message, bytes: 128 busy books are 3 to 4 MB in blobs and 4.8 MB in a harness's post.
MAX_BYTES = 8 * 2**20

#: A configuration, bytes: a venue's has 3 kB, and with classes of books some 15.
MAX_CONFIG_BYTES = 2**17

#: Notices of one account, bytes: several thousand; a busy state brings a few hundred.
MAX_NOTICE_BYTES = 2**20

#: Books and accounts: there are 128 books and 264 accounts.
MAX_BOOKS, MAX_ACCOUNTS = 1024, 1024

#: Classes of books, and tiers of fees: there are two, and one.
MAX_CLASSES, MAX_TIERS = 64, 1024

#: Levels a side, and orders of a level: 21 levels are published, the best five with a dozen orders each.
MAX_LEVELS, MAX_QUEUED = 128, 4096
#: Orders of all levels at which ours stand.
MAX_ALL_QUEUED = 2**17

#: Own orders of a book, and of all: a venue takes 100 of a book.
MAX_OWN_ORDERS, MAX_ALL_OWN_ORDERS = 1024, 2**15

#: Events of all books between two states: 38,400 of the busiest venue.
MAX_EVENTS = 2**16

#: Orders that all notices of a state speak of: 128 a book.
MAX_NOTICES = 2**14

#: Instructions of one book and answer that a configuration may allow: five, and an answer holds 200,000.
MAX_PER_BOOK = 100

#: Characters of a name: keys and run ids have 48 at most.
MAX_NAME = 256

Name: TypeAlias = Annotated[str, Meta(max_length=MAX_NAME)]
Levels: TypeAlias = Annotated[list[T], Meta(max_length=MAX_LEVELS)]
Books: TypeAlias = Annotated[dict[KeyT, T], Meta(max_length=MAX_BOOKS)]
Accounts: TypeAlias = Annotated[dict[KeyT, T], Meta(max_length=MAX_ACCOUNTS)]

#: JSON may hold so many numbers of these kinds: msgspec takes 5 us for each near either end of the doubles,
#: and long for what has hundreds of digits.
_MAX_EXTREMES, _MAX_LONG = 1024, 1024
#: Below these sizes there cannot be enough of them, nor of empty maps, to matter.
_SMALL, _MIDDLE = 2**16, 2**21
_EMPTY_MAP = 0x80


def check_size(data: bytes, most: int, field: str) -> bytes:
    """`data`, if it has no more than `most` bytes.

    Raises:
        WireError: It has.
    """
    if len(data) > most:
        raise WireError(field, f"more than {most} bytes")
    return data


def check_json(data: bytes, field: str) -> None:
    """Refuse JSON with crowds of numbers that take long to read.

    Raises:
        WireError: There are more than any venue has use for.

    >>> check_json(b'{"p":300.25}' * 10_000, "books")
    >>> check_json(b'{"p":1e-310}' * 10_000, "books")
    Traceback (most recent call last):
    obmm.wire.errors.WireError: books: more than 1024 numbers with exponents of three digits
    """
    if len(data) < _SMALL:
        return
    char = np.frombuffer(data, dtype=np.uint8)
    is_e = (char[1:-4] | 0x20) == ord("e")
    if np.count_nonzero(is_e) > _MAX_EXTREMES:
        at = np.flatnonzero(is_e) + 1
        at = at[_digit(char[at - 1])]
        first = at + 1 + ((char[at + 1] == ord("-")) | (char[at + 1] == ord("+")))
        extremes = _digit(char[first]) & _digit(char[first + 1]) & _digit(char[first + 2])
        if np.count_nonzero(extremes) > _MAX_EXTREMES:
            raise WireError(field, f"more than {_MAX_EXTREMES} numbers with exponents of three digits")
    if len(data) < _MIDDLE:
        return
    eights = _digit(char[: len(data) // 8 * 8]).view(np.uint64) == 0x0101010101010101
    if np.count_nonzero(eights[2:] & eights[1:-1] & eights[:-2]) > _MAX_LONG:
        raise WireError(field, "too many numbers of more than 24 digits")


def check_msgpack(data: bytes, field: str) -> None:
    """Refuse msgpack that is made of empty maps, of which a byte each is enough for a whole object.

    Raises:
        WireError: An eighth of the bytes look like one; they are a hundredth of a venue's.

    >>> check_msgpack(bytes([0x80]) * 100_000, "books")
    Traceback (most recent call last):
    obmm.wire.errors.WireError: books: made of empty maps
    """
    if len(data) < _SMALL:
        return
    if np.count_nonzero(np.frombuffer(data, dtype=np.uint8) == _EMPTY_MAP) > len(data) // 8:
        raise WireError(field, "made of empty maps")


def _digit(char: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Which characters are digits; those below the digits wrap around."""
    digit: npt.NDArray[np.bool_] = char - np.uint8(ord("0")) < 10
    return digit
