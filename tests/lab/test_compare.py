"""Comparisons: what is compared, what is kept, and what is said of it."""

from __future__ import annotations

import json
import math
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
import numpy as np
import pytest

pytest.importorskip("numba")
pytest.importorskip("scipy")

from obmm.agent import ConfigError, resolve
from obmm.lab.attribution import PARTS
from obmm.lab.compare import ALL, Comparison, Question, arms_of, markets_of, metrics_of
from obmm.lab.compare.folder import Folder
from obmm.lab.compare.keep import Keep
from obmm.lab.compare.matrix import best
from obmm.lab.compare.run import Runner
from obmm.lab.compare.tell import told
from obmm.lab.compare.used import seeds_words, used_before
from obmm.lab.compare.words import sentence, verdict
from obmm.lab.first_hour import LATER
from obmm.lab.trials import METRICS, Ledger, LocalExecutor, Outcome, Trial
from obmm.lab.trials.executor import Done
from obmm.sim import Scenario

SCENARIO = Scenario.load("taos-0.5.4")
PNL = METRICS["pnl_per_book_hour"]


def question(*sources: str, swaps: Sequence[str] = (), populations: Sequence[str] = ("default",)) -> Question:
    """Two books for a minute."""
    arms = arms_of(sources or ("touch", "balanced"), swaps)
    return Question(arms=arms, markets=markets_of([SCENARIO], populations), books=2, hours=1 / 60)


def outcome(seed: int, pnl: float, **changes: object) -> Outcome:
    """An outcome with a P&L per book and hour of two books in an hour, all of it held longer."""
    books = {part: np.zeros(2) for part in PARTS} | {"held_longer": np.full(2, pnl)}
    books |= {"pnl": np.full(2, pnl), "asset": np.zeros(2), "pipeline": np.zeros(2)}
    books |= {"turnover": np.full(2, 100.0), "max_drawdown": np.array([5.0, 50.0])}
    made = Outcome(
        seed=seed,
        config_hash="",
        digest=str(pnl),
        hours=1.0,
        states=3600,
        metrics={
            PNL.name: pnl,
            "max_drawdown": 10.0 - pnl,
            "fills_per_book_hour": 1.0,
            "turnover_per_book_hour": 100.0,
        },
        books=books,
        curves={name: np.array([0.0, pnl]) for name in ("pnl", "inventory_quote")}
        | {"time_s": np.array([0.0, 3600.0])},
        markouts={"sum": np.zeros(8), "count": np.ones(8)},
        scores={},
    )
    return attrs.evolve(made, **changes)  # type: ignore[arg-type]


@attrs.define
class Told:
    """An executor that knows what becomes of a trial: `pnl(arm's place, market's maker count, seed)`."""

    pnl: Callable[[str, int], float]
    at_once: int = 2
    played: list[tuple[str, int]] = attrs.field(factory=list)

    def run(self, trials: Sequence[Trial], done: Done) -> None:
        """Tell what is known."""
        for number, trial in enumerate(trials):
            self.played += [(trial.config.name, seed) for seed in trial.seeds]
            outcomes = [outcome(seed, self.pnl(trial.config.name, seed)) for seed in trial.seeds]
            done(number, tuple(outcomes))


def compared(pnl: Callable[[str, int], float], seeds: int, path: Path, **changes: object) -> Comparison:
    """A comparison of touch and balanced with P&L as told."""
    path.mkdir(exist_ok=True)
    asked = attrs.evolve(question(), **changes)  # type: ignore[arg-type]
    return Runner(asked, Told(pnl), 2, Keep(path / "outcomes.jsonl")).on(range(1, seeds + 1))


def noise(name: str, seed: int) -> float:
    """A market's luck, the same for every arm, and a little of the arm's own."""
    rng = np.random.default_rng([seed, len(name)])
    return float(100.0 * np.random.default_rng(seed).normal() + rng.normal())


# -- what is compared ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("swap", "path", "option", "value"),
    [
        ("builder.size_base=1.5", "builder", "size_base", 1.5),
        ("max_inventory_pct=0.1", "gates.inventory", "max_inventory_pct", 0.1),
        (
            "signals.lean.weights.imbalance=0",
            "signals.lean",
            "weights",
            {"imbalance": 0.0, "trade_flow": 0.3},
        ),
    ],
)
def test_a_swap_changes_one_thing(swap: str, path: str, option: str, value: object) -> None:
    """The option it names, and nothing else."""
    base, arm = arms_of(["balanced"], [swap])
    assert value == getattr(arm.config.spec(path).build(), option)
    a, b = base.config.as_table(), arm.config.as_table()
    differ = [x[0] for x, y in zip(a["stages"], b["stages"], strict=True) if x != y]
    assert [path] == differ


