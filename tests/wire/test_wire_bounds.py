"""Whatever a body of a few MiB names, it is answered or refused at once and in little memory."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.market import Feed
from obmm.wire import Decoder, WireError
from obmm.wire.bounds import MAX_BYTES, check_json, check_msgpack
from wire.samples import body_of, full_state, venue

#: What a message may cost, seconds of one core, and MiB.
LIMIT_S, LIMIT_MIB = 0.25, 512


def cost(body: bytes) -> float:
    """Seconds of one core to answer or refuse a body; the better of two, as other work gets in the way."""
    seconds = []
    for _ in range(2):
        decoder, start = Decoder(frozenset(Feed)), time.process_time()
        with contextlib.suppress(WireError):
            decoder.request(body)
        seconds.append(time.process_time() - start)
    return min(seconds)


_MEASURE = """
import json, resource, sys
sys.path.insert(0, sys.argv[1])
from wire.hostile import crowds
from wire.test_wire_bounds import cost
bodies = dict(crowds())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
costs = {name: cost(body) for name, body in bodies.items()}
print(json.dumps([costs, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before]))
"""


@pytest.fixture(scope="module")
def measured() -> tuple[dict[str, float], int]:
    """Seconds that each hostile body takes, and what all together add to a process's memory.

    In a process of its own, whose memory is not yet that of other tests, and which nothing traces.
    """
    tests = str(Path(__file__).parents[1])
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    command = [sys.executable, "-c", _MEASURE, tests]
    done = subprocess.run(command, env=plain, capture_output=True, text=True, check=True)
    costs, grown = json.loads(done.stdout)
    return costs, grown


def test_crowds_are_answered_or_refused_at_once(measured: tuple[dict[str, float], int]) -> None:
    """No body of ours costs more than a quarter of a second, whatever it names."""
    costs, _ = measured
    assert len(costs) > 40
    assert {} == {name: seconds for name, seconds in costs.items() if seconds > LIMIT_S}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory in other units")
def test_crowds_take_little_memory(measured: tuple[dict[str, float], int]) -> None:
    """A process that reads them all never holds more than half a GiB on their account."""
    assert measured[1] / 1024 < LIMIT_MIB


def test_bodies_of_the_cases_are_refused_in_milliseconds(shared_data: Path) -> None:
    """A few hundred bytes that name millions of items cost nothing."""
    names = ["25-small-bodies-huge-counts", "26-own-orders-times-levels"]
    bodies = [path.read_bytes() for name in names for path in (shared_data / "cases" / name).glob("*.json")]
    assert 6 == len(bodies)
    for body in bodies:
        with pytest.raises(WireError):
            Decoder(frozenset(Feed)).request(body)
        assert cost(body) < 0.05


LEVEL = {"p": 299.0, "q": 1.0}
OWN = {"i": 1, "t": 0, "q": 1.0, "s": 0, "p": 299.0}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"books": {0: {"b": [LEVEL] * 129}}}, "books[...].b: Expected `array` of length <= 128"),
        ({"books": dict.fromkeys(range(1025))}, "books: Expected `object` of length <= 1024"),
        (
            {"books": {i: {"e": [{"y": "c", "t": 0}] * 2**15} for i in range(3)}},
            "books[...].e: more than 65536",
        ),
        ({"accounts": {5: {0: {"o": [OWN] * 1025}}}}, "o: Expected `array` of length <= 1024"),
        (
            {"accounts": {5: {i: {"o": [OWN] * 1000} for i in range(33)}}, "config": {"book_count": 33}},
            "accounts[...][...].o: more than 32768 in all",
        ),
        ({"accounts": dict.fromkeys(range(1025))}, "accounts: Expected `object` of length <= 1024"),
        ({"notices": {5: [{"y": "ET"}] * 20_000}}, "notices: Expected `array` of length <= 16384"),
        ({"notices": {5: [{"y": "RDCO", "c": [{"o": 1}] * 9000}] * 2}}, "notices: more than 16384 orders"),
        ({"notices": {5: [{"y": "ESS", "l": "x" * 2**20}]}}, "notices: more than 1048576 bytes"),
        ({"config": {"x": "x" * 2**17}}, "config: more than 131072 bytes"),
        ({"config": {"simulation_id": "x" * 257}}, "simulation_id: Expected `str` of length <= 256"),
        ({"config": {"max_instructions": 101}}, "max_instructions: Expected `int` <= 100"),
        ({"config": {"classes": [{}] * 65}}, "classes: Expected `array` of length <= 64"),
        ({"config": {"book_levels": 129}}, "book_levels: Expected `int` <= 128"),
    ],
)
def test_counts_beyond_any_venues_are_named(changes: dict[str, Any], problem: str) -> None:
    """The error says which count is too large, and what is allowed."""
    content = {"books": {0: {}}, "accounts": {5: {}}, "notices": {5: []}} | changes
    with pytest.raises(WireError) as caught:
        Decoder(frozenset(Feed)).request(body_of(content))
    assert problem in str(caught.value)


def test_long_queues_are_given_up() -> None:
    """The orders of the levels at which ours stand are counted before they are walked."""
    level = {"p": 299.0, "q": 1.0, "o": [{"i": 7, "q": 1.0}] * 4096}
    content = {"books": {0: {"b": [level] * 33}}, "accounts": {5: {0: {"o": [OWN]}}}}
    with pytest.raises(WireError, match="o: more than 131072 in all"):
        Decoder(frozenset({Feed.QUEUE})).request(body_of(content))
    assert 1 == Decoder().request(body_of(content)).state.n_books


def test_both_blobs_share_one_limit() -> None:
    """What the private half takes the books do not have."""
    content = {"books": {0: {"x": "x" * 600}}, "accounts": {5: {"0": {"x": "x" * 600}}}}
    assert 1 == Decoder(max_bytes=2000).request(body_of(content)).state.n_books
    with pytest.raises(WireError, match=r"compressed\.books: lz4 data unpacks to more than"):
        Decoder(max_bytes=1000).request(body_of(content))


def test_bodies_have_a_limit() -> None:
    """What came in the open may be as large as any content, with blobs twice that."""
    post = msgspec.json.encode({"timestamp": 1, "books": {0: {"x": "x" * 2000}}, "accounts": {5: {}}})
    assert 1 == Decoder(max_bytes=3000).request(post).state.n_books
    for most in (1500, 500):
        with pytest.raises(WireError, match=f"body: more than {most if most == 1500 else 1000} bytes"):
            Decoder(max_bytes=most).request(post)


def test_busiest_states_fit() -> None:
    """128 books of 380 events and 100 own orders each, 59 being usual, are below every bound."""
    rng = np.random.default_rng(1)
    event = {"y": "o", "i": 2**31, "c": 2**31, "t": 86_399_999_999_999, "s": 1, "l": 0.0}
    levels = [{"p": round(300 + p, 2), "q": round(q, 4)} for p, q in rng.random((21, 2)).tolist()]
    events = [event | {"p": round(300 + p, 2), "q": round(q, 4)} for p, q in rng.random((380, 2)).tolist()]
    own = [OWN | {"i": i} for i in range(100)]
    books = {i: {"i": i, "b": levels, "a": levels, "e": events} for i in range(128)}
    content = {"books": books, "accounts": {5: {i: {"o": own} for i in range(128)}}}
    post = msgspec.json.encode({"timestamp": 1, **content})
    assert len(post) > 4_800_000
    for body in (post, body_of(content), body_of(content, version=35)):
        state = Decoder(frozenset(Feed)).request(body).state
        assert (48_640, 12_800) == (len(state.tape or ()), len(state.open_orders))


NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**64)


@given(numbers=st.lists(NUMBERS, max_size=50), other=st.lists(NUMBERS.filter(lambda n: 1e-9 < abs(n) < 1e16)))
def test_a_few_extreme_numbers_are_data(numbers: list[float], other: list[float]) -> None:
    """JSON of any size may hold some numbers near the ends of the doubles, and any number of plain ones."""
    plain = other * (2**20 // (20 * max(len(other), 1)))
    check_json(msgspec.json.encode([*numbers, plain, plain, plain]), "books")


def test_real_content_looks_like_no_crowd(shared_data: Path) -> None:
    """Empty maps are a hundredth of what a venue sends at most."""
    from wire.samples import recorded_updates

    path = shared_data / "captures" / "two-miners-8books-10min.msgpack.zst"
    for update in recorded_updates(path, 30):
        content = msgspec.msgpack.encode(update)
        check_msgpack(content * (2**17 // len(content) + 1), "update")
        assert content.count(b"\x80") * 50 < len(content)


def test_state_of_random_samples_is_far_below_the_limits() -> None:
    """A state of our own making goes through with a fortieth of the bytes allowed."""
    from obmm.wire import encode_request

    state = full_state(at=venue(2), n_levels=3)
    body = encode_request(state)
    assert state == Decoder(frozenset(Feed), max_bytes=MAX_BYTES // 40).request(body).state
