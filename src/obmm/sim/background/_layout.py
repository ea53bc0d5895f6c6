"""The memory of one book's background: processes, agents and synthetic rivals, in one record of fixed size.

Parameters keep the units of the scenario file; state is in ticks, lots and nanoseconds like the exchange's.
"""

from __future__ import annotations

import typing

import attrs
import numpy as np

from obmm.sim import _parameters as tables
from obmm.sim.exchange._layout import EV_BACKGROUND, STREAM_BACKGROUND

SECOND = 1_000_000_000.0
DAY_S = 86_400.0
NEVER = 1 << 62

# What the queue delivers to the background.
EV_PLACE_LIMIT = EV_BACKGROUND
EV_PLACE_POST_ONLY = EV_BACKGROUND + 1
EV_PLACE_MARKET = EV_BACKGROUND + 2
EV_MAKER_TURN = EV_BACKGROUND + 3
EV_MAKER_QUOTE = EV_BACKGROUND + 4
EV_MAKER_REACTION = EV_BACKGROUND + 5
EV_NOISE_TURN = EV_BACKGROUND + 6
EV_FUTURES_TURN = EV_BACKGROUND + 7
EV_STYLIZED_TURN = EV_BACKGROUND + 8
EV_STYLIZED_POLL = EV_BACKGROUND + 9
EV_ALGO_LOOK = EV_BACKGROUND + 10
EV_ALGO_WAKE = EV_BACKGROUND + 11
EV_ALGO_SLICE = EV_BACKGROUND + 12
EV_RIVALS_ANSWER = EV_BACKGROUND + 13
EV_RIVAL_PLACE = EV_BACKGROUND + 14

# One random stream per class and process.
STREAM_FUNDAMENTAL = STREAM_BACKGROUND
STREAM_FIELD = STREAM_BACKGROUND + 1
STREAM_INITIALIZATION = STREAM_BACKGROUND + 2
STREAM_MAKERS = STREAM_BACKGROUND + 3
STREAM_NOISE = STREAM_BACKGROUND + 4
STREAM_FUTURES = STREAM_BACKGROUND + 5
STREAM_STYLIZED = STREAM_BACKGROUND + 6
STREAM_ALGO = STREAM_BACKGROUND + 7
STREAM_RIVAL_MAKERS = STREAM_BACKGROUND + 8
STREAM_RIVAL_TAKERS = STREAM_BACKGROUND + 9
STREAM_MTR = STREAM_BACKGROUND + 10
# Streams that several books draw alike: all of them, or those of one block.
STREAM_EXTERNAL = 100
STREAM_MAKER_KINDS = 101
STREAM_STYLIZED_KINDS = 102
COMMON_BOOK = 1_000_000

# Codes of the words in scenario files.
KIND_CODES = {"timer": 0, "token": 1, "acd": 0, "normal": 1, "variance": 0, "deviation": 1}
WORD_CODES = {"pareto": 0, "uniform": 1, "polls": 0, "bars": 1, "depth": 0}
TOKEN_MAKERS = KIND_CODES["token"]
NORMAL_CLOCK = KIND_CODES["normal"]
UNIFORM_WEALTH = WORD_CODES["uniform"]
ON_BARS = WORD_CODES["bars"]

MAKER_SLOTS = 64
STYLIZED_SLOTS = 2048
HISTORY_SLOTS = 1 << 20
FGN_SLOTS = 4096
FIELD_SIDE = 64
BAR_SLOTS = 1024
RIVAL_SLOTS = 64


def _numbers(*classes: type) -> np.dtype[np.void]:
    """One float64 per number, switch or word of `classes`; sub-tables become sub-records."""
    fields: dict[str, object] = {"kind": "f8"} if len(classes) > 1 else {}
    for cls in classes:
        for name, kind in typing.get_type_hints(cls).items():
            members = [k for k in (typing.get_args(kind) or (kind,)) if attrs.has(k)]
            fields[name] = _numbers(*members) if members else "f8"
    return np.dtype(list(fields.items()), align=True)


def fill(record: typing.Any, table: attrs.AttrsInstance) -> None:
    """Write the numbers of the scenario table `table` into `record` (a record of `_numbers`)."""
    if "kind" in record.dtype.names:
        record["kind"] = KIND_CODES[_KIND_OF[type(table)]]
    for name, value in attrs.asdict(table, recurse=False).items():
        if attrs.has(type(value)):
            fill(record[name], value)
        else:
            record[name] = WORD_CODES[value] if isinstance(value, str) else value


_KIND_OF = {cls: kind for classes in tables.KINDS.values() for kind, cls in classes.items()}

PARAMETERS = np.dtype(
    [
        ("fundamental", _numbers(tables.Fundamental)),
        ("external", _numbers(tables.External)),
        ("field", _numbers(tables.SpinField)),
        ("initialization", _numbers(tables.Initialization)),
        ("high_frequency", _numbers(tables.TimerMakers, tables.TokenMakers)),
        ("noise", _numbers(tables.Noise)),
        ("futures", _numbers(tables.Futures)),
        ("stylized", _numbers(tables.Stylized)),
        ("algo", _numbers(tables.Algo)),
        ("rivals", _numbers(tables.Rivals)),
    ],
    align=True,
)

