"""Requests in, replies out: in order, in time, and never an exception."""

from __future__ import annotations

import threading
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from hostile_stages import DEEDS
from live.agents import Gated, Raising, bodies, gathered, instructions_of, quoting
from obmm.agent import MarketMaker, resolve
from obmm.live._lane import MAX_WAITING
from obmm.live._teller import MAX_FAULTS
from obmm.live.session import MAX_LANES, Session
from obmm.testing import PaperOrders, random_states
from obmm.wire import Decoder, encode_request


def agent() -> MarketMaker:
    """A sound agent that quotes at once."""
    return MarketMaker(quoting())


@pytest.mark.parametrize("harness", [False, True])
def test_the_reply_is_what_decoder_agent_and_wire_make_of_it(harness):
    """Byte for byte, state after state."""
    session, maker, decoder = Session(agent(), harness=harness), agent(), Decoder(agent().feeds)
    for body in bodies(1, 5, form="open" if harness else "blobs"):
        request = decoder.request(body, validator="v")
        orders = maker.respond(request.state)
        expected = request.harness_reply(orders) if harness else request.reply(orders)
        assert expected == session.answer(body, sender="v")
    assert instructions_of(expected)


def test_the_verified_sender_counts_not_the_body():
    """A body may say any name."""
    maker = agent()
    heard = []
    maker.listeners.append(lambda decision: heard.append(decision.state.venue.validator))
    Session(maker).answer(bodies(1, 1)[0], sender="5Verified")
    assert ["5Verified"] == heard


def test_listeners_are_told_the_whole_exchange():
    """What came, what was said, how long it took, and why."""
    session = Session(agent())
    wait = gathered(session, 1)
    body = bodies(1, 1)[0]
    before_ns = time.time_ns()
    reply = session.answer(body, sender="v")
    [exchange] = wait()
    assert (0, "v", body, reply, "") == (
        exchange.number,
        exchange.sender,
        exchange.request,
        exchange.reply,
        exchange.note,
    )
    assert before_ns <= exchange.received_ns <= time.time_ns()
    assert 0.0 < exchange.elapsed_ms < 10_000.0
    assert session.maker.config.hash == exchange.config_hash == exchange.decision.config_hash


def test_time_counts_from_the_first_byte():
    """A request that took 300 ms to come in has 300 ms less, and its time tells so."""
    session = Session(agent())
    pending = session.begin(bodies(1, 1)[0], sender="v", received_ns=time.time_ns() - 300_000_000)
    assert 0.0 < pending.left_s() <= 0.7
    pending.future.result(10.0)
    assert 300.0 <= pending.elapsed_ms


def test_a_wall_clock_that_was_set_back_gives_no_time():
    """An arrival in the future is an arrival now."""
    session = Session(agent())
    pending = session.begin(bodies(1, 1)[0], sender="v", received_ns=time.time_ns() + 10**12)
    assert pending.left_s() <= session.budget_s


def test_past_the_deadline_the_answer_has_no_orders():
    """It echoes what the validator needs, and comes in time; the agent sees the state after all."""
    maker = Gated()
    session = Session(maker, uid=0)
    wait = gathered(session, 1)
    body = bodies(1, 1)[0]
    reply = msgspec.json.decode(session.answer(body, sender="v", budget_s=0.05))
    asked = msgspec.json.decode(body)
    assert {"agent_id": 0, "instructions": []} == reply["response"]
    assert [asked[key] for key in ("timestamp", "version", "compression_engine")] == [
        reply[key] for key in ("timestamp", "version", "compression_engine")
    ]
    maker.gate.set()
    [exchange] = wait()
    assert "deadline" == exchange.note
    assert exchange.decision is not None
    assert len(exchange.decision.orders) > 0
    assert reply == msgspec.json.decode(exchange.reply)


def test_an_agent_that_keeps_the_processor_busy_delays_no_answer():
    """The reply goes out while it still computes."""
    done = threading.Event()

    def busy() -> None:
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            pass
        done.set()
        raise ValueError("late and wrong")

    session = Session(Raising(busy), uid=0)
    began = time.monotonic()
    reply = session.answer(bodies(1, 1)[0], sender="v", budget_s=0.2)
    assert not done.is_set()
    assert 0.2 <= time.monotonic() - began < 1.5
    assert [] == instructions_of(reply)
    assert done.wait(30.0)


def test_a_budget_that_is_used_up_gives_no_late_reply():
    """The state is learnt from nevertheless."""
    session = Session(agent(), uid=3, harness=True)
    wait = gathered(session, 1)
    body = bodies(1, 1, form="open")[0]
    pending = session.begin(body, sender="v", received_ns=time.time_ns() - 5 * 10**9)
    assert pending.left_s() < 0.0
    session.give_up(pending)
    assert pending.future.done()
    assert wait()[0].decision is not None


