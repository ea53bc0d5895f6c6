"""Histories on which stages are tried: whole or disturbed, with everything that a stage may ask for."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping

import attrs
import numpy as np

from obmm.market import Feed, Limits, MarketState, Quotes, Signal, Signals, Venue
from obmm.market.layout import books_of
from obmm.market.venue import SECOND_NS
from obmm.settings.registry import registered
from obmm.signals import Imbalance, Mid
from obmm.testing.inputs import random_limits, random_quotes
from obmm.testing.states import random_states
from obmm.testing.variants import Flaw, selected, spoiled, with_levels

#: The book that flaws befall.
FLAWED_BOOK = 1
#: States in which they do: from the start, and again after a while.
FLAWED_STATES = frozenset({0, 1, 2, 15, 16, 17})


@attrs.frozen
class Scene:
    """What a history is made of; equal scenes give equal inputs.

    Attributes:
        needs: Feeds and signals that the stage declares; nothing else is given to it.
        seed: Names the market.
        n_books: Number of books.
        picks: Numbers of the states shown, in this order.
        levels: Levels per side, five states each in turn.
        interval_s: Simulated seconds between states.
        flaw: What `FLAWED_BOOK` suffers from in `FLAWED_STATES`.
        books: The books shown and their order; all if None.
        groups: The group of each book shown; one for all if None.
        tape: Whether states carry a tape when the stage asks for it.
        limits_open: Whether limits allow everything instead of being drawn at random.
        sources: Names of signals with what makes each; others come from the registry.
    """

    needs: frozenset[Feed | str]
    seed: int = 1
    n_books: int = 5
    picks: tuple[int, ...] = tuple(range(40))
    levels: tuple[int, ...] = (21,)
    interval_s: int = 1
    flaw: Flaw | None = None
    books: tuple[int, ...] | None = None
    groups: tuple[int, ...] | None = None
    tape: bool = True
    limits_open: bool = False
    sources: tuple[tuple[str, Callable[[], Signal]], ...] = ()


@attrs.frozen
class Step:
    """One call's inputs; all their arrays are read-only."""

    state: MarketState
    signals: Signals
    limits: Limits
    quotes: Quotes


def describe(flaw: Flaw | None) -> str:
    """The end of a sentence about a history."""
    return f" with {flaw.value} in book {FLAWED_BOOK}" if flaw else ""


@functools.lru_cache(maxsize=96)
def steps(scene: Scene) -> tuple[Step, ...]:
    """The inputs of each call, in order."""
    market = _market(scene.seed, scene.n_books, max(scene.picks) + 1, scene.interval_s)
    support = supporting(scene.needs, dict(scene.sources))
    made = []
    for turn, pick in enumerate(scene.picks):
        state, limits, quotes = market[pick]
        if scene.limits_open:
            limits = Limits.open(scene.n_books)
        if scene.levels != (state.n_levels,):
            state = with_levels(state, scene.levels[turn // 5 % len(scene.levels)])
        if scene.flaw is not None and pick in FLAWED_STATES:
            state = spoiled(state, {FLAWED_BOOK: scene.flaw})
        if scene.books is not None:
            index = np.array(scene.books)
            state = selected(state, index)
            limits, quotes = books_of(limits, index), books_of(quotes, index)
        if scene.groups is not None:
            state = attrs.evolve(state, venue=attrs.evolve(state.venue, groups=np.array(scene.groups)))
        if not scene.tape:
            state = attrs.evolve(state, tape=None)
        made.append(
            Step(
                state=_without_undeclared(state, scene.needs),
                signals=_computed(support, state, scene.needs),
                limits=limits,
                quotes=quotes,
            )
        )
    return tuple(made)


@functools.lru_cache(maxsize=8)
def _market(
    seed: int, n_books: int, n_states: int, interval_s: int
) -> list[tuple[MarketState, Limits, Quotes]]:
    venue = Venue.of(n_books, publish_interval_ns=interval_s * SECOND_NS, grace_period_ns=600 * SECOND_NS)
    states = random_states(seed, n_states, venue=venue, events_per_book=25.0)
    rng = np.random.default_rng(seed + 1)
    return [(state, random_limits(rng, n_books), random_quotes(rng, state)) for state in states]


def _without_undeclared(state: MarketState, needs: frozenset[Feed | str]) -> MarketState:
    """What the pipeline would decode for a stage with these needs."""
    if Feed.TAPE not in needs:
        state = attrs.evolve(state, tape=None)
    if Feed.QUEUE not in needs:
        unknown = np.full(len(state.open_orders), np.nan)
        state = attrs.evolve(state, open_orders=attrs.evolve(state.open_orders, queue_ahead=unknown))
    return state


def supporting(needs: Iterable[Feed | str], sources: Mapping[str, Callable[[], Signal]]) -> dict[str, Signal]:
    """The named signals and those they need, in the order to compute them."""
    known: Mapping[str, Callable[[], Signal]] = {**registered("signals"), **sources}
    found: dict[str, Signal] = {}
    for name in sorted(need for need in needs if isinstance(need, str)):
        stage = known[name]() if name in known else stand_in(name)
        found |= supporting(getattr(stage, "needs", ()), sources) | {name: stage}
    return found


def stand_in(role: str) -> Signal:
    """A signal of the kind that `role`, a name or the option that holds it, speaks of.

    A fair value is near the mid, a volatility is one; anything else is a number in ±1.

    >>> type(stand_in("fair")).__name__, type(stand_in("lean")).__name__
    ('Mid', 'Imbalance')
    """
    known = registered("signals")
    if role in known:
        return known[role]()  # type: ignore[no-any-return]
    return Mid() if any(word in role for word in ("fair", "price", "mid")) else Imbalance(depths=(1,))


def _computed(support: dict[str, Signal], state: MarketState, needs: frozenset[Feed | str]) -> Signals:
    """The declared signals of one state, and no others."""
    every = Signals(n_books=state.n_books)
    for name, stage in support.items():
        every.add(name, stage(state, every))
    return every.declared(frozenset(need for need in needs if isinstance(need, str)))
