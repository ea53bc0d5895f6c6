"""The figures every miner tracks: where each comes from and what it means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from obmm.lab.first_hour import LATER as AFTER_FIRST_HOUR
from obmm.lab.first_hour import TOO_SHORT
from obmm.lab.report.eras import EraScore, constants_at
from obmm.lab.report.measure import Figure, Measure, of_books, of_score
from obmm.lab.report.measures_later import LATER
from obmm.lab.report.run import RunData
from obmm.lab.report.targets import Threshold
from obmm.scoring import summary_score
from obmm.scoring.eras import DAY_NS, EraConstants


@attrs.frozen(kw_only=True)
class Reach:
    """The largest value that an era's rules let anyone keep up, and why."""

    ceiling: float
    why: str


def reach(key: str, run: RunData, threshold: Threshold) -> Reach | None:
    """How far a figure can go under the rules of the run's era at its venue; None without a bound.

    The volume of the last 60 to 70 minutes stands against a cap of 24 hours, and the venue enforces its own.
    """
    if key not in ("activity_factor", "score") or not run.about["venue"]["turnover_cap_quote"]:
        return None
    era = constants_at(run.era, run.about["venue"])
    if era.mechanism != "sharpe":
        return None
    cap, per_day = era.volume_cap_quote, min(run.about["venue"]["turnover_cap_quote"])
    factor = sustainable_factor(era, min(cap, per_day))
    if key == "score":
        return Reach(
            ceiling=factor * era.sharpe_weight,
            why=(
                f"The raw score is at most 2, and {factor:.2f} at a volume that can be kept up; 0.5 is flat. "
                "Figures of 4 to 5 appear only after the multiplication by rank (Pareto), which depends on "
                "how good the others are."
            ),
        )
    wanted = threshold.target_min or factor
    burst = (wanted - 1.0) * cap
    return Reach(
        ceiling=factor,
        why=(
            f"The factor is 1 + volume of the last 60 to 70 minutes / {cap:,.0f}, and a book closes after "
            f"{per_day:,.0f} in 24 hours: an even pace gives at most {factor:.3f}. A factor of {wanted:g} "
            f"takes {burst:,.0f} within about an hour, {100.0 * burst / per_day:.0f} % of the day's volume."
        ),
    )


def sustainable_factor(era: EraConstants, per_day_quote: float) -> float:
    """Activity factor of a book that trades `per_day_quote` in 24 hours at an even pace, at its best moment.

    >>> from obmm.scoring import ERAS
    >>> round(sustainable_factor(ERAS["0.1.51"], 2_000_000.0), 3)
    1.049
    """
    seen_ns = era.sharpe_lookback * era.publish_interval_ns + era.volume_sample_ns
    return 1.0 + per_day_quote * seen_ns / DAY_NS / era.volume_cap_quote


def _sharpe_detail(scored: EraScore, threshold: Threshold) -> str:
    figures = scored.figures
    mean, total = _figure(figures["sharpe_average"]), _figure(figures["sharpe_total"])
    return f"mean {mean}, of the summed value {total}"


def _sharpe_books_detail(scored: EraScore, threshold: Threshold) -> str:
    sharpe, words = scored.books["sharpe"], []
    if threshold.target_min is not None:
        words.append(f"{_count(sharpe > threshold.target_min)} above {threshold.target_min:g}")
    if threshold.alert_below is not None:
        words.append(f"{_count(sharpe < threshold.alert_below)} below {threshold.alert_below:g}")
    return f"of {sharpe.size} books {', '.join(words)}" if words else ""


def _activity_detail(scored: EraScore, threshold: Threshold) -> str:
    factor = scored.books["activity_factor"]
    idle = _count(factor < 1.0)
    return f"{factor.min():.2f} to {factor.max():.2f}; {idle} of {factor.size} books below 1"


def _score_detail(scored: EraScore, threshold: Threshold) -> str:
    figures, factor = scored.figures, float(np.median(scored.books["activity_factor"]))
    quoted = summary_score(figures["sharpe_median"], factor, figures["penalty"])
    return f"{scored.equation}; the quoted formula, Sharpe × activity − penalty, gives {_figure(quoted)}"


def _penalty_detail(scored: EraScore, threshold: Threshold) -> str:
    score = scored.books["score"]
    return f"weakest book scores {np.nanmin(score):.3f}, median book {np.nanmedian(score):.3f}"


def _pnl(run: RunData, threshold: Threshold) -> Figure:
    told = run.summary
    if told["pnl_per_book_hour"] is None:
        return Figure(value=None, missing="the run is of one state")
    detail = f"{_figure(told['pnl'])} in all; fees and rebates {_figure(-told['fees'])}"
    return Figure(value=told["pnl_per_book_hour"], detail=detail)


def _later(run: RunData, threshold: Threshold) -> Figure:
    told = run.summary
    if told[AFTER_FIRST_HOUR] is None:
        return Figure(value=None, missing=TOO_SHORT)
    first = told["pnl_first_hour"] / run.n_books
    return Figure(value=told[AFTER_FIRST_HOUR], detail=f"{_figure(first)} per book in the first hour")


def _win_rate(run: RunData, threshold: Threshold) -> Figure:
    fills = run.summary["fills"]
    return _share(
        run.summary["win_rate"],
        f"of {fills:,} fills; 60 s markout {_figure(run.summary['markout_bps']['60s'])} bp",
        "no fill is 60 s old" if fills else "no fills",
    )


def _fill_rate(run: RunData, threshold: Threshold) -> Figure:
    posted = run.summary["orders_posted"]
    return _share(run.summary["fill_rate"], f"of {posted:,} orders posted", "no order was posted")


