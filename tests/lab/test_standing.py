"""Who is the best of a field: what the others came to, and what is said of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")
pytest.importorskip("scipy")

from lab.test_compare import outcome
from obmm.agent import MarketMaker, resolve
from obmm.lab.compare import Comparison, Question, arms_of, markets_of
from obmm.lab.compare.folder import Folder
from obmm.lab.compare.keep import Keep
from obmm.lab.compare.matrix import best, markdown
from obmm.lab.compare.standing import standing
from obmm.lab.compare.tell import told
from obmm.lab.trials import METRICS, Other, Trial, play
from obmm.market import Feed
from obmm.sim import Scenario, SimulatedMarket

PNL = METRICS["pnl_per_book_hour"]
TOUCH = resolve("touch").hash


def other(name: str, pnl: Sequence[float], config_hash: str = "") -> Other:
    """Members that earned so much per book and hour, on two books in an hour."""
    mean = float(np.mean(pnl))
    books = {"pnl": np.full(2, mean), "turnover": np.full(2, 10.0), "fees": np.zeros(2)}
    return Other(name=name, config_hash=config_hash, pnl=2.0 * np.array(pnl), books=books)


def comparison(
    others: Mapping[str, Sequence[Sequence[float]]],
    mine: Sequence[float],
    *,
    populations: Sequence[str] = ("default",),
    hashes: Mapping[str, str] | None = None,
) -> Comparison:
    """`touch` among kinds that earned so much, seed by seed."""
    arms = arms_of(["touch", "balanced"])
    markets = markets_of([Scenario.load("taos-0.5.4")], populations)
    asked = Question(arms=arms, markets=markets, books=2, hours=1.0)
    hashes = hashes or {}
    played = {}
    for market in markets:
        for i, pnl in enumerate(mine):
            there = [other(name, pnls[i], hashes.get(name, "")) for name, pnls in others.items()]
            one = outcome(i + 1, pnl, others=tuple(there))
            for arm in ("touch", "balanced"):
                played[arm, market.name, i + 1] = one
    return Comparison(question=asked, seeds=tuple(range(1, len(mine) + 1)), outcomes=played)


MINE = [5.0, 6.0, 5.5, 6.5, 5.0, 6.0, 7.0, 5.5]


@pytest.mark.parametrize(
    ("takers", "expected"),
    [
        ([m - 1.0 for m in MINE], True),
        ([m + 1.0 for m in MINE], False),
        ([m + (1.0 if i % 2 else -1.0) for i, m in enumerate(MINE)], None),
    ],
)
def test_the_best_is_ahead_of_every_kind(takers: list[float], expected: bool | None) -> None:
    """Of quoters it always is; the takers decide."""
    known = comparison({"quoters": [[0.0, 1.0]] * 8, "takers": [[t] for t in takers]}, MINE)
    found = standing(known, "touch", PNL, "")
    assert expected is found.best
    assert ("takers", pytest.approx(np.mean(takers))) == (found.next.name, found.next.mean.mean)  # type: ignore[union-attr]
    assert [2, 1] == [rival.count for rival in found.rivals]
    assert {True: "is the best", False: "is not the best", None: "Cannot tell"}[expected] in best(known, PNL)[
        0
    ]


def test_copies_of_itself_are_told_and_not_held_against_it() -> None:
    """It cannot be ahead of itself; with nobody else there is nobody to be the best of."""
    copies = {"touch": [[m] for m in MINE]}
    alone = comparison(copies, MINE, hashes={"touch": TOUCH})
    found = standing(alone, "touch", PNL, "")
    assert ([True], None, None) == ([r.own for r in found.rivals], found.next, found.best)
    assert "only its own copies trade there" in best(alone, PNL)[0]
    among = comparison(copies | {"takers": [[0.0]] * 8}, MINE, hashes={"touch": TOUCH})
    assert standing(among, "touch", PNL, "").best


def test_the_best_single_one_is_told_beside_the_kinds() -> None:
    """Of each seed another may be it."""
    pnl = [[0.0, 9.0] if i % 2 else [9.0, 1.0] for i in range(8)]
    found = standing(comparison({"quoters": pnl}, MINE), "touch", PNL, "")
    assert 9.0 == found.single.mean
    assert found.best


def test_nothing_is_claimed_where_somebody_is_not_known() -> None:
    """Quoters have no Kappa: who is ahead of the takers need not be the best."""
    known = comparison({"quoters": [[0.0]] * 8}, MINE)
    found = standing(known, "touch", METRICS["win_rate"], "")
    assert ((), ("quoters",), None) == (found.rivals, found.unknown, found.best)
    assert [] == best(known, METRICS["win_rate"])


def test_the_matrix_can_be_copied_into_a_document() -> None:
    """A row for each field, how safe it was beside what it earned, and the others."""
    several = comparison({"takers": [[0.0]] * 8}, MINE, populations=["none", "crowd"])
    text = markdown(several)
    assert "| field | touch | balanced |" in text
    assert "| crowd | 5.81 ± 0.607, best | 5.81 ± 0.607, best |" in text
    # A book of 50,000: 50 is a thousandth.
    assert "| none | 5.81 ± 0.607 | 100% | 50.0 (0.10%) | 100 | yes | takers: 0 ± 0 |" in text
    assert best(several, PNL)[0].startswith("touch is the best of 2 of 2 fields")
    said = json.loads(json.dumps(told(several)))
    assert [{"touch": True, "balanced": True}] * 2 == [field["best_of_field"] for field in said["fields"]]
    (takers,) = said["standings"][0]["others"]
    assert ("takers", 0.0, pytest.approx(np.mean(MINE))) == (
        takers["name"],
        takers["mean"],
        takers["ahead"]["mean"],
    )


def test_figures_of_an_era_are_told_where_it_is_followed() -> None:
    """Each scenario follows its own rules, and a mean over markets is of those that do."""
    today, before = (Scenario.load(name) for name in ("taos-0.6.2", "taos-0.5.4"))
    markets = markets_of([today, before], ["none"], eras=())
    assert [("0.6.3",), ("0.5.4",)] == [market.eras for market in markets]
    asked = Question(arms=arms_of(["touch", "balanced"]), markets=markets, books=2, hours=1.0)
    assert ("0.6.3", "0.5.4") == asked.eras


def test_what_others_earned_is_kept_to_the_last_digit(tmp_path: Path) -> None:
    """In the folder of a comparison, and on its page."""
    known = comparison({"quoters": [[0.1, 1 / 3]] * 8}, MINE)
    keep = Keep(tmp_path / "outcomes.jsonl")
    first = known.outcomes["touch", "default", 1]
    keep.add("key", (first,))
    again = Keep(tmp_path / "outcomes.jsonl").get("key", 1)
    assert again is not None
    assert [0.2, 2 / 3] == again.others[0].pnl.tolist()
    assert first.others[0].books["pnl"].tolist() == again.others[0].books["pnl"].tolist()
    with Folder(tmp_path / "c", known.question) as folder:
        folder.write(known)
    assert "touch is the best of the field" in (tmp_path / "c" / "report.html").read_text(encoding="utf-8")
    assert markdown(known) == (tmp_path / "c" / "matrix.md").read_text(encoding="utf-8")


def test_everybody_on_the_books_is_told() -> None:
    """Quoters, takers and configurations, on each seed of a wide market what they are alone."""
    trial = Trial(
        config=resolve("touch"),
        rivals=(resolve("touch"), resolve("balanced")),
        scenario=Scenario.load("taos-0.5.4"),
        books=2,
        hours=0.05,
        seeds=(3, 4),
    )
    together = play(trial, threads=1)
    for seed, found in zip(trial.seeds, together, strict=True):
        (alone,) = play(trial.on((seed,)), threads=1)
        assert ["touch", "balanced", "quoters", "takers"] == [o.name for o in found.others]
        for mine, theirs in zip(alone.others, found.others, strict=True):
            assert mine.pnl.tolist() == theirs.pnl.tolist()
            assert mine.books["pnl"].tolist() == theirs.books["pnl"].tolist()
    takers = together[0].others[-1]
    assert (5, True) == (takers.pnl.size, takers.books["turnover"].min() > 0.0)
    assert pytest.approx(takers.pnl.sum() / 5) == takers.books["pnl"].sum()
    assert math.isnan(takers.metric("score_0.5.4", 0.05))


def test_a_rival_earned_what_its_own_account_says() -> None:
    """By its own account's states, and by the exchange's books."""
    scenario = Scenario.load("taos-0.5.4")
    (found,) = play(
        Trial(config=resolve("touch"), rivals=(resolve("touch"),), scenario=scenario, books=1, hours=0.05),
        threads=1,
    )
    makers = [MarketMaker(resolve("touch")) for _ in range(2)]
    feeds = frozenset[Feed]().union(*(maker.feeds for maker in makers))
    with SimulatedMarket(scenario, books=1, seed=1, miners=2, feeds=feeds) as market:
        for states in market.states(180.0):
            for uid, maker in enumerate(makers):
                market.submit(uid, maker.decide(states[uid]).orders, 0.1)
        accounts = states[1].accounts
        pnl = (accounts.quote_total - accounts.quote_initial) + (
            accounts.base_total - accounts.base_initial
        ) * states[1].mid
        assert pytest.approx(pnl.tolist()) == found.others[0].books["pnl"].tolist()
        assert pytest.approx(pnl.tolist()) == market.miners().pnl(states[1].mid)[1].tolist()
