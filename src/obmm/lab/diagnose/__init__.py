"""What costs a run its score, and what to change: findings with evidence, ranked, and a configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs

from obmm.lab.diagnose.case import Case
from obmm.lab.diagnose.finding import Change, Finding
from obmm.lab.diagnose.lean import unrecorded
from obmm.lab.diagnose.of_fills import adverse_selection, fees, too_few_fills, wrong_lean
from obmm.lab.diagnose.of_holding import held_positions
from obmm.lab.diagnose.of_orders import closed_sides, rejects, slow_answers, stuck_at_limit
from obmm.lab.diagnose.of_score import endowment_drift, idle_books, low_ratio, outliers
from obmm.lab.diagnose.proposal import Proposal, propose
from obmm.lab.diagnose.thresholds import Thresholds
from obmm.lab.recorded import Run
from obmm.lab.score import era_of_run
from obmm.settings.books import ranges

__all__ = ["Change", "Diagnosis", "Finding", "Proposal", "Thresholds", "diagnose"]

FAMILIES: tuple[Callable[[Case], Iterator[Finding]], ...] = (
    low_ratio,
    idle_books,
    outliers,
    endowment_drift,
    adverse_selection,
    wrong_lean,
    held_positions,
    too_few_fills,
    fees,
    stuck_at_limit,
    closed_sides,
    rejects,
    slow_answers,
)


@attrs.frozen(kw_only=True)
class Diagnosis:
    """The findings of one account of a run under one era.

    Attributes:
        run: Folder of the run.
        uid: The account.
        name: Its configuration.
        config_hash: Hash of that.
        era: Version of the rules.
        score: Raw score of the last scoring; under 0.6 the share of the emission within the run's field.
        notes: What to know before reading on.
        findings: Costliest first.
        proposal: What to run next.
    """

    run: str
    uid: int
    name: str
    config_hash: str
    era: str
    score: float
    notes: tuple[str, ...]
    findings: tuple[Finding, ...]
    proposal: Proposal

    def as_table(self) -> dict[str, Any]:
        """Plain values."""
        table = {name: getattr(self, name) for name in ("run", "uid", "name", "config_hash", "era", "score")}
        table["notes"] = list(self.notes)
        table["findings"] = [finding.as_table() for finding in self.findings]
        for name in ("changes", "dropped"):
            changes = getattr(self.proposal, name)
            table[name] = [
                {"finding": kind, "place": c.place, "old": c.old, "new": c.new} for kind, c in changes
            ]
        table["proposal"] = self.proposal.toml
        return table


def diagnose(
    run: Run, era: str | None = None, uid: int = 0, thresholds: Thresholds | None = None
) -> Diagnosis:
    """Find what costs an account its score, and propose a configuration.

    A finding's cost is the difference between the run's score and the score recomputed from its records with
    the cause taken out. Where the records do not allow that, the cost is told in money, and the finding says
    so. No counterfactual lets the market answer: queues, other miners and our own later quotes stay as they
    were.

    Args:
        run: A recorded run.
        era: Version of the rules, a key of `obmm.scoring.ERAS`; that of the run's scenario if not given.
        uid: Account, 0 for the agent.
        thresholds: Where findings begin.

    Raises:
        ConfigError: The account's configuration cannot be rebuilt from the records.
    """
    limits = thresholds or Thresholds()
    era = era or era_of_run(run.about)
    case = Case.of(run, era, uid, limits)
    findings = sorted((f for family in FAMILIES for f in family(case)), key=lambda finding: finding.rank)
    account = run.about["accounts"][str(uid)]
    return Diagnosis(
        run=str(run.folder),
        uid=uid,
        name=str(account["name"]),
        config_hash=str(account["config_hash"]),
        era=era,
        score=case.base.score,
        notes=tuple(_notes(case)),
        findings=tuple(findings),
        proposal=propose(run, uid, findings, era, limits.least_cost),
    )


def _notes(case: Case) -> Iterator[str]:
    if not case.base.complete:
        yield (
            f"The run is too short, or traded too little, for {case.era.version} to score books; "
            "costs are told in money only."
        )
    if case.era.mechanism == "debeta":
        yield (
            "Score is the share of the emission, before smoothing, among the accounts of this run; "
            "fees do not enter."
        )
    if (signal := unrecorded(case)) is not None:
        yield (
            f"The records hold no values of the signal {signal!r} that quotes lean with, as those of earlier "
            "versions do: whether it leans the wrong way is not looked at. Run it again to know."
        )
    if several := case.summary["pipelines"]:
        told = "; ".join(
            f"{p['name']} on books {ranges(p['books']) or 'none'}: {p['pnl']:+,.2f} quote"
            + (f", p {p['p']:.3f}" if p.get("p") is not None else "")
            for p in several
        )
        yield f"Several pipelines ran, and what is proposed is the first alone. {told}."
    if case.run.early:
        yield f"The run {case.run.early}."
