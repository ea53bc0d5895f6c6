"""The ledger of seeds: nothing noted is lost, whoever writes, however they end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from obmm.lab.trials.seeds import (
    FIRST_CONFIRMING,
    Ledger,
    confirming_seeds,
    is_confirming,
    looking_seeds,
)


def note(ledger: Ledger, *seeds: int, purpose: str = "compare", scenario: str = "taos-0.5.4") -> None:
    """Note some seeds."""
    ledger.note(purpose, scenario=scenario, seeds=seeds, configs=("abc",), folder="runs/x")


@given(st.integers(1, 200), st.integers(1, 200), st.sets(st.integers(0, 2_000_000)))
def test_seeds_for_looking_and_for_confirming_never_meet(
    looking: int, confirming: int, used: set[int]
) -> None:
    """Whatever was used before; and what confirms is fresh."""
    fresh = confirming_seeds(confirming, used)
    assert all(map(is_confirming, fresh))
    assert not any(map(is_confirming, looking_seeds(looking)))
    assert not set(fresh) & (used | set(looking_seeds(looking)))
    assert confirming == len(set(fresh))


def test_a_ledger_tells_what_was_noted(tmp_path: Path) -> None:
    """By scenario, oldest first; one that is not there tells nothing."""
    ledger = Ledger.beside(tmp_path / "runs" / "first")
    assert [] == ledger.uses()
    note(ledger, 1, 2, purpose="tune")
    note(ledger, 3, scenario="taos-0.6.2")
    note(ledger, FIRST_CONFIRMING)
    assert ["tune", "compare"] == [use.purpose for use in ledger.uses("taos-0.5.4")]
    assert {1, 2, FIRST_CONFIRMING} == ledger.seeds_used("taos-0.5.4")
    assert 3 == len(ledger.uses())


def test_half_a_line_of_a_killed_process_harms_no_other(tmp_path: Path) -> None:
    """It is left out, and the next line begins anew."""
    ledger = Ledger(tmp_path / "seeds.jsonl")
    note(ledger, 1)
    whole = ledger.path.read_bytes()
    for cut in (1, len(whole) // 2, len(whole) - 1):
        ledger.path.write_bytes(whole + whole[:cut])
        note(ledger, 2)
        # All but its end of line is a whole line still.
        expected = [(1,), (1,), (2,)] if cut == len(whole) - 1 else [(1,), (2,)]
        assert expected == [use.seeds for use in ledger.uses()]


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    """Every line of each is there, whole."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom obmm.lab.trials.seeds import Ledger\n"
        "for i in range(40):\n"
        "    Ledger(Path(sys.argv[1])).note('tune', scenario='s', seeds=range(int(sys.argv[2]), 300),"
        " configs=('c',) * i, folder='f')\n"
    )
    path = tmp_path / "seeds.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path), str(i)]) for i in range(2)]
    assert [0, 0] == [writer.wait() for writer in writers]
    uses = Ledger(path).uses("s")
    assert (80, {300, 299}) == (len(uses), {len(use.seeds) for use in uses})
