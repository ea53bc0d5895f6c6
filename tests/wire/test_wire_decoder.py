"""What the decoder tolerates, what it refuses, and what it keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import msgspec
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from obmm.market import EventKind, Feed, Orders
from obmm.testing import random_state
from obmm.wire import Decoder, WireError, encode_request
from wire.samples import blob, body_of, full_state, posted_bodies, recorded_updates

LEVEL = {"p": 299.0, "q": 2.0}
BALANCE = {"c": "BASE", "t": 2.0, "f": 1.5, "r": 0.5, "i": 3.0}


def book(**changes: Any) -> dict[str, Any]:
    """One book of one level a side; None takes a key away."""
    whole = {"i": 0, "r": 0.4, "b": [LEVEL], "a": [{"p": 301.0, "q": 1.0}], "e": []} | changes
    return {key: value for key, value in whole.items() if value is not ...}


def content(**changes: Any) -> dict[str, Any]:
    """The content of a message about one book of uid 5."""
    account = {"i": 5, "b": 0, "bb": BALANCE, "qb": BALANCE | {"t": 100.0}, "f": {"m": 0.001, "t": 0.002}}
    return {"books": {0: book()}, "accounts": {5: {0: account}}, "notices": {5: []}} | changes


def state_of(feeds: frozenset[Feed] = frozenset(), uid: int | None = None, **changes: Any) -> Any:
    """The state in a message with `changes` to its content."""
    return Decoder(feeds, uid=uid).request(body_of(content(**changes))).state


def refused(*, uid: int | None = None, feeds: frozenset[Feed] = frozenset(Feed), **changes: Any) -> str:
    """The error of a message with `changes` to its content."""
    with pytest.raises(WireError) as caught:
        state_of(feeds, uid, **changes)
    return str(caught.value)


@pytest.mark.parametrize("side", [..., None, []])
def test_missing_null_and_empty_sides_are_empty(side: Any) -> None:
    """A side without levels has no price and no size."""
    state = state_of(books={0: book(b=side)})
    assert np.isnan(state.bid_price).all()
    assert not state.bid_size.any()
    assert 301.0 == state.best_ask[0]


@pytest.mark.parametrize("events", [..., None, []])
def test_missing_null_and_empty_events_are_an_empty_tape(events: Any) -> None:
    """Whatever way a book says that nothing happened, its tape is empty."""
    assert 0 == len(state_of(frozenset(Feed), books={0: book(e=events)}).tape)


def test_book_that_is_null_is_empty() -> None:
    """A null book is quiet; the others are not touched."""
    state = state_of(books={0: None, 1: book()})
    assert np.isnan(state.best_bid[0])
    assert 299.0 == state.best_bid[1]


def test_maker_ratio_under_both_names() -> None:
    """`r` wins over the older `mtr`, and without either the ratio is unknown."""
    books = {0: book(), 1: book(r=..., mtr=0.3), 2: book(r=None, mtr=0.2), 3: book(r=...)}
    assert [0.4, 0.3, 0.2] == state_of(books=books).maker_ratio[:3].tolist()
    assert np.isnan(state_of(books=books).maker_ratio[3])


def test_keys_may_be_strings_in_msgpack() -> None:
    """Books, accounts and notices keyed by strings mean the same."""
    keyed = {"books": {"0": book()}, "accounts": {"5": content()["accounts"][5]}, "notices": {"5": []}}
    keyed["accounts"]["5"] = {"0": keyed["accounts"]["5"][0]}
    assert state_of() == state_of(**keyed)


def test_keys_may_be_mixed() -> None:
    """Strings beside integers are fine as long as all numbers differ."""
    assert [0, 1] == state_of(books={"1": book(), 0: book()}).venue.book_ids.tolist()


@pytest.mark.parametrize("key", ["x", "", "-1", "1.0", " 1", "１", "99999999999", -1, 2**32])
def test_other_keys_are_refused(key: Any) -> None:
    """A key that is no unsigned 32-bit number is named."""
    assert "books: " in refused(books={key: book()})


def test_equal_keys_are_refused() -> None:
    """A string and an integer that mean one book cannot both stand."""
    assert "books: two keys are the same number" == refused(books={0: book(), "0": book()})


def test_unknown_keys_are_ignored_everywhere() -> None:
    """Fields that nobody knows change nothing, whatever they hold."""
    extra = {"zz": [{"deep": [1, 2, {"x": None}]}]}
    keyed = book(b=[LEVEL | extra]) | extra
    account = content()["accounts"][5][0] | extra
    assert state_of() == state_of(books={0: keyed}, accounts={5: {0: account}}, **extra)


def test_more_levels_than_configured_are_cut() -> None:
    """States of one simulation have one shape."""
    state = state_of(books={0: book(b=[LEVEL] * 9)}, config={"book_levels": 4})
    assert (1, 4) == state.bid_price.shape


def test_numbers_are_kept_as_they_are() -> None:
    """NaN, infinite, zero and negative numbers are data; gates quieten such a book."""
    levels = [{"p": np.nan, "q": np.inf}, {"p": -1.0, "q": -0.5}, {"p": 7, "q": None}]
    state = state_of(books={0: book(b=levels)})
    assert np.array_equal([np.nan, -1.0, 7.0], state.bid_price[0, :3], equal_nan=True)
    assert np.array_equal([np.inf, -0.5, np.nan], state.bid_size[0, :3], equal_nan=True)


EVENTS = [
    {"y": "o", "i": 1, "c": 9, "t": 10, "q": 1.5, "s": 1, "p": None, "l": 0.0},
    {"y": "t", "i": 4, "s": 0, "t": 11, "q": 2.0, "p": 300.0, "Ti": 2, "Ta": 5, "Tf": 0.1}
    | {"Mi": 3, "Ma": -8, "Mf": -0.2, "cr": 0, "Toi": 0},
    {"y": "x", "i": 6, "t": 11},
    {"y": "c", "i": 7, "t": 12, "p": 298.0, "q": 0.5},
]


def test_events_become_columns() -> None:
    """Orders, trades and cancels keep their order; an event of another kind is left out."""
    tape = state_of(frozenset({Feed.TAPE}), books={0: book(), 1: book(e=EVENTS)}).tape
    assert [EventKind.ORDER, EventKind.TRADE, EventKind.CANCEL] == tape.kind.tolist()
    assert [0, 0, 3] == tape.offset.tolist()
    assert ([10, 11, 12], [1, 0, -1]) == (tape.time_ns.tolist(), tape.side.tolist())
    assert ([1, 3, 7], [-1, 2, -1]) == (tape.order_id.tolist(), tape.taker_order_id.tolist())
    assert ([-1, -8, -1], [-1, 5, -1]) == (tape.maker_id.tolist(), tape.taker_id.tolist())
    assert ([0.0, -0.2, 0.0], [0.0, 0.1, 0.0]) == (tape.maker_fee.tolist(), tape.taker_fee.tolist())
    assert ([9, -1, -1], [1.5, 2.0, 0.5]) == (tape.client_id.tolist(), tape.size.tolist())
    assert np.array_equal([np.nan, 300.0, 298.0], tape.price, equal_nan=True)


@given(
    st.integers(0, 99),
    st.sampled_from([35, 54, 63]),
    st.sampled_from(["blobs", "blob", "open"]),
)
def test_only_trades_are_the_trades_of_the_whole_tape(seed: int, version: int, form: Any) -> None:
    """Where nothing else is wanted a tape has the same trades in the same order, and no other events."""
    state = random_state(seed, n_books=3, n_levels=2, events_per_book=100.0)
    body = encode_request(state, version=version, form=form)
    whole, some = (
        Decoder(frozenset({Feed.TAPE}), uid=state.uid, only_trades=only).request(body).state.tape
        for only in (False, True)
    )
    trades = whole.kind == EventKind.TRADE
    assume(trades.any())
    assert whole.book[trades].tolist() == some.book.tolist()
    for name in (field.name for field in attrs.fields(type(whole)) if field.name != "offset"):
        assert np.array_equal(getattr(whole, name)[trades], getattr(some, name), equal_nan=True), name


def test_an_event_that_nobody_knows_brings_the_whole_tape() -> None:
    """Kinds are told apart before they are read: one that is new has all events read, and is left out."""
    books = {0: book(), 1: book(e=EVENTS)}
    decoder = Decoder(frozenset({Feed.TAPE}), only_trades=True)
    assert (
        state_of(frozenset({Feed.TAPE}), books=books) == decoder.request(body_of(content(books=books))).state
    )


def test_a_bad_trade_is_named_where_only_trades_are_read() -> None:
    """What is read is judged, what is passed over is not."""
    decoder = Decoder(frozenset({Feed.TAPE}), only_trades=True)
    odd = [{"y": "o", "t": "soon"}, EVENTS[1] | {"q": "much"}]
    with pytest.raises(WireError, match=r"books\[\.\.\.\]\.e\[1\]\.q"):
        decoder.request(body_of(content(books={1: book(e=[EVENTS[0], odd[1]])})))
    passed = decoder.request(body_of(content(books={0: book(e=[odd[0], EVENTS[1]])})))
    assert [EventKind.TRADE] == passed.state.tape.kind.tolist()


def test_events_are_not_looked_at_unless_asked_for() -> None:
    """Without the tape feed not even nonsense among the events is noticed."""
    assert state_of().best_bid[0] == state_of(books={0: book(e="nonsense")}).best_bid[0]


ORDER = {"y": "o", "i": 21, "c": None, "t": 1, "q": 0.5, "s": 0, "p": 299.0, "l": 0.0}


def own(*orders: dict[str, Any]) -> dict[int, Any]:
    """Accounts of uid 5 with open orders on book 0."""
    return {5: {0: content()["accounts"][5][0] | {"o": list(orders)}}}


def test_queue_ahead_is_what_stands_before_an_order() -> None:
    """The queue of the order's level counts in time order, leveraged parts included."""
    queue = [ORDER | {"i": 1, "q": 2.0}, ORDER | {"i": 2, "q": 1.0, "l": 0.5}, ORDER, ORDER | {"i": 3}]
    state = state_of(frozenset(Feed), books={0: book(b=[LEVEL | {"o": queue}])}, accounts=own(ORDER))
    assert [3.5] == state.open_orders.queue_ahead.tolist()
    assert [-1] == state.open_orders.client_id.tolist()


