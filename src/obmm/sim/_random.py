"""Random streams: one per (run seed, book, class), the same in every process and Python version.

The generator is xoshiro256++ (Blackman and Vigna 2021), seeded by splitmix64. A stream is a row of four
uint64. Samplers use a fixed number of draws wherever the law allows it, so that two runs that differ in one
parameter stay close.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from obmm.sim._jit import kernel

Stream = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_A = np.uint64(0xBF58476D1CE4E5B9)
_MIX_B = np.uint64(0x94D049BB133111EB)
_S11, _S17, _S23, _S27, _S30 = (np.uint64(n) for n in (11, 17, 23, 27, 30))
_S31, _S41, _S45, _S19 = (np.uint64(n) for n in (31, 41, 45, 19))
_UNIT = 1.0 / (1 << 53)


@kernel
def mix(word: np.uint64) -> np.uint64:
    """The splitmix64 output function: every bit of `word` reaches every bit of the result."""
    word = (word ^ (word >> _S30)) * _MIX_A
    word = (word ^ (word >> _S27)) * _MIX_B
    result: np.uint64 = word ^ (word >> _S31)
    return result


@kernel
def seed_stream(rng: Stream, seed: int, book: int, name: int) -> None:
    """Set `rng` (4,) to the start of stream `name` of `book` in the run `seed`."""
    word = mix(np.uint64(seed) + _GOLDEN)
    word = mix(word + np.uint64(book) + _GOLDEN)
    word = mix(word + np.uint64(name) + _GOLDEN)
    for i in range(4):
        word += _GOLDEN
        rng[i] = mix(word)


@kernel
def next_word(rng: Stream) -> np.uint64:
    """The next 64 random bits."""
    s0, s1, s2, s3 = rng[0], rng[1], rng[2], rng[3]
    total = s0 + s3
    result: np.uint64 = ((total << _S23) | (total >> _S41)) + s0
    shifted = s1 << _S17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = (s3 << _S45) | (s3 >> _S19)
    rng[0], rng[1], rng[2], rng[3] = s0, s1, s2, s3
    return result


@kernel
def uniform(rng: Stream) -> float:
    """Uniform on [0, 1)."""
    return float(next_word(rng) >> _S11) * _UNIT


@kernel
def uniform_between(rng: Stream, low: float, high: float) -> float:
    """Uniform on [low, high)."""
    return low + (high - low) * uniform(rng)


@kernel
def integer_below(rng: Stream, n: int) -> int:
    """Uniform integer 0 … n-1."""
    return int(uniform(rng) * n)


@kernel
def exponential(rng: Stream) -> float:
    """Unit exponential."""
    return -math.log(1.0 - uniform(rng))


@kernel
def rayleigh(rng: Stream, scale: float) -> float:
    """Rayleigh with mode `scale`."""
    return scale * math.sqrt(2.0 * exponential(rng))


@kernel
def rayleigh_unit(rng: Stream, scale: float) -> float:
    """Rayleigh with mode `scale` truncated to [0, 1], by the inverse of its distribution function."""
    reached = 1.0 - math.exp(-0.5 / (scale * scale))
    return scale * math.sqrt(-2.0 * math.log(1.0 - reached * uniform(rng)))


@kernel
def normal(rng: Stream) -> float:
    """Standard normal (Box and Muller 1958), always two uniforms."""
    radius = math.sqrt(2.0 * exponential(rng))
    return radius * math.cos(2.0 * math.pi * uniform(rng))


@kernel
def lognormal(rng: Stream, log_mean: float, log_sd: float) -> float:
    """Exp of a normal with mean `log_mean` and deviation `log_sd`."""
    return math.exp(log_mean + log_sd * normal(rng))


@kernel
def laplace(rng: Stream, mean: float, scale: float) -> float:
    """Laplace: an exponential of `scale` to either side of `mean`."""
    distance = scale * exponential(rng)
    return mean + distance if uniform(rng) < 0.5 else mean - distance


@kernel
def pareto(rng: Stream, scale: float, shape: float) -> float:
    """Pareto with minimum `scale` and tail exponent `shape`."""
    return scale * math.exp(exponential(rng) / shape)


@kernel
def gamma(rng: Stream, shape: float) -> float:
    """Gamma of unit scale, shape at least 1 (Marsaglia and Tsang 2000)."""
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = normal(rng)
        v = 1.0 + c * x
        if v <= 0.0:
            continue
        v = v * v * v
        if math.log(1.0 - uniform(rng)) < 0.5 * x * x + d - d * v + d * math.log(v):
            return d * v


@kernel
def beta(rng: Stream, a: float, b: float) -> float:
    """Beta with both parameters at least 1."""
    x = gamma(rng, a)
    return x / (x + gamma(rng, b))


@kernel
def poisson(rng: Stream, mean: float) -> int:
    """Poisson by counting exponential gaps: time grows with `mean`, meant for small ones."""
    count = 0
    elapsed = exponential(rng)
    while elapsed < mean:
        count += 1
        elapsed += exponential(rng)
    return count
