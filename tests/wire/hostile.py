"""Small bodies that name a great deal: crowds of items, repeated keys, deep nesting, bombs."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Iterator

import lz4.frame
import msgspec
import pybase64
import zstandard

from obmm.wire.bounds import MAX_BYTES

#: A little less than all content that is allowed.
FULL = MAX_BYTES - 2000
_PAYLOAD = msgspec.msgpack.encode({"accounts": {0: {}}, "notices": {}, "config": None})


def array(items: bytes, n: int) -> bytes:
    """Msgpack list of `n` items."""
    return b"\xdd" + struct.pack(">I", n) + items


def mapping(pairs: bytes, n: int) -> bytes:
    """Msgpack map of `n` pairs."""
    return b"\xdf" + struct.pack(">I", n) + pairs


def text(value: str) -> bytes:
    """Msgpack string."""
    return msgspec.msgpack.encode(value)


def many(item: bytes, n: int) -> bytes:
    """Msgpack list of one item `n` times."""
    return array(item * n, n)


def again(key: str, value: bytes, n_bytes: int = FULL) -> bytes:
    """Msgpack map of one key, over and over."""
    pair = text(key) + value
    return mapping(pair * (n_bytes // len(pair)), n_bytes // len(pair))


def single(key: str | int, value: bytes) -> bytes:
    """Msgpack map of one key."""
    return mapping(msgspec.msgpack.encode(key) + value, 1)


PACK: dict[str, Callable[[bytes], bytes]] = {
    "zstd": zstandard.ZstdCompressor(level=3).compress,
    "zlib": zlib.compress,
    "lz4": lz4.frame.compress,
}


def blob(content: bytes, engine: str = "zstd") -> str:
    """A blob of `content`."""
    return pybase64.b64encode_as_string(PACK[engine](content))


def body(books: bytes = b"\x80", payload: bytes = _PAYLOAD, version: int = 54, engine: str = "zstd") -> bytes:
    """A request of two blobs."""
    halves = {"books": blob(books, engine), "payload": blob(payload, engine)}
    return json.dumps({"version": version, "timestamp": 10**9, "compressed": halves}).encode()


def whole(content: bytes, version: int = 54, engine: str = "zstd") -> bytes:
    """A request of one blob."""
    outer = {"version": version, "timestamp": 10**9, "compressed": blob(content, engine)}
    return json.dumps(outer).encode()


def in_book(key: str, value: bytes) -> bytes:
    """Books of which the only one holds `value`."""
    return single(0, single(key, value))


def in_account(key: str, value: bytes) -> bytes:
    """A payload of which the only account holds `value`."""
    return single("accounts", single(0, single(0, single(key, value))))


def in_notices(notices: bytes) -> bytes:
    """A payload of which the only account has `notices`."""
    return mapping(text("accounts") + single(0, b"\x80") + text("notices") + single(0, notices), 2)


def in_config(config: bytes) -> bytes:
    """A payload with a configuration."""
    return mapping(text("accounts") + single(0, b"\x80") + text("config") + config, 2)


def json_body(books: bytes) -> bytes:
    """A request of two blobs of JSON."""
    return body(books, b'{"accounts": {"0": {}}}', version=35)


def posted(books: bytes) -> bytes:
    """A harness's post."""
    return b'{"timestamp": 1, "books": ' + books + b', "accounts": {"0": {}}}'


_LEVEL, _EVENT, _OWN, _QUEUED = (
    msgspec.msgpack.encode(item)
    for item in (
        {"p": 1},
        {"y": "o", "t": 0},
        {"i": 1, "t": 0, "q": 1, "s": 0, "p": 1},
        {"i": 0, "q": 1},
    )
)


