"""Studies: what they find, what they do not find, and that nothing takes away what was done."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

pytest.importorskip("numba")
pytest.importorskip("optuna")
pytest.importorskip("scipy")

from lab import tune_synthetic
from lab.tune_synthetic import Drawn, Earns, design, noise, random_of, space, studied
from obmm.agent import Config, ConfigError, resolve
from obmm.lab.trials import Ledger, Trial, is_confirming
from obmm.lab.trials.executor import Done
from obmm.lab.tune.design import Rung, rungs_of
from obmm.lab.tune.folder import StudyFolder
from obmm.lab.tune.race import clearly_worse, decide, ranked, unbeaten
from obmm.lab.tune.read_space import read_space
from obmm.lab.tune.study import COMPLETE, INVALID, PRUNED, REPEAT, Row, row_table, spread
from obmm.lab.tune.verdict import checked


@pytest.fixture(autouse=True)
def _unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits for the disk: there are thousands of writes."""
    monkeypatch.setattr(os, "fsync", lambda number: None)


def size_pays(best: float = 1.5, gain: float = 2.0) -> Earns:
    """A market that pays for sizes near `best`; drawdown grows with size."""

    def earns(config: Config, name: str, seed: int, hours: float) -> dict[str, float]:
        size = config.builder.build().size_base
        luck = random_of(seed, hours).normal() + 0.3 * random_of(name, seed, hours).normal()
        return {
            "pnl_per_book_hour": luck - gain * math.log(size / best) ** 2,
            "max_drawdown": 3.0 + size + 0.1 * luck,
        }

    return earns


