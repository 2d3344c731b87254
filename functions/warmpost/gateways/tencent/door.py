"""`/`: the Tencent SES protocol, version 2020-10-02, for its official SDKs and command line.

Always HTTP 200, always exactly `application/json`, always a RequestId: the SDKs take anything else for a broken network.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from warmpost import errors
from warmpost.actions.context import Services
from warmpost.actions.operations.manage_keys import key_context
from warmpost.actions.storage.log import log_event
from warmpost.gateways.http.auth import GUESSING, Caller, Keys
from warmpost.gateways.http.bodies import read_body
from warmpost.gateways.http.parameters import asked
from warmpost.gateways.tencent.actions import ACTIONS
from warmpost.gateways.tencent.calls import Action, Call, Refused, refused
from warmpost.rules.model.documents import ApiKey
from warmpost.rules.tencent.flattened import unflatten
from warmpost.rules.tencent.signatures import (
    Fault,
    Wire,
    check_time,
    is_tc3_right,
    is_v1_right,
    read_tc3,
)

VERSION = "2020-10-02"
MOST_BODY = 10 * 1024 * 1024
COMMON = frozenset(
    "Action Version Region Timestamp Nonce SecretId SignatureMethod RequestClient Language Token Signature".split()
)
_UNKNOWN = re.compile(r"contains unknown field `(?P<name>.*)`")
_MISSING = re.compile(r"missing required field `(?P<name>.*)`")
_AT = re.compile(r" - at `\$\.?(?P<path>[^`]*)`")


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who asks for which action. parameters: of JSON, or flattened as text where `is_text`."""

    caller: Caller
    action: str
    version: str
    parameters: Any
    is_text: bool


async def tencent(request: Request, services: Services, keys: Keys) -> Response:
    request_id = str(uuid.uuid4())
    try:
        said: dict[str, object] = {**await _answer(request, services, keys)}
    except Refused as problem:
        said = {"Error": {"Code": problem.code, "Message": problem.message}}
    except errors.Problem as problem:
        told = refused(problem, {})
        said = {"Error": {"Code": told.code, "Message": told.message}}
    except errors.Moved:
        said = {"Error": {"Code": "FailedOperation.ServiceNotAvailable", "Message": "Try again."}}
    except Exception as failure:
        log_event("request_failed", f"request {request_id} failed: {failure!r}", failed=failure)
        said = {"Error": {"Code": "InternalError", "Message": "RequestId names the failure in the logs."}}
    content = msgspec.json.encode({"Response": {**said, "RequestId": request_id}})
    return Response(content, media_type="application/json")


async def _answer(request: Request, services: Services, keys: Keys) -> Mapping[str, object]:
    if request.method not in ("GET", "POST"):
        raise Refused("UnsupportedProtocol", "Requests are GET or POST.")
    body = await _body(request)
    wire = _wire(request, body)
    envelope = await _authenticated(request, services, keys, wire)
    if envelope.version != VERSION:
        raise Refused("NoSuchVersion", f"The version is {VERSION}.")
    action = ACTIONS.get(envelope.action)
    if action is None:
        raise Refused("InvalidAction", f"There is no action {envelope.action[:100]!r}.")
    _require_scope(envelope.caller, action)
    parameters = _read(envelope, action)
    call = Call(services, envelope.caller, asked(request, envelope.caller, envelope.action.encode() + body))
    try:
        return await action.handle(call, parameters)
    except errors.Problem as problem:
        raise refused(problem, action.codes) from None


async def _body(request: Request) -> bytes:
    try:
        return await read_body(request, MOST_BODY)
    except errors.TooLarge:
        raise Refused("RequestSizeLimitExceeded", f"A request has {MOST_BODY:,} bytes at most.") from None


def _wire(request: Request, body: bytes) -> Wire:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.headers.raw}
    query = request.scope.get("query_string", b"").decode("latin-1")
    path = request.scope.get("root_path", "") + request.scope["path"]
    return Wire(request.method, headers.get("host", ""), path, query, headers, body)


async def _authenticated(request: Request, services: Services, keys: Keys, wire: Wire) -> Envelope:
    """Raises Refused."""
    if authorization := wire.headers.get("authorization", ""):
        return await _by_tc3(request, services, keys, wire, authorization)
    return await _by_v1(request, services, keys, wire)


