"""Mails as somebody wants them sent, whole messages made of them, and what of them arrived."""

from __future__ import annotations

import base64
import random
from dataclasses import dataclass, replace
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
INVITATION = "\r\n".join(
    (
        *("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//client//EN", "METHOD:REQUEST", "BEGIN:VEVENT"),
        *("UID:1@client.example", "DTSTAMP:20261101T080000Z", "DTSTART:20261201T090000Z"),
        *("SUMMARY:Kaffee für alle", "END:VEVENT", "END:VCALENDAR", ""),
    )
)

SIGNED = "\r\n".join(
    (
        'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256;',
        '\tboundary="=_signed"',
        *("MIME-Version: 1.0", "", "For programs without S/MIME.", "", "--=_signed"),
        *("Content-Type: text/plain; charset=utf-8", "", "Blanks at the end  \t ", ".", "From here", ""),
        *("--=_signed", "Content-Type: application/pkcs7-signature; name=smime.p7s"),
        *(
            "Content-Transfer-Encoding: base64",
            "",
            "MIIBigYJKoZIhvcNAQcCoIIBezCCAXcCAQExDzANBglghkgBZQME",
            "",
        ),
        *("--=_signed--", ""),
    )
)


@dataclass(frozen=True)
class Leaf:
    """A part that holds no others. name, cid: empty where it has none."""

    kind: str
    content: bytes
    name: str = ""
    cid: str = ""


@dataclass(frozen=True)
class Mail:
    """to, bcc: envelope recipients; those of `to` are in the header too. eight_bit: the text is not encoded."""

    subject: str = "Hello"
    from_name: str = "The News"
    text: str = "Good to see you.\n"
    html: str = ""
    inline: tuple[Leaf, ...] = ()
    attachments: tuple[Leaf, ...] = ()
    invitation: str = ""
    eight_bit: bool = False
    given: str = ""
    to: tuple[str, ...] = ("ann", "bob")
    bcc: tuple[str, ...] = ()

    def at(self, domain: str) -> Mail:
        return replace(
            self,
            to=tuple(f"{name}@{domain}" for name in self.to),
            bcc=tuple(f"{name}@{domain}" for name in self.bcc),
        )

    @property
    def leaves(self) -> list[Leaf]:
        bodies = [Leaf("text/plain", self.text.encode())]
        bodies += [Leaf("text/html", self.html.encode())] if self.html else []
        bodies += [Leaf("text/calendar", self.invitation.encode())] if self.invitation else []
        return [_even(one) for one in (*bodies, *self.inline, *self.attachments)]

    def as_json(self) -> dict[str, Any]:
        def shown(leaf: Leaf) -> dict[str, str]:
            content = base64.b64encode(leaf.content).decode()
            return {"kind": leaf.kind, "content": content, "name": leaf.name, "cid": leaf.cid}

        lists = {
            "inline": [shown(one) for one in self.inline],
            "attachments": [shown(one) for one in self.attachments],
        }
        return {**self.__dict__, **lists}


