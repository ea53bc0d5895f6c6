"""The pages on agents and commands: every snippet runs, every figure is right."""

from __future__ import annotations

import contextlib
import importlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import structlog

pytest.importorskip("numba")
pytest.importorskip("pyarrow")

from tests.live.recording import recorded

from obmm.agent import preset_names, read_overrides, resolve
from obmm.cli import app, main
from obmm.monitor.rules import load as load_alerts
from obmm.settings.registry import GROUPS
from obmm.testing import checks_for, random_states
from obmm.wire import encode_request

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DOCS = Path(__file__).resolve().parents[1] / "docs"
#: Options that make a command as small as it can be, in place of those the page gives for real use.
SMALL = {
    "simulate": {"--books": ["2"], "--hours": ["0.02"]},
    "compare": {"--books": ["2"], "--hours": ["0.02"], "--seeds": ["2"], "--jobs": ["1"]},
    "tune": {
        "--books": ["1"],
        "--hours": ["0.02"],
        "--seeds": ["2"],
        "--confirm": ["8"],
        "--jobs": ["1"],
        "--trials": ["2"],
        "--space": ["inside_ticks=0,1"],
    },
    "check": {"--books": ["2"], "--states": ["40"]},
    "bench": {"--books": ["2"], "--states": ["3"]},
    "fidelity": {"--books": ["2"], "--hours": ["0.05"]},
    "replay": {"--until": ["640"]},
    "serve-market": {"--books": ["2"], "--hours": ["0.02"]},
    "run": {"--port": ["0"]},
}


@attrs.frozen
class Block:
    """A fenced block of a page."""

    page: str
    kind: str
    text: str

    @property
    def file(self) -> str | None:
        """The file that the block is, by the comment at its head."""
        found = re.match(r"# (\S+\.(?:toml|py))\n", self.text)
        return found[1] if found else None


def blocks(page: str) -> list[Block]:
    """All fenced blocks of a page."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return [Block(page, kind, body) for kind, body in re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL)]


def commands(page: str) -> list[str]:
    """Every line of the page's shell blocks."""
    return [line for block in blocks(page) if block.kind == "sh" for line in block.text.splitlines() if line]


def small(words: list[str]) -> list[str]:
    """The command with the options of `SMALL` in place of its own."""
    given = SMALL.get(words[0], {})
    kept: list[str] = []
    skipping = False
    for word in words:
        skipping = word in given or (skipping and not word.startswith("-"))
        kept += [] if skipping else [word]
    named = [":" in word for word in words[1:2]]
    added = [part for name, values in given.items() for part in (name, *values)]
    return kept if words[0] == "check" and any(named) else kept + added


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where every file that the pages show lies under its name."""
    folder = tmp_path_factory.mktemp("docs")
    for page in ("agents.md", "commands.md"):
        for block in blocks(page):
            if block.file is not None:
                (folder / block.file).write_text(block.text, encoding="utf-8")
    stream = [("5FHneW46", encode_request(state)) for state in random_states(1, 20, n_books=2)]
    recorded(folder / "recordings" / "main", resolve("touch"), stream)
    return folder


@pytest.fixture(autouse=True)
def _here(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """The pages speak from that folder."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    yield
    structlog.reset_defaults()


def run(line: str) -> int:
    """Run a line of a shell block; its exit status."""
    name, *words = shlex.split(line, comments=True)
    assert "obmm" == name
    try:
        if words[0] == "run" or (words[0] == "dashboard" and "--grafana" not in words):
            return run_for_a_moment(small(words))
        if words[0] == "control":
            with agent():
                main(words)
            return 0
        main(small(words))
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


