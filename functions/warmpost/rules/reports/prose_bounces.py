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
    r"|mdaemon|mail-?daemon|10000@qq\.com|system administrator|smtp_mail_service|messaging security|imss@|antivirus_for_smtp"
    r"|delivery (?:agent|service|robot|notification)|mail (?:server|gateway|service)|e-?mail (?:server|gateway)",
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
_FAILED = re.compile(
    r"(?:could|can|was|were|did|has|have)(?: ?not|n't) (?:be(?:en)? )?(?:deliver|reach|sent)"
    r"|unable to deliver|delivery (?:to|has|of).{0,80} failed|undeliverable"
    r"|failed recipient|failed to deliver|non-?delivery report|n'a pas pu [eê]tre"
    r"|konnte nicht zugestellt|no se pudo entregar|non [eè] stato (?:possibile )?(?:consegn|recapit)",
    re.IGNORECASE,
)
"""What a person seldom writes: that, with a subject that says so, makes a notice whoever sends it."""
_REFUSED_BY_RECEIPT = re.compile(
    r"automatically rejected|was rejected|quota exceeded|mailbox (?:is )?full|not be delivered", re.IGNORECASE
)
_RETURNED = re.compile(
    r"^[ \t]*(?:-{2,}.{0,20}(?:below this line|this is a copy|original message|returned message|undelivered message"
    r"|copy of the|the header of|the header and|message header|returned mail).{0,60}"
    r"|original message (?:headers|details|follows|as received).{0,40}"
    r"|old message:|(?:returned|undelivered) message:?"
    r"|-{4,} ?(?:transcript of )?(?:the )?headers.{0,40}|received: (?:from|by) .{0,200})",
    re.IGNORECASE | re.MULTILINE,
)
_DELAYED = re.compile(
    r"warning (?:message )?only|has been delayed|is delayed|delivery (?:is |has been )?delayed|not yet been delivered"
    r"|will be retried|will (?:continue to|keep) (?:retry|try)|still (?:being|trying)"
    r"|attempts will continue|do(?:es)? not need to resend|delivery incomplete|temporary problem|还在重试|延迟|将继续尝试",
    re.IGNORECASE,
)
_STILL_TRYING = re.compile(
    r"delivery attempts will continue|not yet been delivered|message will be retried", re.IGNORECASE
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
    r"^[ \t]*(?:[*•-]{1,2}[ \t]+|to:?[ \t]+|收件人[::(( ]{0,3}|(?:failed |final |intended )?recipient(?: address)?:?[ \t]+"
    r"|(?:unknown|invalid|no such) user:?[ \t]+|(?:failed |e-?mail )?address:?[ \t]+)?"
    r"[<\"'(\[]{0,2}(?P<address>[^\s<>\"'():;,\[\]=]{1,64}@[\w-][\w.-]{0,250}\w)(?![\w-]|\.\w)[>\"')\]]{0,2}"
    r"(?:[ \t]*\((?:mailto|expanded from|reason)[^()\n]{0,200}\)|<mailto:[^<>\n]{0,300}>)?"
    r"[ \t]*(?:$|[::.]|\.{3}| on \d|[ \t]-[ \t]|[))]"
    r"|(?=[ \t]+(?:was|were|could|has|is|does|did|not|no|unknown|user|said|failed|rejected)\b))(?P<rest>.*)$",
    re.IGNORECASE,
)


_OF_THE_MESSAGE = re.compile(
    r"^[ \t*]*(?:subject|sent|date|主[ \t]*题)[ \t]*[::].*$"
    r"|^[ \t]*(?:to|cc)[ \t]*:[^\n]*(?=\n[ \t]*(?:cc|subject|sent|date)[ \t]*:)",
    re.IGNORECASE | re.MULTILINE,
)
"""Lines that quote the returned message: its words are no reason for anything."""


_OF_THE_SENDER = re.compile(
    r"(?<!expanded )\b(?:from|sent by|on behalf of)\b[ \t]{0,5}:?\s{0,9}<?[^\s<>\"'():;,\[\]=]{1,64}@[\w.-]{1,250}>?",
    re.IGNORECASE,
)
"""Who sent the message is not whom it failed for; some systems name both, the sender first."""


def is_refusing_receipt(mail: Mail) -> bool:
    """A mailbox program that refuses in the form of a receipt (RFC 8098 section 3.2.6, RFC 5429)."""
    return bool(_REFUSED_BY_RECEIPT.search(f"{mail.subject[:300]}\n{_prose(mail)[:4000]}"))


def is_bounce_notice(mail: Mail) -> bool:
    """Whether a mail system speaks, and of a delivery."""
    headers = mail.headers
    if "x-failed-recipients" in headers or mail.content_type == "multipart/report":
        return True
    speaks = _SENDERS.search(decode_words(headers.first("from"))[:500])
    return bool(speaks and (_SUBJECTS.search(mail.subject[:300]) or _SPEAKS.search(_prose(mail)[:4000])))


def may_be_bounce_notice(mail: Mail) -> bool:
    """About a delivery, and sent by nobody or in words of a mail system: it does not say that it is a notice."""
    if not _SUBJECTS.search(mail.subject[:300]):
        return False
    from_nobody = mail.headers.first("return-path").strip().startswith("<>")
    return from_nobody or bool(_FAILED.search(_prose(mail)[:4000]))


def tells_of_failure(mail: Mail) -> bool:
    """What is enough where only mail systems have the address it was sent to."""
    text = _prose(mail)[:4000]
    return bool(_SUBJECTS.search(mail.subject[:300]) or _FAILED.search(text))


def read_notices(mail: Mail) -> tuple[Notice, ...]:
    """One for each address the text says something of, or a single one without address."""
    text = _prose(mail)
    kind = _kind(mail, text)
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


def _kind(mail: Mail, text: str) -> EventKind:
    start = text[:4000]
    if _STILL_TRYING.search(start):
        return "deferred"
    return "deferred" if _DELAYED.search(start) and not _is_final(mail, text) else "bounced"


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
                text = text[: cut.start()] if cut and text[: cut.start()].strip() else text
                return _OF_THE_SENDER.sub("", _OF_THE_MESSAGE.sub("", text))
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
    addresses = {read_recipient(one.rstrip(".")) for one in _ADDRESS.findall(text[:4000])[:10]} - {""}
    strangers = {one for one in addresses if not one.startswith(("postmaster@", "bounces", "mailer-daemon@"))}
    if len(strangers) > 1:
        strangers = (
            set(filter(None, (read_recipient(each[1]) for each in _SENT_TO.finditer(text[:4000]))))
            or strangers
        )
        return min(strangers, key=text.lower().find)
    return strangers.pop() if strangers else ""


_SENT_TO = re.compile(
    r"(?:rcpt to:|deliver(?:ed)? (?:your )?(?:the )?(?:message |mail )?to|message (?:was )?(?:addressed )?to|recipient:?)"
    r"\s{0,3}<?([^\s<>\"'():;,\[\]=]{1,64}@[\w-][\w.-]{0,250}\w)",
    re.IGNORECASE,
)
"""Where several addresses are named in running text: the one that a message was for."""
