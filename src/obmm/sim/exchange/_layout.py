"""The memory of one book: everything the kernels read and write, in one record of fixed size.

Prices are ticks, volumes lots, quote amounts units of 1e-10 (so that ticks x lots x `UNITS_PER_TICK_LOT` is
exact), times simulated nanoseconds. Pools are as large as they can ever get, yet only pages that were used
take memory; 0 means "none" in every index, so that a zeroed record is an empty book.

Accounts are addressed by a slot: miners come first (their uid), then the background, whose published id
-1, -2, … has slot n_miners, n_miners + 1, ….
"""

from __future__ import annotations

import numpy as np

from obmm.market import NoticeKind, SelfTrade, TimeInForce

BUY = 0
SELL = 1

#: Quote units (1e-10) in one tick (1e-2) times one lot (1e-4).
UNITS_PER_TICK_LOT = 10_000
UNITS_PER_QUOTE = 10_000_000_000
LOTS_PER_BASE = 10_000
TICKS_PER_QUOTE = 100

#: Prices below this tick have a level of their own; those above share one sorted queue a side.
FAR_TICK = 64**3 - 1
#: Refused as INVALID_PRICE and INVALID_VOLUME, so that no product leaves 64 bits.
MAX_TICK = 10**9
MAX_LOTS = 10**13

ACCOUNT_SLOTS = 4096
ORDER_SLOTS = 32_768
EVENT_SLOTS = 65_536
INSTRUCTION_SLOTS = 8192
TAPE_SLOTS = 16_384
NOTICE_SLOTS = 16_384
TRADE_SLOTS = 4096
FEE_SLOTS = 512
TIER_SLOTS = 32
BAND_SLOTS = 300
#: Prices a side that agents may see after their orders were filled; more than a depth query returns.
GHOST_LEVELS = 32
STREAMS = 32

# Random streams of a book that the engine uses; the background has those from 8 on.
STREAM_ENDOWMENT = 0
STREAM_DELAY = 1
STREAM_BACKGROUND = 8

# Answers to a request, in the order of the venue's own list; NOT_SIMULATED and ENGINE_FULL are ours.
REJECT_CODES = (
    "VALID",
    "NONEXISTENT_ACCOUNT",
    "INVALID_LEVERAGE",
    "INSUFFICIENT_BASE",
    "INSUFFICIENT_QUOTE",
    "EMPTY_BOOK",
    "PRICE_INCREMENT_VIOLATED",
    "VOLUME_INCREMENT_VIOLATED",
    "EXCEEDING_LOAN",
    "CONTRACT_VIOLATION",
    "INVALID_VOLUME",
    "INVALID_PRICE",
    "EXCEEDING_MAX_ORDERS",
    "DUAL_POSITION",
    "MINIMUM_ORDER_SIZE_VIOLATION",
    "NOT_SIMULATED",
)
VALID = 0
INVALID_LEVERAGE = 2
INSUFFICIENT_BASE = 3
INSUFFICIENT_QUOTE = 4
EMPTY_BOOK = 5
EXCEEDING_LOAN = 8
CONTRACT_VIOLATION = 9
INVALID_VOLUME = 10
INVALID_PRICE = 11
EXCEEDING_MAX_ORDERS = 12
DUAL_POSITION = 13
MINIMUM_ORDER_SIZE_VIOLATION = 14
NOT_SIMULATED = 15

GTC, GTT, IOC, FOK = (int(flag) for flag in TimeInForce)
STP_NONE, STP_OLDEST, STP_NEWEST, STP_BOTH, STP_DECREMENT = (int(mode) for mode in SelfTrade)

# Event kinds of the queue below 16 are the engine's, the others the background's.
EV_INSTRUCTION = 0
EV_EXPIRY = 1
EV_CANCEL = 2
EV_BACKGROUND = 16

FEES_ZERO = 0
FEES_DYNAMIC = 1
FEES_TIERED = 2

# Faults: a pool ran full. The run is worthless from there on and the caller raises.
FAULT_ORDERS = 1
FAULT_EVENTS = 2
FAULT_INSTRUCTIONS = 4
FAULT_TAPE = 8
FAULT_NOTICES = 16

# Bits of ACCOUNT.filled.
FILLED_BUY = 1
FILLED_SELL = 2

TAPE_ORDER = 0
TAPE_TRADE = 1
TAPE_CANCEL = 2

NOTICE_ACCEPTED = int(NoticeKind.ACCEPTED)
NOTICE_REJECTED = int(NoticeKind.REJECTED)
NOTICE_CANCELLED = int(NoticeKind.CANCELLED)
NOTICE_CANCEL_FAILED = int(NoticeKind.CANCEL_FAILED)
NOTICE_FILL = int(NoticeKind.FILL)

LEVEL = np.dtype([("head", "i4"), ("tail", "i4"), ("lots", "i8")], align=True)

