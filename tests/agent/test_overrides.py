"""The file of manual overrides: whatever lies there, the last good orders of a person stay in force."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from obmm.agent import ConfigError, MarketMaker, OverrideFile, read_overrides, resolve
from obmm.agent.overrides import MOST_BYTES, MOST_ENTRIES
from obmm.market import Reason
from obmm.testing import random_states

OFF = {"all": "off"}


@pytest.fixture
def override_file(tmp_path: Path) -> Path:
    """Where the overrides of a test lie."""
    return tmp_path / "overrides.toml"


def in_force(override_file: Path) -> OverrideFile:
    """A source that has read `all = "off"`."""
    override_file.write_text('all = "off"\n')
    source = OverrideFile(override_file)
    assert OFF == source.poll(0.0)
    return source


def below_a_file(path: Path) -> None:
    """The folder of the file is now a plain file."""
    path.unlink()
    path.parent.rmdir()
    path.parent.write_text("")


def loop(path: Path) -> None:
    """A link to itself."""
    path.unlink()
    path.symlink_to(path)


def folder(path: Path) -> None:
    """A folder of that name."""
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    """A named pipe into which nobody writes."""
    path.unlink()
    os.mkfifo(path)


def endless(path: Path) -> None:
    """A device that never ends."""
    path.unlink()
    path.symlink_to("/dev/zero")


def written(content: bytes) -> Callable[[Path], None]:
    """A file of these bytes."""

    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


SPOILED: dict[str, Callable[[Path], None]] = {
    "below a file": below_a_file,
    "a loop of links": loop,
    "a folder": folder,
    "a pipe": pipe,
    "a device": endless,
    "deep": written(b"all = " + b"[" * 3000 + b"]" * 3000),
    "deep tables": written(b"all" + b".all" * 10_000 + b' = "off"'),
    "a huge number": written(b"all = " + b"9" * 5000),
    "a huge book": written(b"[books]\n" + b"9" * 5000 + b' = "off"'),
    "huge": written(b'all = "tight"\n' + b"#" * MOST_BYTES),
    "many books": written(b"[books]\n" + b"".join(b'%d = "off"\n' % i for i in range(MOST_ENTRIES + 1))),
    "cut": written(b'all = "of'),
    "no text": written(b"\xff\xfe\x00\xd8"),
    "UTF-16": written('all = "tight"\n'.encode("utf-16")),
    "an unknown mode": written(b'all = "of"'),
    "a mode of no kind": written(b"all = [1]"),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_whatever_the_file_becomes_the_last_good_overrides_stay_and_it_is_told_once(tmp_path: Path, spoil):
    """A slip of the pen while the market burns must not open the quotes again."""
    home = tmp_path / "home"
    home.mkdir()
    source = in_force(home / "overrides.toml")
    spoil(home / "overrides.toml")
    with capture_logs() as logs:
        assert [OFF] * 3 == [source.poll(0.0) for _ in range(3)]
    assert ["overrides not changed"] == [log["event"] for log in logs]
    assert {"error"} == {log["log_level"] for log in logs}
    assert len(logs[0]["problem"]) < 1000


def test_an_agent_obeys_the_last_good_overrides_while_the_file_is_a_loop(override_file: Path):
    """The state is answered, with the reason that a person gave."""
    override_file.write_text('all = "off"\n')
    maker = MarketMaker.of(resolve("touch"), override_file)
    reasons = []
    for i, state in enumerate(random_states(1, 4, n_books=1)):
        if i == 2:
            loop(override_file)
        maker.overrides._next_look = 0.0
        reasons.append(maker.decide(state).why(0)[0])
    assert [Reason.OVERRIDE] * 4 == reasons
    assert 0 == maker.errors


@pytest.mark.parametrize(
    "spoil", [written(b""), written(b" \n"), Path.unlink], ids=["empty", "blank", "gone"]
)
def test_a_file_emptied_or_deleted_lifts_overrides_on_the_second_look_and_loudly(override_file: Path, spoil):
    """An editor that writes anew empties or removes the file for a moment."""
    source = in_force(override_file)
    spoil(override_file)
    with capture_logs() as logs:
        assert [OFF, {}, {}] == [source.poll(0.0) for _ in range(3)]
    assert [("warning", OFF)] == [(log["log_level"], log["was"]) for log in logs]
    assert logs[0]["event"].startswith("ALL OVERRIDES ARE LIFTED: the file is ")


def test_a_file_that_is_gone_for_one_look_changes_nothing(override_file: Path):
    """Written anew in between."""
    source = in_force(override_file)
    override_file.unlink()
    seen = [source.poll(0.0)]
    override_file.write_text('all = "off"\n')
    seen.append(source.poll(0.0))
    override_file.unlink()
    seen.append(source.poll(0.0))
    assert [OFF] * 3 == seen


def test_a_file_mended_after_a_fault_counts_at_once(override_file: Path):
    """And the next fault is told again."""
    source = in_force(override_file)
    override_file.write_text('all = "of')
    source.poll(0.0)
    override_file.write_text('all = "tight"')
    assert {"all": "tight"} == source.poll(0.0)
    override_file.write_text('all = "of')
    with capture_logs() as logs:
        source.poll(0.0)
    assert 1 == len(logs)


def test_a_byte_order_mark_is_no_part_of_the_words(override_file: Path):
    """Some editors write one."""
    override_file.write_bytes(b'\xef\xbb\xbfall = "off"\r\n')
    assert OFF == read_overrides(override_file)


def test_a_file_that_cannot_be_read_is_told_as_a_configuration_error(tmp_path: Path):
    """With its name."""
    with pytest.raises(ConfigError, match=r"overrides\.toml: cannot be read: No such file"):
        read_overrides(tmp_path / "overrides.toml")


def test_between_looks_the_file_is_let_alone(override_file: Path):
    """A look costs a system call; answers come many times a second."""
    source = in_force(override_file)
    source.poll(1e9)
    override_file.write_text('all = "tight"')
    assert OFF == source.poll(0.0)


def test_a_ctrl_c_while_the_file_is_read_gets_through(override_file: Path, monkeypatch: pytest.MonkeyPatch):
    """Nothing else does."""
    source = in_force(override_file)

    def interrupted(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "stat", interrupted)
    with pytest.raises(KeyboardInterrupt):
        source.poll(0.0)


def test_overrides_take_hold_while_running(override_file: Path):
    """A book goes off when the file says so, and comes back when the file is gone on two looks."""
    maker = MarketMaker.of(resolve("touch"), override_file)
    reasons = []
    for i, state in enumerate(random_states(1, 9, n_books=2)):
        if i == 3:
            override_file.write_text('[books]\n1 = "off"\n')
        if i == 6:
            override_file.unlink()
        maker.overrides._next_look = 0.0
        reasons.append([int(r) for r in maker.decide(state).bid_reason])
    off = [reason[1] == Reason.OVERRIDE for reason in reasons]
    assert [False] * 3 + [True] * 4 + [False] * 2 == off
    assert not any(reason[0] == Reason.OVERRIDE for reason in reasons)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('al = "off"', "did you mean 'all'"),
        ('all = "of"', "did you mean 'off'"),
        ('[books]\nseven = "off"', "names no books"),
        ("books = 3", "is a table"),
    ],
)
def test_wrong_overrides_are_told(override_file: Path, text, what):
    """All in the words of a configuration error."""
    override_file.write_text(text)
    with pytest.raises(ConfigError, match=what):
        read_overrides(override_file)
