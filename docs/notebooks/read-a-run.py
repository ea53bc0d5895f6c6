# %% [markdown]
# # Reading a run
#
# An agent plays a few minutes of the embedded market, and its records say what happened: where the money came from,
# what became of fills, why sides were quiet. It needs `obmm[sim,records]`.

# %%
import tempfile
from pathlib import Path

import numpy as np

from obmm.agent import resolve
from obmm.lab import read
from obmm.lab.simulate import Plan, simulate
from obmm.sim import Scenario

plan = Plan(
    config=resolve("touch"), scenario=Scenario.load("taos-0.5.4"), books=4, hours=0.15, seed=3, eras=()
)
folder = Path(tempfile.mkdtemp()) / "run"
summary = simulate(plan, folder)
print(f"{summary['pnl']:+.2f} quote with {summary['fills']} fills")
# > +12.36 quote with 302 fills

# %% [markdown]
# The same summary says where that came from, part by part; the parts add up.

# %%
for part, quote in summary["attribution"].items():
    print(f"{part:20} {quote:+8.2f}")
print(f"{'together':20} {sum(summary['attribution'].values()):+8.2f}")
# > spread                  +0.20
# > first_minute            +2.23
# > one_to_five_minutes     +3.36
# > held_longer             +6.56
# > fees_and_rebates        -0.00
# > together               +12.36

# %% [markdown]
# Everything else is in the tables. Their columns say what they mean; codes come as words.

# %%
run = read(folder)
print(", ".join(run.tables))
fills = run.fills
print(fills.num_rows, "fills, fee in", run.columns("fills")["fee"].unit)
maker = fills["maker"].to_numpy(zero_copy_only=False)
fee = fills["fee"].to_numpy()
print(
    f"as a maker {fee[maker].sum():+.2f}, as a taker {fee[~maker].sum():+.2f} quote of fees (negative: received)"
)
# > states, orders, fills, trades, rejects, scores, answers, signals
# > 302 fills, fee in quote
# > as a maker +0.00, as a taker +0.00 quote of fees (negative: received)

# %% [markdown]
# Why was a side quiet? Every state says so for both sides.

# %%
states = run.table("states", ["bid_reason", "ask_reason"], uid=0)
reasons = np.concatenate([states[name].to_numpy(zero_copy_only=False) for name in states.column_names])
for reason, count in sorted(zip(*np.unique(reasons.astype(str), return_counts=True), strict=True)):
    print(f"{reason:16} {count / reasons.size:6.1%}")
# > no_edge            0.0%
# > open              94.4%
# > warming_up         5.6%

# %% [markdown]
# The price of one book, a minute apart, with what the agent held.

# %%
book = run.table("states", ["time_ns", "book", "bid", "ask", "position"], uid=0)
of_0 = book["book"].to_numpy() == 0
mid = (book["bid"].to_numpy()[of_0] + book["ask"].to_numpy()[of_0]) / 2
position = book["position"].to_numpy()[of_0]
for row in range(0, mid.size, 60):
    print(f"{row:4} s  {mid[row]:9.3f}  {position[row]:+6.2f}")
# >    0 s    301.100   +0.00
# >   60 s    301.565   -0.78
# >  120 s    301.940   -2.08
# >  180 s    301.740   -2.34
# >  240 s    300.655   -0.52
# >  300 s    300.665   +0.00
# >  360 s    300.625   +0.26
# >  420 s    301.475   +0.26
# >  480 s    301.315   +0.26
