"""One recipient's message as octets: rendered, framed, signed.

A composer is made once for each chunk and does then all that the chunk's messages share: header fields that never
change are encoded, folded and canonicalised, attachments encoded, keys opened. What remains for each message is to fill
in a handful of values twice, once as they are sent and once as they are signed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dkim.canonicalization import Relaxed

from warmpost.adapters.message.dkim_signing import SignDigest, open_key, signature_field
from warmpost.adapters.templates.templates import CompiledContent
from warmpost.rules.delivery.envelope import Envelope, Outgoing
from warmpost.rules.message.custom_headers import encode_custom_header
from warmpost.rules.message.dkim import SigningKey, signature_start
from warmpost.rules.message.errors import CannotCompose
from warmpost.rules.message.headers import (
    encode_address,
    encode_date,
    encode_mailboxes,
    encode_message_id,
    encode_structured,
    unfold,
)
from warmpost.rules.message.message import Job, MessageContent, Unrenderable
from warmpost.rules.message.mime import frame_of
from warmpost.rules.model.addresses import domain_of
from warmpost.rules.tracking.tracking import Links, Reader

Field = tuple[bytes, bytes | None]  # None: the value differs for each message


@dataclass(frozen=True, slots=True)
class Layout:
    """The header of all messages with the same fields, as formats for the values that differ.

    sent: in order. signed: the same fields canonicalised, in reverse, as RFC 6376 section 5.4.2 takes repeated fields
    from the bottom up. signatures: for each key how its field begins, and the key.
    """

    sent: bytes
    signed: bytes
    signatures: tuple[tuple[bytes, SignDigest], ...]


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A message but for its signatures. body: everything after the header; attachments follow it."""

    envelope: Envelope
    smtputf8: bool
    second: int
    layout: Layout
    head: bytes
    canonical: bytes
    body: bytes


