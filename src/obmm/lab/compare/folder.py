"""The folder of a comparison: the outcomes, what they came to, and the page."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

import attrs

from obmm.lab.compare.comparison import Comparison
from obmm.lab.compare.keep import OUTCOMES, Keep
from obmm.lab.compare.matrix import markdown
from obmm.lab.compare.question import Question, trial_key
from obmm.lab.compare.tell import told
from obmm.lab.compare.used import UsedBefore
from obmm.settings.files import write_whole
from obmm.settings.lock import LOCK, FolderLock

#: What a comparison came to, as `--json` prints it.
RESULT = "comparison.json"
PAGE = "report.html"
#: The matrix of fields and configurations, to be copied into a document.
MATRIX = "matrix.md"


@attrs.define
class Folder:
    """Holds the folder of a comparison as long as the context lasts.

    A folder holds one question; asked again it goes on from the outcomes that lie there, on more seeds, too.

    Attributes:
        path: The folder; made if it is not there.
        question: What is asked.
        force: Whether another comparison that lies there is replaced.
        problem: What could not be written and why; None while all is.

    Raises:
        InUse: On entering, when another process works there.
        FileExistsError: On entering, when the folder holds another comparison and `force` is not given, or
            files that are none.
    """

    path: Path
    question: Question
    force: bool = False
    problem: str | None = attrs.field(init=False, default=None)
    keep: Keep = attrs.field(init=False)
    _lock: FolderLock = attrs.field(init=False)

    def __enter__(self) -> Folder:
        self.path.mkdir(parents=True, exist_ok=True)
        found = {entry.name for entry in self.path.iterdir()} - {LOCK}
        if found and OUTCOMES not in found:
            what = "holds files that are no comparison; name a new folder"
            raise FileExistsError(errno.EEXIST, what, str(self.path))
        self._lock = FolderLock(self.path)
        self._lock.acquire()
        try:
            self._refuse_others()
            self.keep = Keep(self.path / OUTCOMES)
            self.keep.path.touch()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def write(self, comparison: Comparison, before: Sequence[UsedBefore] = ()) -> dict[str, Any]:
        """Write what a comparison came to, and the page; what is written, as plain values.

        An error of the disk is kept in `problem`: the figures may still be printed.
        """
        values = told(comparison, before) | {
            "folder": str(self.path),
            "question": question_hash(self.question),
        }
        try:
            write_whole(self.path / RESULT, (json.dumps(_finite(values), indent=2) + "\n").encode())
            if comparison.outcomes:
                write_whole(self.path / MATRIX, markdown(comparison).encode())
            if find_spec("plotly") is not None and comparison.outcomes:
                from obmm.lab.compare.page import page

                write_whole(self.path / PAGE, page(comparison, before, str(self.path)).encode())
        except OSError as error:
            self.problem = f"{error.filename}: {error.strerror}"
        return values

    def _refuse_others(self) -> None:
        path = self.path / RESULT
        if self.force or not path.is_file():
            return
        try:
            same = json.loads(path.read_text(encoding="utf-8")).get("question") == question_hash(
                self.question
            )
        except (ValueError, AttributeError):
            same = False
        if not same:
            what = "holds a comparison of other things; --force replaces it, or choose another --out"
            raise FileExistsError(errno.EEXIST, what, str(self.path))


def question_hash(question: Question) -> str:
    """Eight hex digits that change when what is played does, seeds aside."""
    keys = [trial_key(question.trial(arm, market, (1,))) for arm, market in question.cells()]
    return hashlib.sha256(" ".join(keys).encode()).hexdigest()[:8]


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not abs(value) < float("inf"):
        return None
    return value
