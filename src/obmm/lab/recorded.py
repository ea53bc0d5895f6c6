"""A run read back from its folder, whole or as far as it came."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from obmm.lab.tables import COLUMNS, Table, column_of, columns_of, empty, kind_of, length, unknown
from obmm.settings.lock import holder

#: How a run ends that nothing ends early.
PLANNED = "as planned"
#: What `run.json` must say for anything to be read.
_NEEDED: Mapping[str, type] = {"accounts": dict, "venue": dict, "parts": int, "rows": dict, "completed": bool}


class RunError(OSError):
    """A run cannot be read; the message says what is missing or damaged."""


class EmptyRun(RunError):
    """The run ended before its first part was written."""


@attrs.frozen
class Tail:
    """What of a run is not on the disk.

    Attributes:
        about: What `run.json` would say.
        tables: Rows after the last part.
    """

    about: Mapping[str, Any]
    tables: Mapping[str, Table]


@attrs.define
class Run:
    """A run read back; columns are loaded when they are asked for.

    A run that was killed, or goes on, is read as far as its last part.

    Attributes:
        folder: Where it lies.
        tail: What its writer could not write, if that is who reads.
        about: The content of `run.json`.

    Raises:
        RunError: The folder holds no run, or a `run.json` that does not describe one.
    """

    folder: Path
    tail: Tail | None = None
    about: Mapping[str, Any] = attrs.field(init=False)
    _columns: dict[tuple[str, str], npt.NDArray[Any]] = attrs.field(init=False, factory=dict, repr=False)

    def __attrs_post_init__(self) -> None:
        self.about = read_about(self.folder) if self.tail is None else self.tail.about

    @property
    def early(self) -> str:
        """Why there is less of it than was planned, in words; empty for a run that reached its end."""
        if self.about["completed"]:
            return ""
        if "ended" in self.about:
            return f"ended early ({self.about['ended']})"
        if (process := holder(self.folder)) is not None:
            return f"still going on in process {process.get('pid', '?')}; this is what it has written so far"
        return "ended early (killed before it could say why)"

    def table(self, name: str, columns: Sequence[str] = ()) -> Table:
        """One table as numpy columns: those asked for, or all; what is read stays in memory.

        Raises:
            RunError: A part is missing or damaged.
        """
        wanted = columns or self.columns(name)
        if unread := [column for column in wanted if (name, column) not in self._columns]:
            self._columns |= {(name, column): values for column, values in self._read(name, unread).items()}
        return {column: self._columns[name, column] for column in wanted}

    def of(self, name: str, uid: int, columns: Sequence[str] = ()) -> Table:
        """The rows of one account, of the columns asked for, or of all."""
        table = self.table(name, columns)
        rows = self.table(name, ("uid",))["uid"] == uid
        return table if rows.all() else {column: values[rows] for column, values in table.items()}

    def parts(self, name: str, uid: int, numbers: Sequence[int], columns: Sequence[str]) -> Table:
        """Columns of the rows of one account in some parts only; nothing of it stays in memory.

        Raises:
            RunError: A part is damaged.
        """
        told = [self._part(name, number, ("uid", *columns)) for number in numbers]
        return {
            column: np.concatenate([part[column][part["uid"] == uid] for part in told]) for column in columns
        }

    def trades(self, numbers: Sequence[int]) -> Table:
        """The trades of everybody in some parts only; nothing of it stays in memory.

        Raises:
            RunError: A part is damaged.
        """
        told = [self._part("trades", number, list(COLUMNS["trades"])) for number in numbers]
        return {name: np.concatenate([part[name] for part in told]) for name in COLUMNS["trades"]}

    def grid(self, uid: int, *names: str) -> tuple[npt.NDArray[np.int64], list[npt.NDArray[np.float64]]]:
        """Columns of `states` of one account as (T, B) arrays, and the times (T,) in nanoseconds.

        Raises:
            EmptyRun: There is no state.
        """
        states = self.of("states", uid, ("time_ns", *names))
        if not states["time_ns"].size:
            what = self.early or "it was made of no states"
            raise EmptyRun(f"{self.folder} holds no state: the run {what}")
        books = len(self.about["venue"]["book_ids"])
        times = states["time_ns"].reshape(-1, books)[:, 0].astype(np.int64)
        return times, [states[name].reshape(-1, books).astype(np.float64) for name in names]

    def signal(self, uid: int, name: str) -> npt.NDArray[np.float64] | None:
        """A signal of one account at its states, (T, B), or its first column; NaN where it has none.

        None where the run tells no such signal; runs of versions before signals were recorded tell none.
        """
        there = self.columns("signals")
        column = name if name in there and name not in COLUMNS["signals"] else f"{name}.0"
        if column not in there:
            return None
        told = self.of("signals", uid, ("time_ns", "book", column))
        times, _ = self.grid(uid)
        ids = np.array(self.about["venue"]["book_ids"])
        order = np.argsort(ids)
        found = np.full((times.size, ids.size), np.nan)
        book = order[np.searchsorted(ids, told["book"], sorter=order)]
        found[np.searchsorted(times, told["time_ns"]), book] = told[column]
        return found

    def columns(self, name: str) -> list[str]:
        """Columns of a table; those of signals are as the pipelines had them."""
        if name != "signals":
            return list(COLUMNS[name])
        parts = [self._signals_of(number) for number in range(self.about["parts"])]
        tail = [] if self.tail is None else [list(self.tail.tables[name])]
        return columns_of(name, itertools.chain.from_iterable(parts + tail))

    def _signals_of(self, number: int) -> list[str]:
        """Names of the columns of one part of the signals."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.folder / "signals" / f"{number:04}.parquet"
        if not path.is_file():
            return []
        try:
            return list(pq.read_schema(path).names)
        except (pa.ArrowException, OSError) as error:
            raise _damaged(path, error) from error

    def _read(self, name: str, columns: Sequence[str]) -> Table:
        """Columns of all parts, one after the other, and of what was not written."""
        parts = [self._part(name, number, columns) for number in range(self.about["parts"])]
        found, named = sum(map(length, parts)), self.about["rows"].get(name, 0)
        if found != named:
            what = f"{found:,} of the {named:,} rows that run.json names are there: a part is missing"
            raise RunError(f"{self.folder / name}: {what}")
        if self.tail is not None:
            parts.append(self.tail.tables[name])
        whole = parts or [empty(name)]
        return {column: np.concatenate([column_of(part, column) for part in whole]) for column in columns}

    def _part(self, name: str, number: int, columns: Sequence[str]) -> Table:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.folder / name / f"{number:04}.parquet"
        if not path.is_file():
            return empty(name)
        try:
            file = pq.ParquetFile(path)
            there = [c for c in columns if c in COLUMNS[name] or c in file.schema_arrow.names]
            read = file.read(columns=there)
            part = {
                c: read.column(c).to_numpy(zero_copy_only=False).astype(kind_of(name, c), copy=False)
                for c in there
            }
            return part | {c: unknown(file.metadata.num_rows) for c in columns if c not in part}
        except (pa.ArrowException, KeyError, OSError) as error:
            raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> RunError:
    return RunError(f"{path} is damaged or cut: {str(error).splitlines()[0]}")


def read_about(folder: Path) -> dict[str, Any]:
    """The content of a run's `run.json`.

    Raises:
        RunError: It is not there, or does not describe a run.
    """
    path = folder / "run.json"
    if not path.is_file():
        raise RunError(f"{folder} holds no run: run.json is missing")
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path} is cut or damaged ({error}): what the run was is lost with it") from error
    if not isinstance(about, dict):
        raise RunError(f"{path} does not describe a run: it holds no table of names and values")
    for name, kind in _NEEDED.items():
        if not isinstance(about.get(name), kind):
            what = "is missing" if name not in about else f"must be {kind.__name__}, not {about[name]!r:.40}"
            raise RunError(f"{path} does not describe a run: {name!r} {what}")
    if not isinstance(about["venue"].get("book_ids"), list) or not about["venue"]["book_ids"]:
        raise RunError(f"{path} does not describe a run: 'book_ids' of its venue is missing")
    return about
