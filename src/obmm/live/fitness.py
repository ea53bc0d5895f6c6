"""Is this machine fit to go live: keys, port, clock, disk, packages, speed, and what the chain knows."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import stat
import struct
import sys
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import attrs
import numpy as np

from obmm.agent import Config, MarketMaker
from obmm.live.keys import WALLETS, hotkey_address
from obmm.live.session import Session
from obmm.testing import random_states
from obmm.wire import encode_request

#: Seconds by which the clock may be wrong: validators' requests are refused that are 5 s ahead or 7 s old.
CLOCK_S = 2.0
#: Bytes that recordings, snapshots and logs of a first day need.
DISK_BYTES = 2 * 10**9
#: Milliseconds that an answer to 128 books may take.
ANSWER_MS = 100.0
#: Open files that a server with idle connections needs.
FILES = 1024
TIME_SERVERS = ("pool.ntp.org", "time.cloudflare.com")
_PACKAGES = {"uvicorn": "serve", "starlette": "serve"}
#: More than a kernel's record of its clock takes, and what it says of one that nobody sets right.
_TIMEX_BYTES, _UNSYNCHRONISED = 512, 5
#: Seconds from 1900, from which time servers count, to 1970.
_EPOCH_S = 2_208_988_800


@attrs.frozen
class Fit:
    """One thing looked at.

    Attributes:
        name: What.
        ok: Whether it is as it must be.
        detail: What was found, or what to do.
    """

    name: str
    ok: bool
    detail: str = ""


@attrs.frozen(kw_only=True)
class Place:
    """Where it is to go live.

    Attributes:
        wallet: Name of the wallet; None looks at none, as for the harness.
        hotkey: Name of the hotkey.
        folder: Where wallets are kept.
        port: Port to listen on.
        disk: Folder for what is written.
        time_servers: Who is asked for the time; none asks nobody.
    """

    wallet: str | None = None
    hotkey: str = "default"
    folder: Path = WALLETS
    port: int = 8091
    disk: Path = Path()
    time_servers: tuple[str, ...] = TIME_SERVERS


def look(config: Config, place: Place) -> Iterator[Fit]:
    """All of it, one after the other; what can be looked at without a chain."""
    yield from versions(wallet=place.wallet is not None)
    if place.wallet is not None:
        yield from keys(place.folder.expanduser() / place.wallet, place.hotkey)
    yield port(place.port)
    yield files()
    yield disk(place.disk)
    if place.time_servers:
        yield clock(place.time_servers)
    yield answers(config)


def versions(*, wallet: bool = True) -> Iterator[Fit]:
    """The packages a live agent needs, by their versions."""
    yield Fit("python", sys.version_info >= (3, 10), sys.version.partition(" ")[0])
    for name, extra in _PACKAGES.items():
        found = _version(name)
        yield Fit(name, found != "", found or f"missing; run: pip install 'obmm[{extra}]'")
    if not wallet:
        return
    found = _version("bittensor")
    major = int(found.partition(".")[0]) if found[:1].isdigit() else 0
    good = found != "" and (major >= 11 or found.startswith("10.5"))
    yield Fit("bittensor", good, found or "missing; run: pip install 'obmm[live]'")
    if major < 11:
        found = _version("bittensor-wallet")
        yield Fit("bittensor-wallet", found != "", found or "missing; run: pip install 'obmm[serve]'")


def keys(wallet: Path, hotkey: str) -> Iterator[Fit]:
    """The files of a wallet: there, readable by their owner alone, and no more of them than are needed."""
    path = wallet / "hotkeys" / hotkey
    try:
        address = hotkey_address(wallet.name, hotkey, wallet.parent)
    except (OSError, ValueError) as error:
        yield Fit("hotkey", False, str(error))
        return
    yield Fit("hotkey", True, address)
    if path.is_file():
        mode = stat.S_IMODE(path.stat().st_mode)
        yield Fit("hotkey's file", not mode & 0o077, f"{mode:o}" if not mode & 0o077 else f"chmod 600 {path}")
        with path.open("rb") as file:
            locked = file.read(1) != b"{"
        told = "it is encrypted, and nobody is there to type its password" if locked else "not encrypted"
        yield Fit("hotkey unlocks", not locked, told)
    else:
        yield Fit("hotkey's file", False, f"{path} is missing: without it the address cannot be published")
    public = wallet / "coldkeypub.txt"
    yield Fit(
        "coldkey's public part", public.is_file(), "there" if public.is_file() else f"copy it to {public}"
    )
    cold = wallet / "coldkey"
    if cold.is_file():
        mode = stat.S_IMODE(cold.stat().st_mode)
        yield Fit(
            "coldkey", not mode & 0o077, "is on this machine, where it is not needed: keep it elsewhere"
        )


def port(number: int) -> Fit:
    """Whether a server may listen there."""
    if not 1024 < number < 65535:
        return Fit("port", False, f"{number} must lie between 1024 and 65535, for the chain's sake")
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("0.0.0.0", number))
    except OSError as error:
        return Fit("port", False, f"{number}: {error.strerror}")
    return Fit("port", True, f"{number} is free; that the firewall lets it through only others can tell")


def files() -> Fit:
    """How many files and connections may be open."""
    try:
        import resource
    except ImportError:  # Windows asks for no such thing.
        return Fit("open files", True, "no limit known")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    enough = hard == resource.RLIM_INFINITY or hard >= FILES
    return Fit(
        "open files", enough, f"{hard}" if enough else f"{hard}: raise the hard limit to {FILES}: ulimit -Hn"
    )


def disk(folder: Path) -> Fit:
    """Room for what is written."""
    there = folder.expanduser().absolute()
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    if not os.access(there, os.W_OK):
        return Fit("disk", False, f"{there} may not be written to")
    return Fit(
        "disk",
        free >= DISK_BYTES,
        f"{free / 1e9:.1f} GB free at {there}, {DISK_BYTES / 1e9:.0f} GB are ample",
    )


def clock(servers: tuple[str, ...]) -> Fit:
    """How far the clock is off, by the first server that says."""
    said = []
    for server in servers:
        try:
            ahead_s = -offset_s(server)
        except OSError as error:
            said.append(f"{server}: {error}")
            continue
        told = f"{abs(ahead_s):.2f} s {'ahead' if ahead_s > 0 else 'behind'} by {server}"
        good = abs(ahead_s) <= CLOCK_S
        return Fit("clock", good, told if good else f"{told}: synchronise it, as by chrony or timesyncd")
    why = f"no time server answers ({'; '.join(said)})"
    if kernel_synchronised():
        return Fit("clock", True, f"synchronised, as the kernel says; {why}")
    return Fit(
        "clock", False, f"{why}, and the kernel knows of no synchronisation: set up chrony or timesyncd"
    )


def kernel_synchronised() -> bool:
    """Whether the kernel takes its clock for synchronised, where it can be asked."""
    try:
        state = ctypes.CDLL(None).ntp_adjtime(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (AttributeError, OSError, TypeError):
        return False
    return 0 <= int(state) < _UNSYNCHRONISED


def offset_s(server: str, timeout_s: float = 3.0) -> float:
    """By how much a time server's clock is ahead of ours, seconds (SNTP, RFC 4330).

    Args:
        server: A name, or `name:port`.
        timeout_s: Real seconds to wait.

    Raises:
        OSError: It does not answer, or not with a time.
    """
    host, _, told = server.partition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.settimeout(timeout_s)
        line.connect((host, int(told or 123)))
        sent_s = time.time()
        line.send(b"\x23" + bytes(47))
        reply = line.recv(512)
        came_s = time.time()
    if len(reply) < 48:
        raise OSError("it answers without a time")
    seconds, fraction = struct.unpack_from("!II", reply, 40)
    if seconds == 0:
        raise OSError("it does not know the time")
    return float(seconds - _EPOCH_S + fraction / 2**32 - (sent_s + came_s) / 2.0)


def answers(config: Config, n_books: int = 128, n_states: int = 40) -> Fit:
    """How long an answer takes, from a request's bytes to a reply's."""
    session = Session(MarketMaker(config), budget_s=60.0)
    times = []
    for state in random_states(1, n_states, n_books=n_books):
        body = encode_request(state)
        began = time.perf_counter()
        session.answer(body, sender="check")
        times.append(1e3 * (time.perf_counter() - began))
    session.close()
    # The first ones warm up, as they do before a door opens.
    settled = np.array(times[5:])
    median, worst = float(np.median(settled)), float(np.quantile(settled, 0.95))
    told = f"{n_books} books: median {median:.1f} ms, 95 % {worst:.1f} ms"
    return Fit(
        "answers", worst <= ANSWER_MS, told if worst <= ANSWER_MS else f"{told}; {ANSWER_MS:g} ms are allowed"
    )


def chain(
    uid: Callable[[], int | None], address: Callable[[], str], fault_of: Callable[[str], str]
) -> Iterator[Fit]:
    """What needs the network: our number on the subnet, and the address under which we are seen.

    Args:
        uid: Asks the chain for our number.
        address: Says under which address the internet sees us.
        fault_of: Says why validators could not reach an address.
    """
    try:
        number = uid()
    except Exception as error:  # Libraries raise what they like.
        yield Fit("registered", False, f"the chain cannot be reached: {error}")
    else:
        told = f"uid {number}" if number is not None else "no; run: btcli subnet register"
        yield Fit("registered", number is not None, told)
    try:
        ip = address()
    except OSError as error:
        yield Fit("public address", False, str(error))
        return
    fault = fault_of(ip)
    yield Fit("public address", not fault, fault or ip)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
