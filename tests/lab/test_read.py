"""Records read as Arrow tables, and their manual: one source for files, page and reader."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")

import pyarrow.parquet as pq

from lab import tiny_run
from obmm.lab import read
from obmm.lab.manual import ABOUT, MANUAL, Side, column
from obmm.lab.manual_page import reference, rewritten
from obmm.lab.recorded import Run, RunError
from obmm.lab.tables import COLUMNS
from obmm.market import InstructionKind, Reason

PAGE = Path(__file__).resolve().parents[2] / "docs" / "records.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The tiny run, in parts."""
    path = tmp_path_factory.mktemp("run") / "tiny"
    tiny_run.write(path, parts=True)
    return path


def test_codes_come_as_words(folder):
    """Reasons, sides and instructions; the numbers on request."""
    run = read(folder)
    assert ["buy", "buy", "sell"] == run.fills["side"].to_pylist()
    assert ["limit", "limit", "limit", "cancel"] == run.orders["kind"].to_pylist()
    assert "none" == run.orders["side"].to_pylist()[-1]
    whys = run.states["bid_reason"].to_pylist()
    assert {"open", "warming_up", "volatility"} == set(whys)
    plain = run.table("states", ["bid_reason"], decode=False)["bid_reason"].to_numpy()
    assert [Reason[why.upper()] for why in whys] == plain.tolist()


def test_tables_are_those_of_the_run(folder):
    """Column by column, whatever its kind."""
    run, plain = read(folder), Run(folder)
    assert set(COLUMNS) == set(run.tables)
    for name in run.tables:
        table = run.table(name, decode=False)
        assert plain.columns(name) == table.column_names
        for one, values in plain.table(name).items():
            np.testing.assert_array_equal(values, table[one].to_numpy().astype(values.dtype))


def test_rows_of_one_account_and_columns_of_choice(folder):
    """What is not asked for is not there."""
    run = read(folder)
    assert (2 * len(tiny_run.SECONDS), ["book", "bid"]) == (
        run.table("states", ["book", "bid"], uid=tiny_run.UID).num_rows,
        run.table("states", ["book", "bid"]).column_names,
    )
    assert 0 == run.table("states", uid=77).num_rows
    assert len(run.trades) == run.table("trades", uid=77).num_rows


def test_what_is_not_there_is_told(folder, tmp_path):
    """Tables, columns, runs."""
    run = read(folder)
    with pytest.raises(AttributeError, match="no table 'fils'; there are states, orders, fills"):
        run.fils
    with pytest.raises(KeyError, match="fills has no column 'cost'; it has uid, time_ns"):
        run.table("fills", ["cost"])
    with pytest.raises(RunError, match="holds no run"):
        read(tmp_path)
    assert {"fills", "states", "about"} <= set(dir(run))
    assert (folder, "tiny") == (run.folder, run.about["accounts"][str(tiny_run.UID)]["name"])


def test_a_code_that_no_word_is_known_for_is_told_by_its_number():
    """As a newer version may write it."""
    from obmm.lab.frames import _decoded

    assert ["buy", "7", "buy"] == _decoded(np.array([0, 7, 0]), {0: "buy"}).to_pylist()


def test_files_say_what_their_columns_mean(folder):
    """Meaning, unit and codes of each, and what a row is."""
    for name, manual in MANUAL.items():
        schema = pq.read_schema(folder / name / "0000.parquet")
        assert manual.rows == schema.metadata[b"rows"].decode()
        for title, told in manual.columns.items():
            said = schema.field(title).metadata
            assert (told.what, told.unit) == (said[b"what"].decode(), said[b"unit"].decode())
            codes = json.loads(said[b"codes"]) if b"codes" in said else {}
            assert {str(code): word for code, word in told.words.items()} == codes
    assert {-1: "none", 0: "buy", 1: "sell"} == column("fills", "side").words
    assert set(InstructionKind) == set(column("orders", "kind").words)
    assert read(folder).fills.schema.field("fee").metadata[b"unit"] == b"quote"
    assert Side.BUY == 0


def test_every_column_has_its_unit_where_it_has_one():
    """Money, sizes, times and shares are never bare numbers."""
    bare = {"uid", "book", "open_orders", "other", "maker_id", "taker_id", "value", "name", "era", "reason"}
    for name, manual in MANUAL.items():
        for title, told in manual.columns.items():
            counted = title.endswith("_id") or title in bare or told.codes is not None or told.kind == "?"
            assert (name, title, counted) == (name, title, told.unit == "" or title == "value")


def test_the_page_is_made_of_the_manual():
    """`python -m obmm.lab.manual_page` mends it."""
    page = PAGE.read_text(encoding="utf-8")
    assert rewritten(page) == page
    assert reference().startswith("## Tables")
    for block in page.split("```python\n")[1:]:
        compile(block.split("```")[0], "docs/records.md", "exec")


def test_the_manual_knows_every_key_of_a_run(small_run):
    """And a run has every signal's unit, in its description and in its files."""
    run = read(small_run)
    assert set(run.about) <= set(ABOUT)
    assert "log return per √s" == run.columns("signals")["volatility"].unit
    said = pq.read_schema(small_run / "signals" / "0000.parquet").field("volatility").metadata
    assert "log return per √s" == said[b"unit"].decode()


def test_the_examples_of_the_page_run(small_run, monkeypatch):
    """Those for which pyarrow is enough."""
    text = PAGE.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    lines = [line for line in text.splitlines() if "pandas" not in line]
    exec("\n".join(lines).replace("runs/first", str(small_run)), {})
