"""Whole round trips on this machine: our server with the balanced preset, beside the stock miner's path.

    python benchmarks/bench_live.py [--books 40 128] [--states 300] [--stock-python .venv10/bin/python]

Each server is a process of its own and is asked by two clients: the stand-in validator of `obmm
serve-market`, and bittensor's own. The stock path is bittensor's axon with an agent that does what the
balanced preset does in dictionaries and loops (`plain.py`): once as it is, and once after what the stock
miner does with a message before its agent may look at it (`stock_miner.py`). It needs an environment with
bittensor 10 and obmm (`pip install 'obmm[live]'`), named by `--stock-python`; without one only our own server
is measured. Servers take turns, request by request, so that whatever else the machine does meets all; "core"
is the time of the core that the server takes for an answer, warming up included, which it hardly changes.

Requests are those of `bench_wire.py`, with 21 levels, some 56 events and three notices a book, and the clock
moved on a second from one to the next. The first answers, during which a process warms up, do not
count. Target at 128 books: 12 ms, and an eighth of the stock path, both as medians.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from bench_wire import body, noticed
from msgspec import json as fast

from obmm.agent import MarketMaker, resolve
from obmm.cli._output import console, table
from obmm.lab.bench import sample_path, tiled
from obmm.market import Feed
from obmm.wire import read_stream

STOCK = Path(__file__).with_name("stock_miner.py")
#: Answers that do not count, and different requests.
WARM, POOL = 40, 8
OURS, DICTS, MINER = "obmm", "stock axon, plain agent", "stock miner, plain agent"


def serve() -> None:
    """Our own server in this process, until its input ends."""
    from obmm.live.doors.axon import AxonApp
    from obmm.live.doors.guard import Guard
    from obmm.live.doors.serving import Serving
    from obmm.live.keys import wallet_verifier
    from obmm.live.session import Session
    from obmm.live.standing import warm_up
    from obmm.live.validator import Signer

    hotkey = Signer("//miner").hotkey
    config = resolve("balanced")
    warm_up(config)
    session = Session(MarketMaker(config))
    app = AxonApp(session, hotkey, wallet_verifier(), Guard(allowed={"all"}))
    with Serving(app, "127.0.0.1", 0) as server:
        print(json.dumps({"port": server.port, "hotkey": hotkey}), flush=True)
        sys.stdin.read()
    session.close()


@contextlib.contextmanager
def server(*command: str) -> Iterator[tuple[str, int]]:
    """hotkey@host:port of a server in a process of its own, and the process."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        told = next((json.loads(line) for line in process.stdout if line.startswith("{")), None)
        if told is None:
            raise SystemExit(f"{' '.join(command)} did not start")
        # What else it says is not kept.
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield f"{told['hotkey']}@127.0.0.1:{told['port']}", process.pid
    finally:
        process.stdin.close()
        process.wait(20.0)


def bodies(n_books: int, n_states: int) -> list[bytes]:
    """Requests a second apart."""
    told = islice(read_stream(sample_path(), frozenset({Feed.TAPE})), POOL)
    states = [noticed(tiled(recorded.state, n_books)) for recorded in told]
    start_ns = states[0].time_ns
    pool = [fast.decode(body(states[first:] + states[:first])) for first in range(POOL)]
    return [
        fast.encode(one | {"timestamp": start_ns + i * 10**9})
        for i, one in enumerate(islice(cycle(pool), n_states))
    ]


def asked(requests: Sequence[bytes], *to: str) -> list[list[float]]:
    """Milliseconds of each round trip of the stand-in validator, server by server."""
    import httpx

    from obmm.live.validator import AxonDoor, Signer

    signer = Signer("//validator")
    doors = [AxonDoor.at(f"http://{one}", signer) for one in to]
    times: list[list[float]] = [[] for _ in doors]

    async def ask() -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=12.0) as client:
            for one in requests:
                for door, its in zip(doors, times, strict=True):
                    said = await door.ask(client, one, 12.0)
                    if said.problem or door.read(said.content, 54) is None:
                        raise SystemExit(f"{door.name}: {said.problem} {said.detail}")
                    its.append(said.took_s * 1e3)

    asyncio.run(ask())
    return times


def stock_asked(python: str, requests: Sequence[bytes], *to: str) -> list[list[float]]:
    """The same of bittensor's own client."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(pickle.dumps(list(requests)))
        file.flush()
        command = [python, str(STOCK), "ask", file.name, *to]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    times: list[list[float]] = json.loads(done.stdout.splitlines()[-1])
    return times


def cpu_ms(process: int) -> float:
    """Time of the core that a process has used, milliseconds; NaN where the system does not tell."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except FileNotFoundError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) * 1e3 / os.sysconf("SC_CLK_TCK")


def measured(n_books: int, n_states: int, python: str | None) -> list[tuple[object, ...]]:
    """A row for each server and client."""
    requests = bodies(n_books, 2 * (n_states + WARM))
    # Each client's requests are later than those that the servers know.
    first, second = requests[: n_states + WARM], requests[n_states + WARM :]
    size = f"{n_books}, {len(requests[0]) / 1e3:.0f} kB"
    commands = {OURS: (sys.executable, __file__, "--serve")}
    if python is not None:
        commands |= {DICTS: (python, str(STOCK), "serve"), MINER: (python, str(STOCK), "serve", "miner")}
    rows = []
    with contextlib.ExitStack() as stack:
        servers = {name: stack.enter_context(server(*command)) for name, command in commands.items()}
        to = [address for address, _ in servers.values()]
        clients = {"stand-in": lambda: asked(first, *to)}
        if python is not None:
            clients["bittensor"] = lambda: stock_asked(python, second, *to)
        for client, ask in clients.items():
            before = [cpu_ms(process) for _, process in servers.values()]
            times = ask()
            used = [cpu_ms(process) for _, process in servers.values()]
            ours = float(np.median(times[0][WARM:]))
            for name, its, then, now in zip(servers, times, before, used, strict=True):
                p50, p99, worst = np.percentile(its[WARM:], (50, 99, 100))
                core = (now - then) / len(its)
                rows.append(
                    (size, client, name, float(p50), float(p99), float(worst), float(p50) / ours, core)
                )
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--books", type=int, nargs="+", default=[40, 128])
    parser.add_argument("--states", type=int, default=300)
    parser.add_argument("--stock-python", help="Python of an environment with bittensor 10 and obmm")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    rows = [row for n in options.books for row in measured(n, options.states, options.stock_python)]
    columns = ("books, request", "client", "server", "median", "99 %", "worst", "times ours", "core")
    title = f"Round trips, milliseconds of {options.states:,} states each"
    console().print(table(title, columns, rows, text_columns=3))
    if options.stock_python is None:
        console().print(
            "the stock path was not measured: name an environment with bittensor 10 by --stock-python"
        )


if __name__ == "__main__":
    main()
