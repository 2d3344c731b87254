"""Return paths that name the message they belong to (VERP), so that a bounce without any usable header finds its recipient.

The local part holds the name and a short signature: nobody can report bounces of messages by guessing addresses. It is
`bounces+…`, so that one mailbox with a recipient delimiter takes them all, and it survives being lower-cased,
tagged by BATV (`prvs=…=`), rewritten by SRS (`SRS0=…`), and quoted inside a report.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable

from warmpost.rules.model.events import Target

MOST_ID = 24
SIGNATURE_LENGTH = 16
"""Characters of 5 bits: 80 bits of HMAC-SHA256."""
NO_POSITION = -1
"""Of a single send that is named without saying which of its recipients: the address has to tell."""

_ID = re.compile(r"[a-z0-9]{1,24}", re.ASCII)
_NAMED = re.compile(
    r"bounces[+=-](?P<kind>[bm])\.(?P<id>[a-z0-9]{1,24})\.(?P<number>\d{1,9})\.(?P<signature>[a-z2-7]{16})"
    r"(?![a-z0-9])",
    re.ASCII | re.IGNORECASE,
)
_BATCH_ID = re.compile(r"[a-z2-7]{16}\.(?P<batch>\d{1,20})\.(?P<position>\d{1,9})@[\w.-]{1,255}", re.ASCII)
_SEND_ID = re.compile(r"[a-z2-7]{16}\.(?P<message>[a-z2-7]{24})@[\w.-]{1,255}", re.ASCII)


def return_path(target: Target, domain: str, key: bytes) -> str:
    """The address for MAIL FROM, at most 64 octets before the `@`. key: the deployment's own secret.

    Raises ValueError where the target names no message, or by an id that does not fit.
    """
    kind, name = ("b", target.batch) if target.batch else ("m", target.message)
    if not _ID.fullmatch(name) or not 0 <= target.position < 10**9:
        raise ValueError(f"{target} cannot be named by a return path")
    text = f"{kind}.{name}.{target.position}"
    return f"bounces+{text}.{_signature(text, key)}@{domain}"


def read_return_path(address: str, key: bytes) -> Target | None:
    """Whom an address names, wherever in the text it stands; None without a right signature."""
    return find_return_path((address,), key, 5)


def find_return_path(texts: Iterable[str], key: bytes, most: int = 50) -> Target | None:
    """The first right one in texts of any length; no more than `most` signatures are checked."""
    for text in texts:
        for found in _named(text, key, most):
            return found
    return None


def _named(text: str, key: bytes, most: int) -> Iterable[Target]:
    for _, match in zip(range(most), _NAMED.finditer(text), strict=False):
        kind, name, number = match["kind"].lower(), match["id"].lower(), match["number"]
        signature = _signature(f"{kind}.{name}.{number}", key)
        if hmac.compare_digest(signature, match["signature"].lower()):
            batch, message = (name, "") if kind == "b" else ("", name)
            yield Target(batch, message, int(number))


def _signature(text: str, key: bytes) -> str:
    digest = hmac.digest(key, b"return path " + text.encode(), hashlib.sha256)
    return base64.b32encode(digest[: SIGNATURE_LENGTH * 5 // 8]).decode().lower()


def read_message_id(text: str) -> Target | None:
    """Whom a Message-ID made by `identities` names. It is not signed: everybody who got the message knows it.

    So it may be believed only together with the recipient's address. A batch is named with its position, a single send
    with NO_POSITION. Angle brackets may be there or not.
    """
    name = text.strip().strip("<>").strip().lower()
    if match := _BATCH_ID.fullmatch(name):
        return Target(batch=match["batch"], position=int(match["position"]))
    if match := _SEND_ID.fullmatch(name):
        return Target(message=match["message"], position=NO_POSITION)
    return None
