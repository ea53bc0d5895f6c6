"""States and messages that the tests of the wire share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import lz4.frame
import msgspec
import numpy as np
import pybase64
import zstandard
from hypothesis import strategies as st

from obmm.market import FeePolicy, MarketState, NoticeKind, Notices, Venue
from obmm.testing import Flaw, random_state, spoiled


def venue(n_books: int = 4, **changes: Any) -> Venue:
    """A venue whose ids are neither contiguous nor sorted, of two classes."""
    half = np.arange(n_books) < (n_books + 1) // 2
    known: dict[str, Any] = {
        "book_ids": 3 + 7 * np.arange(n_books)[::-1],
        "price_decimals": np.where(half, 2, 3),
        "volume_decimals": np.where(half, 4, 3),
        "min_size_base": np.where(half, 0.25, 2.5364),
        "initial_price": np.where(half, 300.0, 29.57),
        "max_open_orders": 50,
        "fees": FeePolicy(max_maker_rate=0.01, history_slots=200),
        "validator": "5Validator",
        "simulation_id": "20261122_1631",
    }
    return Venue.of(n_books, **(known | changes))


def notices_of_every_kind(state: MarketState) -> Notices:
    """A row of each kind, as a miner with the state's uid could get them."""
    uid, t = state.uid, state.time_ns
    rows: list[dict[str, Any]] = [
        {"kind": NoticeKind.ACCEPTED, "order_id": 5, "client_id": 1, "side": 0, "price": 299.0, "size": 0.5},
        {"kind": NoticeKind.ACCEPTED, "order_id": 6, "client_id": -1, "side": 1, "size": 0.5},
        {"kind": NoticeKind.REJECTED, "client_id": 2, "side": 1, "price": 1.0, "size": 0.1, "message": "NO"},
        {"kind": NoticeKind.CANCELLED, "order_id": 7},
        {
            "kind": NoticeKind.CANCEL_FAILED,
            "order_id": 8,
            "size": 0.25,
            "message": "Order IDs 8 do not exist.",
        },
        {"kind": NoticeKind.CLOSED, "order_id": 9},
        {"kind": NoticeKind.CLOSE_FAILED, "order_id": 10, "message": "x"},
        {"kind": NoticeKind.FILL, "order_id": 5, "client_id": 1, "side": 0, "price": 299.0, "size": 0.25}
        | {"maker_id": uid, "taker_id": -7, "fee": -0.01, "trade_id": 70},
        {"kind": NoticeKind.FILL, "order_id": 6, "client_id": -1, "side": 1, "price": 298.0, "size": 0.25}
        | {"maker_id": -3, "taker_id": uid, "fee": 0.02, "trade_id": 71},
        {"kind": NoticeKind.FILL, "order_id": 12, "client_id": 4, "side": 0, "price": 298.0, "size": 0.25}
        | {"maker_id": uid, "taker_id": uid, "fee": -0.02, "trade_id": 72},
        {"kind": NoticeKind.FILL, "order_id": 11, "client_id": 3, "side": 1, "price": 298.0, "size": 0.25}
        | {"maker_id": uid, "taker_id": uid, "fee": 0.0, "trade_id": 72},
        {"kind": NoticeKind.RESET, "book": -1, "message": "reset"},
        {"kind": NoticeKind.STARTED, "book": -1, "message": "logs/20261122_163137"},
        {"kind": NoticeKind.ENDED, "book": -1},
        {"kind": NoticeKind.OTHER},
    ]
    defaults: dict[str, Any] = dict.fromkeys(
        ("order_id", "client_id", "side", "maker_id", "taker_id", "trade_id"), -1
    )
    defaults |= {"time_ns": t, "book": 0, "price": np.nan, "size": np.nan, "fee": 0.0, "message": ""}
    return Notices(**{f.name: [(defaults | row)[f.name] for row in rows] for f in attrs.fields(Notices)})


def full_state(seed: int = 0, *, uid: int = 5, n_levels: int = 6, at: Venue | None = None) -> MarketState:
    """A state with everything a message can carry."""
    state = random_state(seed, n_levels=n_levels, events_per_book=8.0, venue=at or venue())
    state = attrs.evolve(state, uid=uid, open_orders=without_queues(state))
    return attrs.evolve(state, notices=notices_of_every_kind(state))


def without_queues(state: MarketState) -> Any:
    """The open orders as a message without queue detail tells them."""
    orders = state.open_orders
    return attrs.evolve(orders, queue_ahead=np.full(len(orders), np.nan))


@st.composite
def states(draw: st.DrawFn) -> MarketState:
    """States of any size and venue, some with spoiled books."""
    n_books = draw(st.integers(1, 5))
    given = venue(
        n_books,
        book_ids=draw(st.permutations(range(draw(st.sampled_from([n_books, 40])))))[:n_books],
        max_instructions=draw(st.integers(1, 9)),
        turnover_cap_quote=np.full(n_books, draw(st.sampled_from([500_000.0, 1.5, np.inf]))),
        initial_price=np.full(n_books, draw(st.sampled_from([300.0, 29.57, np.nan]))),
        min_size_base=np.array(
            draw(st.lists(st.sampled_from([0.25, 0.1, 1.0]), min_size=n_books, max_size=n_books))
        ),
        fees=FeePolicy(kind=draw(st.sampled_from(["dynamic", "tiered", "zero"])), target_mtr=0.3),
        validator=draw(st.sampled_from(["", "5Hot"])),
    )
    state = full_state(
        draw(st.integers(0, 99)), uid=draw(st.integers(0, 300)), n_levels=draw(st.integers(1, 5)), at=given
    )
    if draw(st.booleans()):
        flaws = st.sampled_from([flaw for flaw in Flaw if flaw is not Flaw.NO_ACCOUNT])
        state = spoiled(state, draw(st.dictionaries(st.integers(0, n_books - 1), flaws)))
    return state


def body_of(content: dict[str, Any], *, version: int | None = 54, **envelope: Any) -> bytes:
    """A request body that carries plain `content` in two lz4 blobs of msgpack, or JSON below version 45."""
    encode = msgspec.json.encode if version is not None and version < 45 else msgspec.msgpack.encode
    content = {"config": None, **content}
    books = content.pop("books")
    compressed = {"books": blob(encode(books)), "payload": blob(encode(content))}
    outer = {"version": version, "timestamp": 1, "compressed": compressed, "compression_engine": "lz4"}
    return msgspec.json.encode(outer | envelope)


def blob(data: bytes) -> str:
    """An lz4 frame as base64."""
    return pybase64.b64encode_as_string(lz4.frame.compress(data))


def recorded_updates(path: Path, n: int) -> list[dict[str, Any]]:
    """The first updates of a recording, as plain values."""
    with path.open("rb") as file:
        data = zstandard.ZstdDecompressor().stream_reader(file).read(60_000 * n)
    mark = data[:7]
    pieces = [mark + piece for piece in data.split(mark)[1 : n + 1]]
    return [msgspec.msgpack.decode(piece) for piece in pieces]


def posted_bodies(path: Path) -> list[bytes]:
    """Raw bodies of harness POSTs, one per line of a zstd file."""
    with path.open("rb") as file:
        return zstandard.ZstdDecompressor().stream_reader(file).read().splitlines()
