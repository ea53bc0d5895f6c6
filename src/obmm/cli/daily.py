"""`obmm daily`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from obmm.cli._errors import UsageError, needs
from obmm.cli._output import console, print_json
from obmm.cli._parameters import Flag, Positive
from obmm.cli.alerts import numbered, problem_of

if TYPE_CHECKING:
    from obmm.lab.daily import Day


def daily(
    recording: Path,
    /,
    *,
    hours: Positive = 24.0,
    era: str | None = None,
    out: Path | None = None,
    alerts: Path | None = None,
    keep_runs: Flag = False,
    json: Flag = False,
) -> None:
    """Say what an agent did in the last day, what changed against the day before, and what cost it most.

    Reads a recording that may still grow, up to what was recorded last. A page, the figures and a text for a
    phone are kept in a folder by date; the day before is read there, or made of the recording, where it
    reaches so far back.

        obmm daily recordings/main
        obmm daily recordings/main --alerts alerts.toml
        obmm run --wallet miner --record recordings/main --daily 07:00 --alerts alerts.toml

    Exit status 1 if a channel does not take the text.

    Args:
        recording: Folder of a live recording.
        hours: Wall-clock hours of a day.
        era: Rules to score by; those of the recording's version if not given.
        out: Folder of the days; `daily` in the recording's if not given.
        alerts: File of alerts, to whose channels the text is sent.
        keep_runs: Keep the runs that are made of the day, large as they are, in `runs` of its folder.
        json: Print JSON for machines.
    """
    needs("pyarrow", "plotly")
    from obmm.lab.daily import latest_before, text_of, write_page
    from obmm.lab.daily.day import ends_ns
    from obmm.lab.daily.text import subject_of
    from obmm.monitor.rules import load
    from obmm.scoring import ERAS
    from obmm.settings.errors import did_you_mean
    from obmm.settings.files import write_whole
    from obmm.wire.recording import Recording, is_recording

    if era is not None and era not in ERAS:
        raise UsageError(f"no scoring era is called {era!r}; {did_you_mean(era, ERAS)}")
    if not is_recording(recording):
        raise UsageError(f"{recording} is no live recording: `obmm run --record` makes one")
    channels = () if alerts is None else load(alerts).to
    whole = Recording(recording)
    until_ns, span_ns = ends_ns(whole), int(hours * 3.6e12)
    days = (whole.folder / "daily") if out is None else out
    day = _made(recording, until_ns - span_ns, until_ns, days, era, keep_runs)
    if day is None:
        raise UsageError(f"{recording} holds no state of the last {hours:g} hours")
    folder = days / day.name
    day.write(folder)
    # What was made a little later in the day counts as the day before, too.
    before = latest_before(days, until_ns - span_ns // 2)
    if before is None:
        before = _made(recording, until_ns - 2 * span_ns, until_ns - span_ns, days, era, False)
        if before is not None and before.name != day.name:
            before.write(days / before.name)
    subject, text = subject_of(day), text_of(day, before)
    write_whole(folder / "text.txt", f"{subject}\n{text}\n".encode())
    write_page(day, before, folder / "report.html")
    for i, one in enumerate(day.simulations):
        if one["proposal"]:
            write_whole(folder / f"proposal{i or ''}.toml", one["proposal"].encode())
    problems: dict[str, str] = {}
    for channel in channels:
        problems[numbered(channel.name, problems)] = problem_of(channel, subject, text)
    if json:
        print_json(
            {"subject": subject, "text": text, "folder": str(folder), "delivered": problems}
            | {"day": day.totals, "before": None if before is None else before.totals}
            | {"turned": dict(zip(("down", "up"), day.turned(before), strict=True))}
        )
    else:
        show = console()
        show.print(subject, style="bold", markup=False, highlight=False)
        show.print(text, markup=False, highlight=False)
        show.print(f"report: {folder / 'report.html'}", markup=False, highlight=False, soft_wrap=True)
        for name, problem in problems.items():
            show.print(f"{name}: {problem or 'delivered'}", markup=False, highlight=False)
    if any(problems.values()):
        sys.exit(1)


def _made(
    recording: Path, since_ns: int, until_ns: int, days: Path, era: str | None, keep: bool
) -> Day | None:
    from obmm.cli._progress import counted
    from obmm.lab.daily import Day, measure_day

    name = Day(since_ns=since_ns, until_ns=until_ns, simulations=()).name
    with counted(f"{name} of {recording.name}") as progress:
        return measure_day(
            recording, since_ns, until_ns, days / name / "runs", era=era, keep=keep, progress=progress
        )
