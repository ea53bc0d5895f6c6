"""A signed request is good once, for a while, and costs no memory after that."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from obmm.live.doors.nonces import AHEAD_S, LONGEST_TIMEOUT_S, MAX_CLIENTS, SLACK_S, Nonces

S = 10**9
NOW = 1_800_000_000 * S

requests = st.lists(
    st.tuples(
        st.sampled_from(["5A", "5B"]),
        st.sampled_from("xyz"),
        st.integers(-30 * S, 10 * S),
        st.floats(0.0, 100.0),
        st.integers(0, 20 * S),
    ),
    max_size=60,
)


@given(requests)
def test_no_request_is_accepted_twice(told):
    """Whatever comes in whatever order, over minutes, however often entries are forgotten."""
    nonces, accepted, now = Nonces(), set(), NOW
    for hotkey, uuid, offset, timeout_s, pause in told:
        now += pause
        for nonce in [now + offset, *(nonce for h, u, nonce in accepted if (h, u) == (hotkey, uuid))]:
            if nonces.problem(hotkey, uuid, nonce, timeout_s, now) == "":
                assert (hotkey, uuid, nonce) not in accepted
                assert -AHEAD_S <= (now - nonce) / S <= min(timeout_s, LONGEST_TIMEOUT_S) + SLACK_S
                assert nonces.add(hotkey, uuid, nonce, now)
                accepted.add((hotkey, uuid, nonce))


def test_hours_of_a_client_a_step_stay_small():
    """Validators open a new client each step: only those of the last seconds are kept."""
    nonces, most = Nonces(), 0
    for step in range(20_000):
        now = NOW + step * S
        assert nonces.problem("5A", str(step), now, 3.0, now) == ""
        assert nonces.add("5A", str(step), now, now)
        most = max(most, len(nonces))
    assert most <= 25


def test_hotkeys_that_are_gone_are_forgotten():
    """Also if they never come again."""
    nonces = Nonces()
    for i in range(1000):
        now = NOW + i * S
        assert nonces.problem(f"5{i}", "x", now, 3.0, now) == ""
        nonces.add(f"5{i}", "x", now, now)
    assert len(nonces) <= 25


def test_one_hotkey_cannot_fill_the_memory():
    """A client too many is refused, those that are known go on."""
    nonces = Nonces()
    assert all(nonces.add("5A", str(i), NOW, NOW) for i in range(MAX_CLIENTS))
    assert not nonces.add("5A", "one more", NOW, NOW)
    assert nonces.add("5A", "0", NOW + 1, NOW)
    assert nonces.add("5B", "0", NOW, NOW)


def test_a_clock_that_is_set_back_locks_nobody_out_for_long():
    """What was accepted an hour ahead is forgotten, since it could not be told from the new time's."""
    nonces = Nonces()
    nonces.add("5A", "x", NOW + 3600 * S, NOW + 3600 * S)
    assert nonces.problem("5A", "x", NOW, 3.0, NOW) == ""
