"""SMTP passwords of sender addresses: what they may look like, and how they are kept."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

SHORTEST, LONGEST = 10, 20
COST = 2**14
"""16 MiB and some 40 ms for each try (RFC 7914)."""

_POSSIBLE = re.compile(rf"[A-Za-z0-9]{{{SHORTEST},{LONGEST}}}").fullmatch
_BLOCK, _LANES = 8, 1


def password_flaw(password: str) -> str:
    """Why it cannot be one, empty where it can."""
    if _POSSIBLE(password) and not password.isalpha() and not password.isdigit():
        return ""
    return f"has {SHORTEST} to {LONGEST} letters and digits, some of each"


def looks_like_password(text: str) -> bool:
    return bool(_POSSIBLE(text))


def keep_password(password: str, salt: bytes) -> str:
    """As it is stored: cost, salt and hash."""
    return f"scrypt${COST}${_text(salt)}${_text(_hash(password, salt, COST))}"


def is_password(password: str, kept: str) -> bool:
    """Takes its time; whatever is kept in another form holds for nobody."""
    parts = kept.split("$")
    if len(parts) != 4 or parts[0] != "scrypt" or not looks_like_password(password):
        return False
    made = _hash(password, base64.b64decode(parts[2]), int(parts[1]))
    return hmac.compare_digest(made, base64.b64decode(parts[3]))


def _hash(password: str, salt: bytes, cost: int) -> bytes:
    return hashlib.scrypt(
        password.encode(), salt=salt, n=cost, r=_BLOCK, p=_LANES, maxmem=2 * 128 * _BLOCK * cost, dklen=32
    )


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
