"""Is this installation, and this configuration, fit to go live?"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import attrs
import numpy as np

from obmm.agent import Config, Decision, MarketMaker, paid_by
from obmm.agent.merge import GROUPS
from obmm.lab.watch import QuoteWatch, Timings, lifted_books
from obmm.market import Feed, MarketState, OpenOrders, Reason, SelfTrade, Venue
from obmm.testing import Check, Flaw, call_s, checks_for, random_states, run_check, run_checks, spoiled
from obmm.testing.oracles import ORACLES
from obmm.testing.paper import PaperOrders
from obmm.testing.rules import violations
from obmm.wire import Decoder, encode_request

#: States answered per market size: past every preset's warm-up, with some minutes of quoting after it.
N_STATES = 240
#: The venue waits three seconds; a slower answer than this costs the queue.
SLOW_MS = 100.0
#: Share of answers that may take longer: a machine hiccups, and one late answer is no slow agent.
SLOW_SHARE = 0.05
#: A version of each way of paying, of which a configuration that lets the venue choose says what it takes.
_VERSIONS = ("0.1.51", "0.5.4", "0.6.2")
#: Answers after which a market is given up if none was in time.
_PATIENCE = 10


@attrs.frozen
class Finding:
    """One check and how it ended.

    Attributes:
        area: What kind of check it is.
        name: What was checked.
        ok: Whether it passed.
        detail: Figures, or what is wrong and where.
    """

    area: str
    name: str
    ok: bool
    detail: str = ""


def check_stage(cls: type) -> Iterator[Finding]:
    """The contract checks of one stage class, made with its default options; if it is slow, nothing else."""
    speed = _speed(cls, None)
    yield Finding("contract", f"{cls.__name__} {speed.name}", speed.ok, speed.detail)
    if not speed.ok:
        return
    for check in checks_for(cls):
        yield _tried("contract", f"{cls.__name__} {check.name}", check.run)


def check_oracles() -> Iterator[Finding]:
    """Signals of this installation against worked examples."""
    for name, oracle in ORACLES.items():
        yield _tried("oracle", name, oracle)


def check_config(
    config: Config, sizes: Sequence[int] = (40, 128), n_states: int = N_STATES
) -> Iterator[Finding]:
    """The stages of `config` as it sets them, and its agent on markets of each size and on broken books.

    With a stage that is too slow by itself the rest would take hours, and say nothing that counts: the checks
    end with the stages.
    """
    checked: list[object] = []
    slow = False
    if config.choices:
        for version in _VERSIONS:
            chosen = paid_by(Venue.of(1, version=version), config.choices)
            yield Finding("objective", f"at {version}: {chosen.objective}", True, chosen.why)
    for part in _parts(config):
        signals = {spec.name: functools.partial(spec.build) for spec in part.signals}
        for spec in part.specs:
            stage = spec.build()
            if any(type(other) is spec.cls and other == stage for other in checked):
                continue
            checked.append(stage)
            origin = "" if part is config else f"{part.name}: "
            name = f"{origin}{spec.path} ({spec.cls.__name__})"
            speed = _speed(spec.build, GROUPS[spec.slot])
            if not speed.ok:
                slow = True
                yield Finding("contract", f"{name} {speed.name}", False, speed.detail)
                continue
            failed = [
                result for result in run_checks(spec.build, GROUPS[spec.slot], signals) if not result.passed
            ]
            told = "; ".join(f"{result.name}: {_short(result.message)}" for result in failed)
            yield Finding("contract", name, not failed, told)
    if slow:
        return
    for size in sizes:
        yield from _market(config, size, n_states)
    yield from _edges(config, n_states)


def _parts(config: Config) -> Iterator[Config]:
    """The configuration, or all that a venue may choose, each with those it assigns books."""
    for one in config.choices.values() or (config,):
        yield from (one, *(assignment.config for assignment in one.assign))


def _speed(make: Callable[[], Any], group: str | None) -> Finding:
    """Whether a stage alone keeps within what an answer may take; of one that raises others say why."""
    name = f"answers within {SLOW_MS:g} ms"
    try:
        took_ms = 1e3 * call_s(make, group)
    except Exception as error:
        return Finding("contract", name, True, f"not timed: {type(error).__name__}")
    budget = f"the budget is {SLOW_MS:g} ms for a whole answer" if took_ms > SLOW_MS else ""
    told = (
        f"{took_ms:.0f} ms a call, {budget}; nothing else of it was tried" if budget else f"{took_ms:.2g} ms"
    )
    return Finding("contract", name, not budget, told)


def _custom_reasons(decision: Decision, said: dict[str, list[str]]) -> None:
    """Enter which gates gave each reason that is for gates of one's own."""
    for step in decision.steps:
        for gate, limits in step.gate_limits.items():
            for code in np.unique(np.array([limits.bid_reason, limits.ask_reason])).tolist():
                name = Reason(code).name if code in Reason.__members__.values() else ""
                if name.startswith("CUSTOM") and gate not in said.setdefault(name, []):
                    said[name].append(gate)


