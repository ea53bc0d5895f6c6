"""The report as a page and in the terminal."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from obmm.cli._errors import UsageError
from obmm.cli.report import report as command
from obmm.cli.report import write_report
from obmm.lab.report import ReportData, report_on

pytest.importorskip("plotly")

from obmm.lab.report.page import CHARTS, page

PAGE_LIMIT = 8_000_000
HOSTILE = "<script>alert(1)</script> & \"co\" {'$': 'ink'}"


@pytest.fixture(scope="module")
def short_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two books, two minutes, answers too late for the venue: no fills, no scores, and refusals."""
    pytest.importorskip("numba")
    from obmm.agent import resolve
    from obmm.lab.simulate import Plan, simulate
    from obmm.sim import Scenario

    folder = tmp_path_factory.mktemp("runs") / "short"
    scenario = Scenario.load("taos-0.5.4")
    eras = ("0.1.51", "0.5.4")
    plan = Plan(
        config=resolve("touch"), scenario=scenario, books=2, hours=1 / 30, response_ms=3_500.0, eras=eras
    )
    simulate(plan, folder)
    return folder


@pytest.fixture(scope="module")
def one(small_run: Path) -> str:
    """The page of one run."""
    return page(report_on([small_run]))


@pytest.fixture(scope="module")
def two(small_run: Path, short_run: Path) -> str:
    """The page of two runs side by side."""
    return page(report_on([small_run, short_run]))


class Text(HTMLParser):
    """Collects what a reader sees, the elements, and the data of the charts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.charts: dict[str, Any] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            if self.elements[-1][1].get("id") == "charts":
                self.charts = json.loads(data)
        elif not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def read(self) -> str:
        """All words."""
        return " ".join(" ".join(self.words).split())


def without_library(html: str) -> str:
    """The page less plotly.js."""
    from plotly.offline import get_plotlyjs

    return html.replace(get_plotlyjs(), "")


def dressed(value: Any, shared: dict[str, Any]) -> Any:
    """A chart's values as the page's script makes them: colours and shared arrays in place."""
    if isinstance(value, list):
        return [dressed(item, shared) for item in value]
    if isinstance(value, dict):
        if "$" in value:
            return "#123456"
        if "&" in value:
            return shared[value["&"]]
        return {key: dressed(item, shared) for key, item in value.items()}
    return value


def test_every_picture_is_in_the_page(one: str) -> None:
    """One place each, with data behind it and a heading before it."""
    text = Text(one)
    assert {
        "score-time",
        "book-scores",
        "total-value",
        "book-value",
        "inventory",
        "markouts",
        "price",
        "quote-distance",
        "quote-shares",
        "fees",
        "response",
    } == set(text.charts)
    assert len(CHARTS) == len(text.charts)
    placed = [attributes.get("data-chart") for _, attributes in text.elements]
    assert sorted(text.charts) == sorted(filter(None, placed))


@pytest.mark.parametrize("name", ["one", "two"])
def test_every_picture_is_a_figure_that_plotly_knows(name: str, request: pytest.FixtureRequest) -> None:
    """Plotly's own validators accept each view of each chart."""
    from plotly.graph_objects import Figure

    for key, chart in Text(request.getfixturevalue(name)).charts.items():
        assert chart["variants"], key
        for variant in chart["variants"]:
            layout = dressed(chart["layout"] | variant["layout"], chart["shared"])
            Figure(data=dressed(variant["traces"], chart["shared"]), layout=layout)


def test_colours_have_a_value_in_light_and_dark(two: str) -> None:
    """Each name that charts or marks use is in both palettes."""
    light, dark = re.findall(r":root \{(.*?)\}", two, re.DOTALL)[:2]
    used = set(re.findall(r'\{"\$":"(\w+)"\}', two)) | set(re.findall(r"var\(--(\w+)\)", two))
    assert {"ink", "buy", "sell", "run0", "run1"} <= used
    for palette in (light, dark):
        assert used <= set(re.findall(r"--(\w+):", palette))


def test_the_page_needs_no_network(two: str) -> None:
    """No address outside the library's code, links within the page only, a policy that forbids loading."""
    rest = without_library(two)
    assert "http://" not in rest
    assert "https://" not in rest
    text = Text(rest)
    for tag, attributes in text.elements:
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#"), tag
    policies = [attributes.get("content") for _, attributes in text.elements if "http-equiv" in attributes]
    assert "default-src 'none'" in str(policies[0])


def test_links_lead_to_sections(one: str) -> None:
    """Every link of the list of sections has its place."""
    elements = Text(one).elements
    places = {attributes.get("id") for _, attributes in elements}
    links = [str(attributes["href"]) for tag, attributes in elements if tag == "a"]
    assert len(links) > 5
    assert {link.removeprefix("#") for link in links} <= places


def test_the_page_says_what_the_table_says(one: str, small_run: Path) -> None:
    """Value, status, era and definition of every figure, and the notes on what is out of reach."""
    read = Text(one).read
    for row in report_on([small_run]).targets:
        assert row.measure.label in read
        assert row.measure.definition in read
        assert row.readings[0].status in read
        assert row.readings[0].note in read


