"""Commands that run a market: simulate, score, replay, fidelity, warmup; and bench, which only answers."""

from __future__ import annotations

import os
import signal
from importlib import resources
from pathlib import Path

import pytest

pytest.importorskip("numba")
pytest.importorskip("pyarrow")

from obmm.agent import resolve
from obmm.cli import main
from obmm.lab import bench
from obmm.lab.recorded import Run
from obmm.lab.score import MAIN_ERAS
from obmm.lab.simulate import simulate as simulate_plan

pytestmark = pytest.mark.usefixtures("compiled")

#: Two books, two simulated minutes.
SHORT = ("--books", "2", "--hours", "0.034")
PERCENTILES = {"p50", "p99", "max"}


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A finished run with one rival."""
    folder = tmp_path_factory.mktemp("runs") / "short"
    words = ["--preset", "touch", "--rivals", "none", "conservative", "--eras", *MAIN_ERAS]
    main(["simulate", *SHORT, *words, "--out", str(folder)])
    return str(folder)


def test_simulate_tells_what_became_of_the_agent(obmm):
    """Pure JSON on stdout, with every key that scripts rely on."""
    said = obmm("simulate", *SHORT, "--set", "size_base=0.5", "--json")
    told = said.json
    assert (0, "") == (said.status, said.err)
    assert {
        "book_seconds_per_second", "events_per_second", "config_hash", "fills", "pnl", "per_book", "rejects",
        "respond_ms", "markout_bps", "win_rate", "fill_rate", "maker_share", "fees", "inventory", "scores",
        "drawdown_stops", "lifted_share",
    } <= set(told)  # fmt: skip
    assert (resolve("balanced", ["size_base=0.5"]).hash, True) == (told["config_hash"], told["completed"])
    assert [0, 1] == [row["book"] for row in told["per_book"]]
    assert PERCENTILES == set(told["respond_ms"])
    assert told["pnl"] == pytest.approx(sum(row["pnl"] for row in told["per_book"]))
    assert Run(Path(told["run"])).about["config_hash"] == told["config_hash"]


def test_the_folder_of_a_run_tells_it_from_others(obmm):
    """Other settings never replace a run in silence."""
    names = [
        Path(obmm("simulate", "--books", "1", "--hours", "0.001", *words, "--json").json["run"]).name
        for words in ([], ["--set", "size_base=1"], ["--rivals", "none", "touch"], ["--response-ms", "50"])
    ]
    assert 4 == len(set(names))
    assert f"balanced-taos-0.6.2-1x0.001h-seed1-{resolve('balanced').hash}" == names[0]
    assert names[2].endswith("-against-none-touch")


def test_hours_that_a_scenario_does_not_have_are_said(obmm):
    """One line before the run, which then completes all there is; nothing of a run that fits."""
    whole = (resources.files("obmm.sim") / "scenarios" / "taos-0.5.4.toml").read_text(encoding="utf-8")
    brief = whole.replace("duration_s = 86400.0", "duration_s = 639.0")
    Path("brief.toml").write_text(brief, encoding="utf-8")
    words = ("simulate", "--books", "1", "--scenario", "brief.toml", "--json")
    said = obmm(*words, "--hours", "50")
    line = "obmm: the scenario lasts 0.1775 h: 0.01111 h are simulated after its first state, not 50\n"
    assert (0, line, True) == (said.status, said.err, said.json["completed"])
    assert 40 / 3600 == pytest.approx(said.json["hours_planned"])
    assert "" == obmm(*words, "--hours", "0.01").err


def test_simulate_says_what_one_seed_earned_beside_another(obmm):
    """With intervals over books; what plays beside it is the trial of its own, and changes nothing here."""
    alone = obmm("simulate", *SHORT, "--out", "a", "--json").json
    said = obmm("simulate", *SHORT, "--beside", "touch", "--out", "b", "--json").json
    assert alone["digest"] == said["digest"]
    assert alone["earned"] == {name: value for name, value in said["earned"].items() if name != "beside"}
    assert pytest.approx(alone["pnl_per_book_hour"]) == said["earned"]["mean"]
    beside = said["earned"]["beside"]
    touch = obmm("simulate", *SHORT, "--preset", "touch", "--out", "c", "--json").json
    assert ("touch", pytest.approx(touch["pnl_per_book_hour"])) == (beside["name"], beside["mean"])
    assert pytest.approx(said["earned"]["mean"] - beside["mean"]) == beside["difference"]["mean"]


def test_simulate_prints_its_tables_within_eighty_columns(obmm, monkeypatch):
    """What a newcomer sees first."""
    monkeypatch.setenv("COLUMNS", "80")
    said = obmm("simulate", *SHORT, "--preset", "conservative", "--rivals", "touch", "--out", "here")
    assert "one seed is one draw of the market and no result." in " ".join(said.out.split())
    lines = said.out.splitlines()
    assert 80 >= max(len(line.rstrip()) for line in lines)
    for title in ("Per book", "All books", "Markout of fills", "Rivals"):
        assert any(line.startswith(title) for line in lines), title
    assert any(line.endswith("recorded in here") for line in lines)
    assert "sizes lifted to the venue's minimum" in said.out
    assert "lifted to it" in said.err


def test_the_same_seed_is_the_same_run(obmm):
    """And another seed another."""
    first, again, other = (
        obmm("simulate", *SHORT, "--seed", seed, "--out", out, "--json").json["digest"]
        for seed, out in (("3", "a"), ("3", "b"), ("4", "c"))
    )
    assert first == again
    assert first != other


def test_an_interrupt_keeps_what_is_done(obmm, monkeypatch):
    """Ctrl-C at the fortieth second of an hour: summary and records, status 130."""

    def interrupted(plan, folder, *, progress, **rest):
        def press(done_s: float) -> None:
            if done_s == 40.0:
                os.kill(os.getpid(), signal.SIGINT)
            progress(done_s)

        return simulate_plan(plan, folder, progress=press, **rest)

    monkeypatch.setattr("obmm.lab.simulate.simulate", interrupted)
    said = obmm("simulate", "--books", "2", "--hours", "1", "--out", "half", "--json")
    assert (130, False, 41) == (said.status, said.json["completed"], said.json["seconds"])
    assert (False, 41 * 2) == (
        Run(Path("half")).about["completed"],
        Run(Path("half")).table("states")["bid"].size,
    )


def test_stage_errors_are_not_hidden(obmm):
    """A stage that raises leaves an agent that does nothing; the summary says so."""
    Path("failing_stage.py").write_text(
        "import attrs\nfrom obmm.market import Stage\n\n@attrs.define\nclass Failing(Stage):\n"
        "    def __call__(self, state, signals):\n        raise RuntimeError('spoiled')\n"
    )
    Path("failing.toml").write_text(
        'extends = "touch"\nsignals = [{ kind = "failing_stage:Failing", name = "bad" }]\n'
    )
    said = obmm("simulate", "--books", "1", "--hours", "0.003", "--preset", "failing.toml")
    assert "a stage failed on every state, so the agent did nothing; `obmm check` says where" in said.out
    assert "RuntimeError: spoiled" in said.err


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--preset", "balancd"], "no preset is called 'balancd'"),
        (
            ["--scenario", "mars"],
            "'mars' is neither one that ships nor a TOML file; there are taos-0.1.51, taos-0.5.4, taos-0.6.2",
        ),
        (["--scenario", "a_file.toml"], "a_file.toml"),
        (["--rivals", "makers=x"], "--rivals makers=x: must be a whole number, got 'x'"),
        (["--rivals", "makers=2.5"], "must be a whole number, got 2.5"),
        (["--rivals", "takers=-1"], "--rivals takers=-1"),
        (["--rivals", "wolves"], "--rivals wolves: is no word of it; there are"),
        (["--rivals", "wolves=3"], "--rivals wolves=3.0: unknown option"),
        (["--rivals", "gone.toml"], "gone.toml: cannot be read"),
        (["--out", "a_file.toml"], "a_file.toml: File exists"),
        (["--out", "."], ".: holds files that are no run; name a new folder"),
    ],
)
def test_simulate_refuses_what_cannot_run(words, what, obmm):
    """Before anything is simulated or written."""
    Path("a_file.toml").write_text("x = 1\n")
    said = obmm("simulate", "--books", "1", "--hours", "0.01", *words)
    assert (2, "", ["a_file.toml"]) == (said.status, said.out, [path.name for path in Path().iterdir()])
    assert what in said.err


def test_score_tells_every_main_era(obmm, run_folder):
    """As the run itself told them."""
    told = obmm("score", run_folder, "--json").json
    assert set(MAIN_ERAS) == set(told)
    assert {"total", "missing", "figures", "books", "scorings", "field"} == set(told["0.5.4"])
    recorded = Run(Path(run_folder)).about["scores"]["0"]
    for era, scored in told.items():
        # A run too short for an era has no score there, and says why.
        assert (None, recorded[era]["missing"]) == (scored["total"], scored["missing"])
        assert scored["missing"].startswith(era) or "no book" in scored["missing"]


def test_score_keeps_to_the_width_of_the_terminal(obmm, run_folder, monkeypatch):
    """Also under the rules with the most figures."""
    monkeypatch.setenv("COLUMNS", "80")
    lines = obmm("score", run_folder, "--era", "0.6.3").out.splitlines()
    assert 80 >= max(len(line.rstrip()) for line in lines)
    names = [word for line in lines if line.startswith("book ") for word in line.split()[1:]]
    figures = list(Run(Path(run_folder)).about["scores"]["0"]["0.6.3"]["books"])
    assert figures == names


def test_score_tells_the_books_of_an_era_that_is_named(obmm, run_folder):
    """And of a rival by its uid."""
    out = obmm("score", run_folder, "--era", "0.5.4", "--uid", "1").out
    lines = out.splitlines()
    assert lines[0] == "Scores"
    assert any(line.startswith("Books under 0.5.4") for line in lines)
    assert "ranks are ranks among the 2 accounts of this run" == lines[-1]


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--era", "0.5"], "no scoring era is called '0.5'"),
        (["--uid", "7"], "the run has no account 7; there are 0, 1"),
    ],
)
def test_score_refuses_what_the_run_has_not(words, what, obmm, run_folder):
    """One line."""
    said = obmm("score", run_folder, *words)
    assert (2, "") == (said.status, said.out)
    assert what in said.err


def test_a_folder_without_a_run_is_told(obmm):
    """Not a traceback."""
    assert "obmm: nowhere holds no run: run.json is missing\n" == obmm("score", "nowhere").err


def test_replay_answers_the_sample(obmm):
    """The recording that ships with obmm, by its short name."""
    said = obmm("replay", "sample", "--until", "660", "--json")
    told = said.json
    assert (0, "", 61) == (said.status, said.err, told["states"])
    assert {"states", "books", "instructions", "instructions_per_state", "quiet"} <= set(told)
    for step in ("decode_ms", "respond_ms", "encode_ms"):
        assert PERCENTILES == set(told[step])


def test_replay_prints_a_line_per_book_within_eighty_columns(obmm, monkeypatch):
    """Quoting, distance from the touch, results, and why it was quiet."""
    monkeypatch.setenv("COLUMNS", "80")
    lines = obmm("replay", "sample", "--until", "650", "--preset", "touch").out.splitlines()
    assert 80 >= max(len(line.rstrip()) for line in lines)
    books = [line.split()[0] for line in lines if "warming up" in line]
    assert [str(book) for book in range(8)] == books


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["gone.msgpack.zst"], "gone.msgpack.zst: No such file or directory"),
        (["text.toml"], "text.toml: damaged zstd data"),
        (["sample", "--from", "5000"], "--from is 5000"),
    ],
)
def test_replay_refuses_what_is_no_recording(words, what, obmm):
    """One line."""
    Path("text.toml").write_text("x = 1\n")
    said = obmm("replay", *words)
    assert (2, "", 1) == (said.status, said.out, len(said.err.splitlines()))
    assert what in said.err


def test_fidelity_holds_a_simulated_stretch_against_the_recorded_facts(obmm):
    """Class by class of every recorded market; JSON names what lies outside."""
    short = ("--seeds", "1", "--books", "1", "--hours", "0.02")
    classes = obmm("fidelity", *short, "--json").json["classes"]
    assert ["main", "simulation_0", "simulation_1"] == [told["asset"] for told in classes]
    out = obmm("fidelity", *short).out
    for told in classes:
        assert {"first order", "markout", "flow", "noisy"} == set(told["outside"])
        off = len(told["outside"]["first order"])
        said = (
            f"{told['scenario']}, {told['asset']}: {len(told['rows'])} facts; outside: {off} of first order"
        )
        assert said in out


def test_fidelity_holds_one_class_of_a_scenario_against_its_recording(obmm):
    """The one that is named."""
    words = ("--scenario", "taos-0.6.2", "--asset", "simulation_1", "--seeds", "1", "--books", "1")
    (told,) = obmm("fidelity", *words, "--hours", "0.02", "--json").json["classes"]
    assert ("taos-0.6.2", "simulation_1") == (told["scenario"], told["asset"])


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["gone.json"], "gone.json: No such file or directory"),
        (["text.json"], "text.json is not JSON"),
        (["other.json"], "other.json holds no facts: the key 'pooled' is missing"),
        (["--scenario", "taos-0.1.51"], "no recording of taos-0.1.51 ships with obmm; give a file of facts"),
        (["--scenario", "taos-0.6.2", "--asset", "main"], "taos-0.6.2 has no class of books 'main'"),
        (["--hours", "0.001"], "facts need 60 simulated seconds"),
        (["--picture", "no/where.html"], "no/where.html cannot be written: there is no folder no"),
    ],
)
def test_fidelity_refuses_what_it_cannot_compare(words, what, obmm):
    """Before anything is simulated."""
    Path("text.json").write_text("a =")
    Path("other.json").write_text("{}")
    said = obmm("fidelity", *words)
    assert (2, "", 1) == (said.status, said.out, len(said.err.splitlines()))
    assert what in said.err


def test_warmup_says_how_long_it_took(obmm):
    """For scripts too."""
    assert {"seconds"} == set(obmm("warmup", "--json").json)
    assert obmm("warmup").out.startswith("the embedded market is ready (")


def test_bench_of_one_size_puts_its_figures_at_the_top(obmm):
    """The keys that scripts rely on."""
    told = obmm("bench", "--books", "3", "--states", "5", "--json").json
    assert {"books", "states", "decode_ms", "pipeline_ms", "encode_ms", "answer_ms"} <= set(told)
    assert (3, 5, resolve("balanced").hash) == (told["books"], told["states"], told["config_hash"])
    for step in ("decode_ms", "pipeline_ms", "encode_ms", "answer_ms"):
        assert PERCENTILES == set(told[step])


def test_bench_prints_a_line_per_size_and_step(obmm):
    """Budgets stand beside the size they are meant for."""
    out = obmm("bench", "--books", "2", "128", "--states", "3", "--preset", "touch").out
    steps = [line.split()[:2] for line in out.splitlines() if line.startswith(("2 ", "128 "))]
    assert [
        [books, step] for books in ("2", "128") for step in ("decode", "pipeline", "encode", "answer")
    ] == steps
    assert "obmm --help" in out


def test_bench_over_its_budget_does_not_end_well(obmm, monkeypatch):
    """Status 1, and what is over is told, also in JSON."""
    monkeypatch.setitem(bench.BUDGET_MS, "answer", 1e-6)
    words = ("bench", "--books", "128", "--states", "3", "--preset", "touch")
    said = obmm(*words)
    assert (1, True) == (said.status, "is over the budget of 1e-06 ms" in said.out)
    told = obmm(*words, "--json")
    assert (1, True) == (told.status, any(line.startswith("answer: median") for line in told.json["over"]))


def test_bench_does_not_time_an_agent_that_fails(obmm):
    """Its times would say nothing."""
    Path("failing_bench_stage.py").write_text(
        "import attrs\nfrom obmm.market import Stage\n\n@attrs.define\nclass Failing(Stage):\n"
        "    def __call__(self, state, signals):\n        raise RuntimeError('spoiled')\n"
    )
    Path("failing.toml").write_text(
        'extends = "touch"\nsignals = [{ kind = "failing_bench_stage:Failing", name = "bad" }]\n'
    )
    said = obmm("bench", "--books", "1", "--states", "2", "--preset", "failing.toml")
    assert (2, "obmm: failing.toml: a stage failed on 62 states; `obmm check` says where") == (
        said.status,
        said.err.splitlines()[-1],
    )
