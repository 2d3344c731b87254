"""A second DKIM verifier, written from RFC 6376 and RFC 8463 alone, so that ours and dkimpy cannot share a mistake."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key


def verified(message: bytes, records: Mapping[str, str]) -> list[str]:
    """Algorithms of the signatures that hold. records: TXT values by name."""
    head, _, body = message.partition(b"\r\n\r\n")
    fields = [tuple(field.split(b":", 1)) for field in re.split(rb"\r\n(?![ \t])", head)]
    return [
        algorithm
        for name, value in fields
        if name.lower() == b"dkim-signature" and (algorithm := _holds(value, fields, body, records))
    ]


def tags_of(value: str) -> dict[str, str]:
    pairs = (pair.split("=", 1) for pair in re.sub(r"\s+", "", value).strip(";").split(";"))
    return dict(pairs)


def _holds(value: bytes, fields: list, body: bytes, records: Mapping[str, str]) -> str | None:
    tags = tags_of(value.decode())
    header_form, body_form = tags["c"].split("/")
    assert (tags["v"], header_form, body_form) == ("1", "relaxed", "relaxed") and "l" not in tags
    if hashlib.sha256(_relaxed_body(body)).digest() != base64.b64decode(tags["bh"]):
        return None
    left = list(fields)
    signed = b""
    for name in tags["h"].lower().split(":"):
        for at in range(len(left) - 1, -1, -1):
            if left[at][0].strip().lower() == name.encode():
                signed += _relaxed_field(*left.pop(at)) + b"\r\n"
                break
    signed += _relaxed_field(b"DKIM-Signature", re.sub(rb"([;\s]b\s*=)[^;]*", rb"\1", value))
    key = tags_of(records[f"{tags['s']}._domainkey.{tags['d']}"])
    public, signature = base64.b64decode(key["p"]), base64.b64decode(tags["b"])
    try:
        if tags["a"] == "rsa-sha256" and key["k"] == "rsa":
            rsa_key = load_der_public_key(public)
            assert isinstance(rsa_key, RSAPublicKey)
            rsa_key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        elif tags["a"] == "ed25519-sha256" and key["k"] == "ed25519":
            Ed25519PublicKey.from_public_bytes(public).verify(signature, hashlib.sha256(signed).digest())
        else:
            return None
    except InvalidSignature:
        return None
    return tags["a"]


def _relaxed_field(name: bytes, value: bytes) -> bytes:
    value = re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip(b" ")
    return name.strip().lower() + b":" + value


def _relaxed_body(body: bytes) -> bytes:
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"".join(line + b"\r\n" for line in lines)
