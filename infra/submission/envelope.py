"""The commands MAIL and RCPT, read strictly: what is not understood is refused with the reply that says so."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from infra.submission import replies
from warmpost.rules.model.addresses import read_address

_MAIL = re.compile(r"FROM: ?<(?P<path>[^>]*)>(?P<rest>(?: [^ ]+)*) *", re.IGNORECASE)
_RCPT = re.compile(r"TO: ?<(?P<path>[^>]*)>(?P<rest>(?: [^ ]+)*) *", re.IGNORECASE)
_BODIES = ("7BIT", "8BITMIME")


@dataclass
class Envelope:
    """international: MAIL had SMTPUTF8."""

    international: bool = False
    recipients: list[str] = field(default_factory=list)


def read_mail(arg: str, most: int) -> Envelope | str:
    """Or the reply. The sender of the envelope means nothing here: the return path is made for each recipient."""
    found = _MAIL.fullmatch(arg)
    if found is None:
        return "501 5.5.4 Syntax: MAIL FROM:<address>"
    made = Envelope()
    for parameter in found["rest"].split():
        name, _, value = parameter.partition("=")
        name = name.upper()
        if name == "SIZE" and value.isascii() and value.isdigit():
            if len(value) > 15 or int(value) > most:
                return replies.TOO_LARGE.format(most=most)
        elif name == "SMTPUTF8" and not value:
            made.international = True
        elif not (name == "AUTH" and value) and not (name == "BODY" and value.upper() in _BODIES):
            return replies.UNKNOWN_PARAMETER.format(name=_shown(parameter))
    path = found["path"]
    if path and not made.international and not path.isascii():
        return replies.NEEDS_UTF8
    if path and not isinstance(read_address(path), str):
        return replies.bad_address("The sender's address cannot be one")
    return made


def read_rcpt(arg: str, envelope: Envelope, most: int) -> str:
    """The reply; a recipient that is taken stands in the envelope."""
    found = _RCPT.fullmatch(arg)
    if found is None:
        return "501 5.5.4 Syntax: RCPT TO:<address>"
    if found["rest"]:
        return replies.UNKNOWN_PARAMETER.format(name=_shown(found["rest"].split()[0]))
    path = found["path"]
    if not path.isascii() and not envelope.international:
        return replies.NEEDS_UTF8
    address = read_address(path)
    if not isinstance(address, str):
        return replies.bad_address(f"The address {address.reason}")
    if len(envelope.recipients) >= most:
        return replies.TOO_MANY_RECIPIENTS.format(most=most)
    envelope.recipients.append(address)
    return "250 2.1.5 OK"


def _shown(parameter: str) -> str:
    return "".join(char if "!" <= char <= "~" else "?" for char in parameter[:40])
