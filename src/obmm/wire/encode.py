"""The other side of the protocol: a `MarketState` as the message that a validator would send.

What a state cannot hold is written as the venue writes nothing: no level carries its queue, loans are not
itemised, and the far side of a fill has no order id.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np

from obmm.market import EventKind, FloatArray, MarketState, Tape, Venue
from obmm.wire.background import completed
from obmm.wire.codec import JSON, codec_of
from obmm.wire.compression import Engine, pack
from obmm.wire.config import FEE_FIELDS
from obmm.wire.encode_notices import encode_notices
from obmm.wire.fallbacks import LAST_OLD, RECORDED_VERSION, TELLS_AGENTS, TELLS_MINIMUM, fallback_of
from obmm.wire.request import SYNAPSE

#: Two blobs as validators send them, one blob as early ones did, or in the open as the harness does.
Form: TypeAlias = Literal["blobs", "blob", "open"]

_TO_JSON = msgspec.json.Encoder()
#: What a message with blobs holds in them, and not in the open.
_HIDDEN = ("books", "accounts", "notices", "config")


def encode_request(
    state: MarketState,
    *,
    version: int | None = RECORDED_VERSION,
    engine: Engine = "lz4",
    form: Form = "blobs",
) -> bytes:
    """The body of the request that would bring `state` to a miner.

    Its configuration has all that the subnet's own model wants, so that it can drive any agent.

    Args:
        state: What to tell; a tape is told if there is one.
        version: Spec version of the sender, which decides the codec and the older names of some fields.
        engine: Compression of the blobs.
        form: "blobs" for the books and the rest apart, "blob" for all in one, "open" for the harness's JSON.

    >>> body = encode_request(MarketState.of_books(Venue.of(1), [[(299.0, 1.0)]], [[]]), form="open")
    >>> sorted(msgspec.json.decode(body)["books"]["0"])
    ['a', 'b', 'e', 'i', 'r']
    """
    return encode_requests([state], version=version, engine=engine, form=form)[0]


def encode_requests(
    states: Sequence[MarketState],
    *,
    version: int | None = RECORDED_VERSION,
    engine: Engine = "lz4",
    form: Form = "blobs",
    validator: str | None = None,
) -> list[bytes]:
    """`encode_request` of several miners' states of one publication, whose books are written once.

    Args:
        states: What to tell, one state per miner.
        version: Spec version of the sender.
        engine: Compression of the blobs.
        form: As of `encode_request`.
        validator: Who sends them; None takes the venue's.

    >>> state = MarketState.of_books(Venue.of(1), [[(299.0, 1.0)]], [[]])
    >>> encode_requests([state, state]) == [encode_request(state)] * 2
    True
    """
    if not states:
        return []
    first = states[0]
    envelope: dict[str, Any] = {
        "name": SYNAPSE,
        "dendrite": {"hotkey": first.venue.validator if validator is None else validator},
        "model": "im",
        "version": version,
        "timestamp": first.time_ns,
        "response": None,
        "compressed": None,
        "compression_engine": engine,
    }
    codec = JSON if form == "open" else codec_of(version, b"")
    books = codec.encode(_books(first, _ratio_key(version)))
    config = msgspec.Raw(codec.encode(completed(config_of(first.venue, first.n_levels, version))))
    content: dict[str, Any] = {"config": config}
    if form == "blobs":
        blob = pack(books, engine)
    else:
        content["books"] = msgspec.Raw(books)
    bodies = []
    for state in states:
        content |= {"accounts": {state.uid: _accounts(state)}, "notices": {state.uid: encode_notices(state)}}
        if form == "open":
            bodies.append(codec.encode(envelope | content))
            continue
        packed: Any = pack(codec.encode(content | {"response": None}), engine)
        envelope["compressed"] = packed if form == "blob" else {"books": blob, "payload": packed}
        bodies.append(_TO_JSON.encode(envelope | dict.fromkeys(_HIDDEN)))
    return bodies


def encode_state(state: MarketState, *, version: int | None = RECORDED_VERSION) -> dict[str, Any]:
    """The content of a message as plain values: `books`, `accounts`, `notices` and `config`."""
    return {
        "books": _books(state, _ratio_key(version)),
        "accounts": {state.uid: _accounts(state)},
        "notices": {state.uid: encode_notices(state)},
        "config": config_of(state.venue, state.n_levels, version),
    }


def config_of(venue: Venue, n_levels: int, version: int | None = RECORDED_VERSION) -> dict[str, Any]:
    """The configuration that describes `venue` to a miner of `version`.

    `turnover_cap_quote` and `max_instructions` are keys of our own: validators apply both without telling.
    """
    ids = venue.book_ids.tolist()
    config: dict[str, Any] = {
        "simulation_id": venue.simulation_id,
        "book_count": len(ids),
        "book_levels": n_levels,
        "max_open_orders": venue.max_open_orders,
        "max_instructions": venue.max_instructions,
        "publish_interval": venue.publish_interval_ns,
        "grace_period": venue.grace_period_ns,
        "duration": venue.duration_ns,
        "fee_policy": {
            "fee_type": venue.fees.kind,
            "params": {key: str(getattr(venue.fees, name)) for key, name in FEE_FIELDS.items()},
            "tiers": [
                {"volume_required": 0.0, "maker_fee": venue.fees.maker_fee, "taker_fee": venue.fees.taker_fee}
            ],
        },
    }
    if version is None or (version >= TELLS_AGENTS and version != LAST_OLD):
        config["remoteAgentCount"] = 264
    if ids != list(range(len(ids))):
        config["book_ids"] = ids
    classes = _classes(venue, version)
    if classes:
        config |= classes[0]["config"]
    if len(classes) > 1:
        config["classes"] = classes
    return config


def _ratio_key(version: int | None) -> str:
    return "mtr" if _is_early(version) else "r"


def _is_early(version: int | None) -> bool:
    """Whether messages say `mtr` and leave out the minimum order size; 61 is taken for 0.1.51."""
    return version is not None and (version < TELLS_MINIMUM or version == LAST_OLD)


def _classes(venue: Venue, version: int | None) -> list[dict[str, Any]]:
    """Books with equal facts together, in the order of their first books."""
    facts = {
        "priceDecimals": venue.price_decimals,
        "volumeDecimals": venue.volume_decimals,
        "miner_wealth": venue.wealth_quote,
        "min_order_size": venue.min_size_base,
        "init_price": venue.initial_price,
        "turnover_cap_quote": venue.turnover_cap_quote,
    }
    # Early validators do not tell the minimum; one that is not what miners assume is told all the same.
    if _is_early(version) and (venue.min_size_base == fallback_of(version).min_size_base).all():
        del facts["min_order_size"]
    grouped: dict[tuple[Any, ...], list[int]] = {}
    rows = zip(*(column.tolist() for column in facts.values()), strict=True)
    for book_id, row in zip(venue.book_ids.tolist(), rows, strict=True):
        # Strings, since JSON has no infinity and NaN is not equal to itself; readers take both.
        told = tuple(value if math.isfinite(value) else str(value) for value in row)
        grouped.setdefault(told, []).append(book_id)
    classes = []
    for number, (row, books) in enumerate(grouped.items()):
        config = dict(zip(facts, row, strict=True))
        decimals = {key: config[key] for key in ("priceDecimals", "volumeDecimals")}
        classes.append({"name": f"simulation_{number}", "books": books, **decimals, "config": config})
    return classes


def _books(state: MarketState, ratio_key: str) -> dict[int, dict[str, Any]]:
    bids = _levels(state.bid_price, state.bid_size)
    asks = _levels(state.ask_price, state.ask_size)
    events = _events(state.tape) if state.tape is not None else [[]] * state.n_books
    ratios = _or_none(state.maker_ratio)
    ids = state.venue.book_ids.tolist()
    return {
        book_id: {"i": book_id, ratio_key: ratio, "e": happened, "b": bid, "a": ask}
        for book_id, ratio, happened, bid, ask in zip(ids, ratios, events, bids, asks, strict=True)
    }


def _levels(price: FloatArray, size: FloatArray) -> list[list[dict[str, Any]]]:
    """Levels of each book up to the last that exists."""
    there = ~(np.isnan(price) & (size == 0.0))
    counts = np.where(there.any(axis=1), price.shape[1] - np.argmax(there[:, ::-1], axis=1), 0)
    return [
        [{"p": p, "q": q} for p, q in zip(prices[:count], sizes[:count], strict=True)]
        for count, prices, sizes in zip(counts.tolist(), price.tolist(), size.tolist(), strict=True)
    ]


def _events(tape: Tape) -> list[list[dict[str, Any]]]:
    numbered = range(len(tape))
    columns = (tape.kind, tape.order_id, tape.time_ns, tape.side, tape.client_id, tape.taker_order_id)
    ids = (tape.taker_id, tape.taker_fee, tape.maker_id, tape.maker_fee)
    ints = (column.tolist() for column in (*columns, *ids))
    events: list[dict[str, Any]] = []
    for kind, order_id, t, s, c, taker_order, taker, taker_fee, maker, maker_fee, p, q, number in zip(
        *ints, _or_none(tape.price), _or_none(tape.size), numbered, strict=True
    ):
        if kind == EventKind.ORDER:
            client = None if c < 0 else c
            events.append({"y": "o", "i": order_id, "c": client, "t": t, "q": q, "s": s, "p": p, "l": 0.0})
        elif kind == EventKind.CANCEL:
            events.append({"y": "c", "i": order_id, "t": t, "p": p, "q": q})
        else:
            sides = {
                "Ti": taker_order,
                "Ta": taker,
                "Tf": taker_fee,
                "Mi": order_id,
                "Ma": maker,
                "Mf": maker_fee,
            }
            events.append({"y": "t", "i": number, "s": s, "t": t, "q": q, "p": p, **sides})
    return [events[tape.rows(book)] for book in range(tape.n_books)]


def _accounts(state: MarketState) -> dict[int, dict[str, Any]]:
    a = state.accounts
    orders = _orders(state)
    encoded = {}
    for book in np.flatnonzero(a.known).tolist():
        book_id = int(state.venue.book_ids[book])
        encoded[book_id] = {
            "i": state.uid,
            "b": book_id,
            "bb": _balance("BASE", a.base_total[book], a.base_free[book], a.base_initial[book]),
            "qb": _balance("QUOTE", a.quote_total[book], a.quote_free[book], a.quote_initial[book]),
            "bl": float(a.base_loan[book]),
            "ql": float(a.quote_loan[book]),
            "bc": float(a.base_collateral[book]),
            "qc": float(a.quote_collateral[book]),
            "o": orders[state.open_orders.rows(book)],
            "l": {},
            "f": {"v": None, "m": float(a.maker_rate[book]), "t": float(a.taker_rate[book])},
            "v": None if np.isnan(a.traded_quote[book]) else float(a.traded_quote[book]),
        }
    return encoded


def _balance(currency: str, total: float, free: float, initial: float) -> dict[str, Any]:
    reserved = float(total - free)
    return {"c": currency, "t": float(total), "f": float(free), "r": reserved, "i": float(initial)}


def _orders(state: MarketState) -> list[dict[str, Any]]:
    o = state.open_orders
    rows = zip(
        *(column.tolist() for column in (o.order_id, o.client_id, o.time_ns, o.side)),
        _or_none(o.price),
        o.size.tolist(),
        strict=True,
    )
    return [
        {"y": "o", "i": number, "c": None if c < 0 else c, "t": t, "q": q, "s": s, "p": p, "l": 0.0}
        for number, c, t, s, p, q in rows
    ]


def _or_none(values: FloatArray) -> list[float | None]:
    """Plain floats, None for NaN."""
    return [None if math.isnan(value) else value for value in values.tolist()]
