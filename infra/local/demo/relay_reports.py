"""What a relay and a mailbox provider report of messages, signed as `event-webhook` wants it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import aiohttp


class Relay:
    """url: of the functions. secret: of every source. clock: epoch seconds, as the receiving side has them."""

    def __init__(
        self, client: aiohttp.ClientSession, url: str, secret: str, clock: Callable[[], float]
    ) -> None:
        self._client = client
        self._url = url
        self._secret = secret
        self._clock = clock

    async def report(self, source: str, body: bytes, forged: bool = False, envelope_to: str = "") -> int:
        """The status of the answer. forged: by somebody who does not know the secret."""
        now = int(self._clock())
        key = b"a guess" if forged else self._secret.encode()
        digest = hmac.digest(key, b"%d." % now + body, hashlib.sha256)
        headers = {"Warmpost-Timestamp": str(now), "Warmpost-Signature": f"v1={digest.hex()}"}
        if envelope_to:
            headers["Warmpost-Envelope-To"] = envelope_to
        url = f"{self._url}/event-webhook/{source}"
        async with self._client.post(url, data=body, headers=headers) as response:
            await response.read()
            return response.status


def bounce_mail(return_path: str, to: str, source: bytes) -> bytes:
    """A report of a delivery that failed after all (RFC 3464), with the headers of the message (RFC 3462)."""
    domain = to.rpartition("@")[2]
    status = (
        f"Reporting-MTA: dns; mx.{domain}\r\n\r\nFinal-Recipient: rfc822; {to}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        f"Diagnostic-Code: smtp; 550 5.1.1 <{to}>: this account has been closed\r\n"
    )
    parts = (
        ("text/plain", b"Your message could not be delivered.\r\n"),
        ("message/delivery-status", status.encode()),
        ("text/rfc822-headers", _headers(source)),
    )
    head = f"From: MAILER-DAEMON@mx.{domain}\r\nTo: {return_path}\r\nSubject: Undelivered Mail Returned to Sender\r\n"
    return _report(head, "delivery-status", parts)


def complaint_mail(return_path: str, to: str, source: bytes) -> bytes:
    """A press of the junk button as providers report it (RFC 5965)."""
    domain = to.rpartition("@")[2]
    feedback = (
        f"Feedback-Type: abuse\r\nUser-Agent: {domain}-feedback/1.0\r\nVersion: 1\r\n"
        f"Original-Mail-From: <{return_path}>\r\nOriginal-Rcpt-To: <{to}>\r\n"
    )
    parts = (
        ("text/plain", b"This is an abuse report for an e-mail.\r\n"),
        ("message/feedback-report", feedback.encode()),
        ("text/rfc822-headers", _headers(source)),
    )
    return _report(f"From: feedback@{domain}\r\nSubject: complaint\r\n", "feedback-report", parts)


def _headers(source: bytes) -> bytes:
    return source.partition(b"\r\n\r\n")[0] + b"\r\n"


def _report(head: str, kind: str, parts: tuple[tuple[str, bytes], ...]) -> bytes:
    lines = f'{head}MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type={kind}; boundary="=_part"\r\n'
    body = b"".join(
        b"\r\n--=_part\r\nContent-Type: %s\r\n\r\n%s" % (name.encode(), content) for name, content in parts
    )
    return lines.encode() + body + b"\r\n--=_part--\r\n"
