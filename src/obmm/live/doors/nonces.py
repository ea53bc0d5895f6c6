"""Each signed request is good once, and not for long."""

from __future__ import annotations

from collections import OrderedDict

#: Of what a request says how long its sender waits, no more is believed: it is not signed.
LONGEST_TIMEOUT_S = 12.0
#: A request may be older than its timeout by this: clocks differ.
SLACK_S = 4.0
#: And so far may the sender's clock be ahead. More would let one stolen request lock a client out.
AHEAD_S = 5.0
#: Clients of one hotkey within the window; validators open one a step, or one a miner and step.
MAX_CLIENTS = 4096

_S = 10**9
#: When a nonce is too old under any timeout, counted from when it was accepted.
_FORGET_NS = int((LONGEST_TIMEOUT_S + SLACK_S + AHEAD_S) * _S)


class Nonces:
    """The nonces accepted of each client, a hotkey and a uuid, as long as one could be sent again.

    >>> nonces, now = Nonces(), 1_800_000_000 * 10**9
    >>> nonces.problem("5Hot", "a", now, 3.0, now), nonces.add("5Hot", "a", now, now)
    ('', True)
    >>> nonces.problem("5Hot", "a", now, 3.0, now)
    'Nonce is too old, a newer one was last processed'
    >>> nonces.problem("5Hot", "b", now - 8 * 10**9, 3.0, now)
    'Nonce is too old: 8.0 s, at most 7.0 s'
    >>> len(nonces)
    1
    """

    def __init__(self) -> None:
        #: Hotkey → uuid → nonce and when it was accepted, the oldest acceptance first.
        self._seen: dict[str, OrderedDict[str, tuple[int, int]]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._seen.values()))

    def problem(self, hotkey: str, uuid: str, nonce: int, timeout_s: float, now_ns: int) -> str:
        """Why a nonce is not accepted, "" if it is; nothing is stored."""
        self._forget(hotkey, now_ns)
        age_s, most_s = (now_ns - nonce) / _S, min(timeout_s, LONGEST_TIMEOUT_S) + SLACK_S
        if age_s > most_s:
            return f"Nonce is too old: {age_s:.1f} s, at most {most_s:.1f} s"
        if -age_s > AHEAD_S:
            return f"Nonce is of the future: {-age_s:.1f} s ahead, at most {AHEAD_S:.1f} s"
        known = hotkey in self._seen and uuid in self._seen[hotkey]
        stale = known and nonce <= self._seen[hotkey][uuid][0]
        return "Nonce is too old, a newer one was last processed" if stale else ""

    def add(self, hotkey: str, uuid: str, nonce: int, now_ns: int) -> bool:
        """Remember the nonce of a proven client; False if the hotkey has too many at once."""
        clients = self._seen.setdefault(hotkey, OrderedDict())
        if uuid not in clients and len(clients) >= MAX_CLIENTS:
            return False
        clients[uuid] = (nonce, now_ns)
        clients.move_to_end(uuid)
        return True

    def _forget(self, hotkey: str, now_ns: int) -> None:
        for name in (hotkey, next(iter(self._seen), "")):
            clients = self._seen.get(name)
            while clients and abs(now_ns - next(iter(clients.values()))[1]) > _FORGET_NS:
                clients.popitem(last=False)
            if clients is not None and not clients:
                del self._seen[name]
