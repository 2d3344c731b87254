"""Where a customer's endpoint may be: on the public internet only, so that nobody reaches a deployment's inner network.

The URL is read strictly, and every address that is about to be connected to is judged again by `is_public`.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from warmpost.rules.model.addresses import Flaw, read_domain

MOST_URL = 2000
WEB_PORTS = (80, 443)
LEAST_OTHER_PORT = 1024
"""Below it, apart from the web's ports, live protocols that could be talked to by way of HTTP (CVE-2001-0141 and kin)."""

_GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")
_NEVER = tuple(
    ipaddress.ip_network(one)
    for one in (
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays (RFC 7526)
        "168.63.129.16/32",  # a cloud's host, on a public address
        "2001::/23",  # Teredo, ORCHID and other protocol assignments
        "2001:db8::/32",
        "2002::/16",  # 6to4: any IPv4 address inside
        "3fff::/20",
    )
)
_INNER_NAMES = ("internal", "local", "localhost", "localdomain", "lan", "home.arpa", "intranet", "corp")
_LOCAL_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)")


def is_public(address: str) -> bool:
    """Whether an IP address is one anybody on the internet could reach: no private, loopback, link-local, multicast,
    shared (RFC 6598), metadata, reserved or documentation address, and no IPv6 address with an IPv4 one inside."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if not ip.is_global or ip.is_multicast or ip.is_reserved or ip.is_loopback or ip.is_link_local:
        return False
    if ip.version == 6 and ip not in _GLOBAL_IPV6:
        return False
    return not any(ip.version == net.version and ip in net for net in _NEVER)


def is_usable_port(port: int) -> bool:
    return port in WEB_PORTS or port >= LEAST_OTHER_PORT


def read_url(text: str, private: bool = False) -> str | Flaw:
    """An endpoint's URL with its host in A-labels. private: http and inner addresses are allowed, as locally."""
    if flaw := _unreadable(text):
        return Flaw(flaw)
    try:
        parts = urlsplit(text)
        port = parts.port
        host = parts.hostname or ""
    except ValueError:
        return Flaw("cannot be read")
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        return Flaw("must begin with https://")
    if "@" in parts.netloc:
        return Flaw("must not hold a user name or password")
    if "#" in text:
        return Flaw("must not have a fragment")
    if port is not None and not (private and port) and not is_usable_port(port):
        return Flaw(f"must use port 80, 443 or one from {LEAST_OTHER_PORT} up")
    named = _read_host(host, private)
    if isinstance(named, Flaw):
        return named
    place = named if port is None else f"{named}:{port}"
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{place}{parts.path or '/'}{query}"


def _unreadable(text: str) -> str:
    if len(text) > MOST_URL:
        return f"is longer than {MOST_URL} characters"
    if any(char.isspace() or not char.isprintable() or char == "\\" for char in text):
        return "must not hold white space, control characters or backslashes"
    behind = text.partition("://")[2].partition("/")[2]
    return "" if behind.isascii() else "must have other than ASCII characters percent-encoded behind the host"


def _read_host(host: str, private: bool) -> str | Flaw:
    if not host:
        return Flaw("has no host")
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return _read_name(host, private)
    if not private and not is_public(host):
        return Flaw("must lead to a public address")
    return f"[{ip}]" if ip.version == 6 else str(ip)


def _read_name(host: str, private: bool) -> str | Flaw:
    """Numbers in other notations (decimal, octal, hexadecimal, short) are no names."""
    if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2].lower()):
        return Flaw("must name an IP address in its usual form")
    if private and _LOCAL_NAME.fullmatch(host):
        return host
    name = read_domain(host)
    if isinstance(name, Flaw):
        return Flaw(f"has a host that {name.reason}")
    if not private and any(name.endswith(f".{inner}") for inner in _INNER_NAMES):
        return Flaw("must lead to a public address")
    return name