@pytest.mark.parametrize(
    "level",
    [LEVEL, LEVEL | {"o": None}, LEVEL | {"o": [ORDER | {"i": 1}]}, {"p": 298.0, "q": 1.0, "o": [ORDER]}],
)
def test_queue_ahead_is_unknown_without_the_level_detail(level: dict[str, Any]) -> None:
    """Where the level carries no queue, or not this order, nothing is made up."""
    state = state_of(frozenset(Feed), books={0: book(b=[level])}, accounts=own(ORDER))
    assert np.isnan(state.open_orders.queue_ahead[0])


def test_queue_ahead_on_the_ask_side_and_of_a_missing_book() -> None:
    """A sell is looked for among the asks; an order on a book that did not come is in no queue."""
    sell = ORDER | {"s": 1, "p": 301.0}
    asks = [{"p": 301.0, "q": 1.0, "o": [ORDER | {"i": 1, "q": 0.25}, sell]}]
    both = {5: {0: own(sell)[5][0], 1: own(sell)[5][0]}}
    state = state_of(frozenset(Feed), books={0: book(a=asks)}, accounts=both, config={"book_count": 2})
    assert np.array_equal([0.25, np.nan], state.open_orders.queue_ahead, equal_nan=True)


def test_queues_are_not_looked_at_unless_asked_for() -> None:
    """Without the queue feed not even nonsense in a queue is noticed."""
    assert np.isnan(
        state_of(accounts=own(ORDER), books={0: book(b=[LEVEL | {"o": 7}])}).open_orders.queue_ahead[0]
    )


