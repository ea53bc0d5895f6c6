"""What can be wrong with a configuration, all at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import attrs


@attrs.frozen
class Problem:
    """One thing wrong in a configuration.

    Attributes:
        where: File or other origin, and path of the value: `my.toml: gates.inventory.soft_share`.
        what: What is wrong and how to mend it.
    """

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class ConfigError(ValueError):
    """A configuration that cannot be used.

    Attributes:
        problems: Everything that is wrong with it.

    >>> print(ConfigError([Problem("my.toml: builder.kind", "no builder is called 'skewd'")]))
    the configuration has 1 problem
      my.toml: builder.kind: no builder is called 'skewd'
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        n = len(self.problems)
        lines = [f"the configuration has {n} problem{'s' if n != 1 else ''}"]
        super().__init__("\n".join([*lines, *(f"  {problem}" for problem in self.problems)]))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a sentence that offers the nearest known name, or lists what there is.

    >>> did_you_mean("dephts", ["depths", "weights"])
    "did you mean 'depths'?"
    >>> did_you_mean("x", ["depths", "weights"])
    'there are depths, weights'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names) or 'none'}"