def _market(config: Config, n_books: int, n_states: int) -> Iterator[Finding]:
    """Answers to a market of sound books: errors, rules, instructions, times."""
    maker = MarketMaker(config)
    tape = Feed.TAPE in maker.feeds
    states = random_states(n_books, n_states, n_books=n_books, events_per_book=56.0 if tape else 0.0)
    paper, watch, times = PaperOrders(n_books), QuoteWatch(states[0].venue), Timings()
    broken: list[str] = []
    sent, lifted = 0, 0
    said: dict[str, list[str]] = {}
    area = f"{n_books} books"
    best_ms, slow = float("inf"), 0
    for turn, bare in enumerate(states):
        state = paper.dressed(bare)
        started = time.perf_counter()
        decision = maker.decide(state)
        took_ms = (time.perf_counter() - started) * 1e3
        times.add(took_ms)
        best_ms = min(best_ms, took_ms)
        slow += took_ms > SLOW_MS
        if turn == _PATIENCE and best_ms > SLOW_MS:
            told = f"{best_ms:.0f} ms an answer at best, the budget is {SLOW_MS:g} ms; nothing else was tried"
            yield Finding(area, f"answers within {SLOW_MS:g} ms", False, told)
            return
        watch.see(decision)
        _custom_reasons(decision, said)
        broken += [f"t={state.time_s:g} s, {what}" for what in violations(state, decision.orders)]
        paper.submit(state, decision.orders)
        sent += int(decision.orders.instructions_per_book(n_books).sum())
        lifted += sum(lifted_books(step) for step in decision.steps)
        last = decision
    yield Finding(area, "answers every state", not maker.errors, last.error or f"{n_states} states")
    yield Finding(
        area, "obeys the venue's rules", not broken, "; ".join(broken[:3]) or f"{sent:,} instructions"
    )
    quoting = float(watch.quoting.sum()) / (2 * n_books * n_states)
    quiet = sorted(watch.quiet().items(), key=lambda item: -item[1])
    why = ", ".join(f"{reason} {share:.0%}" for reason, share in quiet if share >= 0.005)
    yield Finding(
        area, "quotes", quoting > 0.0, f"{quoting:.0%} of sides and states; quiet: {why or 'never'}"
    )
    if said:
        shared = [
            f"{' and '.join(sorted(gates))} both say {code}" for code, gates in said.items() if gates[1:]
        ]
        told = f"{'; '.join(shared)}: let one of them say another, such as CUSTOM_1" if shared else ""
        yield Finding(area, "tells gates of your own apart", not shared, told)
    least = float(states[0].venue.min_size_base.max())
    yield Finding(
        area,
        "knows the venue's minimum size",
        True,
        f"a size below {least:g} was lifted to it on {lifted / (n_books * n_states):.0%} of books and states"
        if lifted
        else f"no size is below {least:g}",
    )
    ms = times.as_dict()
    yield Finding(
        area,
        f"answers within {SLOW_MS:g} ms",
        slow <= SLOW_SHARE * n_states,
        f"median {ms['p50']:.2f} ms, 99 % {ms['p99']:.2f} ms, worst {ms['max']:.2f} ms; "
        f"{sent / n_states:.1f} instructions per state",
    )
    yield _wire(area, last)


