"""What users write with the public names: this file type-checks under `mypy --strict`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import attrs
import numpy as np

import obmm
from obmm.agent import (
    Config,
    Decision,
    Fault,
    FaultCount,
    MarketMaker,
    OverrideFile,
    Step,
    preset_names,
    resolve,
)
from obmm.market import (
    BUY,
    Book,
    BoolArray,
    Builder,
    Feed,
    FloatArray,
    Gate,
    IntArray,
    Limits,
    MarketState,
    News,
    Orders,
    PerBook,
    Placer,
    Quotes,
    Reason,
    Signal,
    Signals,
    Stage,
    Steerable,
    TimeInForce,
    Venue,
    memory,
    option,
    per_book,
)
from obmm.settings import ConfigError, Problem, builder, did_you_mean, gate, placer, signal
from obmm.sim import Scenario, SimulatedMarket
from obmm.testing import (
    Check,
    CheckResult,
    call_s,
    checks_for,
    random_limits,
    random_quotes,
    random_states,
    run_checks,
    violations,
)
from obmm.wire import Decoder, WireError


@attrs.frozen(kw_only=True)
class Stretched(News):
    """The mid is far from its average."""

    event = "stretched"
    by_bps: float


@attrs.define
class Stretch(Stage):
    """A signal with a memory, needs, a warm-up and news."""

    unit = "bp"

    tau_s: float = option(300.0, help="Time constant of the average", unit="s", low=1.0)
    far_bps: PerBook = option(50.0, help="What is told", unit="bp", per_book=True)
    _mean: FloatArray = memory(lambda: np.array(np.nan))
    news: tuple[News, ...] = memory(tuple)

    @property
    def needs(self) -> frozenset[Feed | str]:
        return frozenset({Feed.TAPE, "volatility"})

    @property
    def warmup_s(self) -> float:
        return self.tau_s

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        mid = np.where(state.sound, state.mid, np.nan)
        mean = np.where(np.isnan(self._mean), mid, self._mean)
        self._mean = mean + np.nan_to_num(mid - mean) * state.venue.interval_s / self.tau_s
        away: FloatArray = 1e4 * (mid / self._mean - 1.0)
        far = np.abs(away) > self.far_bps
        self.news = (Stretched(books=far, by_bps=float(np.nanmax(np.abs(away)))),) if far.any() else ()
        return away * signals.scalar("volatility")


@attrs.define
class Curfew(Stage):
    """A gate that a person steers."""

    min_ticks: PerBook = option(20.0, help="Narrowest spread", unit="ticks", per_book=True)
    _closed: BoolArray = memory(lambda: np.array(False))

    def steer(self, orders: Mapping[str, BoolArray]) -> None:
        self._closed = orders.get("off", np.array(False))

    def __call__(self, state: MarketState, signals: Signals) -> Limits:
        wide = state.spread >= self.min_ticks * state.venue.grid.tick
        return Limits.of(
            state.n_books,
            reason=Reason.CUSTOM,
            allowed=wide & ~self._closed,
            size_factor=0.5,
            spread_factor=2,
        )


@attrs.define
class Behind(Stage):
    """A builder."""

    behind_ticks: float = option(1.0, help="Distance behind the best price", unit="ticks")

    def __call__(self, state: MarketState, signals: Signals, limits: Limits) -> Quotes:
        away = self.behind_ticks * state.venue.grid.tick * limits.spread_factor
        bid, ask = state.competing_touch
        return Quotes.of(bid_price=bid - away, ask_price=ask + away, size=state.venue.least_base)


@attrs.define
class Anew(Stage):
    """A placer."""

    def __call__(self, state: MarketState, quotes: Quotes, limits: Limits) -> Orders:
        resting = state.open_orders
        cancels = Orders.cancels(n_books=state.n_books, book=resting.book, order_id=resting.order_id)
        book: IntArray = np.flatnonzero(quotes.bid_size[:, 0] > 0.0)
        return cancels.joined(
            Orders.limits(
                n_books=state.n_books,
                book=book,
                side=BUY,
                price=quotes.bid_price[book, 0],
                size=quotes.bid_size[book, 0],
                time_in_force=TimeInForce.GTC,
                post_only=True,
            )
        )


class Plain:
    """A signal that inherits nothing."""

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        return state.mid


@per_book
def top_share(book: Book, depth: int = 3) -> float:
    """A signal, one book at a time."""
    return book.bids[0][1] / sum(size for _, size in book.bids[:depth])


@per_book(needs=["volatility", Feed.TAPE], warmup_s=60.0)
def narrow(book: Book, min_ticks: float = 20.0) -> Limits:
    """A gate, one book at a time."""
    return Limits.of(1, allowed=book.spread > min_ticks * book.tick, reason=Reason.CUSTOM)


@per_book()
def at_touch(book: Book, limits: Limits, size_base: float = 0.5) -> Quotes:
    """A builder, one book at a time."""
    return Quotes.of(bid_price=[book.best_bid], ask_price=book.best_ask, size=size_base)


def stages() -> tuple[list[Signal], list[Gate], list[Builder], list[Placer], Steerable]:
    """Each kind is what its contract asks for, however it was written."""
    signals: list[Signal] = [Stretch(tau_s=60.0, far_bps=np.full(2, 30.0)), Plain(), top_share(depth=2)]
    gates: list[Gate] = [Curfew(min_ticks=10.0), narrow(min_ticks=10.0), narrow()]
    builders: list[Builder] = [Behind(2.0), at_touch()]
    placers: list[Placer] = [Anew()]
    return signals, gates, builders, placers, Curfew()


def register() -> tuple[type[Stretch], type[Curfew], type[Behind], type[Anew]]:
    """A decorated class stays the class it was."""
    return (
        signal("my-stretch")(Stretch),
        gate("my-curfew")(Curfew),
        builder("my-behind")(Behind),
        placer("my-anew")(Anew),
    )


def answer(body: bytes) -> bytes:
    """A transport of one's own."""
    maker = obmm.MarketMaker(obmm.resolve("balanced", ["max_inventory_pct=0.1"]))
    decoder = Decoder(maker.feeds, uid=7)
    try:
        request = decoder.request(body, validator="verified")
    except WireError as error:
        return f"{error.field}: {error.problem}".encode()
    return request.reply(maker.respond(request.state))