def test_the_page_names_what_a_result_depends_on(one: str, small_run: Path) -> None:
    """Hash, scenario, seed, versions, and the size of the field that ranks compare with."""
    about, read = json.loads((small_run / "run.json").read_text(encoding="utf-8")), Text(one).read
    for words in (about["config_hash"], about["scenario"], about["versions"]["numpy"], about["digest"]):
        assert words in read
    assert f"seed {about['seed']}" in read
    assert "rank the accounts of the run itself, here 1" in read
    for _, kind, _ in about["accounts"]["0"]["config"]["stages"]:
        assert kind in read


def test_a_page_stays_small(one: str, two: str) -> None:
    """Long series are thinned."""
    assert len(one) < PAGE_LIMIT
    assert len(two) < PAGE_LIMIT


def test_names_are_shown_as_they_are(small_run: Path, tmp_path: Path) -> None:
    """A configuration may be called anything: nothing of it becomes markup, script or colour."""
    folders = []
    for i in range(2):
        folder = tmp_path / f"run{i}"
        shutil.copytree(small_run, folder)
        about = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        about["accounts"]["0"]["name"] = f"{HOSTILE} {i}"
        (folder / "run.json").write_text(json.dumps(about), encoding="utf-8")
        folders.append(folder)
    html = page(report_on(folders))
    assert "<script>alert" not in html
    text = Text(html)
    assert 4 == sum(tag == "script" for tag, _ in text.elements) + 1
    assert f"{HOSTILE} 0" in text.read
    names = [trace["name"] for trace in text.charts["total-value"]["variants"][0]["traces"]]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in names[0]


def test_runs_stand_side_by_side(two: str) -> None:
    """Each run has its column, its lines and its choices."""
    text = Text(two)
    labels = {attributes.get("data-label") for _, attributes in text.elements}
    assert {"balanced", "touch"} <= labels
    overlaid = [trace["name"] for trace in text.charts["total-value"]["variants"][0]["traces"]]
    assert {"balanced", "touch"} <= set(overlaid)
    choices = [variant["label"] for variant in text.charts["price"]["variants"]]
    assert "balanced: book 3" in [choice.partition(",")[0] for choice in choices]
    assert len(choices) == 4 + 2
    assert "What differs" in text.read


def test_a_run_without_fills_or_scores_is_told_in_words(short_run: Path) -> None:
    """Nothing is drawn where there is nothing, and every gap says why."""
    text = Text(page(report_on([short_run])))
    for words in (
        "No order was filled in 2 minutes.",
        "There are no fills.",
        "No era has a score yet.",
        "No era has a score per book yet.",
        "No position was ever held.",
        "No quote ever stood in the book",
        "0.5.4 gives a Kappa to runs of more than 90 minutes; this one lasted 2",
    ):
        assert words in text.read
    assert {"markouts", "score-time", "inventory"}.isdisjoint(text.charts)


def test_refusals_are_told_with_their_reason(short_run: Path) -> None:
    """What the venue refused is in the data object and on the page."""
    report = report_on([short_run])
    refused = json.loads((short_run / "run.json").read_text(encoding="utf-8"))["refused"]["0"]
    assert {reject.reason: reject.count for reject in report.runs[0].rejects} == refused
    assert "late answer" in Text(page(report)).read


def test_the_command_prints_and_writes(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The terminal shows targets, scores and books; the page lies where it was asked for."""
    out = tmp_path / "pages" / "report.html"
    command(small_run, out=out)
    printed = capsys.readouterr().out
    for words in (
        "P&L of trading",
        "Kappa, median book",
        "Where the P&L comes from",
        "Scores, before ranks",
        "Best and worst books",
        str(out),
    ):
        assert words in printed
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_command_gives_the_data_object(small_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON, and without a page nobody asked for."""
    before = sorted(small_run.iterdir())
    command(small_run, json=True)
    told = json.loads(capsys.readouterr().out)
    report: ReportData = report_on([small_run])
    assert [row.readings[0].status for row in report.targets] == [
        row["readings"][0]["status"] for row in told["targets"]
    ]
    assert before == sorted(small_run.iterdir())


def test_a_finished_simulation_gets_its_page(short_run: Path) -> None:
    """It lies in the run's folder, and its path is what is printed."""
    told = write_report(short_run)
    assert told == f"report: {short_run / 'report.html'}"
    assert (short_run / "report.html").read_text(encoding="utf-8").endswith("</html>\n")


def test_without_plotly_there_is_a_notice_instead_of_a_page(
    short_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is worth something without its pictures."""
    folder = shutil.copytree(short_run, tmp_path / "run", ignore=shutil.ignore_patterns("*.html"))
    monkeypatch.setattr("obmm.cli.report.find_spec", lambda name: None)
    assert "pip install 'obmm[report]'" in write_report(folder)
    assert not (folder / "report.html").exists()


def test_several_runs_have_their_page_beside_the_first(
    small_run: Path, short_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Named after their folders."""
    command(short_run, small_run)
    page_of_both = short_run.parent / f"report-{short_run.name}-{small_run.name}.html"
    assert page_of_both.is_file()
    assert str(page_of_both) in capsys.readouterr().out


def test_the_command_says_what_is_wrong(small_run: Path) -> None:
    """No run, and an account that is not there."""
    with pytest.raises(UsageError, match="name the folder of a run"):
        command()
    with pytest.raises(UsageError, match="has no account 9"):
        command(small_run, uid=(9,))
