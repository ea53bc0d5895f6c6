"""What the real exchange answered to deliberately odd orders, and what both models answer."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from attrs import define

from obmm.market.grid import truncated_units
from sim.desk import LOTS, ON_BOTH, QUOTE, Desk, open_desk, units
from sim.naive import BUY, SELL, Stp

MINER, OTHER = 1, 2
#: Answered before numbers are cut to the grid; the notice shows eight decimals.
BEFORE_THE_CUT = {"EXCEEDING_MAX_ORDERS", "INVALID_LEVERAGE"}


@define(frozen=True)
class Probe:
    """An instruction and the notice of its acceptance or rejection."""

    test: str
    type: str
    payload: dict[str, Any]
    notice: dict[str, Any]
    bid: float
    ask: float

    @property
    def code(self) -> str:
        """Reject code, VALID for an accepted order."""
        return self.notice["m"] or "VALID"


def probes(shared_data: Path) -> list[Probe]:
    """Every placement of both files with its answer."""
    found = []
    for name in ("probe-1", "probe-2"):
        text = (shared_data / "captures" / f"{name}.jsonl").read_text()
        lines = [json.loads(line) for line in text.splitlines()]
        answers = {
            line["notice"]["c"]: line["notice"]
            for line in lines
            if line.get("notice", {}).get("y") in ("RDPOL", "ERDPOL", "RDPOM", "ERDPOM")
        }
        for line in lines:
            for sent in line.get("sent", []):
                payload = sent.get("payload", sent)
                notice = answers.get(payload.get("clientOrderId"))
                if notice is not None and sent["type"].startswith("PLACE"):
                    found.append(Probe(line["test"], sent["type"], payload, notice, line["bid"], line["ask"]))
    return found


def test_every_number_is_cut_as_the_real_exchange_cuts_it(shared_data: Path):
    """Price and volume of each accepted order and of most rejected ones, from the floats that were sent."""
    cut = 0
    for probe in probes(shared_data):
        decimals = 8 if probe.code in BEFORE_THE_CUT else None
        is_quote = probe.payload.get("currency", 0) == 1
        if probe.code != "VALID" or not (is_quote or "IOC" in probe.test):
            told = decimals or 4
            volume = truncated_units(probe.payload["volume"], told) / 10**told
            assert volume == pytest.approx(probe.notice["q"], abs=1e-12), probe
        if "price" in probe.payload:
            told = decimals or 2
            price = truncated_units(probe.payload["price"], told) / 10**told
            assert price == pytest.approx(probe.notice["p"], abs=1e-9), probe
            cut += 1
    assert cut > 120


def standing_book(kind: str, probe: Probe) -> Desk:
    """Both touches of the probe with the size that the IOC probe found, and plenty a little behind."""
    desk = open_desk(
        kind,
        {MINER: ("81.5894", "25523.1731786335"), OTHER: ("100000", "100000000")},
        min_volume="0.25",
    )
    for volume, behind in (("42.2961", 0), ("5000", Decimal("0.2"))):
        desk.buy(OTHER, volume, Decimal(str(probe.bid)) - behind)
        desk.sell(OTHER, volume, Decimal(str(probe.ask)) + behind)
    return desk


def place(desk: Desk, probe: Probe) -> tuple[str, int]:
    """Code and accepted lots of a probe's order, sent after the cut."""
    payload, exchange = probe.payload, desk.exchange
    side, in_quote = int(payload["direction"]), payload.get("currency", 0) == 1
    amount = units(payload["volume"], QUOTE) if in_quote else int(truncated_units(payload["volume"], 4))
    if probe.type == "PLACE_ORDER_MARKET":
        slippage = Fraction(int(truncated_units(payload.get("max_slippage") or 0.0, 8)), 10**8)
        reply = exchange.market(9, MINER, side, amount, in_quote=in_quote, max_slippage=slippage)
    else:
        tick = int(truncated_units(payload["price"], 2))
        flags = {"tif": payload["timeInForce"], "post_only": payload["postOnly"]}
        reply = exchange.limit(9, MINER, side, tick, amount, **flags)
    return reply.code, reply.volume


#: Leverage is not simulated; these need it, or orders of the miner's own in the book.
ELSEWHERE = ("leverage", "lev ", "self-trade", "stp key", "105 orders", "SL/TP", "105")


