"""`obmm dashboard`."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obmm.cli._dashboard import HOST, PORT, of_run, shown
from obmm.cli._errors import UsageError, mendable, message_of, needs
from obmm.cli._pace import Pace, Speed
from obmm.cli._parameters import Flag, Whole

if TYPE_CHECKING:
    from obmm.monitor import Watch
    from obmm.monitor.dashboard import Explain
    from obmm.scoring import EraConstants

#: Reads a source into a watch, as long as it is to go on.
_Feed = Callable[["Watch", Callable[[], bool], Pace], None]


def dashboard(
    source: Path | None = None,
    /,
    *,
    address: str = f"{HOST}:{PORT}",
    uid: Whole = 0,
    code: Path | None = None,
    speed: Speed | None = None,
    metrics_per_book: Flag = False,
    grafana: Flag = False,
) -> None:
    """Show a live recording or a run in a browser, from its beginning, and go on while it grows.

    A live recording is answered again, so that gates, quotes and news are what they were. `obmm run
    --dashboard` shows an agent itself, without a recording.

        obmm dashboard recordings/main
        obmm dashboard runs/first --address 127.0.0.1:0 --speed 60
        obmm dashboard --grafana

    It goes on until it is asked to end.

    Args:
        source: The folder of a recording or of a run.
        address: Where to show it; whoever reaches it can look, so keep to this machine unless others may.
        uid: Account of a run: 0 is the agent, the others its rivals.
        code: Folder with the modules of your own stages as they were when it was recorded live.
        speed: Simulated seconds a real one may bring, such as 60, to look on as it happened; as fast as it
            can if not given.
        metrics_per_book: Have `/metrics` tell of each book.
        grafana: Print a dashboard for Grafana, which reads `/metrics` by way of Prometheus, and nothing else.
    """
    if grafana:
        from importlib import resources

        print(resources.files("obmm.monitor").joinpath("grafana.json").read_text(encoding="utf-8"), end="")
        return
    if source is None:
        raise UsageError(
            "name the folder of a recording or of a run; an agent that runs has `obmm run --dashboard`"
        )
    needs("starlette", "uvicorn", "prometheus_client")
    from obmm.lab.interrupt import interruptible
    from obmm.lab.retell import is_run
    from obmm.monitor import Watch

    feed, explain, era = _of_run(source, uid) if is_run(source) else _of_recording(source, code)
    watch, problem = Watch(wait=True, scores=True, era=era), []
    with interruptible() as asked:

        def going() -> bool:
            return not asked()

        def read() -> None:
            try:
                feed(watch, going, Pace(speed, going))
            except mendable() as error:
                problem.append(message_of(error))
                print(f"obmm: {problem[-1]}; what was before is shown", file=sys.stderr)

        with shown(watch, address, title=source.name, explain=explain, metrics_per_book=metrics_per_book):
            threading.Thread(target=read, name="obmm-reader", daemon=True).start()
            while not asked():
                time.sleep(0.05)
    watch.close(0.1)
    if problem:
        sys.exit(1)


def _of_run(folder: Path, uid: int) -> tuple[_Feed, Explain, EraConstants | None]:
    needs("pyarrow")
    from obmm.lab.recorded import Run
    from obmm.lab.retell import retold
    from obmm.lab.score import own_era
    from obmm.scoring import ERAS

    def feed(watch: Watch, going: Callable[[], bool], pace: Pace) -> None:
        for decision in retold(Run(folder), uid, going):
            watch.hear(decision)
            pace(decision.state.time_s)
            if not going():
                return

    return feed, of_run(folder, uid), ERAS[own_era(Run(folder).about["scenario"])]


def _of_recording(source: Path, code: Path | None) -> tuple[_Feed, Explain, EraConstants | None]:
    from obmm.agent import ConfigError
    from obmm.lab.explain import explained_live
    from obmm.lab.growing import Growing
    from obmm.lab.relive import relive
    from obmm.market import Feed
    from obmm.monitor import Heard
    from obmm.wire.recording import Recording

    Recording(source)  # What is none is said before anything is served.

    def feed(watch: Watch, going: Callable[[], bool], pace: Pace) -> None:
        for told in relive(Growing(source, going=going), code=code, feeds=frozenset({Feed.TAPE})):
            about = told.about
            watch(
                Heard(
                    received_ns=about.received_ns,
                    sender=about.sender,
                    elapsed_ms=about.elapsed_ms,
                    decision=told.decision,
                    note=about.note,
                    state=told.state,
                    request=told.request,
                )
            )
            if told.state is not None:
                pace(told.state.time_s, (told.state.venue.validator, told.state.venue.simulation_id))
            if not going():
                return

    def explain(key: tuple[str, str], book: int, at_s: float) -> dict[str, Any]:
        try:
            return explained_live(Recording(source), book=book, at_s=at_s, only="/".join(key), code=code)
        except ConfigError as error:
            raise LookupError(message_of(error)) from error

    return feed, explain, None
