"""Everything a report says about one account of one run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from obmm.lab.recorded import Run
from obmm.lab.report.books import BookAnalysis, analyse_books
from obmm.lab.report.eras import EraScore, constants_at, era_scores
from obmm.lab.report.events import (
    Answers,
    FillMarks,
    MarkoutCurves,
    ScoreLine,
    answers_of,
    fees_paid,
    fill_marks,
    markout_curves,
    score_lines,
)
from obmm.lab.report.series import Series, series_of
from obmm.lab.score import era_of_run
from obmm.lab.summary import fills_of, summarise
from obmm.market import FloatArray, IntArray, Reason


@attrs.frozen(kw_only=True)
class Quiet:
    """A reason for which sides of books had no quote.

    Attributes:
        reason: In words.
        share: Share of all sides of all states.
        books: Ids of the books that it kept closed for more than half of the time.
    """

    reason: str
    share: float
    books: tuple[int, ...]


@attrs.frozen(kw_only=True)
class Reject:
    """A reason for which the venue refused instructions.

    Attributes:
        reason: The venue's code.
        count: Instructions refused.
        books: Ids of the books concerned, as far as notices told.
        first_s: When the first notice of it came, simulated seconds after the first state; None without any.
    """

    reason: str
    count: int
    books: tuple[int, ...]
    first_s: float | None


@attrs.frozen(kw_only=True, eq=False)
class RunData:
    """One account of one run.

    Attributes:
        name: What the report calls it.
        folder: Where the run lies.
        uid: The account.
        early: Why there is less of the run than was planned; empty if there is not.
        about: How the run came about: scenario, seed, configuration and its hash, versions, field.
        book_ids: (B,) ids of the books.
        summary: The figures of `obmm simulate`.
        eras: Newest scores by era.
        analyses: What each book did, by era; eras without a score are left out.
        series: What happened state by state.
        fills: Own fills.
        fees: (T,) fees paid at the times of `series.lines`, quote.
        markouts: Markout curves by side.
        answers: Response times.
        scores: Scorings over time, by era.
        quiet: Why sides had no quote, most frequent first.
        rejects: What the venue refused, most frequent first.
    """

    name: str
    folder: str
    uid: int
    early: str
    about: Mapping[str, Any]
    book_ids: IntArray
    summary: Mapping[str, Any]
    eras: Mapping[str, EraScore]
    analyses: Mapping[str, BookAnalysis]
    series: Series
    fills: FillMarks
    fees: FloatArray
    markouts: MarkoutCurves
    answers: Answers
    scores: Mapping[str, ScoreLine]
    quiet: tuple[Quiet, ...]
    rejects: tuple[Reject, ...]

    @property
    def era(self) -> str:
        """The scoring era of its scenario: the rules that its targets are of."""
        return era_of_run(self.about)

    @property
    def n_books(self) -> int:
        """Number of books."""
        return int(self.book_ids.size)


def read_run(run: Run, uid: int, name: str, of: int = 1) -> RunData:
    """Read one account of a run, for a report of so many accounts.

    Raises:
        KeyError: The run has no such account.
        EmptyRun: It holds no state.
    """
    if str(uid) not in run.about["accounts"]:
        raise KeyError(f"{run.folder} has no account {uid}; there are {', '.join(run.about['accounts'])}")
    start_ns = int(run.grid(uid)[0][0])
    summary, fills, series = summarise(run, uid), fills_of(run, uid), series_of(run, uid, of)
    eras = era_scores(run.about, uid, summary["seconds"])
    pnl = np.array([row["pnl"] for row in summary["per_book"]])
    analyses = {
        era: analyse_books(scored, constants_at(era, run.about["venue"]), pnl) for era, scored in eras.items()
    }
    return RunData(
        name=name,
        folder=str(run.folder),
        uid=uid,
        early=run.early,
        about=_about(run.about, uid),
        book_ids=np.array(run.about["venue"]["book_ids"]),
        summary=summary,
        eras=eras,
        analyses={era: analysis for era, analysis in analyses.items() if analysis is not None},
        series=series,
        fills=fill_marks(fills, start_ns, of),
        fees=fees_paid(fills, start_ns, series.lines.time_s),
        markouts=markout_curves(fills),
        answers=answers_of(run, uid),
        scores=score_lines(run, uid, start_ns),
        quiet=_quiet(run, uid),
        rejects=_rejects(run, uid, start_ns),
    )


def _about(about: Mapping[str, Any], uid: int) -> dict[str, Any]:
    account = about["accounts"][str(uid)]
    names = (
        "kind",
        "created",
        "completed",
        "hours_planned",
        "scenario",
        "seed",
        "response_ms",
        "synthetic_rivals",
        "digest",
    )
    told = {name: about[name] for name in (*names, "versions", "venue", "wall_s") if name in about}
    others = {other: entry["name"] for other, entry in about["accounts"].items() if other != str(uid)}
    return told | {
        "config_name": account["name"],
        "config_hash": account["config_hash"],
        "config": account["config"],
        "other_accounts": others,
        "stage_errors": about.get("stage_errors", {}).get(str(uid), 0),
    }


def _quiet(run: Run, uid: int) -> tuple[Quiet, ...]:
    _, (bid, ask) = run.grid(uid, "bid_reason", "ask_reason")
    codes = np.stack([bid, ask]).astype(np.int64)
    told = []
    for code in np.unique(codes).tolist():
        reason = Reason(code)
        if reason.closes:
            closed = codes == code
            books = np.flatnonzero(closed.mean(axis=(0, 1)) > 0.5)
            ids = tuple(run.about["venue"]["book_ids"][b] for b in books)
            words = reason.name.lower().replace("_", " ")
            told.append(Quiet(reason=words, share=float(closed.mean()), books=ids))
    return tuple(sorted(told, key=lambda quiet: -quiet.share))


def _rejects(run: Run, uid: int, start_ns: int) -> tuple[Reject, ...]:
    notices = run.of("rejects", uid)
    counts: dict[str, int] = dict(run.about.get("refused", {}).get(str(uid), {}))
    told = []
    for reason in dict.fromkeys([*counts, *notices["reason"].tolist()]):
        rows = np.flatnonzero(notices["reason"] == reason)
        told.append(
            Reject(
                reason=reason,
                count=max(counts.get(reason, 0), int(rows.size)),
                books=tuple(np.unique(notices["book"][rows]).tolist()),
                first_s=float(notices["time_ns"][rows].min() - start_ns) / 1e9 if rows.size else None,
            )
        )
    return tuple(sorted(told, key=lambda reject: -reject.count))
