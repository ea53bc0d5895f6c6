"""Damaged and crowded messages are understood or refused with a `WireError`, at once; nothing else comes out.

`OBMM_FUZZ_INPUTS` is how many the long tests try in all, a million unless it says otherwise.
"""

from __future__ import annotations

import os
import random
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.market import Feed, Orders
from obmm.wire import Decoder, WireError, encode_request, encode_state
from obmm.wire.compression import ENGINES
from wire.hostile import array, mapping
from wire.samples import blob, body_of, full_state, posted_bodies, recorded_updates, venue

#: Bytes with a meaning in JSON, msgpack, base64 or one of the engines.
_SPICE = [
    *(
        b"\xc0",
        b"\xc1",
        b"\xc3",
        b"\xca\x7f\xc0\x00\x00",
        b"\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00",
        b"\xcf" + b"\xff" * 8,
    ),
    *(b"\xd3\x80" + bytes(7), b"\xd9\xff", b"\xdc\xff\xff", b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff"),
    *(b"\x80", b"\x90", b"\xa0", b"\x91" * 2000, b"\xff", b"\xc4\x02xx", b"\xd4\x01\x01"),
    *(b"null", b"true", b"-1", b"1e999", b"1" * 40, b'"', b"{", b"}", b"[" * 2000, b"]", b",", b":", b"NaN"),
    *(b'"\\ud800"', b"=", b"====", b"\x04\x22\x4d\x18", b"\x28\xb5\x2f\xfd", b"\x78\x9c"),
]


def damaged(data: bytes, rng: random.Random) -> bytes:
    """A copy of `data` with one to four wounds."""
    wounded = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at, to = sorted(rng.randrange(len(wounded) + 1) for _ in range(2))
        to = min(to, at + rng.choice((1, 1, 8, 64, 10_000)))
        wound = rng.randrange(6)
        if wound == 0 and at < len(wounded):
            wounded[at] ^= 1 << rng.randrange(8)
        elif wound == 1 and at < len(wounded):
            wounded[at] = rng.randrange(256)
        elif wound == 2:
            del wounded[at:to]
        elif wound == 3:
            wounded[at:at] = wounded[to : to + rng.randint(1, 100)]
        elif wound == 4:
            wounded[at : at + rng.randint(0, 9)] = rng.choice(_SPICE)
        elif rng.random() < 0.2:
            del wounded[at:]
    return bytes(wounded)


#: What a message may cost, seconds of one core, and MiB in all.
LIMIT_S, LIMIT_MIB = 0.25, 512


@attrs.define
class Trial:
    """Tries messages on one decoder, as a miner would get them, and keeps what the worst one cost.

    Attributes:
        worst_s: Most seconds of one core that a message took, its answer included.
    """

    worst_s: float = 0.0
    _decoder: Decoder = attrs.field(factory=lambda: Decoder(frozenset(Feed)))

    def survives(self, body: bytes) -> bool:
        """Whether a body is understood; anything but a state or a `WireError` in time fails the test."""
        understood, seconds = self._answered(body)
        if seconds > LIMIT_S:  # other work may have been in the way
            seconds = self._answered(body)[1]
        self.worst_s = max(self.worst_s, seconds)
        assert seconds <= LIMIT_S
        return understood

    def _answered(self, body: bytes) -> tuple[bool, float]:
        start = time.process_time()
        try:
            request = self._decoder.request(body)
        except WireError:
            return False, time.process_time() - start
        n_books = request.state.n_books
        request.reply(
            Orders.of(n_books, (0, 1, 1), (0, 0, 0), price=1.0, size=1e90, in_quote=(False, True, False))
        )
        return True, time.process_time() - start


def survives(body: bytes) -> bool:
    """Whether a body is understood, tried alone."""
    return Trial().survives(body)


def wrapped(content: bytes, version: int) -> bytes:
    """One blob of `content` in an otherwise good message."""
    outer = {"version": version, "timestamp": 1, "compressed": blob(content), "compression_engine": "lz4"}
    return msgspec.json.encode(outer)


def encoded(content: Any, version: int) -> bytes:
    """Plain content in the codec of a version; nothing where a number is too large for msgpack."""
    try:
        return (msgspec.json.encode if version < 45 else msgspec.msgpack.encode)(content)
    except OverflowError:
        return b""


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths to everything inside a plain value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(deeper for key, inner in items for deeper in paths(inner, (*path, key)))]


def part(value: Any, path: tuple[Any, ...]) -> Any:
    """What stands at `path`."""
    return part(value[path[0]], path[1:]) if path else value


