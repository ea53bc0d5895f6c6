"""The vocabulary: states, orders and what flows between stages.

Struct of arrays over books: the first axis is always the book, the second the level, best first. Prices are
float64 with NaN for missing, sizes float64 with 0 for missing, times int nanoseconds of simulated time.
"""

from obmm.market.accounts import Accounts
from obmm.market.arrays import BUY, SELL, BoolArray, FloatArray, IntArray, PerBook
from obmm.market.delay import DelayCurve, response_delay_ns
from obmm.market.fees import FeePolicy
from obmm.market.grid import Grid
from obmm.market.groups import group_sums
from obmm.market.limits import Limits
from obmm.market.news import News, Unplaced
from obmm.market.notices import NoticeKind, Notices
from obmm.market.open_orders import OpenOrders
from obmm.market.orders import InstructionKind, Orders, SelfTrade, TimeInForce
from obmm.market.per_book import Book, per_book
from obmm.market.quotes import Quotes
from obmm.market.reasons import Reason
from obmm.market.signals import Signals
from obmm.market.stages import (
    Builder,
    Feed,
    Gate,
    Lens,
    Placer,
    Signal,
    Stage,
    Steerable,
    memory,
    option,
)
from obmm.market.state import MarketState
from obmm.market.tape import EventKind, Tape
from obmm.market.venue import Venue

__all__ = [
    "BUY",
    "SELL",
    "Accounts",
    "Book",
    "BoolArray",
    "Builder",
    "DelayCurve",
    "EventKind",
    "FeePolicy",
    "Feed",
    "FloatArray",
    "Gate",
    "Grid",
    "InstructionKind",
    "IntArray",
    "Lens",
    "Limits",
    "MarketState",
    "News",
    "NoticeKind",
    "Notices",
    "OpenOrders",
    "Orders",
    "PerBook",
    "Placer",
    "Quotes",
    "Reason",
    "SelfTrade",
    "Signal",
    "Signals",
    "Stage",
    "Steerable",
    "Tape",
    "TimeInForce",
    "Unplaced",
    "Venue",
    "group_sums",
    "memory",
    "option",
    "per_book",
    "response_delay_ns",
]
