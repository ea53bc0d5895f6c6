"""The proposal: resolves, stays within bounds, says what it changed, and runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest

pytest.importorskip("numba")
pytest.importorskip("pyarrow")

from lab.doctored import Tables, doctored
from obmm.agent import Config, ConfigError, preset_names, resolve
from obmm.cli.diagnose import diagnose as command
from obmm.execution import Quoting
from obmm.lab.diagnose import Change, Finding, diagnose, levers
from obmm.lab.diagnose.case import Case
from obmm.lab.diagnose.configuration import as_sections, config_of
from obmm.lab.diagnose.proposal import propose
from obmm.lab.diagnose.thresholds import Thresholds
from obmm.lab.recorded import Run
from obmm.lab.simulate import Plan, simulate
from obmm.market import Limits, MarketState, Quotes, Signals
from obmm.settings.toml import Layer, parse_layer
from obmm.sim import Scenario

LEVERS = (
    levers.smaller_inventory,
    levers.stronger_skew,
    levers.larger_edge,
    levers.smaller_edge,
    levers.wider,
    levers.tighter,
    levers.larger_size,
    levers.smaller_size,
    levers.least_size,
    levers.other_sign,
    levers.dearer_fees,
)
#: A ladder around the touch with a controller, overrides of two books, a stage switched off.
LADDER = """
extends = "touch"
[builder]
kind = "ladder"
levels = 2
around = { kind = "touch", inside_ticks = 1, size_base = 0.3, controller = { target = 0.4 } }
[[gates]]
name = "drawdown"
enabled = false
[books.1]
gates.inventory.max_inventory_pct = 0.1
[books."2-3"]
placer.tolerance_ticks = 1
"""


@attrs.define(kw_only=True)
class Wall(Quoting):
    """A builder of one's own."""

    def __call__(self, state: MarketState, signals: Signals, limits: Limits) -> Quotes:
        return self.around(state, state.mid, 0.01 * state.mid, self.size_base)


STAGES_OF_ONES_OWN = {"builder": {"kind": f"{__name__}:Wall"}, "placer": {"kind": "amend"}}


def told(config: Config) -> Any:
    """What `run.json` says of an account with this configuration."""
    account = {"name": config.name, "config_hash": config.hash, "config": config.as_table()}
    return json.loads(json.dumps(account))


def running(config: Config) -> Any:
    """A treatment: account 0 ran this configuration."""

    def treat(tables: Tables, about: dict[str, Any]) -> None:
        about["accounts"]["0"] = told(config)
        about["config_hash"] = config.hash

    return treat


@pytest.fixture(scope="module")
def case(small_run: Path) -> Case:
    """The shared run."""
    return Case.of(Run(small_run), "0.5.4", 0, Thresholds())


def finding(kind: str, cost: float | None, *changes: Change, money: float | None = None) -> Finding:
    """A finding that asks for changes."""
    return Finding(
        kind=kind, title=kind, cost=cost, cost_quote=money, basis="", evidence={}, changes=tuple(changes)
    )


@pytest.mark.parametrize("pull", LEVERS)
@pytest.mark.parametrize("preset", preset_names())
@pytest.mark.parametrize("books", [(), (0, 3)])
def test_every_lever_gives_what_the_preset_takes(case: Case, preset: str, pull: Any, books: Any) -> None:
    """Pulled six times in a row, on all books and on two, the configuration still resolves."""
    present = attrs.evolve(case, config=resolve(preset))
    for _ in range(6):
        changes = pull(present, books)
        settings = [(c.path, c.option, c.new, c.book) for c in changes]
        present = attrs.evolve(case, config=with_settings(present.config, settings))
    for change in changes:
        assert change.new != change.old


def with_settings(config: Config, settings: list[tuple[str, str, float, int | None]]) -> Config:
    """`config` with options set, resolved anew."""
    table = json.loads(json.dumps(config.as_table()))
    for path, option, value, book in settings:
        if book is None:
            stage = next(s for s in table["stages"] if path == s[0] or path.startswith(f"{s[0]}."))
            options = stage[2]
            for part in path[len(stage[0]) :].split(".")[1:]:
                options = options[part]
            options[option] = value
        else:
            table["books"].append([str(book), path, option, value])
    return resolve(Layer("test", as_sections(table)))


