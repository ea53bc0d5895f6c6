"""Every type of notice becomes rows that say what happened to which order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from obmm.market import NoticeKind, Notices
from obmm.wire import WireError
from obmm.wire.codec import JSON, MSGPACK
from obmm.wire.notices import NoticeReader

POSITIONS = {3: 0, 9: 1}


def read(*notices: dict[str, Any], uid: int = 0) -> Notices:
    """Notices as they come from a validator."""
    return NoticeReader(MSGPACK).columns(msgspec.msgpack.encode(notices), POSITIONS, uid)


PLACED = {
    "t": 7,
    "a": None,
    "b": 9,
    "o": 55,
    "c": 12,
    "s": 1,
    "q": 0.25,
    "u": True,
    "m": "",
    "l": 0.0,
    "f": -2,
}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("RDPOL", NoticeKind.ACCEPTED),
        ("RDPOM", NoticeKind.ACCEPTED),
        ("ERDPOL", NoticeKind.REJECTED),
        ("ERDPOM", NoticeKind.REJECTED),
    ],
)
def test_placements(kind: str, expected: NoticeKind) -> None:
    """An answer to a placement carries our number, its side and what was left after truncation."""
    limit = {"p": 290.62} if kind.endswith("L") else {"r": 0}
    notices = read({"y": kind, **PLACED, **limit})
    assert ([expected], [7], [1]) == (notices.kind.tolist(), notices.time_ns.tolist(), notices.book.tolist())
    assert ([55], [12], [1]) == (notices.order_id.tolist(), notices.client_id.tolist(), notices.side.tolist())
    assert [0.25] == notices.size.tolist()
    assert np.array_equal([290.62 if "p" in limit else np.nan], notices.price, equal_nan=True)


def test_rejection_has_a_reason_and_no_order() -> None:
    """A rejected order has no id, perhaps no number of ours, and the venue's code."""
    notices = read({"y": "ERDPOL", **PLACED, "o": None, "c": None, "m": "INVALID_PRICE", "p": 0.0})
    assert ([-1], [-1], ("INVALID_PRICE",)) == (
        notices.order_id.tolist(),
        notices.client_id.tolist(),
        notices.message,
    )


@pytest.mark.parametrize(
    ("kind", "key", "expected"),
    [
        ("RDCO", "c", NoticeKind.CANCELLED),
        ("ERDCO", "c", NoticeKind.CANCEL_FAILED),
        ("RDCP", "o", NoticeKind.CLOSED),
        ("ERDCP", "o", NoticeKind.CLOSE_FAILED),
    ],
)
def test_lists_are_one_row_per_order(kind: str, key: str, expected: NoticeKind) -> None:
    """Cancels and closes list orders; a missing size is the whole order, a missing time the notice's."""
    items = [
        {"t": 5, "b": 3, "o": 70, "q": None, "u": True, "m": ""},
        {"b": 3, "o": 71, "q": 0.5, "u": False, "m": "Order IDs 71 do not exist."},
    ]
    notices = read({"y": kind, "t": 6, "a": None, "b": 3, key: items})
    assert ([expected] * 2, [5, 6]) == (notices.kind.tolist(), notices.time_ns.tolist())
    assert ([0, 0], [70, 71]) == (notices.book.tolist(), notices.order_id.tolist())
    assert np.array_equal([np.nan, 0.5], notices.size, equal_nan=True)
    assert ("", "Order IDs 71 do not exist.") == notices.message


@pytest.mark.parametrize("items", [None, []])
def test_empty_lists_are_no_rows(items: Any) -> None:
    """A cancel of nothing is no news."""
    assert Notices.none() == read({"y": "RDCO", "t": 6, "b": 3, "c": items})


FILL = {"y": "ET", "t": 9, "a": None, "b": 3, "i": 32, "c": 8, "s": 0, "p": 300.25, "q": 0.2999} | {
    "Ta": 5,
    "Ti": 21,
    "Tf": 0.02,
    "Ma": -387,
    "Mi": 35,
    "Mf": -0.01,
    "cr": 0,
    "Toi": 0,
}


def test_fill_as_taker() -> None:
    """The aggressor's side is ours, and so are the taker's order and fee."""
    notices = read(FILL, uid=5)
    assert ([0], [21], [0.02]) == (notices.side.tolist(), notices.order_id.tolist(), notices.fee.tolist())
    assert ([-387], [5], [32]) == (
        notices.maker_id.tolist(),
        notices.taker_id.tolist(),
        notices.trade_id.tolist(),
    )


def test_fill_as_maker() -> None:
    """The other side is ours, and so are the maker's order and rebate."""
    notices = read(FILL | {"Ta": -4, "Ma": 5}, uid=5)
    assert ([1], [35], [-0.01]) == (notices.side.tolist(), notices.order_id.tolist(), notices.fee.tolist())


def test_fill_as_agent_0() -> None:
    """Agent 0 is named by the trade, never by the notice's own field, which is null."""
    assert [21] == read(FILL | {"Ta": 0}, uid=0).order_id.tolist()
    assert [35] == read(FILL | {"Ma": 0}, uid=0).order_id.tolist()


def test_fill_of_others_is_nobodys() -> None:
    """A fill between other accounts has no side, order or fee of ours."""
    notices = read(FILL, uid=6)
    assert ([-1], [-1], [0.0]) == (notices.side.tolist(), notices.order_id.tolist(), notices.fee.tolist())