def test_a_swap_takes_another_stage_or_leaves_one_out() -> None:
    """With the options that the other stage has by itself."""
    _, touch, calm = arms_of(["balanced"], ["builder=touch", "gates.drawdown=off gates.fees=off"])
    assert "touch" == touch.config.spec("builder").kind
    gates = [spec.name for spec in calm.config.gates]
    assert {"drawdown", "fees"} == {spec.name for spec in resolve("balanced").gates} - set(gates)


@pytest.mark.parametrize(
    ("sources", "swaps", "what"),
    [
        ([], [], "name a preset"),
        (["balanced"], [], "name another configuration beside balanced"),
        (["balanced"], ["builder=tuch"], "did you mean 'touch'"),
        (["balanced"], ["signals.leen=off"], "did you mean 'signals.lean'"),
        (["balanced"], ["signals.lean.weights.imb=0"], "there are imbalance, trade_flow"),
        (["balanced"], ["builder=skewed"], "changes nothing"),
        (["balanced", "tuch"], [], "did you mean 'touch'"),
    ],
)
def test_what_cannot_be_compared_is_refused(sources: list[str], swaps: list[str], what: str) -> None:
    """With the words that would work."""
    with pytest.raises(ConfigError, match=what):
        arms_of(sources, swaps)


def test_arms_of_one_name_are_told_apart() -> None:
    """A configuration against a copy of itself."""
    assert ["touch", "touch (2)"] == [arm.name for arm in arms_of(["touch", "touch"])]


def test_populations_are_markets_of_their_own() -> None:
    """`all` is none, the default, twenty quoters, the heritage, and three maker shares."""
    found = markets_of([SCENARIO], ["all"])
    rivals = [market.scenario.rivals for market in found]
    assert ["none", "default", "crowd", "heritage", *(f"maker-share={s}" for s in (0.3, 0.45, 0.6))] == [
        market.name for market in found
    ]
    assert [0, 20] == [rivals[i].makers for i in (0, 2)]
    assert [(False, 0), (True, 0.3), (True, 0.6)] == [
        (r.exogenous_mtr, r.mtr_mean if r.exogenous_mtr else 0) for r in (rivals[1], rivals[4], rivals[6])
    ]
    assert 6 == len(found[3].rivals)
    with pytest.raises(ConfigError, match="--rivals nobody"):
        markets_of([SCENARIO], ["nobody"])
    with pytest.raises(ConfigError, match="did you mean 'max_drawdown'"):
        metrics_of(["max_drawdwn"], (), 1.0)


# -- what is found ------------------------------------------------------------------------------------


def test_a_copy_differs_by_exactly_nothing() -> None:
    """Played anew, in another process or not: the very same figures, and the words say so."""
    asked = question("touch", "touch")
    keep = Keep(Path(os.devnull))
    comparison = Runner(asked, LocalExecutor(jobs=1), 1, keep).on((1, 2))
    (d,) = comparison.differences(PNL)
    assert ([0.0, 0.0], 0.0, 1.0) == (d.values.tolist(), d.interval.mean, d.p)
    assert "touch (2) and touch do not differ: every figure is the same on all 2 seeds." == verdict(
        comparison
    )


def test_a_steady_difference_is_seen_through_the_luck_of_the_market(tmp_path: Path) -> None:
    """Three quote a seed, where seeds differ by hundreds; less of it is worse the other way round."""
    comparison = compared(lambda name, seed: noise(name, seed) + 3.0 * ("balanced" in name), 8, tmp_path)
    (d,) = comparison.differences(PNL)
    assert d.better
    assert verdict(comparison).startswith("balanced is better than touch: P&L per book and hour +")
    (less,) = comparison.differences(METRICS["max_drawdown"])
    assert less.better
    assert less.interval.mean < 0.0
    assert d.needed < 8 < 1000 < d.detectable * 1e4


