"""Tells a person what is wrong with an agent that runs, once, and when it is well again.

    alerts = Alerts(load("alerts.toml"), Measures(watch).look)
    with alerts:
        ...

Rules are looked at every few seconds in a thread of its own. However many break, a look makes one message at
most, and an hour so many as the settings say; what had to wait is told together.
"""

from __future__ import annotations

import datetime
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

import attrs
import structlog

from obmm.agent.faults import told
from obmm.agent.telling import tell
from obmm.monitor.channels import Undelivered
from obmm.monitor.measures import MEASURES, Measured
from obmm.monitor.rules import Rule, Settings

#: Real seconds between two looks, and of an hour.
EVERY_S, _HOUR_S = 2.0, 3600.0
#: Messages that wait for a channel that does not take them; of more the oldest are left out.
_MOST_WAITING = 50
#: Real seconds after which a channel that failed is tried again, at first and at most.
_AGAIN_S, _AGAIN_MOST_S = 30.0, 1800.0

_log = structlog.get_logger("obmm.alerts")


@attrs.frozen
class Message:
    """What is to be told.

    Attributes:
        subject: In one line.
        text: All of it.
        urgent: Whether it may disturb.
        diagnosed: Whether a diagnosis belongs to it.
    """

    subject: str
    text: str
    urgent: bool = False
    diagnosed: bool = False


@attrs.define
class _Standing:
    """How a rule stands."""

    broken: bool = False
    turning_s: float | None = None
    since_s: float = 0.0
    said_s: float = -math.inf
    said: str = ""
    worst: Measured = attrs.field(factory=Measured)


class Book:
    """Decides what is told, of what is measured; it looks at no clock and sends nothing.

    Args:
        settings: Rules and bounds.
        name: Of the agent, in subjects.

    >>> from obmm.monitor.rules import load
    >>> book = Book(load(), "miner")
    >>> noon = datetime.datetime(2026, 11, 27, 12)
    >>> message = book.look({"silent_s": Measured(180.0)}, 0.0, noon)
    >>> message.subject
    'miner: silence'
    >>> print(message.text)
    BROKEN silence: silent_s is 180 s, above 120 s
    >>> print(book.look({"silent_s": Measured(1.0)}, 10.0, noon).text)
    mended silence: silent_s is 1 s, after 10 s
    """

    def __init__(self, settings: Settings, name: str = "obmm") -> None:
        self._settings, self._name = settings, name
        self._standing = {name: _Standing() for name, rule in settings.rules.items() if rule.enabled}
        self._waiting: dict[str, str] = {}
        self._sent_s: deque[float] = deque()

    @property
    def broken(self) -> list[str]:
        """Rules that are broken now."""
        return [name for name, one in self._standing.items() if one.broken]

    def look(
        self, measured: Mapping[str, Measured], now_s: float, local: datetime.datetime
    ) -> Message | None:
        """What is to be told now, if anything.

        Args:
            measured: Values by measure.
            now_s: Real seconds on some clock that only goes on.
            local: Local time, for quiet hours.
        """
        for name, one in self._standing.items():
            rule = self._settings.rules[name]
            self._turn(name, one, rule, measured.get(rule.measure, Measured()), now_s)
        return self._message(now_s, local)

    def _turn(self, name: str, one: _Standing, rule: Rule, value: Measured, now_s: float) -> None:
        broken = rule.broken(value.value, before=one.broken)
        if broken and not math.isnan(value.value):
            one.worst = value
        if broken == one.broken:
            one.turning_s = None
            if broken and now_s - one.said_s >= self._settings.repeat_minutes * 60.0:
                self._waiting.setdefault(name, self._line("STILL BROKEN", name, rule, one.worst, one, now_s))
            return
        if one.turning_s is None:
            one.turning_s = now_s
        if now_s - one.turning_s < rule.for_s:
            return
        one.broken, one.turning_s = broken, None
        if broken:
            one.since_s = now_s
            self._waiting[name] = self._line("BROKEN", name, rule, value, one, now_s)
            one.said_s = now_s
        elif one.said or name not in self._waiting:
            self._waiting[name] = self._line("mended", name, rule, value, one, now_s)
        else:
            # Nobody was told that it was broken.
            self._waiting[name] = self._line("was broken", name, rule, one.worst, one, now_s)

    def _line(self, what: str, name: str, rule: Rule, value: Measured, one: _Standing, now_s: float) -> str:
        unit = MEASURES[rule.measure]
        of = f" ({value.of})" if value.of else ""
        said = f"{what} {name}: {rule.measure} is {value.value:.4g}{unit}{of}"
        if what == "BROKEN":
            return f"{said}, {'above' if rule.above is not None else 'below'} {rule.bound:.4g}{unit}"
        return f"{said}, {'after' if what == 'mended' else 'for'} {_span(now_s - one.since_s)}"

    def _message(self, now_s: float, local: datetime.datetime) -> Message | None:
        while self._sent_s and now_s - self._sent_s[0] >= _HOUR_S:
            self._sent_s.popleft()
        rules = self._settings.rules
        quiet = self._settings.quiet(local)
        names = [name for name in self._waiting if rules[name].urgent or not quiet]
        if not names or len(self._sent_s) >= self._settings.at_most_per_hour:
            return None
        self._sent_s.append(now_s)
        lines = {name: self._waiting.pop(name) for name in names}
        for name in names:
            one = self._standing[name]
            one.said_s, one.said = now_s, lines[name] if one.broken else ""
        last = len(self._sent_s) == self._settings.at_most_per_hour
        text = "\n".join([*lines.values(), *(["No more messages within this hour."] if last else [])])
        bad = [name for name in names if self._standing[name].broken]
        return Message(
            subject=f"{self._name}: {', '.join(bad) if bad else 'well again: ' + ', '.join(names)}",
            text=text,
            urgent=any(rules[name].urgent for name in bad),
            diagnosed=any(rules[name].diagnosed for name in bad),
        )


