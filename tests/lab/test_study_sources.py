"""What a study looks at: signals that words name, on recordings, markets and runs."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import pytest

from obmm.agent import ConfigError, resolve
from obmm.lab.bench import sample_path
from obmm.lab.study import combinable, of_run, proposed, recorded, simulated, study, subjects_of
from obmm.lab.study.measure import studied
from obmm.lab.study.sample import classes_of
from obmm.lab.study.stretches import Sample
from obmm.market import Feed, MarketState, Signals, Venue
from obmm.settings.toml import parse_layer
from obmm.signals import Imbalance, TradeFlow
from obmm.wire import read_stream
from obmm.wire.stream import write_stream

STAGES = """
import attrs
import numpy as np
from obmm.market import Stage

@attrs.define
class Up(Stage):
    strength: float = 1.0
    def __call__(self, state, signals):
        return np.full(state.n_books, self.strength)

@attrs.define
class Both(Stage):
    def __call__(self, state, signals):
        return np.stack([state.mid - 300.0, state.spread], axis=1)

@attrs.define
class Bad(Stage):
    def __call__(self, state, signals):
        raise RuntimeError("spoilt")

@attrs.define
class Odd(Stage):
    def __call__(self, state, signals):
        return np.zeros(3)
"""


@pytest.fixture
def stages(tmp_path, monkeypatch) -> Path:
    """A file of stages of the user's own, in the current folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "ups.py"
    path.write_text(STAGES)
    return path


def test_words_name_signals():
    """Plain, with options, with a name of their own."""
    found = subjects_of(["imbalance", "q=imbalance.depths=[1]", "trade_flow.scope=all, tau_s=5"])
    assert ("imbalance", "q", "trade_flow-scope-all-tau_s-5") == found.studied
    assert Imbalance(depths=[1]) == found.spec("q").build()
    assert TradeFlow(scope="all", tau_s=5) == found.spec("trade_flow-scope-all-tau_s-5").build()
    assert (frozenset({Feed.TAPE}), None) == (found.feeds, found.base)


def test_files_and_presets_name_all_their_signals(tmp_path):
    """Those of a configuration that runs become the base of a proposal."""
    alone = tmp_path / "some.toml"
    alone.write_text('[[signals]]\nkind = "imbalance"\n[[signals]]\nkind = "ofi"\nper_depth = true\n')
    assert (("imbalance", "ofi"), None) == attrs.astuple(subjects_of([str(alone)]), recurse=False)[1:]
    whole = tmp_path / "whole.toml"
    whole.write_text('extends = "balanced"\nsignals = [{ kind = "ofi" }]\n')
    found = subjects_of([str(whole)])
    assert ("fair", "volatility", "imbalance", "trade_flow", "lean", "ofi") == found.studied
    assert str(whole) == found.base
    assert "touch" == subjects_of(["touch"]).base


def test_classes_and_files_of_ones_own(stages):
    """By name, by file, in another folder, with options."""
    assert 3.0 == subjects_of(["ups:Up.strength=3"]).config.signals[0].build().strength
    assert ("ups:Up", "ups:Both", "ups:Bad", "ups:Odd") == subjects_of(["ups.py"]).studied
    found = subjects_of([f"high={stages}:Up.strength=2"])
    assert ("high", 2.0) == (found.studied[0], found.config.signals[0].build().strength)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ([], "name a signal"),
        (["imbalanc"], "did you mean 'imbalance'?"),
        (["drawdown"], "it is a gate"),
        (["imbalance.dephts=[1]"], "did you mean 'depths'?"),
        (["imbalance.depths=[0]"], "numbers of levels"),
        (["imbalance.depths=[1"], "is not valid TOML"),
        (["imbalance.depths=[1],decay"], "'decay' is not of the form option=value"),
        (["a=imbalance", "a=ofi"], "a signal is called 'a' already"),
        (["ensemble.weights={ofi=1}"], "reads a signal 'ofi' that is not there"),
        (["gone.py"], "there is no file gone.py"),
        (["gone.toml"], "gone.toml: cannot be read"),
        (["empty.toml"], "holds no signal"),
        (["empty.py"], "has no signal"),
        (["broken.py"], "cannot import 'broken'"),
    ],
)
def test_what_names_no_signal_is_told(words, what, stages):
    """In one line, with what comes near."""
    Path("empty.toml").write_text("# nothing\n")
    Path("empty.py").write_text("x = 1\n")
    Path("broken.py").write_text("x = \n")
    with pytest.raises(ConfigError) as raised:
        subjects_of(words)
    assert what in str(raised.value)