def replaced(value: Any, path: tuple[Any, ...], by: Callable[[Any], Any]) -> Any:
    """A copy of a plain value with the part at `path` replaced."""
    if not path:
        return by(value)
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], by)
    return copy


_ODD = [
    None,
    True,
    -1,
    0,
    2**31,
    2**63,
    2**64 - 1,
    1e308,
    -0.5,
    float("nan"),
    "",
    "7",
    "x",
    [],
    {},
    [None],
    {"y": "o"},
]


def rearranged(content: Any, places: list[tuple[Any, ...]], rng: random.Random) -> Any:
    """A copy of `content` in which a few parts are odd values, gone, or parts of another place."""
    for _ in range(rng.randint(1, 3)):
        path = rng.choice(places)
        try:
            other = rng.choice([rng.choice(_ODD), part(content, rng.choice(places))])
            content = replaced(content, path, lambda _, other=other: other)
        except (KeyError, IndexError, TypeError, AttributeError):
            continue  # an earlier change took the place away
    return content


#: Keys that mean something somewhere, and one that does not.
_KEYS = [
    "b",
    "a",
    "e",
    "o",
    "p",
    "q",
    "y",
    "t",
    "c",
    "bb",
    "r",
    "books",
    "accounts",
    "notices",
    "config",
    "zz",
]


def crowded(content: Any, places: list[tuple[Any, ...]], version: int, rng: random.Random) -> bytes:
    """`content`, encoded, with a crowd in place of one of its parts.

    A list of one thing many times, a map of one key or of many, lists in lists, or a header that promises
    more than follows; of few bytes mostly, at times of all that is allowed.
    """
    packed = version >= 45
    path = rng.choice(places)
    thing = rng.choice([rng.choice(_ODD), part(content, path), part(content, rng.choice(places))])
    item = encoded(thing, version) or b"\xc0"
    n_bytes = int(2.0 ** (4.0 + 19.0 * rng.random() ** 5))
    kind = rng.randrange(5)
    key = encoded(rng.choice(_KEYS), version)
    if kind == 0:
        n = n_bytes // len(item)
        crowd = array(item * n, n) if packed else b"[" + ((item + b",") * n)[:-1] + b"]"
    elif kind == 1:
        pair = key + item if packed else key + b":" + item + b","
        n = n_bytes // len(pair)
        crowd = mapping(pair * n, n) if packed else b"{" + (pair * n)[:-1] + b"}"
    elif kind == 2:
        n = min(n_bytes, 20_000) // (6 + len(item))
        crowd = encoded({number if packed else str(number): thing for number in range(n)}, version) or item
    elif kind == 3:
        crowd = (b"\x91" if packed else b"[") * n_bytes
    else:
        crowd = rng.choice([array, mapping])(item, rng.choice([2, 2**16, 2**32 - 1]))
    return encoded(replaced(content, path, lambda _: msgspec.Raw(crowd)), version)


