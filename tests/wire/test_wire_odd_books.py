"""Books that no venue sends cannot make an agent cross, trade with itself or cancel what is not meant."""

from __future__ import annotations

import random
from typing import Any

import attrs
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obmm import MarketMaker, resolve
from obmm.market import BUY, Feed, MarketState
from obmm.testing import random_states
from obmm.wire import Decoder, WireError, check, encode_state
from wire.instructions import STATE, limit
from wire.samples import body_of

STATES = random_states(8, 80, n_books=4)


def decoded(content: dict[str, Any], feeds: frozenset[Feed] = frozenset()) -> MarketState:
    """The state in a request with `content`."""
    return Decoder(feeds).request(body_of(content)).state


@settings(max_examples=30)
@given(which=st.integers(0, 9), seed=st.integers(0, 99), extra=st.integers(0, 20))
def test_unsorted_levels_are_sorted(which: int, seed: int, extra: int) -> None:
    """Levels mean the same in any order, those beyond the venue's number included."""
    state, rng = STATES[which], random.Random(seed)
    content = encode_state(state)
    for book in content["books"].values():
        for side, step in (("b", -1e-3), ("a", 1e-3)):
            if len(book[side]) == state.n_levels:
                worst = book[side][-1]["p"]
                book[side] += [{"p": worst + step * n, "q": 1.0} for n in range(1, extra)]
            rng.shuffle(book[side])
    assert decoded(encode_state(state)) == decoded(content)


@settings(max_examples=30)
@given(price=st.sampled_from([None, 0.0, -1.0, np.nan, np.inf, -np.inf]), at=st.integers(0, 20))
@pytest.mark.parametrize("side", ["a", "b"])
def test_level_without_a_price_quietens_an_unsorted_book(side: str, price: float | None, at: int) -> None:
    """What may stand anywhere counts as the best, so the touch is unknown; the other books are sound."""
    content = encode_state(STATES[0])
    levels = content["books"][1][side]
    levels.reverse()
    levels[at % len(levels)]["p"] = price
    assert [True, False, True, True] == decoded(content).sound.tolist()


@pytest.mark.parametrize(
    "odd", [{"p": None}, {"p": np.nan}, {"p": -1.0}, {"p": np.inf}, {"q": 0.0}, {"q": np.nan}]
)
def test_book_of_an_order_that_makes_no_sense_is_quiet(odd: dict[str, Any]) -> None:
    """Nobody can say what an own order without a price or a size would trade with."""
    content = encode_state(STATES[0])
    own = {"i": 1, "t": 1, "q": 1.0, "s": 0, "p": 299.0}
    content["accounts"][STATES[0].uid][2]["o"] = [own, own | {"i": 2} | odd]
    assert [True, True, False, True] == decoded(content).accounts.known.tolist()


@pytest.mark.parametrize("order_id", [2**63, 2**64 - 1])
def test_ids_beyond_a_column_are_refused(order_id: int) -> None:
    """What fits no column is an error, not another number."""
    content = encode_state(STATES[0])
    own = {"i": order_id, "t": 1, "q": 1.0, "s": 0, "p": 299.0}
    content["accounts"][STATES[0].uid][2]["o"] = [own]
    with pytest.raises(WireError, match=r"o\[0\]\.i"):
        decoded(content)


def test_ids_of_books_are_those_of_instructions() -> None:
    """A book whose id no instruction can name takes none."""
    venue = attrs.evolve(STATE.venue, book_ids=[4, 2**32, -1])
    _, dropped = check(limit(book=[1]).joined(limit(book=[2])), attrs.evolve(STATE, venue=venue))
    assert ["its id is not of 32 bits"] * 2 == [drop.reason for drop in dropped]


#: Ids that look alike in 32 bits.
IDS = [1, 2, 2**32 - 1, 2**32, 2**32 + 1, 2**33 + 2, 2**62, 2**63 - 1, -1]


def odd_content(state: MarketState, rng: random.Random) -> dict[str, Any]:
    """Shuffled levels, and own orders of any id at the touch."""
    content = encode_state(state)
    for book in content["books"].values():
        rng.shuffle(book["b"])
        rng.shuffle(book["a"])
    best = state.best_bid.tolist(), state.best_ask.tolist()
    for number, account in content["accounts"][state.uid].items():
        ids = rng.sample(rng.choice([IDS, IDS[:3], IDS[:3]]), rng.randrange(3))
        sides = [rng.randrange(2) for _ in ids]
        account["o"] = [
            {"i": i, "t": state.time_ns, "q": rng.choice([0.26, 0.5]), "s": side, "p": best[side][number]}
            for i, side in zip(ids, sides, strict=True)
        ]
    content["own"] = {number: account["o"] for number, account in content["accounts"][state.uid].items()}
    return content


@pytest.mark.parametrize("preset", ["touch", "aggressive"])
def test_no_answer_crosses_or_cancels_the_wrong_order(preset: str) -> None:
    """Bids stay below every ask and own sell, asks above; and only own orders are cancelled."""
    placed = cancelled = 0
    for seed in range(3):
        maker, rng = MarketMaker(resolve(preset)), random.Random(seed)
        for state in STATES:
            content = odd_content(state, rng)
            request = Decoder(frozenset(Feed)).request(body_of(content, timestamp=state.time_ns))
            answer = msgspec.json.decode(request.harness_reply(maker.respond(request.state)))
            for one in answer["instructions"]:
                book, own = (content[part][one["bookId"]] for part in ("books", "own"))
                if one["type"] == "CANCEL_ORDERS":
                    cancelled += 1
                    assert {item["orderId"] for item in one["cancellations"]} <= {order["i"] for order in own}
                else:
                    placed += 1
                    assert one["postOnly"]
                    assert stays_behind(one, book, own)
    assert placed > 50
    assert cancelled > 100


def stays_behind(one: dict[str, Any], book: dict[str, Any], own: list[dict[str, Any]]) -> bool:
    """Whether a placement trades with no level of the other side and no order of our own."""
    buys = one["direction"] == BUY
    others = [level["p"] for level in book["a" if buys else "b"]]
    ours = [order["p"] for order in own if order["s"] != one["direction"]]
    return all(one["price"] < price if buys else one["price"] > price for price in [*others, *ours])


@pytest.mark.parametrize("config", [None, {}, {"book_count": 0}, {"book_ids": []}])
def test_no_books_at_all_are_answered_with_nothing(config: Any) -> None:
    """A message without a book is a state like any other: no order, and no error."""
    request = Decoder(frozenset(Feed)).request(body_of({"books": {}, "accounts": {0: {}}, "config": config}))
    maker = MarketMaker(resolve("touch"))
    answer = msgspec.json.decode(request.harness_reply(maker.respond(request.state)))
    assert {"agent_id": 0, "instructions": []} == answer
    assert (0, ()) == (maker.errors, maker.faults)