def crowds() -> Iterator[tuple[str, bytes]]:
    """Name and body of hostile requests."""
    yield "a million empty levels", body(in_book("b", many(b"\x80", FULL)))
    yield "a million levels", body(in_book("b", many(_LEVEL, FULL // len(_LEVEL))))
    yield "sides again and again", body(single(0, again("b", many(_LEVEL, 128))))
    yield "sides of empty levels", body(single(0, again("b", many(b"\x80", 128))))
    yield "a million events", body(in_book("e", many(_EVENT, FULL // len(_EVENT))))
    yield "events again and again", body(single(0, again("e", many(_EVENT, 2**16))))
    yield "as many events as allowed", body(in_book("e", many(_EVENT, 2**16)))
    yield "queues everywhere", body(_queues(n_books=2), single("accounts", single(0, _owners(8))))
    yield "a million own orders", body(b"\x80", in_account("o", many(_OWN, FULL // len(_OWN))))
    yield "own orders again", body(b"\x80", single("accounts", single(0, single(0, again("o", _OWNED)))))
    yield "as many own orders as allowed", body(b"\x80", single("accounts", single(0, _owners(32))))
    yield "a million books", whole(single("books", mapping(b"\x00\x80" * (FULL // 2), FULL // 2)))
    yield "books again", whole(again("books", mapping(b"".join(_id(i) + b"\xc0" for i in range(1024)), 1024)))
    yield "accounts again", whole(again("accounts", single(0, mapping(b"\x00\x81\xa0\xc0" * 1024, 1024))))
    yield "balances again", whole(single("accounts", single(0, single(0, again("bb", b"\x81\xa0\xc0")))))
    yield "broad books", body(_broad(1024), in_config(single("book_levels", b"\x7f")))
    yield "a million notices", body(b"\x80", in_notices(many(single("y", text("ET")), FULL // 10)))
    yield "as many notices as allowed", body(b"\x80", in_notices(many(single("y", text("ET")), 2**14)))
    yield "a million cancels", body(b"\x80", in_notices(many(single("c", many(b"\x80", FULL // 2)), 1)))
    yield "cancels again", body(b"\x80", in_notices(many(again("c", many(b"\x81\xa0\xc0", 2**14), 2**20), 1)))
    yield "everything at once", _everything()
    yield "long text", body(b"\x80", in_notices(many(single("y", text("x" * (FULL - 100))), 1)))
    yield "a large configuration", body(b"\x80", in_config(single("x", many(b"\xc0", FULL // 2))))
    yield "many classes", body(b"\x80", in_config(single("classes", many(b"\x80", 100_000))))
    yield "classes of many books", body(b"\x80", in_config(single("classes", many(_CLASS, 63))))
    yield "unknown keys", body(single(0, again("", b"\xc0")))
    yield "deep lists", body(b"\x91" * FULL)
    yield "deep maps in a book", body(in_book("z", b"\x81\xa0" * (FULL // 2)))
    yield "list without its items", body(in_book("b", array(b"", 2**32 - 1)))
    yield "map without its items", body(mapping(b"", 2**32 - 1))
    yield "JSON levels", json_body(b'{"0": {"b": [' + b'{"p":1},' * (FULL // 8) + b"0]}}")
    yield "JSON events", json_body(b'{"0": {"e": [' + b'{"y":"","t":0},' * (FULL // 15) + b"0]}}")
    yield "JSON books", json_body(b"{" + b'"0":{},' * (FULL // 7) + b'"1":{}}')
    for number in (
        b"1e-310",
        b"2.5E-0000000320",
        b"1.7976931348623157e308",
        b"0." + b"0" * 300 + b"123456789",
    ):
        crowd = b'"r":' + number + b","
        yield f"JSON of {number[:10]!r}", json_body(b'{"0": {' + crowd * (FULL // len(crowd)) + b'"i":0}}')
    yield "JSON number without end", posted(b'{"0": {"r": ' + b"1" * 2**22 + b"}}")
    yield "JSON levels in the open", posted(b'{"0": {"b": [' + b'{"p":1},' * (2**22 // 8) + b"0]}}")
    yield "JSON nesting in the open", posted(b"[" * 2**22)
    yield "JSON keys in the open", posted(b"{" + b'"0":{},' * (2**22 // 7) + b'"1":{}}')
    yield "half a body", posted(b"{")[:20]
    yield "too large a body", b" " * (2 * MAX_BYTES + 1)
    for engine in PACK:
        yield f"{engine} bomb", whole(bytes(2**25), engine=engine)
    unknown = zstandard.ZstdCompressor(level=19, write_content_size=False).compress(bytes(2**25))
    outer = {"timestamp": 1, "compressed": pybase64.b64encode_as_string(unknown)}
    yield "zstd bomb of unknown size", json.dumps(outer).encode()


def _id(number: int) -> bytes:
    return b"\xcd" + struct.pack(">H", number)


_OWNED = many(_OWN, 1024)
_CLASS = mapping(text("books") + many(b"\x01", 1000) + text("init_price") + b"\x01", 2)


def _owners(n_books: int) -> bytes:
    """Accounts on `n_books`, each with as many own orders as one may have."""
    return mapping(b"".join(_id(i) + single("o", _OWNED) for i in range(n_books)), n_books)


def _broad(n_books: int) -> bytes:
    """As many books and levels as allowed, unsorted."""
    levels = array(b"".join(b"\x81\xa1p" + bytes([i]) for i in range(128)), 128)
    one = mapping(text("a") + levels + text("b") + levels, 2)
    return mapping(b"".join(_id(i) + one for i in range(n_books)), n_books)


def _everything() -> bytes:
    """As much as allowed of all that takes long, in one body, the rest of it levels that repeat."""
    trade = msgspec.msgpack.encode({"y": "t", "t": 0, "p": 1, "q": 1})
    queue = array(mapping(text("p") + b"\x01" + text("o") + many(_QUEUED, 4096), 2) * 4, 4)
    busy = mapping(text("e") + many(trade, 2**13) + text("b") + queue, 2)
    books = b"".join(_id(i) + busy for i in range(8))
    filler = again("b", many(_LEVEL, 128), FULL - 2**21 - 2**17 - len(books))
    notices = text("notices") + single(0, many(single("y", text("ET")), 2**14))
    config = text("config") + single("book_count", b"\x1f")
    payload = mapping(text("accounts") + single(0, _owners(31)) + notices + config, 3)
    return body(mapping(books + _id(8) + filler, 9), payload)


def _queues(n_books: int) -> bytes:
    """Levels at one price with long queues."""
    level = mapping(text("p") + b"\x01" + text("o") + many(_QUEUED, 4096), 2)
    return mapping(b"".join(_id(i) + single("b", many(level, 120)) for i in range(n_books)), n_books)