def _wire(area: str, decision: Decision) -> Finding:
    """The last answer, out through the wire and judged as the venue will read it."""

    def through() -> str:
        state = decision.state
        body = encode_request(state)
        request = Decoder(frozenset()).request(body, validator=state.venue.validator or "check")
        reply = request.reply(decision.orders)
        return f"request {len(body) / 1e3:.0f} kB, reply {len(reply) / 1e3:.1f} kB"

    return _tried(area, "speaks the protocol", through)


def _edges(config: Config, n_states: int) -> Iterator[Finding]:
    """Broken books beside sound ones, and accounts far from their endowment."""
    states = random_states(7, -(-n_states // 2), n_books=len(Flaw) + 2)
    flaws = dict(enumerate(Flaw))

    def broken() -> str:
        maker = MarketMaker(config)
        paper = PaperOrders(states[0].n_books)
        for i, bare in enumerate(states):
            # Books break in the middle of the run and heal again.
            hurt = spoiled(bare, flaws) if i % 40 >= 20 else bare
            state = paper.dressed(hurt)
            decision = maker.decide(state)
            _demand(decision, state)
            paper.submit(state, decision.orders)
        return ", ".join(flaw.name.lower().replace("_", " ") for flaw in Flaw)

    yield _tried("edges", "broken books stay quiet, the others go on", broken)
    for name, share in (("long", 0.9), ("short", 0.05)):

        def loaded(share: float = share) -> str:
            maker = MarketMaker(config)
            for state in states:
                _demand(maker.decide(_skewed(state, share)), state)
            return f"{share:.0%} of wealth in base"

        yield _tried("edges", f"inventory far {name}", loaded)

    def restarted() -> str:
        maker = MarketMaker(config)
        for state in (*states[:30], *states[:30]):
            _demand(maker.decide(state), state)
        return "the clock runs back once"

    yield _tried("edges", "a restart of the simulation", restarted)


def _skewed(state: MarketState, share: float) -> MarketState:
    """`state` with all open orders gone and `share` of each account's worth held in base."""
    accounts = state.accounts
    price = np.where(np.isfinite(state.mid), state.mid, 300.0)
    worth = accounts.value(price)
    base, quote = worth * share / price, worth * (1.0 - share)
    changed = attrs.evolve(accounts, base_total=base, base_free=base, quote_total=quote, quote_free=quote)
    return attrs.evolve(state, accounts=changed, open_orders=OpenOrders.empty(state.n_books))


def _demand(decision: Decision, state: MarketState) -> None:
    broken = violations(decision.state, decision.orders)
    if decision.error:
        raise AssertionError(decision.error)
    if broken:
        raise AssertionError(f"t={state.time_s:g} s, {'; '.join(broken[:3])}")
    if any(int(mode) == SelfTrade.NONE for mode in decision.orders.self_trade):
        raise AssertionError("an order would trade with our own")


def _tried(area: str, name: str, check: Callable[[], object]) -> Finding:
    """What became of a check; a text it returns is the detail."""
    said: list[object] = []
    result = run_check(Check(name, lambda: said.append(check())))
    detail = said[0] if said and isinstance(said[0], str) else ""
    return Finding(area, name, result.passed, detail if result.passed else _short(result.message))


def _short(message: str) -> str:
    """A line of a traceback without the module of the error."""
    return re.sub(r"^(?:\w+\.)+(?=\w+:)", "", message)
