"""The data object behind every form of the report: page, terminal and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from obmm._version import __version__
from obmm.lab.recorded import Run
from obmm.lab.report.measure import Figure, Measure
from obmm.lab.report.measures import MEASURES, reach
from obmm.lab.report.run import RunData, read_run
from obmm.lab.report.targets import Status, Threshold, load_targets
from obmm.scoring import ERAS


@attrs.frozen(kw_only=True)
class Reading:
    """A figure of one run, judged.

    Attributes:
        figure: The figure.
        status: What to make of it.
        note: Why its target is out of reach under the era's rules; empty where it is not.
    """

    figure: Figure
    status: Status
    note: str


@attrs.frozen(kw_only=True)
class TargetRow:
    """One figure that miners track, in every run.

    Attributes:
        measure: What it is.
        era: Eras of the runs that it comes from; empty for what holds under any rules.
        threshold: Target and alert.
        readings: One per run.
    """

    measure: Measure
    era: str
    threshold: Threshold
    readings: tuple[Reading, ...]


@attrs.frozen(kw_only=True, eq=False)
class ReportData:
    """Everything a report says, for one account or several side by side.

    Attributes:
        runs: The accounts.
        targets: The table of targets.
        version: Version that built it.
    """

    runs: tuple[RunData, ...]
    targets: tuple[TargetRow, ...]
    version: str = __version__

    @property
    def title(self) -> str:
        """What it is about, in a line."""
        names = [run.name for run in self.runs]
        listed = ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else names[0]
        scenarios = list(dict.fromkeys(str(run.about.get("scenario", "")) for run in self.runs))
        return f"{listed} on {' and '.join(scenarios)}" if any(scenarios) else listed

    @property
    def eras(self) -> list[str]:
        """Eras that any run was scored under."""
        return list(dict.fromkeys(era for run in self.runs for era in run.eras))

    def as_dict(self) -> dict[str, Any]:
        """The same as plain values; arrays stay arrays."""
        return attrs.asdict(self, filter=lambda attribute, _: attribute.name != "read")


def report_on(
    folders: Sequence[Path], *, uids: Sequence[int] = (0,), targets: Path | None = None
) -> ReportData:
    """Read runs, as far as they are on the disk.

    Args:
        folders: Their folders.
        uids: Accounts of each run; 0 is the agent, the others its rivals.
        targets: A file of thresholds of the user's own.

    Raises:
        RunError: A folder holds no run, or one that is damaged.
        KeyError: A run has no such account.
        EmptyRun: A run holds no state.
        ConfigError: The file of targets is not right.
    """
    thresholds = load_targets(targets)
    runs = [Run(folder) for folder in folders]
    accounts = [(run, uid) for run in runs for uid in uids]
    names = names_of([(run.about, uid, run.folder) for run, uid in accounts])
    told = tuple(
        read_run(run, uid, name, of=len(accounts)) for (run, uid), name in zip(accounts, names, strict=True)
    )
    rows = tuple(
        _row(measure, thresholds[key], told, eras)
        for key, measure in MEASURES.items()
        if (eras := _eras_of(measure, told)) is not None
    )
    return ReportData(runs=told, targets=rows)


def names_of(accounts: Sequence[tuple[Mapping[str, Any], int, Path]]) -> list[str]:
    """Short names of (`run.json`, uid, folder) that tell them apart.

    The configuration's name; where two have the same, what they differ in first: scenario, seed, folder, uid;
    at last a number.

    >>> run = lambda name, seed: {"accounts": {"0": {"name": name}}, "seed": seed, "scenario": "s"}
    >>> runs = [run("preset balanced", 1), run("preset balanced", 2), run("preset touch", 1)]
    >>> names_of([(about, 0, Path("runs/x")) for about in runs])
    ['balanced (seed 1)', 'balanced (seed 2)', 'touch']
    """
    names = [
        str(about["accounts"].get(str(uid), {}).get("name", f"account {uid}")).removeprefix("preset ")
        for about, uid, _ in accounts
    ]
    tokens = [
        (str(about.get("scenario", "")), f"seed {about.get('seed', '')}", folder.name, f"uid {uid}")
        for about, uid, folder in accounts
    ]
    for kind in zip(*tokens, strict=True):
        for same in {name for name in names if names.count(name) > 1}:
            rows = [i for i, name in enumerate(names) if name == same]
            if len({kind[i] for i in rows}) > 1:
                for i in rows:
                    names[i] = f"{same} ({kind[i]})"
    return [f"{name} ({i + 1})" if names.count(name) > 1 else name for i, name in enumerate(names)]


def _eras_of(measure: Measure, runs: Sequence[RunData]) -> str | None:
    """Eras of the runs to which a measure applies, empty for all of them; None where it does to none."""
    if not measure.mechanism:
        return ""
    eras = [run.era for run in runs if ERAS[run.era].mechanism == measure.mechanism]
    return ", ".join(dict.fromkeys(eras)) or None


def _row(measure: Measure, threshold: Threshold, runs: Sequence[RunData], eras: str) -> TargetRow:
    readings = []
    for run in runs:
        if measure.mechanism not in ("", ERAS[run.era].mechanism):
            other = Figure(value=None, missing=f"{run.era}, the era of {run.name}, has other rules")
            readings.append(Reading(figure=other, status="no figure", note=""))
            continue
        figure, bound = measure.read(run, threshold), reach(measure.key, run, threshold)
        ceiling = None if bound is None else bound.ceiling
        readings.append(
            Reading(
                figure=figure,
                status=threshold.status(figure.value, ceiling),
                note=bound.why if bound is not None and threshold.out_of_reach(ceiling) else "",
            )
        )
    return TargetRow(measure=measure, era=eras, threshold=threshold, readings=tuple(readings))