CLOCK = np.dtype([("psi", "f8"), ("log_ns", "f8")], align=True)

MAKER = np.dtype(
    [
        ("gamma", "f8"),
        ("cycle_ns", "f8"),
        ("inventory_scale", "f8"),
        ("fixed_spread", "f8"),  # the part of the spread that does not depend on time
        ("size", "f8", (2,)),  # base, as last drawn, by side (timer makers: one for both)
        ("sign", "i8"),  # of the inventory when the size was drawn
        ("busy_until_ns", "i8"),
        ("flagged", "i8"),  # sides filled since the last reaction
        ("reacting", "i8"),
        ("in_flight_until_ns", "i8", (2,)),  # when the sent quote's answer is back, by side
        ("resting_slot", "i8", (2,)),  # the quote that stands, by side
        ("resting_id", "i8", (2,)),
    ],
    align=True,
)

TRADER = np.dtype(  # a stylized trader
    [
        ("weight_fundamental", "f8"),
        ("weight_chartist", "f8"),
        ("weight_noise", "f8"),
        ("tau_ns", "f8"),
        ("risk", "f8"),
        ("history", "i8"),  # returns kept
        ("first", "i8"),  # where they start in the common pool
        ("oldest", "i8"),  # ring position
        ("price", "f8"),  # at the latest poll
    ],
    align=True,
)

RIVAL = np.dtype(
    [
        ("half_spread_ticks", "i8"),  # of a maker
        ("lots", "i8"),  # of a maker's quotes
        ("take_chance", "f8"),  # that a taker answers a state with an order
        ("highest_rate", "f8"),  # taker fee above which it stays away
        ("resting_slot", "i8", (2,)),
        ("resting_id", "i8", (2,)),
    ],
    align=True,
)

BAR = np.dtype([("log_return", "f8"), ("lots", "i8")], align=True)

BACKGROUND = np.dtype(
    [
        ("p", PARAMETERS),
        ("initial_tick", "i8"),
        ("block", "i8"),  # books of one block share the constants of their agents
        ("publish_ns", "i8"),
        ("first_state_ns", "i8"),  # when miners see the book for the first time
        ("miner_wealth_quote", "f8"),
        # where the accounts of a class begin
        ("slot_algo", "i8"),
        ("slot_futures", "i8"),
        ("slot_makers", "i8"),
        ("slot_initialization", "i8"),
        ("slot_noise", "i8"),
        ("slot_stylized", "i8"),
        ("slot_rivals", "i8"),
        ("mid2", "i8"),  # sum of the best prices when both sides last stood
        # exogenous processes
        ("next_fundamental_ns", "i8"),
        ("next_external_ns", "i8"),
        ("next_field_ns", "i8"),
        ("next_mtr_ns", "i8"),
        ("next_bar_ns", "i8"),
        ("fundamental", "f8"),
        ("brownian", "f8"),
        ("fractional", "f8"),
        ("jumps", "f8"),
        ("updates", "i8"),
        ("fgn_variance", "f8"),
        ("fgn_gamma", "f8", (FGN_SLOTS,)),
        ("fgn_phi", "f8", (FGN_SLOTS,)),
        ("fgn_past", "f8", (FGN_SLOTS,)),
        ("external_rng", "u8", (4,)),
        ("external_return", "f8"),
        ("external_sample", "i8"),
        ("external_reads", "i8"),
        ("external_volume_factor", "f8"),
        ("magnetization", "f8"),
        ("magnetization_return", "f8"),
        ("spins", "i1", (FIELD_SIDE, FIELD_SIDE)),
        ("mtr", "f8"),
        # agents
        ("maker_clock", CLOCK),
        ("makers", MAKER, (MAKER_SLOTS,)),
        ("noise_clock", CLOCK),
        ("stylized_clock", CLOCK),
        ("traders", TRADER, (STYLIZED_SLOTS,)),
        ("poll_count", "i8"),
        ("poll_time", "i8", (STYLIZED_SLOTS,)),
        ("poll_agent", "i8", (STYLIZED_SLOTS,)),
        ("bars", BAR, (BAR_SLOTS,)),
        ("bar_count", "i8"),
        ("bar_price", "f8"),
        ("bar_traded_lots", "i8"),
        ("bar_trades", "i8"),
        # the executing agent
        ("algo_executing", "i8"),
        ("algo_side", "i8"),
        ("algo_remaining", "f8"),
        ("algo_last_start_ns", "i8"),
        ("algo_variance", "f8"),
        ("algo_mid", "f8"),
        ("algo_looks", "i8"),
        ("algo_top", "f8", (2,)),  # volume of the best level at the latest look, base
        ("algo_near", "f8", (2,)),  # of the best five
        ("algo_slope", "f8", (2,)),  # mean of the others
        ("rivals", RIVAL, (RIVAL_SLOTS,)),
        ("rival_rng", "u8", (4,)),  # delays of answers, the same in all books
        ("history", "f8", (HISTORY_SLOTS,)),
    ],
    align=True,
)


def new_background() -> typing.Any:
    """An empty background record; memory is taken page by page as it is used."""
    return np.zeros(1, dtype=BACKGROUND)[0]
