"""`obmm replay`, `record-info`, `import-recording` and those that read runs, on live recordings."""

from __future__ import annotations

import functools
import itertools
import shutil
from pathlib import Path

import attrs
import pytest
from tests.live.recording import Asked, interleaved, recorded

from obmm.agent import ConfigError, resolve
from obmm.lab.bench import sample_path
from obmm.lab.compare import arms_of
from obmm.live._files import Bounds
from obmm.market import Feed
from obmm.testing import random_states
from obmm.wire import encode_request, read_stream
from obmm.wire.frames import Frame, Setup, encode_frame
from obmm.wire.recording import Recording

N = 12


@functools.cache
def asked(seed: int, sender: str, simulation: str = "run") -> tuple[Asked, ...]:
    """What a validator asks."""
    states = random_states(seed, N, n_books=2, n_levels=5, events_per_book=10.0)
    venue = attrs.evolve(states[0].venue, simulation_id=simulation)
    return tuple((sender, encode_request(attrs.evolve(state, venue=venue))) for state in states)


@pytest.fixture(scope="module")
def one(tmp_path_factory) -> Path:
    """A recording of one simulation, with a restart."""
    folder: Path = tmp_path_factory.mktemp("recordings") / "one"
    recorded(folder, resolve("touch"), asked(1, "5Fone")[:8])
    recorded(folder, resolve("calm"), [*asked(1, "5Fone")[8:], ("5Fone", b"{")])
    return folder


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> Path:
    """A recording of two."""
    folder: Path = tmp_path_factory.mktemp("recordings") / "two"
    recorded(folder, resolve("touch"), interleaved(asked(1, "5Fone"), asked(2, "5Ftwo", "other")))
    return folder


def test_a_recording_replays_to_the_same_bytes(one, obmm):
    """Nothing is to be said but that."""
    said = obmm("replay", str(one))
    assert (0, "") == (said.status, said.err)
    assert "13 requests answered again, 13 replies the same to the byte\n" == said.out
    told = obmm("replay", str(one), "--json").json
    assert (13, 13, 0, None) == (told["exchanges"], told["same"], told["different"], told["first_difference"])


def test_its_market_is_only_played_with_an_agent_that_is_named(one, obmm):
    """A span or a folder says that it is meant to be played."""
    for words in (["--until", "605"], ["--from", "605"], ["--out", "runs/played"]):
        said = obmm("replay", str(one), *words)
        assert 2 == said.status
        assert "name an agent with --preset" in said.err


@pytest.mark.usefixtures("compiled")
def test_its_market_is_played_like_that_of_any_capture(tmp_path, obmm):
    """The same requests, from a live recording and from the capture that they were taken from."""
    captured = itertools.islice(read_stream(sample_path(), frozenset({Feed.TAPE, Feed.QUEUE})), 20)
    stream = [("v", encode_request(one.state)) for one in captured]
    recorded(tmp_path / "rec", resolve("touch"), stream)
    words = ("--preset", "touch", "--until", "618", "--json")
    live, other = (obmm("replay", name, *words).json for name in ("rec", "sample"))
    same = set(other) - {"capture", "decode_ms", "respond_ms", "encode_ms", "wall_s"}
    assert {name: other[name] for name in same} == {name: live[name] for name in same}
    assert 19 == live["states"]


def spoiled(one: Path, folder: Path) -> Path:
    """A copy whose fourth reply is another."""
    shutil.copytree(one, folder)
    frames = list(Recording(folder / "00000001.obmf").frames())
    frames[4] = Frame(frames[4].about, frames[4].first, b"{}")
    (folder / "00000001.obmf").write_bytes(b"".join(map(encode_frame, frames)))
    (folder / "index.json").unlink()
    return folder


def test_the_first_reply_that_is_another_is_told(one, tmp_path, obmm):
    """With status 1."""
    folder = spoiled(one, tmp_path / "copy")
    said = obmm("replay", str(folder))
    assert 1 == said.status
    assert "1 replies are others; the first:\nrequest 3 of 5Fone at 603 s\n" in said.out
    assert "recorded with obmm " in said.out
    assert 1 == obmm("replay", str(folder), "--json").status


def test_what_cannot_be_compared_is_told(one, tmp_path, obmm):
    """And where a writer was killed."""
    folder = tmp_path / "copy"
    shutil.copytree(one, folder)
    (folder / "index.json").unlink()
    path = folder / "00000001.obmf"
    frames = [f for f in Recording(path).frames() if getattr(f.about, "number", -1) != 2]
    path.write_bytes(b"".join(map(encode_frame, frames)) + b"obmf")
    out = obmm("replay", str(folder)).out
    assert "5 not compared: what was remembered is not in the recording" in out
    assert "cut when its writer was killed: " in out


