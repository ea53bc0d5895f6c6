"""A run on disk: one folder, a description in JSON and columnar tables in parts that are closed as they go.

    run.json              configuration and its hash, seed, versions, venue, what became of it so far
    states/0000.parquet   per state, book and account: the touch, inventory, value, fees, own quotes, reasons
    orders/0000.parquet   instructions sent
    fills/0000.parquet    own fills with fees
    trades/0000.parquet   every trade of the market, with both accounts
    rejects/0000.parquet  what the venue refused, and why
    answers/0000.parquet  response time of each answer
    signals/0000.parquet  per answer and book: every signal of the pipeline, a column each
    scores/0000.parquet   every scoring of every era, one figure a row
    stages/0/mine.py      stages of the user's own as they were, by account

A part is the same stretch of time in every table, and whole states; a table in which nothing happened has
no file for it, except in part 0. `run.json` is written anew after each part and says how many there are:
whatever ends a run, what `run.json` names is there and fits together.
"""

from __future__ import annotations

import errno
import json
import platform
import shutil
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

import attrs
import numpy as np

from obmm._version import __version__
from obmm.agent import Decision
from obmm.lab.manual import MANUAL, column
from obmm.lab.recorded import PLANNED, RunError, Tail, read_about
from obmm.lab.tables import (
    COLUMNS,
    Table,
    account_rows,
    arrow_kind,
    joined,
    length,
    market_rows,
    signal_unit,
    written_kind,
)
from obmm.market import MarketState, Venue
from obmm.settings.files import write_whole
from obmm.settings.lock import LOCK, FolderLock
from obmm.settings.travel import write_sources

#: Where the users' own stages lie, in a folder for each account.
STAGES = "stages"
#: Rows of all tables after which a part is closed whatever the time: they wait in memory.
PART_ROWS = 200_000
#: A part is closed after so many seconds of real time, and so large a share of the time the run has taken:
#: what a killed run loses is little beside what it has done, and a long one does not drown in files.
PART_S, PART_SHARE = 0.5, 0.02
#: At most one part in so much time as writing the last one took: a slow disk slows a run by a few percent.
PART_COST = 30.0


def describe_venue(venue: Venue) -> dict[str, Any]:
    """What a reader of a run must know of its venue, as plain values."""
    return {
        "book_ids": venue.book_ids.tolist(),
        "price_decimals": venue.price_decimals.tolist(),
        "volume_decimals": venue.volume_decimals.tolist(),
        "min_size_base": venue.min_size_base.tolist(),
        "wealth_quote": venue.wealth_quote.tolist(),
        "initial_price": venue.initial_price.tolist(),
        "turnover_cap_quote": venue.turnover_cap_quote.tolist(),
        "publish_interval_ns": venue.publish_interval_ns,
        "grace_period_ns": venue.grace_period_ns,
        "simulation_id": venue.simulation_id,
        "fees": attrs.asdict(venue.fees),
    }


def versions() -> dict[str, str]:
    """Versions that a result depends on."""
    return {"obmm": __version__, "python": platform.python_version(), "numpy": np.__version__}