def _response(run: RunData, threshold: Threshold) -> Figure:
    ms = run.summary["respond_ms"]
    if ms["p99"] is None:
        return Figure(value=None, missing="no answer was timed")
    return Figure(value=ms["p99"], detail=f"median {ms['p50']:.1f} ms, slowest {ms['max']:.0f} ms")


def _inventory(run: RunData, threshold: Threshold) -> Figure:
    most = [book["max_limit_share"] for book in run.summary["per_book"]]
    known = [share for share in most if share is not None]
    detail = f"median book reached {100.0 * np.median(known):.0f} %" if known else ""
    return _share(run.summary["inventory"]["max_limit_share"], detail, _NO_LIMIT)


def _at_limit(run: RunData, threshold: Threshold) -> Figure:
    share = run.series.at_limit
    if not np.isfinite(share).any():
        return Figure(value=None, missing=_NO_LIMIT)
    n = _count(share > 0.0)
    detail = f"{n} of {share.size} books were ever there" if n else "no book ever was"
    return _share(float(np.nanmax(share)), detail, "")


_NO_LIMIT = "no gate sets a position limit"


def _share(share: float | None, detail: str, missing: str) -> Figure:
    return (
        Figure(value=None, missing=missing) if share is None else Figure(value=100.0 * share, detail=detail)
    )


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".replace("-", "−")


def _count(flags: Any) -> int:
    return int(np.count_nonzero(flags))


MEASURES: Mapping[str, Measure] = {
    measure.key: measure
    for measure in (
        Measure(
            key="pnl_per_book_hour",
            label="P&L per book and hour",
            unit="",
            digits=2,
            definition=(
                "What trading earned against holding the starting endowment, fees and rebates included, "
                "quote. It is the one figure that means the same under any rules."
            ),
            read=_pnl,
        ),
        Measure(
            key=AFTER_FIRST_HOUR,
            label="P&L per book and hour after the first hour",
            unit="",
            digits=2,
            definition=(
                "What trading earned from the end of the first simulated hour on, quote. A market may pay at "
                "its opening what it never pays again; this is what lasts."
            ),
            read=_later,
        ),
        *LATER,
        Measure(
            key="sharpe",
            label="Sharpe, median book",
            unit="",
            digits=2,
            mechanism="sharpe",
            definition=(
                "√n · mean / standard deviation of a book's one-second changes of inventory value over the "
                "last hour, of the median book. A t-statistic, not an annualised ratio: flat is 0, and the "
                "score counts nothing beyond ±10. The score follows the median book, not the sum."
            ),
            read=of_books("sharpe", 50.0, _sharpe_detail),
        ),
        Measure(
            key="sharpe_books",
            label="Sharpe, weaker books",
            unit="",
            digits=2,
            mechanism="sharpe",
            definition=(
                "The same ratio at the lower quartile: three books of four are above it. Outliers are "
                "measured from this quartile downwards."
            ),
            read=of_books("sharpe", 25.0, _sharpe_books_detail),
        ),
        Measure(
            key="activity_factor",
            label="Activity factor",
            unit="",
            digits=3,
            mechanism="sharpe",
            definition=(
                "1 + traded volume of the last 60 to 70 minutes over the daily volume cap, at most 2; of the "
                "median book. 0 before a book's first trade; a book that stops trading loses half of it in "
                "five hours. Above 1 it multiplies books whose Sharpe is positive and costs the others."
            ),
            read=of_books("activity_factor", 50.0, _activity_detail),
        ),
        Measure(
            key="score",
            label="Score",
            unit="",
            digits=3,
            mechanism="sharpe",
            definition=(
                "Median over the books of normalised Sharpe × activity, less the outlier penalty, before "
                "ranks. 0.5 is a flat miner that trades on every book."
            ),
            read=of_score("score", _score_detail),
        ),
        Measure(
            key="outlier_penalty",
            label="Outlier penalty",
            unit="",
            digits=3,
            mechanism="sharpe",
            definition=(
                "(0.5 − mean of the outliers) / 1.5, where outliers are books more than 1.5 interquartile "
                "ranges below the lower quartile; nothing if their mean is above 0.5, at most 1/3."
            ),
            read=of_score("penalty", _penalty_detail),
        ),
        Measure(
            key="win_rate_pct",
            label="Win rate",
            unit="%",
            digits=1,
            definition=(
                "Share of own fills after which the mid, 60 s later, is on the winning side of the price of "
                "the fill. Fees are left out; fills younger than 60 s are not counted."
            ),
            read=_win_rate,
        ),
        Measure(
            key="fill_rate_pct",
            label="Fill rate",
            unit="%",
            digits=1,
            definition="Share of the limit orders that reached the book and traded, in part or in full.",
            read=_fill_rate,
        ),
        Measure(
            key="response_time_ms",
            label="Response time",
            unit="ms",
            digits=1,
            definition=(
                "Time from a decoded state to its orders, on the machine of the run: 99 of 100 answers were "
                "faster. Network and decoding come on top; the venue's own delay was set by the run."
            ),
            read=_response,
        ),
        Measure(
            key="inventory_reached_pct",
            label="Inventory reached",
            unit="%",
            digits=1,
            definition=(
                "Largest position that any book held at the end of a state, of the limit that the risk gates "
                "set at that moment. Positions are measured against the starting endowment."
            ),
            read=_inventory,
        ),
        Measure(
            key="time_at_limit_pct",
            label="Time at the limit",
            unit="%",
            digits=2,
            definition=(
                "Share of the states at which a position stood at its limit or beyond, on the book that was "
                "there longest."
            ),
            read=_at_limit,
        ),
    )
}