def test_accounts_of_books_that_did_not_come_are_kept() -> None:
    """A book of the configuration that a message leaves out is empty, its account still known."""
    account = content()["accounts"][5][0]
    state = state_of(accounts={5: {0: account, 1: account}}, config={"book_count": 2})
    assert [True, True] == state.accounts.known.tolist()
    assert [False, True] == np.isnan(state.best_bid).tolist()


def test_books_unknown_to_the_configuration_are_left_out() -> None:
    """The configured ids decide which books there are, and in which order."""
    books = {7: book(), 3: book(r=0.1), 9: book()}
    state = state_of(books=books, accounts={5: {}}, config={"book_ids": [3, 7], "book_count": 2})
    assert ([3, 7], [0.1, 0.4]) == (state.venue.book_ids.tolist(), state.maker_ratio.tolist())


@pytest.mark.parametrize("account", [None, {}, {"bb": BALANCE}, {"qb": BALANCE}, {"bb": None, "qb": BALANCE}])
def test_account_without_balances_is_unknown(account: Any) -> None:
    """Without both balances there is no account to trade with."""
    state = state_of(accounts={5: {0: account}})
    assert not state.accounts.known[0]
    assert 0.0 == state.accounts.base_total[0]


@pytest.mark.parametrize("fees", [..., None, {}, {"m": None, "t": None}])
def test_rates_that_are_not_told_follow_from_the_policy(fees: Any) -> None:
    """The maker ratio and the policy stand in for the rates of an account."""
    account = {**content()["accounts"][5][0], "f": fees}
    account = {key: value for key, value in account.items() if value is not ...}
    state = state_of(books={0: book(r=0.6)}, accounts={5: {0: account}})
    assert [0.0016667] == pytest.approx(state.accounts.maker_rate.tolist(), abs=1e-7)
    assert [-0.0014367] == pytest.approx(state.accounts.taker_rate.tolist(), abs=1e-7)


