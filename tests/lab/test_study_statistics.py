"""Statistics of a study: against naive ones, against theory, and under chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obmm.lab.study.blend import DEVIATION, blended
from obmm.lab.study.isotonic import pool_adjacent
from obmm.lab.study.measure import HORIZONS_S, between, studied
from obmm.lab.study.moments import correlation_of, moments, summed
from obmm.lab.study.resample import Blocks, critical_value, interval
from obmm.lab.study.sample import Stretch
from obmm.lab.study.stretches import Sample
from obmm.market import FloatArray


def stretch(mid: FloatArray, classes: tuple[str, ...] = (), **signals: FloatArray) -> Stretch:
    """Signals on books with a state each second."""
    time_ns = (600 + np.arange(len(mid))) * 10**9
    return Stretch("made", time_ns, mid, signals, classes or ("all",) * mid.shape[1])


def walk(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Mids that move by a basis point a second."""
    return 300.0 * np.exp(np.cumsum(1e-4 * rng.normal(size=shape), axis=0))


def decaying(rng: np.random.Generator, shape: tuple[int, int], keeps: float) -> FloatArray:
    """Autoregressive noise of unit variance."""
    noise = rng.normal(size=shape)
    out = np.empty(shape)
    out[0] = noise[0]
    for t in range(1, shape[0]):
        out[t] = keeps * out[t - 1] + np.sqrt(1.0 - keeps**2) * noise[t]
    return out


def test_critical_values_are_those_of_the_table():
    """Kiefer and Vogelsang 2005, Bartlett kernel, 97.5 %: the fitted cubic."""
    assert [1.96, 2.2604, 3.4816] == pytest.approx([critical_value(b) for b in (0.0, 0.1, 0.5)], abs=0.003)


def test_blocks_are_longer_than_what_depends():
    """Three spans where there is room, one at least, and never shorter than a minute."""
    assert [60, 90, 180, 300] == [Blocks.fitting(h, 1.0, 3600.0).rows for h in (1, 30, 60, 100)]
    assert 1.0 / np.sqrt(1.0 - 1.0 / 9.0) == Blocks(30, 10).widening
    assert [20, 100] == [Blocks.fitting(h, step, 120.0).rows for h, step in ((1, 1.0), (100, 1.0))]
    assert 12 == Blocks.fitting(1.0, 5.0, 3600.0).rows


@pytest.mark.parametrize(
    ("keeps", "horizon_s", "together"), [(0.0, 1, False), (0.95, 10, True), (0.9, 60, False)]
)
def test_intervals_hold_zero_as_often_as_they_say(keeps, horizon_s, together):
    """A signal that remembers itself and overlapping returns that it knows nothing of: 95 in 100."""
    rng, held, trials = np.random.default_rng(5), 0, 150
    for _ in range(trials):
        shape = (1800, 3)
        signal, moves = decaying(rng, shape, keeps), rng.normal(size=shape)
        if together:
            signal, moves = signal + signal[:, :1], moves + rng.normal(size=(1800, 1))
        path = np.cumsum(moves, axis=0)
        ahead = np.full(shape, np.nan)
        ahead[:-horizon_s] = path[horizon_s:] - path[:-horizon_s]
        rows = moments([signal], [ahead])
        low, high = interval(rows, Blocks.fitting(horizon_s, 1.0, 1800.0), correlation_of, replicates=300)
        held += bool(low <= 0.0 <= high)
    assert 0.90 <= held / trials <= 0.99


def test_an_interval_is_as_wide_as_theory_says():
    """Independent pairs: 1.96 times 2 over the root of their number."""
    rng = np.random.default_rng(1)
    rows = moments([rng.normal(size=(20_000, 1))], [rng.normal(size=(20_000, 1))])
    low, high = interval(rows, Blocks(60, 1), correlation_of)
    assert 2 * 1.96 / np.sqrt(20_000) == pytest.approx(high - low, rel=0.1)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), books=st.integers(1, 4), missing=st.floats(0.0, 0.6))
