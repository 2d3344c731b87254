"""Name servers as a deployment writes them."""

from __future__ import annotations

from ipaddress import ip_address


def read_nameserver(text: str) -> tuple[str, int]:
    """Address and port of `host:port`, `[v6]:port` or an IP address alone. Raises ValueError."""
    host, port = text, "53"
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    try:
        ip_address(host)
        number = int(port) if port.isascii() and port.isdigit() else 0
    except ValueError:
        number = 0
    if not 0 < number < 65536:
        raise ValueError(f"a DNS server is an IP address with a port, such as 127.0.0.1:5353, not {text!r}")
    return host, number
