"""Bounces in prose: what qmail, Exim, Exchange, Postfix, Gmail, Yahoo, QQ and NetEase write for people.

There is no grammar, but a habit: an introduction, then each failed address with the other server's words behind or
below it, then the returned message. So the text is cut where the returned message begins, and then read address by address.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from warmpost.rules.model.events import EventKind
from warmpost.rules.reports.lenient_mime import Mail, decode_words
from warmpost.rules.reports.reports import read_recipient, read_reply, words_of

MOST_LINES = 400
MOST_NOTICES = 100


@dataclass(frozen=True, slots=True)
class Notice:
    """What one report says of one recipient. reporter: the host whose words they are.

    when: tells repeated reports of one attempt from reports of several. when_known: of the attempt, RFC 5322, or empty.
    """

    address: str
    kind: EventKind
    code: int = 0
    status: str = ""
    text: str = ""
    reporter: str = ""
    when: str = ""
    when_known: str = ""


_SENDERS = re.compile(
    r"mailer-?daemon|postmaster|mail delivery (?:sub)?system|microsoft outlook|microsoftexchange|mail administrator"
    r"|mdaemon|mail-?daemon|10000@qq\.com",
    re.IGNORECASE,
)
_SUBJECTS = re.compile(
    r"undeliver|deliver(?:y|ed)? (?:status|failure|failed|error|problem|has failed|delay|notification)|failure notice"
    r"|returned (?:mail|to sender|email)|mail (?:delivery )?(?:failed|failure|error|system error)|message not delivered"
    r"|could ?n[o']t be delivered|non[ -]?deliver|nondeliverable|bounce|rejected|warning: (?:message|could not)"
    r"|unzustellbar|nicht zugestellt|non remis|échec|no entregado|devuelto|mancato recapito|não entregue"
    r"|не доставлено|недоставлен|退信|退回|无法投递|投递失败|投遞失敗|無法傳遞|配信不能|배달 실패",
    re.IGNORECASE,
)
_RETURNED = re.compile(
    r"^[ \t]*(?:-{2,}.{0,20}(?:below this line|this is a copy|original message|returned message|undelivered message"
    r"|copy of the|the header of|message header).{0,60}|original message headers:?"
    r"|-{4,} ?(?:transcript of )?(?:the )?headers.{0,40}|received: (?:from|by) .{0,200})",
    re.IGNORECASE | re.MULTILINE,
)
_DELAYED = re.compile(
    r"warning (?:message )?only|has been delayed|is delayed|delivery (?:is |has been )?delayed|not yet been delivered"
    r"|has not been delivered|will be retried|will (?:continue to|keep) (?:retry|try)|still (?:being|trying)"
    r"|do(?:es)? not need to resend|delivery incomplete|temporary problem|还在重试|延迟|将继续尝试",
    re.IGNORECASE,
)
_FINAL = re.compile(
    r"permanent(?:ly)?\b|given up|giving up|failed|could not be delivered|couldn't be delivered|undeliverable"
    r"|wasn't delivered|unable to deliver|退回|退信",
    re.IGNORECASE,
)
_SPEAKS = re.compile(
    r"deliver|recipient|mailbox|undeliverable|returned|bounce|SMTP|not found|退|收件人|无法|失败|zugestellt|remis|entreg",
    re.IGNORECASE,
)
_REPLY = re.compile(r"(?<![\w.@/-])[45]\d\d[ -]{1,3}\S", re.ASCII)
"""Where the other server's words begin; what stands before them is the reporting system's own."""
_ADDRESS = re.compile(r"[^\s<>\"'():;,\[\]=]{1,64}@[\w-][\w.-]{0,250}\w")
_HEADED = re.compile(
    r"^[ \t]*(?:[*•-][ \t]+|to:?[ \t]+|recipient:?[ \t]+|收件人[::(( ]{0,3}|failed recipient:?[ \t]+)?"
    r"[<\"'(]{0,2}(?P<address>[^\s<>\"'():;,\[\]=]{1,64}@[\w-][\w.-]{0,250}\w)[>\"')]{0,2}"
    r"(?:[ \t]*\((?:mailto|expanded from|reason)[^()\n]{0,200}\)|<mailto:[^<>\n]{0,300}>)?"
    r"[ \t]*(?:$|[::.]|\.{3}| on \d|[ \t]-[ \t]|[))])(?P<rest>.*)$",
    re.IGNORECASE,
)


_OF_THE_MESSAGE = re.compile(
    r"^[ \t]*(?:subject|sent|date|主[ \t]*题)[ \t]*[::].*$", re.IGNORECASE | re.MULTILINE
)
"""Lines that quote the returned message: its words are no reason for anything."""


def is_bounce_notice(mail: Mail) -> bool:
    """Whether a mail system speaks, and of a delivery."""
    headers = mail.headers
    if "x-failed-recipients" in headers or mail.content_type == "multipart/report":
        return True
    speaks = _SENDERS.search(decode_words(headers.first("from"))[:500])
    return bool(speaks and (_SUBJECTS.search(mail.subject[:300]) or _SPEAKS.search(_prose(mail)[:4000])))


def may_be_bounce_notice(mail: Mail) -> bool:
    """Sent by nobody and about a delivery: a notice of a system that does not say it is one, or an automatic reply."""
    from_nobody = mail.headers.first("return-path").strip().startswith("<>")
    return from_nobody and bool(_SUBJECTS.search(mail.subject[:300]))


def read_notices(mail: Mail) -> tuple[Notice, ...]:
    """One for each address the text says something of, or a single one without address."""
    text = _prose(mail)
    kind: EventKind = "deferred" if _DELAYED.search(text[:4000]) and not _is_final(mail, text) else "bounced"
    listed = [read_recipient(one) for one in mail.headers.first("x-failed-recipients")[:4000].split(",")]
    found = _by_address(text)
    for address in filter(None, listed):
        found.setdefault(address, "")
    if not found:
        address = _only_address(text)
        return (_one(address, kind, text),) if text.strip() else ()
    alone = text if len(found) == 1 else ""
    return tuple(
        _one(address, kind, _telling(said, alone)) for address, said in list(found.items())[:MOST_NOTICES]
    )


def _telling(said: str, alone: str) -> str:
    """What is said of an address, or all of the text where that alone holds a code."""
    return alone if not said or (any(read_reply(alone)) and not any(read_reply(said))) else said


def _is_final(mail: Mail, text: str) -> bool:
    return bool(_FINAL.search(text[:4000])) and not re.search(
        r"delay|warning|延迟", mail.subject[:300], re.IGNORECASE
    )


def _one(address: str, kind: EventKind, said: str) -> Notice:
    match = _REPLY.search(said)
    words = said[match.start() :] if match else said
    code, status = read_reply(words)
    return Notice(address, kind, code, status, words_of(words, code))


def _prose(mail: Mail) -> str:
    for kind in ("text/plain", "text/html"):
        for part in mail.parts:
            if part.content_type == kind and (text := part.text[:40_000]).strip():
                cut = _RETURNED.search(text)
                return _OF_THE_MESSAGE.sub("", text[: cut.start()] if cut and cut.start() else text)
    return ""


def _by_address(text: str) -> dict[str, str]:
    """What is said below each line that begins with an address, up to the next such line."""
    found: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in text.splitlines()[:MOST_LINES]:
        match = _HEADED.match(line[:600])
        address = read_recipient(match["address"].rstrip(".")) if match else ""
        if match and address:
            if not any(read_reply(" ".join(found.get(address, ())))):
                found[address] = []
            current = found[address]
            current.append(match["rest"])
        elif current is not None and not line.strip() and any(read_reply(" ".join(current))):
            current = None
        elif current is not None:
            current.append(line)
    return {address: " ".join(" ".join(lines).split()) for address, lines in found.items()}


def _only_address(text: str) -> str:
    addresses = {read_recipient(one) for one in _ADDRESS.findall(text[:4000])[:10]} - {""}
    strangers = {one for one in addresses if not one.startswith(("postmaster@", "bounces", "mailer-daemon@"))}
    return strangers.pop() if len(strangers) == 1 else ""