def test_late_states_go_on_in_order():
    """Three states of one validator whose time is over are decided one after the other, as they came."""
    maker = Gated()
    session = Session(maker)
    wait = gathered(session, 4)
    requests = bodies(1, 4)
    for body in requests[:3]:
        session.answer(body, sender="v", budget_s=0.01)
    maker.gate.set()
    reply = session.answer(requests[3], sender="v", budget_s=30.0)
    assert instructions_of(reply)
    told = wait()
    assert ["deadline"] * 3 + [""] == [exchange.note for exchange in told]
    times = [exchange.decision.state.time_ns for exchange in told]
    assert times == sorted(times) == [time_ns for _, time_ns in maker.seen]


def test_a_validator_that_floods_drops_its_oldest_waiting_requests():
    """The agent sees the newest; what it never saw has no decision."""
    maker = Gated()
    session = Session(maker)
    total = MAX_WAITING + 4
    wait = gathered(session, total)
    requests = bodies(1, total)
    begun = [session.begin(requests[0], sender="v")]
    assert maker.asked.acquire(timeout=30.0)
    begun += [session.begin(body, sender="v") for body in requests[1:]]
    for pending in begun:
        pending.left.set()
    dropped = begun[1:4]
    assert all(pending.future.done() for pending in dropped)
    maker.gate.set()
    told = wait()
    assert [1, 2, 3] == sorted(exchange.number for exchange in told if exchange.note == "dropped")
    assert all((exchange.decision is None) == (exchange.note == "dropped") for exchange in told)
    seen = [exchange.number for exchange in told if exchange.decision is not None]
    assert seen == sorted(seen)
    assert [] == instructions_of(dropped[0].future.result())


def test_validators_do_not_wait_for_each_other_to_decode():
    """While one's state is being decided, another's request is taken and its own order kept."""
    maker = Gated()
    session = Session(maker)
    first = session.begin(bodies(1, 1)[0], sender="a")
    second = session.begin(bodies(2, 1)[0], sender="b")
    assert maker.asked.acquire(timeout=30.0)
    assert maker.asked.acquire(timeout=30.0)
    maker.gate.set()
    assert instructions_of(first.future.result(30.0))
    assert instructions_of(second.future.result(30.0))
    assert {"a", "b"} == {validator for validator, _ in maker.seen}


def test_two_validators_interleaved_are_answered_as_each_alone():
    """Nothing of one leaks into the other."""
    streams = {"a": bodies(1, 6), "b": bodies(2, 6)}
    alone = {}
    for name, stream in streams.items():
        session = Session(agent())
        alone[name] = [session.answer(body, sender=name) for body in stream]
    together, session = {"a": [], "b": []}, Session(agent())
    for pair in zip(streams["a"], streams["b"], strict=True):
        for name, body in zip("ab", pair, strict=True):
            together[name].append(session.answer(body, sender=name))
    assert alone == together


@pytest.mark.parametrize("deed", sorted(set(DEEDS) - {"nothing"}))
def test_whatever_the_agent_does_the_validator_gets_an_answer(deed):
    """Without orders, and with the reason in the note."""
    session = Session(Raising(DEEDS[deed]), uid=5)
    wait = gathered(session, 1)
    reply = session.answer(bodies(1, 1)[0], sender="v", budget_s=30.0)
    assert [] == instructions_of(reply)
    assert wait()[0].note.startswith("failed: ")


def test_a_damaged_message_gets_an_answer_without_orders():
    """As long as its outermost part can be read."""
    session = Session(agent(), uid=5)
    wait = gathered(session, 1)
    broken = msgspec.json.decode(bodies(1, 1)[0])
    broken["compressed"]["books"] = "AAAA"
    reply = session.answer(msgspec.json.encode(broken), sender="v")
    assert {"agent_id": 5, "instructions": []} == msgspec.json.decode(reply)["response"]
    assert wait()[0].note.startswith("undecodable: compressed.books")


@pytest.mark.parametrize("harness", [False, True])
@settings(max_examples=60)
@given(body=st.binary(max_size=200))
def test_any_bytes_are_answered(harness, body):
    """Never an exception; nothing is said to what is no message."""
    session = Session(agent(), harness=harness)
    assert isinstance(session.answer(body, sender="v"), bytes)
    session.close()


def test_the_number_of_the_last_state_is_kept_for_answers_without_orders():
    """A damaged request after a sound one is answered with the right agent id."""
    session = Session(agent())
    session.answer(encode_request(next(iter(random_states(1, 1, n_books=1)))), sender="v")
    uid = Decoder().request(bodies(1, 1)[0]).state.uid
    reply = msgspec.json.decode(session.answer(b'{"timestamp": 3}', sender="v"))
    assert {"agent_id": uid, "instructions": []} == reply["response"]


