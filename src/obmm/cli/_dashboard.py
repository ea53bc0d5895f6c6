"""Serving the dashboard beside what a command does."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obmm.cli._errors import UsageError, needs
from obmm.cli._unhurried import unhurried

if TYPE_CHECKING:
    from obmm.agent import Config, Decision
    from obmm.lab.drive import Listener
    from obmm.lab.simulate import Plan
    from obmm.monitor import Watch
    from obmm.monitor.dashboard import Explain
    from obmm.monitor.helm import Helm

#: Where it is shown if nobody says otherwise: on this machine only.
HOST, PORT = "127.0.0.1", 8790
#: What the file with the token of the page's orders is called.
TOKEN = "dashboard.token"
#: Real seconds that a decision of long ago may take to be found.
_EXPLAINED_S = 60.0


@contextmanager
def shown(
    watch: Watch,
    address: str,
    *,
    title: str,
    explain: Explain | None = None,
    metrics_per_book: bool = False,
    helm: Helm | None = None,
    token: Path | None = None,
) -> Iterator[str]:
    """Show a watch while the context lasts; yields the address of the page.

    Args:
        watch: The watch.
        address: Where to show it.
        title: What the page is called.
        explain: Tells a decision.
        metrics_per_book: Have `/metrics` tell of each book.
        helm: Does what the page orders; without one it orders nothing.
        token: The file that the token of its orders is written to; without one it is said with the address.

    Raises:
        UsageError: The address is none, or a package is not installed.
        OSError: The port is taken, or may not be used.
    """
    needs("starlette", "uvicorn", "prometheus_client")
    from obmm.live.doors.serving import Serving
    from obmm.monitor.dashboard import Dashboard
    from obmm.monitor.metrics import Metrics

    host, port = parsed(address)
    metrics = Metrics(watch, per_book=metrics_per_book)
    steering, shown_token = None, ""
    if helm is not None:
        from obmm.monitor.control import new_token
        from obmm.monitor.steering import Steering

        shown_token = new_token(token)
        steering = Steering(helm, shown_token)
    app = Dashboard(watch, title=title, explain=explain, metrics=metrics, steering=steering, host=host)
    serving = Serving(app, host, port)
    serving.start()
    url = f"http://{f'[{host}]' if ':' in host else host}:{serving.port}/"
    # What goes to a terminal is read by whoever started it; a log is read by others, and kept.
    said = url
    if shown_token:
        in_sight = token is None or sys.stderr.isatty()
        said += f"#token={shown_token}" if in_sight else f" which steers with the token in {token}"
    print(f"obmm: dashboard at {said}", file=sys.stderr, flush=True)
    try:
        yield url
    finally:
        app.close()
        serving.close(0.3)


@contextmanager
def simulated(plan: Plan, folder: Path, address: str | None) -> Iterator[Listener | None]:
    """Show what the agent of a simulation does, if it is to be; yields what is to hear of its decisions.

    Args:
        plan: What is simulated.
        folder: Where it is recorded: decisions of long ago are told from there.
        address: Where to show it.

    Raises:
        UsageError: The address is none, or a package is not installed.
        OSError: The port is taken, or may not be used.
    """
    if address is None:
        yield None
        return
    from obmm.lab.score import own_era
    from obmm.monitor import Watch
    from obmm.scoring import ERAS

    # The market waits for whoever watches: the figures leave nothing out.
    era = ERAS[plan.eras[0] if plan.eras else own_era(plan.scenario.name, plan.scenario.era)]
    watch = Watch(wait=True, scores=True, era=era)

    def hear(uid: int, decision: Decision) -> None:
        if uid == 0:
            watch.hear(decision)

    known = {plan.config.hash: plan.config}
    explain = explaining(watch, known.get, of_run(folder, 0))
    with shown(watch, address, title=plan.config.name, explain=explain):
        yield hear
    watch.close(0.1)


def explaining(
    watch: Watch, config_of: Callable[[str], Config | None], older: Explain | None = None
) -> Explain:
    """Tells the decisions that a watch still has, with the configuration of a hash.

    Args:
        watch: The watch.
        config_of: The configuration of a hash.
        older: Tells decisions that it has no more.
    """

    def explain(key: tuple[str, str], book: int, at_s: float) -> dict[str, Any]:
        from obmm.lab.explain import told

        decision = watch.decision(key, at_s)
        if decision is None:
            if older is None:
                raise LookupError("that decision is not kept any more: start with --record, and it is")
            return older(key, book, at_s)
        venue, config = decision.state.venue, config_of(decision.config_hash)
        if book not in venue.book_ids:
            raise LookupError(f"there is no book {book}")
        if decision.error or config is None:
            raise LookupError(decision.error or f"configuration {decision.config_hash} is not known")
        return told(decision, config, venue.index_of(book))

    return explain


def of_run(folder: Path, uid: int) -> Explain:
    """Tells the decisions of an account that the records of a run hold, also while it grows."""

    def explain(key: tuple[str, str], book: int, at_s: float) -> dict[str, Any]:
        import numpy as np

        from obmm.lab.explain_run import recorded_story
        from obmm.lab.recorded import Run

        run = Run(folder)
        times, _ = run.grid(uid)
        row = int(np.searchsorted(times, round(at_s * 1e9)))
        if row == times.size or book not in run.about["venue"]["book_ids"]:
            raise LookupError(f"the records hold no book {book} at {at_s:g} s")
        return recorded_story(run, uid, book, int(times[row]))

    return explain


class FromRecording:
    """Tells decisions from a recording that the agent itself makes, by a process that is in no hurry.

    Args:
        record: Its folder.
    """

    def __init__(self, record: Path) -> None:
        self._record = record
        self._busy = threading.Lock()

    def __call__(self, key: tuple[str, str], book: int, at_s: float) -> dict[str, Any]:
        """The decision of a validator's simulation on a book, or the first after that moment.

        Raises:
            LookupError: There is none, or it takes too long.
        """
        if not self._busy.acquire(blocking=False):
            raise LookupError("another decision of long ago is being looked up; try again")
        words = ["--book", str(book), "--at", repr(at_s), "--only", "/".join(key), "--json"]
        try:
            status, out, err = unhurried(["explain", str(self._record), *words], _EXPLAINED_S)
        finally:
            self._busy.release()
        if status is None:
            asked = f"obmm explain {self._record} --book {book} --at {at_s:g}"
            raise LookupError(f"not found within {_EXPLAINED_S:g} s; try: {asked}")
        if status:
            raise LookupError(err.strip()[-300:])
        told: dict[str, Any] = json.loads(out)
        return told


def parsed(address: str) -> tuple[str, int]:
    """Host and port of an address; a port alone is on this machine.

    >>> parsed("0.0.0.0:80"), parsed("9000"), parsed("[::1]:0")
    (('0.0.0.0', 80), ('127.0.0.1', 9000), ('::1', 0))
    """
    host, _, port = address.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise UsageError(f"{address!r} is no address of a dashboard; say host:port, such as {HOST}:{PORT}")
    return host.strip("[]") or HOST, int(port)
