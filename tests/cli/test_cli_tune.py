"""`obmm tune`: what it prints, what it leaves behind, and how it ends."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("optuna")
pytest.importorskip("numba")
pytest.importorskip("scipy")

from cli.conftest import Obmm
from lab.test_tune_study import size_pays
from lab.tune_synthetic import SMALL, Drawn, Earns, noise
from obmm.agent import resolve
from obmm.lab.trials import Stopped
from obmm.lab.tune.estimate import Speed

WORDS = ("--space", "size_base=0.2..4:log", "--out", "study")
EIGHT = ("--trials", "8", *WORDS)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Lets `obmm tune small.toml` play drawn outcomes."""
    (tmp_path / "small.toml").write_text(SMALL)

    def use(earns: Earns, after: Any = None) -> Drawn:
        executor = Drawn(earns, after=after)
        monkeypatch.setattr("obmm.cli.tune.executor_of", lambda *given: executor)
        return executor

    return use


@pytest.mark.usefixtures("compiled")
def test_a_real_search(obmm: Obmm, tmp_path: Path) -> None:
    """One book, a simulated minute: all files are there, and what is to be run runs."""
    market = ("--books", "1", "--hours", "0.0167", "--seeds", "2", "--confirm", "8", "--jobs", "1")
    words = ("tune", "touch", "--trials", "3", "--space", "inside_ticks=-1,0,1", *market, "--out", "study")

    said = obmm(*words, "--json")

    assert (0, "") == (said.status, said.err) or "book-seconds" in said.err
    told = said.json
    assert {"folder", "verdict", "trust", "found", "checks", "luck", "rows", "front", "held_out"} <= set(told)
    assert told["verdict"].startswith(("Found: ", "Nothing found: "))
    assert told["trials"] == 3
    files = {path.name for path in (tmp_path / "study").iterdir()}
    assert {
        "study.json",
        "study.journal",
        "outcomes.jsonl",
        "trials.jsonl",
        "best.toml",
        "result.json",
    } <= files
    expected = (told["found"] or told["rows"][0])["config_hash"]
    assert expected == resolve(tmp_path / "study" / "best.toml").hash
    again = obmm(*words, "--resume", "--json")
    assert told["rows"] == again.json["rows"]


def test_what_is_found_is_said_first(obmm: Obmm, drawn: Any, tmp_path: Path) -> None:
    """What is tried, the verdict, why to trust it, the best, and what to run."""
    drawn(size_pays())

    said = obmm("tune", "small.toml", *EIGHT)

    assert (0, "") == (said.status, said.err)
    assert "builder.size_base  0.5  0.2 … 4, log  --space size_base=0.2..4:log" in said.out
    found = said.out.index("Found: ")
    assert found < said.out.index("The held-out seeds decide") < said.out.index("Best on the tuning seeds")
    assert "to run: study/best.toml" in said.out
    assert "8 candidates: " in said.out


def coloured(value: Any) -> Any:
    """Values as the page's script hands them to plotly: names of colours become colours."""
    if isinstance(value, dict):
        return "#123456" if set(value) == {"$"} else {k: coloured(v) for k, v in value.items()}
    return [coloured(item) for item in value] if isinstance(value, list) else value


def test_page(obmm: Obmm, drawn: Any, tmp_path: Path) -> None:
    """The page has the verdict, every picture that plotly knows, and loads nothing."""
    figures = pytest.importorskip("plotly.graph_objects")
    drawn(size_pays(best=4.0))

    obmm("tune", "small.toml", *WORDS, "--trials", "24", "--metric", "pnl_per_book_hour", "max_drawdown")

    html = (tmp_path / "study" / "report.html").read_text()
    begin = html.index('id="charts">') + len('id="charts">')
    charts = json.loads(html[begin : html.index("</script>", begin)])
    assert {"held-out", "pnl", "history", "slices", "importances", "front"} == set(charts)
    for chart in charts.values():
        for variant in chart["variants"]:
            layout = coloured({**chart["layout"], **variant["layout"]})
            assert figures.Figure(data=coloured(variant["traces"]), layout=layout).data
    assert "A choice, not a gain" in html
    assert "src=" not in html.split("<body", 1)[0]


def test_stopped_and_gone_on(obmm: Obmm, drawn: Any) -> None:
    """Ctrl-C says how to go on and ends with its own status; going on ends the same study."""

    def stop(asked: int) -> None:
        if asked == 4:
            raise Stopped("SIGINT")

    drawn(size_pays(), after=stop)
    stopped = obmm("tune", "small.toml", *EIGHT)
    drawn(size_pays())
    refused = obmm("tune", "small.toml", *EIGHT)
    resumed = obmm("tune", "small.toml", *EIGHT, "--resume")

    assert stopped.status == 130
    assert "ended early (SIGINT); what is done is kept: go on with --resume" in stopped.err
    assert (2, "") == (refused.status, refused.err.partition("obmm: study: holds a study")[0])
    assert resumed.status == 0
    assert "Found: " in resumed.out


def test_nothing_found(obmm: Obmm, drawn: Any, tmp_path: Path) -> None:
    """Of noise nothing is found, and what is to be run is what was there before."""
    drawn(noise(5))

    told = obmm("tune", "small.toml", *EIGHT, "--json").json

    assert told["found"] is None
    assert resolve("small.toml").hash == resolve(tmp_path / "study" / "best.toml").hash


def test_estimate(obmm: Obmm, drawn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a study takes on some numbers of cores; nothing is begun."""
    drawn(size_pays())
    speed = Speed(start_s=1.0, state_s=0.001, seed_s=0.001, memory_bytes=2**28)
    monkeypatch.setattr("obmm.lab.tune.estimate.measured", lambda trial: speed)

    said = obmm("tune", "small.toml", *EIGHT, "--estimate", "--jobs", "2")
    told = obmm("tune", "small.toml", *EIGHT, "--estimate", "--json").json

    assert "cores" in said.out
    assert {1, 4, 16, 64} <= {one["cores"] for one in told["estimates"]}
    assert all(one["wall_s"] > 0.0 and one["memory_bytes"] > 2**28 for one in told["estimates"])
    assert not Path("study").exists()


@pytest.mark.usefixtures("compiled")
def test_the_probe_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of its own plays a little and says how fast it was and what memory it took."""
    from lab.tune_synthetic import SCENARIO
    from obmm.lab.trials import Trial
    from obmm.lab.tune.estimate import measured

    trial = Trial(config=resolve("touch"), scenario=SCENARIO, books=1, hours=0.02, seeds=(1, 2))

    speed = measured(trial)

    assert speed.memory_bytes > 2**26
    assert speed.state_s + speed.seed_s > 0.0
    assert math.isfinite(speed.wall_s(2, 72.0))


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--space", "target_spred_bps"), "no stage has this option; did you mean 'target_spread_bps'?"),
        (("--metric", "pnl"), "metric pnl: is none; did you mean"),
        (("--executor", "slurm"), "--executor 'slurm' is none; write local, or dask://scheduler:8786"),
        (("--executor", "dask://x:1", "--jobs", "2"), "--jobs is of --executor local"),
        (("--confirm", "3"), "Must be >= 8"),
        (("--resume", "--out", "nothing"), "holds no study to go on with"),
    ],
)
def test_mistakes(obmm: Obmm, words: tuple[str, ...], what: str) -> None:
    """Each is one message with place and fix, before anything is played."""
    said = obmm("tune", "balanced", *words)

    assert said.status == 2
    assert what in " ".join(said.err.split())
