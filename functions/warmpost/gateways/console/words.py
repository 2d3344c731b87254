"""What the console says, in the languages of its users; English is what the templates hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request

LANGUAGES = {"en": "English", "zh": "中文"}
LANGUAGE_COOKIE = "__Secure-warmpost-language"
FOLDER = Path(__file__).parent / "languages"

NAMES = {
    "volume": "Messages",
    "volume_of_cap": "Share of the cap sent",
    "known": "Outcome known",
    "invalid": "Invalid addresses",
    "spam": "Spam bounces",
    "complaints": "Complaints",
    "ownership": "Ownership",
    "dkim": "DKIM",
    "spf": "SPF",
    "dmarc": "DMARC",
    "ok": "found",
    "unchecked": "not looked up yet",
    "retire": "may be deleted",
    "hard_bounce": "dead address",
    "manual": "by hand",
    "vcpu_seconds": "Worker seconds",
    "gib_seconds": "Memory, GiB seconds",
    "egress": "Traffic",
    "relay_egress": "Traffic to the relay",
    "reads": "Reads",
    "writes": "Writes",
    "tasks": "Tasks",
    "invocations": "Invocations",
    "set": "set by hand",
    "hold": "left as it is, until somebody decides",
    "resend": "sent again",
    "send": "one message",
    "batch": "batch",
}
"""What the API calls by a name of its own."""

DONE = {
    "saved": "Saved.",
    "deleted": "Deleted.",
    "removed": "Removed.",
    "domain-created": "The domain is there. Publish its records, then look them up.",
    "looked-up": "The records were looked up.",
    "rotated": "A new DKIM key was made; publish its record.",
    "list-created": "The list is there. Drop a CSV file on it.",
    "template-created": "The template is there.",
    "address-created": "The address is there.",
    "password-set": "The SMTP password is set.",
    "batch-sent": "It is on its way.",
    "scheduled": "It is scheduled.",
    "message-sent": "The message is on its way.",
    "test-sent": "A test is on its way.",
    "paused": "Paused.",
    "resumed": "It goes on.",
    "cancelled": "Cancelled.",
    "ended": "Ended.",
    "sent-again": "They are sent again.",
    "given-up": "They are given up.",
    "suppressed": "The address is suppressed.",
    "lifted": "The suppression is lifted.",
    "revoked": "The key is revoked.",
    "erasing": "The erasure has begun.",
}
"""What a page says after a form, by the name that stands in its URL."""


@dataclass(frozen=True, slots=True)
class Translator:
    """Called with English, answers in its language, with values put in; English where nobody has translated it yet."""

    words: Mapping[str, str]

    def __call__(self, text: str, **values: object) -> str:
        english = NAMES.get(text, text)
        found = self.words.get(english, english)
        return found.format(**values) if values else found

    def done(self, name: str) -> str:
        return self(DONE[name]) if name in DONE else ""


@cache
def translator(language: str) -> Translator:
    file = FOLDER / f"{language}.json"
    return Translator(json.loads(file.read_text("utf-8")) if language != "en" else {})


def choose_language(request: Request) -> str:
    """What somebody chose here, else the first of the browser's that is spoken here, else English."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    for one in request.headers.get("accept-language", "").split(","):
        code = one.partition(";")[0].strip().partition("-")[0].lower()
        if code in LANGUAGES:
            return code
    return "en"
