"""A builder that changes what another one wishes."""

from __future__ import annotations

import copy

import attrs

from obmm.execution.touch import TouchBuilder
from obmm.market import Builder, Feed, Stage, option


@attrs.define(kw_only=True)
class Around(Stage):
    """Holds the other builder, and needs, waits for and forgets what that one does."""

    around: Builder = option(
        factory=TouchBuilder,
        help="The builder whose quotes these are made of: a table with its kind and options",
        converter=copy.deepcopy,
        validator=attrs.validators.instance_of(Builder),
    )

    @property
    def needs(self) -> frozenset[Feed | str]:
        return frozenset(getattr(self.around, "needs", frozenset()))

    @property
    def warmup_s(self) -> float:
        return float(getattr(self.around, "warmup_s", 0.0))

    def reset(self) -> None:
        super().reset()
        if hasattr(self.around, "reset"):
            self.around.reset()
