"""What can be wrong with a configuration, all at once."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable

import attrs

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60


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
        # A key of a table may hold anything; a problem is one line.
        return " ".join(f"{self.where}: {self.what}".splitlines())


class ConfigError(ValueError):
    """A configuration, or another file of settings, that cannot be used.

    Attributes:
        problems: Everything that is wrong with it.

    >>> print(ConfigError([Problem("my.toml: builder.kind", "no builder is called 'skewd'")]))
    the configuration has 1 problem
      my.toml: builder.kind: no builder is called 'skewd'
    """

    def __init__(self, problems: Iterable[Problem], of: str = "the configuration") -> None:
        self.problems, self._of = tuple(problems), of
        n = len(self.problems)
        lines = [f"{of} has {n} problem{'s' if n != 1 else ''}"]
        super().__init__("\n".join([*lines, *(f"  {problem}" for problem in self.problems)]))

    def __reduce__(self) -> tuple[type, tuple[tuple[Problem, ...], str]]:
        return type(self), (self.problems, self._of)


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


def shown(value: object) -> str:
    """A value as a message repeats it: one line, and no longer than a person reads.

    >>> shown("5,10"), shown([1] * 100)
    ("'5,10'", '[1, 1, 1, 1, 1, 1, ...]')
    """
    try:
        return " ".join(_SHORT.repr(value).split())
    except Exception:  # An object of the user's may not be able to show itself.
        return f"a {type(value).__name__}"