@attrs.define
class RunWriter:
    """Writes a run while it happens; the folder is its own as long as the context lasts.

    Attributes:
        folder: The run's folder; made if it is not there.
        force: Whether a run that lies there is replaced.
        about: What `run.json` says.
        unwritten: Why records could not be written, once that is so; nothing more is then tried, and what is
            not on the disk stays in memory.

    Raises:
        InUse: On entering, when another process writes there.
        FileExistsError: On entering, when the folder holds a run and `force` is not given, or files that are
            no run.
    """

    folder: Path
    force: bool = False
    about: dict[str, Any] = attrs.field(init=False, factory=dict)
    unwritten: OSError | None = attrs.field(init=False, default=None)
    _lock: FolderLock = attrs.field(init=False)
    _made: bool = attrs.field(init=False, default=False)
    _rows: dict[str, list[Table]] = attrs.field(init=False, factory=lambda: {name: [] for name in COLUMNS})
    _waiting: int = attrs.field(init=False, default=0)
    _since_s: float = attrs.field(init=False, default=0.0)
    _due_s: float = attrs.field(init=False, default=0.0)

    def __enter__(self) -> RunWriter:
        self._made = not self.folder.exists()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._refuse_others()
        self._lock = FolderLock(self.folder)
        self._lock.acquire()
        try:
            self._refuse_runs()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self.about and "ended" not in self.about:
                self.end("left by its program" if kind is None else kind.__name__)
        finally:
            self._lock.release()
            if not self.about:
                # Nothing was begun: what entering left behind goes again, and a run of before stays.
                self._clear_up()

    def start(self, about: Mapping[str, Any], files: Mapping[str, bytes] = MappingProxyType({})) -> None:
        """Begin the run: from here on the folder names it, and what it replaces is gone.

        Args:
            about: What is known from the start: `accounts` and `venue`, as readers need them, and more.
            files: What it was made of and is kept with it, by paths below `STAGES`.
        """
        created = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self.about = {"created": created, **about, "versions": versions(), "completed": False, "parts": 0}
        self.about["rows"] = dict.fromkeys(COLUMNS, 0)
        self._describe(self.about)
        for name in COLUMNS:
            shutil.rmtree(self.folder / name, ignore_errors=True)
            (self.folder / name).mkdir(exist_ok=True)
        shutil.rmtree(self.folder / STAGES, ignore_errors=True)
        write_sources(files, self.folder / STAGES)
        (self.folder / "report.html").unlink(missing_ok=True)
        self._since_s = time.perf_counter()
        self._due_s = self._since_s + PART_S

    def add(self, seen: Mapping[int, MarketState], decisions: Mapping[int, Decision]) -> None:
        """Take in one state as its accounts saw it, and what they answered; the trades need the tape."""
        told = [market_rows(next(iter(seen.values()))) if seen else {}]
        told += [account_rows(state, decisions.get(uid)) for uid, state in seen.items()]
        # Gathered first: an interrupt in between must not leave half a state.
        self.add_rows(*told)

    def add_rows(self, *told: Mapping[str, Table]) -> None:
        """Take in the rows of one state, by table."""
        self._take([(name, table) for rows in told for name, table in rows.items()])

    def add_scores(self, rows: Mapping[str, Sequence[Any]]) -> None:
        """Take in scorings as long rows: era, uid, time_ns, name, value."""
        if rows["era"]:
            self._take([("scores", {name: np.array(values) for name, values in rows.items()})])

    @property
    def due(self) -> bool:
        """Whether it is time to close a part."""
        return self.unwritten is None and (self._waiting >= PART_ROWS or time.perf_counter() >= self._due_s)

    def close_part(self, **told: Any) -> None:
        """Write what was taken in since the last part, and `run.json` with what is `told` of the run so far.

        An error of the disk is kept in `unwritten`, not raised: the run may want to tell its figures.
        """
        self.about |= told
        if self.unwritten is not None:
            return
        began_s, number = time.perf_counter(), self.about["parts"]
        rows = {
            name: self.about["rows"][name] + sum(map(length, tables)) for name, tables in self._rows.items()
        }
        try:
            for name, tables in self._rows.items():
                if tables or number == 0:
                    write_whole(part_path(self.folder, name, number), _parquet(name, tables, self.about))
            # At the end there may be nothing new but what is told.
            parts = number + 1 if self._waiting or not number else number
            about = {**self.about, "parts": parts, "rows": rows}
            self._describe(about)
        except OSError as error:
            self.unwritten = error
            return
        self.about = about
        for tables in self._rows.values():
            tables.clear()
        self._waiting = 0
        now_s = time.perf_counter()
        pause_s = PART_S + PART_SHARE * (now_s - self._since_s)
        self._due_s = now_s + max(pause_s, PART_COST * (now_s - began_s))

    def end(self, ended: str, **told: Any) -> None:
        """Close the last part and say how the run ended.

        Args:
            ended: `PLANNED`, or what ended it early.
            told: What is only known at the end.
        """
        self.close_part(**told)
        last = {"ended": ended, "completed": ended == PLANNED}
        if self.unwritten is not None:
            last = {"ended": f"{self.problem}", "completed": False}
        self.about |= last
        try:
            self._describe(self.about)
        except OSError as error:
            self.unwritten = self.unwritten or error
            self.about |= {"ended": f"{self.problem}", "completed": False}

    @property
    def problem(self) -> str | None:
        """What could not be written and why, in a line; None while all is."""
        error = self.unwritten
        return None if error is None else f"{error.filename}: {error.strerror}"

    def tail(self) -> Tail:
        """What is not on the disk, for `Run`."""
        return Tail(
            about=self.about, tables={name: joined(name, tables) for name, tables in self._rows.items()}
        )

    def _take(self, rows: list[tuple[str, Table]]) -> None:
        for name, table in rows:
            self._rows[name].append(table)
            self._waiting += length(table)

    def _describe(self, about: Mapping[str, Any]) -> None:
        write_whole(self.folder / "run.json", (json.dumps(about, indent=2) + "\n").encode())

    def _refuse_others(self) -> None:
        """Refuse a folder of somebody's work, before anything is written into it."""
        found = {path.name for path in self.folder.iterdir()} - {LOCK}
        if found and "run.json" not in found:
            what = "holds files that are no run; name a new folder"
            raise FileExistsError(errno.EEXIST, what, str(self.folder))

    def _refuse_runs(self) -> None:
        """Refuse to replace a run unasked."""
        if self.force or not (self.folder / "run.json").exists():
            return
        replaces = "--force replaces it, or choose another --out"
        try:
            about = read_about(self.folder)
        except RunError:
            what = f"holds a run that cannot be read; {replaces}"
            raise FileExistsError(errno.EEXIST, what, str(self.folder)) from None
        if about["parts"]:
            early = "" if about["completed"] else ", which ended early"
            what = f"holds the run of {about.get('created', 'another day')}{early}; {replaces}"
            raise FileExistsError(errno.EEXIST, what, str(self.folder))

    def _clear_up(self) -> None:
        if self._made:
            (self.folder / LOCK).unlink(missing_ok=True)
            if not any(self.folder.iterdir()):
                self.folder.rmdir()


def part_path(folder: Path, table: str, number: int) -> Path:
    """The file of one part of a table."""
    return folder / table / f"{number:04}.parquet"


def _parquet(name: str, tables: Sequence[Table], about: Mapping[str, Any]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = joined(name, tables)
    fields = [
        pa.field(
            c, arrow_kind(written_kind(name, c)), metadata=column(name, c, signal_unit(about, c)).metadata()
        )
        for c in columns
    ]
    schema = pa.schema(fields, metadata={"rows": MANUAL[name].rows})
    out = pa.BufferOutputStream()
    # A dictionary of a signal's values, nearly all of them different, would only be larger.
    pq.write_table(pa.table(columns, schema), out, compression="zstd", use_dictionary=list(COLUMNS[name]))
    content: bytes = out.getvalue().to_pybytes()
    return content
