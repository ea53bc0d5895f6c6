"""Random runs of one miner: states with accounts, fills, restarts and resets."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np

from obmm.market import Accounts, MarketState, NoticeKind, Notices, OpenOrders, Venue

SECOND = 10**9


@attrs.frozen
class Run:
    """How to make a run; the same run gives the same states.

    Attributes:
        seed: Names it.
        n_books: Number of books.
        fills_per_state: Mean number of own fills per state.
        restarts: States (by index) at which a new simulation begins.
        resets: States (by index) that bring a reset of the account.
        step_s: Seconds between states.
        uid: The miner.
    """

    seed: int
    n_books: int = 3
    fills_per_state: float = 1.0
    restarts: tuple[int, ...] = ()
    resets: tuple[int, ...] = ()
    step_s: int = 1
    uid: int = 4

    def states(self, n_states: int) -> Iterator[MarketState]:
        """The first states of the run."""
        random = np.random.default_rng(self.seed)
        n, simulation, time_ns = self.n_books, 0, 600 * SECOND
        price = 300.0 + random.normal(size=n)
        base, quote = np.full(n, 80.0), np.full(n, 26_000.0)
        for i in range(n_states):
            if i in self.restarts:
                simulation, time_ns = simulation + 1, 600 * SECOND
                base, quote = np.full(n, 80.0), np.full(n, 26_000.0)
            price = np.round(price + random.normal(0.0, 0.05, n), 2)
            rows = self._fills(random, price, time_ns)
            for book, side, size, paid, fee in rows:
                sign = 1.0 if side == 0 else -1.0
                base[book] += sign * size
                quote[book] -= sign * size * paid + fee
            venue = Venue.of(n, simulation_id=f"run-{simulation}", wealth_quote=50_000.0)
            bid = np.where(random.random(n) < 0.02, np.nan, price - 0.05)
            yield MarketState(
                venue=venue,
                time_ns=time_ns,
                uid=self.uid,
                bid_price=bid[:, None],
                bid_size=np.where(np.isnan(bid), 0.0, 5.0)[:, None],
                ask_price=(price + 0.05)[:, None],
                ask_size=np.full((n, 1), 5.0),
                maker_ratio=np.full(n, 0.5),
                accounts=Accounts.of(n, base=base, quote=quote, base_loan=1.0, quote_collateral=20.0),
                open_orders=OpenOrders.empty(n),
                notices=self._notices(random, rows, time_ns, reset=i in self.resets),
            )
            time_ns += self.step_s * SECOND

    def _fills(
        self, random: np.random.Generator, price: np.ndarray, time_ns: int
    ) -> list[tuple[int, int, float, float, float]]:
        rows = []
        for _ in range(random.poisson(self.fills_per_state)):
            book, side = int(random.integers(self.n_books)), int(random.integers(2))
            size = float(round(random.uniform(0.25, 4.0), 4))
            paid = float(np.round(price[book] + random.normal(0.0, 0.1), 2))
            rows.append((book, side, size, paid, float(round(random.normal(0.0, 0.2), 6))))
        return rows

    def _notices(
        self,
        random: np.random.Generator,
        rows: list[tuple[int, int, float, float, float]],
        time_ns: int,
        *,
        reset: bool,
    ) -> Notices:
        n = len(rows) + reset + 1
        maker = random.random(n) < 0.5
        padding = [(-1, -1, np.nan, np.nan, 0.0)] * (1 + reset)
        book, side, size, paid, fee = np.array([*rows, *padding], dtype=np.float64).T
        kinds = [NoticeKind.FILL] * len(rows) + [NoticeKind.ACCEPTED] + [NoticeKind.RESET] * reset
        return Notices(
            kind=np.array(kinds),
            time_ns=np.full(n, time_ns),
            book=book,
            order_id=np.full(n, -1),
            client_id=np.full(n, -1),
            side=side,
            price=paid,
            size=size,
            maker_id=np.where(maker, self.uid, -3),
            taker_id=np.where(maker, -3, self.uid),
            fee=fee,
            trade_id=np.arange(n),
            message=("",) * n,
        )
