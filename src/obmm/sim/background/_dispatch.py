"""The living background of a book: what the event loop calls.

`start` once, `advance` before an event whose time has passed an update of an exogenous process, `dispatch`
for the background's own events and `on_fills` after resting orders traded.
"""

from __future__ import annotations

import numpy as np

from obmm.sim._jit import Record, kernel
from obmm.sim._random import seed_stream
from obmm.sim.background._agent_algo import algo_bar, algo_look, algo_slice, algo_wake, start_algo
from obmm.sim.background._agent_futures import futures_turn, start_futures
from obmm.sim.background._agent_initialization import place_initial_orders
from obmm.sim.background._agent_makers import draw_maker, maker_turn, start_makers
from obmm.sim.background._agent_noise import noise_turn, start_noise
from obmm.sim.background._agent_orders import arrive_limit, arrive_market
from obmm.sim.background._agent_rivals import rival_place, rivals_answer, start_rivals
from obmm.sim.background._agent_stylized import draw_trader, start_stylized, stylized_poll, stylized_turn
from obmm.sim.background._agent_token_makers import (
    draw_token_maker,
    start_token_makers,
    token_maker_filled,
    token_maker_place,
    token_maker_reaction,
    token_maker_turn,
)
from obmm.sim.background._bars import close_bar
from obmm.sim.background._layout import (
    COMMON_BOOK,
    EV_ALGO_LOOK,
    EV_ALGO_SLICE,
    EV_ALGO_WAKE,
    EV_FUTURES_TURN,
    EV_MAKER_QUOTE,
    EV_MAKER_REACTION,
    EV_MAKER_TURN,
    EV_NOISE_TURN,
    EV_PLACE_LIMIT,
    EV_PLACE_MARKET,
    EV_PLACE_POST_ONLY,
    EV_RIVAL_PLACE,
    EV_STYLIZED_POLL,
    EV_STYLIZED_TURN,
    NEVER,
    ON_BARS,
    SECOND,
    STREAM_FIELD,
    STREAM_FUNDAMENTAL,
    STREAM_MAKER_KINDS,
    STREAM_MTR,
    STREAM_NOISE,
    STREAM_STYLIZED,
    STREAM_STYLIZED_KINDS,
    TOKEN_MAKERS,
)
from obmm.sim.background._process_external import start_external, update_external
from obmm.sim.background._process_field import start_field, update_field
from obmm.sim.background._process_fundamental import update_fundamental
from obmm.sim.background._process_mtr import start_mtr, update_mtr
from obmm.sim.background._wealth import open_class, open_wealth_class
from obmm.sim.exchange._matching import clear_touched


@kernel
def _draw_constants(b: Record, g: Record) -> None:
    """Constants of single agents: the same in all books of a block."""
    rng = np.empty(4, np.uint64)
    makers = g.p.high_frequency
    seed_stream(rng, b.seed, COMMON_BOOK + 1 + g.block, STREAM_MAKER_KINDS)
    for i in range(int(makers.count)):
        if makers.kind == TOKEN_MAKERS:
            draw_token_maker(g.makers[i], makers, rng)
        else:
            draw_maker(g.makers[i], makers, rng)
    seed_stream(rng, b.seed, COMMON_BOOK + 1 + g.block, STREAM_STYLIZED_KINDS)
    first = 0
    for i in range(int(g.p.stylized.count)):
        draw_trader(g.traders[i], g.p.stylized, rng)
        g.traders[i].first = first
        first += g.traders[i].history


@kernel
def _open_accounts(b: Record, g: Record) -> None:
    price = 0.01 * g.initial_tick
    open_class(b, g.slot_algo, g.p.algo)
    open_class(b, g.slot_futures, g.p.futures)
    open_class(b, g.slot_makers, g.p.high_frequency)
    open_class(b, g.slot_initialization, g.p.initialization)
    open_wealth_class(b, b.rng[STREAM_NOISE], g.slot_noise, g.p.noise, price)
    open_wealth_class(b, b.rng[STREAM_STYLIZED], g.slot_stylized, g.p.stylized, price)


