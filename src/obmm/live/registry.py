"""Keeps what is known of the chain up to date, in a thread that is the only one to talk to it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

import structlog

from obmm.agent.faults import told
from obmm.agent.telling import tell
from obmm.live.chain.contract import Chain, ChainError

#: Real seconds between two looks, that is ten blocks; after a failure the first wait, and the longest.
EVERY_S = 120.0
FIRST_WAIT_S, LONGEST_WAIT_S = 5.0, 300.0

_log = structlog.get_logger("obmm.chain")


class Registry:
    """Publishes our address, and knows the validators as of the last look.

    A chain that cannot be reached costs nothing but news: what was read last stays, and it is tried again,
    each time over a new connection.

    Args:
        connect: Makes a connection.
        address: Where validators find us, `(ip, port)`; None publishes nothing.

    Attributes:
        uid: Our number; None while it is not known, or if we are not registered.
        looked: Set after the first look, well or not.
        unregistered: Whether the chain says that our hotkey is not registered.
        published: Whether the chain has our address.
        problem: What went wrong last, "" if nothing.
    """

    def __init__(self, connect: Callable[[], Chain], address: tuple[str, int] | None) -> None:
        self.uid: int | None = None
        self.looked = threading.Event()
        self.unregistered = self.published = False
        self.problem = ""
        self._connect = connect
        self._address = address
        self._validators: Mapping[str, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="obmm-chain", daemon=True)

    def start(self) -> None:
        """Look, and go on looking."""
        self._thread.start()

    def close(self) -> None:
        """Look no more; a call that hangs is not waited for."""
        self._stop.set()
        self._thread.join(0.1)

    def validators(self) -> Mapping[str, float]:
        """The stake of each hotkey with a validator's permit."""
        return self._validators

    def _run(self) -> None:
        chain: Chain | None = None
        wait_s = FIRST_WAIT_S
        while not self._stop.is_set():
            try:
                chain = chain or self._connect()
                self._look(chain)
                pause_s, wait_s, problem = EVERY_S, FIRST_WAIT_S, ""
            except ChainError as error:
                # It answers, so the connection is good.
                pause_s, problem = EVERY_S, str(error)
            except Exception as error:
                problem = told(error)
                _hang_up(chain)
                chain, pause_s, wait_s = None, wait_s, min(2.0 * wait_s, LONGEST_WAIT_S)
            if problem and problem != self.problem and not self._stop.is_set():
                tell(_log, logging.WARNING, "the chain", problem=problem, again_in_s=pause_s)
            self.problem = problem
            self.looked.set()
            self._stop.wait(pause_s)
        _hang_up(chain)

    def _look(self, chain: Chain) -> None:
        self.uid = chain.uid()
        self._validators = dict(chain.validators())
        self.unregistered = self.uid is None
        if self.unregistered:
            raise ChainError("the hotkey is not registered on the subnet; validators do not ask it")
        if self._address is not None and not self.published:
            chain.publish(*self._address)
            self.published = True
            ip, port = self._address
            tell(_log, logging.INFO, "the chain has our address", ip=ip, port=port, uid=self.uid)


def _hang_up(chain: Chain | None) -> None:
    try:
        if chain is not None:
            chain.close()
    except Exception as error:  # A broken connection may break anew when it is closed.
        tell(_log, logging.DEBUG, "a connection could not be closed", what=told(error))
