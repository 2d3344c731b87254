"""What every action of the Tencent protocol is given and answers, and how our errors are told in its words."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from warmpost import errors
from warmpost.actions.context import Services
from warmpost.gateways.http.auth import Caller
from warmpost.rules.model.documents import Scope
from warmpost.rules.requests.requests import Request as Asked

MOST_LISTED = 100
"""Of one answer (Tencent document 1288/51034, `Limit`)."""


class Refused(Exception):
    """code: Tencent's. message: what would be right; names the parameter."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Parameters(msgspec.Struct, forbid_unknown_fields=True, rename="pascal", kw_only=True):
    """Names and types as in the schema of API version 2020-10-02; null is as good as absent where a default is."""


@dataclass(frozen=True, slots=True)
class Call:
    """asked: who asks, under which idempotency key. zone: of civil times and days."""

    services: Services
    caller: Caller
    asked: Asked

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.services.policy.time_zone)

    def civil(self, at: datetime | None) -> str:
        return at.astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S") if at else ""


Handler = Callable[[Call, Any], Awaitable[Mapping[str, object]]]


@dataclass(frozen=True, slots=True)
class Action:
    """codes: Tencent's for ours, where the action has its own; see tencent-protocol, section 6."""

    parameters: type[Parameters]
    scope: Scope
    handle: Handler
    codes: Mapping[str, str] = field(default_factory=dict)


_BY_KIND: tuple[tuple[type[errors.Problem], str], ...] = (
    (errors.Unavailable, "FailedOperation.ServiceNotAvailable"),
    (errors.LimitReached, "RequestLimitExceeded"),
    (errors.Forbidden, "AuthFailure.UnauthorizedOperation"),
    (errors.NotFound, "ResourceNotFound"),
    (errors.TooLarge, "RequestSizeLimitExceeded"),
    (errors.Conflict, "OperationDenied"),
    (errors.Malformed, "InvalidRequest"),
    (errors.Invalid, "InvalidParameterValue"),
)
_ALWAYS = {
    "idempotency_key_reused": "ResourceInUse",
    "changed_meanwhile": "FailedOperation.ServiceNotAvailable",
}


def refused(problem: errors.Problem, codes: Mapping[str, str]) -> Refused:
    code = codes.get(problem.code) or _ALWAYS.get(problem.code)
    if code is None:
        code = next((code for kind, code in _BY_KIND if isinstance(problem, kind)), "InternalError")
    where = f" ({problem.field})" if problem.field else ""
    return Refused(code, f"{problem.message}{where}")


def require_limit(limit: int, most: int = MOST_LISTED) -> None:
    """Raises Refused."""
    if limit > most:
        raise Refused("FailedOperation.InvalidLimit", f"Limit is {most} at most.")


def read_day(text: str, name: str) -> date:
    """Raises Refused."""
    try:
        return date.fromisoformat(text[:10]) if len(text) in (10, 19) else date.fromisoformat("")
    except ValueError:
        raise Refused(
            "InvalidParameterValue.WrongDate", f"{name} is a day such as 2026-11-26, not {text[:40]!r}."
        ) from None


def read_base64(text: str, code: str, name: str) -> bytes:
    """Raises Refused."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Refused(code, f"{name} is Base64.") from None


def read_base64_text(text: str | None, code: str, name: str) -> str:
    """Raises Refused."""
    try:
        return read_base64(text, code, name).decode() if text else ""
    except UnicodeDecodeError:
        raise Refused(code, f"{name} is Base64 of UTF-8.") from None


def as_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def unix(at: datetime | None) -> int:
    return int(at.astimezone(UTC).timestamp()) if at else 0