def test_uid_is_that_of_the_accounts() -> None:
    """The message says whose it is; of several the lowest."""
    assert 5 == state_of().uid
    assert 2 == state_of(accounts={9: {}, 2: {}}).uid
    assert 8 == state_of(accounts={}, notices={8: []}).uid
    assert 8 == state_of(accounts=None, notices={8: None}).uid


def test_uid_may_be_given() -> None:
    """A given uid selects its accounts; without any, all are unknown."""
    state = state_of(uid=6, accounts={5: {}, 6: content()["accounts"][5]}, notices={5: []})
    assert (6, True) == (state.uid, bool(state.accounts.known[0]))
    assert not state_of(uid=7).accounts.known.any()


def test_message_of_nobody_is_refused() -> None:
    """Without accounts, notices and a given uid nobody could answer."""
    assert "accounts: names no uid, and none was given" == refused(accounts={}, notices={})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"books": {0: book(b=[{"p": "299", "q": 1.0}])}}, "compressed.books[...].b[0].p"),
        ({"books": {0: book(a=[LEVEL, 3])}}, "compressed.books[...].a[1]"),
        ({"books": {0: book(b={"p": 1.0})}}, "compressed.books[...].b"),
        ({"books": {0: book(e=[{"y": "o", "t": 2**64 - 1}])}}, "compressed.books[...].e[0].t"),
        ({"books": {0: book(e=[{"y": "o", "s": 2}])}}, "compressed.books[...].e[0].s"),
        ({"books": [book()]}, "compressed.books"),
        ({"books": None}, "compressed.books"),
        ({"accounts": own({**ORDER, "i": None})}, "compressed.payload.accounts[...][...].o[0].i"),
        ({"accounts": {5: {0: {"bb": 3}}}}, "compressed.payload.accounts[...][...].bb"),
        ({"accounts": {5: {"x": None}}}, "accounts[5]"),
        ({"accounts": [1]}, "compressed.payload.accounts"),
        ({"notices": {5: 3}}, "notices"),
        ({"notices": {5: [{"t": 3}]}}, "notices[0]"),
        ({"notices": {5: [{"y": "ESE"}, {"y": "RDCO", "c": [{"o": "x"}]}]}}, "notices[1].c[0].o"),
        ({"config": {"book_count": "many"}}, "config.book_count"),
        ({"config": {"book_count": 5000}}, "config.book_count"),
        ({"config": {"book_levels": 0}}, "config.book_levels"),
        ({"config": {"book_ids": [1, 1]}}, "config"),
        ({"config": {"priceDecimals": 9}}, "config.priceDecimals"),
        ({"config": {"volumeDecimals": -1}}, "config.volumeDecimals"),
        ({"config": {"fee_policy": {"params": {"targetMTR": "0"}}}}, "config.fee_policy.params.targetMTR"),
        ({"config": 3}, "config"),
        ({"books": dict.fromkeys(range(5000))}, "compressed.books"),
    ],
)
def test_wrong_types_and_values_are_named(changes: dict[str, Any], field: str) -> None:
    """The error tells the path of the field that is wrong."""
    assert field == refused(**changes).partition(": ")[0]