def test_what_is_in_a_recording_is_told(one, obmm):
    """Simulations, configurations, times, versions."""
    told = obmm("record-info", str(one), "--json").json
    assert (13, 2, 2, "") == (told["exchanges"], told["files"], told["processes"], told["damage"])
    (simulation,) = told["simulations"]
    expected = {
        "validator": "5Fone",
        "simulation": "run",
        "books": 2,
        "states": N,
        "uid": 0,
        "versions": [54],
    }
    assert simulation == expected | {"from_s": 600.0, "until_s": 611.0, "missed": 0, "late": 0}
    assert [("start", resolve(name).hash) for name in ("touch", "calm")] == [
        (config["why"], config["config_hash"]) for config in told["configs"]
    ]
    assert {"undecodable": 1} == told["notes"]
    out = obmm("record-info", str(one)).out
    assert out.startswith("13 requests, ")
    assert "2 files, " in out
    assert "answered without orders: 1 undecodable" in out
    assert "in 2 processes" in out


def test_damage_losses_and_gaps_are_told(tmp_path, obmm):
    """What was before the damage is told all the same."""
    stream = asked(1, "v")
    stream = [stream[0], stream[5], stream[4], *stream[6:8]]
    recorded(tmp_path / "rec", resolve("touch"), stream, bounds=Bounds(file_s=1e-9))
    index = Recording(tmp_path / "rec").index
    index.lost = {"the disk is too slow": 3}
    index.removed.files = 2
    index.write(tmp_path / "rec")
    path = tmp_path / "rec" / index.files[-1].name
    path.write_bytes(path.read_bytes()[:-1])
    said = obmm("record-info", str(tmp_path / "rec"))
    assert 1 == said.status
    assert f"damaged, and read up to there: {path} at byte " in said.out
    assert "3 requests are not in it: the disk is too slow" in said.out
    assert "2 older files with 0 requests made room for these" in said.out
    (simulation,) = obmm("record-info", str(tmp_path / "rec"), "--json").json["simulations"]
    assert (4, 1, 4) == (simulation["missed"], simulation["late"], simulation["states"])


def test_a_clock_that_nobody_can_have_is_no_gap(tmp_path, obmm, capsys):
    """One absurd time does not make millions of states of it that were missed."""
    first, second, third = random_states(1, 3, n_books=2)
    wild = attrs.evolve(second, time_ns=2**63 - 1)
    stream = [("v", encode_request(state)) for state in (first, wild, second, third)]
    recorded(tmp_path / "rec", resolve("touch"), stream)
    capsys.readouterr()  # The agent has told of its clock.
    (simulation,) = obmm("record-info", str(tmp_path / "rec"), "--json").json["simulations"]
    assert (0, 4) == (simulation["missed"], simulation["states"])


def test_code_in_packages_is_written_as_it_lay(tmp_path, obmm):
    """A package is a folder."""
    code = "import attrs\nfrom obmm.market import Stage\nfrom own_pkg import open_limits\n@attrs.define\n"
    code += "class G(Stage):\n"
    code += "    def __call__(self, state, signals):\n        return open_limits(state.n_books)\n"
    Path("own_pkg").mkdir()
    Path("own_pkg/__init__.py").write_text("from obmm.market import Limits\nopen_limits = Limits.open\n")
    Path("own_pkg/gate.py").write_text(code)
    Path("my.toml").write_text('extends = "touch"\n[[gates]]\nkind = "own_pkg.gate:G"\nname = "g"')
    recorded(Path("rec"), resolve("my.toml"), asked(1, "v")[:3])
    obmm("record-info", "rec", "--code", "out")
    assert ["out/own_pkg/__init__.py", "out/own_pkg/gate.py"] == sorted(map(str, Path("out").rglob("*.py")))
    assert "3 replies the same" in obmm("replay", "rec", "--code", "out").out


def test_code_is_only_written_where_a_module_may_be(tmp_path, obmm):
    """A recording from elsewhere may name anything."""
    about = Setup(
        at_ns=1, why="start", name="n", config_hash="h", table={}, sources={"../evil": "x"}, versions={}
    )  # fmt: skip
    (tmp_path / "00000001.obmf").write_bytes(encode_frame(Frame(about)))
    said = obmm("record-info", str(tmp_path / "00000001.obmf"), "--code", str(tmp_path / "code"))
    assert (2, False) == (said.status, (tmp_path / "code").exists())
    assert "holds code of what is no module: '../evil'" in said.err


def test_an_empty_recording_is_told(tmp_path, obmm):
    """Nobody asked yet."""
    recorded(tmp_path / "rec", resolve("touch"), [])
    out = obmm("record-info", str(tmp_path / "rec"), "--code", "code").out
    assert out.startswith("0 requests; 1 file, ")
    assert "made without stages of one's own" in out
    assert 2 == obmm("score", str(tmp_path / "rec")).status


def test_a_recording_is_read_like_a_run(one, obmm):
    """By every command that reads runs; made once."""
    assert 0 == obmm("score", str(one), "--era", "0.5.4").status
    (run,) = obmm("import-recording", str(one), "--json").json
    assert ("5Fone", N, 0) == (run["validator"], run["states"], run["undecided"])
    assert obmm("diagnose", str(one)).out.startswith("preset touch")
    assert "5Fone-run: 12 states" in obmm("import-recording", str(one)).out
    assert 0 == obmm("report", str(one), "--json").status


