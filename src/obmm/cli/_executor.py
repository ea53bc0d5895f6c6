"""Who plays trials: `--executor`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from obmm.cli._errors import UsageError, needs

if TYPE_CHECKING:
    from obmm.lab.trials import LocalExecutor
    from obmm.lab.trials.cluster import DaskExecutor


def executor_of(
    word: str, jobs: int | None, progress: Callable[[float], None]
) -> LocalExecutor | DaskExecutor:
    """The executor of that name, telling `progress` of the book-seconds done.

    Raises:
        UsageError: There is none of that name, or it needs a package that is not installed.
    """
    from obmm.lab.trials import LocalExecutor
    from obmm.lab.trials.cluster import SCHEME, DaskExecutor

    if word == "local":
        return LocalExecutor(jobs, progress)
    if word.startswith(SCHEME) and word != SCHEME:
        needs("distributed")
        if jobs is not None:
            raise UsageError(
                "--jobs is of --executor local: a cluster's workers say how many they play at a time"
            )
        return DaskExecutor(word, progress)
    raise UsageError(f"--executor {word!r} is none; write local, or dask://scheduler:8786")
