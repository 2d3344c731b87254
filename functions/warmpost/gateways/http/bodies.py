"""Bodies of requests: read with a limit, decoded into models, and what does not fit told with what would be right."""

from __future__ import annotations

import re
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec
from msgspec import inspect
from starlette.requests import Request

from warmpost import errors

T = TypeVar("T")

MOST_BODY = 32 * 1024 * 1024
"""Bytes; the platform itself takes no larger request."""

MOST_AT_ONCE = 40 * 1024 * 1024
"""Bytes of all bodies that one process works on: each is held several times over while its message is made and stored."""

_HELD = "warmpost.body_bytes"
_SEEN = "warmpost.body"
MOST_SEEN = 256 * 1024
"""Bytes of a body that are kept beside the request, for whoever notes what it asked for."""

_AT = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"contains unknown field `(?P<name>.*)`")
_MISSING = re.compile(r"missing required field `(?P<name>.*)`")
_EXPECTED = re.compile(r"^Expected `(?P<wanted>[^`]*)`(?P<more>.*?)(?:, got `(?P<got>[^`]*)`)?$", re.DOTALL)
_ENUM = re.compile(r"^Invalid enum value (?P<given>.*)$", re.DOTALL)
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>[^\]]*)\]")

WORDS = {
    "array": "a list",
    "object": "an object",
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
    "datetime": "a time (RFC 3339)",
}


GZIP = b"\x1f\x8b"


async def read_body(request: Request, most: int = MOST_BODY) -> bytes:
    """Unpacked, where it is packed with gzip. Raises TooLarge before more than `most` bytes are held, Unavailable before
    those of all requests are too many, or UnsupportedType.
    """
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        reason = f"A body comes as it is or packed with gzip, not with {coding[:40]!r}."
        raise errors.UnsupportedType("unsupported_encoding", reason, "Content-Encoding")
    body = await _read(request, most)
    if len(body) <= MOST_SEEN:
        request.scope[_SEEN] = body
    if not (coding.endswith("gzip") and body.startswith(GZIP)):
        return body
    plain = unpack(body, most)
    room.take(request, len(plain))
    return plain


def unpack(body: bytes, most: int) -> bytes:
    """Raises Malformed where it is no gzip, TooLarge where it is larger unpacked."""
    unpacking = zlib.decompressobj(wbits=31)
    try:
        plain = unpacking.decompress(body, most + 1)
    except zlib.error as error:
        raise errors.Malformed("invalid_gzip", f"The body is not whole gzip: {error}.") from None
    if len(plain) > most:
        raise _too_large(most)
    if not unpacking.eof:
        raise errors.Malformed("invalid_gzip", "The body is not whole gzip: it ends early.")
    return plain


async def _read(request: Request, most: int) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > most:
        raise _too_large(most)
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > most:
            raise _too_large(most)
        room.take(request, len(piece))
        pieces.append(piece)
    return b"".join(pieces)


def body_seen(request: Request) -> bytes:
    """The body as it was read, empty where nobody has or where it is large."""
    body: bytes = request.scope.get(_SEEN, b"")
    return body


class BodyRoom:
    """How many bytes of bodies are in work, and for which requests."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0

    def take(self, request: Request, size: int) -> None:
        """Raises Unavailable where there is no room; what the request had taken is given back with its answer."""
        if self._held + size > self._most:
            raise errors.Unavailable(
                "too_much_at_once",
                "Too many large requests are in work here; try again shortly.",
                retry_after=2,
            )
        self._held += size
        request.scope[_HELD] = request.scope.get(_HELD, 0) + size

    def leave(self, request: Request) -> None:
        self._held -= request.scope.pop(_HELD, 0)


room = BodyRoom(MOST_AT_ONCE)


def _too_large(most: int) -> errors.TooLarge:
    return errors.TooLarge("request_too_large", f"The request body may have {most:,} bytes at most.")


def decode(body: bytes, kind: type[T]) -> T:
    """JSON into a model. Raises Malformed where it is no JSON, Invalid with the field's path where it does not fit."""
    try:
        return msgspec.json.decode(body.removeprefix(BOM_UTF8), type=kind)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), kind) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error) or "it is nested too deeply"
        raise errors.Malformed("invalid_json", f"The body is not valid JSON: {reason}.") from None


def _invalid(text: str, kind: type) -> errors.Invalid:
    match = _AT.match(text)
    what, path = (match["what"], match["path"] or "") if match else (text, "")
    field = path.removeprefix("$").lstrip(".")
    if unknown := _UNKNOWN.search(what):
        name = unknown["name"]
        return errors.Invalid("unknown_field", f"There is no field `{name}` here.", _join(field, name))
    if missing := _MISSING.search(what):
        name = missing["name"]
        return errors.Invalid("missing_field", f"The field `{name}` is needed.", _join(field, name))
    return errors.Invalid("invalid_field", _said(what, kind, path), field.replace("[...]", "{}") or None)


def _join(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name


def _said(what: str, kind: type, path: str) -> str:
    """In words, with what would be right."""
    if enum := _ENUM.match(what):
        values = [str(one) for one in possible_values(kind, path)]
        return f"{enum['given'][:100]} is not possible here; possible are {', '.join(values)}."
    expected = _EXPECTED.match(what)
    if expected is None:
        return f"{what}."
    wanted = " or ".join(WORDS.get(one, one) for one in expected["wanted"].split(" | "))
    got = f", not {WORDS.get(expected['got'], expected['got'])}" if expected["got"] else ""
    like = ', such as ["…"]' if expected["wanted"] == "array" and expected["got"] == "str" else ""
    return f"This is {wanted}{expected['more']}{like}{got}."


def possible_values(kind: type, path: str) -> list[Any]:
    """What an enumeration may hold at a place of a model, as msgspec names it (`$.recipients[0].track`)."""
    found = [inspect.type_info(kind)]
    for step in _STEP.finditer(path.removeprefix("$")):
        found = [inner for one in found for inner in _inside(one, step["name"])]
    return [value for one in found for value in _values(one)]


def _inside(one: inspect.Type, name: str | None) -> Iterator[inspect.Type]:
    match one:
        case inspect.UnionType(types=types):
            for each in types:
                yield from _inside(each, name)
        case inspect.Metadata(type=inner):
            yield from _inside(inner, name)
        case inspect.StructType(fields=fields) | inspect.DataclassType(fields=fields) if name:
            yield from (each.type for each in fields if each.encode_name == name)
        case inspect.DictType(value_type=inner):
            yield inner
        case inspect.ListType(item_type=inner) | inspect.VarTupleType(item_type=inner) if not name:
            yield inner


def _values(one: inspect.Type) -> Iterator[Any]:
    match one:
        case inspect.UnionType(types=types):
            for each in types:
                yield from _values(each)
        case inspect.Metadata(type=inner):
            yield from _values(inner)
        case inspect.LiteralType(values=values):
            yield from values
        case inspect.EnumType(cls=kinds):
            yield from (each.value for each in kinds)
