"""DNS look-ups, through the machine's resolver or the servers a deployment names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.resolver

from warmpost.errors import Unavailable
from warmpost.rules.identity.nameservers import read_nameserver

LIFETIME = 5.0
"""Seconds for one look-up over all servers and tries."""


class DnsResolver:
    """Implements `actions.ports.Resolver`. servers: `host:port`, `[v6]:port` or an IP address alone; none: the machine's.

    Raises ValueError where a server is no IP address.
    """

    def __init__(self, servers: Sequence[str] = (), lifetime: float = LIFETIME) -> None:
        self._servers = [dns.nameserver.Do53Nameserver(*read_nameserver(one)) for one in servers]
        self._lifetime = lifetime
        self._opened: dns.asyncresolver.Resolver | None = None

    async def txt(self, name: str) -> list[str]:
        return [b"".join(rdata.strings).decode("utf-8", "replace") for rdata in await self._ask(name, "TXT")]

    async def mx(self, name: str) -> list[str]:
        found = sorted(await self._ask(name, "MX"), key=lambda rdata: (rdata.preference, rdata.exchange))
        return [rdata.exchange.to_text(omit_final_dot=True).rstrip(".").lower() for rdata in found]

    async def _ask(self, name: str, type: str) -> list[Any]:
        try:
            return list(await self._resolver().resolve(name, type, search=False, lifetime=self._lifetime))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError) as error:
            raise Unavailable(
                "dns_unavailable",
                f"The DNS did not answer for {name}; nothing was changed, try again.",
                retry_after=10,
            ) from error

    def _resolver(self) -> dns.asyncresolver.Resolver:
        if self._opened is None:
            self._opened = dns.asyncresolver.Resolver(configure=not self._servers)
            if self._servers:
                self._opened.nameservers = list(self._servers)
        return self._opened