class Composer:
    """Composes the messages of one message content; several threads may do so at once."""

    def __init__(
        self,
        message_content: MessageContent,
        compiled: CompiledContent,
        keys: Sequence[SigningKey],
        links: Links | None = None,
    ) -> None:
        self._content = message_content
        self._links = links
        self._domain = domain_of(message_content.sender.address)
        self._compiled = compiled
        self._keys = [(key, open_key(key)) for key in keys]
        self._frame = frame_of(compiled.parts, message_content.attachments)
        self._layouts: dict[tuple[str, ...], Layout] = {}
        mailboxes = (
            message_content.sender,
            *message_content.to,
            *message_content.cc,
            *message_content.reply_to,
        )
        self._sees_itself = not (message_content.to or message_content.cc)
        self._international = not all(mailbox.address.isascii() for mailbox in mailboxes)

    def compose(self, jobs: Iterable[Job]) -> list[Outgoing | Unrenderable]:
        """In their order."""
        return [self.sign(one) if isinstance(one, Unsigned) else one for one in map(self.prepare, jobs)]

    def prepare(self, job: Job) -> Unsigned | Unrenderable:
        """Everything before the signature."""
        try:
            return self._prepare(job)
        except CannotCompose as error:
            return Unrenderable(error.reason)

    def sign(self, unsigned: Unsigned) -> Outgoing:
        """Lets go of the GIL while it hashes and signs."""
        attachments = self._frame.attachments
        body_hash = hashlib.sha256(unsigned.body if attachments else _without_empty_end(unsigned.body))
        if attachments:
            body_hash.update(attachments)
        digest = body_hash.digest()
        signatures = b"".join(
            [
                signature_field(start, unsigned.second, digest, unsigned.canonical, sign)
                for start, sign in unsigned.layout.signatures
            ]
        )
        message = b"%b%b\r\n%b" % (signatures, unsigned.head, unsigned.body)
        content = (message, attachments) if attachments else (message,)
        return Outgoing(unsigned.envelope, content, unsigned.smtputf8)

    def _prepare(self, job: Job) -> Unsigned:
        address = job.recipient.address
        recipient = encode_address(address)
        reader = self._links.reader(job.target, job.date) if self._links and job.target.is_named else None
        subject, bodies = self._compiled.render(self._content.data, job.recipient.data, reader)
        second = int(job.date)
        headers = job.headers + self._unsubscribe_fields(reader)
        names = tuple([name for name, _ in headers])
        layout = self._layouts.get(names)
        if layout is None:
            layout = self._layouts[names] = self._lay_out(names)
        values = [
            subject,
            encode_date(second),
            encode_message_id(job.message_id),
            *[encode_structured(value, len(name) + 2) for name, value in headers],
        ]
        if self._sees_itself:
            values.insert(0, recipient)
        return Unsigned(
            envelope=Envelope(job.mail_from, address),
            smtputf8=self._international or not (address.isascii() and job.mail_from.isascii()),
            second=second,
            layout=layout,
            head=layout.sent % tuple(values),
            canonical=layout.signed % tuple([unfold(value) for value in reversed(values)]),
            body=self._framed(bodies),
        )

    def _framed(self, bodies: Sequence[bytes]) -> bytes:
        around = self._frame.around
        if len(bodies) == 2:
            return b"".join((around[0], bodies[0], around[1], bodies[1], around[2]))
        return b"".join((around[0], bodies[0], around[1]))

    def _unsubscribe_fields(self, reader: Reader | None) -> tuple[tuple[str, str], ...]:
        wanted = self._content.unsubscribe
        if self._links is None or reader is None or not wanted.headers:
            return ()
        return self._links.unsubscribe_fields(reader, wanted.language, self._domain)

    def _lay_out(self, names: Sequence[str]) -> Layout:
        fields = self._fields(names)
        sent = b"".join([b"%b: %b\r\n" % (name, _format(value)) for name, value in fields])
        signed = b"".join(
            [b"%b:%b\r\n" % (_escape(name.lower()), _canonical(value)) for name, value in reversed(fields)]
        )
        order = [name for name, _ in reversed(fields)] + [b"From"]  # once more: nobody can add a second
        return Layout(sent, signed, tuple([(signature_start(key, order), sign) for key, sign in self._keys]))

    def _fields(self, names: Sequence[str]) -> list[Field]:
        message_content = self._content
        fields: list[Field] = [
            (b"From", encode_mailboxes([message_content.sender], 6)),
        ]
        if message_content.to or self._sees_itself:
            fields.append((b"To", encode_mailboxes(message_content.to, 4) if message_content.to else None))
        if message_content.cc:
            fields.append((b"Cc", encode_mailboxes(message_content.cc, 4)))
        if message_content.reply_to:
            fields.append((b"Reply-To", encode_mailboxes(message_content.reply_to, 10)))
        fields += [(b"Subject", None), (b"Date", None), (b"Message-ID", None)]
        fields += [(name.encode("ascii"), None) for name in names]
        fields += [
            (name.encode("ascii"), encode_custom_header(name, value))
            for name, value in message_content.headers
        ]
        return [*fields, (b"MIME-Version", b"1.0"), *self._frame.fields]


def _without_empty_end(body: bytes) -> bytes:
    """Empty lines at the end of a body are not signed, nor is a body of nothing else (RFC 6376 section 3.4.4)."""
    if not body.endswith(b"\r\n\r\n") and body != b"\r\n":
        return body
    text = body.rstrip(b"\r\n")
    return text + b"\r\n" if text else b""


def _format(value: bytes | None) -> bytes:
    return b"%b" if value is None else _escape(value)


def _canonical(value: bytes | None) -> bytes:
    if value is None:
        return b"%b"
    [(_, canonical)] = Relaxed.canonicalize_headers([(b"", value)])
    return _escape(canonical.removesuffix(b"\r\n"))


def _escape(constant: bytes) -> bytes:
    return constant.replace(b"%", b"%%")
