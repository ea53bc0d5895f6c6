"""Where a finding begins, and how far its proposal goes: every number of the diagnosis, with its unit."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Thresholds:
    """Thresholds of findings and steps of proposals.

    Attributes:
        sharpe: Sharpe of a book below which it counts as low, t-statistic of one-second value changes.
        kappa: Kappa of a book below which it counts as low, ratio: below 0 it loses.
        alpha_quote: Alpha of a book below which it counts as low, quote.
        least_fills: Fills that a group must have before its mean says anything, number.
        t_statistic: Means within this many standard errors of 0 say nothing, standard errors.
        book_t_statistic: The same for one book's side, of which there are many, standard errors.
        fill_rate: Share of posted orders that trade below which there are too few fills, fraction.
        fill_rate_wanted: Share that a shortage is measured against, fraction.
        fills_per_hour: Fills below which a book hardly trades, number per hour.
        near_limit: Share of its limit from which a position counts as at the limit, fraction.
        time_at_limit: Share of the time at the limit that is too much, fraction.
        fee_share: Fees above this share of what fills had gained after 60 s, fraction.
        held_share: Losses after a fill's first minute above this share of what had been gained, fraction.
        response_ms: 99 of 100 answers should need less, milliseconds.
        reject_share: Share of orders refused that is too much, fraction.
        quiet_share: Share of the time of all sides that one reason may keep closed, fraction.
        few_books: Up to this share of the books is changed book by book, above it all at once, fraction.
        least_cost: Smaller gains in score are no reason for a change, score.
        inventory_step: The inventory limit is multiplied by this, factor.
        skew_step: The inventory skew is multiplied by this, factor.
        soft_step: The share of the limit at which a side closes is multiplied by this, factor.
        size_step: Sizes grow by this, or shrink by its inverse, factor.
        spread_step: Spreads grow by this, or shrink by its inverse, factor.
        rate_step: The highest maker rate at which to quote grows by this, factor.
        edge_step_bps: The least edge moves by this, basis points.
        touch_step: Quotes at the touch move by this, ticks.
        least_inventory: The inventory limit is not set below this, share of wealth.
        largest_skew: The inventory skew is not set above this, skew at the limit.
        least_spread_bps: Spreads are not set below this, basis points.
        largest_spread_bps: Spreads are not set above this, basis points.
        largest_edge_bps: The least edge is not set above this, basis points.
    """

    sharpe: float = 0.5
    kappa: float = 0.0
    alpha_quote: float = 0.0
    least_fills: int = 30
    t_statistic: float = 2.0
    book_t_statistic: float = 3.0
    fill_rate: float = 0.20
    fill_rate_wanted: float = 0.30
    fills_per_hour: float = 4.0
    near_limit: float = 0.8
    time_at_limit: float = 0.05
    fee_share: float = 0.1
    held_share: float = 0.1
    response_ms: float = 100.0
    reject_share: float = 0.01
    quiet_share: float = 0.1
    few_books: float = 0.25
    least_cost: float = 1e-5

    inventory_step: float = 0.5
    skew_step: float = 1.5
    soft_step: float = 0.75
    size_step: float = 1.25
    spread_step: float = 1.25
    rate_step: float = 1.5
    edge_step_bps: float = 1.0
    touch_step: float = 2.0
    least_inventory: float = 0.02
    largest_skew: float = 4.0
    least_spread_bps: float = 1.0
    largest_spread_bps: float = 200.0
    largest_edge_bps: float = 50.0
