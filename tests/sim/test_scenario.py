"""Scenarios: what ships, what a user's file may say, and how faults are told."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

pytest.importorskip("numba")

from obmm.cli._inputs import TODAY
from obmm.sim._parameters import NormalClock, TimerMakers, TokenMakers
from obmm.sim.background._layout import PARAMETERS, fill
from obmm.sim.background._setup import class_ids, make_background
from obmm.sim.market import SimulatedMarket
from obmm.sim.scenario import _SHIPPED, DEFAULT_SCENARIO, Scenario, ScenarioError, scenario_names

SOURCE = (_SHIPPED / "taos-0.5.4.toml").read_text(encoding="utf-8")


def faults(source: str) -> list[str]:
    """The fault lines of a scenario text."""
    with pytest.raises(ScenarioError) as caught:
        Scenario.parse(source, origin="mine.toml")
    _, *lines = str(caught.value).splitlines()
    assert all(line.startswith("  mine.toml: ") for line in lines)
    return sorted(line.removeprefix("  mine.toml: ") for line in lines)


@pytest.mark.parametrize("name", scenario_names())
def test_every_shipped_scenario_loads_under_its_own_name(name: str) -> None:
    """The name inside the file is the name of the file."""
    assert name == Scenario.load(name).name


@pytest.mark.parametrize("name", scenario_names())
def test_every_value_of_a_shipped_scenario_has_a_comment_or_repeats_a_commented_one(name: str) -> None:
    """A user who copies the file finds unit or source beside each number of the first asset."""
    text = (_SHIPPED / f"{name}.toml").read_text(encoding="utf-8")
    first_asset = text.split("[[assets]]")[1]
    bare = [line for line in first_asset.splitlines() if " = " in line and "#" not in line]
    assert [] == [line for line in bare if not line.startswith("name")]


def test_a_path_loads_like_a_name(tmp_path) -> None:
    """A copied file is the same scenario."""
    path = tmp_path / "copy.toml"
    path.write_text(SOURCE, encoding="utf-8")
    assert Scenario.load("taos-0.5.4") == Scenario.load(path)


def test_an_unknown_name_is_told_with_the_nearest_one() -> None:
    """The message names what there is."""
    with pytest.raises(ScenarioError, match=r"'taos-0\.5\.5' is neither.*did you mean 'taos-0\.5\.4'"):
        Scenario.load("taos-0.5.5")


def test_a_missing_file_is_told_by_its_path(tmp_path) -> None:
    """No traceback from the file system."""
    with pytest.raises(ScenarioError, match=r"nowhere\.toml: cannot be read: No such file"):
        Scenario.load(tmp_path / "nowhere.toml")


def test_text_that_is_not_toml_is_told_by_line() -> None:
    """The parser's own message says where."""
    with pytest.raises(ScenarioError, match=r"not valid TOML.*line 1"):
        Scenario.parse("name = = 1")


def test_a_misspelt_key_is_told_with_path_and_suggestion() -> None:
    """That the right key is missing goes without saying."""
    found = faults(SOURCE.replace("balance_coefficient", "balance_coeficient"))
    assert [
        "assets[0].noise.balance_coeficient: unknown option; did you mean 'balance_coefficient'?"
    ] == found


def test_a_missing_key_is_told_by_its_path() -> None:
    """Here nothing resembles it."""
    found = faults(SOURCE.replace("books_per_block = 16 ", "# "))
    assert ["venue.books_per_block: is required"] == found


def test_all_faults_are_told_at_once() -> None:
    """Wrong types, ranges and kinds in different tables."""
    source = (
        SOURCE.replace("sigma_per_sqrt_day = 0.034", "sigma_per_sqrt_day = -1.0")
        .replace("max_open_orders = 100 ", "max_open_orders = 100.5 ")
        .replace('wealth = "pareto"', 'wealth = "even"', 1)
        .replace('kind = "timer"', 'kind = "timers"')
        .replace("tracks_inventory = false", "tracks_inventory = 0")
        .replace("makers = 2 ", 'makers = "two" ')
    )
    assert [
        "assets[0].fundamental: 'sigma_per_sqrt_day' must be >= 0: -1.0",
        "assets[0].high_frequency: needs a kind, got 'timers'; did you mean 'timer'?",
        "assets[0].noise.wealth: must be one of 'pareto', 'uniform', got 'even'",
        "rivals.makers: must be a whole number, got 'two'",
        "venue.max_open_orders: must be a whole number, got 100.5",
    ] == faults(source)


def test_switches_and_numbers_are_not_mistaken_for_each_other() -> None:
    """TOML knows the difference and so do scenarios."""
    assert ["assets[0].high_frequency.tracks_inventory: must be true or false, got 0"] == faults(
        SOURCE.replace("tracks_inventory = false", "tracks_inventory = 0")
    )
    assert ["assets[0].noise.sigma: must be a number, got True"] == faults(
        SOURCE.replace("sigma = 1e-8 ", "sigma = true ")
    )


@pytest.mark.parametrize("number", ["inf", "nan", "1e300", "-1e12", "9" * 40])
def test_numbers_that_nobody_means_are_refused(number: str) -> None:
    """They would overflow the simulator's whole numbers."""
    found = faults(SOURCE.replace("grace_period_s = 600.0", f"grace_period_s = {number}"))
    assert any(line.startswith("venue.grace_period_s: must be") for line in found)


def test_a_market_too_large_for_the_machine_is_refused() -> None:
    """Before anything is taken, with an estimate and what would fit."""
    with pytest.raises(
        ScenarioError, match=r"1,000,000,000 books need some 2,328,306.* GiB are free: [0-9,]+ fit"
    ):
        SimulatedMarket(books=10**9)


