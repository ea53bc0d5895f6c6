"""The fundamental price: a jump diffusion with a fractional part.

    F(t) = F0 exp((mu - sigma²/2) t + sigma W + eps B_H - eps²/2 t^2H + J),  t in days

The fractional increments are drawn one by one from their exact conditional law (Durbin and Levinson), so
that a path may be continued as long as a simulation runs.
"""

from __future__ import annotations

import math

from obmm.sim._jit import Record, kernel
from obmm.sim._random import Stream, normal, poisson
from obmm.sim.background._layout import DAY_S


@kernel
def fgn_autocovariance(hurst: float, lag: int) -> float:
    """Autocovariance of fractional Gaussian noise of unit variance (Mandelbrot and Van Ness 1968)."""
    k = float(abs(lag))
    power = 2.0 * hurst
    return float(0.5 * (abs(k - 1.0) ** power - 2.0 * k**power + (k + 1.0) ** power))


@kernel
def next_fgn(g: Record, rng: Stream, hurst: float) -> float:
    """The next value of unit fractional Gaussian noise given all before it, at most FGN_SLOTS of them."""
    n = g.updates
    gamma, phi, past = g.fgn_gamma, g.fgn_phi, g.fgn_past
    gamma[n] = fgn_autocovariance(hurst, n)
    if n == 0:
        g.fgn_variance = 1.0
    else:
        reflection = gamma[n]
        for j in range(n - 1):
            reflection -= phi[j] * gamma[n - 1 - j]
        reflection /= g.fgn_variance
        for j in range(n // 2):
            near, far = phi[j], phi[n - 2 - j]
            phi[j] = near - reflection * far
            phi[n - 2 - j] = far - reflection * near
        phi[n - 1] = reflection
        g.fgn_variance *= 1.0 - reflection * reflection
    mean = 0.0
    for j in range(n):
        mean += phi[j] * past[n - 1 - j]
    past[n] = mean + math.sqrt(g.fgn_variance) * normal(rng)
    g.updates = n + 1
    return float(past[n])


@kernel
def update_fundamental(g: Record, rng: Stream) -> None:
    """Move the fundamental price of book background `g` by one update period."""
    p = g.p.fundamental
    dt = p.update_s / DAY_S
    g.brownian += math.sqrt(dt) * normal(rng)
    for _ in range(poisson(rng, p.jumps_per_update)):
        g.jumps += p.jump_mean + p.jump_sd * normal(rng)
    g.fractional += dt**p.hurst * next_fgn(g, rng, p.hurst)
    t = dt * g.updates
    sigma, epsilon = p.sigma_per_sqrt_day, p.fractional_weight
    g.fundamental = (0.01 * g.initial_tick) * math.exp(
        (p.drift_per_day - 0.5 * sigma * sigma) * t
        + sigma * g.brownian
        + epsilon * g.fractional
        - 0.5 * epsilon * epsilon * t ** (2 * p.hurst)
        + g.jumps
    )
