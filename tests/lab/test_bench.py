"""States made for timing, and what is timed."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from obmm.agent import ConfigError, resolve
from obmm.lab import bench as timing
from obmm.lab.bench import bench, memory_growth, requests, resident_mb, sample_path, start_times, tiled
from obmm.market import Feed
from obmm.settings.toml import parse_layer
from obmm.testing import random_state
from obmm.wire import Decoder, read_stream

PERCENTILES = {"p50", "p99", "max"}


@pytest.mark.parametrize("n_books", [1, 3, 7])
def test_a_tiled_state_repeats_its_books(n_books):
    """Book b is a copy of book b modulo the number there was, with everything that belongs to it."""
    state = random_state(3, n_books=3)
    wide = tiled(state, n_books)
    assert list(range(n_books)) == wide.venue.book_ids.tolist()
    for book in range(n_books):
        origin = book % 3
        np.testing.assert_array_equal(state.bid_price[origin], wide.bid_price[book])
        assert state.accounts.base_total[origin] == wide.accounts.base_total[book]
        own, copied = state.open_orders.rows(origin), wide.open_orders.rows(book)
        assert state.open_orders.order_id[own].tolist() == wide.open_orders.order_id[copied].tolist()
        told, heard = state.tape.rows(origin), wide.tape.rows(book)
        assert state.tape.price[told].tolist() == wide.tape.price[heard].tolist()


def test_requests_carry_the_events_of_the_recording():
    """Decoding them gives the tiled states back."""
    body = requests(sample_path(), 16)[0]
    state = Decoder(frozenset({Feed.TAPE})).request(body, validator="x").state
    first = next(read_stream(sample_path(), frozenset({Feed.TAPE}))).state
    assert tiled(first, 16).bid_price.tolist() == state.bid_price.tolist()
    assert 2 * len(first.tape.price) == len(state.tape.price)


def test_every_step_is_timed():
    """As many states as asked for, after the first ones, which bind the pipeline."""
    told = bench(resolve("balanced"), sample_path(), 4, n_states=10)
    assert (4, 10, True) == (told["books"], told["states"], told["tape"])
    for step in ("decode_ms", "pipeline_ms", "encode_ms", "answer_ms"):
        assert PERCENTILES == set(told[step])
        assert 0.0 < told[step]["p50"] <= told[step]["max"]
    assert told["answer_ms"]["max"] >= told["pipeline_ms"]["max"]


def test_an_agent_that_reads_no_events_is_told_apart():
    """Its decoding has a smaller budget."""
    assert not bench(resolve("touch"), sample_path(), 1, n_states=1)["tape"]


def test_an_agent_that_fails_is_not_timed():
    """Its times would say nothing."""
    text = 'extends = "touch"\nsignals = [{ kind = "stages_for_tests:Raises", name = "bad" }]'
    with pytest.raises(ConfigError, match="a stage failed on 61 states"):
        bench(resolve(parse_layer(text, "bad.toml")), sample_path(), 1, n_states=3)


def test_starts_are_timed_in_processes_of_their_own():
    """Seconds of `import obmm` and of `obmm --help`."""
    told = start_times(repeats=1)
    assert {"import_s", "help_s"} == set(told)
    assert 0.0 < told["import_s"]


def test_memory_is_told_before_and_after():
    """Of this process; ten answers do not fill it."""
    told = memory_growth(resolve("touch"), sample_path(), 2, n_states=10)
    assert (10, 2) == (told["states"], told["books"])
    assert abs(told["after_mb"] - told["before_mb"]) < 100.0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="tells resident memory elsewhere than Linux")
def test_resident_memory_is_that_of_a_python_with_numpy():
    """Tens of megabytes, less than a hundred thousand."""
    assert 10.0 < resident_mb() < 100_000.0


def test_a_system_that_does_not_tell_memory(monkeypatch, tmp_path):
    """Not a number, rather than a wrong one."""
    monkeypatch.setattr(timing, "Path", lambda _: tmp_path / "none")
    assert np.isnan(resident_mb())