def configure(file: Path) -> Config | list[Problem]:
    """Names, files and parameters of every form."""
    layered: list[Config] = [resolve(), resolve(file), *map(resolve, preset_names())]
    try:
        return resolve("touch", {"size_base": 0.5, "depths": "1,3,5"}) if layered else resolve(params=["a=1"])
    except ConfigError as error:
        return list(error.problems)


def decide(maker: MarketMaker, state: MarketState, listener: Callable[[Decision], None]) -> str:
    """What a decision tells."""
    decision: Decision = maker.decide(state)
    why: tuple[Reason, Reason] = decision.why(0)
    steps: tuple[Step, ...] = decision.steps
    faults: tuple[Fault, ...] = decision.faults
    counted: tuple[FaultCount, ...] = maker.faults
    maker.listeners.append(listener)
    lean: FloatArray = steps[0].signals["lean"]
    tight: FloatArray = steps[0].gate_limits["inventory"].bid_size_factor
    return f"{why[0].name} {lean.shape} {tight.shape} {len(faults)} {len(counted)} {decision.elapsed_ms:.1f}"


def steer(config: Config, file: str) -> MarketMaker:
    """Overrides, by file name or made before."""
    overrides: OverrideFile = OverrideFile(Path(file))
    listened = MarketMaker(config, overrides, listeners=[lambda decision: print(decision.why(0))])
    return listened if overrides else MarketMaker.of(config, overrides=file)


def simulate() -> list[FloatArray]:
    """A market of one's own."""
    scenario: Scenario = Scenario.load("taos-0.5.4")
    maker = MarketMaker(resolve("touch"))
    mids: list[FloatArray] = []
    with SimulatedMarket(scenario, books=2, seed=1, feeds=maker.feeds) as market:
        for states in market.states(10.0):
            state: MarketState = states[0]
            market.submit(0, maker.respond(state), response_s=0.1)
            mids.append(market.mid)
    return mids


def try_out() -> list[str]:
    """The checks of stages."""
    rng = np.random.default_rng(1)
    states: list[MarketState] = random_states(1, 3, n_books=2, venue=Venue.of(2))
    limits, quotes = random_limits(rng, 2), random_quotes(rng, states[0])
    orders: Orders = Anew()(states[0], quotes, limits)
    checks: list[Check] = [*checks_for(Stretch), *checks_for(lambda: Behind(3.0), "builders")]
    results: list[CheckResult] = run_checks(narrow, signals={"volatility": Plain})
    told = [f"{result.name}: {result.message}" for result in results if not result.passed]
    slow: float = call_s(Stretch, "signals")
    return [
        *told,
        *violations(states[0], orders),
        *(check.name for check in checks),
        f"{slow:g}",
        did_you_mean("a", []),
    ]
