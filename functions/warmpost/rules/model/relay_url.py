"""The shared pool of relays from one URL, as a deployment's setting and `up --relay` give it."""

from __future__ import annotations

import re
from typing import Literal, cast
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from warmpost.rules.model.relays import Pool, Relay

_RELAY_OPTIONS = {
    "starttls": ("always", "never", "yes", "no"),
    "verify": ("yes", "no"),
    "reports": ("none", "events"),
    "final": ("yes", "no"),
}
_TRANSPORT = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?").fullmatch
_SPELLINGS = {"true": "yes", "1": "yes", "false": "no", "0": "no"}


def relay_pool(url: str, connections: int = 10) -> Pool:
    """The shared pool from one URL: `smtp[s]://user:password@host:port?starttls=always|never&verify=no&reports=events`.

    A password in the URL is resolved as the secret `WARMPOST_RELAY`, see `secret`. Raises ValueError.
    """
    parts, options, transport = _relay_parts(url)
    starttls = options.get("starttls", "always")
    security = "tls" if parts.scheme == "smtps" else ("none" if starttls in ("never", "no") else "starttls")
    relay = Relay(
        name=parts.hostname or "",
        host=parts.hostname or "",
        port=parts.port or (465 if security == "tls" else 587),
        security=cast(Literal["none", "starttls", "tls"], security),
        verify=options.get("verify", "yes") != "no",
        username=unquote(parts.username or ""),
        password_secret="WARMPOST_RELAY" if parts.password else "",
        max_connections=connections,
        reports="events" if options.get("reports") == "events" else "none",
        final=options.get("final") == "yes",
        transport=transport,
    )
    return Pool("shared", (relay,))


def _relay_parts(url: str) -> tuple[SplitResult, dict[str, str], str]:
    """The URL, its options and the transport. Raises ValueError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), 0
    given = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    transport = given.pop("transport", "")
    options = {name: _SPELLINGS.get(value, value) for name, value in given.items()}
    wrong = [name for name, value in options.items() if value not in _RELAY_OPTIONS.get(name, ())]
    wrong += ["transport"] if transport and not _TRANSPORT(transport) else []
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or port == 0 or wrong:
        raise ValueError(
            "must look like smtp://user:password@host:587 or smtps://…:465, with ?starttls=never, "
            "verify=no, reports=events, final=yes or transport=name where wanted"
        )
    if bool(parts.username) != bool(parts.password):
        raise ValueError(
            "a user name needs a password beside it, and a password a user name: smtp://user:password@host"
        )
    return parts, options, transport