@pytest.mark.parametrize("peeking", [False, True])
def test_what_is_neither_good_nor_bad_is_more_or_less(peeking: bool) -> None:
    """Turnover: with the plain interval and the one for looking after every seed, and never better."""
    turnover = METRICS["turnover_per_book_hour"]
    asked = attrs.evolve(question(), metrics=(turnover,))
    played = {}
    for seed in range(1, 13):
        for arm, more in (("touch", 0.0), ("balanced", 5.0 + 0.1 * (seed % 3))):
            told = outcome(seed, 0.0)
            played[arm, "default", seed] = attrs.evolve(told, metrics={turnover.name: 10.0 * seed + more})
    known = Comparison(question=asked, seeds=tuple(range(1, 13)), outcomes=played, peeking=peeking)
    (d,) = known.differences(turnover)
    assert (True, None) == (d.settled, d.better)
    assert sentence(d, known).startswith(
        "balanced has more than touch: turnover per book and hour +5.10 quote"
    )
    assert [] == best(known, turnover)


def test_what_cannot_be_told_says_what_would_tell_it(tmp_path: Path) -> None:
    """Too few seeds; then how many more."""
    few = verdict(compared(noise, 3, tmp_path / "few"))
    assert few.startswith("Cannot tell yet whether balanced is better than touch")
    assert few.endswith("Fewer than 6 seeds cannot show anything: add 3 or more.")
    more = verdict(compared(noise, 8, tmp_path))
    assert "So many seeds show a difference from" in more


def test_markets_are_told_one_by_one_and_together(tmp_path: Path) -> None:
    """Together each seed counts once, with its mean over the markets."""
    asked = question(populations=["none", "default"])
    runner = Runner(asked, Told(lambda name, seed: float(seed) * (2.0 if "touch" in name else 1.0)), 2,
                    Keep(tmp_path / "o.jsonl"))  # fmt: skip
    comparison = runner.on((1, 2, 3))
    assert (ALL, "none", "default") == comparison.markets
    for market in comparison.markets:
        (d,) = comparison.differences(PNL, market)
        assert [-1.0, -2.0, -3.0] == d.values.tolist()
    words = told(comparison)["differences"]
    assert [None, "none", "default"] == [d.get("market") for d in words]
    assert " on none: " in words[1]["words"]
    fields = told(comparison)["fields"]
    assert [("none", 1, 4.0, 2.0), ("default", 1, 4.0, 2.0)] == [
        (f["field"], f["version"], f["means"]["touch"]["mean"], f["means"]["balanced"]["mean"])
        for f in fields
    ]
    assert [{"balanced": None}] * 2 == [f["better"] for f in fields]
    assert 2 == len({f["population"] for f in fields})


def test_several_challengers_have_to_be_surer(tmp_path: Path) -> None:
    """Holm: of three alike none passes where one alone would."""
    asked = question("touch", "balanced", "calm", "fast")
    runner = Runner(asked, Told(lambda name, seed: noise(name, seed)), 2, Keep(tmp_path / "o.jsonl"))
    found = runner.on(range(1, 9)).differences(PNL)
    assert all(d.p >= d.p_flip for d in found)
    assert pytest.approx(min(1.0, 3 * min(d.p_flip for d in found))) == min(d.p for d in found)


def test_the_difference_is_attributed_to_the_last_cent(tmp_path: Path) -> None:
    """The parts of both arms sum to their P&L, and so does the difference."""
    keep = Keep(tmp_path / "o.jsonl")
    comparison = Runner(question(), LocalExecutor(jobs=1), 1, keep).on((1, 2))
    for arm in ("touch", "balanced"):
        parts = np.sum(list(comparison.attribution(arm).values()), axis=0)
        own = comparison.figures(arm, lambda o: o.metric(PNL.name))
        assert np.abs(parts - own).max() < 1e-6


def test_a_score_that_is_not_there_says_why(tmp_path: Path) -> None:
    """Once, not for each challenger."""
    base = question()
    markets = markets_of([SCENARIO], eras=["0.5.4"])
    asked = attrs.evolve(base, markets=markets, metrics=metrics_of((), ("0.5.4",), 1.0))
    score = asked.metrics[1]
    made = {
        (arm.name, "default", seed): outcome(seed, 1.0, scores={"0.5.4": {"score": 0.1, "median": math.nan}})
        for arm in asked.arms
        for seed in (1, 2)
    }
    comparison = Comparison(question=asked, seeds=(1, 2), outcomes=made)
    (d,) = comparison.differences(score)
    assert "0.5.4 gives a Kappa to runs of more than 90 minutes; this one lasted 60" in d.missing
    assert d.missing in sentence(d, comparison)
    assert json.loads(json.dumps(told(comparison), default=str))["differences"][1]["seeds"] == 0