def test_the_same_signal_twice_is_one():
    """Words may repeat themselves."""
    assert ("ofi",) == subjects_of(["ofi", "ofi"]).studied


def test_values_are_those_that_an_agent_computes():
    """State by state, prices as distances from the mid, several columns by number."""
    (found,) = recorded(subjects_of(["imbalance", "microprice", "mlofi.levels=2"]), sample_path())
    states = [one.state for one in read_stream(sample_path())]
    last = states[-1]
    expected = Imbalance()(last, Signals(n_books=last.n_books))
    assert np.array_equal(expected, found.signals["imbalance"][-1])
    assert {"imbalance", "microprice", "mlofi-levels-2.0", "mlofi-levels-2.1"} == set(found.signals)
    assert np.abs(found.signals["microprice"]).max() < 0.01
    assert ([s.time_ns for s in states], 1.0) == (found.time_ns.tolist(), found.interval_s)
    assert np.array_equal(np.stack([s.mid for s in states]), found.mid)


def test_each_simulation_of_a_recording_is_a_stretch_of_its_own(tmp_path):
    """Also after its clock was set back; a state that comes late is passed over, one alone is no stretch."""
    states = [one.state for one in read_stream(sample_path())]

    def of(name: str, rows: slice) -> list[MarketState]:
        venue = attrs.evolve(states[0].venue, simulation_id=name)
        return [attrs.evolve(state, venue=venue) for state in states[rows]]

    one, other = of("one", slice(0, 100)), of("other", slice(10, 20))
    mixed = [*one[:15], *other, one[3], *one[15:], *one[:20], *of("third", slice(0, 1))]
    write_stream(tmp_path / "mixed.msgpack.zst", mixed)
    found = recorded(subjects_of(["momentum.horizon_s=2"]), tmp_path / "mixed.msgpack.zst")
    assert [100, 20, 10] == [part.time_ns.size for part in found]
    assert [f"mixed.msgpack.zst, {i}" for i in (1, 2, 3)] == [part.name for part in found]
    values = [part.signals["momentum-horizon_s-2"] for part in found]
    np.testing.assert_array_equal(values[0][:20], values[1])
    assert [2, 2, 2] == [np.isnan(value).all(axis=1).sum() for value in values]


def test_a_signal_is_not_heard_before_it_has_settled():
    """Its own warm-up, and nobody else's."""
    (found,) = recorded(subjects_of(["imbalance", "volatility.warm_s=30"]), sample_path())
    known = {name: np.isfinite(values).all(axis=1) for name, values in found.signals.items()}
    assert known["imbalance"].all()
    assert [30] == np.flatnonzero(known["volatility-warm_s-30"])[:1].tolist()


def test_a_signal_that_fails_is_named(stages):
    """With what it raised, and of a wrong shape with the right one."""
    for word, what in (
        ("ups:Bad", "signal ups:Bad: fails at 600 s: RuntimeError: spoilt"),
        ("ups:Odd", "shape"),
    ):
        with pytest.raises(ConfigError, match=what):
            recorded(subjects_of([word]), sample_path())


