"""The records of a run as Arrow tables, with words in the place of codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from obmm.lab.manual import MANUAL, Column, column
from obmm.lab.recorded import Run
from obmm.lab.tables import Table, arrow_kind, signal_unit, written_kind

if TYPE_CHECKING:
    import pyarrow as pa


@attrs.frozen(eq=False)
class Records:
    """The tables of a run by their names, as far as it has come: `records.fills`, `records.states`.

    Attributes:
        run: The run.

    Raises:
        AttributeError: There is no table of a name.
        RunError: The run cannot be read.
    """

    run: Run

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.run.folder

    @property
    def about(self) -> Mapping[str, Any]:
        """The content of `run.json`."""
        return self.run.about

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables."""
        return tuple(MANUAL)

    def columns(self, table: str) -> dict[str, Column]:
        """What each column of a table tells, its unit and its codes.

        Raises:
            KeyError: There is no such table.
        """
        names = self.run.columns(table) if table in MANUAL else list(MANUAL[table].columns)
        return {name: column(table, name, signal_unit(self.about, name)) for name in names}

    def table(
        self, name: str, columns: Sequence[str] = (), *, uid: int | None = None, decode: bool = True
    ) -> pa.Table:
        """A table, of one account if asked, of all columns or some; codes as words if `decode`.

        Raises:
            KeyError: There is no such table or column.
            RunError: A part is missing or damaged.
        """
        import pyarrow as pa

        known = self.columns(name)
        if unknown := [one for one in columns if one not in known]:
            raise KeyError(f"{name} has no column {unknown[0]!r}; it has {', '.join(known)}")
        wanted = list(columns) or list(known)
        told: Table = self.run.table(name, wanted)
        if uid is not None and "uid" in MANUAL[name].columns:
            mine = self.run.table(name, ("uid",))["uid"] == uid
            told = {one: values[mine] for one, values in told.items()}
        arrays, fields = [], []
        for one in wanted:
            says = known[one]
            array = pa.array(told[one], type=arrow_kind(written_kind(name, one)))
            if decode and says.codes is not None:
                array = _decoded(told[one], says.words)
            arrays.append(array)
            fields.append(pa.field(one, array.type, metadata=says.metadata()))
        return pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata={"rows": MANUAL[name].rows}))

    def __getattr__(self, name: str) -> pa.Table:
        if name not in MANUAL:
            raise AttributeError(f"no table {name!r}; there are {', '.join(MANUAL)}")
        return self.table(name)

    def __dir__(self) -> list[str]:
        return [*object.__dir__(self), *MANUAL]


def _decoded(codes: Any, words: Mapping[int, str]) -> pa.Array:
    """Codes as a dictionary of words; a code that no word is known for by its number."""
    import pyarrow as pa

    found, index = np.unique(codes, return_inverse=True)
    told = [words.get(int(code), str(int(code))) for code in found]
    return pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int16)), pa.array(told, type=pa.string()))
