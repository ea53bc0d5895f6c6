"""Is an agent fit to go live: sound ones pass, planted faults are found."""

from __future__ import annotations

import time

import attrs
import numpy as np
import pytest

from obmm.agent import resolve
from obmm.lab.check import Finding, check_config, check_oracles, check_stage
from obmm.market import (
    FloatArray,
    Limits,
    MarketState,
    Orders,
    Quotes,
    Reason,
    Signals,
    Stage,
    TimeInForce,
    memory,
    option,
)
from obmm.settings.toml import parse_layer
from obmm.signals import Mid

#: An agent of as few stages as possible, to be spoilt.
BARE = """
[[gates]]
kind = "warmup"
min_age_s = 3
[builder]
kind = "{builder}"
[placer]
kind = "{placer}"
"""


def findings(builder: str = "touch", placer: str = "amend", n_states: int = 24) -> list[Finding]:
    """All findings on the bare agent with these stages."""
    kinds = {
        "builder": builder if builder == "touch" else f"{__name__}:{builder}",
        "placer": placer if placer == "amend" else f"{__name__}:{placer}",
    }
    return list(check_config(resolve(parse_layer(BARE.format(**kinds), "bare.toml")), [3], n_states))


def failed(found: list[Finding]) -> dict[str, str]:
    """Name → detail of what failed."""
    return {finding.name: finding.detail for finding in found if not finding.ok}


def test_a_sound_agent_passes():
    """With figures in the details."""
    found = findings()
    assert {} == failed(found)
    details = {finding.name: finding.detail for finding in found}
    assert "24 states" == details["answers every state"]
    assert details["obeys the venue's rules"].endswith(" instructions")
    assert "% of sides and states" in details["quotes"]
    assert "no size is below 0.25" == details["knows the venue's minimum size"]
    assert details["speaks the protocol"].startswith("request ")


def test_oracles_are_told_with_their_figures():
    """All of them right."""
    found = list(check_oracles())
    assert {True} == {finding.ok for finding in found}
    assert all(finding.detail for finding in found)


@attrs.define
class Across(Stage):
    """Bids above the best ask, asks below the best bid."""

    def __call__(self, state: MarketState, signals: Signals, limits: Limits) -> Quotes:
        zero, size = np.zeros(state.n_books, dtype=np.int64), np.full((state.n_books, 1), 0.5)
        return Quotes(
            bid_price=state.ask_price[:, :1] + 1.0,
            bid_size=size,
            ask_price=state.bid_price[:, :1] - 1.0,
            ask_size=size,
            bid_reason=zero,
            ask_reason=zero,
        )


@attrs.define
class Raw(Stage):
    """A placer that sends what is wanted as it is, every second anew."""

    size_base: float = option(0.30001, help="not on the grid")
    life_s: float = option(30.0, help="far longer than a second")
    count: int = memory(lambda: 0)

    def __call__(self, state: MarketState, quotes: Quotes, limits: Limits) -> Orders:
        books = np.flatnonzero(quotes.has_bid[:, 0])
        return Orders.limits(
            n_books=state.n_books,
            book=books,
            side=0,
            price=quotes.bid_price[books, 0],
            size=self.size_base,
            time_in_force=int(TimeInForce.GTT),
            expiry_ns=round(self.life_s * 1e9),
        )


@attrs.define
class Fragile(Stage):
    """A builder that cannot bear a missing price."""

    def __call__(self, state: MarketState, signals: Signals, limits: Limits) -> Quotes:
        if not state.sound.all():
            raise ValueError("a book is broken")
        from obmm.execution import TouchBuilder

        return TouchBuilder()(state, signals, limits)


@attrs.define
class Silent(Stage):
    """A builder that never wants anything."""

    def __call__(self, state: MarketState, signals: Signals, limits: Limits) -> Quotes:
        zero, nothing = np.zeros(state.n_books, dtype=np.int64), np.full((state.n_books, 1), np.nan)
        return Quotes(
            bid_price=nothing,
            bid_size=np.zeros_like(nothing),
            ask_price=nothing,
            ask_size=np.zeros_like(nothing),
            bid_reason=zero,
            ask_reason=zero,
        )


@attrs.define
class Shared(Stage):
    """A signal whose memory belongs to the class: two simulations would disturb each other."""

    seen = [0]  # noqa: RUF012  the fault that is planted

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        self.seen[0] += 1
        return np.full(state.n_books, float(self.seen[0]))


def test_a_builder_that_quotes_across_the_book_is_found():
    """By its contract; the placer still keeps its orders from trading."""
    told = failed(findings(builder="Across"))
    assert "pass asks" in told["builder (Across)"]
    assert "obeys the venue's rules" not in told


def test_a_placer_off_the_grid_is_found():
    """By the venue's rules, with time, book and size."""
    told = failed(findings(placer="Raw"))
    assert "size 0.30001 is not on the grid" in told["obeys the venue's rules"]
    assert told["obeys the venue's rules"].startswith("t=60")


def test_a_stage_that_raises_on_a_broken_book_is_found():
    """On the broken books; the sound market goes well."""
    told = failed(findings(builder="Fragile", n_states=80))
    assert "ValueError: a book is broken" in told["broken books stay quiet, the others go on"]
    assert "answers every state" not in told


def test_an_agent_that_never_quotes_is_found():
    """It breaks no rule, and earns nothing."""
    told = failed(findings(builder="Silent"))
    assert "0% of sides and states; quiet: nothing wanted" in told["quotes"]


