"""Stages wired together."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from obmm.agent import ConfigError, Pipeline, feeds_of, plan, resolve
from obmm.agent.pipeline import only_trades_of
from obmm.market import Feed, Limits, OpenOrders, Quotes, Venue
from obmm.settings.toml import parse_layer
from obmm.testing import random_states

CONSTANT = '{ kind = "stages_for_tests:Constant", name = "one" }'


def config(text: str):
    """The configuration of a TOML text that extends a preset."""
    return resolve(parse_layer(f'extends = "balanced"\n{text}', "my.toml"))


def test_signals_are_computed_in_the_order_in_which_they_read_each_other():
    """Whatever the order of the file."""
    made = config(
        'signals = [{ kind = "stages_for_tests:Twice", name = "four", of = "two" }, '
        f'{{ kind = "stages_for_tests:Twice", name = "two", of = "one" }}, {CONSTANT}]'
    )
    order = [spec.name for spec in plan(made).order]
    assert order.index("one") < order.index("two") < order.index("four")


def test_warm_up_adds_along_the_chain_of_signals():
    """A signal of a signal settles after both."""
    text = (
        'signals = [{ kind = "stages_for_tests:Twice", name = "four", of = "two" }, '
        '{ kind = "stages_for_tests:Twice", name = "two", of = "vol" }, '
        '{ kind = "volatility", name = "vol" }]'
    )
    vol = plan(config('signals = [{ kind = "volatility", name = "vol" }]')).warmup_s
    assert vol + 20.0 == plan(config(text)).warmup_s


def test_an_unknown_signal_is_an_error_at_assembly():
    """Named with the stage that reads it."""
    with pytest.raises(ConfigError, match=r"my\.toml.*signals\.two: reads a signal 'on'.*did you mean 'one'"):
        plan(
            config(f'signals = [{CONSTANT}, {{ kind = "stages_for_tests:Twice", name = "two", of = "on" }}]')
        )


def test_a_builder_that_reads_columns_refuses_a_signal_of_others():
    """By its unit, wherever in the builder it stands."""
    read = "reads 'fair' as 'base; quote; s; quote; quote; quote; base; quote', and that tells 'quote'"
    for text in (
        'builder = { kind = "round_trip", lots = "fair" }',
        'builder = { kind = "taking", around = { kind = "round_trip", lots = "fair" } }',
    ):
        with pytest.raises(ConfigError, match=read):
            plan(config(text))


def test_a_unit_of_the_users_own_is_not_asked_for():
    """Whatever saying it would raise."""
    made = config('signals = [{ kind = "stages_for_tests:NoUnit", name = "odd" }]')
    assert "odd" in {spec.name for spec in plan(made).order}


@pytest.mark.parametrize("order", ["one, sly", "sly, one"])
def test_an_undeclared_read_is_refused_whatever_the_order_of_the_file(order):
    """With the name of what `needs` lacks."""
    entries = {"one": CONSTANT, "sly": '{ kind = "stages_for_tests:Sly", name = "a" }'}
    made = config("signals = [" + ", ".join(entries[name] for name in order.split(", ")) + "]")
    state = random_states(1, 1, n_books=2)[0]
    with pytest.raises(KeyError, match="'one' is read without being declared: add it to `needs`"):
        Pipeline.bind(made, state.venue)(state)


def test_a_circle_of_signals_is_an_error_at_assembly():
    """Both ends are named."""
    text = (
        'signals = [{ kind = "stages_for_tests:Twice", name = "a", of = "b" }, '
        '{ kind = "stages_for_tests:Twice", name = "b", of = "a" }]'
    )
    with pytest.raises(ConfigError, match="circle: a → b"):
        plan(config(text))


def test_the_tape_is_asked_for_only_when_a_stage_reads_it():
    """Feeds are the union over a pipeline and those assigned beside it."""
    taped = '[[signals]]\nkind = "stages_for_tests:Raises"\nname = "taped"'
    assert frozenset() == feeds_of(resolve("touch"))
    assert frozenset({Feed.TAPE}) == feeds_of(resolve(parse_layer(f'extends = "touch"\n{taped}', "my.toml")))


def test_trades_suffice_unless_a_stage_reads_other_events(tmp_path):
    """One stage that does not say so, also of an assigned pipeline, has the whole tape decoded."""
    taped = 'extends = "balanced"\n[[signals]]\nkind = "stages_for_tests:Raises"\nname = "taped"'
    (tmp_path / "taped.toml").write_text(taped)
    beside = tmp_path / "beside.toml"
    beside.write_text('extends = "balanced"\n[[assign]]\nbooks = [0]\npipeline = "taped.toml"')
    assert only_trades_of(resolve("balanced"))
    assert not only_trades_of(resolve(parse_layer(taped, "my.toml")))
    assert not only_trades_of(resolve(str(beside)))


def test_overrides_of_books_reach_the_stages():
    """The last word on a book wins."""
    made = config(
        'signals = [{ kind = "stages_for_tests:Constant", name = "one", value = 5 }]\n'
        "[books.all]\nsignals.one.value = 1\n[books.1-2]\nsignals.one.value = 7"
    )
    states = random_states(1, 1, n_books=4)
    step = Pipeline.bind(made, states[0].venue)(states[0])
    assert [1.0, 7.0, 7.0, 1.0] == step.signals["one"].tolist()


def test_every_gate_is_heard_and_explained():
    """Each gate's own word is kept, and the limits are the strictest of them."""
    made = config('gates = [{ kind = "stages_for_tests:Shut" }]')
    states = random_states(1, 3, n_books=3)
    pipeline = Pipeline.bind(made, states[0].venue)
    for state in states:
        step = pipeline(state)
    assert not step.gate_limits["stages_for_tests:Shut"].bid_allowed.any()
    joint = Limits.strictest(step.gate_limits.values())
    assert step.limits == joint.enforced(states[-1].accounts.position)