def test_what_is_earned_after_the_first_hour_stands_beside_the_rest() -> None:
    """Where runs last longer; where they do not and it is asked for, it says why there is none."""
    assert ["pnl_per_book_hour", LATER] == [m.name for m in metrics_of((), (), 2.0)]
    assert ["max_drawdown", "pnl_per_book_hour", LATER] == [
        m.name for m in metrics_of(("max_drawdown", "pnl_per_book_hour"), (), 1.5)
    ]
    assert ["pnl_bps"] == [m.name for m in metrics_of(("pnl_bps",), (), 2.0)]
    asked = attrs.evolve(question(), metrics=metrics_of((LATER,), (), 1.0))
    made = {(arm.name, "default", seed): outcome(seed, 1.0) for arm in asked.arms for seed in (1, 2)}
    comparison = Comparison(question=asked, seeds=(1, 2), outcomes=made)
    (d,) = comparison.differences(asked.metrics[0])
    assert "the run lasts no more than an hour" == d.missing


# -- looking again and again --------------------------------------------------------------------------


def until_sure(pnl: Callable[[str, int], float], most: int = 40, first: int = 4) -> Comparison:
    """A comparison that goes on until it is settled."""
    runner = Runner(question(), Told(pnl), 2, Keep(Path(os.devnull)))
    return runner.until_sure(
        range(1, first + 1), lambda n, seeds: range(len(seeds) + 1, len(seeds) + 1 + n), most
    )


def test_seeds_are_added_until_it_is_settled() -> None:
    """A clear difference takes few, none takes all that there are."""
    clear = until_sure(lambda name, seed: noise(name, seed) + 6.0 * ("balanced" in name))
    assert clear.differences(PNL)[0].better
    assert len(clear.seeds) < 20
    none = until_sure(noise)
    assert 40 == len(none.seeds)
    assert none.differences(PNL)[0].better is None


def test_going_on_until_sure_fools_nobody() -> None:
    """Of 100 comparisons of arms alike at most one in twenty ends in a verdict."""
    fooled = 0
    for trial in range(100):
        found = until_sure(lambda name, seed, t=trial: noise(name, 1000 * t + seed), most=16)  # type: ignore[misc]
        fooled += found.differences(PNL)[0].better is not None
    assert fooled <= 5


# -- what is kept -------------------------------------------------------------------------------------


def test_outcomes_are_kept_to_the_last_digit(tmp_path: Path) -> None:
    """And half a line of a killed process is left out."""
    path = tmp_path / "outcomes.jsonl"
    first = outcome(3, 1 / 3, metrics={"pnl_bps": math.nan, PNL.name: 1 / 3})
    Keep(path).add("k", (first, outcome(4, 2.0)))
    path.write_bytes(path.read_bytes() + path.read_bytes()[:90])
    Keep(path).add("k", (outcome(5, 2.0),))
    again = Keep(path)
    back = again.get("k", 3)
    assert back is not None
    assert 1 / 3 == back.metrics[PNL.name]
    assert math.isnan(back.metrics["pnl_bps"])
    assert first.books["held_longer"].tolist() == back.books["held_longer"].tolist()
    assert [True, True, False] == [again.get("k", seed) is not None for seed in (4, 5, 6)]


def test_what_was_played_is_not_played_again(tmp_path: Path) -> None:
    """More seeds cost only these; another question all of them."""
    told_by = Told(noise)
    for seeds in (2, 4):
        Runner(question(), told_by, 2, Keep(tmp_path / "o.jsonl")).on(range(1, seeds + 1))
    assert sorted(told_by.played) == sorted(
        (name, s) for name in ("preset touch", "preset balanced") for s in range(1, 5)
    )
    other = attrs.evolve(question(), hours=2 / 60)
    Runner(other, told_by, 2, Keep(tmp_path / "o.jsonl")).on((1,))
    assert 10 == len(told_by.played)


