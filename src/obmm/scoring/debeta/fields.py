"""What the fields of all groups are scored from, at one moment or at many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
import numpy as np

from obmm.market import BoolArray, FloatArray, IntArray
from obmm.scoring.debeta import skill
from obmm.scoring.debeta.accumulate import Accumulation
from obmm.scoring.debeta.combine import FieldSums
from obmm.scoring.debeta.dials import Dials
from obmm.scoring.debeta.making import quality
from obmm.scoring.debeta.standing import Alike, Standing, alike
from obmm.scoring.debeta.subwindows import alpha_of_path, sign_gated, subwindow_alphas, weakest_part


@attrs.frozen(kw_only=True, eq=False)
class Fields:
    """Fields of one size, which stand together (see `FieldSums`), or one by itself.

    Attributes:
        which: The fields.
        sums: What each is scored from within classes.
        whole: What each is scored from over all books: parts of the window count there, where they do at all.
        floor: Least |alpha| that counts, quote.
        inside: (B,) books of each class that is scored by itself; none where classes carry no weights.
        flows: Flow within each of these classes, shaped like that of `sums`.
    """

    which: Alike
    sums: FieldSums
    whole: FieldSums
    floor: float
    inside: list[BoolArray]
    flows: list[FloatArray]

    def in_classes(self, sums: FieldSums) -> list[FieldSums]:
        """`sums`, of these fields, within each asset class.

        Alphas are those over the hurdle only, quality is the whole field's. Counterparties are those of the
        class (of the whole field if the class has none), the tether is the whole field's.
        """
        found = []
        for inside, flow in zip(self.inside, self.flows, strict=True):
            here = inside[:, np.newaxis]
            kept = np.where(here, sums.kept, np.nan)
            traded = flow.any(axis=(-2, -1), keepdims=True)
            captured = sums.captured * here
            found.append(
                attrs.evolve(
                    sums, captured=captured, alpha=kept, kept=kept, flow=np.where(traded, flow, sums.flow)
                )
            )
        return found


def field_of(accumulation: Accumulation, group: int = 0) -> Fields:
    """The field of a group as it stands."""
    return next(fields_of(accumulation, [accumulation.standing()], [group]))


def fields_of(
    accumulation: Accumulation, standings: Sequence[Standing], groups: Sequence[int]
) -> Iterator[Fields]:
    """The fields of `groups` as they stood at some moments, in lots of one size.

    Args:
        accumulation: What was summed up.
        standings: How it stood; where the rules cut the window into parts, as it stands now.
        groups: Which markets.
    """
    dials, columns = accumulation.dials, accumulation.columns
    uids = [np.array(columns.uids_of(group), dtype=np.int64) for group in range(columns.n_groups)]
    weighed = range(len(dials.layout_weights(len(accumulation.flows) - 1)))
    for which in alike(standings, groups, uids, together=_stands_together(dials)):
        sums = _sums_of(which, standings, uids, dials)
        floor = skill.magnitude_floor(sums.alpha, dials.floor_scale)
        yield Fields(
            which=which,
            sums=sums,
            whole=sums if dials.skill_subwindows == 1 else _in_parts(accumulation, which, sums, floor),
            floor=floor,
            inside=[accumulation.class_of_book == number for number in weighed],
            flows=[which.of_flows([one.flows[1 + number] for one in standings]) for number in weighed],
        )


def _stands_together(dials: Dials) -> bool:
    """Whether the rules take no figure from all of a field that they then compare each uid with."""
    return (
        dials.floor_scale == dials.making_floor_scale == 0.0
        and not dials.skill_pool_scaling
        and dials.skill_subwindows == 1
    )


def _sums_of(which: Alike, standings: Sequence[Standing], uids: list[IntArray], dials: Dials) -> FieldSums:
    captured = which.of_pairs([one.captured for one in standings])
    counts = which.of_pairs([one.filled & one.marked for one in standings])
    alpha = alpha_of_path(
        which.of_pairs([one.path for one in standings]),
        which.of_books([one.print_count for one in standings]),
        which.of_books([one.drift for one in standings]),
        dials.skill_variant,
    )
    alpha = np.where(counts, alpha, np.nan)
    kept = skill.over_hurdle(
        alpha, which.of_pairs([one.notional for one in standings]), dials.skill_hurdle_bps
    )
    flow = which.of_flows([one.flows[0] for one in standings])
    return FieldSums(
        uids=which.uids_of(uids),
        captured=captured,
        quality=quality(captured, which.of_pairs([one.realised for one in standings])),
        alpha=alpha,
        kept=kept,
        flow=flow,
        maker_row=which.rows if which.together else which.rows[0],
        tether_flow=flow,
        skill_rank_scale=skill.hurdle_share(alpha, kept, dials.skill_hurdle_books)
        if dials.skill_pool_scaling
        else 1.0,
    )


def _in_parts(accumulation: Accumulation, which: Alike, sums: FieldSums, floor: float) -> FieldSums:
    """`sums` with the skill that parts of the window leave."""
    dials, books = accumulation.dials, accumulation.books_of(int(which.group[0]))
    parts = subwindow_alphas(accumulation.mtm, dials.skill_subwindows, accumulation.era.kappa_lookback_ns)
    parts = np.where(np.isnan(sums.kept), np.nan, parts[:, books][:, :, sums.maker_row])
    if dials.skill_subwindow_form == "weakest":
        value = weakest_part(parts, floor)
    else:
        agreed = sign_gated(sums.kept, parts, dials.skill_subwindow_min_agree)
        value = skill.floored_consistency(agreed, floor)
    return attrs.evolve(sums, kept=sums.alpha, skill=value)