@pytest.mark.parametrize("preset", preset_names())
def test_a_run_of_a_preset_is_proposed_as_what_differs_from_it(
    small_run: Path, tmp_path: Path, preset: str
) -> None:
    """The proposal extends the preset by name and is the preset but for its changes."""
    run = doctored(small_run, tmp_path, running(resolve(preset)))
    case = Case.of(run, "0.5.4", 0, Thresholds())
    changes = (*levers.larger_edge(case), *levers.smaller_inventory(case, (2,)))
    proposal = propose(run, 0, [finding("low_ratio", 0.1, *changes)], "0.5.4", 1e-5)
    assert f'extends = "{preset}"' in proposal.toml
    config = resolve(parse_layer(proposal.toml, "proposal"))
    expected = with_settings(resolve(preset), [(c.path, c.option, c.new, c.book) for c in changes])
    assert config.hash == expected.hash
    assert config.hash == proposal.resolves()
    # An inventory that is small already is not made smaller.
    of_books = [(str(c.book), c.new) for c in changes if c.book is not None]
    of_preset = resolve(preset).overrides
    assert of_books == [(o.selector, o.value) for o in config.overrides if o not in of_preset]


@pytest.mark.parametrize(
    "config",
    [resolve("balanced", ["size_base=0.7"]), resolve(parse_layer(LADDER, "ladder"))],
    ids=["parameters", "ladder"],
)
def test_any_other_configuration_is_written_out(small_run: Path, tmp_path: Path, config: Config) -> None:
    """Rebuilt from the records alone it is the same one, and its proposal stands by itself."""
    run = doctored(small_run, tmp_path, running(config))
    assert config_of(run, 0).hash == config.hash
    proposal = propose(run, 0, [], "0.5.4", 1e-5)
    assert "extends" not in proposal.toml
    assert proposal.resolves() == config.hash


def test_an_override_moves_on_from_where_it_is(small_run: Path, tmp_path: Path) -> None:
    """A book with a limit of its own is lowered from that."""
    run = doctored(small_run, tmp_path, running(resolve(parse_layer(LADDER, "ladder"))))
    case = Case.of(run, "0.5.4", 0, Thresholds())
    (change,) = levers.smaller_inventory(case, (1,))
    assert (change.old, change.new) == (0.1, 0.05)


def test_options_that_a_pipeline_lacks_are_not_proposed(small_run: Path, tmp_path: Path) -> None:
    """The touch inside the ladder leans with no signal."""
    run = doctored(small_run, tmp_path, running(resolve(parse_layer(LADDER, "ladder"))))
    case = Case.of(run, "0.5.4", 0, Thresholds())
    assert levers.other_sign(case) == []


def test_a_builder_inside_another_is_changed_where_it_stands(small_run: Path, tmp_path: Path) -> None:
    """The touch inside a ladder gets another size, on all books and on one, and stands further back."""
    base = resolve(parse_layer(LADDER, "ladder"))
    run = doctored(small_run, tmp_path, running(base))
    case = Case.of(run, "0.5.4", 0, Thresholds())
    changes = (*levers.larger_size(case), *levers.wider(case), *levers.larger_edge(case, (3,)))
    assert [(c.place, c.old, c.new) for c in changes] == [
        ("builder.around.size_base", 0.3, 0.375),
        ("builder.around.inside_ticks", 1.0, -1.0),
        ("books.3.builder.around.min_edge_bps", 2.0, 3.0),
    ]
    proposal = propose(run, 0, [finding("low_ratio", 0.1, *changes)], "0.5.4", 1e-5)
    expected = with_settings(base, [(c.path, c.option, c.new, c.book) for c in changes])
    assert proposal.resolves() == expected.hash
    assert "# was 0.3: low_ratio; was 1: low_ratio" in proposal.toml


