"""The strategy of the balanced preset the way a first script has it: dictionaries and loops, level by level.

Written without the stages, for `make bench` to time beside the pipeline and to compare quotes with. The
gates that seldom bind in a minute of sound books (drawdown, turnover, ending) are left out, in its favour.
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
TICK, LOT, WEALTH = 0.01, 0.0001, 50_000.0
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
        for book_id, book in state["books"].items():
            account = accounts[book_id]
            wanted = self._quotes(book_id, book, account, elapsed)
            instructions += _differ(
                int(uid), book_id, wanted, account["o"], time_s - state["timestamp"] / 1e9, time_s
            )
        return instructions

    def encode(self, instructions: list[dict[str, Any]]) -> bytes:
        """The reply."""
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
        self, book_id: int, book: dict[str, Any], account: dict[str, Any], elapsed: float
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
        limit = LIMIT * (account["qb"]["t"] + account["bb"]["t"] * mid) / mid
        skew = max(-1.0, min(1.0, SKEW * position / limit))
        half = TARGET_BPS / 2.0 * (1.0 + volatility / VOL_REF)
        shift, tilt = 0.3 * lean - 0.5 * skew, 0.5 * lean - 0.5 * skew
        edge = max(EDGE_BPS + 1e4 * account["f"]["m"], 0.0) * fair / 1e4
        quotes = {}
        for side, sign in ((0, 1.0), (1, -1.0)):
            if sign * position >= SOFT * limit:
                continue
            distance = max(fair * half / 1e4 * (1.0 - sign * shift), edge)
            ticks = math.floor(sign * (fair - sign * distance) / TICK + 1e-6)
            size = SIZE * max(0.5, min(2.0, 1.0 + sign * tilt))
            quotes[side] = (abs(ticks) * TICK, max(math.floor(size / LOT + 1e-6) * LOT, 0.25))
        return quotes

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
