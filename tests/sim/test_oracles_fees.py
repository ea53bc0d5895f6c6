"""Fee policies: rates, what they cost and in which currency, and how the maker share is kept."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from sim.desk import ON_BOTH, Desk, open_desk
from sim.naive_fees import DynamicFees, FeePolicy, TieredFees

pytestmark = ON_BOTH

START = ("1000", "1000000")


def desk_at(kind: str, share: str) -> Desk:
    """Two background agents on a book whose maker share stands at `share`, production parameters."""
    fees = DynamicFees()
    maker = int(Fraction(share) * 1000)
    fees.frozen, fees.totals = [maker, 1000 - maker], [maker, 1000 - maker]
    fees.slots = [[0, 0] for _ in range(299)] + [[maker, 1000 - maker]]
    return open_desk(kind, {-1: START, -2: START}, fees=fees)


def moved(desk: Desk, agent: int) -> tuple[Decimal, Decimal]:
    """Change of an agent's base and quote since the start."""
    return sum(desk.base(agent)) - Decimal(START[0]), sum(desk.quote(agent)) - Decimal(START[1])


@pytest.mark.parametrize(
    ("share", "taker_side", "volume", "price", "buyer", "seller"),
    [
        pytest.param("0.4", "buy", "1", "300", ("0.9997", "-299.979"), ("-1", "300"), id="row 67"),
        pytest.param("0.4", "sell", "1", "300", ("1", "-300"), ("-1", "299.931"), id="row 68"),
        pytest.param(
            "0.4", "buy", "0.25", "300.53", ("0.2499", "-75.119727475"), ("-0.25", "75.1325"), id="row 69"
        ),
        pytest.param("0.5", "buy", "2", "300", ("2", "-599.888"), ("-2", "599.75"), id="row 70"),
        pytest.param("0.5", "sell", "2", "300", ("1.9991", "-599.98"), ("-2", "600.112"), id="row 71"),
        pytest.param("0.3", "sell", "2", "300", ("2", "-599.4375"), ("-2", "599.2995"), id="row 72"),
        pytest.param("0.3", "buy", "2", "300", ("1.9976", "-599.9805"), ("-2", "600.5625"), id="row 73"),
    ],
)
def test_a_buyer_pays_in_base_a_seller_and_a_rebate_move_quote(
    kind, share, taker_side, volume, price, buyer, seller
):
    """What one trade does to both accounts."""
    desk = desk_at(kind, share)
    if taker_side == "buy":
        desk.sell(-1, volume, price)
        desk.market_buy(-2, volume)
        buys, sells = -2, -1
    else:
        desk.buy(-1, volume, price)
        desk.market_sell(-2, volume)
        buys, sells = -1, -2
    assert tuple(map(Decimal, buyer)) == moved(desk, buys)
    assert tuple(map(Decimal, seller)) == moved(desk, sells)


@pytest.mark.parametrize(
    ("share", "rate"),
    [("0.2", "-0.00375"), ("0.4005", "0"), ("0.8", "1/150"), ("1", "0.015"), ("0", "0")],
)
def test_row_74_the_adjustment_of_the_production_venue(kind, share, rate):
    """F at a few maker shares."""
    assert pytest.approx(float(Fraction(rate)), rel=1e-12) == adjustment(kind, DynamicFees(), share)


@pytest.mark.parametrize(("share", "rate"), [("0.5", -9.0772e-5), ("0.85", 9.7937e-4)])
def test_row_75_the_adjustment_with_other_parameters(kind, share, rate):
    """Maximum .005/.0045, target .7, shapes 3.2/2.2."""
    fees = DynamicFees(
        target=Fraction("0.7"),
        max_maker=Fraction("0.005"),
        max_taker=Fraction("0.0045"),
        shape_fee=3.2,
        shape_rebate=2.2,
    )
    assert pytest.approx(rate, rel=1e-5) == adjustment(kind, fees, share)


def adjustment(kind: str, fees: DynamicFees, share: str) -> float:
    """f(share) under a policy."""
    if kind == "naive":
        return float(fees.adjustment(Fraction(share)))
    compiled = pytest.importorskip("sim.compiled")
    return float(compiled.adjustment(fees, float(Fraction(share))))


def trading_desk(kind: str, fees: FeePolicy) -> Desk:
    """Miners 1 and 2 and background agents -1 and -2, rich enough for hundreds of trades."""
    return open_desk(kind, dict.fromkeys((1, 2, -1, -2), ("100000", "100000000")), fees=fees)


