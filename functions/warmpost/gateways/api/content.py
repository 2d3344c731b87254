"""What a message holds, as it went out: subject, bodies, header fields and files, or the whole of it as `eml`."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, Literal

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.actions.listings.resend_message import resend_message
from warmpost.actions.listings.show_content import batch_content_of, message_content_of
from warmpost.errors import Invalid, NotFound
from warmpost.gateways.api.answers import AcceptedMessage, Answer, Count
from warmpost.gateways.http.app import Parameter, Route, json_response
from warmpost.gateways.http.auth import Caller
from warmpost.gateways.http.bodies import decode, read_body
from warmpost.gateways.http.parameters import one_of

MOST_DIGITS = 9
HARMLESS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "no-store",
}
"""A stranger's file is saved, never shown as a page of ours."""

POSITION = Parameter("position", int, "Of the recipient for whom it is shown, from 0.")
FORMAT = Parameter("format", Literal["json", "eml"], "`eml` for the whole message as a file.")


class HeaderField(Answer):
    name: str
    value: str


class Part(Answer):
    """number: by which it is asked for. size: bytes, decoded."""

    number: Count
    filename: str | None
    content_type: str
    content_id: str | None
    size: Count


class Content(Answer):
    """rendered_again: made anew from the batch's snapshot, not kept as it was. size: bytes of the whole message.

    Links are shown as they were written, without tracking: who looks at this is no reader.
    """

    subject: str
    html: str | None
    text: str | None
    headers: list[HeaderField]
    parts: list[Part]
    rendered_again: bool
    size: Count


class ResendModel(Struct, forbid_unknown_fields=True):
    """to: of its recipients, null for all."""

    to: list[str] | None = None


async def get_content(request: Request, services: Services, caller: Caller, id: str) -> Response:
    octets = await message_content_of(services, id, _position(request.query_params.get("position", "0")))
    return _shown(request, octets, id, rendered_again=False)


async def get_part(request: Request, services: Services, caller: Caller, id: str, number: str) -> Response:
    octets = await message_content_of(services, id, 0)
    wanted = _position(number)
    found = list(_files(_parsed(octets)))
    if wanted >= len(found):
        raise NotFound("not_found", f"This message has {len(found)} parts; they count from 0.")
    part = found[wanted]
    headers = {**HARMLESS, "Content-Disposition": "attachment"}
    return Response(_bytes(part), headers=headers, media_type="application/octet-stream")


async def get_batch_content(
    request: Request, services: Services, caller: Caller, id: str, position: str
) -> Response:
    octets = await batch_content_of(services, id, _position(position))
    return _shown(request, octets, f"{id}-{position}", rendered_again=True)


async def post_resend(request: Request, services: Services, caller: Caller, id: str) -> Response:
    wanted = decode(await read_body(request) or b"{}", ResendModel)
    made = await resend_message(services, id, wanted.to, caller.key_id)
    answer = {"id": made.id, "status": "queued", "recipients": made.recipients}
    return json_response(answer, 202, {"Location": f"/send/{made.id}"})


def _position(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        raise Invalid("invalid_field", f"A position is a whole number from 0, not {text[:40]!r}.", "position")
    return int(text)


def _parsed(octets: bytes) -> EmailMessage:
    return message_from_bytes(octets, policy=default)


def _shown(request: Request, octets: bytes, name: str, *, rendered_again: bool) -> Response:
    if one_of(request, "format", Literal["json", "eml"]) == "eml":
        headers = {**HARMLESS, "Content-Disposition": f'attachment; filename="{name}.eml"'}
        return Response(octets, headers=headers, media_type="message/rfc822")
    message = _parsed(octets)
    return json_response(
        {
            "subject": str(message["Subject"] or ""),
            "html": _body(message, "html"),
            "text": _body(message, "plain"),
            "headers": [{"name": key, "value": str(value)} for key, value in message.items()],
            "parts": [_part(number, one) for number, one in enumerate(_files(message))],
            "rendered_again": rendered_again,
            "size": len(octets),
        }
    )


def _body(message: EmailMessage, kind: Literal["html", "plain"]) -> str | None:
    part = message.get_body((kind,))
    if part is None:
        return None
    payload = part.get_payload(decode=True)
    octets = payload if isinstance(payload, bytes) else b""
    try:
        return octets.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return octets.decode("utf-8", "replace")


def _files(message: EmailMessage) -> Iterator[EmailMessage]:
    """All leaves but the bodies, in their order."""
    bodies = [message.get_body((kind,)) for kind in ("html", "plain")]
    for part in message.walk():
        if not part.is_multipart() and part not in bodies:
            yield part


def _bytes(part: EmailMessage) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _part(number: int, part: EmailMessage) -> dict[str, Any]:
    content_id = part["Content-ID"]
    return {
        "number": number,
        "filename": part.get_filename(),
        "content_type": part.get_content_type(),
        "content_id": str(content_id).strip("<>") if content_id else None,
        "size": len(_bytes(part)),
    }


OF_A_MESSAGE = (
    Route(
        "GET",
        "/{id}/content",
        get_content,
        "What it holds, as it went out",
        scope="read",
        answers={200: (Content, "message/rfc822")},
        parameters=(POSITION, FORMAT),
    ),
    Route(
        "GET",
        "/{id}/content/parts/{number}",
        get_part,
        "One of its files",
        scope="read",
        answers={200: "application/octet-stream"},
    ),
    Route(
        "POST",
        "/{id}/resend",
        post_resend,
        "Send it once more, to all of its recipients or some",
        "send",
        ResendModel,
        {202: AcceptedMessage},
    ),
)
OF_A_BATCH = (
    Route(
        "GET",
        "/{id}/recipients/{position}/content",
        get_batch_content,
        "What one of its recipients got, rendered again",
        scope="read",
        answers={200: (Content, "message/rfc822")},
        parameters=(FORMAT,),
    ),
)