def test_wide_encodings_of_a_scenario_are_named(tmp_path) -> None:
    """Read like every file of settings."""
    path = tmp_path / "wide.toml"
    path.write_bytes(SOURCE.encode("utf-16"))
    with pytest.raises(ScenarioError, match="is written in UTF-16: save it as UTF-8"):
        Scenario.load(path)


def test_a_scenario_needs_an_asset() -> None:
    """An empty list is a fault of the file."""
    head = SOURCE.split("[[assets]]")[0]
    assert "assets: is required" in faults(head)


def test_an_asset_inherits_what_it_does_not_say() -> None:
    """The second asset of 0.6.2 gives differences only."""
    first, second = Scenario.load("taos-0.6.2").assets
    assert (first.price_band, first.stylized.guard) == (second.price_band, second.stylized.guard)
    assert (0.445, 0.8) == (first.field.beta, second.field.beta)
    assert (3.8, 3.89) == (first.high_frequency.clock.omega, second.high_frequency.clock.omega)


def test_a_table_of_another_kind_is_not_mixed_with_the_one_before() -> None:
    """Keys of the old kind would be unknown to the new one."""
    source = (
        SOURCE
        + '\n[[assets]]\nname = "b"\n[assets.stylized.clock]\nkind = "normal"\nmean_s = 3.0\nsd_s = 0.0\n'
    )
    second = Scenario.parse(source).assets[1]
    assert NormalClock(mean_s=3.0, sd_s=0.0) == second.stylized.clock


def test_versions_differ_where_they_should() -> None:
    """The laws of the three versions by their marks."""
    old, mid, new = (Scenario.load(name).assets[0] for name in scenario_names())
    assert isinstance(old.high_frequency, TimerMakers)
    assert isinstance(new.high_frequency, TokenMakers)
    assert (True, False) == (old.high_frequency.tracks_inventory, mid.high_frequency.tracks_inventory)
    assert (100, 100, 0) == (old.futures.count, mid.futures.count, new.futures.count)
    assert (0.1, 0.25, 0.25) == (old.min_size_base, mid.min_size_base, new.min_size_base)
    assert (0.0, 0.0, 0.1) == (old.price_band, mid.price_band, new.price_band)


@pytest.mark.parametrize(("n_books", "shares"), [(128, [96, 32]), (8, [6, 2]), (4, [3, 1]), (1, [1, 0])])
def test_books_are_shared_between_assets_as_in_production(n_books: int, shares: list[int]) -> None:
    """Six blocks of the first asset to two of the second, the first asset first."""
    asset = Scenario.load("taos-0.6.2").asset_of_book(n_books)
    assert shares == np.bincount(asset, minlength=2).tolist()
    assert np.all(np.diff(asset) >= 0)


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        (
            "taos-0.5.4",
            {
                "algo": (-1, -1),
                "exchange": (-2, -2),
                "futures": (-3, -102),
                "high_frequency": (-103, -112),
                "initialization": (-113, -612),
                "noise": (-613, -1636),
                "stylized": (-1637, -2636),
            },
        ),
        (
            "taos-0.6.2",
            {
                "algo": (-1, -1),
                "exchange": (-2, -2),
                "high_frequency": (-3, -22),
                "initialization": (-23, -522),
                "noise": (-523, -1546),
                "stylized": (-1547, -2546),
            },
        ),
    ],
)
def test_published_ids_of_the_classes(name: str, ids: dict[str, tuple[int, int]]) -> None:
    """From which a counterparty's class can be read off."""
    assert ids == class_ids(Scenario.load(name).assets[0])


def test_numbers_words_and_sub_tables_reach_the_kernels() -> None:
    """Each asset of each version fills the whole parameter record."""
    for name in scenario_names():
        for asset in Scenario.load(name).assets:
            record = np.zeros(1, dtype=PARAMETERS)[0]
            for table in PARAMETERS.names:
                if table != "rivals":
                    fill(record[table], getattr(asset, table))
            assert asset.noise.clock.omega == record["noise"]["clock"]["omega"]
            assert isinstance(asset.high_frequency, TokenMakers) == record["high_frequency"]["kind"]
            assert (asset.stylized.returns == "bars") == record["stylized"]["returns"]


def test_the_default_is_the_network_of_today() -> None:
    """Commands know its name without a slow import."""
    assert TODAY == DEFAULT_SCENARIO == scenario_names()[-1]


def test_a_scenario_too_large_for_a_book_is_refused_with_all_shortages() -> None:
    """Room is fixed; the message says what is needed and what there is."""
    scenario = Scenario.load("taos-0.5.4")
    asset = scenario.assets[0]
    asset = attrs.evolve(
        asset, noise=attrs.evolve(asset.noise, count=2000), stylized=attrs.evolve(asset.stylized, count=3000)
    )
    with pytest.raises(ScenarioError) as caught:
        make_background(asset, scenario.venue, scenario.rivals, n_miners=264)
    text = str(caught.value)
    assert "noise.count (a spin for each): 2000, room for 1024" in text
    assert "stylized.count: 3000, room for 2048" in text
    assert "accounts of miners and background" in text


def test_turn_taking_makers_need_bars() -> None:
    """Their sizes follow the traded volume of the last seconds."""
    scenario = Scenario.load("taos-0.6.2")
    asset = scenario.assets[0]
    asset = attrs.evolve(asset, stylized=attrs.evolve(asset.stylized, returns="polls"))
    with pytest.raises(ScenarioError, match=r"token.*bars"):
        make_background(asset, scenario.venue, scenario.rivals, n_miners=264)
