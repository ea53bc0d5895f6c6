"""What a validator would send for a state is decoded to that state again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import attrs
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.market import Feed, MarketState, Notices, OpenOrders, Tape
from obmm.testing import Flaw, spoiled
from obmm.wire import Decoder, encode_request, read_stream, write_stream
from obmm.wire.codec import codec_of
from obmm.wire.compression import ENGINES, unpack
from obmm.wire.encode import Form
from wire.samples import full_state, posted_bodies, states, venue

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


#: What the subnet's own model of a configuration insists on, by type; some floats may be null.
WANTED: dict[type, str] = {
    str: """
        miner_capital_type init_agent_capital_type hft_agent_capital_type sta_agent_capital_type
    """,
    int: """
        block_count duration grace_period publish_interval books_per_block book_count book_levels
        baseDecimals quoteDecimals priceDecimals volumeDecimals init_agent_count init_agent_tau
        hft_agent_count hft_agent_feed_latency_min hft_agent_order_latency_min
        hft_agent_order_latency_max hft_agent_delta sta_agent_count sta_agent_feed_latency_mean
        sta_agent_feed_latency_std sta_agent_order_latency_min sta_agent_order_latency_max
        sta_agent_decision_latency_mean sta_agent_decision_latency_std sta_agent_tau
        sta_agent_tauHist sta_agent_tauF
    """,
    float: """
        max_leverage max_loan maintenance_margin miner_wealth init_price init_agent_wealth
        hft_agent_wealth hft_agent_order_latency_scale hft_agent_tau hft_agent_psi hft_agent_gHFT
        hft_agent_kappa hft_agent_spread hft_agent_order_size_mean hft_agent_price_noise
        hft_agent_price_shift sta_agent_wealth sta_agent_order_latency_scale
        sta_agent_selection_scale sta_agent_noise_weight sta_agent_chartist_weight
        sta_agent_fundamentalist_weight sta_agent_sigmaEps sta_agent_r_aversion
    """,
}
NULLABLE = "miner_base_balance miner_quote_balance init_agent_base_balance init_agent_quote_balance "
NULLABLE += "hft_agent_base_balance hft_agent_quote_balance sta_agent_base_balance sta_agent_quote_balance"


def config_in(body: bytes, version: int) -> dict[str, Any]:
    """The configuration of a request in the open or in blobs."""
    told = msgspec.json.decode(body)
    if (blobs := told["compressed"]) is None:
        config: dict[str, Any] = told["config"]
        return config
    content, _ = unpack(blobs["payload"] if isinstance(blobs, dict) else blobs, "payload")
    decoded: dict[str, Any] = codec_of(version, content).reader(dict[str, Any]).decode(content)["config"]
    return decoded


@pytest.mark.parametrize("version", [35, 54, 63])
@pytest.mark.parametrize("form", ["open", "blob", "blobs"])
def test_configuration_satisfies_the_subnets_model(version: int, form: Form) -> None:
    """An agent of the subnet can be driven by a message of ours: no key of its configuration is missing."""
    state = full_state()
    config = config_in(encode_request(state, version=version, form=form), version)
    for kind, names in WANTED.items():
        assert dict.fromkeys(names.split(), kind) == {name: type(config[name]) for name in names.split()}
    assert {int, float, type(None)} >= {type(config[name]) for name in NULLABLE.split()}
    assert state.n_books == config["book_count"] == config["block_count"] * config["books_per_block"]


def test_completed_configuration_is_the_recorded_ones_but_for_ours(shared_data: Path) -> None:
    """Every key that the harness posted is there, and what is not the venue's has its value."""
    body, *_ = posted_bodies(shared_data / "captures" / "proxy-post-samples.jsonl.zst")
    posted = msgspec.json.decode(body)["config"]
    state = Decoder().request(body).state
    ours = msgspec.json.decode(encode_request(state, form="open"))["config"]
    del ours["turnover_cap_quote"], ours["max_instructions"]
    tiers, params = (ours["fee_policy"].pop(name) for name in ("tiers", "params"))
    recorded = posted["fee_policy"].pop("params"), posted["fee_policy"].pop("tiers")
    assert posted == ours
    assert {key: float(value) for key, value in recorded[0].items()} == {
        key: float(value) for key, value in params.items()
    }
    assert set(recorded[1][0]) == set(tiers[0])
