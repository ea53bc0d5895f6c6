"""Stylised facts: what a stretch of market looks like in numbers.

Every statistic is taken book by book and then averaged over the books ("pooled"); correlations between
books stand apart. The definitions, with t an update, h a horizon in seconds and x the natural logarithm of
the mid price:

=================================== ====================================================================
vol.<h>.sd_bps, sd_ticks            population deviation of x(t+h) - x(t) at every t, in basis points; of
                                    the mid's change in ticks
vol.<h>.mean_abs_bps                mean of the absolute change; sd_bps_per_sqrt_s divides by the root of h
spread_ticks, spread_bps            best ask less best bid at each update; in bps of the mid
depth.top<n>.<side>                 base standing at the best n levels
depth_profile.<level>.<side>        mean base at one level
levels.<side>                       levels published
level_gap_ticks.<i>-<j>.<side>      distance of neighbouring levels; "all": every gap of both sides
span21_ticks.<side>                 distance from the first level to the 21st
ret1_acf, absret1_acf               autocorrelation of one-update log returns and of their absolute values
excess_kurtosis.<h>                 of the same returns as vol
zero_ret1_frac                      share of updates that leave the mid as it was
variance_ratio.<k>                  variance of k-update returns over k times that of one update
rates_per_s                         events per simulated second; limit and market orders apart
trade.size, order_size, cancel_size base; the size of an order is what was left to rest
trade.aggressing_orders_per_s       distinct taker orders that traded
trade.sign_acf.<k>                  autocorrelation of the aggressor's sign from trade to trade
placement_distance_ticks            behind the own side's touch one update earlier; negative: inside
lifetime_cancelled_s                from an order's event to its cancel, of orders seen to come
lifetime_to_maker_fill_s            from an order's event to each of its fills as maker
limit_orders_that_get_maker_fill…   share of orders seen to come that are filled at least once
imbalance.L<n>.<h>                  (bid - ask)/(bid + ask) base of n levels against the next h: Pearson
                                    correlation and share of equal signs, zeros left out
momentum_pearson.past<g>_next<h>    correlation of the last g seconds' return with the next h
flow_pearson.past<g>.next<h>        correlation of the last g seconds' signed traded base with the next h
maker_markout.<h>                   what a maker's fill is worth at the mid h after the update that shows
                                    it, in bps of its price; vwmean weighs by size
flow.<taker>.<maker>                base per minute that one class of agents takes from another; told if the
                                    ids of the classes are known
mtr                                 maker share of the miners' volume
local_…_fee_bps, remote_trades      fees in bps of notional of background agents and of miners
cross_book_corr.<h>                 correlation of the h-second returns of two books, over all pairs
=================================== ====================================================================

What needs the single orders of a level (how many stand at the touch) is not among them: a state publishes
sizes per level only.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np

from obmm.lab._statistics import (
    autocorrelation,
    correlation,
    excess_kurtosis,
    hit_rate,
    summary,
    trailing_sum,
    variance_ratio,
)
from obmm.lab.history import BookHistory, Events, histories
from obmm.market.arrays import BUY, BoolArray, FloatArray, IntArray
from obmm.market.state import MarketState

Facts: TypeAlias = dict[str, Any]
"""Nested dictionaries of numbers with text keys, as a JSON file holds them."""

Classes: TypeAlias = Mapping[str, tuple[int, int]]
"""First and last published id of each class of agents, as `obmm.sim.class_ids` tells them."""

HORIZONS_S = (1, 5, 10, 30, 60)


def measure(states: Iterable[MarketState], classes: Classes | None = None) -> Facts:
    """The stylised facts of a stream of states with tapes, all of one simulation.

    Args:
        states: Equally spaced updates.
        classes: Whose ids are whose, for the flows between classes.

    Returns:
        "updates", "pooled" and "cross_book_corr"; a statistic that no book could give is None.

    Raises:
        ValueError: There are fewer than two states or they are not equally spaced.
    """
    return facts_of(histories(states), classes)


def facts_of(books: list[BookHistory], classes: Classes | None = None) -> Facts:
    """The stylised facts of books observed over the same time.

    Raises:
        ValueError: Updates are more than a second apart.
    """
    if books[0].interval_s > 1.0:
        raise ValueError(f"facts need an update each second, got one in {books[0].interval_s} s")
    return {
        "updates": books[0].n_updates,
        "pooled": _pooled([_book_facts(book) | _flows(book, classes or {}) for book in books]),
        "cross_book_corr": _cross_book(books),
    }


def flat(facts: Facts, prefix: str = "") -> dict[str, float]:
    """Facts as one dictionary with dotted names, without those that are None.

    >>> flat({"vol": {"1s": {"sd_bps": 1.0}}, "mtr": None})
    {'vol.1s.sd_bps': 1.0}
    """
    rows: dict[str, float] = {}
    for name, value in facts.items():
        if isinstance(value, dict):
            rows |= flat(value, f"{prefix}{name}.")
        elif value is not None:
            rows[prefix + name] = float(value)
    return rows


def forward_return(book: BookHistory, seconds: float) -> FloatArray:
    """(T - h,) log return of the mid over the `seconds` after each update."""
    step = _steps(book, seconds)
    return np.asarray(book.log_mid[step:] - book.log_mid[:-step])


def imbalance(book: BookHistory, levels: int) -> FloatArray:
    """(T,) bid less ask base of the best levels over their sum, in -1…1."""
    bid, ask = book.bid_size[:, :levels].sum(axis=1), book.ask_size[:, :levels].sum(axis=1)
    both = bid + ask
    return np.asarray(np.divide(bid - ask, both, out=np.zeros_like(both), where=both > 0.0))


def maker_markout_bps(book: BookHistory, seconds: float) -> tuple[FloatArray, FloatArray]:
    """What each fill was worth to its maker `seconds` later in bps of its price, and its size in base."""
    trades = book.trades
    at = trades.update + _steps(book, seconds)
    seen = at < book.n_updates
    gain = np.where(trades.side == BUY, -1.0, 1.0)[seen] * (book.mid[at[seen]] - trades.price[seen])
    return 1e4 * gain / trades.price[seen], trades.size[seen]


def _book_facts(book: BookHistory) -> Facts:
    return {
        "seconds": book.seconds,
        "one_sided_or_empty_updates": float(np.isnan(book.touch_mid).mean()),
        **_returns(book),
        **_shape(book),
        **_activity(book),
        **_orders(book),
        **_prediction(book),
        "maker_markout": {f"{h}s": _markout(book, h) for h in (0, *HORIZONS_S)},
        **_fees(book),
    }


def _returns(book: BookHistory) -> Facts:
    one = forward_return(book, book.interval_s)
    return {
        "vol": {f"{h}s": _volatility(book, h) for h in (1, 10, 60, 300)},
        "ret1_acf": {str(k): autocorrelation(one, k) for k in range(1, 11)},
        "absret1_acf": {str(k): autocorrelation(np.abs(one), k) for k in (1, 5, 10, 30, 60)},
        "excess_kurtosis": {f"{h}s": excess_kurtosis(forward_return(book, h)) for h in (1, 10, 60)},
        "zero_ret1_frac": float((one == 0.0).mean()),
        "variance_ratio": {str(k): variance_ratio(book.log_mid, k) for k in (2, 5, 10, 30, 60, 300)},
    }


def _volatility(book: BookHistory, seconds: int) -> Facts:
    step = _steps(book, seconds)
    returns, change = forward_return(book, seconds), (book.mid[step:] - book.mid[:-step]) / book.tick
    if not returns.size:
        return dict.fromkeys(("sd_bps", "sd_ticks", "mean_abs_bps", "sd_bps_per_sqrt_s"), float("nan"))
    deviation = 1e4 * float(returns.std())
    return {
        "sd_bps": deviation,
        "sd_ticks": float(change.std()),
        "mean_abs_bps": 1e4 * float(np.abs(returns).mean()),
        "sd_bps_per_sqrt_s": deviation / math.sqrt(seconds),
    }


def _shape(book: BookHistory) -> Facts:
    spread = book.ask_price[:, 0] - book.bid_price[:, 0]
    sides = {"bid": (book.bid_price, book.bid_size), "ask": (book.ask_price, book.ask_size)}
    gaps = {name: np.rint(np.abs(np.diff(price, axis=1)) / book.tick) for name, (price, _) in sides.items()}
    n_gaps = gaps["bid"].shape[1]
    named = {
        f"{i}-{i + 1}": {name: _observed(gap[:, i - 1]) for name, gap in gaps.items()}
        for i in (1, 2, 3, 5, 10, 20)
        if i <= n_gaps
    }
    return {
        "spread_ticks": _observed(np.rint(spread / book.tick)),
        "spread_bps": _observed(1e4 * spread / book.touch_mid),
        "depth": {
            f"top{n}": {name: summary(size[:, :n].sum(axis=1)) for name, (_, size) in sides.items()}
            for n in (1, 5, 21)
        },
        "depth_profile": {
            str(i + 1): {name: float(size[:, i].mean()) for name, (_, size) in sides.items()}
            for i in range(n_gaps + 1)
        },
        "levels": {
            name: summary(np.isfinite(price).sum(axis=1).astype(float)) for name, (price, _) in sides.items()
        },
        "level_gap_ticks": {**named, "all": _observed(np.concatenate(list(gaps.values()), axis=1).ravel())},
        "span21_ticks": {name: _observed(gap[:, :20].sum(axis=1)) for name, gap in gaps.items()},
    }


def _activity(book: BookHistory) -> Facts:
    trades, seconds = book.trades, book.seconds
    sign = np.where(trades.side == BUY, 1.0, -1.0)
    market = int(np.isnan(book.orders.price).sum())
    return {
        "rates_per_s": {
            "trade": len(trades) / seconds,
            "order": len(book.orders) / seconds,
            "cancel": len(book.cancels) / seconds,
            "limit_order_events": (len(book.orders) - market) / seconds,
            "market_order_events": market / seconds,
        },
        "trade": {
            "size": summary(trades.size),
            "volume_per_s": float(trades.size.sum()) / seconds,
            "notional_per_s": float((trades.size * trades.price).sum()) / seconds,
            "buy_frac": float((trades.side == BUY).mean()) if len(trades) else float("nan"),
            "aggressing_orders_per_s": np.unique(trades.taker_order_id).size / seconds,
            "sign_acf": {str(k): autocorrelation(sign, k) for k in (1, 2, 5, 10)},
        },
        "order_size": summary(book.orders.size),
        "cancel_size": summary(book.cancels.size),
    }


def _orders(book: BookHistory) -> Facts:
    orders = book.orders
    before = np.maximum(orders.update - 1, 0)
    distance = np.where(
        orders.side == BUY,
        book.bid_price[before, 0] - orders.price,
        orders.price - book.ask_price[before, 0],
    )
    to_fill = _lifetimes_s(orders, book.trades)
    filled = np.isin(orders.order_id, book.trades.order_id)
    return {
        "placement_distance_ticks": _observed(np.rint(distance / book.tick)),
        "lifetime_cancelled_s": summary(_lifetimes_s(orders, book.cancels)),
        "limit_orders_that_get_maker_fill_frac": float(filled.mean()) if len(orders) else float("nan"),
        "lifetime_to_maker_fill_s": summary(to_fill),
    }


def _lifetimes_s(orders: Events, ends: Events) -> FloatArray:
    """Seconds from the coming of an order to each event of `ends` that names it."""
    if not len(orders):
        return np.zeros(0)
    by_id = np.argsort(orders.order_id)
    ids = orders.order_id[by_id]
    at = np.minimum(np.searchsorted(ids, ends.order_id), ids.size - 1)
    known = ids[at] == ends.order_id
    born = orders.time_ns[by_id[at[known]]]
    return np.asarray((ends.time_ns[known] - born) / 1e9)


def _prediction(book: BookHistory) -> Facts:
    trades = book.trades
    signed = np.where(trades.side == BUY, trades.size, -trades.size)
    flow = np.bincount(trades.update, weights=signed, minlength=book.n_updates).astype(np.float64)
    following = {h: forward_return(book, h) for h in HORIZONS_S}
    imbalances: Facts = {}
    for levels in (1, 3, 5, 10):
        signal = imbalance(book, levels)
        imbalances[f"L{levels}"] = {
            f"{h}s": {
                "pearson": correlation(signal[: after.size], after),
                "hit": hit_rate(signal[: after.size], after),
            }
            for h, after in following.items()
        }
    momentum = {}
    for past in HORIZONS_S:
        step, before = _steps(book, past), following[past]
        for h, after in following.items():
            pairs = max(after.size - step, 0)
            momentum[f"past{past}_next{h}"] = correlation(before[:pairs], after[step:])
    flows: Facts = {}
    for past in (1, 10):
        signal = trailing_sum(flow, _steps(book, past))
        flows[f"past{past}s"] = {
            f"next{h}s": correlation(signal[: after.size], after) for h, after in following.items()
        }
    return {"imbalance": imbalances, "momentum_pearson": momentum, "flow_pearson": flows}


def _markout(book: BookHistory, seconds: int) -> Facts:
    gain, size = maker_markout_bps(book, seconds)
    if not gain.size:
        return dict.fromkeys(("mean_bps", "vwmean_bps", "sd_bps", "frac_pos"), float("nan"))
    return {
        "mean_bps": float(gain.mean()),
        "vwmean_bps": float(np.average(gain, weights=size)),
        "sd_bps": float(gain.std()),
        "frac_pos": float((gain > 0.0).mean()),
    }


def _flows(book: BookHistory, classes: Classes) -> Facts:
    trades, minutes = book.trades, book.seconds / 60.0
    if not classes:
        return {}

    def of(ids: IntArray, name: str) -> BoolArray:
        first, last = classes[name]
        return np.asarray((ids <= first) & (ids >= last))

    makers = {name: of(trades.maker_id, name) for name in classes}
    return {
        "flow": {
            taker: {
                maker: float(trades.size[of(trades.taker_id, taker) & resting].sum()) / minutes
                for maker, resting in makers.items()
            }
            for taker in classes
        }
    }


def _fees(book: BookHistory) -> Facts:
    trades = book.trades
    notional = trades.price * trades.size
    maker, taker = 1e4 * trades.maker_fee / notional, 1e4 * trades.taker_fee / notional
    of_miners = (trades.maker_id >= 0) | (trades.taker_id >= 0)
    return {
        "mtr": _observed(book.maker_ratio),
        "remote_trades": {
            "n": float(of_miners.sum()),
            "taker_fee_bps": summary(taker[trades.taker_id >= 0]),
            "maker_fee_bps": summary(maker[trades.maker_id >= 0]),
        },
        "local_taker_fee_bps": summary(taker[trades.taker_id < 0]),
        "local_maker_fee_bps": summary(maker[trades.maker_id < 0]),
    }


def _cross_book(books: list[BookHistory]) -> Facts:
    rows: Facts = {}
    for h in (1, 10, 60, 300):
        returns = [forward_return(book, h) for book in books]
        pairs = np.array([correlation(a, b) for a, b in combinations(returns, 2)])
        known = pairs[np.isfinite(pairs)]
        ends = (known.mean(), known.min(), known.max()) if known.size else (None, None, None)
        rows[f"{h}s"] = {
            name: None if value is None else float(value)
            for name, value in zip(("mean", "min", "max"), ends, strict=True)
        }
    return rows


def _pooled(books: list[Facts]) -> Facts:
    """The mean over books of every number, over those where it is finite."""
    pooled: Facts = {}
    for name, value in books[0].items():
        parts = [book[name] for book in books]
        if isinstance(value, dict):
            pooled[name] = _pooled(parts)
        else:
            known = [part for part in parts if math.isfinite(part)]
            pooled[name] = sum(known) / len(known) if known else None
    return pooled


def _observed(values: FloatArray) -> dict[str, float]:
    return summary(values[np.isfinite(values)])


def _steps(book: BookHistory, seconds: float) -> int:
    return round(seconds / book.interval_s)