@ON_BOTH
def test_every_plain_order_is_answered_as_the_real_exchange_answered(kind, shared_data: Path):
    """Same code, and the same size where it is accepted, on a book with the same touches."""
    compared = 0
    for probe in probes(shared_data):
        if any(word in probe.test for word in ELSEWHERE):
            continue
        code, lots = place(standing_book(kind, probe), probe)
        assert code == probe.code, probe
        if code == "VALID" and probe.payload.get("currency", 0) == 0:
            assert lots == units(str(probe.notice["q"]), LOTS), probe
        compared += 1
    assert compared > 25


@ON_BOTH
def test_of_105_orders_the_first_hundred_are_accepted(kind, shared_data: Path):
    """In the order in which they were sent."""
    sent = [probe for probe in probes(shared_data) if probe.test == "105 orders book1"]
    assert len(sent) == 105
    desk = standing_book(kind, sent[0])
    assert [probe.code for probe in sent] == [place(desk, probe)[0] for probe in sent]


@ON_BOTH
@pytest.mark.parametrize(
    ("stp", "left", "bought"),
    [
        (Stp.NONE, "0.25", "0.25"),
        (Stp.CANCEL_NEWEST, "0.5", "0"),
        (Stp.CANCEL_BOTH, "0", "0"),
        (Stp.DECREASE_CANCEL, "0.25", "0"),
    ],
)
def test_self_trade_prevention_left_what_the_real_exchange_left(kind, stp, left, bought):
    """Own ask of 0.5 inside the spread, own market buy of 0.25: what the later fills of the ask told."""
    desk = open_desk(kind, {MINER: ("81", "25523"), OTHER: ("100", "50000")}, min_volume="0.25")
    desk.sell(OTHER, 30, "300.57")
    ask = desk.sell(MINER, "0.5", "299.88")
    assert desk.market_buy(MINER, "0.25", stp=stp).code == "VALID"
    queue = desk.exchange.queue(SELL, 29_988)
    assert sum(volume for _, _, volume in queue) == units(left, LOTS)
    assert [order for order, *_ in queue] == [ask.order_id] * len(queue)
    assert sum(volume for _, volume in desk.exchange.trades()) == units(bought, LOTS)


@ON_BOTH
@pytest.mark.parametrize(
    ("side", "slippage", "book", "filled"),
    [
        (BUY, "0.0001", [("300.67", "44.6141"), ("300.71", "100")], "44.6141"),
        (SELL, "0.0005", [("299.55", "6.925"), ("299.54", "73.0751"), ("299.3", "100")], "80"),
    ],
)
def test_max_slippage_filled_what_it_filled_on_the_real_exchange(kind, side, slippage, book, filled):
    """80 wanted; the rest is dropped without a word."""
    desk = open_desk(kind, {MINER: ("124", "25523"), OTHER: ("1000", "500000")}, min_volume="0.25")
    for price, volume in book:
        (desk.sell if side == BUY else desk.buy)(OTHER, volume, price)
    order = desk.market_buy if side == BUY else desk.market_sell
    assert order(MINER, 80, max_slippage=slippage).code == "VALID"
    assert sum(volume for _, volume in desk.exchange.trades()) == units(filled, LOTS)


@pytest.mark.parametrize(
    ("leverage", "code"), [(4.0001, "INVALID_LEVERAGE"), (-0.1, "INVALID_LEVERAGE"), (1.0, "NOT_SIMULATED")]
)
def test_leverage_is_refused(leverage, code):
    """Rows 22, 23, 25 and 59 borrow; so far such an order has a reject code of its own."""
    compiled = pytest.importorskip("sim.compiled")
    desk = open_desk("compiled", {MINER: ("100", "50000")}, min_volume="0.25")
    answer = desk.exchange.instruct(
        agent=MINER, side=BUY, tick=29_000, amount=10_000, leverage=leverage, self_trade=Stp.CANCEL_OLDEST
    )
    assert compiled.layout.REJECT_CODES[answer] == code
    assert desk.bids() == []


def test_row_24_numbers_are_cut_toward_zero_for_both_sides():
    """0.25009 base at 300.019 become 0.2500 at 300.01."""
    assert truncated_units(0.25009, 4) == 2_500
    assert truncated_units(300.019, 2) == 30_001
