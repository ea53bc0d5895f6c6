"""Herding of the noise traders: an Ising-like square of spins with a pull against the majority.

Sites have eight neighbours and open boundaries; single-site updates follow Glauber (1963) with the local
field  h = sum of neighbours - alpha s |M|.
"""

from __future__ import annotations

import math

from obmm.sim._jit import Record, kernel
from obmm.sim._random import Stream, integer_below, uniform


@kernel
def up_probability(neighbours: int, spin: int, magnetization: float, alpha: float, beta: float) -> float:
    """Probability that a site is +1 after its update."""
    field = neighbours - alpha * spin * abs(magnetization)
    return 1.0 / (1.0 + math.exp(-2.0 * beta * field))


@kernel
def neighbour_sum(g: Record, row: int, column: int, side: int) -> int:
    """Sum of the spins around a site."""
    total = 0
    for i in range(max(row - 1, 0), min(row + 2, side)):
        for j in range(max(column - 1, 0), min(column + 2, side)):
            total += g.spins[i, j]
    return int(total - g.spins[row, column])


@kernel
def update_site(g: Record, rng: Stream, site: int) -> None:
    """One Glauber update of `site`; the magnetization stays as it was."""
    side = int(g.p.field.side)
    row, column = site // side, site % side
    up = up_probability(
        neighbour_sum(g, row, column, side),
        g.spins[row, column],
        g.magnetization,
        g.p.field.alpha,
        g.p.field.beta,
    )
    g.spins[row, column] = 1 if uniform(rng) < up else -1


@kernel
def measure_magnetization(g: Record) -> float:
    """Mean spin."""
    side = int(g.p.field.side)
    total = 0
    for i in range(side):
        for j in range(side):
            total += g.spins[i, j]
    return total / (side * side)


@kernel
def start_field(g: Record, rng: Stream) -> None:
    """Independent fair spins."""
    side = int(g.p.field.side)
    for i in range(side):
        for j in range(side):
            g.spins[i, j] = 1 if uniform(rng) < 0.5 else -1
    g.magnetization = measure_magnetization(g)
    g.magnetization_return = 0.0


@kernel
def update_field(g: Record, rng: Stream) -> None:
    """Update as many random sites as there are, less one, then measure."""
    sites = int(g.p.field.side) ** 2
    for _ in range(sites - 1):
        update_site(g, rng, integer_below(rng, sites))
    before = g.magnetization
    g.magnetization = measure_magnetization(g)
    g.magnetization_return = g.magnetization - before
