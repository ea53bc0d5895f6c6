"""What is known of the chain, over good and bad connections; and addresses that can be reached."""

from __future__ import annotations

import http.server
import threading

import pytest
from structlog.testing import capture_logs

from obmm.live import registry as rooms
from obmm.live.chain import ChainError, Place, chain_for
from obmm.live.chain.address import fault_of_address, public_address
from obmm.live.registry import Registry


class Scripted:
    """A chain that does what its script says, one entry a look; the last one goes on."""

    def __init__(self, *script):
        self.script = list(script)
        self.looks = self.connections = self.closed = 0
        self.published = []
        self.looking = threading.Semaphore(0)

    def connect(self):
        self.connections += 1
        if self.script[0] == "unreachable":
            self.script.pop(0)
            raise ConnectionError("nobody listens")
        return self

    def uid(self):
        self.looks += 1
        self.now = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        self.looking.release()
        if isinstance(self.now, Exception):
            raise self.now
        return None if self.now == "unregistered" else 7

    def validators(self):
        return {"5Val": float(self.looks)}

    def publish(self, ip, port):
        if self.now == "rate limit":
            raise ChainError("ServingRateLimitExceeded")
        self.published.append((ip, port))

    def close(self):
        self.closed += 1
        raise ConnectionError("it is gone already")


@pytest.fixture
def quick(monkeypatch):
    """Looks follow each other at once."""
    for name in ("EVERY_S", "FIRST_WAIT_S", "LONGEST_WAIT_S"):
        monkeypatch.setattr(rooms, name, 0.001)


def watched(chain: Scripted, looks: int, address=("203.0.113.7", 8091)) -> Registry:
    """A registry after so many looks."""
    registry = Registry(chain.connect, address)
    registry.start()
    for _ in range(looks):
        assert chain.looking.acquire(timeout=30.0)
    registry.close()
    return registry


def test_the_address_is_published_once_and_validators_are_read_again(quick):
    """Over one connection, as long as it is good."""
    chain = Scripted("good")
    registry = watched(chain, 5)
    assert ([("203.0.113.7", 8091)], 1) == (chain.published, chain.connections)
    assert (7, True, "", False) == (registry.uid, registry.published, registry.problem, registry.unregistered)
    assert registry.validators()["5Val"] >= 4.0


def test_a_rate_limit_is_told_and_tried_again(quick):
    """Validators are known all the same."""
    chain = Scripted("rate limit", "rate limit", "good")
    with capture_logs() as logs:
        registry = watched(chain, 5)
    assert registry.published
    assert ["ServingRateLimitExceeded"] == [line["problem"] for line in logs if "problem" in line]
    assert 1 == chain.connections


def test_a_lost_connection_is_made_anew_and_what_was_read_stays(quick):
    """Whatever the library raises, also while it hangs up."""
    chain = Scripted("good", OSError("broken pipe"), TimeoutError(), "good")
    registry = watched(chain, 6)
    assert 3 == chain.connections
    assert chain.closed >= 2
    assert registry.validators()


def test_a_chain_that_cannot_be_reached_is_tried_again(quick):
    """The first look is over nevertheless: who waits for it goes on."""
    chain = Scripted("unreachable", "unreachable", "good")
    registry = Registry(chain.connect, None)
    registry.start()
    assert registry.looked.wait(30.0)
    assert chain.looking.acquire(timeout=30.0)
    registry.close()
    assert ([], 3) == (chain.published, chain.connections)


def test_a_hotkey_that_is_not_registered_publishes_nothing(quick):
    """Until it is."""
    registry = watched(chain := Scripted("unregistered"), 3)
    assert registry.unregistered
    assert "not registered" in registry.problem
    assert [] == chain.published


def test_a_chain_that_hangs_holds_up_nobody():
    """Closing does not wait for it."""
    release = threading.Event()

    def hang():
        release.wait(30.0)
        raise ConnectionError

    registry = Registry(hang, None)
    registry.start()
    assert {} == registry.validators()
    registry.close()
    release.set()


@pytest.mark.parametrize(
    ("ip", "fault"),
    [
        ("8.8.8.8", ""),
        ("2606:4700:4700::1111", ""),
        ("0.0.0.0", "skip"),
        ("::", "skip"),
        ("127.0.0.1", "this machine"),
        ("10.1.2.3", "private"),
        ("172.16.0.1", "private"),
        ("192.168.0.9", "private"),
        ("169.254.1.1", "private"),
        ("fe80::1", "private"),
        ("100.64.0.1", "no address of one machine"),
        ("224.0.0.1", "no address of one machine"),
        ("example.org", "no address"),
        ("", "no address"),
    ],
)
def test_addresses_that_validators_cannot_reach(ip, fault):
    """With the reason."""
    found = fault_of_address(ip)
    assert (fault in found) if fault else found == ""


def test_the_public_address_is_asked_of_several():
    """The first that gives one is believed."""

    class Service(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write({"/good": b"203.0.113.9\n", "/bad": b"<html>"}[self.path])

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert "203.0.113.9" == public_address([f"{url}/bad", f"{url}/good"])
        with pytest.raises(OSError, match="give it to obmm run with --external-ip"):
            public_address([f"{url}/bad", "http://127.0.0.1:9/"])
        server.shutdown()


def test_without_bittensor_there_is_no_chain(monkeypatch, tmp_path):
    """The name of what is missing is told, for the command to say which extra brings it."""
    from importlib import metadata

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    with pytest.raises(ModuleNotFoundError, match="bittensor is not installed"):
        chain_for(Place("finney", 79, "w", "h", tmp_path, "5Hot"))