def test_stages_are_found_whatever_they_are_called(case: Case) -> None:
    """A gate of another name has its limit lowered, a builder of one's own that is a `Quoting` its size."""
    own = resolve(Layer("own", {"gates": [{"kind": "inventory", "name": "cap"}], **STAGES_OF_ONES_OWN}))
    present = attrs.evolve(case, config=own)
    assert [c.path for c in levers.smaller_inventory(present)] == ["gates.cap"]
    assert [c.place for c in levers.larger_size(present)] == ["builder.size_base"]
    assert levers.wider(present) == []


def test_the_farther_of_two_like_minded_changes_is_taken(small_run: Path) -> None:
    """Both findings are named beside the value."""
    near, far = (Change("builder", "min_edge_bps", 2.0, new) for new in (3.0, 5.0))
    found = [finding("low_ratio", 0.2, near), finding("fees", 0.1, far)]
    proposal = propose(Run(small_run), 0, found, "0.5.4", 1e-5)
    assert "min_edge_bps = 5.0  # was 2: low_ratio, fees" in proposal.toml
    assert proposal.dropped == ()


def test_of_two_that_disagree_the_costlier_wins(small_run: Path) -> None:
    """The other is told as left out."""
    up, down = (Change("builder", "target_spread_bps", 10.0, new) for new in (12.0, 8.0))
    found = [finding("adverse_selection", 0.2, up), finding("low_activity", 0.1, down)]
    proposal = propose(Run(small_run), 0, found, "0.5.4", 1e-5)
    assert [change for _, change in proposal.changes] == [up]
    assert proposal.dropped == (("low_activity", down),)


def test_what_costs_nothing_changes_nothing(small_run: Path) -> None:
    """No score lost, or neither score nor money known. Money lost is enough where no score is told."""
    change = Change("builder", "size_base", 0.5, 0.6)
    free = [finding("a", 0.0, change, money=9.0), finding("b", None, change)]
    assert propose(Run(small_run), 0, free, "0.5.4", 1e-5).changes == ()
    paid = [finding("c", None, change, money=9.0)]
    assert propose(Run(small_run), 0, paid, "0.5.4", 1e-5).changes == (("c", change),)


def test_of_pipelines_shared_out_over_books_the_first_is_proposed(small_run: Path, tmp_path: Path) -> None:
    """One proposal cannot speak for several pipelines: it is the main one alone, with its changes."""
    shared = parse_layer('extends = "touch"\n[[assign]]\nbooks = "even"\npipeline = "fast"\n', "shared")
    run = doctored(small_run, tmp_path, running(resolve(shared)))
    found = diagnose(run, "0.5.4")
    assert "assign" not in found.proposal.toml
    proposed = resolve(parse_layer(found.proposal.toml, "proposal"))
    assert "touch" == proposed.spec("builder").kind


def test_records_that_do_not_fit_their_hash_are_refused(small_run: Path, tmp_path: Path) -> None:
    """What another version wrote differently is not proposed as if it had been run."""

    def tampered(tables: Tables, about: dict[str, Any]) -> None:
        about["accounts"]["0"]["config_hash"] = "0" * 12

    with pytest.raises(ConfigError, match="another version"):
        diagnose(doctored(small_run, tmp_path, tampered), "0.5.4")


def test_the_command_writes_a_proposal_that_runs(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`obmm diagnose RUN --out proposal.toml`, then a simulation of that file."""
    out = tmp_path / "proposal.toml"
    command(small_run, era="0.1.51", out=out)
    printed = capsys.readouterr().out
    assert "score lost" in printed
    assert str(out) in printed.replace("\n", "")
    config = resolve(out)
    assert config.hash != resolve("balanced").hash
    plan = Plan(config=config, scenario=Scenario.load("taos-0.5.4"), books=2, hours=0.02, eras=("0.5.4",))
    assert simulate(plan, tmp_path / "run")["config_hash"] == config.hash


def test_the_command_tells_machines_everything(small_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON holds the findings in order, their changes, and the proposal."""
    command(small_run, era="0.5.4", json=True)
    found = json.loads(capsys.readouterr().out)
    again = diagnose(Run(small_run), "0.5.4")
    assert [f.kind for f in again.findings] == [f["kind"] for f in found["findings"]]
    assert found["proposal"] == again.proposal.toml
    assert found["score"] == again.score
    assert parse_layer(found["proposal"], "json").table["extends"] == "balanced"
