"""Signatures of the Tencent Cloud API: TC3-HMAC-SHA256 and version 1, verified as the official clients make them.

Clients disagree on what they sign (the host with or without its port, the path or `/`, header values as sent or in lower
case), so a few candidates are tried; all share one signing key. Source: Tencent Cloud API, "Signature v3", "Signature v1".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product

ALGORITHM = "TC3-HMAC-SHA256"
MOST_SKEW = 300
"""Seconds by which a client's clock may be off."""

UNSIGNED = "UNSIGNED-PAYLOAD"
NOTHING = hashlib.sha256(b"").hexdigest()

_AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256\s+Credential=(?P<id>[^/,\s]{1,64})/(?P<date>\d{4}-\d\d-\d\d)/(?P<service>[^/,\s]{1,255})/tc3_request,\s*"
    r"SignedHeaders=(?P<headers>[a-zA-Z0-9;_-]{1,1000}),\s*Signature=(?P<signature>[0-9a-f]{64})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Wire:
    """A request as it came. headers: by lower-case name. host: the raw field. query: the raw text behind the `?`."""

    method: str
    host: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def hosts(self) -> Iterator[str]:
        yield self.host
        without_port = self.host.rpartition(":")[0]
        if without_port and "/" not in self.host:
            yield without_port

    @property
    def paths(self) -> list[str]:
        return list(dict.fromkeys(("/", self.path, "/tencent", "/tencent/")))


@dataclass(frozen=True, slots=True)
class Fault:
    """code: Tencent's. message: what would be right."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Tc3:
    """What an Authorization header of TC3 says."""

    secret_id: str
    date: str
    service: str
    signed: tuple[str, ...]
    signature: str


def read_tc3(authorization: str) -> Tc3 | Fault:
    match = _AUTHORIZATION.fullmatch(authorization.strip())
    if match is None:
        return Fault("AuthFailure.InvalidAuthorization", "Authorization has the form of TC3-HMAC-SHA256.")
    signed = tuple(match["headers"].lower().split(";"))
    if not {"content-type", "host"} <= set(signed):
        return Fault(
            "AuthFailure.InvalidAuthorization", "SignedHeaders names at least content-type and host."
        )
    return Tc3(match["id"], match["date"], match["service"], signed, match["signature"])


def check_time(text: str, now: float) -> int | Fault:
    """text: Unix seconds. now: by this machine's own clock, as clients sign by theirs."""
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        return Fault("InvalidParameter", "Timestamp is Unix seconds, such as 1700000000.")
    if abs(int(text) - now) > MOST_SKEW:
        return Fault(
            "AuthFailure.SignatureExpire", f"Timestamp is more than {MOST_SKEW} s off; set the clock."
        )
    return int(text)


def is_tc3_right(wire: Wire, asked: Tc3, timestamp: int, secret: str) -> bool:
    if datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d") != asked.date:
        return False
    if any(name not in wire.headers for name in asked.signed if name != "host"):
        return False
    key = _signing_key(secret, asked)
    scope = f"{asked.date}/{asked.service}/tc3_request"
    for canonical in _canonical(wire, asked.signed):
        hashed = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
        text = f"{ALGORITHM}\n{timestamp}\n{scope}\n{hashed}"
        made = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        if hmac.compare_digest(made, asked.signature):
            return True
    return False


def _signing_key(secret: str, asked: Tc3) -> bytes:
    key = f"TC3{secret}".encode()
    for part in (asked.date, asked.service, "tc3_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _canonical(wire: Wire, signed: tuple[str, ...]) -> Iterator[str]:
    query = wire.query if wire.method == "GET" else ""
    if wire.headers.get("x-tc-content-sha256", "") == UNSIGNED:
        payload = hashlib.sha256(UNSIGNED.encode()).hexdigest()
    else:
        payload = NOTHING if wire.method == "GET" else hashlib.sha256(wire.body).hexdigest()
    names = ";".join(signed)
    for host, path, lower in product(wire.hosts, wire.paths, (False, True)):
        lines = ""
        for name in signed:
            value = host if name == "host" else wire.headers[name]
            lines += f"{name}:{value.strip().lower() if lower else value}\n"
        yield "\n".join((wire.method, path, query, lines, names, payload))


_V1_DIGESTS = {"HmacSHA1": hashlib.sha1, "HmacSHA256": hashlib.sha256}


def is_v1_right(wire: Wire, parameters: Mapping[str, str], secret: str) -> bool | Fault:
    """parameters: decoded, Signature among them."""
    method = parameters.get("SignatureMethod") or "HmacSHA1"
    digest = _V1_DIGESTS.get(method)
    if digest is None:
        return Fault("InvalidParameterValue", "SignatureMethod is HmacSHA1 or HmacSHA256.")
    signed = {name.replace("_", "."): value for name, value in parameters.items() if name != "Signature"}
    query = "&".join(f"{name}={signed[name]}" for name in sorted(signed))
    wanted = parameters.get("Signature", "")
    for host in wire.hosts:
        for path in (*wire.paths, ""):
            text = f"{wire.method}{host}{path}?{query}"
            made = base64.b64encode(hmac.new(secret.encode(), text.encode(), digest).digest()).decode()
            if hmac.compare_digest(made.encode(), wanted.encode()):
                return True
    return False
