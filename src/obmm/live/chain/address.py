"""The address at which validators find us."""

from __future__ import annotations

import ipaddress
import urllib.request
from collections.abc import Sequence

#: Who says from where we come; the first that answers is believed.
SERVICES = ("https://checkip.amazonaws.com", "https://api.ipify.org", "https://ipv4.icanhazip.com")


def fault_of_address(ip: str) -> str:
    """Why validators could not reach an address, "" if nothing is known against it.

    >>> fault_of_address("0.0.0.0")
    '0.0.0.0 is no address of a machine: validators skip it'
    >>> fault_of_address("192.168.1.7")
    '192.168.1.7 is private: only this network reaches it'
    >>> fault_of_address("8.8.8.8")
    ''
    """
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return f"{ip!r} is no address: write numbers such as 203.0.113.7"
    if address.is_unspecified:
        return f"{ip} is no address of a machine: validators skip it"
    if address.is_loopback:
        return f"{ip} is this machine only"
    if address.is_private or address.is_link_local:
        return f"{ip} is private: only this network reaches it"
    if address.is_multicast or not address.is_global:
        return f"{ip} is no address of one machine on the internet"
    return ""


def public_address(services: Sequence[str] = SERVICES, timeout_s: float = 4.0) -> str:
    """The address from which the internet sees us.

    Raises:
        OSError: Nobody says.
    """
    said = []
    for url in services:
        try:
            with urllib.request.urlopen(url, timeout=timeout_s) as reply:
                text = reply.read(64).decode("ascii", "replace").strip()
            return str(ipaddress.ip_address(text))
        except (OSError, ValueError) as error:  # noqa: PERF203 - each is asked once
            said.append(f"{url}: {error}")
    raise OSError(
        "nobody says what our public address is; give it to obmm run with --external-ip\n  "
        + "\n  ".join(said)
    )