def run(n_cases: int, seed: int, bodies: list[bytes], contents: list[dict[str, Any]]) -> None:
    """Damage bodies, contents and their structure in turn, and crowd it; some of each must be understood."""
    rng, trial = random.Random(seed), Trial()
    places = [paths(content) for content in contents]
    understood = [0, 0, 0, 0]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for case in range(n_cases):
        which, version = rng.randrange(len(contents)), rng.choice((35, 54))
        content, kind = contents[which], case % 4
        if kind == 0:
            body = damaged(rng.choice(bodies), rng)
        elif kind == 1:
            body = wrapped(damaged(encoded(content, version), rng), version)
        elif kind == 2:
            body = wrapped(encoded(rearranged(content, places[which], rng), version), version)
        else:
            body = wrapped(crowded(content, places[which], version, rng), version)
        understood[kind] += trial.survives(body)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"{n_cases} inputs, {understood} understood, worst {trial.worst_s * 1e3:.0f} ms, {grown:.0f} MiB more"
    )
    assert all(0 < some < n_cases // 4 for some in understood)
    assert grown < LIMIT_MIB


def own_samples() -> tuple[list[bytes], list[dict[str, Any]]]:
    """Messages of our own making, small enough to be hit everywhere."""
    state = full_state(at=venue(2), n_levels=3)
    bodies = [
        encode_request(state, engine=engine, version=version) for engine in ENGINES for version in (35, 54)
    ]
    bodies += [encode_request(state, form="open"), encode_request(state, form="blob")]
    return bodies, [encode_state(state)]


def real_samples(data: Path) -> tuple[list[bytes], list[dict[str, Any]]]:
    """Harness posts and network requests built from the recording, of two books each."""
    bodies = []
    for body in posted_bodies(data / "captures" / "proxy-post-samples.jsonl.zst")[:5]:
        post = msgspec.json.decode(body)
        post["books"] = {key: post["books"][key] for key in "01"}
        post["accounts"]["1"] = {key: post["accounts"]["1"][key] for key in "01"}
        bodies.append(msgspec.json.encode(post))
    config = {key: value for key, value in post["config"].items() if "agent" not in key} | {"book_count": 2}
    contents = []
    updates = recorded_updates(data / "captures" / "two-miners-8books-10min.msgpack.zst", 60)
    for told in (update["state"] for update in updates[5::10]):
        content = {
            "books": {i: told["books"][i] for i in (0, 1)},
            "accounts": {0: {i: told["accounts"][0][i] for i in (0, 1)}},
            "notices": {0: told["notices"].get(0, [])},
            "config": config,
        }
        bodies.append(body_of(dict(content)))
        contents.append(content)
    return bodies, contents


def test_damaged_messages_of_our_own() -> None:
    """2,000 wounded and crowded messages of every form, codec and engine."""
    run(2_000, 1, *own_samples())


def test_damaged_real_messages(shared_data: Path) -> None:
    """2,000 wounded and crowded messages of the real market."""
    run(2_000, 2, *real_samples(shared_data))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("source", ["own", "real"])
def test_many_damaged_messages(source: str, seed: int, request: pytest.FixtureRequest) -> None:
    """A million wounded and crowded messages, half of them the real market's."""
    samples = own_samples() if source == "own" else real_samples(request.getfixturevalue("shared_data"))
    run(int(os.environ.get("OBMM_FUZZ_INPUTS", "1000000")) // 20, 1000 + seed, *samples)


NUMBERS = st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([2**63, 2**32, 5e-324, 1e308, -1e308])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5) | st.sampled_from(["1e999", "nan", "-0"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=3) | st.integers(-5, 2**33), inner, max_size=4)
    ),
    max_leaves=6,
)


CONTENT = encode_state(full_state(at=venue(2), n_levels=2))
PATHS = paths(CONTENT)


@given(path=st.sampled_from(PATHS), value=VALUES)
def test_any_value_in_any_place(path: tuple[Any, ...], value: Any) -> None:
    """Whatever stands in place of any part of a message, it is understood or refused."""
    survives(wrapped(encoded(replaced(CONTENT, path, lambda _: value), 54), 54))


@given(path=st.sampled_from(PATHS), key=st.text(max_size=3) | st.integers(0, 2**40), value=VALUES)
def test_any_key_in_any_map(path: tuple[Any, ...], key: Any, value: Any) -> None:
    """An additional key in any map of a message is ignored or refused."""
    grown = replaced(CONTENT, path, lambda part: part | {key: value} if isinstance(part, dict) else part)
    survives(wrapped(encoded(grown, 54), 54))


@pytest.mark.parametrize("ratio", [1e300, -1e300, float("inf"), float("-inf"), 5e-324])
@pytest.mark.parametrize("shape", ["-1", "1e300", "nan", "inf"])
@pytest.mark.parametrize("wealth", [1e308, 5e-324])
def test_absurd_numbers_are_no_trouble(ratio: float, shape: str, wealth: float) -> None:
    """Rates and caps that follow from absurd parameters are absurd numbers, without any noise."""
    params = {"shapeMakerFee": shape, "shapeMakerRebate": shape, "targetMTR": "1", "maxMakerRate": "1e308"}
    config = {"fee_policy": {"params": params}, "miner_wealth": wealth, "min_order_size": wealth}
    balance = {"t": 1e308, "f": -1e308, "i": 0.0}
    books = {0: {"r": ratio, "b": [{"p": ratio, "q": ratio}]}, 1: {"r": 1.0}, 2: {"r": 0.5}}
    accounts = {4: {key: {"bb": balance, "qb": balance} for key in books}}
    survives(body_of({"books": books, "accounts": accounts, "config": config}))


@given(body=st.binary(max_size=300))
def test_any_bytes(body: bytes) -> None:
    """Random bytes are refused."""
    assert not survives(body)


@given(content=st.binary(max_size=300), version=st.sampled_from([35, 54]))
def test_any_content(content: bytes, version: int) -> None:
    """Random content in a good blob is understood only if it happens to be an empty market."""
    survives(wrapped(content, version))
