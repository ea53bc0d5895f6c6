"""Recordings: those of the real market, our own, and damaged ones."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
import zstandard

from obmm.market import Feed
from obmm.wire import Decoder, Recorded, StreamWriter, WireError, read_stream, write_stream
from wire.instructions import STATE, cancel, limit
from wire.samples import body_of, full_state, posted_bodies, recorded_updates


def save(path: Path, *pieces: bytes) -> Path:
    """Compress `pieces` into a file, one zstd frame each."""
    path.write_bytes(b"".join(zstandard.ZstdCompressor().compress(piece) for piece in pieces))
    return path


def problem(path: Path) -> str:
    """The error that reading `path` ends with."""
    with pytest.raises(WireError) as caught:
        list(read_stream(path))
    return str(caught.value)


def test_recording_of_the_real_market(shared_data: Path) -> None:
    """Ten minutes with two miners: every second is there, sound, with its venue, orders and fills."""
    path = shared_data / "captures" / "two-miners-8books-10min.msgpack.zst"
    updates = list(read_stream(path, frozenset(Feed)))
    states = [update.state for update in updates]
    assert list(range(600, 1200)) == [int(state.time_s) for state in states]
    assert all(state.sound.all() and state.n_books == 8 and state.n_levels == 21 for state in states)
    assert 1 == len({id(state.venue) for state in states})
    assert ("20261122_1631", 0.25) == (states[0].venue.simulation_id, states[0].venue.min_size_base[0])
    assert sum(len(state.open_orders) for state in states) > 1000
    assert any(len(state.notices) for state in states)
    assert np.isfinite([update.external_price for update in updates]).all()
    kinds = {one["type"] for update in updates[:60] for one in update.instructions()}
    assert {"CANCEL_ORDERS", "PLACE_ORDER_LIMIT", "PLACE_ORDER_MARKET"} == kinds


def test_other_miner_of_a_recording(shared_data: Path) -> None:
    """A uid selects whose affairs are read; the books are the same."""
    path = shared_data / "captures" / "two-miners-8books-10min.msgpack.zst"
    maker, taker = (next(read_stream(path, uid=uid)).state for uid in (0, 1))
    assert (0, 1) == (maker.uid, taker.uid)
    assert np.array_equal(maker.bid_price, taker.bid_price)
    assert maker.accounts != taker.accounts


def test_recorded_queue_ahead_is_what_was_there_before(shared_data: Path) -> None:
    """Own orders stand behind others only where others came earlier, and never behind more than the level."""
    path = shared_data / "captures" / "two-miners-8books-10min.msgpack.zst"
    updates = (update for second, update in enumerate(read_stream(path, frozenset(Feed))) if second % 20 == 0)
    seen = 0
    for state in (update.state for update in updates):
        orders = state.open_orders
        for book, side, price, size, ahead in zip(
            orders.book, orders.side, orders.price, orders.size, orders.queue_ahead, strict=True
        ):
            prices, sizes = (
                (state.bid_price, state.bid_size) if side == 0 else (state.ask_price, state.ask_size)
            )
            level = np.flatnonzero(prices[book] == price)
            if level.size and level[0] < 5:
                assert 0.0 <= ahead <= sizes[book, level[0]] - size + 1e-9
                seen += 1
            else:
                assert np.isnan(ahead)
    assert seen > 30


def test_recording_of_harness_posts(shared_data: Path) -> None:
    """A file of request bodies, one per line, is read like any other recording."""
    path = shared_data / "captures" / "proxy-post-samples.jsonl.zst"
    updates = list(read_stream(path))
    assert list(range(600, 620)) == [int(update.state.time_s) for update in updates]
    assert ("proxy", []) == (updates[0].state.venue.validator, updates[0].instructions())
    assert np.isnan(updates[0].external_price)


def test_writing_a_recording_again_keeps_it(shared_data: Path, tmp_path: Path) -> None:
    """Real states survive our own layout, but for the queues it does not write."""
    path = shared_data / "captures" / "two-miners-8books-10min.msgpack.zst"
    feeds = frozenset({Feed.TAPE})
    states = [update.state for _, update in zip(range(100), read_stream(path, feeds, uid=1), strict=False)]
    copy = tmp_path / "copy.msgpack.zst"
    write_stream(copy, states)
    assert states == [update.state for update in read_stream(copy, feeds)]


def test_layout_is_that_of_the_recordings(shared_data: Path, tmp_path: Path) -> None:
    """An update of our own has the keys of a real one, in the same order."""
    path = tmp_path / "run.msgpack.zst"
    write_stream(path, [full_state()])
    ours = msgspec.msgpack.decode(zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read())
    [real] = recorded_updates(shared_data / "captures" / "background-8books-1h.msgpack.zst", 1)
    assert list(real) == list(ours)
    assert set(real["state"]) <= set(ours["state"])
    assert set(real["state"]["books"][0]) == set(ours["state"]["books"][3])
    added_by_validators = {"v"}
    assert set(real["state"]["accounts"][0][0]) | added_by_validators == set(ours["state"]["accounts"][5][3])


def test_answers_are_recorded_as_forwarded(tmp_path: Path) -> None:
    """What was answered stands beside the state, as the validator hands it on."""
    path = tmp_path / "run.msgpack.zst"
    with StreamWriter(path, level=1) as writer:
        writer.write(STATE, orders=limit().joined(cancel()).joined(limit(price=-1.0)), external_price=300.5)
        writer.write(STATE)
    first, second = read_stream(path)
    placed, cancelled = first.instructions()
    assert ("PLACE_ORDER_LIMIT", 0, 0) == (placed["type"], placed["agentId"], placed["delay"])
    assert (2, 0.5, 1) == tuple(placed["payload"][key] for key in ("bookId", "volume", "stpFlag"))
    assert {"bookId": 4, "cancellations": [{"orderId": 70, "volume": None}]} == cancelled["payload"]
    assert (300.5, []) == (first.external_price, second.instructions())


def test_recorded_instructions_may_be_absent_or_damaged(tmp_path: Path) -> None:
    """No responses are none; others than a list are an error when they are asked for."""
    assert [] == Recorded(STATE).instructions()
    with pytest.raises(WireError, match="responses"):
        Recorded(STATE, responses=msgspec.Raw(b"\x01")).instructions()


def test_empty_recording_has_no_updates(tmp_path: Path) -> None:
    """A file without updates is no error."""
    path = tmp_path / "run.msgpack.zst"
    write_stream(path, [])
    assert [] == list(read_stream(path))


def test_request_bodies_of_any_kind_and_blank_lines(tmp_path: Path) -> None:
    """Lines may be network requests; blank ones are skipped."""
    body = body_of({"books": {0: None}, "accounts": {3: {}}})
    states = [update.state for update in read_stream(save(tmp_path / "x.zst", body + b"\n\n", body))]
    assert [3, 3] == [state.uid for state in states]


def test_updates_before_the_damage_are_read(tmp_path: Path) -> None:
    """A recording that was cut off gives what is whole, then says which update is not."""
    path = tmp_path / "run.msgpack.zst"
    write_stream(path, [full_state(seed) for seed in range(3)])
    data = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()
    stream = read_stream(save(tmp_path / "cut.zst", data[:-100]))
    assert [full_state(seed).time_ns for seed in range(2)] == [next(stream).state.time_ns for _ in range(2)]
    with pytest.raises(WireError, match=r"update\[2\].record: "):
        next(stream)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x81", "update[0]: neither a msgpack map nor JSON"),
        (b"\x92\xa1", "update[0]: neither a msgpack map nor JSON"),
        (b"\x81\x01\x02", "update[0]: neither a msgpack map nor JSON"),
        (b"\x81\xa0\x02", "update[0]: neither a msgpack map nor JSON"),
        (b"[1]", "update[0]: neither a msgpack map nor JSON"),
        (b"\x81\xa5state\x80", "update[0].books: missing"),
        (b"\x81\xa5state\x01", "update[0].record.state: Expected `object`, got `int`"),
        (b"\x81\xa1x\x01", "update[0].record: Object missing required field `state`"),
        (b"{}", "update[0].body: Object missing required field `timestamp`"),
    ],
)
def test_damaged_recordings_say_where(tmp_path: Path, data: bytes, message: str) -> None:
    """The error names the update and the field in it."""
    assert message == problem(save(tmp_path / "x.zst", data))


def test_file_that_is_not_zstd(tmp_path: Path) -> None:
    """Anything else than zstd is an error that names the file."""
    path = tmp_path / "x.zst"
    path.write_bytes(b"plain text")
    assert problem(path).startswith("x.zst: damaged zstd data")


def test_endless_update_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line without an end is not read into memory for ever."""
    monkeypatch.setattr("obmm.wire.stream._MAX_UPDATE", 2**21)
    path = save(tmp_path / "x.zst", b"{" + bytes(2**22))
    assert "stream: an update of more than 2097152 bytes" == problem(path)


def test_missing_file_is_an_os_error(tmp_path: Path) -> None:
    """Files that cannot be opened are no matter of the wire."""
    with pytest.raises(FileNotFoundError):
        next(read_stream(tmp_path / "none.zst"))


def test_lines_are_the_bodies_themselves(shared_data: Path, tmp_path: Path) -> None:
    """A stream over one body equals decoding it."""
    body = posted_bodies(shared_data / "captures" / "proxy-post-samples.jsonl.zst")[3]
    [update] = read_stream(save(tmp_path / "x.zst", body))
    assert Decoder().request(body).state == update.state
