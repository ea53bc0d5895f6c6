"""Each rule of the contract finds the signal that breaks it, and lets a sound one pass."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, ClassVar

import attrs
import numpy as np
import pytest

from obmm.market import (
    Feed,
    FloatArray,
    Limits,
    MarketState,
    Orders,
    Quotes,
    Signals,
    Stage,
    group_sums,
    memory,
)
from obmm.signals import Mid
from obmm.testing import checks_for, mixes_groups, run_checks
from obmm.testing._trial import ContractError, group_of


def failed(make: Callable[[], Any], group: str | None = None) -> set[str]:
    """Names of the rules that a stage breaks."""
    return {result.name for result in run_checks(make, group) if not result.passed}


def touch_imbalance(state: MarketState) -> FloatArray:
    """(B,) queue imbalance, NaN on unsound books."""
    bid, ask = state.bid_size[:, 0], state.ask_size[:, 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(state.sound, (bid - ask) / (bid + ask), np.nan)


@attrs.define
class Good(Stage):
    """The queue imbalance, averaged over time."""

    mean: FloatArray = memory()

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        now = touch_imbalance(state)
        before = now if self.mean is None else self.mean
        after = np.where(np.isnan(before), now, 0.9 * before + 0.1 * np.nan_to_num(now))
        self.mean = np.where(np.isnan(now), before, after)
        return np.where(np.isnan(now), np.nan, self.mean)


def test_sound_signal_passes() -> None:
    """A signal that keeps the contract passes every check."""
    assert set() == failed(Good)


@attrs.define(slots=False)
class Bad(Stage):
    """A signal that subclasses make do one thing wrong."""

    def __call__(self, state: MarketState, signals: Signals) -> Any:
        return touch_imbalance(state)


class WrongShape(Bad):
    """Forgets books."""

    def __call__(self, state: MarketState, signals: Signals) -> Any:
        return touch_imbalance(state)[1:]


class WrongDtype(Bad):
    """Gives integers."""

    def __call__(self, state: MarketState, signals: Signals) -> Any:
        return np.zeros(state.n_books, dtype=np.int64)


class NotAnArray(Bad):
    """Gives a list."""

    def __call__(self, state: MarketState, signals: Signals) -> Any:
        return touch_imbalance(state).tolist()


class ChangesShape(Bad):
    """Has as many columns as the book has levels."""

    def __call__(self, state: MarketState, signals: Signals) -> Any:
        return np.nan_to_num(state.bid_size)


class Mutates(Bad):
    """Writes to the state."""

    def __call__(self, state: MarketState, signals: Signals) -> Any:
        state.bid_size[0, 0] += 1.0
        return touch_imbalance(state)


class ReusesBuffer(Bad):
    """Hands out the array into which it writes again."""

    def __call__(self, state: MarketState, signals: Signals) -> Any:
        if not hasattr(self, "buffer"):
            self.buffer = np.zeros(state.n_books)
        self.buffer[:] = touch_imbalance(state)
        return self.buffer


class Dice(Bad):
    """Draws from a generator without a seed of its own."""

    rng: ClassVar[np.random.Generator] = np.random.default_rng(1)

    def __call__(self, state: MarketState, signals: Signals) -> Any:
        return touch_imbalance(state) + self.rng.normal(size=state.n_books)


class SharesState(Bad):
    """Remembers in its class."""

    calls: ClassVar[list[float]] = []

    def __call__(self, state: MarketState, signals: Signals) -> Any:
        self.calls.append(float(np.nansum(state.mid)))
        return touch_imbalance(state) + sum(self.calls)


class ForgetsToReset(Bad):
    """Remembers in a field that reset() does not know."""

    def __call__(self, state: MarketState, signals: Signals) -> Any:
        self.calls = getattr(self, "calls", 0) + 1
        return touch_imbalance(state) + self.calls


class DoesNotPickle(Bad):
    """Loses its memory when pickled."""

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def __call__(self, state: MarketState, signals: Signals) -> Any:
        self.calls = getattr(self, "calls", 0) + 1
        return touch_imbalance(state) + self.calls

    def reset(self) -> None:
        self.calls = 0


class NeedsFiveLevels(Bad):
    """Cannot do with fewer levels."""

    def __call__(self, state: MarketState, signals: Signals) -> Any:
        return touch_imbalance(state) + 0.0 * np.nan_to_num(state.bid_size)[:, 4]


class NeedsManyBooks(Bad):
    """Looks at the third book."""

    def __call__(self, state: MarketState, signals: Signals) -> Any:
        return touch_imbalance(state) + 0.0 * np.nan_to_num(state.mid)[2]


class DependsOnPlace(Bad):
    """Gives a book's index a meaning."""

    def __call__(self, state: MarketState, signals: Signals) -> Any:
        return touch_imbalance(state) + np.arange(state.n_books)