def envelope(**fields: Any) -> bytes:
    """A bare message."""
    return msgspec.json.encode({"timestamp": 1, "version": 54} | fields)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"[]", "body"),
        (b"\xff\xfe", "body"),
        (b'{"name": "\xff"}', "body"),
        (b"{}", "body"),
        (b'{"timestamp": 1.5}', "body.timestamp"),
        (b'{"timestamp": 99999999999999999999}', "body.timestamp"),
        (b'{"timestamp": 1, "x": ' + b"[" * 200_000, "body"),
        (b'{"timestamp": 1, "books": {"0": {"b": [{"p": NaN}]}}}', "body"),
        (envelope(), "books"),
        (envelope(compressed={}), "compressed.payload"),
        (envelope(compressed={"payload": "!"}), "compressed.payload"),
        (envelope(compressed={"payload": blob(b"\x80")}), "compressed.books"),
        (envelope(compressed={"payload": blob(b"\x80"), "books": blob(b"\xc1")}), "compressed.books"),
        (envelope(compressed=""), "compressed"),
        (envelope(compressed=blob(b"\x91" * 100_000)), "compressed"),
        (envelope(compressed=blob(b"\x81\xa1x" + b"\x91" * 100_000)), "compressed"),
        (envelope(compressed=blob(b"{}")), "compressed"),
        (envelope(compressed=blob(b"\x80"), version=35), "compressed"),
        (envelope(compressed=[1]), "body.compressed"),
    ],
)
def test_damaged_messages_are_named(body: bytes, field: str) -> None:
    """Whatever is wrong with the bytes, the error is a `WireError` that says where."""
    with pytest.raises(WireError) as caught:
        Decoder().request(body)
    assert field == caught.value.field


def test_venue_is_kept_while_the_configuration_is_the_same() -> None:
    """The same bytes of configuration give the same venue object, and a state's venue per validator."""
    decoder, body = Decoder(), encode_request(full_state())
    first = decoder.request(body).state.venue
    assert first is decoder.request(body).state.venue
    other = decoder.request(body, validator="other").state.venue
    assert ("5Validator", "other") == (first.validator, other.validator)
    assert first is decoder.request(body).state.venue


def test_equal_configuration_in_other_bytes_keeps_the_venue() -> None:
    """What a reader ignores, or another order of keys, makes no new venue."""
    decoder = Decoder()
    first = decoder.request(body_of(content(config={"book_count": 1, "simulation_id": "a"})))
    second = decoder.request(body_of(content(config={"simulation_id": "a", "x": 1, "book_count": 1})))
    assert first.state.venue is second.state.venue


def test_new_simulation_makes_a_new_venue() -> None:
    """A changed simulation id is seen at once."""
    decoder = Decoder()
    ids = [
        decoder.request(body_of(content(config={"simulation_id": name}))).state.venue.simulation_id
        for name in "aba"
    ]
    assert ["a", "b", "a"] == ids


def test_many_validators_do_not_fill_the_memory() -> None:
    """Only so many venues are kept; the oldest goes, and is learnt again."""
    decoder, body = Decoder(), body_of(content(config={"simulation_id": "a"}))
    first = decoder.request(body, validator="0").state.venue
    for number in range(1, 300):
        decoder.request(body, validator=str(number))
    again = decoder.request(body, validator="0").state.venue
    assert first == again
    assert first is not again
    assert len(decoder._builder._fixed) <= 256