def test_a_correlation_is_the_mean_of_the_books(seed, books, missing):
    """However many pairs each of them has."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, 60, books))
    x[rng.random(x.shape) < missing] = np.nan
    each = []
    for book in range(books):
        both = np.isfinite(x[:, book])
        each.append(np.corrcoef(x[both, book], y[both, book])[0, 1])
    assert np.mean(each) == pytest.approx(correlation_of(summed(moments([x], [y])))[0])


def test_a_book_on_which_nothing_varies_tells_nothing():
    """It takes no part in the mean."""
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 500, 1))
    alone = correlation_of(summed(moments([x], [y])))
    flat = np.hstack([x, np.full_like(x, 0.3)]), np.hstack([y, y])
    assert alone == pytest.approx(correlation_of(summed(moments([flat[0]], [flat[1]]))))
    assert np.isnan(correlation_of(summed(moments([flat[0][:, 1:]], [y])))[0])


def test_every_figure_of_a_horizon_is_the_naive_one():
    """Correlation, hits, contemporaneous, marginal, halves, basis points per deviation."""
    rng = np.random.default_rng(3)
    mid, signal = walk(rng, (2000, 2)), rng.normal(size=(2000, 2))
    found = {h.horizon_s: h for h in studied(Sample((stretch(mid, a=signal),)), "a").horizons}
    log_mid = np.log(mid)

    def mean_of(x: FloatArray, y: FloatArray) -> float:
        return float(np.mean([np.corrcoef(x[:, b], y[:, b])[0, 1] for b in (0, 1)]))

    ahead = log_mid[10:] - log_mid[:-10]
    now = signal[:-10]
    ten = found[10.0]
    hits = ((now > 0) == (ahead > 0)).mean()
    assert (mean_of(now, ahead), hits) == pytest.approx((ten.correlation, ten.hit_rate))
    assert mean_of(signal[10:], ahead) == pytest.approx(ten.contemporaneous)
    assert mean_of(now, log_mid[10:] - log_mid[5:-5]) == pytest.approx(ten.marginal)
    assert mean_of(now[:1000], ahead[:1000]) == pytest.approx(ten.first_half)
    assert mean_of(now[1000:], ahead[1000:]) == pytest.approx(ten.second_half)
    assert 1e4 * ten.correlation * ahead.std(axis=0).mean() == pytest.approx(ten.bps_per_deviation)
    assert 2 * 1990 == ten.pairs


def test_a_return_that_ends_in_a_gap_is_not_known():
    """States that are missing are not made up from those beside them."""
    mid, signal = walk(np.random.default_rng(4), (100, 1)), np.ones((100, 1))
    kept = np.r_[0:50, 60:100]
    gap = Stretch("gap", np.arange(100)[kept] * 10**9, mid[kept], {"a": signal[kept]}, ("all",))
    (five,) = Sample((gap,)).returns(5.0)
    assert [*range(45, 50), *range(85, 90)] == np.flatnonzero(np.isnan(five[:, 0])).tolist()
    assert np.log(mid[65, 0] / mid[60, 0]) == pytest.approx(five[50, 0])


def test_the_past_and_the_future_are_told_apart():
    """The last ten seconds' return correlates wholly with the past; the next ten's with the future."""
    mid = walk(np.random.default_rng(6), (3000, 2))
    log_mid = np.log(mid)
    past, future = np.full_like(mid, np.nan), np.full_like(mid, np.nan)
    past[10:] = future[:-10] = log_mid[10:] - log_mid[:-10]
    sample = Sample((stretch(mid, past=past, future=future),))
    told = {name: studied(sample, name).horizons[HORIZONS_S.index(10)] for name in sample.names}
    assert 1.0 == pytest.approx(told["past"].contemporaneous) == pytest.approx(told["future"].correlation)
    assert "nothing shown" == told["past"].reading
    assert "leads" == told["future"].reading


def test_a_signal_turned_around_is_its_mirror_image():
    """And its unit does not matter."""
    rng = np.random.default_rng(7)
    mid, signal = walk(rng, (1500, 2)), decaying(rng, (1500, 2), 0.8)
    sample = Sample((stretch(mid, one=signal, other=-1000.0 * signal),))
    one, other = (studied(sample, name, (5,)) for name in sample.names)
    (a,), (b,) = one.horizons, other.horizons
    assert (a.correlation, a.low, a.high) == pytest.approx((-b.correlation, -b.high, -b.low))
    assert 1.0 - a.hit_rate == pytest.approx(b.hit_rate)
    assert (one.turnover, *one.autocorrelation.values()) == pytest.approx(
        (other.turnover, *other.autocorrelation.values())
    )


def test_memory_and_turnover_are_those_of_the_process():
    """An autoregression forgets geometrically, and moves by √(2 - 2φ) · √(2/π) deviations a step."""
    signal = decaying(np.random.default_rng(8), (20_000, 2), 0.9)
    found = studied(Sample((stretch(np.full_like(signal, 300.0), a=signal),)), "a", (1,))
    assert [0.9, 0.9**5, 0.9**10] == pytest.approx(list(found.autocorrelation.values())[:3], abs=0.03)
    assert np.sqrt(0.2 * 2.0 / np.pi) == pytest.approx(found.turnover, rel=0.02)
    assert "does not vary" == found.horizons[0].reading


def test_deciles_are_those_of_the_values():
    """Each with the mean of what followed it."""
    rng = np.random.default_rng(9)
    mid, signal = walk(rng, (4000, 1)), rng.normal(size=(4000, 1))
    found = studied(Sample((stretch(mid, a=signal),)), "a", (1,)).quantiles
    ahead = 1e4 * np.diff(np.log(mid[:, 0]))
    order = np.argsort(signal[:, 0])
    lowest = order[:400]
    assert ([400] * 10, 10) == ([q.pairs for q in found], len(found))
    assert signal[lowest, 0].mean() == pytest.approx(found[0].signal)
    assert ahead[lowest[lowest < 3999]].mean() == pytest.approx(found[0].return_bps[0])
    assert all(q.low_bps[0] < q.return_bps[0] < q.high_bps[0] for q in found)


def test_a_signal_with_two_values_has_few_bins():
    """As many as it can tell apart."""
    mid = walk(np.random.default_rng(10), (1000, 1))
    signal = np.where(np.arange(1000)[:, None] % 2, 1.0, -1.0)
    assert 1 <= len(studied(Sample((stretch(mid, a=signal),)), "a", (1,)).quantiles) <= 2


def test_classes_of_books_are_told_apart():
    """A signal that knows the one and not the other."""
    rng = np.random.default_rng(11)
    mid = walk(rng, (3000, 2))
    signal = rng.normal(size=mid.shape)
    signal[:-1, 0] = np.diff(np.log(mid[:, 0]))
    found = studied(Sample((stretch(mid, ("near", "far"), a=signal),)), "a", (1,))
    assert 1.0 == pytest.approx(found.classes["near"][0].correlation)
    assert "nothing shown" == found.classes["far"][0].reading
    both = [found.classes[name][0].correlation for name in ("near", "far")]
    assert np.mean(both) == pytest.approx(found.horizons[0].correlation)


def test_seeds_count_together():
    """Two stretches of one market are worth the mean of each."""
    rng = np.random.default_rng(12)
    parts = [stretch(walk(rng, (800, 2)), a=rng.normal(size=(800, 2))) for _ in range(2)]
    each = [studied(Sample((part,)), "a", (5,)).horizons[0] for part in parts]
    both = studied(Sample(tuple(parts)), "a", (5,)).horizons[0]
    assert np.mean([h.correlation for h in each]) == pytest.approx(both.correlation)
    assert both.high - both.low < min(h.high - h.low for h in each)


def test_too_little_time_says_so():
    """Fewer than five blocks tell nothing of chance."""
    rng = np.random.default_rng(13)
    sample = Sample((stretch(walk(rng, (90, 1)), a=rng.normal(size=(90, 1))),))
    ten, long = studied(sample, "a", (10, 60)).horizons
    assert np.isfinite(ten.low)
    assert (True, "too short to tell") == (bool(np.isnan(long.low)), long.reading)


def test_signals_with_each_other():
    """One on the diagonal, symmetric, the naive figure beside it."""
    rng = np.random.default_rng(14)
    a, b = rng.normal(size=(2, 500, 1))
    found = between(Sample((stretch(walk(rng, (500, 1)), a=a, b=a + b),)), ["a", "b"])
    naive = np.corrcoef(a[:, 0], (a + b)[:, 0])[0, 1]
    assert pytest.approx(np.array([[1.0, naive], [naive, 1.0]])) == found


def knowing(
    rng: np.random.Generator, n: int = 6000, books: int = 2
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mids, and two signals of which the next second is 0.2 of the one less 0.1 of the other."""
    a, b = rng.normal(size=(2, n, books))
    moves = np.zeros((n, books))
    moves[1:] = 1e-4 * (0.2 * a - 0.1 * b + rng.normal(size=(n, books)))[:-1]
    return 300.0 * np.exp(np.cumsum(moves, axis=0)), a, b


