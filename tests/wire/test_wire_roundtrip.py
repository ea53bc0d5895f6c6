"""What a validator would send for a state is decoded to that state again."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.market import Feed, MarketState, Notices, OpenOrders, Tape
from obmm.testing import Flaw, spoiled
from obmm.wire import Decoder, encode_request, read_stream, write_stream
from obmm.wire.compression import ENGINES
from obmm.wire.encode import Form
from wire.samples import full_state, states, venue

TAPE = frozenset({Feed.TAPE})
FORMS = get_args(Form)


def again(state: MarketState, **options: object) -> MarketState:
    """`state` after a way through bytes."""
    return Decoder(TAPE).request(encode_request(state, **options)).state


@given(
    state=states(),
    form=st.sampled_from(FORMS[:2]),
    engine=st.sampled_from(ENGINES),
    version=st.sampled_from([45, 54, 61, 63]),
)
def test_any_state_survives_msgpack(state: MarketState, form: Form, engine: str, version: int) -> None:
    """Decoding what was encoded gives the state again, bad numbers included."""
    assert state == again(state, form=form, engine=engine, version=version)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("version", [10, 35, 54])
def test_sound_states_survive_every_form(form: Form, engine: str, version: int) -> None:
    """JSON or msgpack, three engines, two blobs, one blob or in the open: the state is the same."""
    state = full_state()
    assert state == again(state, form=form, engine=engine, version=version)


def test_request_without_version_is_recognised_by_its_content() -> None:
    """Where no version is told the first byte of the content decides."""
    state = full_state()
    assert state == again(state, version=None)


def test_json_turns_bad_numbers_into_missing_ones() -> None:
    """JSON has no NaN and no infinity: both arrive as missing."""
    state = spoiled(full_state(), {0: Flaw.NAN_PRICE, 1: Flaw.INFINITE_SIZE})
    decoded = again(state, version=35)
    assert np.isnan(decoded.bid_price[0, 0])
    assert np.isnan(decoded.bid_size[1, 0])
    assert state.ask_size.tolist() == decoded.ask_size.tolist()


def test_without_the_tape_feed_there_is_no_tape() -> None:
    """Events are skipped unless asked for; everything else is the same."""
    state = full_state()
    assert attrs.evolve(state, tape=None) == Decoder().request(encode_request(state)).state


def test_state_without_tape_is_sent_with_an_empty_one() -> None:
    """A state that carries no tape decodes to one on which nothing happened."""
    state = attrs.evolve(full_state(), tape=None)
    assert Tape.empty(4) == again(state).tape


def test_books_without_account_stay_unknown() -> None:
    """An unknown account is not sent and not invented."""
    state = attrs.evolve(full_state(), open_orders=OpenOrders.empty(4))
    columns = {f.name: getattr(state.accounts, f.name).copy() for f in attrs.fields(type(state.accounts))}
    for name, column in columns.items():
        column[2] = np.nan if name == "traded_quote" else 0
    state = attrs.evolve(state, accounts=type(state.accounts)(**columns))
    assert state == again(state)


def test_nothing_to_tell_is_an_empty_state() -> None:
    """A venue without books makes a state without books."""
    state = attrs.evolve(full_state(at=venue(0)), notices=Notices.none())
    assert (0, 6) == again(state).bid_price.shape


@pytest.mark.parametrize("version", [35, 54])
def test_streams_hold_states_exactly(tmp_path: Path, version: int) -> None:
    """A recording of our own gives back the states it was made of."""
    path = tmp_path / "run.msgpack.zst"
    written = [full_state(seed) for seed in range(5)]
    write_stream(path, written, version=version)
    assert written == [recorded.state for recorded in read_stream(path, TAPE)]
