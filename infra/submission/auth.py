"""AUTH PLAIN and LOGIN (RFC 4954, RFC 4616), with and without an initial response, in any case."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable

from infra.submission.functions_client import Credential

MOST_RESPONSE = 12_288  # octets, RFC 4954 section 4.5

Ask = Callable[[str], Awaitable[str]]
"""Sends a challenge and gives the client's line."""


async def read_credential(arg: str, ask: Ask) -> Credential | str:
    """Or the reply to what cannot be one."""
    mechanism, _, initial = arg.strip().partition(" ")
    mechanism, initial = mechanism.upper(), initial.strip()
    try:
        if mechanism == "PLAIN":
            return _plain(_decoded(initial or await ask("334 ")))
        if mechanism == "LOGIN":
            user = _decoded(initial or await ask("334 VXNlcm5hbWU6"))
            password = _decoded(await ask("334 UGFzc3dvcmQ6"))
            return Credential(user, password)
    except _Cancelled:
        return "501 5.7.0 Authentication cancelled"
    except ValueError:
        return "501 5.5.2 The response is not base64 of what the mechanism wants"
    return "504 5.5.4 The mechanisms are PLAIN and LOGIN"


class _Cancelled(Exception):
    pass


def _decoded(line: str) -> str:
    """Raises _Cancelled or ValueError."""
    if line == "*":
        raise _Cancelled
    if line == "=":
        return ""
    if len(line) > MOST_RESPONSE:
        raise ValueError
    try:
        return base64.b64decode(line, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise ValueError from None


def _plain(text: str) -> Credential:
    parts = text.split("\0")
    if len(parts) != 3:
        raise ValueError
    return Credential(parts[1], parts[2])
