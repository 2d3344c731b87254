"""What a relay's words mean: replies cut from the stream, read, and judged (RFC 5321 section 4.2, RFC 3463)."""

from __future__ import annotations

import re
from functools import lru_cache

from warmpost.rules.delivery.envelope import HandOver, Reply

LONGEST_REPLY = 16_384
LONGEST_TEXT = 1_000

_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)", re.ASCII)

# 503, 530, 534, 535 and 538 complain of the session (order of commands, authentication, encryption):
# the message itself may well be taken once the relay is set up right.
_SESSION_FAULTS = frozenset({503, 530, 534, 535, 538})


class Garbled(ValueError):
    """What arrived is not an SMTP reply, or not one that can answer the command."""


class ReplyReader:
    """Cuts the bytes of a connection into complete replies, however the network has split or joined them."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def __bool__(self) -> bool:
        """True while a reply has begun and its end has not come."""
        return bool(self._rest)

    def feed(self, data: bytes) -> list[bytes]:
        """Replies that are now complete, each with all its lines."""
        if self._rest:
            data = self._rest + data
        replies = []
        start = line = 0
        while (end := data.find(b"\n", line)) >= 0:
            if data[line + 3 : line + 4] != b"-":
                replies.append(data[start : end + 1])
                start = end + 1
            line = end + 1
        self._rest = data[start:]
        return replies

    def check(self) -> None:
        """Raises Garbled for a reply that has begun and does not end; those before it have been given out."""
        if len(self._rest) > LONGEST_REPLY:
            raise Garbled(f"a reply longer than {LONGEST_REPLY} bytes")


@lru_cache(maxsize=64)
def parse_reply(raw: bytes) -> Reply:
    """Read one complete reply; relays repeat themselves, so the last ones are remembered.

    Lines of a multi-line reply are joined by a space, control characters become spaces, and the text is cut at
    LONGEST_TEXT characters. Raises Garbled where a line has no code or the lines' codes differ.
    """
    lines = raw.split(b"\n")
    if len(lines) > 1 and not lines[-1]:
        lines.pop()
    codes = {line[:3] for line in lines}
    code = codes.pop()
    if codes or len(code) != 3 or not code.isdigit() or any(line[3:4] not in b" -\r" for line in lines):
        raise Garbled(f"not an SMTP reply: {_readable(raw[:200])!r}")
    enhanced = ""
    texts = []
    for line in lines:
        text = _readable(line[4:])
        if match := _ENHANCED.match(text):
            enhanced = enhanced or match[1]
            text = text[match.end() :]
        texts.append(text)
    return Reply(int(code), enhanced, " ".join(filter(None, texts))[:LONGEST_TEXT])


def judge(reply: Reply) -> HandOver:
    """What a final reply to MAIL, RCPT, DATA or the message means for the message.

    Raises Garbled for a code that is none of 2xx, 4xx, 5xx.
    """
    match reply.code // 100:
        case 2:
            return HandOver.ACCEPTED
        case 4:
            return HandOver.POSTPONED
        case 5:
            return HandOver.POSTPONED if reply.code in _SESSION_FAULTS else HandOver.REFUSED
    raise Garbled(f"a reply out of place: {reply}")


def closes_connection(reply: Reply) -> bool:
    """421 may answer any command, and come unasked; the relay hangs up behind it (RFC 5321 section 3.8)."""
    return reply.code == 421


def _readable(line: bytes) -> str:
    text = line.decode("utf-8", "replace").strip()
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