@contextlib.contextmanager
def agent() -> Iterator[None]:
    """One that runs, to be steered."""
    words = ["run", "--harness", "--port", "0", "--preset", "touch", "--state", "state"]
    command = [sys.executable, "-m", "obmm", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        next(line for line in process.stderr if "answers" in line)
        yield
        process.terminate()
        process.communicate(timeout=60)


def run_for_a_moment(words: list[str]) -> int:
    """A command that goes on until it is asked to end; its exit status."""
    command = [sys.executable, "-m", "obmm", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        line = next(line for line in process.stderr if "answers" in line or "dashboard at" in line)
        process.terminate()
        out, err = process.communicate(timeout=60)
    sys.stdout.write(out)
    sys.stderr.write(line + err)
    return process.returncode


@pytest.mark.parametrize("line", commands("agents.md"))
def test_every_command_of_the_page_on_agents_runs(line, capsys):
    """With status 0."""
    assert (0, "") == (run(line), capsys.readouterr().err)


def test_every_command_of_the_page_on_commands_runs_and_has_its_keys(capsys):
    """In the order of the page, as later ones read what earlier ones wrote; JSON holds every key named."""
    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    for section in text.split("\n## ")[1:]:
        (lines,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
        told = re.search(r"\nJSON: (.*?)(?:\n\n|\Z)", section, re.DOTALL)
        found: set[str] = set()
        for line in lines.splitlines():
            status = run(f"{line} --json" if told else line)
            out, err = capsys.readouterr()
            assert (line, 0) == (line, status), err
            found |= keys_of(json.loads(out)) if told else set()
        if told:
            named = set(re.findall(r"`(\w+)`", told[1]))
            assert set() == named - found, section.splitlines()[0]


def keys_of(told: Any) -> set[str]:
    """All keys of a JSON document, at any depth."""
    if isinstance(told, dict):
        return set(told).union(*map(keys_of, told.values()))
    return set().union(*map(keys_of, told)) if isinstance(told, list) else set()


@pytest.mark.parametrize(
    "block", [b for b in blocks("agents.md") if b.kind == "toml"], ids=lambda b: b.file or "toml"
)
def test_every_toml_block_of_the_page_on_agents_is_what_it_says(block):
    """A configuration, an override file, or the entry points of a package."""
    table = tomllib.loads(block.text)
    assert block.file is not None
    if block.file == "override.toml":
        assert {"all": "tight", "7": "off", "16-31": "reduce-only"} == read_overrides(Path(block.file))
    elif block.file == "pyproject.toml":
        assert {group.partition(".")[2] for group in table["project"]["entry-points"]} <= set(GROUPS)
    else:
        assert 12 == len(resolve(Path(block.file)).hash)


@pytest.mark.parametrize(
    "block",
    [b for b in blocks("agents.md") if b.kind == "python" and b.file is None],
    ids=lambda b: b.text.splitlines()[-1][:30],
)
def test_every_python_block_runs(block, capsys):
    """From an empty namespace."""
    exec(compile(block.text, block.page, "exec"), {})
    assert "" == capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "lines"), [("stretch:Stretch", 13), ("behind:Behind", 9), ("narrow:narrow", 5)]
)
def test_the_stages_of_the_page_are_short_and_keep_the_contract(name, lines):
    """As its own test on the page says; comments, docstrings and empty lines apart."""
    module, _, stage = name.partition(":")
    for check in checks_for(getattr(importlib.import_module(module), stage)):
        check.run()
    text = next(b.text for b in blocks("agents.md") if b.file == f"{module}.py")
    code = [line for line in text.splitlines()[1:] if line.strip() and '"""' not in line]
    assert lines == len(code)


def test_the_configuration_of_the_page_does_what_its_comments_say():
    """Laid over, taken away, told."""
    mine, base = resolve(Path("mine.toml")), resolve("balanced")
    assert 0.15 == mine.spec("gates.inventory").build().max_inventory_pct
    assert {spec.path for spec in base.specs} - {"gates.turnover"} == {spec.path for spec in mine.specs}
    assert 12.0 == mine.builder.build().target_spread_bps
    books = resolve(Path("books.toml"))
    assert ["even", [1, 3]] == [assignment.selector for assignment in books.assign]
    assert {"7", "16-31", "class-1"} == {override.selector for override in books.overrides}


def test_entry_points_make_a_stage_known(tmp_path, monkeypatch):
    """As pip would write them for the page's package."""
    table = tomllib.loads(Path("pyproject.toml").read_text())
    info = tmp_path / "stretch-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stretch\nVersion: 1.0\n")
    lines = []
    for group, points in table["project"]["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    Path("by_name.toml").write_text('extends = "touch"\nsignals = [{ kind = "stretch" }]\n')
    assert "Stretch" == resolve(Path("by_name.toml")).spec("signals.stretch").cls.__name__


def _row(name: str) -> list[str]:
    """A preset as the table of the page has it."""
    config = resolve(name)
    builder, placer = config.builder.build(), config.placer.build()
    depths = [spec.build().depths for spec in config.signals if spec.kind == "imbalance"]
    shown = (
        getattr(builder, "size_base", None),
        config.spec("gates.inventory").build().max_inventory_pct,
        getattr(builder, "target_spread_bps", None),
        getattr(builder, "min_edge_bps", None),
        getattr(builder, "inventory_skew_factor", None),
        placer.expiry_s,
    )
    figures = ["–" if value is None else f"{value:g}" for value in shown]
    return [f"`{name}`", config.builder.kind, *figures, ", ".join(map(str, depths[0])) if depths else "–"]


def test_the_table_of_presets_is_right():
    """Every preset, every figure."""
    text = (DOCS / "agents.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("| `")
    ]
    assert sorted(map(_row, preset_names())) == sorted(rows)


def test_every_command_has_a_paragraph():
    """With a heading of its own."""
    import obmm.cli

    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## `obmm ([\w-]+)", text, re.MULTILINE)
    assert list(obmm.cli._COMMANDS) == headings


@pytest.mark.parametrize("page", ["agents.md", "commands.md", "live.md", "operate.md", "serve-market.md"])
def test_links_lead_somewhere(page):
    """To pages that are there."""
    for target in re.findall(r"\]\(([\w./-]+)\)", (DOCS / page).read_text(encoding="utf-8")):
        assert (DOCS / target).is_file(), target


def live_commands() -> list[str]:
    """Every `obmm …` of the page on going live, and of the unit for systemd, in one line each."""
    unit = (DOCS.parent / "examples" / "live" / "obmm.service").read_text(encoding="utf-8")
    text = (DOCS / "live.md").read_text(encoding="utf-8") + "\n" + unit.replace("/srv/obmm/venv/bin/", "    ")
    whole = re.sub(r" *\\\n\s*", " ", text.replace("ExecStart=", ""))
    inline = re.findall(r"`(obmm [\w-]+ -[^`…]*)`", whole)
    return inline + [line.strip() for line in whole.splitlines() if re.match(r"    +obmm [a-z]", line)]


@pytest.mark.parametrize("line", live_commands())
def test_every_command_of_the_page_on_going_live_is_one(line):
    """With options that there are."""
    words = shlex.split(line, comments=True)[1:]
    command, _, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    assert command.__name__ == words[0].replace("-", "_")


def operate_commands() -> list[str]:
    """Every `obmm …` of the page on operating an agent."""
    text = (DOCS / "operate.md").read_text(encoding="utf-8").replace(" … ", " --harness ")
    return [line.strip() for line in text.splitlines() if re.match(r"    obmm [a-z]", line)]


@pytest.mark.parametrize("line", operate_commands())
def test_every_command_of_the_page_on_operating_is_one(line):
    """With options that there are, as many as the page has."""
    words = shlex.split(line, comments=True)[1:]
    words = words[: words.index(">")] if ">" in words else words
    command, _, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    assert command.__name__ == words[0].replace("-", "_")
    assert 15 <= len(operate_commands())


def test_the_file_of_alerts_of_the_page_on_operating_is_one(tmp_path):
    """And the table of rules names ours."""
    (block,) = [block for block in blocks("operate.md") if block.kind == "toml"]
    (tmp_path / "alerts.toml").write_text(block.text, encoding="utf-8")
    assert {"telegram", "email", "webhook", "command"} == {
        one.name for one in load_alerts(tmp_path / "alerts.toml").to
    }
    text = (DOCS / "operate.md").read_text(encoding="utf-8")
    assert list(load_alerts().rules) == re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)


def test_the_commands_of_going_live_were_found():
    """That of the unit among them."""
    found = live_commands()
    assert 10 <= len(found)
    assert any("/srv/obmm/agent.toml" in line for line in found)
