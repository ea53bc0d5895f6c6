"""How the sums of markets side by side stood at some moments, and what their fields are scored from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import attrs
import numpy as np
import numpy.typing as npt

from obmm.market import BoolArray, FloatArray, IntArray
from obmm.market.arrays import as_flags

_Any = TypeVar("_Any", np.float64, np.bool_)


@attrs.frozen(kw_only=True, eq=False)
class Standing:
    """What was summed up at one moment, of G groups of B books each; U columns, money is quote.

    Attributes:
        captured: (2, G·B, U) captured by buys and sells.
        filled: (G·B, U) pairs with a captured fill in the window.
        realised: (2, G·B, U) realised by buys and sells.
        path: (P, G·B, U) see `MarkToMarket.path`.
        marked: (G·B, U) pairs whose inventory was marked in the window.
        notional: (G·B, U) filled.
        print_count: (G·B,) prints.
        drift: (G·B,) mark change.
        flows: (U, 1 + U, G) base between makers and takers, of the field and of each class.
        known: (G,) columns given out by then.
    """

    captured: FloatArray
    filled: BoolArray
    realised: FloatArray
    path: FloatArray
    marked: BoolArray
    notional: FloatArray
    print_count: FloatArray
    drift: FloatArray
    flows: list[FloatArray]
    known: IntArray


@attrs.frozen(kw_only=True, eq=False)
class Alike:
    """Fields of one size, so that they can be scored as one array each.

    Attributes:
        moment: (n,) which moment each is of.
        group: (n,) which group.
        rows: (n, U) the columns of the uids in it, uids ascending.
        known: Columns given out by then.
        n_groups: Groups there are.
        together: Whether arrays have an axis of fields, of n; else there is one field.
    """

    moment: IntArray
    group: IntArray
    rows: IntArray
    known: int
    n_groups: int
    together: bool

    def uids_of(self, uids: list[IntArray]) -> IntArray:
        """(n, U) uids, given those of the columns of each group."""
        found = np.array(
            [uids[group][rows] for group, rows in zip(self.group.tolist(), self.rows, strict=True)],
            dtype=np.int64,
        )
        return found if self.together else found[0]

    def of_books(self, values: Sequence[FloatArray]) -> FloatArray:
        """(n, B) of what is (G·B,) at each moment."""
        stacked = np.stack(values).reshape(len(values), self.n_groups, -1)
        found: FloatArray = stacked[self.moment, self.group]
        return found if self.together else found[0]

    def of_pairs(self, values: Sequence[npt.NDArray[_Any]]) -> npt.NDArray[_Any]:
        """(…, n, B, U) of what is (…, G·B, columns) at each moment, the books of a uid beside each other.

        Numpy adds what lies beside each other in pairs: sums over books are the same for any n and U.
        """
        stacked = np.stack(values)
        split = stacked.reshape(*stacked.shape[:-2], self.n_groups, -1, stacked.shape[-1])
        by_uid = np.moveaxis(split, (-3, -1), (1, 2))
        picked = by_uid[self.moment[:, np.newaxis], self.group[:, np.newaxis], self.rows]
        found = np.moveaxis(np.ascontiguousarray(picked), (0, 1), (-3, -1))
        return found if self.together else found[..., 0, :, :]

    def of_flows(self, values: Sequence[FloatArray]) -> FloatArray:
        """(n, M, 1 + M) of what is (columns, 1 + columns, G) at each moment."""
        by_group = np.moveaxis(np.stack(values), -1, 1)
        found = by_group[self.moment, self.group][:, : self.known, : 1 + self.known]
        return np.ascontiguousarray(found if self.together else found[0])


def alike(
    standings: Sequence[Standing], groups: Sequence[int], uids: Sequence[IntArray], *, together: bool
) -> list[Alike]:
    """The fields at all moments, those of one size together.

    A field is everybody with a captured fill or a marked inventory.

    Args:
        standings: The moments.
        groups: The groups that are asked for.
        uids: Of each group, the uid of each column.
        together: Whether fields may stand together.
    """
    found: dict[tuple[int, ...], list[tuple[int, int, IntArray]]] = {}
    orders: dict[tuple[int, int], IntArray] = {}
    for moment, one in enumerate(standings):
        n_groups, n_columns = one.known.size, one.filled.shape[-1]
        member = as_flags(one.filled | one.marked).reshape(n_groups, -1, n_columns)
        inside: BoolArray = np.logical_or.reduce(member, axis=1)
        for group in groups:
            known = int(one.known[group])
            order = orders.get((group, known))
            if order is None:
                order = orders[group, known] = np.argsort(uids[group][:known])
            rows = order[inside[group, order]]
            key = (known, rows.size) if together else (known, rows.size, moment, group)
            found.setdefault(key, []).append((moment, group, rows))
    return [
        Alike(
            moment=np.array([moment for moment, _, _ in items]),
            group=np.array([group for _, group, _ in items]),
            rows=np.array([rows for _, _, rows in items], dtype=np.int64),
            known=key[0],
            n_groups=standings[0].known.size,
            together=len(items) > 1,
        )
        for key, items in found.items()
    ]