def test_signals_are_studied_on_a_recording(two, one, obmm):
    """As on any capture, or as they were recorded."""
    told = obmm("study", "imbalance", "--capture", str(two), "--only", "5Ftwo", "--json")
    assert 0 == told.status, told.err
    run = obmm("study", "--run", str(one), "--json")
    assert 0 == run.status, run.err
    assert "such as --only" in obmm("study", "imbalance", "--capture", str(two)).err


def test_a_recording_is_compared_by_the_configuration_it_ended_with(one):
    """As an arm like any other, in which nothing can be changed."""
    arms = arms_of([str(one), "touch"])
    assert [resolve("calm").hash, resolve("touch").hash] == [arm.config.hash for arm in arms]
    with pytest.raises(ConfigError, match="leave it out"):
        arms_of([str(one), "touch"], params=["size_base=1"])
    with pytest.raises(ConfigError, match="nothing can be swapped"):
        arms_of([str(one)], ["builder=touch"])


def test_of_a_recording_with_several_simulations_one_must_be_named(two, obmm):
    """The message names the runs."""
    said = obmm("score", str(two))
    assert 2 == said.status
    assert "holds 2 simulations, a run each; name one of " in said.err
    assert 0 == obmm("score", str(two / "runs" / "5Ftwo-other")).status


def test_a_decision_made_live_is_explained(two, obmm):
    """As it was made, by the configuration that made it; or as another would have made it."""
    words = ("explain", str(two), "--book", "1", "--at", "605", "--json")
    live = obmm(*words, "--only", "5Ftwo").json
    assert ("preset touch", resolve("touch").hash, 605.0) == (live["config"], live["hash"], live["time_s"])
    other = obmm(*words, "--only", "5Ftwo", "--preset", "touch").json
    assert live == other
    assert "preset calm" == obmm(*words, "--only", "5Fone", "--preset", "calm").json["config"]
    assert "ends before 900 s, at 611 s" in obmm("explain", str(two), "--book", "1", "--at", "900").err
    assert "has no book 9" in obmm("explain", str(two), "--book", "9", "--at", "601").err


def test_of_several_simulations_one_must_be_told(two, obmm):
    """And be there."""
    words = ("explain", str(two), "--book", "1", "--at", "605", "--preset", "calm")
    assert "tell which by how it begins, such as --only 5Ftwo/other" in obmm(*words).err
    assert "holds no simulation that begins with 'x'" in obmm(*words, "--only", "x").err


def test_a_recording_whose_code_is_gone_is_told(tmp_path, obmm):
    """Its run has no orders, and says why; with the code as it was it has."""
    code = "import attrs\nfrom obmm.market import Limits, Stage\n@attrs.define\nclass G(Stage):\n"
    code += "    def __call__(self, state, signals):\n        return Limits.open(state.n_books)\n"
    Path("old_gate.py").write_text(code)
    Path("my.toml").write_text('extends = "touch"\n[[gates]]\nkind = "old_gate:G"\nname = "g"')
    recorded(Path("rec"), resolve("my.toml"), asked(1, "v")[:3])
    Path("old").mkdir()
    Path("old_gate.py").rename("old/old_gate.py")
    Path("old_gate.py").write_text(code + "# another\n")
    assert "the code of gates.g is another now" in obmm("replay", "rec").err
    assert "3 replies the same" in obmm("replay", "rec", "--code", "old").out
    assert "wrote as-recorded/old_gate.py" in obmm("record-info", "rec", "--code", "as-recorded").out
    assert "3 replies the same" in obmm("replay", "rec", "--code", "as-recorded").out
    again = obmm("record-info", "rec", "--code", "as-recorded")
    assert (2, True) == (again.status, "is there already; name another folder" in again.err)
    assert "without orders and signals: " in obmm("import-recording", "rec").out
    assert "without" not in obmm("import-recording", "rec", "--code", "old", "--force").out


def test_what_is_no_recording_is_told(tmp_path, obmm):
    """One line."""
    said = obmm("record-info", "nowhere")
    assert (2, "") == (said.status, said.out)
    assert "is no live recording" in said.err


def test_the_newest_hours_of_a_recording_are_diagnosed(one, tmp_path, obmm):
    """Of what was recorded last; a time that cannot be read, and what is no recording, is refused."""
    shutil.copytree(one, tmp_path / "rec")
    said = obmm("diagnose", "rec", "--last", "6h", "--json")
    assert (0, "rec/runs/last-6h") == (said.status, said.json["run"].rpartition("/")[0])
    assert "is no time; write 30m, 6h or 2d" in obmm("diagnose", "rec", "--last", "soon").err
    assert "is for live recordings" in obmm("diagnose", "nowhere", "--last", "6h").err
