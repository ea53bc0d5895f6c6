"""`obmm alerts`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from obmm.cli._errors import UsageError
from obmm.cli._output import console, print_json, table
from obmm.cli._parameters import Flag

if TYPE_CHECKING:
    from obmm.monitor.channels import Channel

#: Subject and text of a test message.
_TEST = "obmm: a test", "This is what alerts look like. Nothing is wrong."


def alerts(what: Literal["rules", "test"], file: Path | None = None, /, *, json: Flag = False) -> None:
    """Print the rules of alerts, or send a test message through every channel of a file.

        obmm alerts rules > alerts.toml
        obmm alerts test alerts.toml
        obmm run --alerts alerts.toml …

    Exit status 1 if a channel does not take the test message.

    Args:
        what: `rules` prints those in force without a file, `test` sends.
        file: The file to test; what is wrong with it is told all at once.
        json: Print JSON for machines.
    """
    import attrs

    from obmm.monitor.rules import load, rules_text

    settings = load(file)
    if what == "rules" and file is None and not json:
        print(rules_text(), end="")
        return
    if what == "rules":
        rules = {name: attrs.asdict(rule) for name, rule in settings.rules.items()}
        if json:
            print_json({"rules": rules})
        else:
            rows = [
                (
                    name,
                    rule.measure,
                    f"{'above' if rule.above is not None else 'below'} {rule.bound:g}",
                    "" if rule.mended is None else f"{rule.mended:g}",
                    f"{rule.for_s:g}",
                    "urgent" if rule.urgent else "",
                    "" if rule.enabled else "off",
                )
                for name, rule in settings.rules.items()
            ]
            columns = ("rule", "measure", "broken", "mended", "for, s", "", "")
            console().print(table(f"Rules of {file}", columns, rows, text_columns=3))
        return
    if file is None:
        raise UsageError("say which file is to be tested: obmm alerts test alerts.toml")
    told: dict[str, str] = {}
    for channel in settings.to:
        told[numbered(channel.name, told)] = problem_of(channel, *_TEST)
    if json:
        print_json({"delivered": told})
    else:
        for name, problem in told.items():
            console().print(f"{name}: {problem or 'delivered'}", markup=False, highlight=False)
    if any(told.values()):
        sys.exit(1)


def problem_of(channel: Channel, subject: str, text: str) -> str:
    """Why a message did not get through, "" if it did."""
    from obmm.monitor.channels import Undelivered

    try:
        channel.send(subject, text, urgent=False)
    except Undelivered as error:
        return str(error)
    return ""


def numbered(name: str, taken: dict[str, str]) -> str:
    """A name that is not taken."""
    return name if name not in taken else f"{name} {sum(one.split(' ')[0] == name for one in taken) + 1}"