@attrs.define
class _Outbox:
    """Messages on their way to one channel."""

    waiting: deque[Message] = attrs.field(factory=lambda: deque(maxlen=_MOST_WAITING))
    again_s: float = 0.0
    pause_s: float = _AGAIN_S


class Alerts:
    """Looks at the rules and sends what is to be told; a context manager.

    Args:
        settings: Rules and channels.
        measure: What is measured now.
        name: Of the agent.
        diagnose: What a diagnosis says, for messages to which one belongs; "" if it says nothing.
        every_s: Real seconds between two looks.

    Attributes:
        book: Decides.
    """

    def __init__(
        self,
        settings: Settings,
        measure: Callable[[], Mapping[str, Measured]],
        *,
        name: str = "obmm",
        diagnose: Callable[[], str] | None = None,
        every_s: float = EVERY_S,
    ) -> None:
        self.book = Book(settings, name)
        self._measure, self._diagnose, self._every_s = measure, diagnose, every_s
        self._to = [(channel, _Outbox()) for channel in settings.to]
        self._ending = threading.Event()
        self._problem = ""
        self._thread = threading.Thread(target=self._run, name="obmm-alerts", daemon=True)

    def __enter__(self) -> Alerts:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self, within_s: float = 0.2) -> None:
        """Look no more."""
        self._ending.set()
        self._thread.join(within_s)

    def look(self) -> None:
        """Look at the rules now, and send what is to be told; never raises."""
        try:
            message = self.book.look(self._measure(), time.monotonic(), datetime.datetime.now())
            if message is not None:
                self.send(message)
            self._deliver()
        except Exception as error:  # Whoever watches must not end before what is watched.
            if (problem := told(error)) != self._problem:
                self._problem = problem
                tell(_log, logging.ERROR, "alerts could not be looked at", what=problem)

    def send(self, message: Message) -> None:
        """Tell something by all channels, with a diagnosis if one belongs to it."""
        if message.diagnosed and self._diagnose is not None and (found := self._diagnose()):
            message = attrs.evolve(message, text=f"{message.text}\n\n{found}")
        for _, outbox in self._to:
            outbox.waiting.append(message)
        self._deliver()

    def _deliver(self) -> None:
        for channel, outbox in self._to:
            while outbox.waiting and time.monotonic() >= outbox.again_s:
                message = outbox.waiting[0]
                try:
                    channel.send(message.subject, message.text, urgent=message.urgent)
                except Undelivered as error:
                    tell(_log, logging.ERROR, "an alert is not delivered", to=channel.name, what=str(error))
                    outbox.again_s = time.monotonic() + outbox.pause_s
                    outbox.pause_s = min(2.0 * outbox.pause_s, _AGAIN_MOST_S)
                    break
                outbox.waiting.popleft()
                outbox.pause_s = _AGAIN_S

    def _run(self) -> None:
        while not self._ending.wait(self._every_s):
            self.look()


def _span(seconds: float) -> str:
    """A time in words.

    >>> _span(10.0), _span(600.0), _span(7200.0)
    ('10 s', '10 min', '2 h')
    """
    if seconds < 120.0:
        return f"{seconds:.0f} s"
    return f"{seconds / 60.0:.0f} min" if seconds < 7200.0 else f"{seconds / 3600.0:.0f} h"
