"""What a machine needs to go live, and what is said where it lacks it."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from contextlib import contextmanager

import pytest

from obmm.agent import resolve
from obmm.live import fitness
from obmm.live.fitness import Place, answers, chain, clock, disk, files, keys, look, offset_s, port, versions

ADDRESS = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"


@pytest.fixture
def wallet(tmp_path):
    """A wallet as it should be: a hotkey of one's own, and the public part of the coldkey."""
    folder = tmp_path / "w" / "hotkeys"
    folder.mkdir(parents=True)
    for name, secret in (("h", {"secretSeed": "0xsecret"}), ("hpub.txt", {})):
        (folder / name).write_text(json.dumps({"ss58Address": ADDRESS, **secret}))
        (folder / name).chmod(0o600)
    (tmp_path / "w" / "coldkeypub.txt").write_text("{}")
    return tmp_path / "w"


def told(found) -> dict[str, tuple[bool, str]]:
    """Findings by their names."""
    return {fit.name: (fit.ok, fit.detail) for fit in found}


def test_a_wallet_as_it_should_be(wallet):
    """Nothing to do, and no secret said."""
    found = told(keys(wallet, "h"))
    assert all(ok for ok, _ in found.values())
    assert (True, ADDRESS) == found["hotkey"]
    assert "secret" not in str(found)


def test_what_may_be_wrong_with_a_wallet(wallet):
    """Each with what to do."""
    hotkey = wallet / "hotkeys" / "h"
    hotkey.chmod(0o644)
    assert (False, f"chmod 600 {hotkey}") == told(keys(wallet, "h"))["hotkey's file"]
    hotkey.write_bytes(b"$NACL0000")
    assert "nobody is there to type" in told(keys(wallet, "h"))["hotkey unlocks"][1]
    hotkey.unlink()
    assert not told(keys(wallet, "h"))["hotkey's file"][0]
    (wallet / "coldkeypub.txt").unlink()
    assert "copy it to" in told(keys(wallet, "h"))["coldkey's public part"][1]
    (wallet / "coldkey").write_text("{}")
    assert "keep it elsewhere" in told(keys(wallet, "h"))["coldkey"][1]
    assert "btcli wallet new-hotkey" in told(keys(wallet, "none"))["hotkey"][1]


def test_ports():
    """Free, taken, and out of the chain's range."""
    with socket.create_server(("0.0.0.0", 0)) as taken:
        number = taken.getsockname()[1]
        assert (False, "in use") == (port(number).ok, port(number).detail[-6:])
    assert port(number).ok
    assert [False, False] == [port(80).ok, port(65535).ok]


def test_disk_and_open_files(tmp_path, monkeypatch):
    """A folder that is not there yet is judged by the one it will be in."""
    monkeypatch.setattr(fitness, "DISK_BYTES", 1)
    assert disk(tmp_path / "a" / "b").ok
    monkeypatch.setattr(fitness, "DISK_BYTES", 10**18)
    assert not disk(tmp_path).ok
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "may not be written" in disk(tmp_path).detail
    assert files().ok
    monkeypatch.setattr(fitness, "FILES", 10**9)
    assert not files().ok or files().detail == "-1"


@contextmanager
def time_server(ahead_s: float, *, size: int = 48):
    """A server of the time, which is off."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))

        def answer() -> None:
            _, sender = line.recvfrom(512)
            now = time.time() + ahead_s + 2_208_988_800
            head = struct.pack("!II", int(now), int(now % 1 * 2**32)) if size else bytes(8)
            line.sendto((bytes(40) + head)[: size or 48], sender)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"127.0.0.1:{line.getsockname()[1]}"
        thread.join(5.0)


def test_a_clock_that_is_right_and_one_that_is_not():
    """A validator's request is refused when ours is seconds off."""
    with time_server(0.0) as server:
        assert clock((server,)).ok
    with time_server(-30.0) as server:
        found = clock((server,))
    assert (False, "30.00 s ahead") == (found.ok, found.detail[:13])
    assert "synchronise it" in found.detail


@pytest.mark.parametrize("size", [0, 20])
def test_a_time_server_that_does_not_know(size):
    """The next one is asked, and at last it is said."""
    with time_server(0.0, size=size) as bad, pytest.raises(OSError, match="it "):
        offset_s(bad)
    with time_server(0.0, size=size) as bad, time_server(0.0) as good:
        assert clock((bad, good)).ok


@pytest.mark.parametrize("synchronised", [True, False])
def test_without_any_time_server_the_kernel_is_believed(monkeypatch, synchronised):
    """Many firewalls let no such question out."""
    assert fitness.kernel_synchronised() in (True, False)
    monkeypatch.setattr(fitness, "kernel_synchronised", lambda: synchronised)
    found = clock(("127.0.0.1:9",))
    assert (synchronised, True) == (found.ok, "no time server answers" in found.detail)


def test_versions_that_are_missing_name_the_extra(monkeypatch):
    """With the command that brings them."""
    have = {"uvicorn": "0.54.0", "bittensor": "10.4.0"}
    monkeypatch.setattr(fitness, "_version", lambda name: have.get(name, ""))
    found = told(versions())
    assert (False, "missing; run: pip install 'obmm[serve]'") == found["starlette"]
    assert (False, "10.4.0") == found["bittensor"]
    assert not found["bittensor-wallet"][0]
    have["bittensor"] = "11.3.0"
    assert (True, "11.3.0") == told(versions())["bittensor"]
    assert "bittensor-wallet" not in told(versions())
    assert "bittensor" not in told(versions(wallet=False))


def test_what_the_network_knows():
    """Registered or not, reachable or not."""
    good = told(chain(lambda: 7, lambda: "8.8.8.8", lambda ip: ""))
    assert {"registered": (True, "uid 7"), "public address": (True, "8.8.8.8")} == good
    assert "btcli subnet register" in told(chain(lambda: None, lambda: "", lambda ip: "no"))["registered"][1]

    def fails():
        raise OSError("nobody listens")

    found = told(chain(fails, fails, str))
    assert [(False, "the chain cannot be reached: nobody listens"), (False, "nobody listens")] == list(
        found.values()
    )


def test_all_of_it_for_the_harness(tmp_path, monkeypatch):
    """Where no wallet is needed."""
    monkeypatch.setattr(fitness, "answers", lambda config: answers(config, n_books=2, n_states=8))
    found = told(look(resolve("touch"), Place(disk=tmp_path, time_servers=())))
    assert {"python", "port", "open files", "disk", "answers"} <= set(found)
    assert "clock" not in found
    assert found["answers"][1].startswith("2 books: median")


def test_an_agent_that_is_too_slow_is_told(monkeypatch):
    """With what is allowed."""
    monkeypatch.setattr(fitness, "ANSWER_MS", 0.001)
    found = answers(resolve("touch"), n_books=2, n_states=8)
    assert (False, True) == (found.ok, found.detail.endswith("0.001 ms are allowed"))
