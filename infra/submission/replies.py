"""What the function answered, in the words of SMTP (RFC 5321, RFC 3463): the table of the README."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """Of the function: status 0 where it was not reached, 1 where it did not answer in time."""

    status: int
    id: str = ""
    code: str = ""
    message: str = ""
    retry_after: int | None = None

    @property
    def may_change(self) -> bool:
        """Whether asking once more at once can help."""
        return self.status < 2 or self.status >= 500


GREETING_LIMIT = "421 4.7.0 Too many connections, try again later"
STOPPING = "421 4.3.2 This gateway is stopping, try again"
IDLE = "421 4.4.2 Nothing came for too long"
TOO_MANY_WRONG = "421 4.7.0 Too many wrong credentials from your address, try again later"
TLS_FIRST = "530 5.7.0 Must issue a STARTTLS command first"
AUTH_FIRST = "530 5.7.0 Authentication required"
WRONG = "535 5.7.8 Authentication credentials invalid"
AWAY = "454 4.7.0 The credential cannot be checked now, try again"
TOO_LARGE = "552 5.3.4 The message is larger than {most} bytes"
TOO_MANY_RECIPIENTS = "452 4.5.3 Too many recipients; {most} are allowed in one message"
NO_MEMORY = "452 4.3.1 Too many messages are being taken, try again"
BAD_ADDRESS = "553 5.1.3 {reason}"
NEEDS_UTF8 = "553 5.6.7 The address is not ASCII; MAIL needs the parameter SMTPUTF8"
UNKNOWN_PARAMETER = "555 5.5.4 The parameter {name} is not known here"
LONG_COMMAND = "500 5.5.2 The line is too long"

_BY_CODE = {
    "domain_not_found": "550 5.7.1",
    "domain_not_verified": "550 5.7.1",
    "sender_not_allowed": "550 5.7.1",
    "missing_from": "550 5.7.1",
    "invalid_from": "550 5.7.1",
    "missing_scope": "550 5.7.1",
    "domain_suspended": "451 4.7.1",
    "changed_meanwhile": "451 4.3.0",
    "too_many_recipients": "452 4.5.3",
    "invalid_address": "553 5.1.3",
    "bare_control": "550 5.6.0",
    "broken_header": "550 5.6.0",
    "line_too_long": "554 5.6.1",
    "mail_loop": "554 5.4.6",
}
_BY_STATUS = {0: "451 4.4.1", 1: "451 4.4.1", 401: "535 5.7.8", 413: "552 5.3.4", 429: "451 4.7.1"}
_MOST_WORDS = 400


def reply(answer: Answer) -> str:
    """One line without its end."""
    if answer.status == 202:
        return f"250 2.0.0 Queued as {answer.id}"
    start = _BY_CODE.get(answer.code) or _BY_STATUS.get(answer.status)
    if start is None:
        start = "451 4.3.0" if answer.status >= 500 or answer.status < 400 else "554 5.6.0"
    words = _plain(answer.message) or "Warmpost cannot be reached now, try again"
    if answer.retry_after and start.startswith("4"):
        words += f" Try again in {answer.retry_after} s."
    return f"{start} {words}"


def bad_address(reason: str) -> str:
    return BAD_ADDRESS.format(reason=_plain(reason))


def _plain(text: str) -> str:
    return "".join(char if " " <= char <= "~" else "?" for char in text)[:_MOST_WORDS].strip()