@pytest.mark.parametrize(
    ("gives", "what"),
    [(None, "gives a NoneType, expected Limits"), (Limits.open(7), "speaks of 7 books, expected 3")],
)
def test_a_gate_that_gives_something_else_is_named(gives, what):
    """Instead of an error from the middle of a sum."""
    state = random_states(1, 1, n_books=3)[0]
    pipeline = Pipeline.bind(resolve("touch"), state.venue)
    pipeline = attrs.evolve(pipeline, gates=(("mine", lambda state, signals: gives),))
    with pytest.raises((TypeError, ValueError), match=f"gate 'mine' {what}"):
        pipeline(state)


@attrs.define
class Wants:
    """A builder that does as it pleases."""

    size: float = 40.0

    def __call__(self, state, signals, limits):
        """Forty base around the mid, whatever anybody says."""
        return Quotes.of(bid_price=state.mid - 0.05, ask_price=state.mid + 0.05, size=self.size)


def far(state, share):
    """The state with `share` of each account's worth held as base on top of the endowment."""
    more = share * state.accounts.value(state.mid) / state.mid
    accounts = attrs.evolve(
        state.accounts,
        base_total=state.accounts.base_total + more,
        base_free=state.accounts.base_free + more,
        quote_total=state.accounts.quote_total - more * state.mid,
        quote_free=state.accounts.quote_free - more * state.mid,
    )
    return attrs.evolve(state, accounts=accounts)


def test_a_builder_that_wants_everything_gets_what_risk_allows():
    """40 base at a bound that leaves less: the rest is not sent."""
    states = [
        attrs.evolve(far(state, 0.1), open_orders=OpenOrders.empty(3))
        for state in random_states(1, 40, n_books=3)
    ]
    made = config("gates = [{ kind = 'inventory', max_inventory_pct = 0.105, soft_share = 1.0 }]")
    pipeline = attrs.evolve(Pipeline.bind(made, states[0].venue), builder=Wants())
    for state in states:
        step = pipeline(state)
    room = step.limits.position_bound - state.accounts.position
    bids = np.bincount(step.orders.book, step.orders.size * (step.orders.side == 0), minlength=3)
    assert 0.0 < bids.max() < 40.0
    assert np.all(bids <= np.maximum(room, 0.0) + 1e-9)


