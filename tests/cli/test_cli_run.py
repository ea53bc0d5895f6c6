"""`obmm run`: the doors from the outside, and an end that is quick."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from live.agents import bodies, instructions_of
from obmm.testing import random_states
from obmm.wire import encode_request
from obmm.wire.frames import Asked, Exchange, Frame, encode_frame, read_frame
from obmm.wire.recording import Recording

pytest.importorskip("uvicorn")

QUOTING = """
[[gates]]
kind = "inventory"

[builder]
kind = "touch"
size_base = 1.0
min_edge_bps = -1000

[placer]
kind = "amend"
"""


@pytest.fixture
def quoting(tmp_path: Path) -> Path:
    """A configuration that quotes from the first state on."""
    path = tmp_path / "quoting.toml"
    path.write_text(QUOTING)
    return path


@contextlib.contextmanager
def running(*words: str, says: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`obmm run` as a process of its own, from when it says it answers; the line it says it in."""
    command = [sys.executable, "-m", "obmm", "run", *words]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            for line in iter(process.stderr.readline, b""):
                if says in line.decode():
                    break
            else:
                raise AssertionError("it ended before it answered")
            yield process, line.decode()
        finally:
            process.kill()


def ended(
    process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM
) -> tuple[float, str, str]:
    """Real seconds that an end took, and what was said."""
    began = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    return time.monotonic() - began, out.decode(), err.decode()


def sizes(reply: httpx.Response) -> set[float]:
    """What is to be placed."""
    placed = (one for one in instructions_of(reply.content) if one["type"] != "CANCEL_ORDERS")
    return {round(one["quantity"], 6) for one in placed}


