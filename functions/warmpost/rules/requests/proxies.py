"""Whom a request comes from, where proxies stand between: only what our own have written is believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

MOST_PROXIES = 9


@dataclass(frozen=True, slots=True)
class Proxies:
    """count: how many append to X-Forwarded-For the address that they saw; 0 where none does. addresses: networks of those
    that are passed over from the right, where there are some: then the number plays no part.
    """

    count: int = 1
    addresses: tuple[str, ...] = ()

    def client(self, forwarded: Sequence[str], peer: str) -> str:
        """forwarded: the values of X-Forwarded-For, joined in order. peer: who opened the connection.

        What stands further left than our proxies wrote is anybody's word.
        """
        seen = [one.strip() for value in forwarded for one in value.split(",") if one.strip()]
        if self.addresses:
            return next((one for one in reversed(seen) if not self._is_ours(one)), peer)
        if not 0 < self.count <= len(seen):
            return peer
        return seen[-self.count]

    def _is_ours(self, text: str) -> bool:
        try:
            address = ip_address(text)
        except ValueError:
            return False
        return any(address in ip_network(one, strict=False) for one in self.addresses)


def read_proxies(text: str) -> Proxies:
    """A number, or addresses and networks separated by commas. Raises ValueError."""
    if text.isascii() and text.isdigit():
        if int(text) > MOST_PROXIES:
            raise ValueError(f"{MOST_PROXIES} proxies at most, not {text}")
        return Proxies(int(text))
    addresses = tuple(one.strip() for one in text.split(",") if one.strip())
    for one in addresses:
        try:
            ip_network(one, strict=False)
        except ValueError:
            raise ValueError(f"a number of proxies, or addresses such as 203.0.113.7, not {one!r}") from None
    return Proxies(0, addresses)