@pytest.mark.parametrize(
    ("gives", "what"),
    [(None, "gives a NoneType, expected Quotes"), (Quotes.none(7), "speaks of 7 books, expected 3")],
)
def test_a_builder_that_gives_something_else_is_named(gives, what):
    """As with gates."""
    state = random_states(1, 1, n_books=3)[0]
    pipeline = attrs.evolve(
        Pipeline.bind(resolve("touch"), state.venue), builder=lambda state, signals, limits: gives
    )
    with pytest.raises((TypeError, ValueError), match=f"the builder {what}"):
        pipeline(state)


def sides(step):
    """(2, B) whether a bid and an ask are wanted."""
    return [step.quotes.has_bid.any(axis=1).tolist(), step.quotes.has_ask.any(axis=1).tolist()]


def settled(states, modes=None, size="0.26"):
    """The last step of `touch` over states, with room for any position and under manual orders."""
    words = [f"size_base={size}", "builder.min_edge_bps=-100", "max_inventory_pct=1"]
    pipeline = Pipeline.bind(resolve("touch", words), states[0].venue)
    pipeline.override(modes or {})
    for state in states:
        step = pipeline(state)
    return step


def test_risk_reaches_the_least_size():
    """At 0.26 base half a size is not sent: under `tight` nothing, over the exposure nothing that adds."""
    states = random_states(1, 80, n_books=2)
    both, none = [[True, True], [True, True]], [[False, False], [False, False]]
    assert both == sides(settled(states))
    assert none == sides(settled(states, {"all": "tight"}))
    assert both == sides(settled(states, {"all": "tight"}, size="0.6"))
    assert [[False, False], [True, True]] == sides(settled([far(state, 0.55) for state in states]))


def test_one_option_is_enough_for_a_wider_spread_at_a_high_fee():
    """No gate has to be told: 30 bp are quoted where the maker pays 9."""
    states = [
        attrs.evolve(state, accounts=attrs.evolve(state.accounts, maker_rate=np.full(2, 0.0009)))
        for state in random_states(1, 60, n_books=2)
    ]
    pipeline = Pipeline.bind(resolve("balanced", ["target_spread_bps=30"]), states[0].venue)
    for state in states:
        step = pipeline(state)
    width = 1e4 * (step.quotes.ask_price - step.quotes.bid_price)[:, 0] / step.signals["fair"]
    assert np.all(width >= 30.0 - 1e-6)


def test_the_least_edge_has_one_owner():
    """A name alone means the builder's."""
    assert 3.0 == resolve("balanced", ["min_edge_bps=3"]).builder.build().min_edge_bps
    assert 3.0 == resolve("touch", ["min_edge_bps=3"]).builder.build().min_edge_bps


def test_a_gap_starts_the_warm_up_again():
    """Signals of a minute ago are not warm."""
    states = random_states(1, 3, n_books=2)
    late = attrs.evolve(states[2], time_ns=states[1].time_ns + 61_000_000_000)
    pipeline = Pipeline.bind(resolve("balanced"), states[0].venue)
    ages = [pipeline(state).signals.age_s.tolist() for state in (states[0], states[1], late)]
    assert [[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]] == ages


def test_a_book_ages_only_while_it_is_sound():
    """A broken state does not count as data."""
    states = random_states(1, 3, n_books=2)
    broken = attrs.evolve(states[1], bid_price=np.where([[True], [False]], np.nan, states[1].bid_price))
    pipeline = Pipeline.bind(resolve("balanced"), states[0].venue)
    for state in (states[0], broken, states[2]):
        age = pipeline(state).signals.age_s.tolist()
    assert [1.0, 2.0] == age


def test_a_pipeline_shows_itself():
    """Name, books and warm-up."""
    assert "2 books" in repr(Pipeline.bind(resolve("balanced"), Venue.of(2)))
