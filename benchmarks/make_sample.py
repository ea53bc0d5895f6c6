"""Write the recording that ships with the package: two minutes of eight books, quoted by the touch preset."""

from __future__ import annotations

from obmm.agent import MarketMaker, resolve
from obmm.lab.bench import sample_path
from obmm.market import Feed
from obmm.sim import SimulatedMarket
from obmm.wire import StreamWriter

BOOKS, SECONDS, SEED = 8, 120.0, 2026


def main() -> None:
    """Simulate and record."""
    path = sample_path()
    path.parent.mkdir(exist_ok=True)
    maker = MarketMaker(resolve("touch"))
    with (
        SimulatedMarket("taos-0.5.4", books=BOOKS, seed=SEED, feeds={Feed.TAPE}) as market,
        StreamWriter(path, level=19) as writer,
    ):
        for states in market.states(SECONDS):
            orders = maker.respond(states[0])
            market.submit(0, orders, 0.1)
            writer.write(states[0], orders=orders)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