def test_sender_is_the_verified_one_or_the_bodys() -> None:
    """A given validator wins over the unsigned body."""
    body = body_of(content(), dendrite={"hotkey": "claimed"})
    assert "claimed" == Decoder().request(body).state.venue.validator
    assert "verified" == Decoder().request(body, validator="verified").state.venue.validator
    assert "" == Decoder().request(body_of(content(), dendrite={"hotkey": None})).state.venue.validator


def test_harness_posts_are_read(shared_data: Path) -> None:
    """Raw POST bodies of the offline harness give states of eight sound books each."""
    decoder = Decoder(frozenset(Feed))
    bodies = posted_bodies(shared_data / "captures" / "proxy-post-samples.jsonl.zst")
    states = [decoder.request(body).state for body in bodies]
    assert list(range(600, 620)) == [int(state.time_s) for state in states]
    assert all(state.sound.all() and state.n_books == 8 for state in states)
    assert {("proxy", "20261122_1639", 1)} == {
        (state.venue.validator, state.venue.simulation_id, state.uid) for state in states
    }
    assert states[0].venue is states[-1].venue
    last = states[0].tape.time_ns
    assert 599 * 10**9 < last.min() <= last.max() <= 600 * 10**9


def naive_levels(levels: list[dict[str, Any]], key: str, fill: float) -> list[float]:
    """One side of a book, level by level."""
    return [level[key] for level in levels] + [fill] * (21 - len(levels))


@pytest.mark.parametrize("uid", [-1, 2**32, 2**64])
def test_a_uid_that_no_message_can_carry_is_refused_at_once(uid: int) -> None:
    """The caller's slip, told where it is made and not with the first reply."""
    with pytest.raises(ValueError, match=rf"uid must be in 0…4294967295, got {uid}"):
        Decoder(uid=uid)


@pytest.mark.parametrize("uid", [0, 2**32 - 1, np.int64(5)])
def test_any_whole_number_of_32_bits_is_a_uid(uid: int) -> None:
    """A number of numpy's too: its replies are those of the plain number."""
    request = Decoder(uid=uid).request(body_of(content()))
    assert (int(uid), int) == (request.state.uid, type(request.state.uid))
    orders = Orders.limits(n_books=1, book=[0], side=0, price=299.0, size=1.0)
    reply = msgspec.json.decode(request.reply(orders, plain=True))
    assert [int(uid)] == [each["agentId"] for each in reply["response"]["instructions"]]


def test_recorded_network_request_agrees_with_a_plain_reading(shared_data: Path) -> None:
    """A request built from the recording decodes to what a level-by-level reading of it gives."""
    path = shared_data / "captures" / "two-miners-8books-10min.msgpack.zst"
    for update in recorded_updates(path, 60)[5::20]:
        told = update["state"]
        body = body_of(
            {
                "books": told["books"],
                "accounts": {0: told["accounts"][0]},
                "notices": {0: told["notices"].get(0, [])},
            }
        )
        state = Decoder(frozenset(Feed)).request(body).state
        for i, told_book in told["books"].items():
            assert np.array_equal(
                naive_levels(told_book["b"], "p", np.nan), state.bid_price[i], equal_nan=True
            )
            assert naive_levels(told_book["a"], "q", 0.0) == state.ask_size[i].tolist()
            rows = state.tape.rows(i)
            assert [event["t"] for event in told_book["e"]] == state.tape.time_ns[rows].tolist()
            assert [event["q"] for event in told_book["e"]] == state.tape.size[rows].tolist()
            account = told["accounts"][0][i]
            assert account["bb"]["f"] == state.accounts.base_free[i]
            assert account["f"]["m"] == state.accounts.maker_rate[i]
            assert [order["i"] for order in account["o"]] == state.open_orders.order_id[
                state.open_orders.rows(i)
            ].tolist()
            for order, ahead in zip(
                account["o"], state.open_orders.queue_ahead[state.open_orders.rows(i)], strict=True
            ):
                side = told_book["b" if order["s"] == 0 else "a"]
                queues = [level.get("o") for level in side if level["p"] == order["p"]]
                if queues and queues[0]:
                    ids = [other["i"] for other in queues[0]]
                    assert ahead == sum(other["q"] for other in queues[0][: ids.index(order["i"])])
                else:
                    assert np.isnan(ahead)
