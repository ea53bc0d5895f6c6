"""The strategy of the balanced preset the way a first script has it: dictionaries and loops, level by level.

Written without the stages, for `make bench` to time beside the pipeline and to compare quotes with: the same
signals, gates, quotes, differences to open orders, and checks of each instruction.
"""

from __future__ import annotations

import json
import math
from base64 import b64decode
from typing import Any

import lz4.frame
import msgspec

DEPTHS, WEIGHTS = (1, 3, 5, 10), (1.0, 1.2, 1.5, 2.0)
TARGET_BPS, EDGE_BPS, SIZE, SKEW, LIMIT, SOFT = 10.0, 2.0, 0.5, 0.5, 0.30, 0.8
TICK, LOT, CAP = 0.01, 0.0001, 500_000.0
VOL_TAU_S, FLOW_TAU_S, FLOW_BALANCE, VOL_REF = 60.0, 10.0, 10.0, 0.001


class PlainMaker:
    """Answers request bodies; remembers volatility per book and the flow of all books."""

    def __init__(self) -> None:
        self.books: dict[int, dict[str, float]] = {}
        self.signed = self.volume = 0.0
        self.last_s: float | None = None

    def decode(self, body: bytes) -> dict[str, Any]:
        """The request as nested dictionaries."""
        envelope = json.loads(body)
        blobs = envelope["compressed"]
        state: dict[str, Any] = {}
        for blob in blobs.values():
            state |= msgspec.msgpack.decode(lz4.frame.decompress(b64decode(blob)))
        return {
            "timestamp": envelope["timestamp"],
            "books": _books(state.get("books", state)),
            "accounts": state["accounts"],
        }

    def decide(self, state: dict[str, Any], time_s: float) -> list[dict[str, Any]]:
        """Instructions of one state at `time_s`."""
        elapsed = 0.0 if self.last_s is None else time_s - self.last_s
        self._flow(state["books"], time_s, state["timestamp"] / 1e9, elapsed)
        self.last_s = time_s
        uid, accounts = next(iter(state["accounts"].items()))
        instructions: list[dict[str, Any]] = []
        net = capital = 0.0
        for book_id, account in accounts.items():
            past = self.books.get(book_id, {})
            net += (account["bb"]["t"] - account["bb"]["i"]) * past.get("mid", 300.0)
            capital += account["qb"]["t"] + account["bb"]["t"] * past.get("mid", 300.0)
        exposed = 0.5 if abs(net) > 0.5 * capital else 1.0
        for book_id, book in state["books"].items():
            account = accounts[book_id]
            wanted = self._quotes(book_id, book, account, elapsed, exposed, time_s)
            instructions += _differ(
                int(uid), book_id, wanted, account["o"], time_s - state["timestamp"] / 1e9, time_s
            )
        return instructions

    def encode(self, instructions: list[dict[str, Any]]) -> bytes:
        """The reply, of those instructions that the venue would take."""
        count: dict[int, int] = {}
        passed = []
        for instruction in instructions:
            book = instruction["bookId"]
            count[book] = count.get(book, 0) + 1
            ok = isinstance(book, int) and book >= 0 and count[book] <= 5
            if instruction["type"] == "CANCEL_ORDERS":
                ok = ok and all(isinstance(item["orderId"], int) for item in instruction["cancellations"])
            else:
                ok = (
                    ok
                    and 0.25 <= instruction["quantity"] < math.inf
                    and 0.0 < instruction["price"] < math.inf
                )
                ok = ok and instruction["direction"] in (0, 1) and instruction["expiryPeriod"] > 0
            if ok:
                passed.append(instruction)
        instructions = passed
        response = {"agent_id": 0, "instructions": instructions}
        content = {"accounts": None, "notices": None, "config": None, "response": response}
        return lz4.frame.compress(msgspec.msgpack.encode(content))

    def _flow(self, books: dict[int, Any], time_s: float, told_s: float, elapsed: float) -> None:
        keep = math.exp(-elapsed / FLOW_TAU_S)
        self.signed *= keep
        self.volume *= keep
        for book in books.values():
            for event in book["e"] or ():
                if event["y"] == "t":
                    weight = math.exp(-(told_s - event["t"] / 1e9) / FLOW_TAU_S)
                    signed = event["q"] if event["s"] == 0 else -event["q"]
                    self.signed += weight * signed
                    self.volume += weight * event["q"]

    def _quotes(
        self,
        book_id: int,
        book: dict[str, Any],
        account: dict[str, Any],
        elapsed: float,
        exposed: float,
        time_s: float,
    ) -> dict[int, tuple[float, float]]:
        """Side → (price, size)."""
        bids, asks = book["b"], book["a"]
        if not bids or not asks or bids[0]["p"] >= asks[0]["p"]:
            return {}
        own = {(order["s"], order["p"]): order["q"] for order in account["o"]}
        best_bid = next((lv["p"] for lv in bids if lv["q"] - own.get((0, lv["p"]), 0.0) > LOT / 2), None)
        best_ask = next((lv["p"] for lv in asks if lv["q"] - own.get((1, lv["p"]), 0.0) > LOT / 2), None)
        if best_bid is None or best_ask is None:
            return {}
        mid, fair = (bids[0]["p"] + asks[0]["p"]) / 2.0, (best_bid + best_ask) / 2.0
        volatility = self._volatility(book_id, mid, elapsed)
        past = self.books[book_id]
        spread_factor, limit_share = self._regime(past, volatility, elapsed)
        if self._stopped(past, account, mid, time_s) or past["seen_s"] < 30.0:
            return {}
        traded = account["v"] or 0.0
        if traded > 0.9 * CAP or traded > CAP * (0.05 + time_s / 86_400.0):
            return {}
        total = weight_sum = 0.0
        for depth, weight in zip(DEPTHS, WEIGHTS, strict=True):
            bid = ask = 0.0
            for level in bids[:depth]:
                bid += level["q"]
            for level in asks[:depth]:
                ask += level["q"]
            total += weight * (bid - ask) / (bid + ask)
            weight_sum += weight
        flow = self.signed / (self.volume + FLOW_BALANCE)
        lean = max(-1.0, min(1.0, -0.2 * total / weight_sum + 0.3 * flow))
        position = account["bb"]["t"] - account["bb"]["i"]
        limit = limit_share * LIMIT * (account["qb"]["t"] + account["bb"]["t"] * mid) / mid
        skew = max(-1.0, min(1.0, SKEW * position / limit))
        if TARGET_BPS / 2.0 - 1e4 * account["f"]["m"] < EDGE_BPS:
            spread_factor = max(spread_factor, (EDGE_BPS + 1e4 * account["f"]["m"]) / (TARGET_BPS / 2.0))
            if spread_factor > 2.0:
                return {}
        half = TARGET_BPS / 2.0 * (1.0 + volatility / VOL_REF) * spread_factor
        shift, tilt = 0.3 * lean - 0.5 * skew, 0.5 * lean - 0.5 * skew
        edge = max(EDGE_BPS + 1e4 * account["f"]["m"], 0.0) * fair / 1e4
        quotes = {}
        for side, sign in ((0, 1.0), (1, -1.0)):
            if sign * position >= SOFT * limit:
                continue
            distance = max(fair * half / 1e4 * (1.0 - sign * shift), edge)
            ticks = math.floor(sign * (fair - sign * distance) / TICK + 1e-6)
            size = SIZE * max(0.5, min(2.0, 1.0 + sign * tilt)) * exposed
            size = max(math.floor(size / LOT + 1e-6) * LOT, 0.25)
            price = abs(ticks) * TICK
            free = account["qb"]["f"] / price if side == 0 else account["bb"]["f"]
            behind = price < best_ask if side == 0 else price > best_bid
            if size <= free and size <= limit - sign * position and behind:
                quotes[side] = (price, size)
        return quotes

    def _regime(self, past: dict[str, float], volatility: float, elapsed: float) -> tuple[float, float]:
        """Factors of spread and limit while volatility is high, with hysteresis."""
        if past["seen_s"] < 30.0:
            return 1.0, 1.0
        keep = 0.5 ** (elapsed / 1800.0)
        slow = past["slow"] = keep * past.get("slow", volatility) + (1.0 - keep) * volatility
        mark = min(0.002, 2.0 * slow)
        high = volatility > (0.8 * mark if past.get("high") else mark)
        past["high"] = float(high)
        return (1.2, 0.8) if high else (1.0, 1.0)

    def _stopped(self, past: dict[str, float], account: dict[str, Any], mid: float, time_s: float) -> bool:
        """Whether a drawdown of 5 % from the peak of the trading result stops the book for ten minutes."""
        base, quote = account["bb"], account["qb"]
        result = quote["t"] - quote["i"] + (base["t"] - base["i"]) * mid
        past["peak"] = max(past.get("peak", result), result)
        if past["peak"] - result > 0.05 * (quote["i"] + base["i"] * mid):
            past["until_s"], past["peak"] = time_s + 600.0, result
        return time_s < past.get("until_s", 0.0)

    def _volatility(self, book_id: int, mid: float, elapsed: float) -> float:
        past = self.books.setdefault(book_id, {"mid": mid, "variance": 0.0, "seen_s": 0.0})
        if elapsed > 0.0:
            change = math.log(mid / past["mid"])
            past["seen_s"] += elapsed
            keep = (
                1.0 - elapsed / past["seen_s"] if past["seen_s"] <= 30.0 else math.exp(-elapsed / VOL_TAU_S)
            )
            past["variance"] = keep * past["variance"] + (1.0 - keep) * change * change / elapsed
        past["mid"] = mid
        return max(math.sqrt(past["variance"]), 1e-6) if past["seen_s"] >= 30.0 else 1e-4