class MixesBooks(Bad):
    """Takes the mean over books without saying so."""

    def __call__(self, state: MarketState, signals: Signals) -> Any:
        return touch_imbalance(state) + np.nanmean(np.where(state.sound, state.mid, np.nan))


class MixesGroups(Bad):
    """Adds up all books and says so, but takes two accounts for one."""

    across_books: ClassVar[bool] = True

    def __call__(self, state: MarketState, signals: Signals) -> Any:
        return touch_imbalance(state) + np.nansum(np.where(state.sound, state.mid, 0.0))


class SumsByGroup(Bad):
    """Adds up the books of each account."""

    across_books: ClassVar[bool] = True

    def __call__(self, state: MarketState, signals: Signals) -> Any:
        sums = group_sums(np.where(state.sound, state.mid, 0.0), state.venue)
        return touch_imbalance(state) + sums[state.venue.groups]


class SpreadsNaN(Bad):
    """Says that it mixes books, but lets one bad book spoil all."""

    across_books: ClassVar[bool] = True

    def __call__(self, state: MarketState, signals: Signals) -> Any:
        return np.full(state.n_books, touch_imbalance(state).mean())


class NeverRecovers(Bad):
    """Adds up, NaN included."""

    def __call__(self, state: MarketState, signals: Signals) -> Any:
        self.total = getattr(self, "total", 0.0) + touch_imbalance(state)
        return self.total

    def reset(self) -> None:
        self.total = 0.0


class DividesByTime(Bad):
    """Divides by the time since the last state."""

    def __call__(self, state: MarketState, signals: Signals) -> Any:
        last_ns = getattr(self, "last_ns", None)
        self.last_ns = state.time_ns
        if last_ns is None:
            return touch_imbalance(state)
        return touch_imbalance(state) / np.float64(state.time_ns - last_ns)

    def reset(self) -> None:
        self.last_ns = None


class Infinite(Bad):
    """Gives infinity for missing."""

    def __call__(self, state: MarketState, signals: Signals) -> Any:
        return np.where(state.sound, 0.0, np.inf)


class UndeclaredSignal(Bad):
    """Reads a signal that it does not name."""

    def __call__(self, state: MarketState, signals: Signals) -> Any:
        return signals["mid"]


class UndeclaredTape(Bad):
    """Reads the tape without asking for it."""

    def __call__(self, state: MarketState, signals: Signals) -> Any:
        return touch_imbalance(state) + 0.0 * len(state.tape)


class HidesOrders(Bad):
    """Says that it looks at trades alone, and counts all events."""

    needs = frozenset({Feed.TAPE})
    only_trades = True

    def __call__(self, state: MarketState, signals: Signals) -> Any:
        return touch_imbalance(state) + (0.0 if state.tape is None else float(len(state.tape)))


class NeedsAString(Bad):
    """Names what it needs as a bare string."""

    needs = "mid"


class EndlessWarmup(Bad):
    """Never settles."""

    warmup_s = float("inf")


@pytest.mark.parametrize(
    ("stage", "rule"),
    [
        (WrongShape, "leaves its inputs as they are"),
        (WrongDtype, "leaves its inputs as they are"),
        (NotAnArray, "leaves its inputs as they are"),
        (ChangesShape, "answers any number of levels"),
        (Mutates, "leaves its inputs as they are"),
        (ReusesBuffer, "leaves its earlier outputs as they are"),
        (Dice, "gives the same twice"),
        (SharesState, "shares no state between instances"),
        (ForgetsToReset, "is new again after a reset"),
        (DoesNotPickle, "continues the same after pickling"),
        (NeedsFiveLevels, "answers any number of levels"),
        (NeedsManyBooks, "answers any number of books"),
        (DependsOnPlace, "does not depend on the order of books"),
        (MixesBooks, "keeps to itself a book with no level at all"),
        (MixesGroups, "moves no book of one group by those of another"),
        (SpreadsNaN, "keeps to itself a book with best sizes NaN"),
        (NeverRecovers, "keeps to itself a book with no level at all"),
        (DividesByTime, "takes missed and repeated states"),
        (Infinite, "keeps to itself a book with no level at all"),
        (UndeclaredSignal, "gives the same twice"),
        (UndeclaredTape, "answers without a tape"),
        (HidesOrders, "looks at nothing but trades if it says so"),
        (NeedsAString, "declares needs and warm-up that can be read"),
        (EndlessWarmup, "declares needs and warm-up that can be read"),
    ],
)
def test_broken_signal_is_found(stage: type, rule: str) -> None:
    """The check of the rule that is broken raises."""
    check = next(check for check in checks_for(stage, "signals") if check.name == rule)
    with pytest.raises((ContractError, ValueError, LookupError, TypeError, RuntimeWarning)):
        check.run()


