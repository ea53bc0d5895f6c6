"""Serving the dashboard beside what a command does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from obmm.cli._errors import UsageError, needs

if TYPE_CHECKING:
    from obmm.agent import Config, Decision
    from obmm.lab.drive import Listener
    from obmm.lab.simulate import Plan
    from obmm.monitor import Watch
    from obmm.monitor.dashboard import Explain

#: Where it is shown if nobody says otherwise: on this machine only.
HOST, PORT = "127.0.0.1", 8790


@contextmanager
def shown(
    watch: Watch, address: str, *, title: str, explain: Explain | None = None, metrics_per_book: bool = False
) -> Iterator[str]:
    """Show a watch while the context lasts; yields the address of the page.

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
    app = Dashboard(watch, title=title, explain=explain, metrics=metrics, host=host)
    serving = Serving(app, host, port)
    serving.start()
    url = f"http://{f'[{host}]' if ':' in host else host}:{serving.port}/"
    print(f"obmm: dashboard at {url}", file=sys.stderr, flush=True)
    try:
        yield url
    finally:
        app.close()
        serving.close(0.3)


@contextmanager
def simulated(plan: Plan, address: str | None) -> Iterator[Listener | None]:
    """Show what the agent of a simulation does, if it is to be; yields what is to hear of its decisions.

    Raises:
        UsageError: The address is none, or a package is not installed.
        OSError: The port is taken, or may not be used.
    """
    if address is None:
        yield None
        return
    from obmm.monitor import Watch

    # The market waits for whoever watches: the figures leave nothing out.
    watch = Watch(wait=True)

    def hear(uid: int, decision: Decision) -> None:
        if uid == 0:
            watch.hear(decision)

    known = {plan.config.hash: plan.config}
    with shown(watch, address, title=plan.config.name, explain=explaining(watch, known.get)):
        yield hear
    watch.close(0.1)


def explaining(watch: Watch, config_of: Callable[[str], Config | None]) -> Explain:
    """Tells the decisions that a watch still has, with the configuration of a hash."""

    def explain(key: tuple[str, str], book: int, at_s: float) -> dict[str, Any]:
        from obmm.lab.explain import told

        decision = watch.decision(key, at_s)
        if decision is None:
            raise LookupError("that decision is not kept any more: `obmm explain` tells it from a recording")
        venue, config = decision.state.venue, config_of(decision.config_hash)
        if book not in venue.book_ids:
            raise LookupError(f"there is no book {book}")
        if decision.error or config is None:
            raise LookupError(decision.error or f"configuration {decision.config_hash} is not known")
        return told(decision, config, venue.index_of(book))

    return explain


def parsed(address: str) -> tuple[str, int]:
    """Host and port of an address; a port alone is on this machine.

    >>> parsed("0.0.0.0:80"), parsed("9000"), parsed("[::1]:0")
    (('0.0.0.0', 80), ('127.0.0.1', 9000), ('::1', 0))
    """
    host, _, port = address.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise UsageError(f"{address!r} is no address of a dashboard; say host:port, such as {HOST}:{PORT}")
    return host.strip("[]") or HOST, int(port)
