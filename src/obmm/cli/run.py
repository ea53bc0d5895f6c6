"""`obmm run`."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from obmm.cli._alerted import alerted
from obmm.cli._daily import told_daily
from obmm.cli._errors import UsageError, needs
from obmm.cli._output import console, print_json, table
from obmm.cli._parameters import Flag, NotNegative, Positive, Set, Whole
from obmm.cli._steered import helm_of, overrides_of, steered, steers_at

if TYPE_CHECKING:
    from obmm.live.standing import Standing
    from obmm.monitor import Watch
    from obmm.monitor.helm import Helm

Port = Annotated[Whole, Parameter(validator=Number(gte=0, lte=65535))]
Names = Annotated[tuple[str, ...], Parameter(show_default=False)]

#: Standard input and output.
PIPE = Path("-")
#: Real seconds for a last word to validators, for replies on their way, and for what is kept: one in all.
_LEAVE_S, _DOOR_S, _CLOSE_S = 0.4, 0.25, 0.3
#: Who ended a run whose server is gone; it never is, but a run that answers nobody must not look well.
FAILED = "the server failed"
#: How often files and signals are looked at.
_LOOK_S, _NAP_S = 1.0, 0.05


def run(
    *,
    preset: str = "balanced",
    set: Set = (),
    wallet: str | None = None,
    hotkey: str = "default",
    wallet_path: Path = Path("~/.bittensor/wallets"),
    netuid: Whole = 79,
    network: str = "finney",
    host: str = "0.0.0.0",
    port: Port | None = None,
    external_ip: str | None = None,
    external_port: Port | None = None,
    private: Flag = False,
    offline: Flag = False,
    allow: Names = (),
    min_stake: NotNegative = 0.0,
    harness: Flag = False,
    agent_id: Whole = 0,
    stream: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None,
    record: Path | None = None,
    record_gb: Positive = 20.0,
    state: Path | None = None,
    overrides: Path | None = None,
    control: str | None = None,
    alerts: Path | None = None,
    daily: str | None = None,
    on_exit: Literal["rest", "cancel"] = "rest",
    budget_ms: Positive = 1000.0,
    dashboard: str | None = None,
    dashboard_steers: Literal["here", "anywhere", "never"] = "here",
    metrics_per_book: Flag = False,
    json: Flag = False,
) -> None:
    """Let an agent answer: validators on the network, the offline harness, or a transport of your own.

    Every state is answered by the same session, through whichever door it came. `docs/live.md` walks through
    all of it, from the wallet to the first hour.

        obmm run --wallet miner --hotkey default --netuid 79 --port 8091 --preset balanced
        obmm run --harness --port 8888 --agent-id 0 --preset touch
        obmm run --stream /run/obmm.sock --preset my.toml

    It runs until it is asked to end (Ctrl-C, SIGTERM), which takes a second at most; the exit status is then
    0, and what was done is printed. A configuration file that is edited is taken up while it runs, and so are
    files that it extends; SIGHUP has them read at once. A run in a terminal ends when that closes.

    Args:
        preset: A preset's name or a TOML file.
        set: `name=value`, as often as needed.
        wallet: Name of the wallet; its coldkey is never needed.
        hotkey: Name of the hotkey.
        wallet_path: Folder of the wallets.
        netuid: Subnet: 79 on the main network, 366 on the test network.
        network: `finney`, `test`, or the address of a node.
        host: Address to listen on.
        port: Port to listen on: 8091, or 8888 for the harness, if not given.
        external_ip: Address under which validators reach it; looked up if not given.
        external_port: Port under which validators reach it, if another than it listens on.
        private: Publish an address that only this network or machine reaches.
        offline: Talk to no chain: publish nothing, answer only those of `--allow`.
        allow: Hotkey that is answered whatever the chain says, as often as needed; `all` is everybody.
        min_stake: Answer no validator with less stake.
        harness: Answer the offline harness, on this machine only.
        agent_id: Number that the harness gives the agent.
        stream: Unix socket on which frames are answered; `-` is standard input and output.
        record: Folder in which to record every request and reply, for `obmm replay`.
        record_gb: Room for that, in gigabytes; the oldest files go when it is full.
        state: Folder in which what stages remember outlives the process.
        overrides: File of manual overrides to obey; `overrides.toml` beside the control socket, if not given.
        control: Where `obmm control` reaches it: a Unix socket, or `127.0.0.1:PORT`, whose token then lies in
            `control.token` of that folder; `control.sock` in the folder of `--state` or `--record`, if not
            given.
        alerts: File of alerts, see `obmm alerts rules`: what is told of the agent, when and to whom.
        daily: Local time such as `07:00` at which `obmm daily` reports what `--record` holds, every day; the
            text goes to the channels of `--alerts`.
        on_exit: What becomes of resting orders: `cancel` tells each validator that asks once more before the
            end; orders expire anyway.
        budget_ms: Real time an answer may take; what is not ready then goes out without orders.
        dashboard: Address such as `127.0.0.1:8790` at which to show what it does, with `/metrics` for
            Prometheus; whoever reaches it can look, so name this machine's own unless others may. Whoever
            has its token can steer: it is in `dashboard.token` of the folder of `--state` or `--record`.
        dashboard_steers: Where that is so: at an address of this machine only, at any, or at none.
        metrics_per_book: Have `/metrics` tell of each book.
        json: Print JSON for machines when it ends.
    """
    from obmm.agent import resolve
    from obmm.live.standing import Standing, warm_up

    doors = [
        name for name, given in (("--wallet", wallet), ("--harness", harness), ("--stream", stream)) if given
    ]
    if len(doors) != 1:
        named = " and ".join(doors) or "none"
        raise UsageError(
            f"one of --wallet, --harness and --stream says who is to be answered; given: {named}"
        )
    config = resolve(preset, set)
    steers = dashboard is not None and steers_at(dashboard, dashboard_steers)
    standing = Standing.of(
        config,
        preset,
        set,
        uid=agent_id if harness else None,
        budget_s=budget_ms / 1e3,
        harness=harness,
        state=state,
        record=record,
        record_bytes=int(record_gb * 1e9),
        overrides=overrides_of(overrides, control, state or record, steers),
    )
    if wallet is not None:
        from obmm.cli._network import Network

        network_door = Network(
            wallet=wallet,
            hotkey=hotkey,
            folder=wallet_path,
            netuid=netuid,
            network=network,
            host=host,
            port=8091 if port is None else port,
            external_ip=external_ip,
            external_port=external_port,
            private=private,
            offline=offline,
            allow=allow,
            min_stake=min_stake,
        )
        door = network_door.serving(standing)
    elif harness:
        door = _harness(standing, 8888 if port is None else port)
    else:
        door = _stream(standing, stream or PIPE)
    warm_up(config)
    told: dict[str, Any] = {"config": config.name, "config_hash": config.hash, "on_exit": on_exit}
    helm = helm_of(standing)
    with (
        _asked() as asked,
        steered(helm, control, state or record),
        _watched(standing, dashboard is not None, alerts is not None) as watch,
        alerted(standing, watch, alerts, record, state),
        told_daily(daily, record, alerts),
        _shown(standing, watch, dashboard, helm if steers else None, record, state, metrics_per_book),
        door as about,
    ):
        ended = _attend(
            standing,
            lambda: asked() or ("obmm control" if helm.stop_asked.is_set() else ""),
            about.pop("alive", _always),
        )
        if on_exit == "cancel":
            told["all_told_to_cancel"] = standing.leave(_LEAVE_S)
    standing.close(_CLOSE_S)
    told |= {"ended": ended, "seconds": time.monotonic() - about["began_s"]} | standing.tally.told()
    told |= {name: value() for name, value in about.items() if callable(value)}
    # Frames go out there, and nothing else.
    if stream != PIPE:
        print_json(told) if json else _print(told)
    if ended == FAILED:
        sys.exit(1)


def _attend(standing: Standing, asked: Callable[[], str], alive: Callable[[], bool]) -> str:
    """Wait until somebody asks for an end, and see to files meanwhile; returns who asked."""
    next_look_s = 0.0
    while not (who := asked()):
        if not alive():
            return FAILED
        reload = _reload.is_set()
        if reload or time.monotonic() >= next_look_s:
            _reload.clear()
            standing.config_file.look(anyway=reload)
            next_look_s = time.monotonic() + _LOOK_S
        time.sleep(_NAP_S)
    return who


#: Set by a signal that wants files read anew, and by a pipe that has ended or a terminal that has closed.
_reload, _ended = threading.Event(), threading.Event()


@contextmanager
def _asked() -> Iterator[Callable[[], str]]:
    """Says who asked for an end: a signal, or the other side of a pipe; a second signal does not wait."""
    from obmm.lab.interrupt import interruptible

    _reload.clear()
    _ended.clear()
    hangs_up = threading.current_thread() is threading.main_thread() and hasattr(signal, "SIGHUP")
    minds = hangs_up and _at_terminal() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    with interruptible() as signalled:
        if hangs_up:
            # A terminal that closes sends the signal by which services are told to read their files anew.
            signal.signal(
                signal.SIGHUP, lambda *_: (_ended if minds and not _at_terminal() else _reload).set()
            )
        closed = "the terminal has closed" if minds else "end of the stream"
        yield lambda: signalled() or (closed if _ended.is_set() else "")


def _at_terminal() -> bool:
    """Whether a terminal is there, which one that has closed is no more."""
    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()


@contextmanager
def _watched(standing: Standing, shown: bool, told: bool) -> Iterator[Watch | None]:
    """Watch what the agent does, if somebody looks; scores are for the dashboard."""
    if not (shown or told):
        yield None
        return
    from obmm.monitor import Watch

    watch = Watch(scores=shown)
    standing.session.listeners.append(watch)
    yield watch
    watch.close(0.1)


@contextmanager
def _shown(
    standing: Standing,
    watch: Watch | None,
    address: str | None,
    helm: Helm | None,
    record: Path | None,
    state: Path | None,
    per_book: bool,
) -> Iterator[None]:
    """Show what the agent does, if it is to be, and let the page steer it with a `helm`."""
    if watch is None or address is None:
        yield
        return
    from obmm.cli._dashboard import TOKEN, FromRecording, explaining, shown

    maker, folder = standing.session.maker, state or record
    with shown(
        watch,
        address,
        title=maker.config.name,
        explain=explaining(watch, maker.config_of, None if record is None else FromRecording(record)),
        metrics_per_book=per_book,
        helm=helm,
        token=None if folder is None else folder / TOKEN,
    ):
        yield


@contextmanager
def _harness(standing: Standing, port: int) -> Iterator[dict[str, Any]]:
    needs("starlette", "uvicorn")
    from obmm.live.doors.harness import HarnessApp
    from obmm.live.doors.serving import Serving

    app = HarnessApp(standing.session)
    serving = Serving(app, "127.0.0.1", port)
    serving.start()
    _say(f"answers the harness at http://127.0.0.1:{serving.port}/handle")
    try:
        counts = {"refused": lambda: dict(app.counts.refused)}
        yield {"began_s": time.monotonic(), "alive": serving.alive, **counts}
    finally:
        serving.close(_DOOR_S)


@contextmanager
def _stream(standing: Standing, path: Path) -> Iterator[dict[str, Any]]:
    from obmm.live.doors.stream import SocketDoor, serve_pipe

    about = {"began_s": time.monotonic()}
    if path != PIPE:
        with SocketDoor(standing.session, path):
            _say(f"answers frames at {path}")
            yield about
        return

    def serve() -> None:
        try:
            serve_pipe(standing.session, sys.stdin.buffer, sys.stdout.buffer)
        except (OSError, ValueError) as error:
            _say(f"the stream is given up: {error}")
        _ended.set()

    threading.Thread(target=serve, name="obmm-pipe", daemon=True).start()
    yield about


def _always() -> bool:
    return True


def _say(text: str) -> None:
    print(f"obmm: {text}", file=sys.stderr, flush=True)


def _print(told: dict[str, Any]) -> None:
    rows = [
        ("ended", told["ended"]),
        ("ran for", f"{told['seconds']:,.0f} s"),
        ("answered", told["answered"]),
        ("instructions", told["instructions"]),
        *((f"without orders: {note}", count) for note, count in told["without_orders"].items()),
        *((f"refused: {kind}", count) for kind, count in told.get("refused", {}).items()),
        *((f"from {sender or 'the harness'}", count) for sender, count in told["validators"].items()),
        *((f"time of an answer, {name}, ms", value) for name, value in told["respond_ms"].items()),
    ]
    console().print(table(f"{told['config']}, hash {told['config_hash']}", ("", ""), rows))
