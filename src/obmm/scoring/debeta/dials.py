"""Every dial of the 0.6 rules, with the value each release shipped."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from attrs.validators import ge, in_

from obmm.scoring.debeta.classes import parse_class_weights
from obmm.scoring.eras import ERAS, SECOND_NS, EraConstants


@attrs.frozen(kw_only=True)
class Dials:
    """Settings of making and skill; the defaults are those of 0.6.3.

    The names are those of the validator's own options (`--scoring.debeta.<name>`), except for the last two
    groups, which the validator keeps elsewhere.

    Attributes:
        weight: Share of making and skill in the trading score; the rest is Kappa and P&L.
        w_make: Share of the making half, the rest is skill.
        min_books: Positive scores needed in the field before the round counts.
        making_basis: "realized" scales captured spread by how much of it survived, "captured" does not.
        making_horizon_s: Seconds of simulated time after a fill at which what it earned is measured.
        making_floor_scale: Making below this multiple of the median positive making ranks as 0.
        making_rank_scope: "positives" ranks positive values among themselves, "whole" the whole field.
        making_pool: How making is paid: "rank", "proportional", "proportional_blended" or
            "proportional_both" (the skill half in proportion as well).
        p11_strength: How hard concentration on a few miner counterparties cuts making, 0 to 1.
        p11_topk: Counterparties that count as a few.
        s3_k: Flow from miners that counts, as a multiple of flow from the background; 0 for no limit.
        skill_variant: "drift" strips the mean inventory times the book's drift, "held" only what was held.
        skill_hurdle_bps: Alpha per filled notional that a book must reach to count, basis points; 0 is off.
        skill_hurdle_books: Books that must pass the hurdle for a uid to count in `skill_pool_scaling`.
        skill_min_books: Books needed for any skill; 0 takes `skill_min_books_share` of the books.
        skill_min_books_share: Share of the books needed for any skill.
        skill_max_inactive_books: Share of the widest coverage that may stay untraded at no cost.
        skill_p11_strength: As `p11_strength`, for skill.
        skill_rank_scope: As `making_rank_scope`, for skill.
        skill_pool_scaling: Scale skill ranks by the share of uids that pass the hurdle on enough books.
        skill_subwindows: Parts into which the window is cut to test consistency; 1 is off.
        skill_subwindow_form: "sign_gated" drops books whose parts disagree, "weakest" takes the worst part.
        skill_subwindow_min_agree: Parts that must agree in sign with the whole.
        floor_scale: Alpha below this multiple of the field's median |alpha| does not count.
        mark_mode: Mark inventory at the "last" print, or at the "vwap" or "median" of recent ones.
        mark_window: Prints in the vwap or median mark; 0 for all of them.
        presence_gate: Leave out uids that stopped answering.
        presence_window: Last queries that must all have failed.
        presence_share_weighting: Weight scores by the share of queries answered.
        presence_min_share: Answered share below which that weight is 0.
        class_weights: Weight of each asset class in both halves; empty for one market.
        capture_half_window: Prints on either side of a fill that make its mid.
        stale_ns: Simulated time after which a fill no longer waits for later prints.
        halflife_ns: Half-life of the track-record average, simulated time.

    Raises:
        ValueError: A choice is unknown or a number negative.

    >>> Dials().w_make, Dials().class_weights
    (0.5, (0.95, 0.05))
    """

    weight: float = attrs.field(default=1.0, validator=ge(0.0))
    w_make: float = attrs.field(default=0.5, validator=ge(0.0))
    min_books: int = attrs.field(default=4, validator=ge(0))

    making_basis: str = attrs.field(default="realized", validator=in_(("realized", "captured")))
    making_horizon_s: float = attrs.field(default=20.0, validator=ge(0.0))
    making_floor_scale: float = attrs.field(default=0.0, validator=ge(0.0))
    making_rank_scope: str = attrs.field(default="positives", validator=in_(("positives", "whole")))
    making_pool: str = attrs.field(
        default="proportional_both",
        validator=in_(("rank", "proportional", "proportional_blended", "proportional_both")),
    )

    p11_strength: float = attrs.field(default=1.0, validator=ge(0.0))
    p11_topk: int = attrs.field(default=10, validator=ge(0))
    s3_k: float = attrs.field(default=4.0, validator=ge(0.0))

    skill_variant: str = attrs.field(default="drift", validator=in_(("drift", "held")))
    skill_hurdle_bps: float = attrs.field(default=2.3, validator=ge(0.0))
    skill_hurdle_books: int = attrs.field(default=4, validator=ge(0))
    skill_min_books: int = attrs.field(default=0, validator=ge(0))
    skill_min_books_share: float = attrs.field(default=0.15625, validator=ge(0.0))
    skill_max_inactive_books: float = attrs.field(default=0.375, validator=ge(0.0))
    skill_p11_strength: float = attrs.field(default=1.0, validator=ge(0.0))
    skill_rank_scope: str = attrs.field(default="positives", validator=in_(("positives", "whole")))
    skill_pool_scaling: bool = attrs.field(default=False, converter=bool)
    skill_subwindows: int = attrs.field(default=1, validator=ge(1))
    skill_subwindow_form: str = attrs.field(default="sign_gated", validator=in_(("sign_gated", "weakest")))
    skill_subwindow_min_agree: int = attrs.field(default=2, validator=ge(0))
    floor_scale: float = attrs.field(default=0.0, validator=ge(0.0))

    mark_mode: str = attrs.field(default="last", validator=in_(("last", "vwap", "median")))
    mark_window: int = attrs.field(default=200, validator=ge(0))

    presence_gate: bool = attrs.field(default=True, converter=bool)
    presence_window: int = attrs.field(default=50, validator=ge(0))
    presence_share_weighting: bool = attrs.field(default=False, converter=bool)
    presence_min_share: float = attrs.field(default=0.0, validator=ge(0.0))

    class_weights: tuple[float, ...] = attrs.field(default=(0.95, 0.05), converter=parse_class_weights)

    capture_half_window: int = attrs.field(default=15, validator=ge(0))
    stale_ns: int = attrs.field(default=60 * SECOND_NS, validator=ge(0))
    halflife_ns: int = attrs.field(default=10_800 * SECOND_NS, validator=ge(1))

    @property
    def horizon_ns(self) -> int:
        """`making_horizon_s` in simulated nanoseconds."""
        return int(self.making_horizon_s * SECOND_NS)

    @property
    def pool(self) -> float:
        """Share of the emission that the making half pays, 0 to 1."""
        return min(max(self.weight * self.w_make, 0.0), 1.0)

    def layout_weights(self, n_classes: int) -> tuple[float, ...]:
        """Class weights where the market has as many classes as there are weights, else none."""
        return self.class_weights if n_classes > 1 and len(self.class_weights) == n_classes else ()


DIALS_0_6_3 = Dials()

DIALS_0_6_2 = Dials(making_basis="captured", s3_k=0.0, skill_min_books=20, class_weights=())


def _rung(weight: float, w_make: float) -> tuple[EraConstants, Dials]:
    dials = Dials(
        weight=weight,
        w_make=w_make,
        making_basis="captured",
        making_pool="rank",
        p11_topk=2,
        s3_k=0.0,
        floor_scale=0.5,
        skill_hurdle_bps=0.0,
        skill_min_books=4,
        skill_max_inactive_books=0.0,
        skill_p11_strength=0.0,
        class_weights=(),
    )
    rest = 1.0 - weight
    return attrs.evolve(
        ERAS["0.6.3"], version="0.6.1", kappa_weight=0.79 * rest, pnl_weight=0.21 * rest
    ), dials


RUNGS_0_6_1: Sequence[tuple[EraConstants, Dials]] = (
    _rung(0.0, 0.3),
    _rung(0.25, 0.5),
    _rung(0.5, 0.5),
    _rung(1.0, 0.5),
)
"""The four rungs over which 0.6.1 moved the weight from Kappa and P&L to making and skill."""