def test_a_combination_finds_the_weights():
    """Their ratio, their worth out of sample, and that it beats the better one alone."""
    mid, a, b = knowing(np.random.default_rng(15))
    # Different units: the weights make up for them.
    found = blended(Sample((stretch(mid, a=a, b=10.0 * b),)), ["a", "b"], 1.0)
    assert found is not None
    assert -0.5 == pytest.approx(10.0 * found.weights["b"] / found.weights["a"], abs=0.1)
    assert np.sqrt(0.05 / 1.05) == pytest.approx(found.correlation, abs=0.03)
    assert found.single_correlation < found.correlation < found.in_sample + 0.005
    assert ("a", True) == (found.single, found.shown)
    total = found.weights["a"] * a + 10.0 * found.weights["b"] * b
    assert DEVIATION == pytest.approx(total.std(), rel=0.01)
    ahead = 1e4 * np.diff(np.log(mid), axis=0)
    slope = np.polyfit(total[:-1].ravel(), ahead.ravel(), 1)[0]
    assert slope == pytest.approx(found.bps_per_unit, rel=0.05)


def test_a_combination_of_noise_shows_nothing():
    """Twelve signals that know nothing: fitted they seem to, out of sample they do not."""
    shown, seeming = 0, []
    for seed in range(20):
        rng = np.random.default_rng(100 + seed)
        signals = {f"s{i}": rng.normal(size=(1200, 1)) for i in range(12)}
        found = blended(Sample((stretch(walk(rng, (1200, 1)), **signals),)), list(signals), 1.0)
        assert found is not None
        shown += found.shown
        seeming.append(found.in_sample - found.correlation)
    assert shown <= 2
    assert 0.08 < np.mean(seeming)


