"""`obmm diagnose`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from obmm.cli._errors import UsageError, needs
from obmm.cli._inputs import newest_run_of, run_of
from obmm.cli._output import console, number, print_json, table
from obmm.cli._parameters import Flag, Whole

if TYPE_CHECKING:
    from obmm.lab.diagnose import Diagnosis, Finding


def diagnose(
    run: Path,
    /,
    *,
    last: str | None = None,
    era: str | None = None,
    uid: Whole = 0,
    out: Path | None = None,
    json: Flag = False,
) -> None:
    """Say what costs a run its score, costliest first, and propose a configuration.

    A finding comes with its evidence and with the score recomputed from the run's records as if its cause
    were gone; where that cannot be told, with the money it cost. The proposal runs at once.

        obmm diagnose runs/first --era 0.1.51 --out proposal.toml
        obmm simulate --preset proposal.toml
        obmm diagnose recordings/main --last 6h

    Args:
        run: Folder of the run, or a live recording of one simulation.
        last: Of a live recording, which may still grow, only the newest: `30m`, `6h`, `2d`.
        era: Rules to score by: `0.1.9`, `0.1.51`, `0.3.5`, `0.4.5`, `0.5.4`, `0.5.5` or `0.6.3`;
            those of the run's scenario if not given.
        uid: Account: 0 is the agent, the others are its rivals.
        out: File for the proposal; printed if not given.
        json: Print JSON for machines.
    """
    needs("pyarrow")
    from obmm.lab.diagnose import diagnose as examine
    from obmm.lab.recorded import Run
    from obmm.scoring import ERAS
    from obmm.settings.errors import did_you_mean

    if era is not None and era not in ERAS:
        raise UsageError(f"no scoring era is called {era!r}; {did_you_mean(era, ERAS)}")
    recorded = Run(run_of(run) if last is None else newest_run_of(run, last))
    if str(uid) not in recorded.about["accounts"]:
        raise UsageError(f"the run has no account {uid}; there are {', '.join(recorded.about['accounts'])}")
    found = examine(recorded, era, uid)
    if out is not None:
        if out.suffix != ".toml":
            raise UsageError(f"the proposal is TOML: call it {out.with_suffix('.toml')}")
        found.proposal.resolves(out.resolve().parent)
        out.write_text(found.proposal.toml, encoding="utf-8")
    if json:
        print_json(found.as_table())
        return
    _print(found, out)


def _print(found: Diagnosis, out: Path | None) -> None:
    show = console()
    what = f"[bold]{found.name}[/bold], hash {found.config_hash}, under {found.era}"
    show.print(f"{what}: score {number(found.score)}\n")
    for note in found.notes:
        show.print(note)
    rows = [
        (f"{i}. {f.kind}", f.title, _signed(f.cost), number(f.cost_quote))
        for i, f in enumerate(found.findings, start=1)
    ]
    if not rows:
        show.print("Nothing found that costs this run anything worth a change.")
        return
    listed = table("Findings", ("finding", "what", "score lost", "quote lost"), rows, text_columns=2)
    show.print(listed, "")
    for i, finding in enumerate(found.findings, start=1):
        _explain(i, finding)
    for kind, change in found.proposal.dropped:
        show.print(
            f"Left out, already decided by a costlier finding: {change.place} = {change.new:g} ({kind})"
        )
    if out is not None:
        show.print(f"\nProposal written; run it: obmm simulate --preset {out}", markup=False, soft_wrap=True)
    elif found.proposal.changes:
        show.print("\n[bold]Proposal[/bold] (--out proposal.toml writes it)\n")
        show.print(found.proposal.toml, markup=False, soft_wrap=True)
    else:
        show.print("\nNo option of this pipeline is worth changing on this evidence.")


def _explain(i: int, finding: Finding) -> None:
    show = console()
    show.print(f"[bold]{i}. {finding.title}[/bold]")
    show.print(f"   cost: {finding.basis}", markup=False)
    if finding.books:
        ids = finding.books
        listed = ", ".join(map(str, ids[:12])) + (f" and {len(ids) - 12} more" if len(ids) > 12 else "")
        show.print(f"   books: {listed}")
    for name, value in finding.evidence.items():
        show.print(f"   {name.replace('_', ' ')}: {number(value)}", markup=False)
    for change in finding.changes:
        show.print(f"   → {change.place}: {change.old:g} → {change.new:g}", markup=False)
    if finding.advice:
        show.print(f"   {finding.advice}", markup=False)
    show.print()


def _signed(cost: float | None) -> str:
    return "not computable" if cost is None else f"{cost:+.4f}"