def test_mixing_books_is_allowed_when_declared() -> None:
    """A stage that says `across_books` may give a book what others make of it."""

    class Common(MixesBooks):
        across_books: ClassVar[bool] = True

    rules = {rule for rule in failed(Common, "signals") if rule.startswith("keeps to itself")}
    assert set() == rules


def test_who_reads_a_signal_of_all_books_may_pass_it_on() -> None:
    """A stage whose own work keeps to each book need not declare what its signals declare."""

    @attrs.define
    class Passes(Stage):
        @property
        def needs(self) -> frozenset[Feed | str]:
            return frozenset({"common"})

        def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
            return signals["common"]

    rules = [c for c in checks_for(Passes, "signals", {"common": SumsByGroup}) if "keeps to itself" in c.name]
    assert rules
    for rule in rules:
        rule.run()


def test_a_stage_that_mixes_groups_is_told_from_one_that_sums_by_group() -> None:
    """So that only the other one is given several markets at once; one that raises is not either."""
    given = (MixesGroups, SumsByGroup, NeedsManyBooks, DependsOnPlace)
    assert [True, False, False, True] == [mixes_groups(stage, "signals") for stage in given]
    assert mixes_groups(UndeclaredSignal, "signals")


def test_message_says_where_and_how() -> None:
    """A failing result carries the place and both values, and the traceback apart."""
    results = {result.name: result for result in run_checks(DependsOnPlace, "signals")}
    result = results["does not depend on the order of books"]
    assert not result.passed
    assert "value differs on book 3 in state 0 when books change places: expected" in result.message
    assert result.details.startswith("Traceback")


def test_errors_are_reported_not_raised() -> None:
    """A stage that cannot even be made fails each check."""

    def broken() -> Any:
        raise RuntimeError("no such file")

    results = run_checks(broken, "signals")
    assert not any(result.passed for result in results)
    assert {"RuntimeError: no such file"} == {result.message for result in results}


def test_warnings_count_as_errors() -> None:
    """A stage that warns does not pass."""

    class Warns(Bad):
        def __call__(self, state: MarketState, signals: Signals) -> Any:
            warnings.warn("old", DeprecationWarning, stacklevel=1)
            return np.zeros(state.n_books)

    assert "gives the same twice" in failed(Warns, "signals")


def test_arithmetic_on_missing_numbers_may_give_nan_in_silence() -> None:
    """0/0 on a bad book is NaN, as in the pipeline, and no accident."""

    class Divides(Bad):
        def __call__(self, state: MarketState, signals: Signals) -> Any:
            zero = np.zeros(state.n_books)
            return np.where(state.sound, 0.0, zero / zero)

    assert "gives the same twice" not in failed(Divides, "signals")


def test_stage_gets_what_it_needs() -> None:
    """Declared signals are computed, with those that they need, and the tape is there when asked for."""

    class Reads(Bad):
        needs = frozenset({"volatility", "trade_flow", "my_own", Feed.TAPE})

        def __call__(self, state: MarketState, signals: Signals) -> Any:
            assert {"volatility", "trade_flow", "my_own"} == set(signals)
            return touch_imbalance(state) * signals["volatility"]

    assert set() == failed(Reads, "signals") - {"continues the same after pickling"}


def test_checks_have_distinct_names() -> None:
    """A rule can be named in a report."""
    names = [check.name for check in checks_for(Mid)]
    assert len(set(names)) == len(names)


class UserGate:
    """Told by its annotations."""

    def __call__(self, state: MarketState, signals: Signals) -> Limits:
        return Limits.open(state.n_books)


class UserBuilder:
    """Told by its annotations."""

    def __call__(self, state: MarketState, signals: Signals, limits: Limits) -> Quotes:
        return Quotes.none(state.n_books)


class UserPlacer:
    """Told by its arguments."""

    def __call__(self, state: MarketState, quotes: Quotes, limits: Limits) -> Orders:
        return Orders.none(state.n_books)


@pytest.mark.parametrize(
    ("stage", "group"),
    [
        (Mid, "signals"),
        (Good, "signals"),
        (UserGate, "gates"),
        (UserBuilder, "builders"),
        (UserPlacer, "placers"),
    ],
)
def test_group_is_found_out(stage: type, group: str) -> None:
    """Registered stages are known; others show what they are by their call."""
    assert group == group_of(stage)


def test_unclear_group_is_an_error() -> None:
    """What cannot be told has to be named."""

    class Unclear:
        def __call__(self, state: MarketState, signals: Signals, limits: Limits) -> Limits:
            return limits

    with pytest.raises(LookupError, match="cannot tell what kind of stage"):
        checks_for(Unclear).__next__()
