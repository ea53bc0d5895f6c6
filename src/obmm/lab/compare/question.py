"""What is compared: arms, markets, sizes; and the trials that answer it."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator, Sequence
from importlib import resources

import attrs

from obmm.agent.pipeline import feeds_of
from obmm.lab.compare.arms import Arm
from obmm.lab.compare.markets import Market
from obmm.lab.trials import METRICS, Metric, Trial, metric_named
from obmm.lab.trials.metrics import with_later

#: Rooms whose sources decide what becomes of a run.
_PLAYING = ("market", "settings", "signals", "risk", "execution", "agent", "sim", "scoring")
#: Books from which on a wide run costs no more per book.
_WIDE_BOOKS = 128


@attrs.frozen(kw_only=True)
class Question:
    """What is compared, on whatever seeds.

    Attributes:
        arms: The configurations; the others are held against the first.
        markets: Where.
        books: Number of books.
        hours: Simulated hours.
        response_ms: Real time an answer is taken to need.
        metrics: What is compared, the first of them decides.

    Raises:
        ConfigError: An arm cannot be assembled, or a number is none that a run can have.
    """

    arms: tuple[Arm, ...]
    markets: tuple[Market, ...]
    books: int = 16
    hours: float = 3.0
    response_ms: float = 100.0
    metrics: tuple[Metric, ...] = (METRICS["pnl_per_book_hour"],)

    def __attrs_post_init__(self) -> None:
        for arm in self.arms:
            feeds_of(arm.config)  # It can be assembled.
        self.trial(self.arms[0], self.markets[0], (1,))

    @property
    def eras(self) -> tuple[str, ...]:
        """Scoring eras that are followed, somewhere."""
        return tuple(dict.fromkeys(era for market in self.markets for era in market.eras))

    def trial(self, arm: Arm, market: Market, seeds: Sequence[int]) -> Trial:
        """The trial of one arm on one market."""
        return Trial(
            config=arm.config,
            rivals=(*market.rivals, *[arm.config] * market.copies),
            scenario=market.scenario,
            books=self.books,
            hours=self.hours,
            seeds=tuple(seeds),
            response_ms=self.response_ms,
            eras=market.eras,
        )

    def cells(self) -> Iterator[tuple[Arm, Market]]:
        """Every arm on every market."""
        return ((arm, market) for market in self.markets for arm in self.arms)

    def seeds_at_once(self, seeds: int, jobs: int) -> int:
        """How many seeds a trial should have: as wide as pays, and work for every job.

        >>> from obmm.lab.compare import arms_of, markets_of
        >>> from obmm.sim import Scenario
        >>> arms, markets = arms_of(["touch", "balanced"]), markets_of([Scenario.load("taos-0.5.4")])
        >>> question = Question(arms=arms, markets=markets)
        >>> question.seeds_at_once(8, jobs=2), question.seeds_at_once(8, jobs=8)
        (8, 2)
        """
        cells = len(self.arms) * len(self.markets)
        return max(1, min(-(-_WIDE_BOOKS // self.books), seeds * cells // jobs, seeds))


def metrics_of(names: Sequence[str], eras: tuple[str, ...], hours: float) -> tuple[Metric, ...]:
    """The metrics asked for; without any P&L per book and hour, and the score of each era.

    P&L per book and hour is followed by that after the first hour, of runs that last longer.

    Raises:
        ConfigError: There is none of that name.
    """
    chosen = names or ["pnl_per_book_hour", *(f"score_{era}" for era in eras)]
    return tuple(metric_named(name, eras) for name in with_later(list(dict.fromkeys(chosen)), hours))


def trial_key(trial: Trial) -> str:
    """What an outcome of `trial` depends on besides its seed, the version of obmm included: 16 hex digits."""
    told = {
        "config": trial.config.hash,
        "rivals": [rival.hash for rival in trial.rivals],
        "scenario": attrs.asdict(trial.scenario),
        "books": trial.books,
        "seconds": trial.seconds,
        "response_ms": trial.response_ms,
        "eras": list(trial.eras),
        "obmm": _package_digest(),
    }
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@functools.cache
def _package_digest() -> str:
    """A digest of our own sources, of those that play: what they compute may change with them."""
    digest = hashlib.sha256()
    root = resources.files("obmm")
    waiting = [*(root / room for room in _PLAYING), root / "lab" / "trials"]
    while waiting:
        for entry in sorted(waiting.pop().iterdir(), key=lambda entry: entry.name):
            if entry.is_dir() and entry.name != "__pycache__":
                waiting.append(entry)
            elif entry.name.endswith((".py", ".toml")):
                digest.update(entry.name.encode() + b"\0" + entry.read_bytes())
    return digest.hexdigest()[:16]
