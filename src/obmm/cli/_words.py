"""Words of a command line that people write in more ways than the parser knows."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SETTING = re.compile(r"[A-Za-z_][\w.:-]*=.*", re.DOTALL)


def spelt_out(words: Sequence[str]) -> list[str]:
    """The words, with a `--set` before each setting that follows another, and blanks around = closed.

    >>> spelt_out(["check", "--set", "a=1", "b=2", "balanced", "--set", "c", "=", "3", "--json"])
    ['check', '--set', 'a=1', '--set', 'b=2', 'balanced', '--set', 'c=3', '--json']
    """
    told: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        told.append(word)
        if word != "--set":
            continue
        first = True
        while left and (first or _SETTING.fullmatch(left[0]) or left[1:2] == ["="]):
            setting = left.pop(0)
            if left[:1] == ["="]:
                setting += "".join(left[:2])
                del left[:2]
            told += [setting] if first else ["--set", setting]
            first = False
    return told