def test_state_shared_between_instances_is_found():
    """Two validators would see each other's memory."""
    told = {finding.name: finding for finding in check_stage(Shared)}
    assert not told["Shared shares no state between instances"].ok
    assert not told["Shared shares no state between instances"].detail.startswith("obmm.")


def test_the_stages_of_an_assigned_pipeline_are_checked_too(tmp_path):
    """Under its name; the same stage with the same options only once."""
    other = tmp_path / "other.toml"
    other.write_text(BARE.format(builder="touch", placer="amend").replace("min_age_s = 3", "min_age_s = 4"))
    text = BARE.format(builder="touch", placer="amend") + f'[[assign]]\nbooks = "1"\npipeline = "{other}"\n'
    found = list(check_config(resolve(parse_layer(text, "ab.toml")), [], 4))
    names = [finding.name for finding in found if finding.area == "contract"]
    own = ["gates.warmup (WarmupGate)", "builder (TouchBuilder)", "placer (AmendPlacer)"]
    assert [*own, f"{other}: gates.warmup (WarmupGate)"] == names


@pytest.mark.long
@pytest.mark.parametrize(
    "name", ["aggressive", "balanced", "calm", "conservative", "defensive", "fast", "touch"]
)
def test_every_preset_is_fit_to_go_live(name):
    """On forty and on a hundred and twenty-eight books."""
    timed = {f"answers within {100:g} ms"}
    assert {} == {k: v for k, v in failed(list(check_config(resolve(name)))).items() if k not in timed}


@attrs.define
class Sleepy(Stage):
    """Two tenths of a second a call."""

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        time.sleep(0.2)
        return np.zeros(state.n_books)


@attrs.define
class Unsteady(Stage):
    """Quick on few books, slow on many."""

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        time.sleep(0.2 if state.n_books > 20 else 0.0)
        return np.zeros(state.n_books)


@attrs.define
class Hiccups(Stage):
    """Quick but for the last `late` of 24 answers."""

    late: int = 1
    _answers: int = memory(int)

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        self._answers += state.n_books > 20
        time.sleep(0.15 if self._answers > 24 - self.late else 0.0)
        return np.zeros(state.n_books)


def with_signal(kind: str) -> list[Finding]:
    """All findings on the bare agent with such a signal, and the time it took is no matter of hours."""
    text = (
        BARE.format(builder="touch", placer="amend")
        + f'[[signals]]\nkind = "{__name__}:{kind}"\nname = "s"\n'
    )
    return list(check_config(resolve(parse_layer(text, "slow.toml")), [21], 24))


def test_a_slow_stage_is_told_early():
    """By itself and within an agent, with what it takes and what is allowed; nothing else is tried."""
    told = "a call, the budget is 100 ms for a whole answer; nothing else of it was tried"
    (alone,) = check_stage(Sleepy)
    assert (False, "contract", True) == (alone.ok, alone.area, alone.detail.endswith(told))
    found = with_signal("Sleepy")
    assert {"contract"} == {finding.area for finding in found}
    assert ["signals.s (Sleepy) answers within 100 ms"] == list(failed(found))


@pytest.mark.parametrize(("late", "in_time"), [(1, True), (2, False)])
def test_one_late_answer_in_twenty_is_forgiven(late, in_time):
    """A machine hiccups."""
    text = (
        BARE.format(builder="touch", placer="amend")
        + f'[[signals]]\nkind = "{__name__}:Hiccups"\nname = "s"\nlate = {late}\n'
    )
    found = check_config(resolve(parse_layer(text, "late.toml")), [21], 24)
    (finding,) = (f for f in found if (f.area, f.name) == ("21 books", "answers within 100 ms"))
    assert (in_time, True) == (finding.ok, "worst 1" in finding.detail)


def test_a_stage_that_is_slow_on_many_books_is_told_early():
    """After some answers of that market."""
    found = failed(with_signal("Unsteady"))
    assert ["answers within 100 ms"] == list(found)
    assert found["answers within 100 ms"].endswith(
        "ms an answer at best, the budget is 100 ms; nothing else was tried"
    )


def test_a_quick_stage_is_told_with_its_time():
    """And all the rest of its contract."""
    found = list(check_stage(Mid))
    assert "Mid answers within 100 ms" == found[0].name
    assert all(finding.ok for finding in found)
    assert len(found) > 5


@attrs.define
class Closes(Stage):
    """Closes bids at every other price."""

    reason: str = option("CUSTOM", help="why")

    def __call__(self, state: MarketState, signals: Signals) -> Limits:
        allowed = np.nan_to_num(state.mid) % 2.0 < 1.0
        return Limits.of(state.n_books, bid_allowed=allowed, reason=Reason[self.reason])


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ("CUSTOM", {"tells gates of your own apart": "a and b both say CUSTOM: let one of them say another"}),
        ("CUSTOM_1", {}),
    ],
)
def test_two_gates_of_ones_own_that_share_a_reason_are_told(other, expected):
    """A quiet book could not tell which of them spoke."""
    gates = "".join(
        f'[[gates]]\nkind = "{__name__}:Closes"\nname = "{name}"\nreason = "{reason}"\n'
        for name, reason in (("a", "CUSTOM"), ("b", other))
    )
    text = gates + BARE.format(builder="touch", placer="amend")
    told = failed(list(check_config(resolve(parse_layer(text, "bare.toml")), [3], 24)))
    assert expected.keys() == told.keys()
    assert all(told[name].startswith(what) for name, what in expected.items())
