"""Fee policies written from their definition: exact fractions, lists, no speed.

A rate is a fraction of the notional; positive is a fee, negative a rebate. Volumes are quote amounts in
units of 1e-10.
"""

from __future__ import annotations

from fractions import Fraction
from math import floor

from attrs import define, field

MAKER, TAKER = 0, 1


@define
class ZeroFees:
    """Nobody pays anything."""

    def rate(self, agent: int, role: int) -> Fraction:
        """The rate `agent` pays in `role`: nothing."""
        return Fraction(0)

    def record(self, now: int, agent: int, role: int, amount: int) -> None:
        """Nothing is remembered."""


@define
class DynamicFees:
    """Rates that depend on the maker share of the miners' volume, one number per book.

    `totals` runs along, `frozen` is its copy as it stood before the present instant and `slots` holds the
    last `history_slots` instants at which a miner traded, each as [passive, aggressive].
    """

    target: Fraction = Fraction("0.4")
    maker_base: Fraction = Fraction(0)
    taker_base: Fraction = Fraction("0.00023")
    max_maker: Fraction = Fraction("0.015")
    max_taker: Fraction = Fraction("0.015")
    shape_fee: float = 2
    shape_rebate: float = 2
    history_slots: int = 300
    totals: list[int] = field(factory=lambda: [0, 0])
    frozen: list[int] | None = None
    slots: list[list[int]] = field(factory=list)
    last: int = 0

    def maker_share(self) -> Fraction:
        """The maker share x; the target until the history is full."""
        if self.frozen is None or len(self.slots) < self.history_slots or sum(self.frozen) == 0:
            return self.target
        return Fraction(self.frozen[MAKER], sum(self.frozen))

    def adjustment(self, share: Fraction) -> Fraction:
        """What is added to the maker's rate and taken from the taker's at maker share `share`."""
        if share == 0 or int((self.target - share) * 1000) == 0:
            return Fraction(0)
        if share < self.target:
            return -self.max_maker * _power((self.target - share) / self.target, self.shape_fee)
        return self.max_taker * _power((share - self.target) / (1 - self.target), self.shape_rebate)

    def rate(self, agent: int, role: int) -> Fraction:
        """The rate in `role`, the same for every agent, to 16 decimals of what doubles make of it."""
        adjustment = self.adjustment_in_doubles(self.maker_share())
        sign, base = (1.0, self.maker_base) if role == MAKER else (-1.0, self.taker_base)
        return Fraction(floor((float(base) + sign * adjustment) * 1e16 + 0.5), 10**16)

    def adjustment_in_doubles(self, share: Fraction) -> float:
        """`adjustment` as a program computes it; no rule binds its last digit."""
        if self.adjustment(share) == 0:
            return 0.0
        target, x = float(self.target), float(share)
        if share < self.target:
            return float(-float(self.max_maker) * ((target - x) / target) ** self.shape_fee)
        return float(float(self.max_taker) * ((x - target) / (1.0 - target)) ** self.shape_rebate)

    def record(self, now: int, agent: int, role: int, amount: int) -> None:
        """Add one side of a trade; background agents (negative ids) leave no trace."""
        if agent < 0:
            return
        new_instant = self.last != now
        if new_instant and self.last != 0:
            self.frozen = list(self.totals)
        self.totals[role] += amount
        if new_instant:
            if len(self.slots) == self.history_slots:
                oldest = self.slots.pop(0)
                self.totals[MAKER] -= oldest[MAKER]
                self.totals[TAKER] -= oldest[TAKER]
            self.slots.append([0, 0])
        self.slots[-1][role] += amount
        self.last = now


@define
class TieredFees:
    """Rates by the volume an agent traded over the last slots.

    `tiers` are (volume required, maker rate, taker rate), the first with volume 0.
    """

    tiers: list[tuple[int, Fraction, Fraction]]
    history_slots: int
    tier_of: dict[int, int] = field(factory=dict)
    volumes: dict[int, list[int]] = field(factory=dict)

    def rate(self, agent: int, role: int) -> Fraction:
        """The rate of the agent's present tier."""
        return self.tiers[self.tier_of.get(agent, 0)][1 + role]

    def record(self, now: int, agent: int, role: int, amount: int) -> None:
        """Add a side of a trade to the agent's newest slot."""
        self.volumes.setdefault(agent, [0])[-1] += amount

    def roll(self) -> None:
        """A slot ends: choose the tiers anew, then open an empty slot."""
        for agent, slots in self.volumes.items():
            reached = [i for i, tier in enumerate(self.tiers) if tier[0] <= sum(slots)]
            self.tier_of[agent] = reached[-1]
            slots.append(0)
            del slots[: -self.history_slots]

    def reset(self, agent: int) -> None:
        """A deregistered agent starts again in the first tier, without history."""
        self.tier_of[agent] = 0
        self.volumes[agent] = [0]


def _power(base: Fraction, exponent: float) -> Fraction:
    return base ** int(exponent) if exponent == int(exponent) else Fraction(float(base) ** exponent)


FeePolicy = ZeroFees | DynamicFees | TieredFees

__all__ = ["MAKER", "TAKER", "DynamicFees", "FeePolicy", "TieredFees", "ZeroFees"]