def rows_of(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows as plain values."""
    return [row_table(row) for row in rows]


# What it finds, and what it does not


def false_finds(folder: Path, studies: int, trials: int) -> int:
    """In how many studies of noise something is found."""
    found = 0
    for number in range(studies):
        own = folder / str(number)
        own.mkdir()
        of = design(space(own), trials=trials, seed=number)
        _, result = studied(own / "study", of, Drawn(noise(number)))
        assert result.verdict.sentence.startswith(("Nothing found: ", "Found: "))
        found += bool(result.verdict.found)
    return found


def test_noise_is_not_believed(tmp_path: Path) -> None:
    """Of a hundred searches among configurations that differ by nothing, at most five find something."""
    assert false_finds(tmp_path, studies=100, trials=8) <= 5


@pytest.mark.long
def test_noise_is_not_believed_in_longer_searches(tmp_path: Path) -> None:
    """Trying more does not make luck look like skill."""
    assert false_finds(tmp_path, studies=300, trials=40) <= 9


def test_arms_without_any_difference(tmp_path: Path) -> None:
    """Where an option changes no outcome at all, nothing is found, and no held-out seed is spent."""

    def same(config: Config, name: str, seed: int, hours: float) -> dict[str, float]:
        return {"pnl_per_book_hour": random_of(seed, hours).normal()}

    study, result = studied(tmp_path / "study", design(space(tmp_path), trials=8), Drawn(same))

    assert result.verdict.sentence == (
        "Nothing found: of 8 configurations none was better than the one before the search, "
        "not even on the seeds that the search looked at."
    )
    assert () == result.held_out
    assert study.design.trial.config.hash == resolve(tmp_path / "study" / "best.toml").hash


def test_what_is_there_is_found(tmp_path: Path) -> None:
    """A better size is found, confirmed on seeds nobody saw, and written as a file that runs."""
    of = design(space(tmp_path, "size_base=0.2..4:log", "inside_ticks"), trials=24)

    _, result = studied(tmp_path / "study", of, Drawn(size_pays()))

    best = resolve(tmp_path / "study" / "best.toml")
    assert (best.hash,) == result.verdict.found
    assert 1.0 < best.builder.build().size_base < 2.25
    assert all(is_confirming(seed) for seed in result.held_out)
    text = (tmp_path / "study" / "best.toml").read_text()
    assert text.startswith(f"# Found: {best.hash} is better in P&L per book and hour by +")
    assert "# was 0.5, tried 0.2 … 4, log" in text
    importances = result.importances["pnl_per_book_hour"]
    assert importances["builder.size_base"] > importances["builder.inside_ticks"]
    assert result.verdict.luck.dsr > 0.9
    told = json.loads((tmp_path / "study" / "result.json").read_text())
    assert told["verdict"] == result.verdict.sentence
    assert told["found"]["config_hash"] == best.hash


def test_several_metrics_give_a_front(tmp_path: Path) -> None:
    """Profit against drawdown: what no other beats in both; found is only what is worse in neither."""
    of = design(
        space(tmp_path, "size_base=0.2..4:log"), trials=24, metrics=("pnl_per_book_hour", "max_drawdown")
    )

    _, result = studied(tmp_path / "study", of, Drawn(size_pays(best=4.0)))

    points = [(r.metrics["pnl_per_book_hour"], r.metrics["max_drawdown"]) for r in result.front]
    assert len(points) > 2
    ordered = sorted(points)
    assert [point[1] for point in ordered] == sorted(point[1] for point in points)
    worse = {c.config_hash for c in result.verdict.checks if c.worse}
    assert not worse & set(result.verdict.found)
    assert {"pnl_per_book_hour", "max_drawdown"} == {check.metric for check in result.verdict.checks}


def test_looking_again_is_paid_for() -> None:
    """The second check of a study has twice the p."""
    fresh = np.random.default_rng(1).normal(0.5, size=(12, 1))

    once, twice = (checked(["a"], ["pnl_bps"], [fresh], [fresh], looks)[0].p for looks in (1, 2))

    assert twice == 2.0 * once


# Seeds


def test_tuning_and_held_out_seeds_never_meet(tmp_path: Path) -> None:
    """The search sees small seeds only; each study that asks for held-out seeds gets fresh ones."""
    seen = []
    for number in (1, 2):
        executor = Drawn(size_pays())
        of = design(space(tmp_path, "size_base=0.2..4:log"), trials=8, seed=number)
        _, result = studied(tmp_path / str(number), of, executor)
        asked = {seed for trial in executor.asked for seed in trial.seeds}
        assert asked == {*of.trial.seeds, *result.held_out}
        assert not any(map(is_confirming, of.trial.seeds))
        seen.append((result.held_out, result.used_before))

    assert not set(seen[0][0]) & set(seen[1][0])
    assert [(), tuple(range(1, 9))] == [used for _, used in seen]
    purposes = [use.purpose for use in Ledger.beside(tmp_path / "1").uses()]
    assert ["tune", "confirm", "tune", "confirm"] == purposes


# Nothing is lost


SCRIPT = """
import os, signal, sys
from pathlib import Path
from lab import test_tune_study, tune_synthetic
folder = Path(sys.argv[1])
def kill(asked):
    if asked == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
of = tune_synthetic.design(tune_synthetic.space(folder, "size_base=0.2..4:log", "inside_ticks"), trials=16)
executor = tune_synthetic.Drawn(test_tune_study.size_pays(), after=kill)
tune_synthetic.studied(folder / "study", of, executor)
"""


def test_killed_and_gone_on_is_the_same(tmp_path: Path) -> None:
    """After kill -9 a study goes on where it was: no outcome is played twice, and the rows are the same."""
    (tmp_path / "killed").mkdir()
    (tmp_path / "whole").mkdir()
    words = ("size_base=0.2..4:log", "inside_ticks")
    tests = str(Path(tune_synthetic.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([tests, *filter(None, sys.path)])}
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "killed"), "17"]

    code = subprocess.run(command, env=environment, check=False).returncode
    # A line that was being written.
    with (tmp_path / "killed" / "study" / "outcomes.jsonl").open("ab") as file:
        file.write(b'{"metrics": {"pnl')
    with (tmp_path / "killed" / "study" / "study.journal").open("ab") as file:
        file.write(b'{"op_code": 5, "wor')
    executor = Drawn(size_pays())
    of = design(space(tmp_path / "killed", *words))
    study, result = studied(tmp_path / "killed" / "study", of, executor, resume=True)

    whole = Drawn(size_pays())
    other, expected = studied(tmp_path / "whole" / "study", design(space(tmp_path / "whole", *words)), whole)
    assert -signal.SIGKILL == code
    values = [(row.number, row.values, row.config_hash, row.state, row.metrics) for row in other.rows]
    assert values == [(row.number, row.values, row.config_hash, row.state, row.metrics) for row in study.rows]
    assert expected.verdict == result.verdict
    assert len(whole.asked) == 17 + len(executor.asked)


@pytest.mark.parametrize("after", [1, 4, 9, 12, 20])
def test_stopped_anywhere_and_gone_on(tmp_path: Path, after: int) -> None:
    """Wherever a study is stopped, also again and again, it comes to the same."""

    def stop(asked: int) -> None:
        if asked == after:
            raise KeyboardInterrupt

    of = design(space(tmp_path, "size_base=0.2..4:log", "inside_ticks"))
    with pytest.raises(KeyboardInterrupt):
        studied(tmp_path / "a" / "study", of, Drawn(size_pays(), after=stop))
    with contextlib.suppress(KeyboardInterrupt):
        studied(tmp_path / "a" / "study", of, Drawn(size_pays(), after=stop), resume=True)
    study, result = studied(tmp_path / "a" / "study", of, Drawn(size_pays()), resume=True)

    other, expected = studied(tmp_path / "b" / "study", of, Drawn(size_pays()))
    assert rows_of(other.rows) == rows_of(study.rows)
    assert attrs.asdict(expected.verdict) == attrs.asdict(result.verdict)


def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the file; when there is room again the study goes on."""
    of = design(space(tmp_path, "size_base=0.2..4:log"), trials=8)

    def full(asked: int) -> None:
        def refuse(number: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        if asked == 6:
            monkeypatch.setattr(os, "fsync", refuse)

    with pytest.raises(OSError, match="No space left on device") as caught:
        studied(tmp_path / "study", of, Drawn(size_pays(), after=full))
    assert str(tmp_path / "study" / "outcomes.jsonl") == caught.value.filename

    monkeypatch.setattr(os, "fsync", lambda number: None)
    study, _ = studied(tmp_path / "study", of, Drawn(size_pays()), resume=True)
    assert len(study.rows) == 9


def test_a_study_goes_on_with_more_candidates(tmp_path: Path) -> None:
    """Those that were tried stay; the check of the same winner keeps its seeds."""
    of = design(space(tmp_path, "size_base=0.2..4:log"), trials=12)
    first, before = studied(tmp_path / "study", of, Drawn(size_pays()))
    executor = Drawn(size_pays())

    more = attrs.evolve(of, trials=20)
    second, after = studied(tmp_path / "study", more, executor, resume=True)

    assert rows_of(first.rows) == rows_of(second.rows[:13])
    assert [row.number for row in second.rows] == list(range(21))
    uses = json.loads((tmp_path / "study" / "study.json").read_text())["held_out"]
    assert len(uses) == 1 + (after.verdict.found != before.verdict.found)
    if after.verdict.found == before.verdict.found:
        assert before.held_out == after.held_out
    else:
        assert not set(before.held_out) & set(after.held_out)


def test_another_study_is_not_gone_on_with(tmp_path: Path) -> None:
    """What differs is named; a folder is not overwritten by mistake."""
    of = design(space(tmp_path, "size_base=0.2..4:log"), trials=8)
    studied(tmp_path / "study", of, Drawn(size_pays()))
    other = design(space(tmp_path, "size_base=0.2..3:log"), trials=8, seed=2)

    def refused(match: str, **how: bool) -> None:
        with pytest.raises(ConfigError, match=match):
            studied(tmp_path / how.pop("at", "study"), other, Drawn(size_pays()), **how)  # type: ignore[arg-type]

    refused(r"seed: was 1, is 2.*\n.*space: differs at builder.size_base", resume=True)
    refused("holds a study: go on with --resume")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("")
    with pytest.raises(ConfigError, match="holds files that are no study"):
        StudyFolder.open(tmp_path / "mine", {}, resume=False, force=True)
    with pytest.raises(ConfigError, match="holds no study to go on with"):
        StudyFolder.open(tmp_path / "none", {}, resume=True, force=False)
    assert resolve(tmp_path / "study" / "best.toml")
    studied(tmp_path / "study", other, Drawn(size_pays()), force=True)


# The same whoever plays


@attrs.define
class Shuffled(Drawn):
    """Plays trials in any order, eight at a time."""

    at_once: int = 8

    def run(self, trials: Sequence[Trial], done: Done) -> None:
        order = list(range(len(trials)))
        random.Random(1).shuffle(order)
        for number in order:
            super().run([trials[number]], lambda _, outcomes, number=number: done(number, outcomes))


def test_results_do_not_depend_on_the_executor(tmp_path: Path) -> None:
    """Eight at a time in any order, or one after the other: the same rows and the same verdict."""
    of = design(space(tmp_path, "size_base=0.2..4:log", "inside_ticks"))
    one, first = studied(tmp_path / "one", of, Drawn(size_pays()))
    many, second = studied(tmp_path / "many", of, Shuffled(size_pays()))

    assert rows_of(one.rows) == rows_of(many.rows)
    # Each study has its own held-out seeds: the second finds those of the first in the ledger.
    assert first.verdict.found == second.verdict.found


def test_work_is_spread() -> None:
    """Few trials on many machines are cut by their seeds; many trials are left whole."""
    of = Trial(config=resolve("touch"), scenario=tune_synthetic.SCENARIO, seeds=tuple(range(1, 9)))

    assert [(1, 2), (3, 4), (5, 6), (7, 8)] * 2 == [piece.seeds for piece in spread([of, of], 7)]
    assert [of, of] == spread([of, of], 2)
    assert [] == spread([], 2)


# Rows, and what becomes of candidates


def test_every_row_reproduces_its_candidate(tmp_path: Path) -> None:
    """The file in a row has the hash in the row; the journal and `trials.jsonl` say the same."""
    of = design(
        space(tmp_path, "builder=touch,ladder", "gates.inventory.enabled", "builder.size_base"), trials=16
    )
    study, _ = studied(tmp_path / "study", of, Drawn(noise(4)))

    told = [json.loads(line) for line in (tmp_path / "study" / "trials.jsonl").read_text().splitlines()]
    assert rows_of(study.rows) == [{**row, "seeds": tuple(row["seeds"])} for row in told]
    played = [row for row in study.rows if row.seeds]
    assert {COMPLETE, PRUNED} <= {row.state for row in played}
    for row in played:
        (tmp_path / "again.toml").write_text(row.toml)
        assert row.config_hash == resolve(tmp_path / "again.toml").hash


def test_own_stages_lie_beside_what_is_to_be_run(tmp_path: Path) -> None:
    """The folder of a study is enough to run its result, wherever it is taken."""
    own = "import attrs\nfrom obmm.execution import TouchBuilder\n\n@attrs.define\nclass Own(TouchBuilder):\n"
    (tmp_path / "tune_own.py").write_text(f"{own}    wish: float = 1.0\n")
    (tmp_path / "my.toml").write_text(tune_synthetic.SMALL.replace('"touch"', '"tune_own:Own"'))
    of = read_space(tmp_path / "my.toml", resolve(tmp_path / "my.toml"), ["wish", "size_base=0.2..4:log"])

    _, result = studied(tmp_path / "study", design(of), Drawn(size_pays()))

    assert result.verdict.found
    (tmp_path / "tune_own.py").unlink()
    (tmp_path / "study").rename(tmp_path / "taken")
    assert result.verdict.found[0] == resolve(tmp_path / "taken" / "best.toml").hash


def test_candidates_that_were_tried(tmp_path: Path) -> None:
    """They are not played again, and a space that has been tried out ends the study."""
    executor = Drawn(noise(1))
    of = design(space(tmp_path, "inside_ticks=0,1", "back_off"), trials=60)

    study, _ = studied(tmp_path / "study", of, executor)

    assert REPEAT in {row.state for row in study.rows}
    assert len(study.rows) < 61
    assert len({trial.config.hash for trial in executor.asked}) <= 4


def test_candidates_that_are_none(tmp_path: Path) -> None:
    """Values that do not go together cost nothing, and the reason stands in the row."""
    above = '[[signals]]\nkind = "imbalance"\n' + tune_synthetic.SMALL
    (tmp_path / "my.toml").write_text(above)
    words = ("depths=[[1, 2, 3, 4], [1, 2]]", "signals.imbalance.weights=[[1, 1, 1, 1], [4, 3, 2, 1]]")
    of = read_space(tmp_path / "my.toml", resolve(tmp_path / "my.toml"), words)

    study, _ = studied(tmp_path / "study", design(of, trials=8), Drawn(noise(1)))

    none = [row for row in study.rows if row.state == INVALID]
    assert none
    assert all("4 weights given for 2 depths" in row.why for row in none)
    assert all(row.values["signals.imbalance.depths"] == (1, 2) for row in none)


def test_a_metric_that_is_not_known(tmp_path: Path) -> None:
    """What a short run cannot say is not asked of it; what no run says is refused at once."""

    def late(config: Config, name: str, seed: int, hours: float) -> dict[str, float]:
        return {"pnl_per_book_hour": 1.0 if hours > 2.0 else math.nan, "max_drawdown": math.nan}

    executor = Drawn(late)
    study, _ = studied(tmp_path / "late", design(space(tmp_path), trials=8), executor)
    assert {3.0} == {trial.hours for trial in executor.asked[3:]}
    assert {1.0, 3.0} == {trial.hours for trial in executor.asked[:3]}
    assert len(study.rows) == 9

    with pytest.raises(ConfigError, match="max_drawdown: is not known of 3 h of this configuration: "):
        studied(tmp_path / "none", design(space(tmp_path), metrics=("max_drawdown",)), Drawn(late))


def test_rungs() -> None:
    """Short runs first where there are hours enough, then more and more seeds."""
    assert (Rung(2, 1.0), Rung(4, 3.0), Rung(8, 3.0)) == rungs_of(8, 3.0)
    assert (Rung(2, 1.0), Rung(3, 1.0), Rung(6, 1.0)) == rungs_of(6, 1.0)
    assert (Rung(2, 1.0),) == rungs_of(2, 1.0)


def test_designs_that_cannot_be(tmp_path: Path) -> None:
    """Every mistake at once."""
    with pytest.raises(ConfigError) as caught:
        design(space(tmp_path), trials=0, confirm=3, metrics=("pnl_bps", "pnl_bps"))

    assert ["trials", "confirm", "metric"] == [problem.where for problem in caught.value.problems]


# The race


def test_halving_keeps_half_and_drops_what_is_worse() -> None:
    """The best half goes on, best first; what is clearly worse makes room for nobody."""
    seeds = np.array([[0.0], [1.0], [2.0], [3.0]])
    figures = {"best": seeds, "a": seeds + 0.1, "b": seeds - 5.0, "c": seeds + 0.2, "d": seeds - 0.0}

    told = decide(figures, ["a", "b", "c", "d"], {"best": "trial 3"})

    assert ("c", "a") == told.kept
    assert {"b": "clearly worse than trial 3", "d": "behind the best 2 of 4"} == told.out
    assert decide(figures, ["b"], {"best": "trial 3"}).kept == ()


def test_clearly_worse_is_so_in_every_figure() -> None:
    """Who pays for less drawdown with profit is not worse, only other."""
    random = np.random.default_rng(1)
    base = random.normal(size=(6, 2))
    luck = random.normal(size=(6, 2)) * 0.01

    assert clearly_worse(base - 1.0 + luck, base)
    assert not clearly_worse(base + np.array([1.0, -1.0]) + luck, base)
    assert not clearly_worse(base, base)


def test_ranks_of_several_figures_go_by_fronts() -> None:
    """First what nobody beats, then what only these beat."""
    points = {"a": [1.0, 5.0], "b": [3.0, 3.0], "c": [2.0, 2.0], "d": [0.0, 0.0]}
    figures = {name: np.array([point]) for name, point in points.items()}

    order = ranked(figures)

    assert {"a", "b"} == set(order[:2])
    assert ["c", "d"] == order[2:]
    assert [True, True, False, False] == unbeaten(np.array(list(points.values()))).tolist()
