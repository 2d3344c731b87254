"""What a DKIM signature and its key record look like (RFC 6376, RFC 8463), apart from the cryptography."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Algorithm = Literal["rsa-sha256", "ed25519-sha256"]

_COLUMNS = 72


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A domain's private key, PKCS#8 PEM."""

    domain: str
    selector: str
    algorithm: Algorithm
    private_pem: bytes = field(repr=False)


def record_name(selector: str, domain: str) -> str:
    return f"{selector}._domainkey.{domain}"


def record_value(algorithm: Algorithm, public: str) -> str:
    """The TXT record; public is base64 (RFC 6376 section 3.6.1; RFC 8463 section 4 for Ed25519)."""
    return f"v=DKIM1; k={algorithm.partition('-')[0]}; p={public}"


def signature_start(key: SigningKey, signed: Sequence[bytes]) -> bytes:
    """A DKIM-Signature field's value up to `b=`, folded, as a format for `t` (%d) and `bh` (%b).

    signed: names of the fields in the order in which they are hashed. Tags stand in dkimpy's order.
    """
    names = b""
    column = 4
    for number, name in enumerate(name.lower().replace(b"%", b"%%") for name in signed):
        if number and column + len(name) > _COLUMNS:
            names += b":\r\n "
            column = 1
        elif number:
            names += b":"
        names += name
        column += len(name) + 1
    return b"v=1; a=%b; c=relaxed/relaxed; d=%b;\r\n s=%b; t=%%d;\r\n h=%b;\r\n bh=%%b;\r\n b=" % (
        key.algorithm.encode(),
        key.domain.encode(),
        key.selector.encode(),
        names,
    )


def fold_signature(encoded: bytes) -> bytes:
    """Base64 of a signature in lines that fit under `b=`."""
    return b"\r\n ".join([encoded[at : at + _COLUMNS] for at in range(0, len(encoded), _COLUMNS)])
