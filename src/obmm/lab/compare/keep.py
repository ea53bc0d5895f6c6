"""Outcomes on disk: what was played once is not played again, whatever ended the comparison."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from obmm.lab.trials import Other, Outcome

#: Outcomes of a comparison, a line of JSON each.
OUTCOMES = "outcomes.jsonl"
_ARRAYS = ("books", "curves", "markouts")


@attrs.define
class Keep:
    """The outcomes of one folder by trial and seed; lines are added and never changed.

    A killed process leaves at most half a line, which is left out.

    Attributes:
        path: The file; it need not be there yet.
    """

    path: Path
    _known: dict[tuple[str, int], Outcome] = attrs.field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        try:
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return
        for told in filter(None, map(_told, lines)):
            self._known[told["key"], told["seed"]] = _outcome(told)

    def get(self, key: str, seed: int) -> Outcome | None:
        """What is known of a trial on a seed."""
        return self._known.get((key, seed))

    def add(self, key: str, outcomes: tuple[Outcome, ...]) -> None:
        """Keep outcomes of a trial.

        Raises:
            OSError: They cannot be written; in memory they are kept.
        """
        for outcome in outcomes:
            self._known[key, outcome.seed] = outcome
        lines = [json.dumps({"key": key, **_plain(outcome)}, separators=(",", ":")) for outcome in outcomes]
        try:
            with self.path.open("ab") as file:
                file.write("".join(f"\n{line}\n" for line in lines).encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OSError(error.errno, error.strerror or str(error), str(self.path)) from error


def _plain(outcome: Outcome) -> dict[str, Any]:
    told = attrs.asdict(outcome, recurse=False)
    for name in _ARRAYS:
        told[name] = {key: values.tolist() for key, values in told[name].items()}
    told["others"] = [
        attrs.asdict(other)
        | {
            "pnl": other.pnl.tolist(),
            "books": {key: values.tolist() for key, values in other.books.items()},
        }
        for other in outcome.others
    ]
    return told


def _told(line: bytes) -> dict[str, Any]:
    """What a line says; nothing of half a line."""
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _outcome(told: Mapping[str, Any]) -> Outcome:
    fields = {name: value for name, value in told.items() if name != "key"}
    for name in _ARRAYS:
        fields[name] = {key: np.array(values, dtype=np.float64) for key, values in fields[name].items()}
    fields["others"] = tuple(
        Other(
            **told
            | {
                "pnl": np.array(told["pnl"], dtype=np.float64),
                "books": {key: np.array(values, dtype=np.float64) for key, values in told["books"].items()},
            }
        )
        for told in fields.get("others", ())
    )
    return Outcome(**fields)
