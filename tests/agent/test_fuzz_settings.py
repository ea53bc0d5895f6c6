"""Any table, any parameter: refused with its place, or it does what it says without a fault."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from obmm.agent import ConfigError, MarketMaker, resolve
from obmm.agent.merge import GROUPS
from obmm.market import MarketState
from obmm.settings.registry import registered
from obmm.settings.structure import option_names
from obmm.settings.toml import Layer
from obmm.testing import random_states

STAGES = [
    (section, name, option)
    for section, group in GROUPS.items()
    for name, cls in sorted(registered(group).items())
    if cls.__module__.startswith("obmm.") and attrs.has(cls)
    for option in ("", *option_names(cls))
]

numbers = st.one_of(
    st.sampled_from(
        [0, 1, -1, 2, 30, 1e-300, 1e-9, 1e308, 10**30, 10**400, 1.5, 0.5, float("inf"), float("nan")]
    ),
    st.floats(),
    st.integers(-(10**9), 10**9),
)
texts = st.one_of(
    st.sampled_from(
        ["", "fair", "lean", "volatility", "touch", "skewed", "mid", "even", "1-3", "a\nb", "inf"]
    ),
    st.text(max_size=8),
)
values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(numbers, texts, st.booleans(), st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["kind", "fair", "size_base", "levels", "around", "target"]), inner, max_size=3
        ),
    ),
    max_leaves=5,
)


@st.composite
def entries(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """One stage with one or two options of its own."""
    section, name, option = draw(st.sampled_from(STAGES))
    entry = {"kind": name} | ({option: draw(values)} if option else {})
    if draw(st.integers(0, 9)) == 0:
        entry[draw(st.sampled_from(["name", "enabled", "kind", "nonsense"]))] = draw(values)
    return section, entry


def table_of(said: list[tuple[str, dict[str, Any]]], more: dict[str, Any]) -> dict[str, Any]:
    """A file's table."""
    table: dict[str, Any] = {"extends": "balanced"} | more
    for section, entry in said:
        if section in ("signals", "gates"):
            table.setdefault(section, []).append(entry)
        else:
            table[section] = entry
    return table


@lru_cache
def states() -> tuple[MarketState, ...]:
    """A few states of a small market."""
    return tuple(random_states(7, 8, n_books=3))


def means_what_it_says(table: dict[str, Any], params: Any = ()) -> bool:
    """Whether a configuration was accepted; else every problem has its place, in one line."""
    try:
        maker = MarketMaker(resolve(Layer("my.toml", table), params))
    except ConfigError as error:
        told = error.problems
    else:
        told = ()
    if told:
        assert [] == [p for p in told if not (p.where.strip(": ") and p.what)]
        assert [] == [p for p in told if len(str(p).splitlines()) > 1 or len(str(p)) > 700]
        return False
    for state in states():
        maker.decide(state)
    assert 0 == maker.errors
    assert 12 == len(maker.config.hash)
    return True


calm = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@calm
@given(st.lists(entries(), min_size=1, max_size=3))
def test_any_option_of_any_stage(said: list[tuple[str, dict[str, Any]]]) -> None:
    """With any value."""
    means_what_it_says(table_of(said, {}))


@calm
@given(st.sampled_from(STAGES), numbers)
def test_any_number_of_any_option(stage: tuple[str, str, str], number: float) -> None:
    """One number in an otherwise good configuration."""
    section, name, option = stage
    means_what_it_says(table_of([(section, {"kind": name} | ({option: number} if option else {}))], {}))


@calm
@given(
    st.dictionaries(
        st.sampled_from(["books", "assign", "signals", "builder", "extends", "x"]), values, max_size=3
    )
)
def test_any_table(more: dict[str, Any]) -> None:
    """Of any shape."""
    means_what_it_says(table_of([], more))


@calm
@given(
    st.dictionaries(
        texts, st.dictionaries(st.sampled_from(["builder", "gates", "placer"]), values, max_size=2)
    ),
    st.lists(st.fixed_dictionaries({"books": values, "pipeline": texts}), max_size=2),
)
def test_any_books(books: dict[str, Any], assign: list[Any]) -> None:
    """Selectors, paths and values of overrides, and assignments."""
    means_what_it_says(table_of([], {"books": books, "assign": assign}))


@calm
@given(
    st.lists(
        st.one_of(
            texts, st.builds("{}={}".format, st.sampled_from(STAGES).map(lambda s: s[2] or "x"), values)
        )
    )
)
@example(["size_base = 0.5"])
@example(["base_order_size=0.5 max_inventory_pct=0.30"])
def test_any_words(words: list[str]) -> None:
    """As `--set` hands them over."""
    means_what_it_says(table_of([], {}), words)


@calm
@given(
    st.dictionaries(st.one_of(texts, st.sampled_from(STAGES).map(lambda s: s[2] or "x")), values, max_size=3)
)
def test_any_mapping(params: dict[str, Any]) -> None:
    """As a program hands them over."""
    means_what_it_says(table_of([], {}), params)


@pytest.mark.long
@settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(entries(), min_size=1, max_size=4), values, st.lists(texts, max_size=2))
def test_any_settings_at_length(said: list[Any], books: Any, words: list[str]) -> None:
    """All of it at once."""
    means_what_it_says(table_of(said, {"books": books}), words)
