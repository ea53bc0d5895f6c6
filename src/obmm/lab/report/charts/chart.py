"""What a chart is: plotly traces and layout as plain values, with colours that follow the page's scheme.

Figures are built as the dictionaries that plotly.js reads. A colour is a name of the page's palette
(`ink("muted")`), which the page replaces by the value it has in light or dark; long arrays travel as base64.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from obmm.lab.report.data import ReportData
from obmm.market import FloatArray

Trace: TypeAlias = dict[str, Any]

#: Colours of runs side by side, in order; a seventh run begins again.
_RUN_COLOURS = 6


@attrs.frozen(kw_only=True)
class Variant:
    """One of the views of a chart between which a reader chooses.

    Attributes:
        label: Its name in the list of choices.
        traces: What is drawn.
        layout: Changes to the chart's layout.
    """

    label: str
    traces: list[Trace]
    layout: dict[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Chart:
    """One picture of the report.

    Attributes:
        key: Its identifier in the page.
        title: Its heading.
        caption: How to read it.
        height: Pixels.
        layout: Plotly layout that all variants share.
        shared: Long arrays that several traces use, by the name given to `shared`.
        variants: At least one view, unless `empty` says why there is none.
        choose: What the variants differ in, for the label of the list.
        first: Index of the variant shown at first.
        empty: Why there is nothing to draw.
    """

    key: str
    title: str
    caption: str
    height: int = 320
    layout: dict[str, Any] = attrs.field(factory=dict)
    shared: dict[str, Any] = attrs.field(factory=dict)
    variants: tuple[Variant, ...] = ()
    choose: str = ""
    first: int = 0
    empty: str = ""


def ink(name: str) -> dict[str, str]:
    """A colour of the page's palette by name."""
    return {"$": name}


def run_ink(i: int) -> dict[str, str]:
    """The colour of the i-th run."""
    return ink(f"run{i % _RUN_COLOURS}")


def packed(values: npt.ArrayLike) -> dict[str, str]:
    """Numbers in plotly's form of typed arrays: base64 of 32-bit floats."""
    array = np.ascontiguousarray(values, dtype="<f4")
    told = {"dtype": "f4", "bdata": base64.b64encode(array.tobytes()).decode("ascii")}
    return told if array.ndim == 1 else told | {"shape": ", ".join(map(str, array.shape))}


def shared(name: str) -> dict[str, str]:
    """An array of the chart's own, stored once however many traces use it."""
    return {"&": name}


def line(
    x: npt.ArrayLike | dict[str, str], y: npt.ArrayLike, name: str, colour: dict[str, str], **more: Any
) -> Trace:
    """A line trace; `dash`, `width` and `shape` style it, everything else goes to the trace."""
    style = {key: more.pop(key) for key in ("dash", "width", "shape") if key in more}
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x if isinstance(x, dict) else packed(x),
        "y": packed(y),
        "name": plain(name),
        "line": {"color": colour, "width": 1.6} | style,
    } | more


def plain(text: str) -> str:
    """Text that plotly shows as it is: its labels understand some HTML."""
    return html.escape(text, quote=False)


@attrs.frozen
class Clock:
    """The unit of the time axes, fit to the longest run.

    >>> Clock.fitting(3 * 3600.0).unit
    'h'
    """

    unit: str
    seconds: float
    longest_s: float

    @classmethod
    def fitting(cls, longest_s: float) -> Clock:
        """Hours from an hour and a half on, minutes from five minutes on, else seconds."""
        if longest_s >= 5_390.0:
            return cls("h", 3600.0, longest_s)
        return cls("min", 60.0, longest_s) if longest_s >= 290.0 else cls("s", 1.0, longest_s)

    @classmethod
    def of(cls, report: ReportData) -> Clock:
        """The unit for all runs of a report."""
        return cls.fitting(max(float(run.series.lines.time_s[-1]) for run in report.runs))

    def __call__(self, time_s: FloatArray) -> FloatArray:
        """Seconds in this unit."""
        return time_s / self.seconds

    @property
    def axis(self) -> dict[str, Any]:
        """The time axis, from the start of the runs to the end of the longest."""
        return {
            "title": {"text": f"simulated time, {self.unit}"},
            "range": [0.0, self.longest_s / self.seconds],
        }


def panels(
    titles: Sequence[str], x: dict[str, Any], weights: Sequence[float] | None = None
) -> dict[str, Any]:
    """Layout of panels one above the other with a common first axis; each title stands at its top left.

    The second axes are `y`, `y2`, … from the top; `x` describes the common one.
    """
    shares = np.array(weights if weights is not None else [1.0] * len(titles), dtype=float)
    gap = 0.1 if len(titles) > 1 else 0.0
    heights = shares / shares.sum() * (1.0 - gap * (len(titles) - 1))
    top, notes = 1.0, []
    layout: dict[str, Any] = {}
    for i, (title, height) in enumerate(zip(titles, heights.tolist(), strict=True)):
        number = "" if i == 0 else str(i + 1)
        layout[f"yaxis{number}"] = axis(domain=[max(round(top - height, 4), 0.0), round(top, 4)], anchor="x")
        notes.append(note(title, x=0.0, y=round(top, 4), xref="paper", yref="paper", yanchor="bottom"))
        top -= height + gap
    last = "" if len(titles) == 1 else str(len(titles))
    layout["xaxis"] = axis(anchor=f"y{last}", showgrid=False) | x
    return layout | {"annotations": notes}


def axis(**more: Any) -> dict[str, Any]:
    """An axis in the page's style."""
    return {
        "gridcolor": ink("grid"),
        "zerolinecolor": ink("line"),
        "linecolor": ink("line"),
        "tickcolor": ink("line"),
        "automargin": True,
        "zeroline": False,
    } | more


def note(text: str, **place: Any) -> dict[str, Any]:
    """A small muted label."""
    return {
        "text": plain(text),
        "showarrow": False,
        "xanchor": "left",
        "font": {"size": 12, "color": ink("muted")},
    } | place


def zero_line(yref: str = "y", at: float = 0.0, name: str = "line", dash: str = "solid") -> dict[str, Any]:
    """A horizontal line across a panel."""
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "yref": yref,
        "y0": at,
        "y1": at,
        "line": {"color": ink(name), "width": 1, "dash": dash},
        "layer": "below",
    }