def test_the_embedded_market_is_watched_by_nobody_who_trades():
    """Equal seeds give equal values; rivals change them; classes are those of the scenario."""
    pytest.importorskip("numba")
    from obmm.sim import Scenario

    scenario, subjects = Scenario.load("taos-0.6.2"), subjects_of(["imbalance"])
    seen = [
        simulated(subjects, scenario, seed=seed, books=4, hours=60 / 3600, rivals=rivals)
        for seed, rivals in ((1, ()), (1, ()), (2, ()), (1, (resolve("touch"),)))
    ]
    values = [one.signals["imbalance"] for one in seen]
    same = [np.array_equal(values[0], other) for other in values[1:]]
    assert [True, False, False] == same
    assert tuple(scenario.assets[i].name for i in scenario.asset_of_book(4)) == seen[0].classes
    assert 2 == len(set(seen[0].classes))
    assert (60, 4) == seen[0].mid.shape


def test_books_of_one_grid_and_first_price_are_one_class():
    """Where no scenario says more."""
    venue = Venue.of(3)
    assert ("all",) * 3 == classes_of(venue)
    other = attrs.evolve(venue, initial_price=np.array([300.0, 30.0, 300.0]))
    assert ("class 1", "class 2", "class 1") == classes_of(other)


def test_a_run_tells_the_signals_it_recorded(small_run):
    """All of them, or those that are named; prices as distances from the mid."""
    every = of_run(small_run, [])
    assert {"fair", "volatility", "imbalance", "trade_flow", "lean"} == set(every.signals)
    assert np.nanmax(np.abs(every.signals["fair"])) < 0.01
    assert ("main",) * 4 == every.classes
    one = of_run(small_run, ["imbalance"])
    assert {"imbalance"} == set(one.signals)
    assert np.isfinite(studied(Sample((one,)), "imbalance").horizons[1].correlation)
    with pytest.raises(ConfigError, match="does not tell a signal 'ofi'; it has fair"):
        of_run(small_run, ["ofi"])
    with pytest.raises(ConfigError, match="has no account 7; there are 0"):
        of_run(small_run, [], uid=7)


def test_what_an_ensemble_cannot_weigh_is_left_out():
    """Prices, ensembles, and what has one sign."""
    subjects = subjects_of(["imbalance", "microprice", "volatility", "e=ensemble.weights={imbalance=1}"])
    usable, why = combinable(subjects, Sample((*recorded(subjects, sample_path()),)))
    assert ["imbalance"] == usable
    assert {
        "microprice": "is a price",
        "volatility": "never changes its sign",
        "e": "is an ensemble itself",
    } == why


def test_a_proposal_is_a_configuration_that_runs(stages):
    """It weighs what was studied: signals of the base as they are, others under names that are free."""
    words = [
        "imbalance.depths=[1]",
        "imbalance",
        "imbalance.depths=[2],decay=exponential",
        "trade_flow",
        "momentum",
    ]
    words[0] = "imbalance"
    words[1] = "queue=imbalance.depths=[1]"
    subjects = subjects_of(words)
    (stretch,) = recorded(subjects, sample_path())
    found = study([stretch], source="the sample", blend_horizon_s=5.0)
    assert found.blend is not None
    text = proposed(subjects, found.blend, "balanced", Path(), found.source)
    config = resolve(parse_layer(text, "proposal"))
    lean = config.spec("signals.lean").build()
    assert {
        "imbalance",
        "queue",
        "imbalance-depths-2-decay-exponential",
        "trade_flow-studied",
        "momentum",
    } == set(lean.weights)
    base = resolve("balanced")
    assert base.spec("signals.imbalance").build() == config.spec("signals.imbalance").build()
    assert base.spec("signals.trade_flow").build() == config.spec("signals.trade_flow").build()
    assert TradeFlow() == config.spec("signals.trade_flow-studied").build()
    touching = resolve(parse_layer(proposed(subjects, found.blend, "touch", Path(), "x"), "proposal"))
    builder = touching.builder.build()
    assert ("lean", pytest.approx(found.blend.bps_per_unit, rel=0.05)) == (builder.signal, builder.signal_bps)