ORDER = np.dtype(
    [
        ("id", "i8"),  # 0 for a free slot
        ("tick", "i8"),
        ("lots", "i8"),  # remaining
        ("reserved", "i8"),  # quote units of a buy, lots of a sell
        ("time_ns", "i8"),
        ("client_id", "i8"),  # -1 for none
        ("agent", "i4"),
        ("side", "i4"),
        ("next", "i4"),  # behind it at its level; the next free slot of a free one
        ("prev", "i4"),
        ("own_next", "i4"),  # the agent's other orders
        ("own_prev", "i4"),
    ],
    align=True,
)

ACCOUNT = np.dtype(
    [
        ("base_free", "i8"),
        ("base_reserved", "i8"),
        ("quote_free", "i8"),
        ("quote_reserved", "i8"),
        ("base_initial", "i8"),
        ("quote_initial", "i8"),
        ("net_lots", "i8"),  # bought less sold, before fees
        ("turnover", "i8"),  # quote units traded, either side
        ("fees", "i8"),  # quote units paid, the base part at the trade's price; negative for rebates
        ("open_orders", "i4"),
        ("ghosts", "i4"),  # orders filled in this step, which still count as open
        ("first_order", "i4"),
        ("filled", "i4"),  # FILLED_BUY | FILLED_SELL as a maker since the background last looked
        ("tier", "i4"),
        ("watched", "i4"),  # whether notices are written
    ],
    align=True,
)

EVENT = np.dtype(
    [
        ("tick", "i8"),
        ("lots", "i8"),
        ("data", "i8"),
        ("agent", "i4"),
        ("kind", "i2"),
        ("side", "i2"),
        ("next", "i4"),
    ],
    align=True,
)

INSTRUCTION = np.dtype(
    [
        ("kind", "i4"),  # InstructionKind
        ("agent", "i4"),
        ("side", "i4"),
        ("time_in_force", "i4"),
        ("post_only", "i4"),
        ("self_trade", "i4"),
        ("in_quote", "i4"),
        ("not_simulated", "i4"),
        ("tick", "i8"),
        ("amount", "i8"),  # lots, or quote units; of a cancel 0 for the whole order
        ("expiry_ns", "i8"),
        ("order_id", "i8"),
        ("client_id", "i8"),
        ("delay_ns", "i8"),  # total delay, which the answer takes once more
        ("slippage_e8", "i8"),
        ("leverage", "f8"),
        ("next", "i4"),
    ],
    align=True,
)

TAPE_ROW = np.dtype(
    [
        ("time_ns", "i8"),
        ("tick", "i8"),  # 0 for a market order
        ("lots", "i8"),
        ("order_id", "i8"),  # of a trade the maker's
        ("taker_order_id", "i8"),
        ("client_id", "i8"),
        ("maker_fee", "i8"),
        ("taker_fee", "i8"),
        ("maker_id", "i4"),  # published ids
        ("taker_id", "i4"),
        ("kind", "i4"),
        ("side", "i4"),
    ],
    align=True,
)

NOTICE = np.dtype(
    [
        ("time_ns", "i8"),
        ("deliver_ns", "i8"),
        ("order_id", "i8"),
        ("client_id", "i8"),
        ("tick", "i8"),
        ("lots", "i8"),  # 0 for a whole-order cancel that failed
        ("trade_id", "i8"),
        ("fee", "i8"),
        ("agent", "i4"),
        ("kind", "i4"),
        ("side", "i4"),
        ("reason", "i4"),  # a reject code
        ("maker_id", "i4"),
        ("taker_id", "i4"),
        ("is_market", "i4"),
        ("in_quote", "i4"),
        ("book", "i4"),
    ],
    align=True,
)

TRADE = np.dtype(
    [
        ("time_ns", "i8"),
        ("tick", "i8"),
        ("lots", "i8"),
        ("maker", "i4"),  # account slots
        ("taker", "i4"),
        ("side", "i4"),  # the taker's
    ],
    align=True,
)