def test_trade_with_ourselves_is_two_rows() -> None:
    """Both notices of a self-trade name us twice: the first row is the maker's, the second the taker's."""
    both = FILL | {"Ta": 5, "Ma": 5}
    notices = read(both, both | {"c": 9}, both | {"i": 33}, uid=5)
    assert [1, 0, 1] == notices.side.tolist()
    assert [35, 21, 35] == notices.order_id.tolist()
    assert [-0.01, 0.02, -0.01] == notices.fee.tolist()


def test_fill_without_a_side_keeps_none() -> None:
    """A side that is not told is not made up."""
    assert [-1] == read(FILL | {"Ma": 5, "Ta": 1, "s": None}, uid=5).side.tolist()


def test_global_notices_have_no_book() -> None:
    """Start, end and resets concern all books."""
    notices = read(
        {"y": "ESS", "t": 1, "a": None, "l": "logs/x"},
        {"y": "RDRA", "t": 2, "a": None, "r": [{"a": 4, "t": 3, "u": True, "m": "gone"}]},
        {"y": "ERDRA", "t": 2, "a": None, "r": []},
        {"y": "ESE", "t": 4, "a": None},
    )
    assert [NoticeKind.STARTED, NoticeKind.RESET, NoticeKind.ENDED] == notices.kind.tolist()
    assert ([-1] * 3, ("logs/x", "gone", "")) == (notices.book.tolist(), notices.message)


def test_unknown_types_are_kept_as_other() -> None:
    """A type of a later version is kept with its time and book, whatever its fields hold."""
    notices = read({"y": "NEW", "t": 3, "b": 9, "o": "text", "c": [1], "p": {}})
    assert ([NoticeKind.OTHER], [3], [1]) == (
        notices.kind.tolist(),
        notices.time_ns.tolist(),
        notices.book.tolist(),
    )


def test_unknown_books_are_minus_one() -> None:
    """A notice about a book the venue does not have belongs to none."""
    assert [-1] == read({"y": "RDPOL", **PLACED, "b": 4}).book.tolist()


@pytest.mark.parametrize(
    ("notice", "field"),
    [
        ({"y": 3}, "notices[0].y"),
        ({"y": "RDPOL", "o": "x"}, "notices[0].o"),
        ({"y": "RDCO", "c": 5}, "notices[0].c"),
        ({"y": "RDCO", "c": ["x"]}, "notices[0].c[0]"),
        ({"y": "ERDCP", "o": 5}, "notices[0].o"),
        ({"y": "RDRA", "r": 5}, "notices[0].r"),
        ({"y": "ERDPOM", "o": []}, "notices[0].o"),
        ({"y": "RDPOL", "c": []}, "notices[0].c"),
        ({"y": "ET", "c": []}, "notices[0].c"),
        ({"y": "ET", "s": 2}, "notices[0].s"),
        ({"y": "ET", "t": 2**64 - 1}, "notices[0].t"),
    ],
)
def test_wrong_types_are_named(notice: dict[str, Any], field: str) -> None:
    """The error tells which notice and which of its fields."""
    with pytest.raises(WireError) as caught:
        read({"y": "ESE"}, {"y": "NEW", "o": "x"}, notice)
    assert field.replace("[0]", "[2]", 1) == caught.value.field


def one_of_ours(notice: dict[str, Any]) -> bool:
    """Whether a notice tells a fill in which agent 0 stood on one side."""
    return notice["y"] == "ET" and (notice["Ta"] == 0) != (notice["Ma"] == 0)


@pytest.mark.parametrize("name", ["probe-1.jsonl", "probe-2.jsonl"])
def test_answers_of_the_real_market_are_understood(shared_data: Path, name: str) -> None:
    """Every notice that the real market sent back to odd instructions is read without loss."""
    lines = map(json.loads, (shared_data / "captures" / name).read_text().splitlines())
    told = [line["notice"] for line in lines if "notice" in line]
    positions = {book: book for book in range(8)}
    notices = NoticeReader(JSON).columns(json.dumps(told).encode(), positions, uid=0)
    assert len(notices) >= len(told) > 10
    assert NoticeKind.OTHER not in notices.kind
    rejected = [notice["m"] for notice in told if notice["y"].startswith("ERDPO")]
    assert rejected == [
        message
        for message, kind in zip(notices.message, notices.kind, strict=True)
        if kind == NoticeKind.REJECTED
    ]
    fill = notices.kind == NoticeKind.FILL
    one_sided = fill & ((notices.maker_id == 0) != (notices.taker_id == 0))
    fees = [notice["Tf"] if notice["Ta"] == 0 else notice["Mf"] for notice in told if one_of_ours(notice)]
    assert fees == notices.fee[one_sided].tolist()


def test_real_trade_with_ourselves_tells_the_maker_first(shared_data: Path) -> None:
    """The resting sell's number comes with the first notice, the market buy's with the second."""
    lines = (shared_data / "captures" / "probe-2.jsonl").read_text().splitlines()
    told = [json.loads(line)["notice"] for line in lines if '"ET"' in line]
    both = [notice for notice in told if notice["Ta"] == notice["Ma"] == 0]
    notices = NoticeReader(JSON).columns(json.dumps(both).encode(), {2: 0}, 0)
    assert ([2012, 2013], [1, 0]) == (notices.client_id.tolist(), notices.side.tolist())
    assert ([22546, 22547], [0.0, 0.01723275]) == (notices.order_id.tolist(), notices.fee.tolist())