def _books(books: dict[Any, Any]) -> dict[int, Any]:
    return {int(key): book for key, book in books.items() if isinstance(book, dict) and "b" in book}


def _differ(
    uid: int,
    book_id: int,
    wanted: dict[int, tuple[float, float]],
    orders: list[dict[str, Any]],
    moved_s: float,
    time_s: float,
) -> list[dict[str, Any]]:
    """Cancels of what is not wanted any more, then placements of what does not stand."""
    stale, standing = [], set()
    for order in orders:
        quote = wanted.get(order["s"])
        age = time_s - moved_s - order["t"] / 1e9
        near = quote is not None and abs(order["p"] - quote[0]) <= 2 * TICK
        same = near and abs(order["q"] - quote[1]) <= 0.25 * quote[1]
        if same and age < 45.0 and order["s"] not in standing:
            standing.add(order["s"])
        else:
            stale.append({"orderId": order["i"], "volume": None})
    found: list[dict[str, Any]] = []
    if stale:
        found.append(
            {"type": "CANCEL_ORDERS", "agentId": uid, "bookId": book_id, "cancellations": stale, "delay": 0}
        )
    for side, (price, size) in wanted.items():
        if side not in standing:
            found.append(
                {
                    "type": "PLACE_ORDER_LIMIT",
                    "agentId": uid,
                    "bookId": book_id,
                    "direction": side,
                    "quantity": math.nextafter(size, math.inf),
                    "price": math.nextafter(price, math.inf),
                    "postOnly": True,
                    "timeInForce": 1,
                    "expiryPeriod": 60_000_000_000,
                    "clientOrderId": None,
                    "stp": 1,
                    "leverage": 0.0,
                    "settleFlag": -2,
                    "delay": 0,
                }
            )
    return found