BOOK = np.dtype(
    [
        # the clock
        ("now_ns", "i8"),
        ("duration_ns", "i8"),  # timers beyond it are not kept
        ("next_process_ns", "i8"),  # the background's next update of an exogenous process
        ("events_done", "i8"),
        ("fault", "i8"),
        ("digest", "u8"),  # of all trades so far
        # rules
        ("index", "i8"),
        ("seed", "i8"),
        ("n_miners", "i8"),
        ("min_lots", "i8"),
        ("max_open_orders", "i8"),
        ("keeps_ghosts", "i8"),
        ("shows_ghosts", "i8"),
        ("ghosts_hold_a_side", "i8"),
        ("self_trade_notices", "i8"),
        # best prices, ticks; 0 for an empty side. Index by side: touch[BUY], touch[SELL]
        ("touch", "i8", (2,)),
        ("live", "i8", (2,)),  # resting orders a side
        ("ghosts", "i8", (2,)),  # orders filled in this step, a side
        ("ghost_levels", "i8", (2,)),  # prices of theirs that agents still see
        ("ghost_ticks", "i8", (2, GHOST_LEVELS)),
        # ids
        ("last_order_id", "i8"),
        ("last_trade_id", "i8"),
        # what the latest placement came to
        ("placed_slot", "i8"),  # 0 unless it rests
        ("placed_id", "i8"),
        ("placed_lots", "i8"),  # accepted size
        ("filled_lots", "i8"),
        # trades so far
        ("last_tick", "i8"),
        ("last_trade_ns", "i8"),
        ("traded_lots", "i8"),
        ("traded_units", "i8"),
        ("trades_done", "i8"),  # trade k lies in trades[k % TRADE_SLOTS]
        # destroyed by fees, brought in from outside: total of the accounts = brought - burnt
        ("burnt_lots", "i8"),
        ("burnt_units", "i8"),
        ("brought_lots", "i8"),
        ("brought_units", "i8"),
        ("rejects", "i8", (2, 16)),  # [0] background, [1] miners; by code
        # fee policy
        ("fee_kind", "i8"),
        ("fees_exogenous", "i8"),  # the maker ratio is set from outside, trades do not move it
        ("maker_fee", "f8"),
        ("taker_fee", "f8"),
        ("max_maker_rate", "f8"),
        ("max_taker_rate", "f8"),
        ("target_mtr", "f8"),
        ("shape_maker_fee", "f8"),
        ("shape_maker_rebate", "f8"),
        ("fee_slots", "i8"),
        ("mtr", "f8"),  # maker ratio as published
        ("maker_rate", "f8"),
        ("taker_rate", "f8"),
        ("rates_e16", "i8", (2,)),  # maker and taker rate as settlement uses them
        ("fee_total", "i8", (2,)),  # running maker, taker quote of miners
        ("fee_frozen", "i8", (2,)),
        ("fee_has_frozen", "i8"),
        ("fee_last_ns", "i8"),  # the book's last instant with miners' volume
        ("fee_block_ns", "i8"),  # the block's, as of the order that is being dealt with
        ("fee_count", "i8"),  # slots in use
        ("fee_newest", "i8"),
        ("fee_ring", "i8", (FEE_SLOTS, 2)),
        ("tier_count", "i8"),
        ("tier_required", "i8", (8,)),
        ("tier_rates_e16", "i8", (8, 2)),
        ("tier_slots", "i8"),
        ("tier_period_ns", "i8"),
        ("tier_next_ns", "i8"),
        ("tier_newest", "i8"),
        # price band
        ("band", "f8"),  # widest distance from the reference, fraction; 0 for no band
        ("band_low", "i8"),  # ticks allowed, 0 while the band is not active
        ("band_high", "i8"),
        ("band_tick", "i8"),  # last trade price, self-trades aside
        ("band_refused", "i8"),
        ("band_steps", "i8"),
        ("band_quiet", "i8"),
        ("band_count", "i8"),
        ("band_newest", "i8"),
        ("band_ring", "i8", (BAND_SLOTS,)),
        ("band_sorted", "i8", (BAND_SLOTS,)),
        # agents filled as makers since the background last looked
        ("touched_count", "i8"),
        ("ghosted_count", "i8"),
        # pools
        ("order_free", "i8"),
        ("order_top", "i8"),
        ("event_free", "i8"),
        ("event_top", "i8"),
        ("event_count", "i8"),
        ("event_sequence", "i8"),
        ("instruction_free", "i8"),
        ("instruction_top", "i8"),
        # records for the outside
        ("tape_on", "i8"),
        ("tape_count", "i8"),
        ("notice_count", "i8"),
        ("rng", "u8", (STREAMS, 4)),
        ("touched", "i4", (ACCOUNT_SLOTS,)),
        ("ghosted", "i4", (ACCOUNT_SLOTS,)),
        # which levels hold orders, per side: 64-ary tree of bits
        ("bits_top", "u8", (2,)),
        ("bits_mid", "u8", (2, 64)),
        ("bits_low", "u8", (2, 4096)),
        ("heap_time", "i8", (EVENT_SLOTS,)),
        ("heap_key", "i8", (EVENT_SLOTS,)),
        ("events", EVENT, (EVENT_SLOTS,)),
        ("instructions", INSTRUCTION, (INSTRUCTION_SLOTS,)),
        ("accounts", ACCOUNT, (ACCOUNT_SLOTS,)),
        ("levels", LEVEL, (FAR_TICK + 2,)),
        ("orders", ORDER, (ORDER_SLOTS,)),
        ("trades", TRADE, (TRADE_SLOTS,)),
        ("notices", NOTICE, (NOTICE_SLOTS,)),
        ("tape", TAPE_ROW, (TAPE_SLOTS,)),
        ("tier_volume", "i8", (ACCOUNT_SLOTS, TIER_SLOTS)),
    ],
    align=True,
)
