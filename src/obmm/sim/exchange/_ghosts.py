"""Orders that were filled within the running publish interval.

The venue forgets them at its end only. Until then they count as open, and with `shows_ghosts` agents inside
the market still see their prices, empty: a level that was bought up stays the best one for up to a second.
With `ghosts_hold_a_side` a side of nothing else accepts market orders, which then find nothing.
"""

from __future__ import annotations

from obmm.sim._jit import Record, kernel
from obmm.sim.exchange._book import is_better, next_level
from obmm.sim.exchange._layout import GHOST_LEVELS


@kernel
def leave_ghost(b: Record, agent: int, side: int, tick: int) -> None:
    """An order of `agent` at `tick` was filled."""
    account = b.accounts[agent]
    if account.ghosts == 0:
        b.ghosted[b.ghosted_count] = agent
        b.ghosted_count += 1
    account.ghosts += 1
    b.ghosts[side] += 1
    if not b.shows_ghosts:
        return
    n = b.ghost_levels[side]
    for k in range(n):
        if b.ghost_ticks[side, k] == tick:
            return
    # Beyond the room: a sweep goes from the best price outward, so those left out are the last to matter.
    if n < GHOST_LEVELS:
        b.ghost_ticks[side, n] = tick
        b.ghost_levels[side] = n + 1


@kernel
def forget_ghosts(b: Record) -> None:
    """The interval ends."""
    for i in range(b.ghosted_count):
        b.accounts[b.ghosted[i]].ghosts = 0
    b.ghosted_count = 0
    b.ghosts[:] = 0
    b.ghost_levels[:] = 0


@kernel
def seen_level(b: Record, side: int, tick: int) -> int:
    """The next worse price that agents see, 0 if there is none; `tick` 0 asks for the best one."""
    best = next_level(b, side, tick)
    for k in range(b.ghost_levels[side]):
        ghost = b.ghost_ticks[side, k]
        behind = tick == 0 or is_better(side, tick, ghost)
        if behind and (best == 0 or is_better(side, ghost, best)):
            best = ghost
    return int(best)
