"""The page of a study."""

from __future__ import annotations

from importlib.util import find_spec

from obmm.lab.tune.folder import PAGE
from obmm.lab.tune.page.page import page
from obmm.lab.tune.result import Result
from obmm.lab.tune.study import Study


def write_page(study: Study, result: Result) -> bool:
    """Write the page into the study's folder; whether there is one, which takes plotly (`obmm[report]`).

    Raises:
        OSError: It cannot be written; what was there stays.
    """
    if find_spec("plotly") is None:
        return False
    study.folder.write_text(PAGE, page(study, result))
    return True


__all__ = ["page", "write_page"]