async def _by_tc3(
    request: Request, services: Services, keys: Keys, wire: Wire, authorization: str
) -> Envelope:
    found = _or_refuse(read_tc3(authorization))
    _refuse_token(wire.headers.get("x-tc-token", ""))
    timestamp = _or_refuse(check_time(wire.headers.get("x-tc-timestamp", ""), keys.machine_now()))

    def is_right(key: ApiKey) -> bool:
        return is_tc3_right(wire, found, timestamp, _secret(services, found.secret_id, key))

    caller = await _signing(request, keys, found.secret_id, is_right)
    action, version = wire.headers.get("x-tc-action", ""), wire.headers.get("x-tc-version", "")
    if wire.method == "GET":
        flat = dict(parse_qsl(wire.query, keep_blank_values=True))
        return Envelope(caller, action, version, _nested(flat), True)
    return Envelope(caller, action, version, wire.body, False)


async def _by_v1(request: Request, services: Services, keys: Keys, wire: Wire) -> Envelope:
    text = wire.query if wire.method == "GET" else wire.body.decode("utf-8", "replace")
    flat = dict(parse_qsl(text, keep_blank_values=True))
    if not flat.get("Signature"):
        raise Refused("AuthFailure.InvalidAuthorization", "Sign the request: TC3-HMAC-SHA256 is best.")
    _refuse_token(flat.get("Token", ""))
    _or_refuse(check_time(flat.get("Timestamp", ""), keys.machine_now()))
    secret_id = flat.get("SecretId", "")

    def is_right(key: ApiKey) -> bool:
        found = _or_refuse(is_v1_right(wire, flat, _secret(services, secret_id, key)))
        return bool(found)

    caller = await _signing(request, keys, secret_id, is_right)
    own = {name: value for name, value in flat.items() if name not in COMMON}
    return Envelope(caller, flat.get("Action", ""), flat.get("Version", ""), _nested(own), True)


def _or_refuse(found: Any) -> Any:
    if isinstance(found, Fault):
        raise Refused(found.code, found.message)
    return found


def _refuse_token(token: str) -> None:
    if token:
        raise Refused("AuthFailure.TokenFailure", "There are no temporary credentials here; leave Token out.")


def _secret(services: Services, secret_id: str, key: ApiKey) -> str:
    return services.encryption.decrypt(key.sealed, key_context(secret_id)).decode()


async def _signing(request: Request, keys: Keys, secret_id: str, is_right: Any) -> Caller:
    try:
        return await keys.signing(request, secret_id, is_right)
    except errors.Unauthorized as problem:
        known = {"wrong_signature": "AuthFailure.SignatureFailure"}
        raise Refused(known.get(problem.code, "AuthFailure.SecretIdNotFound"), problem.message) from None
    except errors.LimitReached as problem:
        guessing = problem.message.startswith(GUESSING)
        code = "RequestLimitExceeded.IPLimitExceeded" if guessing else "RequestLimitExceeded"
        raise Refused(code, problem.message) from None


def _nested(flat: Mapping[str, str]) -> Any:
    try:
        return unflatten(flat)
    except ValueError as error:
        raise Refused("InvalidParameter", f"{error}.") from None


def _require_scope(caller: Caller, action: Action) -> None:
    has = action.scope in caller.scopes or (action.scope == "read" and "manage" in caller.scopes)
    if not has:
        words = f"This key's scopes do not include `{action.scope}`."
        raise Refused("AuthFailure.UnauthorizedOperation", words)


def _read(envelope: Envelope, action: Action) -> Any:
    try:
        if envelope.is_text:
            return msgspec.convert(envelope.parameters, action.parameters, strict=False)
        return msgspec.json.decode(envelope.parameters or b"{}", type=action.parameters)
    except msgspec.ValidationError as error:
        raise _misfit(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused("InvalidParameter", "The body is a JSON object.") from None


def _misfit(words: str) -> Refused:
    at = _AT.search(words)
    outer = f"{at['path']}." if at and at["path"] else ""
    if unknown := _UNKNOWN.search(words):
        return Refused("UnknownParameter", f"There is no parameter {outer}{unknown['name'][:100]}.")
    if missing := _MISSING.search(words):
        return Refused("MissingParameter", f"The parameter {outer}{missing['name']} is needed.")
    name = at["path"] if at else "the body"
    if "got `null`" in words:
        return Refused("MissingParameter", f"The parameter {name} is needed.")
    return Refused("InvalidParameter", f"{name}: {words.partition(' - at ')[0]}.")