def test_leaving_cancels_all_that_rests():
    """And nothing else is asked for, whatever the agent would say."""
    paper, session = PaperOrders(2), Session(agent())
    first, second = random_states(1, 2, n_books=2)
    paper.submit(first, agent().respond(first))
    state = paper.dressed(second)
    assert len(state.open_orders) > 0
    session.cancel_all()
    leaving = instructions_of(session.answer(encode_request(state), sender="v"))
    named = [one["orderId"] for item in leaving for one in item["cancellations"]]
    assert sorted(state.open_orders.order_id.tolist()) == sorted(named)
    assert {"CANCEL_ORDERS"} == {item["type"] for item in leaving}


def test_a_configuration_that_needs_more_of_the_market_gets_it():
    """From the next state on, with its own hash in what listeners are told."""
    session = Session(agent())
    wait = gathered(session, 2)
    first, second = bodies(1, 2)
    session.answer(first, sender="v")
    session.maker = MarketMaker(resolve("balanced"))
    session.answer(second, sender="v")
    told = wait()
    assert [quoting().hash, resolve("balanced").hash] == [exchange.config_hash for exchange in told]
    assert [False, True] == [exchange.decision.state.tape is not None for exchange in told]


def test_without_a_verified_sender_the_body_is_believed():
    """The harness signs nothing."""
    seen = []
    maker = agent()
    maker.listeners.append(lambda decision: seen.append(decision.state.venue.validator))
    named = msgspec.json.decode(bodies(1, 1, form="open")[0]) | {"dendrite": {"hotkey": "proxy"}}
    Session(maker, harness=True).answer(msgspec.json.encode(named), sender="")
    assert ["proxy"] == seen


def test_a_listener_that_raises_is_dropped_at_last():
    """The others go on hearing, and the answers go out."""
    session, heard, done = Session(agent()), [], threading.Semaphore(0)

    def raises(exchange) -> None:
        raise ValueError("deaf")

    def hears(exchange) -> None:
        heard.append(exchange.number)
        done.release()

    session.listeners += [raises, hears]
    with capture_logs() as logs:
        for body in bodies(1, MAX_FAULTS + 1):
            session.answer(body, sender="v")
            assert done.acquire(timeout=30.0)
    assert list(range(MAX_FAULTS + 1)) == heard
    assert [hears] == session.listeners
    assert ["a listener failed", "a listener failed too often; it is dropped"] == [
        line["event"] for line in logs
    ]


def test_listeners_that_are_too_slow_miss_exchanges_not_answers():
    """The gap in the numbers shows it; nothing grows without bound."""
    session, gate, heard = Session(agent()), threading.Event(), []

    def slow(exchange) -> None:
        assert gate.wait(30.0)
        heard.append(exchange.number)

    session.listeners.append(slow)
    with capture_logs() as logs:
        for body in bodies(1, 50, n_books=1):
            assert instructions_of(session.answer(body, sender="v")) is not None
        gate.set()
        session.close(30.0)
    assert 32 <= len(heard) < 50
    assert any(line["event"].startswith("listeners are too slow") for line in logs)


def test_after_closing_nothing_is_asked_of_the_agent():
    """Whoever still comes gets an answer without orders."""
    session = Session(agent())
    session.answer(bodies(1, 1)[0], sender="v")
    session.close()
    assert [] == instructions_of(session.answer(bodies(1, 2)[1], sender="v"))
    assert [] == instructions_of(session.answer(bodies(1, 2)[1], sender="another"))


def test_closing_does_not_wait_for_an_agent_that_hangs():
    """Half a second, and the process may end: the thread is a daemon."""
    maker = Gated()
    session = Session(maker)
    session.answer(bodies(1, 1)[0], sender="v", budget_s=0.0)
    began = time.monotonic()
    session.close(0.2)
    assert time.monotonic() - began < 5.0
    assert all(thread.daemon for thread in threading.enumerate() if thread.name.startswith("obmm-"))
    maker.gate.set()


def test_senders_without_end_leave_nothing_behind():
    """Lanes, decoders and numbers of those unheard for longest are forgotten."""
    session = Session(agent())
    body = bodies(1, 1, n_books=1)[0]
    for i in range(MAX_LANES + 20):
        session.answer(body, sender=f"v{i}")
    assert len(session._lanes) <= MAX_LANES + 2
    assert len(session._decoders) <= MAX_LANES + 2
    assert len(session._uids) <= MAX_LANES + 2
