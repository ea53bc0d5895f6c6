"""What parts and options are worth: every variant differs in one thing, and plays."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")

from obmm.agent import resolve

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def _found(monkeypatch):
    """The scripts find each other."""
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])


def test_every_variant_differs_in_one_thing():
    """Options in one value, parts in one stage or the value at which a part is gone."""
    base = resolve(str(FOLDER / "search" / "money_first.toml"))
    found = runpy.run_path(str(FOLDER / "worth_variants.py"))["variants"](base)
    names = [one.name for one in found]
    assert len(names) == len(set(names))
    assert {"part gates.turnover=off", "part builder=off", "option builder.edge_bps=1.6"} <= set(names)
    for one in found:
        differing = {spec.path for spec in base.specs} - base.same_as(one.config)
        assert [one.place.split(".")[0]] == [path.split(".")[0] for path in differing], one.name


def test_a_part_of_which_single_books_say_something_can_go(tmp_path):
    """With what they say of it; what they say of its inner builder stays with that."""
    (tmp_path / "mine.toml").write_text(
        f'extends = "{FOLDER / "search" / "money_first.toml"}"\n'
        "[books.class-1]\ngates.inventory.max_inventory_pct = 0.1\n"
        "builder.edge_bps = 2\nbuilder.around.size_base = 9\n"
    )
    found = runpy.run_path(str(FOLDER / "worth_variants.py"))["variants"](
        resolve(str(tmp_path / "mine.toml"))
    )
    parts = {one.place: one.config for one in found if one.kind == "part"}
    said = {place: {(o.path, o.option) for o in config.overrides} for place, config in parts.items()}
    inventory, edge = ("gates.inventory", "max_inventory_pct"), ("builder", "edge_bps")
    assert {edge, ("builder.around", "size_base")} == said["gates.inventory"]
    assert {inventory, ("builder", "size_base")} == said["builder"]
    assert set() == said["books.class-1"]


def test_they_are_played_and_told(tmp_path, monkeypatch, capsys):
    """Differences against the preset itself, in Markdown; the same command plays nothing again."""
    out = tmp_path / "touch.json"
    small = ["--scenario", "taos-0.5.4", "--fields", "none", "--seeds", "1..2", "--books", "1", "--jobs", "1"]
    words = ["worth.py", "touch", "--what", "parts", *small, "--hours", "0.02", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", words)
    runpy.run_path(str(FOLDER / "worth.py"), run_name="__main__")
    told = json.loads(out.read_text())
    (figures,) = told["figures"].values()
    assert {"base", *(one["name"] for one in told["variants"])} == set(figures)
    played = out.with_suffix(".outcomes.jsonl").stat().st_size
    runpy.run_path(str(FOLDER / "worth.py"), run_name="__main__")
    assert played == out.with_suffix(".outcomes.jsonl").stat().st_size
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["worth_tables.py", str(out)])
    runpy.run_path(str(FOLDER / "worth_tables.py"), run_name="__main__")
    said = capsys.readouterr().out
    assert "## Without each part" in said
    assert "| `gates.drawdown` | " in said
    monkeypatch.setattr(
        sys, "argv", ["worth_tables.py", str(out), "--metric", "pnl_bps", "fees_per_book_hour"]
    )
    runpy.run_path(str(FOLDER / "worth_tables.py"), run_name="__main__")
    assert "| without | what that is | pnl_bps | fees_per_book_hour |" in capsys.readouterr().out


def test_what_options_did_stands_on_the_page_of_parameters(tmp_path, monkeypatch):
    """With its interval where that excludes zero; what is played again replaces what was known."""
    effects, played = tmp_path / "effects.json", tmp_path / "money.json"
    variant = {"kind": "option", "place": "builder.around.skew_bps", "start": 20.0, "words": ""}
    for gain in (0.5, 3.0):
        of_arm = {
            "base": {str(seed): {"pnl_bps": seed} for seed in range(6)},
            "lower": {str(seed): {"pnl_bps": seed - gain - 0.01 * seed} for seed in range(6)},
            "higher": {str(seed): {"pnl_bps": seed + (-1) ** seed} for seed in range(6)},
        }
        variants = [variant | {"name": "lower", "value": 10.0}, variant | {"name": "higher", "value": 40.0}]
        told = {"preset": "money", "hash": "1c8c", "scenarios": ["taos-0.5.4"], "variants": variants}
        told["figures"] = {"crowd": of_arm}
        played.write_text(json.dumps(told))
        words = ["worth_tables.py", str(played), "--metric", "pnl_bps", "--effects", str(effects)]
        monkeypatch.setattr(sys, "argv", words)
        runpy.run_path(str(FOLDER / "worth_tables.py"), run_name="__main__")
    pages = runpy.run_path(str(FOLDER.parent / "docs" / "parameter_pages.py"))["pages"]
    monkeypatch.setitem(pages.__globals__, "EFFECTS", effects)
    (line,) = [line for line in pages() if line.startswith("| `skew_bps` |") and "crowd" in line]
    assert "`money` 1c8c on taos-0.5.4, crowd, pnl_bps, 20 there: at 10 -3.02 (" in line
    assert line.endswith("at 40 cannot tell |")
    heads = [line for line in pages() if line.startswith("| option |")]
    assert 1 == len([line for line in heads if line.endswith("| seen |")])