PDF = Leaf("application/pdf", b"%PDF-1.4\n" + bytes(range(256)) * 40, "report.pdf")
CSV = Leaf("text/csv", "Größe;Wert\r\n1;2\r\n".encode(), "Größe.csv")
ZIP = Leaf("application/zip", b"PK\5\6" + b"\0" * 18, "empty.zip")
MAILS = {
    "text": Mail(),
    "alternative": Mail(html="<p>Good to <b>see</b> you.</p>\n"),
    "names": Mail("Grüße 你好 🌷", "Jörg Müller, Köln", "Grüße 你好\n"),
    "inline": Mail(
        html='<p><img src="cid:dot@client.example" alt="."></p>\n',
        inline=(Leaf("image/png", PNG, "dot.png", "dot@client.example"),),
    ),
    "attachments": Mail(html="<p>Three.</p>\n", attachments=(PDF, CSV, ZIP)),
    "invitation": Mail(html="<p>Come.</p>\n", invitation=INVITATION),
    "eight": Mail(text="Grüße aus Köln, ÄÖÜß\n", eight_bit=True),
    "long": Mail(text="a " * 2500 + "\n" + "b" * 1500 + "\nend\n", html="<p>" + "x" * 5000 + "</p>\n"),
    "dots": Mail(text=".\n..\n.dot\n\n.\nMAIL FROM:<x@y>\n.\nend\n"),
    "fifty": Mail(to=tuple(f"r{number}" for number in range(50))),
    "bcc": Mail(to=("ann",), bcc=("hidden", "unseen")),
}
TOO_MANY = Mail(to=tuple(f"r{number}" for number in range(51)))
TOO_LARGE = Mail(
    attachments=(Leaf("application/zip", random.Random(11).randbytes(8_200_000), "large.zip"),)
)  # 11 MB in base64


def whole_message(mail: Mail, sender: str) -> bytes:
    """For clients that send what they are given, the same each time. Lines end with CRLF, as on the wire."""
    if mail.given:
        head = f"From: {sender}\r\nTo: {', '.join(mail.to)}\r\nSubject: {mail.subject}\r\n"
        return (head + mail.given).encode()
    made = EmailMessage(policy=SMTP)
    made["From"] = Address(mail.from_name, addr_spec=sender)
    made["To"], made["Subject"] = ", ".join(mail.to), mail.subject
    if mail.bcc:
        made["Bcc"] = ", ".join(mail.bcc)
    raw = "8bit" if mail.eight_bit else "7bit" if mail.text.isascii() else None
    made.set_content(mail.text, cte=raw)
    if mail.html:
        made.add_alternative(mail.html, subtype="html", cte="7bit")
    for leaf in mail.inline:
        _, picture = made.iter_parts()
        main, sub = leaf.kind.split("/")
        picture.add_related(
            leaf.content, main, sub, cid=f"<{leaf.cid}>", filename=leaf.name, disposition="inline"
        )
    if mail.invitation:
        made.add_alternative(mail.invitation, subtype="calendar", params={"method": "REQUEST"})
    for leaf in mail.attachments:
        main, sub = leaf.kind.split("/")
        params = {"charset": "utf-8"} if main == "text" else {}
        made.add_attachment(leaf.content, main, sub, filename=leaf.name, params=params)
    for number, part in enumerate(made.walk()):
        if part.is_multipart():
            part.set_boundary(f"=_boundary_{number}")
    return made.as_bytes()


def leaves_of(message: EmailMessage) -> list[Leaf]:
    """Decoded, in UTF-8 where they are text."""
    found = []
    for part in message.walk():
        if not part.is_multipart():
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            if part.get_content_maintype() == "text":
                content = content.decode(part.get_content_charset("utf-8")).encode()
            cid = str(part.get("Content-ID", "")).strip("<> ")
            found.append(_even(Leaf(part.get_content_type(), content, part.get_filename() or "", cid)))
    return found


def _even(leaf: Leaf) -> Leaf:
    """Texts without what clients may decide: how lines end, and how many of them at the end are empty."""
    if not leaf.kind.startswith("text/"):
        return leaf
    return replace(leaf, content=leaf.content.replace(b"\r\n", b"\n").rstrip(b"\n"))


def assert_octets_kept(sent: bytes, wire: bytes) -> None:
    """Every header but Bcc, and the body, octet for octet."""
    header, _, body = sent.partition(b"\r\n\r\n")
    got_header, _, got_body = wire.partition(b"\r\n\r\n")
    assert got_body.rstrip(b"\r\n") == body.rstrip(b"\r\n")
    for name, value in message_from_bytes(header + b"\r\n\r\n").raw_items():
        line = f"{name}: {value}".encode().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        assert (line in got_header) == (name != "Bcc"), line