def test_a_proposal_has_what_its_signals_read(stages):
    """Under the names by which they read it, also where the base has another signal of that name."""
    Path("reads.py").write_text(
        "import attrs\nfrom obmm.market import Stage\n@attrs.define\nclass Reads(Stage):\n"
        "    @property\n    def needs(self):\n        return frozenset({'momentum', 'imbalance'})\n"
        "    def __call__(self, state, signals):\n"
        "        return signals['momentum'] + signals['imbalance']\n"
    )
    subjects = subjects_of(["reads.py", "momentum=momentum.horizon_s=3", "imbalance=imbalance.depths=[2]"])
    (stretch,) = recorded(subjects, sample_path())
    found = study([stretch], source="x", combinable=["reads:Reads"], blend_horizon_s=5.0)
    assert found.blend is not None
    config = resolve(parse_layer(proposed(subjects, found.blend, "balanced", Path(), "x"), "proposal"))
    assert {"reads:Reads"} == set(config.spec("signals.lean").build().weights)
    assert Imbalance(depths=[2]) == config.spec("signals.imbalance").build()
    assert 3.0 == config.spec("signals.momentum").build().horizon_s


def test_a_proposal_lies_beside_what_it_extends(stages):
    """A file in another folder is found from where the proposal will lie."""
    Path("configs").mkdir()
    Path("configs/mine.toml").write_text('extends = "balanced"\nsignals = [{ kind = "momentum" }]\n')
    subjects = subjects_of(["configs/mine.toml"])
    (stretch,) = recorded(subjects, sample_path())
    usable, _ = combinable(subjects, Sample((stretch,)))
    found = study([stretch], source="x", combinable=usable, blend_horizon_s=5.0)
    assert found.blend is not None
    Path("out").mkdir()
    Path("out/lean.toml").write_text(proposed(subjects, found.blend, "balanced", Path("out"), "x"))
    assert {"imbalance", "trade_flow", "momentum"} == set(
        resolve("out/lean.toml").spec("signals.lean").build().weights
    )


MEASURED = {
    "queue": (-0.060, -0.085, -0.074, -0.041, -0.013),
    "five": (-0.041, -0.079, -0.082, -0.061, -0.045),
    "ten": (-0.027, -0.042, -0.049, -0.028, -0.021),
    "momentum": (-0.02, -0.04, -0.03, -0.05, -0.07),
}
CALLED = {"queue": (0.466, 0.446, 0.446, 0.465, 0.477), "five": (0.483, 0.461, 0.460)}


def test_the_recorded_hour_says_what_was_measured_on_it(shared_data):
    """Imbalance is contrarian at every depth, trade flow leads, that of all books together most."""
    words = [
        *(f"{name}=imbalance.depths=[{n}]" for name, n in (("queue", 1), ("five", 5), ("ten", 10))),
        *("momentum", "trade_flow", "together=trade_flow.scope=all", "signed=trade_flow.balance_base=1e9"),
    ]
    capture = shared_data / "captures" / "background-8books-1h.msgpack.zst"
    sample = Sample((*recorded(subjects_of(words), capture),))
    found = {name: studied(sample, name) for name in sample.names}
    for name, expected in MEASURED.items():
        digits = 0.0051 if name == "momentum" else 0.0006
        assert expected == pytest.approx([h.correlation for h in found[name].horizons[:5]], abs=digits)
    for name, shares in CALLED.items():
        assert shares == pytest.approx([h.hit_rate for h in found[name].horizons[: len(shares)]], abs=0.0006)
    flow = [h.correlation for h in found["signed"].horizons[:5]]
    assert (0.03, 0.08, 0.10, 0.10, 0.06) == pytest.approx(flow, abs=0.01)
    ten = found["together"].horizons[2]
    assert 0.19 == pytest.approx(ten.correlation, abs=0.005)
    assert "leads" == ten.reading
    assert [True] * 5 == [h.shown for h in found["together"].horizons[:5]]