def test_ctrl_c_keeps_the_seeds_that_are_done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They are compared, and the next run goes on from there."""
    # Each trial alone: narrow ones would be played together.
    monkeypatch.setattr("obmm.lab.trials.packs.WIDE_BOOKS", 1)

    @attrs.define
    class Interrupted(LocalExecutor):
        def run(self, trials: Sequence[Trial], done: Done) -> None:
            def tell(number: int, outcomes: tuple[Outcome, ...]) -> None:
                done(number, outcomes)
                if number == 1:
                    os.kill(os.getpid(), signal.SIGINT)

            super().run(trials, tell)

    path = tmp_path / "o.jsonl"
    asked = question()
    comparison = Runner(asked, Interrupted(jobs=1), 6, Keep(path)).on((1, 2, 3))
    assert ("SIGINT", (1,)) == (comparison.ended, comparison.common("touch", "balanced"))
    assert 1 == comparison.differences(PNL)[0].values.size
    assert "SIGINT" == told(comparison)["ended"]
    rest = Runner(asked, LocalExecutor(jobs=1), 1, Keep(path)).on((1, 2, 3))
    assert ("", 2 * 2 * 2 * 60.0) == (rest.ended, pytest.approx(rest.book_seconds))


def test_a_folder_holds_one_question(tmp_path: Path) -> None:
    """Asked again it goes on, another is refused, and so are files that are none of ours."""
    asked = question()
    with Folder(tmp_path / "c", asked) as kept:
        kept.write(Runner(asked, Told(noise), 2, kept.keep).on((1, 2)))
    with Folder(tmp_path / "c", asked) as again:
        assert 2 == Runner(asked, Told(noise), 2, again.keep).on((1, 2)).outcomes.__len__() // 2
    other = attrs.evolve(asked, books=3)
    with pytest.raises(FileExistsError, match="--force replaces it"), Folder(tmp_path / "c", other):
        pass
    with Folder(tmp_path / "c", other, force=True):
        pass
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "thesis.txt").write_text("x")
    with pytest.raises(FileExistsError, match="no comparison"), Folder(tmp_path / "d", asked):
        pass


def test_the_page_says_what_the_comparison_says(tmp_path: Path) -> None:
    """Verdict, arms, attribution, seeds used before; and it loads nothing."""
    pytest.importorskip("plotly")
    from obmm.lab.compare.page import page

    comparison = compared(lambda name, seed: noise(name, seed) + 3.0 * ("balanced" in name), 8, tmp_path)
    ledger = Ledger(tmp_path / "seeds.jsonl")
    ledger.note("tune", scenario=SCENARIO.name, seeds=(2, 3), configs=("x",), folder="runs/study")
    before = used_before(ledger.uses(), comparison.seeds)
    html = page(comparison, before, "runs/<b>")
    for words in ("balanced is better than touch", "tuned on once: 2, 3", "held longer", "runs/&lt;b&gt;"):
        assert words in html
    assert "src=" not in html.partition("<script")[0]


def test_the_page_shows_a_matrix_of_fields(tmp_path: Path) -> None:
    """Who trades there, in which version, and the verdict for each."""
    pytest.importorskip("plotly")
    from obmm.lab.compare.page import page

    markets = markets_of([SCENARIO], ["crowd", "makers=3"])
    html = page(compared(lambda name, seed: noise(name, seed) + 3.0 * ("balanced" in name), 8, tmp_path,
                         markets=markets))  # fmt: skip
    matrix = html[html.index('id="fields"') :]
    for words in ("makers=3", "Twenty quoters", "(version 1)", "better"):
        assert words in matrix[:3000]


def test_seeds_tell_what_they_were_used_for(tmp_path: Path) -> None:
    """Tuning first; what nobody looked at is said, too."""
    ledger = Ledger(tmp_path / "seeds.jsonl")
    ledger.note("compare", scenario="s", seeds=(1, 2), configs=(), folder="a")
    ledger.note("tune", scenario="s", seeds=(2,), configs=(), folder="b")
    before = used_before(ledger.uses("s"), (1, 2, 3))
    assert [("tune", (2,)), ("compare", (1, 2))] == [(use.purpose, use.seeds) for use in before]
    words = seeds_words((1, 2, 3), before)
    assert "tuned on once: 2" in words
    assert "Fresh: 3." in words
    assert "--confirm takes fresh ones" in words
    assert "nobody looked at them before" in seeds_words((7,), ())


def test_an_arm_that_failed_is_named(tmp_path: Path) -> None:
    """With the states on which it did, and what was wrong first."""
    asked = question()
    made = {(arm.name, "default", 1): outcome(1, 1.0) for arm in asked.arms}
    made["balanced", "default", 1] = outcome(1, 0.0, failed=7, fault="signals.mine: KeyError: 'x'")
    comparison = Comparison(question=asked, seeds=(1,), outcomes=made)
    assert {"balanced": {"states": 7, "of": 3600, "fault": "signals.mine: KeyError: 'x'"}} == told(
        comparison
    )["failed"]
