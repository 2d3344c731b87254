"""Messages that somebody else wrote, as octets: completed, signed, and changed in nothing else.

All recipients share one message and one signature, unless links make them differ. Nothing here knows how the message
was written: header and body are canonicalised by the letter of RFC 6376.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from threading import Lock

from warmpost.adapters.message.dkim_signing import open_key, signature_field
from warmpost.adapters.templates.templates import CompiledContent, Templates
from warmpost.errors import Invalid
from warmpost.rules.delivery.envelope import Envelope, Outgoing
from warmpost.rules.message.dkim import SigningKey, signature_start
from warmpost.rules.message.errors import CannotCompose
from warmpost.rules.message.headers import encode_address, encode_date, encode_message_id, encode_structured
from warmpost.rules.message.message import Content, Job, MessageContent, Unrenderable
from warmpost.rules.model.addresses import domain_of
from warmpost.rules.raw.encodings import seven_bit
from warmpost.rules.raw.entities import read_entity
from warmpost.rules.raw.fields import (
    Field,
    make_field,
    read_fields,
    relaxed_body,
    signed_fields,
    split_entity,
)
from warmpost.rules.raw.html_part import HtmlPart, find_html
from warmpost.rules.tracking.tracking import Links, Marks, Reader

_SIGNED = (
    b"from sender reply-to to cc subject date message-id in-reply-to references mime-version content-type "
    b"content-transfer-encoding content-id content-description content-disposition list-id list-help list-post "
    b"list-subscribe list-owner list-archive list-unsubscribe list-unsubscribe-post auto-submitted feedback-id"
).split()
_TWICE = (b"from", b"subject", b"to", b"content-type")
_OURS = (b"list-unsubscribe", b"list-unsubscribe-post")


class RawComposer:
    """Composes the messages of one such content; several threads may do so at once."""

    def __init__(
        self,
        message_content: MessageContent,
        templates: Templates,
        marks: Marks,
        keys: Sequence[SigningKey],
        links: Links | None = None,
    ) -> None:
        """Raises errors.Invalid for a key that cannot be used."""
        self._content = message_content
        self._keys = [(key, open_key(key)) for key in keys]
        self._links = links
        self._domain = domain_of(message_content.sender.address)
        self._html: HtmlPart | None = None
        self._compiled: CompiledContent | None = None
        if marks:
            self._mark(templates, marks)
        self._lock = Lock()
        self._shared: Outgoing | None = None

    def _mark(self, templates: Templates, marks: Marks) -> None:
        found = find_html(read_entity(self._content.raw))
        if found is None:
            return
        try:
            self._compiled = templates.compile(Content("", html=found.html, text=""), marks)
        except Invalid:
            return  # what cannot be read as HTML goes out as it is
        self._html = found

    def compose(self, jobs: Iterable[Job]) -> list[Outgoing | Unrenderable]:
        """In their order."""
        return [self._compose(job) for job in jobs]

    def _compose(self, job: Job) -> Outgoing | Unrenderable:
        try:
            encode_address(job.recipient.address)
            reader = self._reader(job)
            one = self._own(job, reader) if reader else self._common(job)
        except CannotCompose as error:
            return Unrenderable(error.reason)
        envelope = Envelope(job.mail_from, job.recipient.address)
        plain = job.recipient.address.isascii() and job.mail_from.isascii()
        return replace(one, envelope=envelope, smtputf8=one.smtputf8 or not plain)

    def _reader(self, job: Job) -> Reader | None:
        """Of a message that differs for each recipient."""
        differs = self._content.unsubscribe.headers or self._compiled is not None
        if not differs or self._links is None or not job.target.is_named:
            return None
        return self._links.reader(job.target, job.date)

    def _common(self, job: Job) -> Outgoing:
        with self._lock:
            if self._shared is None:
                self._shared = self._made(self._content.raw, job, ())
            return self._shared

    def _own(self, job: Job, reader: Reader) -> Outgoing:
        fields: tuple[tuple[str, str], ...] = ()
        wanted = self._content.unsubscribe
        if wanted.headers and self._links is not None:
            fields = self._links.unsubscribe_fields(reader, wanted.language, self._domain)
        content = self._content.raw
        if self._html is not None and self._compiled is not None:
            content = _with_html(self._html, self._compiled, reader)
        return self._made(content, job, fields)

    def _made(self, content: bytes, job: Job, own: Sequence[tuple[str, str]]) -> Outgoing:
        made = self._signed(content, job, own)
        if content.isascii():
            return made
        header, _, body = split_entity(content)
        if body.isascii():
            return replace(made, smtputf8=not header.isascii())
        plain = seven_bit(read_entity(content))
        spare = self._signed(plain.octets, job, own).content if plain else ()
        return replace(made, smtputf8=not header.isascii(), eight_bit=True, seven_bit=spare)

    def _signed(self, content: bytes, job: Job, own: Sequence[tuple[str, str]]) -> Outgoing:
        header, _, body = split_entity(content)
        fields = self._completed(read_fields(header), job, own)
        names, hashed = signed_fields(fields, _SIGNED, _TWICE)
        body_hash = hashlib.sha256(relaxed_body(body)).digest()
        second = self._content.written_at
        signatures = [
            signature_field(signature_start(key, names), second, body_hash, hashed, sign)
            for key, sign in self._keys
        ]
        head = b"".join((*signatures, *(one.octets for one in fields), b"\r\n"))
        return Outgoing(Envelope("", ""), (head, body))

    def _completed(
        self, fields: Sequence[Field], job: Job, own: Sequence[tuple[str, str]]
    ) -> tuple[Field, ...]:
        """With what is missing; made of the message's own time and identity, so that a repeat is the same."""
        ours = tuple(
            make_field(name.encode("ascii"), encode_structured(value, len(name) + 2)) for name, value in own
        )
        kept = tuple(one for one in fields if not (ours and one.low_name in _OURS))
        there = {one.low_name for one in kept}
        spare = (
            make_field(b"Date", encode_date(self._content.written_at)),
            make_field(b"Message-ID", encode_message_id(job.message_id)),
            make_field(b"MIME-Version", b"1.0"),
        )
        return (*kept, *ours, *(one for one in spare if one.low_name not in there))


def _with_html(part: HtmlPart, compiled: CompiledContent, reader: Reader) -> bytes:
    """The message with this recipient's HTML in its place."""
    _, bodies = compiled.render({}, {}, reader)
    html = next(number for number, one in enumerate(compiled.parts) if one.subtype == "html")
    described = [make_field(name, value) for name, value in compiled.parts[html].fields]
    head = b"".join(one.octets for one in (*part.fields, *described))
    end = b"\r\n" if part.is_top else b""
    return b"".join((part.before, head, b"\r\n", bodies[html], end, part.after))