def waited_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it never was")


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no terminal here hangs up")
def test_the_signal_of_a_terminal_that_closes_reads_files_anew_until_it_has(quoting):
    """SIGHUP is a reload while the terminal is there; when it is gone the run ends as it does otherwise."""
    import pty

    master, terminal = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "obmm",
        "run",
        "--harness",
        "--port",
        "0",
        "--preset",
        str(quoting),
        "--json",
    ]
    with subprocess.Popen(
        command, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        os.close(terminal)
        try:
            address = next(line for line in iter(process.stderr.readline, b"") if b"answers" in line).split()[
                -1
            ]
            (state,) = random_states(1, 1, n_books=2)
            body = encode_request(state, form="open")
            assert {1.0} == sizes(httpx.post(address.decode(), content=body, verify=False))
            quoting.write_text(QUOTING.replace("size_base = 1.0", "size_base = 2.0"))
            process.send_signal(signal.SIGHUP)
            waited_for(lambda: {2.0} == sizes(httpx.post(address.decode(), content=body, verify=False)))
            os.close(master)
            process.send_signal(signal.SIGHUP)
            out, _ = process.communicate(timeout=30)
        finally:
            process.kill()
    assert (0, "the terminal has closed") == (process.returncode, json.loads(out)["ended"])


def test_the_network_is_answered_and_the_end_cancels(quoting, tmp_path):
    """A wallet, a validator that is allowed, an edited file, a last word; and no key in what is said."""
    wallets = pytest.importorskip("bittensor_wallet")
    from live.validators import ALICE, BOB, ROUTE, signed

    wallet = wallets.Wallet(name="w", hotkey="h", path=str(tmp_path))
    wallet.create_if_non_existent(coldkey_use_password=False, hotkey_use_password=False, suppress=True)
    (tmp_path / "w" / "coldkey").unlink()
    words = ("--wallet", "w", "--hotkey", "h", "--wallet-path", str(tmp_path), "--offline", "--port", "0")
    more = (
        "--host",
        "127.0.0.1",
        "--allow",
        ALICE.ss58_address,
        "--preset",
        str(quoting),
        "--on-exit",
        "cancel",
    )
    with running(*words, *more, "--json", says="answers as") as (process, line):
        url = "http://" + line.split()[-1] + ROUTE
        first, second, third = random_states(1, 3, n_books=2)

        def ask(state, sender=ALICE):
            headers = signed(sender, wallet.hotkey)
            return httpx.post(url, content=encode_request(state), headers=headers)

        assert 403 == ask(first, BOB).status_code
        assert 1.0 in sizes(ask(first))
        quoting.write_text(QUOTING.replace("size_base = 1.0", "size_base = 2.0"))
        process.send_signal(signal.SIGHUP)
        waited_for(lambda: 2.0 in sizes(ask(second)))
        began = time.monotonic()
        process.terminate()
        last = set()
        with contextlib.suppress(httpx.TransportError):
            for _ in range(1000):
                last = {one["type"] for one in instructions_of(ask(third).content)}
        out, err = (said.decode() for said in process.communicate(timeout=30))
        assert time.monotonic() - began < 2.0
    assert (0, {"CANCEL_ORDERS"}) == (process.returncode, last)
    told = json.loads(out)
    assert ("SIGTERM", {"blacklist": 1}) == (told["ended"], told["refused"])
    assert {ALICE.ss58_address} == set(told["validators"])
    secret = json.loads((tmp_path / "w" / "hotkeys" / "h").read_text())
    said = out + err
    assert not [
        name
        for name in ("secretSeed", "secretPhrase", "privateKey")
        if secret.get(name) and secret[name] in said
    ]


def test_a_pipe_is_answered_until_it_ends(quoting):
    """Frames and nothing else on standard output."""
    requests = bodies(1, 3)
    pipe = b"".join(encode_frame(Frame(Asked(number=i, sender="v"), body)) for i, body in enumerate(requests))
    command = [sys.executable, "-m", "obmm", "run", "--stream", "-", "--preset", str(quoting)]
    done = subprocess.run(command, input=pipe, capture_output=True, timeout=60, check=True)
    out, numbers = io.BytesIO(done.stdout), []
    while (frame := read_frame(out)) is not None:
        numbers.append(frame.about.number)
        assert instructions_of(frame.second)
    assert [0, 1, 2] == sorted(numbers)


def test_what_stages_remember_outlives_the_process(tmp_path):
    """A restarted agent goes on where it was, without warming up again; and all of it is on record."""
    states = list(random_states(1, 6, n_books=2))
    words = ("--harness", "--port", "0", "--preset", "touch", "--state", str(tmp_path / "memory"), "--json")
    words += ("--record", str(tmp_path / "record"))
    for part in (states[:3], states[3:]):
        with running(*words, says="answers the harness") as (process, line):
            for state in part:
                assert (
                    200
                    == httpx.post(line.split()[-1], content=encode_request(state, form="open")).status_code
                )
            took_s, out, err = ended(process)
        assert (0, 3) == (process.returncode, json.loads(out)["answered"])
        assert took_s < 2.0
    assert "goes on where it was" in err
    assert 1 == len(list((tmp_path / "memory").glob("*.memory")))
    recording = Recording(tmp_path / "record")
    assert 6 == sum(isinstance(frame.about, Exchange) for frame in recording.frames())
    assert [] == recording.torn


def test_who_is_to_be_answered_must_be_said(obmm):
    """Once."""
    for words in ((), ("--harness", "--stream", "x.sock")):
        said = obmm("run", *words)
        assert 2 == said.status
        assert "one of --wallet, --harness and --stream" in said.err


def test_a_port_in_use_and_a_hotkey_that_is_not_there_are_told(obmm, tmp_path):
    """Before anything else happens, with what would help."""
    from obmm.live.doors.serving import listening

    with listening("127.0.0.1", 0) as taken:
        taken.listen()
        said = obmm("run", "--harness", "--port", str(taken.getsockname()[1]))
    assert (2, "in use") == (said.status, said.err.rstrip()[-6:])
    pytest.importorskip("bittensor_wallet")
    said = obmm("run", "--wallet", "w", "--wallet-path", str(tmp_path), "--offline", "--allow", "all")
    assert 2 == said.status
    assert "btcli wallet new-hotkey --wallet-name w --hotkey default" in said.err
    said = obmm("run", "--wallet", "w", "--wallet-path", str(tmp_path), "--offline")
    assert "say whom to answer with --allow" in said.err


def test_without_bittensor_the_network_is_refused_with_the_extra(obmm):
    """And the way to do without a chain is in the help."""
    if find_spec("bittensor") is not None:
        pytest.skip("bittensor is installed")
    said = obmm("run", "--wallet", "w")
    assert (2, "bittensor is not installed; run: pip install 'obmm[live]'") == (
        said.status,
        said.err.strip().removeprefix("obmm: "),
    )


class FakeChain:
    """A chain that knows us, or does not; the run is asked to end once our address is there."""

    def __init__(self, uid: int | None) -> None:
        self.number, self.published = uid, []

    def uid(self) -> int | None:
        return self.number

    def validators(self) -> dict[str, float]:
        return {"5Val": 10.0}

    def publish(self, ip: str, port: int) -> None:
        self.published.append((ip, port))
        sys.modules["obmm.cli.run"]._ended.set()

    def close(self) -> None:
        pass


@pytest.fixture
def on_chain(monkeypatch, tmp_path):
    """A wallet, and a chain of ours in the place of bittensor's."""
    folder = tmp_path / "w" / "hotkeys"
    folder.mkdir(parents=True)
    (folder / "defaultpub.txt").write_text(
        json.dumps({"ss58Address": "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"})
    )
    pytest.importorskip("bittensor_wallet")
    monkeypatch.setattr("obmm.cli._network.needs", lambda *_: None)

    def install(uid: int | None) -> FakeChain:
        chain = FakeChain(uid)
        monkeypatch.setattr("obmm.live.chain.chain_for", lambda place: lambda: chain)
        return chain

    return install, (
        "--wallet",
        "w",
        "--wallet-path",
        str(tmp_path),
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--preset",
        "touch",
    )


def test_the_address_is_published_and_the_chain_told_of_at_the_end(obmm, on_chain):
    """Under the port that others reach."""
    install, words = on_chain
    chain = install(7)
    said = obmm("run", *words, "--external-ip", "8.8.8.8", "--external-port", "4444", "--json")
    assert (0, [("8.8.8.8", 4444)]) == (said.status, chain.published)
    assert ("end of the stream", "") == (said.json["ended"], said.json["chain"])
    assert said.json["address"].startswith("5Grw")


def test_addresses_that_nobody_reaches_are_not_published_unless_told(obmm, on_chain):
    """Validators skip them, and the miner would wait for ever."""
    install, words = on_chain
    chain = install(7)
    for ip in ("0.0.0.0", "127.0.0.1", "192.168.1.5"):
        said = obmm("run", *words, "--external-ip", ip)
        assert (2, True) == (said.status, "--private" in said.err)
    assert [] == chain.published
    assert (
        0
        == obmm("run", *words, "--external-ip", "192.168.1.5", "--external-port", "8091", "--private").status
    )
    assert [("192.168.1.5", 8091)] == chain.published


def test_a_hotkey_that_is_not_registered_ends_with_the_command_that_registers_it(obmm, on_chain):
    """At once."""
    install, words = on_chain
    chain = install(None)
    said = obmm("run", *words, "--external-ip", "8.8.8.8", "--netuid", "366", "--network", "test")
    assert (2, []) == (said.status, chain.published)
    assert "btcli subnet register --netuid 366 --network test --wallet-name w --hotkey default" in said.err


def test_a_server_that_is_gone_ends_the_run_badly(obmm, monkeypatch):
    """A miner that answers nobody must not look well."""
    from obmm.live.doors.serving import Serving

    alive = iter([True, True, True])
    monkeypatch.setattr(Serving, "alive", lambda self: next(alive, False))
    said = obmm("run", "--harness", "--port", "0", "--preset", "touch", "--json")
    assert (1, "the server failed") == (said.status, said.json["ended"])
