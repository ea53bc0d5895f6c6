"""The manual of a run's records: every table, column, unit and code, in one place.

What is written (`obmm.lab.tables`), the metadata of the Parquet files, what `obmm.lab.read` decodes, and the
page docs/records.md (`obmm.lab.manual_page`) all come from here.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping

import attrs

from obmm.market import InstructionKind, Reason, TimeInForce


class Side(enum.IntEnum):
    """Which side an order or a trade is on."""

    NONE = -1
    BUY = 0
    SELL = 1


@attrs.frozen
class Column:
    """A column of a table.

    Attributes:
        kind: Numpy's kind as it is written; "U" is a text, "?" a flag.
        what: What it tells.
        unit: Its unit; empty where it has none.
        codes: What its numbers mean.
    """

    kind: str
    what: str
    unit: str = ""
    codes: type[enum.IntEnum] | None = None

    @property
    def words(self) -> dict[int, str]:
        """Code → word, none for a column that has no codes."""
        return {} if self.codes is None else {int(code): code.name.lower() for code in self.codes}

    def metadata(self) -> dict[str, str]:
        """What Parquet says of it."""
        told = {"what": self.what, "unit": self.unit}
        return told | ({"codes": json.dumps(self.words)} if self.codes is not None else {})


@attrs.frozen
class Manual:
    """A table.

    Attributes:
        rows: What a row stands for.
        columns: Its columns in order.
    """

    rows: str
    columns: Mapping[str, Column]


_UID = Column("i4", "Account: 0 is the agent, the others are its rivals")
_TIME = Column("i8", "Simulated time", "ns")
_BOOK = Column("i4", "Id of the book")

MANUAL: Mapping[str, Manual] = {
    "states": Manual(
        "a state, book and account, as the account saw it before it answered",
        {
            "uid": _UID,
            "time_ns": _TIME,
            "book": _BOOK,
            "bid": Column("f8", "Best bid, own orders included; NaN where there is none", "quote"),
            "ask": Column("f8", "Best ask, own orders included; NaN where there is none", "quote"),
            "bid_size": Column("f8", "Size at the best bid", "base"),
            "ask_size": Column("f8", "Size at the best ask", "base"),
            "maker_ratio": Column("f8", "Maker share of the miners' volume, which sets the fees", "fraction"),
            "maker_rate": Column("f8", "Fee of the account as a maker; negative for a rebate", "fraction"),
            "taker_rate": Column("f8", "Fee of the account as a taker; negative for a rebate", "fraction"),
            "base": Column("f8", "Base of the account, loans taken off", "base"),
            "quote": Column("f8", "Quote of the account, loans taken off", "quote"),
            "position": Column("f8", "Base less the endowment", "base"),
            "value": Column("f8", "Worth of the account at the mid", "quote"),
            "own_bid": Column("f8", "Best own bid that rests; NaN where there is none", "quote"),
            "own_ask": Column("f8", "Best own ask that rests; NaN where there is none", "quote"),
            "open_orders": Column("i4", "Own orders that rest"),
            "bid_reason": Column("i2", "Why no bid is wanted or standing, or why it is narrowed", "", Reason),
            "ask_reason": Column("i2", "The same for asks", "", Reason),
            "position_limit": Column("f8", "Largest position that the gates allow; inf for none", "base"),
        },
    ),
    "orders": Manual(
        "an instruction sent, most urgent first within a state",
        {
            "uid": _UID,
            "time_ns": attrs.evolve(_TIME, what="Simulated time of the state it answers"),
            "book": _BOOK,
            "kind": Column("i1", "What it asks for", "", InstructionKind),
            "side": Column("i1", "Side; none for a cancel", "", Side),
            "price": Column("f8", "Limit price; NaN where there is none", "quote"),
            "size": Column("f8", "Size; NaN for a whole cancel", "base"),
            "time_in_force": Column("i1", "How long it stands", "", TimeInForce),
            "expiry_ns": Column("i8", "Life of a GTT order after it is placed; 0 for none", "ns"),
            "post_only": Column("?", "Whether it may only rest"),
            "order_id": Column("i8", "Order that a cancel names; -1 for none"),
            "client_id": Column("i8", "The agent's own number of the order; -1 for none"),
        },
    ),
    "fills": Manual(
        "an own fill",
        {
            "uid": _UID,
            "time_ns": attrs.evolve(_TIME, what="Simulated time of the trade"),
            "book": _BOOK,
            "side": Column("i1", "Whether the account bought or sold", "", Side),
            "maker": Column("?", "Whether the own order rested"),
            "price": Column("f8", "Price", "quote"),
            "size": Column("f8", "Size", "base"),
            "fee": Column("f8", "Fee paid; negative for a rebate", "quote"),
            "other": Column("i4", "Account on the other side; negative for the background"),
            "order_id": Column("i8", "The own order"),
            "client_id": Column("i8", "The agent's own number of it; -1 for none"),
            "trade_id": Column("i8", "Number of the trade"),
        },
    ),
    "trades": Manual(
        "a trade of the market, whoever made it",
        {
            "time_ns": attrs.evolve(_TIME, what="Simulated time of the trade"),
            "book": _BOOK,
            "side": Column("i1", "Side of the aggressor", "", Side),
            "price": Column("f8", "Price", "quote"),
            "size": Column("f8", "Size", "base"),
            "maker_id": Column("i4", "Account whose order rested; negative for the background"),
            "taker_id": Column("i4", "Account of the aggressor; negative for the background"),
            "maker_fee": Column("f8", "Fee paid by the maker; negative for a rebate", "quote"),
            "taker_fee": Column("f8", "Fee paid by the taker; negative for a rebate", "quote"),
        },
    ),
    "rejects": Manual(
        "an order that the venue refused",
        {
            "uid": _UID,
            "time_ns": attrs.evolve(_TIME, what="Simulated time of the refusal"),
            "book": _BOOK,
            "side": Column("i1", "Side of the order", "", Side),
            "price": Column("f8", "Its price; NaN where there is none", "quote"),
            "size": Column("f8", "Its size", "base"),
            "client_id": Column("i8", "The agent's own number of it; -1 for none"),
            "reason": Column("U", "The venue's reason, in its own words"),
        },
    ),
    "scores": Manual(
        "a figure of a scoring of an era",
        {
            "era": Column("U", "Version whose rules are applied"),
            "uid": _UID,
            "time_ns": attrs.evolve(_TIME, what="Simulated time of the scoring"),
            "name": Column("U", "The figure; `score` is the total, the others are its parts"),
            "value": Column("f8", "Its value; NaN where there is none yet"),
        },
    ),
    "answers": Manual(
        "an answer of an account",
        {
            "uid": _UID,
            "time_ns": attrs.evolve(_TIME, what="Simulated time of the state answered"),
            "respond_ms": Column("f8", "Real time from decoded state to orders", "ms"),
        },
    ),
    "signals": Manual(
        "an answer and book: beside these a column for each signal by its name, `name.0`, `name.1` … "
        "where it has several; NaN before it knows, and where another pipeline has the book.",
        {"uid": _UID, "time_ns": _TIME, "book": _BOOK},
    ),
}
#: Kind of a signal's column: seven digits are more than one knows of a signal.
SIGNAL_KIND = "f4"


def column(table: str, name: str, unit: str = "") -> Column:
    """What the manual says of a column; of a signal's, what is true of all, and its unit.

    >>> column("fills", "fee").unit, column("signals", "lean", "-1 … 1").what
    ('quote', 'Signal lean')
    """
    known = MANUAL[table].columns
    return known[name] if name in known else Column(SIGNAL_KIND, f"Signal {name}", unit)


#: Of `run.json` each key that a run has, or may have.
ABOUT: Mapping[str, str] = {
    "created": "when the run was begun, universal time",
    "kind": "what made it: `simulate`, `replay`, `serve-market`, or `live` for a live recording",
    "scenario": "the market: name of a scenario, or the recording",
    "era": "the scoring rules that the scenario says its miners are paid by; empty where it says none",
    "capture": "of a replay: where the recording was",
    "from_s": "of a replay: simulated second at which it began",
    "seed": "seed of every random stream",
    "books": "number of books",
    "hours_planned": "simulated hours that were planned",
    "response_ms": "real time an answer was taken to need",
    "synthetic_rivals": "the synthetic miners and their figures",
    "scenario_table": "everything that a scenario of the user's own says",
    "accounts": (
        "by uid: `name`, `config_hash`, `config` (everything that decides what the agent does; its hash is "
        "that hash), `pipelines` (the main one and those that `[[assign]]` gives books), `units` of signals"
    ),
    "config_hash": "hash of the configuration of account 0",
    "venue": "ids, grids, least sizes and capital of the books, cadence and fee policy",
    "versions": "of obmm, Python and numpy",
    "completed": "whether it reached its planned end with all its records",
    "ended": "how it ended: `as planned`, a signal, or what could not be written; missing while it goes on",
    "parts": "how many parts there are of each table",
    "rows": "how many rows each table has",
    "states": "states answered",
    "scores": "by uid and era the newest scoring: `total`, `figures`, `books`, `scorings`, `field`",
    "stage_errors": "by uid: states on which a stage failed",
    "refused": "by uid: the venue's reason → instructions refused",
    "drawdown_stops": "by uid: how often the drawdown gate stopped the agent",
    "lifted": "by uid: sizes lifted to the venue's minimum",
    "charged": "by uid: answers that counted with more than `response_ms`, and their mean",
    "digest": "of all trades and balances: two runs with the same one are the same",
    "wall_s": "real seconds from the first answer on",
    "book_seconds_per_second": "simulated seconds times books per real second",
    "events_per_second": "events of the market per real second",
    "agents": "of `serve-market`, by uid: what was asked, answered and dropped",
    "validator": "who sent the states",
    "wire": "of `serve-market`: how agents were asked",
    "wire_version": "of `serve-market`: version of the protocol",
    "uid_on_subnet": "of a live recording: the account's number there",
    "received_ns": "of a live recording: when its first request came, universal time",
    "late": "of a live recording: states that came too late",
    "undecided": "of a live recording: states without a decision",
    "config_changes": "of a live recording: when another configuration came into force",
}
