"""A comparison in plain words."""

from __future__ import annotations

import math

from obmm.lab.compare.comparison import ALL, Comparison, Difference
from obmm.lab.compare.statistics import ALPHA, Interval
from obmm.lab.trials import Metric

#: Fewer seeds can show nothing: a coin falls five times on the same side more often than once in twenty.
LEAST_SEEDS = 6
#: More seeds than anybody will wait for.
_TOO_MANY = 2_000


def verdict(comparison: Comparison) -> str:
    """All challengers in sentences, by the metric that decides."""
    return " ".join(sentences(comparison, comparison.question.metrics[0]))


def sentences(comparison: Comparison, metric: Metric) -> list[str]:
    """What is to be said of a metric: of each challenger, or once why nothing is known of any."""
    found = comparison.differences(metric)
    if all(d.missing for d in found):
        return [f"No {metric.words}: {found[0].missing}."]
    return [sentence(d, comparison) for d in found]


def sentence(d: Difference, comparison: Comparison) -> str:
    """One challenger: better, worse, or cannot tell yet, and what would."""
    where = f" on {d.market}" if d.market != ALL else ""
    words = d.metric.words
    if d.missing:
        return f"Cannot tell whether {d.b} is better than {d.a}{where}: {d.missing}."
    if d.nothing:
        what = "every figure is" if _all_same(d, comparison) else f"{words} is"
        return f"{d.b} and {d.a} do not differ{where}: {what} the same on all {_seeds(len(d.seeds))}."
    sure = f"{_range(d)}, {_seeds(len(d.seeds))}, p {p_words(d.p)}"
    if d.metric.neutral:
        way = "more" if d.interval.mean > 0.0 else "less"
        if d.settled:
            return f"{d.b} has {way} than {d.a}{where}: {_name(words)} {_amount(d)} ({sure})."
        doubt = f"Cannot tell yet whether {d.b} has more or less than {d.a}{where}"
        return f"{doubt}: {_name(words)} {_amount(d)} ({sure}). {outlook(d)}"
    if d.better is not None:
        way = "better" if d.better else "worse"
        by = f"{_amount(d)}"
        return f"{d.b} is {way} than {d.a}{where}: {_name(words)} {by} ({sure})."
    return (
        f"Cannot tell yet whether {d.b} is better than {d.a}{where}: {_name(words)} "
        f"{_amount(d)} ({sure}). {outlook(d)}"
    )


def judged(d: Difference) -> str:
    """The verdict on a challenger in a word or two."""
    if d.missing:
        return "no figure"
    if d.nothing:
        return "no difference"
    if d.metric.neutral and d.settled:
        return "more" if d.interval.mean > 0.0 else "less"
    return {None: "cannot tell", True: "better", False: "worse"}[d.better]


def held(interval: Interval) -> str:
    """An interval from end to end, or a dash where it has none."""
    known = math.isfinite(interval.low) and math.isfinite(interval.high)
    return f"{signed(interval.low)} to {signed(interval.high)}" if known else "–"


def outlook(d: Difference) -> str:
    """What it would take to tell."""
    n = len(d.seeds)
    if n < LEAST_SEEDS:
        return f"Fewer than {LEAST_SEEDS} seeds cannot show anything: add {LEAST_SEEDS - n} or more."
    shows = f"So many seeds show a difference from {plain(d.detectable)} on"
    if not d.needed < _TOO_MANY:
        return f"{shows}; if there is one, it is too small to be worth looking for."
    more = max(int(d.needed) - n, 1)
    return f"{shows}; one as large as this takes some {int(max(d.needed, n + 1))}: {more} more."


def signed(value: float) -> str:
    """A difference with its sign, in the digits that count."""
    shown = plain(abs(value))
    return shown if shown == "0" else f"{'+' if value > 0.0 else '−' if value < 0.0 else ''}{shown}"


def plain(value: float) -> str:
    """A figure in the digits that count.

    >>> plain(1234.5), plain(12.345), plain(0.01234), plain(0.0), plain(1.7e-11)
    ('1,234', '12.3', '0.0123', '0', '0')
    """
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "any size"
    # Sums of money are rounded to a hundred-millionth; what is smaller is the computer's.
    size = abs(value) if abs(value) >= 1e-9 else 0.0
    value = value if size else 0.0
    digits = 0 if size >= 100.0 or size == 0.0 else 2 - math.floor(math.log10(size))
    return f"{value:,.{digits}f}".replace("-", "−")


def p_words(p: float) -> str:
    """A p-value.

    >>> p_words(0.03125), p_words(0.00001)
    ('0.031', 'below 0.001')
    """
    return "–" if math.isnan(p) else "below 0.001" if p < 0.001 else f"{p:.3f}"


def _range(d: Difference) -> str:
    held = f"{1.0 - ALPHA:.0%} interval"
    if math.isinf(d.interval.low) or math.isnan(d.interval.low):
        return f"no {held} yet"
    return f"{held} {signed(d.interval.low)} to {signed(d.interval.high)}"


def _all_same(d: Difference, comparison: Comparison) -> bool:
    names = {arm.name: arm.config.hash for arm in comparison.question.arms}
    if names[d.a] == names[d.b]:
        return True
    a, b = (comparison.played(arm, d.market, d.seeds) for arm in (d.a, d.b))
    return all(
        left.digest == right.digest
        for x, y in zip(a, b, strict=True)
        for left, right in zip(x, y, strict=True)
    )


def _seeds(n: int) -> str:
    return f"{n} seed{'' if n == 1 else 's'}"


def _name(words: str) -> str:
    return words.rpartition(", ")[0] or words


def _amount(d: Difference) -> str:
    return f"{signed(d.interval.mean)} {_unit(d.metric.words)}".strip()


def _unit(words: str) -> str:
    return words.rpartition(", ")[2] if ", " in words else ""