def passive(desk: Desk, volume: str) -> None:
    """The miner's resting order is hit by a background agent."""
    desk.sell(1, volume, 100)
    desk.market_buy(-1, volume)
    desk.exchange.end_step()


def aggressive(desk: Desk, volume: str) -> None:
    """The miner hits a background agent."""
    desk.sell(-1, volume, 100)
    desk.market_buy(1, volume)
    desk.exchange.end_step()


def test_row_76_until_300_instants_have_passed_the_share_is_the_target(kind):
    """299 passive instants change nothing; the fees are the target's."""
    desk = trading_desk(kind, DynamicFees())
    for _ in range(299):
        passive(desk, "1")
    assert Fraction("0.4") == share(desk)
    before = sum(desk.quote(-2))
    desk.buy(1, 1, 100)
    desk.market_sell(-2, 1)
    assert before + 100 - Decimal("0.023") == sum(desk.quote(-2))


def test_row_77_the_share_excludes_the_instant_just_past(kind):
    """300 instants, passive and aggressive in turn: x is that of the first 299."""
    desk = trading_desk(kind, DynamicFees())
    for i in range(300):
        (aggressive if i % 2 else passive)(desk, "1")
    assert Fraction(150, 299) == share(desk)


def test_row_78_background_trades_leave_the_share_alone(kind):
    """X stays after trades between background agents."""
    desk = trading_desk(kind, DynamicFees())
    for i in range(300):
        (aggressive if i % 2 else passive)(desk, "1")
    before = share(desk)
    for _ in range(10):
        desk.sell(-1, 5, 100)
        desk.market_buy(-2, 5)
    assert before == share(desk)


def test_the_oldest_instant_leaves_the_window(kind):
    """After 300 passive and 300 aggressive instants only the aggressive ones count."""
    desk = trading_desk(kind, DynamicFees())
    for step in (passive, aggressive):
        for _ in range(300):
            step(desk, "1")
    assert Fraction(1, 300) == share(desk)
    aggressive(desk, "1")
    assert Fraction(0) == share(desk)


def test_trades_of_one_instant_share_a_slot(kind):
    """Two sweeps of three orders each are two instants; with two slots the second shows the first."""
    desk = trading_desk(kind, DynamicFees(history_slots=2))
    for expected in (Fraction("0.4"), Fraction(1)):
        for price in (100, 101, 102):
            desk.sell(1, 1, price)
        desk.market_buy(-1, 3)
        assert expected == share(desk)


def share(desk: Desk) -> Fraction:
    """The maker share as the fee policy sees it now."""
    if isinstance(desk.fees, DynamicFees) and not hasattr(desk.exchange, "maker_share"):
        return desk.fees.maker_share()
    return Fraction(*desk.exchange.maker_share())


def test_row_66_tiers_follow_the_volume_of_the_window(kind):
    """Volumes 610, 120 and 490 put the three agents into tiers 500, 100 and 100."""
    unit = 10**10
    rates = [(0, "0", "0"), (100, "0.005", "0.01"), (500, "0.001", "0.002"), (1000, "0.0005", "0.001")]
    tiers = [(volume * unit, Fraction(maker), Fraction(taker)) for volume, maker, taker in rates]
    fees = TieredFees(tiers, history_slots=4)
    desk = open_desk(kind, dict.fromkeys((1, 2, 3), ("1000", "100000")), fees=fees)
    desk.sell(1, 61, 10)
    desk.buy(2, 12, 10)
    desk.buy(3, 50, 10)
    assert [610 * unit, 120 * unit, 490 * unit] == [volume(desk, agent) for agent in (1, 2, 3)]
    assert [tiers[0][1:]] * 3 == [rates_of(desk, agent) for agent in (1, 2, 3)]
    roller(desk).roll()
    assert [tiers[i][1:] for i in (2, 1, 1)] == [rates_of(desk, agent) for agent in (1, 2, 3)]
    roller(desk).reset(1)
    assert tiers[0][1:] == rates_of(desk, 1)


def roller(desk: Desk) -> TieredFees:
    """Where the tiers of a desk are kept."""
    return getattr(desk.exchange, "tiers", None) or desk.fees


def volume(desk: Desk, agent: int) -> int:
    """Quote volume in an agent's newest slot."""
    return roller(desk).volumes[agent][-1]


def rates_of(desk: Desk, agent: int) -> tuple[Fraction, Fraction]:
    """Maker and taker rate of an agent."""
    return roller(desk).rate(agent, 0), roller(desk).rate(agent, 1)
