"""Who may report events: requests signed with the source's secret; where a sender can only set headers, bearing it.

    Warmpost-Timestamp: 1793606400
    Warmpost-Signature: v1=<hex HMAC-SHA256 of "1793606400." and the body>

Several `v1=` separated by spaces or commas may stand there while a sender changes its secret, and several secrets may hold
here meanwhile. A signed request is believed for MOST_AGE seconds.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping

from warmpost.errors import Unauthorized

TIMESTAMP = "Warmpost-Timestamp"
SIGNATURE = "Warmpost-Signature"
MOST_AGE = 300.0
MOST_SIGNATURES = 5

_V1 = re.compile(r"v1=([0-9a-f]{64})", re.ASCII)
_WHOLE = re.compile(r"\d{1,12}", re.ASCII)


def sign(body: bytes, timestamp: int, secret: str) -> str:
    """The value of Warmpost-Signature. timestamp: epoch seconds, the same as in Warmpost-Timestamp."""
    digest = hmac.digest(secret.encode(), b"%d." % timestamp + body, hashlib.sha256)
    return f"v1={digest.hex()}"


def verify(headers: Mapping[str, str], body: bytes, secrets: Iterable[str], now: float) -> None:
    """Raises Unauthorized unless one of the secrets signed these bytes within MOST_AGE seconds of now.

    headers: names in any case. An empty secret never holds.
    """
    given = _lower(headers)
    stamp, written = given.get(TIMESTAMP.lower(), ""), given.get(SIGNATURE.lower(), "")
    if not stamp or not written:
        raise Unauthorized("missing_signature", f"The request needs the headers {TIMESTAMP} and {SIGNATURE}.")
    if not _WHOLE.fullmatch(stamp) or abs(now - int(stamp)) > MOST_AGE:
        raise Unauthorized(
            "signature_expired",
            f"{TIMESTAMP} must be the seconds since 1970 at the moment of sending, at most {MOST_AGE:.0f} off.",
        )
    signatures = _V1.findall(written[:1000])[:MOST_SIGNATURES]
    holds = False
    for secret in filter(None, secrets):
        expected = sign(body, int(stamp), secret).removeprefix("v1=")
        for signature in signatures:
            holds |= hmac.compare_digest(expected, signature)
    if not holds:
        raise Unauthorized(
            "wrong_signature",
            f"{SIGNATURE} does not fit: it must be v1= and the hex HMAC-SHA256 of the timestamp, a dot and the body.",
        )


def verify_bearer(headers: Mapping[str, str], secrets: Iterable[str]) -> None:
    """For log hooks that can set headers but not compute any: `Authorization: Bearer <secret>`. Raises Unauthorized."""
    kind, _, given = _lower(headers).get("authorization", "").partition(" ")
    holds = False
    for secret in filter(None, secrets):
        holds |= hmac.compare_digest(secret.encode(), given.strip().encode("utf-8", "replace"))
    if kind.lower() != "bearer" or not holds:
        raise Unauthorized(
            "wrong_secret", "The request needs the source's secret: Authorization: Bearer <secret>."
        )


def verify_source(
    source: str, headers: Mapping[str, str], body: bytes, secrets: Iterable[str], now: float
) -> None:
    """As the source may prove itself: all by a signature, `kumomta` by bearing its secret too. Raises Unauthorized."""
    given = _lower(headers)
    if source == "kumomta" and SIGNATURE.lower() not in given and "authorization" in given:
        verify_bearer(given, secrets)
    else:
        verify(given, body, secrets, now)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
