"""Letters rewritten for tracking, and what became of their links."""

from __future__ import annotations

import quopri
import re
from base64 import b64decode

from warmpost.adapters.templates.templates import Templates
from warmpost.rules.message.message import Content
from warmpost.rules.message.mime import TextPart
from warmpost.rules.model.events import Target
from warmpost.rules.tracking.tokens import Signer
from warmpost.rules.tracking.tracking import UNMARKED, Links, Marks, Track

BASE = "https://t.example.com/track"
SIGNER = Signer(b"k" * 32)
LINKS = Links(BASE, SIGNER)
TARGET = Target(batch="12", position=345)
CLICKS = Marks(BASE, Track(clicks=True))
CLICK = re.compile(re.escape(BASE) + r"/c/([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)")

templates = Templates()


def octets(part: TextPart, body: bytes) -> str:
    decoded = b64decode(body) if part.encoding == "base64" else quopri.decodestring(body)
    return decoded.decode().replace("\r\n", "\n")


def rendered(html, data=None, marks=CLICKS, templated=True, text="t") -> tuple[str, str]:
    """Text and HTML as they arrive."""
    compiled = templates.compile(Content("s", html, text, templated), marks)
    _, bodies = compiled.render({}, data or {}, LINKS.reader(TARGET, 1_790_000_000))
    plain, rich = (octets(part, body) for part, body in zip(compiled.parts, bodies, strict=True))
    return plain, rich


def marked(html, data=None, **options) -> str:
    return rendered(html, data, **options)[1]


def destinations(html) -> list[str]:
    """Where the rewritten links lead, in order."""
    found = [SIGNER.read("click", token) for token in CLICK.findall(html)]
    assert all(one is not None and one.target == TARGET for one in found)
    return [one.destination for one in found if one is not None]


def restored(html, hrefs) -> str:
    """With the links as they were before."""
    before = iter(hrefs)
    return CLICK.sub(lambda _: next(before), html)


def same_quotes(html) -> str:
    """Python and Jinja write quotes as different references."""
    return html.replace("&#x27;", "&#39;").replace("&quot;", "&#34;")


def untouched(html, data=None, **options) -> bool:
    return marked(html, data, **options) == marked(html, data, marks=UNMARKED, **options)