def test_two_signals_that_say_the_same_share_the_weight():
    """Neither takes it all."""
    mid, a, b = knowing(np.random.default_rng(16))
    found = blended(Sample((stretch(mid, a=a, again=a.copy(), b=b),)), ["a", "again", "b"], 1.0)
    assert found is not None
    assert found.weights["a"] == pytest.approx(found.weights["again"])


def test_a_signal_that_is_the_sum_of_others_does_no_harm():
    """Nor where it is so but for a few states at the start, when it is not known yet."""
    mid, a, b = knowing(np.random.default_rng(18))
    c = a + b
    c[:10] = np.nan
    found = [blended(Sample((stretch(mid, a=a, b=b, c=c),)), list(names), 1.0) for names in ("ab", "abc")]
    plain, more = (blend for blend in found if blend is not None)
    assert plain.correlation == pytest.approx(more.correlation, abs=0.005)
    assert max(map(abs, more.weights.values())) < 1.0


def test_a_combination_needs_time_and_signals_that_vary():
    """None otherwise."""
    mid, a, _ = knowing(np.random.default_rng(17), n=100)
    sample = Sample((stretch(mid, a=a, flat=np.ones_like(a)),))
    assert blended(sample, ["a"], 10.0) is None
    assert blended(sample, ["flat"], 1.0) is None
    missing = Sample((stretch(mid, a=np.full_like(a, np.nan)),))
    assert blended(missing, ["a"], 1.0) is None


@given(
    st.lists(st.tuples(st.floats(-5.0, 5.0), st.floats(0.1, 3.0)), min_size=1, max_size=30),
    st.lists(st.floats(0.0, 2.0), min_size=30, max_size=30),
)
def test_pooling_finds_the_nearest_rising_sequence(pairs, steps):
    """It rises, keeps the weighted mean, and no other rising sequence is nearer: the angle there is blunt."""
    values, weights = (np.array(column) for column in zip(*pairs, strict=True))
    found = pool_adjacent(values, weights)
    assert np.all(np.diff(found) >= -1e-12)
    assert pytest.approx(float(values @ weights)) == float(found @ weights)
    other = np.cumsum(steps[: values.size]) - 3.0
    assert float(weights @ ((values - found) * (other - found))) <= 1e-9 * (1.0 + np.abs(values).max() ** 2)


@pytest.mark.parametrize("bends", [True, False])
def test_monotone_steps_say_more_only_where_what_is_known_bends(bends):
    """A signal of which only the largest tenth tells something, and one that is worth what it is."""
    rng = np.random.default_rng(21)
    a, noise = rng.normal(size=(2, 8000, 2))
    told = np.where(a > 1.28, 1.0, 0.0) if bends else 0.3 * a
    moves = np.zeros(a.shape)
    moves[1:] = 1e-4 * (told + noise)[:-1]
    found = blended(Sample((stretch(300.0 * np.exp(np.cumsum(moves, axis=0)), a=a),)), ["a"], 1.0)
    assert found is not None
    assert bends is found.bends
    assert found.steps_low < found.steps_correlation < found.steps_high
    assert found.steps_correlation - found.correlation == pytest.approx(found.steps_more)
