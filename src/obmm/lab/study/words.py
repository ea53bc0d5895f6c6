"""What a study found, in words, the same on the page and in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from obmm.lab.study.findings import SignalStudy
from obmm.lab.study.result import Study


def sentence(signal: SignalStudy) -> str:
    """What a signal is worth, in words."""
    shown = [h for h in signal.horizons if h.shown]
    best = signal.best
    if not np.isfinite(best.correlation):
        return f"{signal.name} does not vary, or is not known."
    if not shown:
        short = not any(np.isfinite(h.low) for h in signal.horizons)
        return f"{signal.name}: {'too little time to tell' if short else 'nothing shown at any horizon'}."
    word = "leads" if best.correlation > 0.0 else "is contrarian"
    line = (
        f"{signal.name} {word}: {best.correlation:+.3f} at {best.horizon_s:g} s "
        f"({best.low:+.3f} … {best.high:+.3f}), {share(best.hit_rate)} of signs, "
        f"{best.bps_per_deviation:+.2f} bp per deviation."
    )
    past = max(signal.horizons, key=lambda h: abs(np.nan_to_num(h.contemporaneous)))
    if abs(past.contemporaneous) > 1.5 * abs(best.correlation):
        line += (
            f" It tells more of the past: {past.contemporaneous:+.3f} with the return of the last "
            f"{past.horizon_s:g} s."
        )
    if "half" in best.reading:
        line += " The halves of the time disagree about the sign."
    return line


def together(found: Study) -> Iterator[str]:
    """What a combination is worth, in words."""
    blend = found.blend
    if blend is None:
        if len(found.signals) > 1:
            yield f"No combination: {no_blend(found)}."
        return
    if len(blend.weights) == 1:
        yield f"{blend.single} out of sample, for the next {blend.horizon_s:g} s: {blend.correlation:+.3f}."
        return
    yield (
        f"Together, for the next {blend.horizon_s:g} s: {blend.correlation:+.3f} out of sample "
        f"({signed(blend.low)} … {signed(blend.high)}), {share(blend.hit_rate)} of signs; "
        f"{blend.in_sample:+.3f} where it was fitted. The best signal alone, {blend.single}: "
        f"{blend.single_correlation:+.3f} out of sample. Where the weighted sum is 1, the price has gone "
        f"{blend.bps_per_unit:+.1f} bp."
    )
    more = f"{signed(blend.steps_more)}, {between(blend.steps_more_low, blend.steps_more_high, signed)}"
    yield (
        f"As a sum of monotone steps in place of weights: {signed(blend.steps_correlation)} out of sample "
        f"({between(blend.steps_low, blend.steps_high, signed)}); beyond the weights {more}. "
        + (
            "What they know bends: a threshold or a bounded transform says more than a weight."
            if blend.bends
            else "Weights say as much, as far as can be told."
        )
    )
    if not blend.shown:
        yield "That is not shown to be more than chance: these weights are no reason to lean."
    if abs(blend.mean) > 0.1:
        yield f"The weighted sum is {blend.mean:+.2f} on average: a lean whatever the market does."
    for name, why in found.left_out.items():
        yield f"{name} is left out of it: it {why}."


def no_blend(found: Study) -> str:
    """Why a study proposes no combination."""
    if found.left_out:
        why = "; ".join(f"{name} {reason}" for name, reason in found.left_out.items())
        return f"no signal can be weighed ({why})"
    return "a combination needs a signal that varies, and six stretches of time longer than its horizon"


def between(low: float, high: float, told: Callable[[float], str]) -> str:
    """An interval, or a dash where it is not known."""
    return f"{told(low)} … {told(high)}" if np.isfinite(low) else "–"


def signed(value: float) -> str:
    """A correlation, or a dash where it is not known."""
    return f"{value:+.3f}" if np.isfinite(value) else "–"


def share(value: float) -> str:
    """A share as per cent, or a dash."""
    return f"{100.0 * value:.1f} %" if np.isfinite(value) else "–"
