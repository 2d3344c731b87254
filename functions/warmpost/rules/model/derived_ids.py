"""Names that are derived, never drawn: the same message has the same Message-ID however often it is made.

Derived names make every step repeatable: a task delivered twice, a worker that died and a policy that resends all
arrive at the same identity.
"""

from __future__ import annotations

import base64
import hashlib


def short_hash(*parts: object, length: int = 16) -> str:
    """Lower-case letters and digits, 5 bits each, the same for the same parts."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return base64.b32encode(digest[: -(-length * 5 // 8)]).decode().lower()[:length]


def batch_message_id(project: str, batch: str, position: int, domain: str) -> str:
    """RFC 5322 section 3.6.4, without angle brackets."""
    return f"{short_hash(project, 'batch', batch, position)}.{batch}.{position}@{domain}"


def send_message_id(project: str, message: str, domain: str) -> str:
    return f"{short_hash(project, 'send', message)}.{message}@{domain}"


def task_name(*parts: object) -> str:
    """Hashed first: sequential task names slow Cloud Tasks down."""
    return f"{short_hash(*parts, length=10)}-{'-'.join(map(str, parts))}"


def address_hash(address: str) -> int:
    """64 bits by which an address is found again, whatever its upper and lower case; signed, as Firestore counts."""
    return int.from_bytes(hashlib.sha256(address.lower().encode()).digest()[:8], "big", signed=True)
