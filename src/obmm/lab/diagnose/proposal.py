"""A configuration against the findings, as TOML that runs at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from obmm.agent import resolve
from obmm.agent.config import LISTS
from obmm.lab.diagnose.configuration import as_sections, preset_of, toml_key, toml_value
from obmm.lab.diagnose.finding import Change, Finding
from obmm.lab.recorded import Run
from obmm.settings.toml import parse_layer


@attrs.frozen
class Proposal:
    """What to run next.

    Attributes:
        toml: The configuration: a preset's name and what differs, or all of it.
        changes: What it changes, with the findings that asked for it.
        dropped: Changes that a costlier finding decided otherwise.
    """

    toml: str
    changes: tuple[tuple[str, Change], ...]
    dropped: tuple[tuple[str, Change], ...]

    def resolves(self, folder: Path | None = None) -> str:
        """Resolve it, as `obmm simulate --preset` would from a file in `folder`, and return its hash.

        Raises:
            ConfigError: It is no valid configuration there.
        """
        return resolve(parse_layer(self.toml, "proposal", folder)).hash


def propose(run: Run, uid: int, findings: Sequence[Finding], era: str, least_cost: float) -> Proposal:
    """The changes of all findings that cost something.

    Where two findings move one option the same way the farther value is taken; where they disagree, that of
    the costlier one.

    Args:
        run: The run.
        uid: The account.
        findings: What was found, costliest first.
        era: Version whose score was diagnosed.
        least_cost: Scores below this do not count as cost.
    """
    taken: dict[str, tuple[str, Change]] = {}
    dropped: list[tuple[str, Change]] = []
    for finding in findings:
        for change in finding.changes if finding.costs(least_cost) else ():
            kind, before = taken.setdefault(change.place, (finding.kind, change))
            if before.rises != change.rises:
                dropped.append((finding.kind, change))
            elif kind != finding.kind:
                farther = max(before, change, key=lambda c: abs(c.new - c.old))
                taken[change.place] = (f"{kind}, {finding.kind}", farther)
    changes = tuple(taken.values())
    return Proposal(_toml(run, uid, changes, era), changes, tuple(dropped))


def _toml(run: Run, uid: int, changes: Sequence[tuple[str, Change]], era: str) -> str:
    preset = preset_of(run, uid)
    account = run.about["accounts"][str(uid)]
    told = f"{account['name']}, changed against what cost it its score under {era}"
    lines = [f"# From a diagnosis of {run.folder.name}, configuration {account['config_hash']}."]
    if preset is not None:
        lines += [f"extends = {toml_value(preset)}", f"description = {toml_value(told)}"]
        sections: dict[str, Any] = {}
    else:
        lines.append(f"description = {toml_value(told)}")
        sections = as_sections(account["config"])
    notes = {change.place: f"was {change.old:g}: {kind}" for kind, change in changes}
    for _, change in changes:
        _lay(sections, change)
    for slot in ("signals", "gates"):
        for stage in sections.get(slot, ()):
            name = stage.get("name", stage.get("kind"))
            lines += ["", f"[[{slot}]]", *_options(stage, f"{slot}.{name}", notes)]
    for slot in ("builder", "placer"):
        if slot in sections:
            lines += ["", f"[{slot}]", *_options(sections[slot], slot, notes)]
    for selector, table in sections.get("books", {}).items():
        flat = dict(_flat(table))
        lines += ["", f"[books.{toml_key(str(selector))}]"]
        lines += [
            _line(place, value, notes.get(f"books.{selector}.{place}")) for place, value in flat.items()
        ]
    return "\n".join(lines) + "\n"


def _lay(sections: dict[str, Any], change: Change) -> None:
    """Put a change where a file has it."""
    slot, *names = change.path.split(".")
    if change.book is not None:
        place = sections.setdefault("books", {}).setdefault(str(change.book), {})
        for part in change.path.split("."):
            place = place.setdefault(part, {})
        place[change.option] = change.new
        return
    if slot in LISTS:
        name, *names = names
        stages = sections.setdefault(slot, [])
        stage = next((s for s in stages if name == s.get("name", s.get("kind"))), None)
        if stage is None:
            stage = {"name": name}
            stages.append(stage)
    else:
        stage = sections.setdefault(slot, {})
    for part in names:
        stage = stage.setdefault(part, {})
    stage[change.option] = change.new


def _options(stage: Mapping[str, Any], path: str, notes: Mapping[str, str]) -> list[str]:
    return [_line(option, value, _note(f"{path}.{option}", notes)) for option, value in stage.items()]


def _note(place: str, notes: Mapping[str, str]) -> str | None:
    """What is told of an option, or of those inside it."""
    return "; ".join(text for of, text in notes.items() if of == place or of.startswith(f"{place}.")) or None


def _line(key: str, value: Any, note: str | None) -> str:
    text = f"{key} = {toml_value(value)}"
    return text if note is None else f"{text}  # {note}"


def _flat(table: Mapping[str, Any], path: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for key, value in table.items():
        place = f"{path}.{toml_key(key)}" if path else toml_key(key)
        flat += _flat(value, place) if isinstance(value, Mapping) else [(place, value)]
    return flat
