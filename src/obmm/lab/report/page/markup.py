"""HTML from values: everything that is not markup already is escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

_TAGS = re.compile("<[^>]*>")
_VOID = frozenset({"meta", "br", "hr"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: str | None) -> Markup:
    """An element; children are escaped unless they are markup, attributes of value None are left out.

    >>> tag("p", "a < b & ", tag("b", "c"), class_="note", data_era="0.1.51")
    '<p class="note" data-era="0.1.51">a &lt; b &amp; <b>c</b></p>'
    """
    pairs = [
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    ]
    opening = f"<{name}{''.join(pairs)}>"
    return Markup(opening if name in _VOID else f"{opening}{join(children)}</{name}>")


def join(children: Iterable[object]) -> Markup:
    """Children one after the other."""
    return Markup("".join(c if isinstance(c, Markup) else html.escape(str(c), quote=False) for c in children))


def table(head: Iterable[object], rows: Iterable[Iterable[object]], *, kind: str = "") -> Markup:
    """A table; the first column is a row's name, and each cell carries its column's name for narrow screens.

    A cell or head given as (text, class) has that class; a cell without a figure has the class "none".
    """
    heads = [cell if isinstance(cell, tuple) else (cell, None) for cell in head]
    body = []
    for row in rows:
        cells = []
        for i, ((title, of_column), cell) in enumerate(zip(heads, row, strict=True)):
            content, own = cell if isinstance(cell, tuple) else (cell, None)
            css = " ".join(filter(None, (of_column, own, "none" if content == "–" else ""))) or None
            name = html.unescape(_TAGS.sub("", title)) if isinstance(title, Markup) else str(title)
            cells.append(
                tag("th", content, scope="row", class_=css)
                if i == 0
                else tag("td", content, class_=css, data_label=name)
            )
        body.append(tag("tr", *cells))
    top = tag("tr", *(tag("th", title, scope="col", class_=css) for title, css in heads))
    return tag("table", tag("thead", top), tag("tbody", *body), class_=kind or None)