@kernel
def _start_processes(b: Record, g: Record) -> None:
    g.mid2 = 2 * g.initial_tick
    g.fundamental = 0.01 * g.initial_tick
    start_external(g, b.seed)
    start_field(g, b.rng[STREAM_FIELD])
    g.next_external_ns = int(g.p.external.update_s * SECOND)
    g.next_fundamental_ns = int(g.p.fundamental.update_s * SECOND)
    g.next_field_ns = int(g.p.field.update_s * SECOND)
    g.next_bar_ns = int(SECOND) if g.p.stylized.returns == ON_BARS else NEVER
    g.next_mtr_ns = NEVER
    if g.p.rivals.exogenous_mtr > 0.0:
        start_mtr(b, g, b.rng[STREAM_MTR])
        g.next_mtr_ns = 0
    _set_next_update(b, g)


@kernel
def _set_next_update(b: Record, g: Record) -> None:
    b.next_process_ns = min(
        g.next_external_ns, g.next_fundamental_ns, g.next_field_ns, g.next_bar_ns, g.next_mtr_ns
    )


@kernel
def start(b: Record, g: Record) -> None:
    """Bring an empty book to life at time 0."""
    _draw_constants(b, g)
    _open_accounts(b, g)
    _start_processes(b, g)
    place_initial_orders(b, g)
    if g.p.high_frequency.kind == TOKEN_MAKERS:
        start_token_makers(b, g)
    else:
        start_makers(b, g)
    start_noise(b, g)
    start_futures(b, g)
    start_stylized(b, g)
    start_algo(b, g)
    start_rivals(b, g)


@kernel
def advance(b: Record, g: Record, time_ns: int) -> None:
    """Carry out every update of an exogenous process that is due at `time_ns` or before, in order of time.

    At equal times the order is that of the processes' names.
    """
    while b.next_process_ns <= time_ns:
        now = b.next_process_ns
        if g.next_bar_ns == now:
            close_bar(b, g)
            algo_bar(b, g, now)
            g.next_bar_ns = now + int(SECOND)
        if g.next_external_ns == now:
            update_external(g, now)
            g.next_external_ns = now + int(g.p.external.update_s * SECOND)
        if g.next_fundamental_ns == now:
            update_fundamental(g, b.rng[STREAM_FUNDAMENTAL])
            g.next_fundamental_ns = now + int(g.p.fundamental.update_s * SECOND)
        if g.next_field_ns == now:
            update_field(g, b.rng[STREAM_FIELD])
            g.next_field_ns = now + int(g.p.field.update_s * SECOND)
        if g.next_mtr_ns == now:
            update_mtr(b, g, b.rng[STREAM_MTR], now)
        _set_next_update(b, g)


@kernel
def dispatch(b: Record, g: Record, kind: int, agent: int, side: int, tick: int, lots: int, data: int) -> None:
    """Deliver one of the background's own events at `b.now_ns`, the most frequent kinds first."""
    if kind == EV_PLACE_LIMIT:
        arrive_limit(b, agent, side, tick, lots, data, False)
    elif kind == EV_MAKER_TURN:
        if g.p.high_frequency.kind == TOKEN_MAKERS:
            token_maker_turn(b, g)
        else:
            maker_turn(b, g, agent)
    elif kind == EV_MAKER_QUOTE:
        token_maker_place(b, g, agent, side, tick, lots, data)
    elif kind == EV_STYLIZED_POLL:
        stylized_poll(b, g)
    elif kind == EV_RIVAL_PLACE:
        rival_place(b, g, agent, side, tick, lots)
    elif kind == EV_MAKER_REACTION:
        token_maker_reaction(b, g, agent)
    elif kind == EV_FUTURES_TURN:
        futures_turn(b, g)
    elif kind == EV_NOISE_TURN:
        noise_turn(b, g)
    elif kind == EV_PLACE_MARKET:
        arrive_market(b, agent, side, lots)
    elif kind == EV_PLACE_POST_ONLY:
        arrive_limit(b, agent, side, tick, lots, data, True)
    elif kind == EV_STYLIZED_TURN:
        stylized_turn(b, g)
    elif kind == EV_ALGO_LOOK:
        algo_look(b, g)
    elif kind == EV_ALGO_WAKE:
        algo_wake(b, g)
    elif kind == EV_ALGO_SLICE:
        algo_slice(b, g)
    else:
        rivals_answer(b, g)


@kernel
def on_fills(b: Record, g: Record) -> None:
    """Tell makers of version 0.6 that their quotes traded; forget who else was filled."""
    if g.p.high_frequency.kind == TOKEN_MAKERS:
        for k in range(b.touched_count):
            i = b.touched[k] - g.slot_makers
            if 0 <= i < int(g.p.high_frequency.count):
                token_maker_filled(b, g, i, b.accounts[b.touched[k]].filled)
    clear_touched(b)
