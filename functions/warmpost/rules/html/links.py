"""Where a link of an HTML text leads, and whether its words say so already."""

from __future__ import annotations

import re
from dataclasses import dataclass

from warmpost.rules.html.hidden import STATEMENT_MARK, DependsOnValues

_LEADS_NOWHERE = re.compile(r"#|(?:javascript|vbscript|data|about|cid):|$", re.IGNORECASE).match
_SAID_WITHOUT = re.compile(r"(?:mailto|tel|sms):", re.IGNORECASE)
_IN_URL = re.compile(r"[\t\r\n]")


@dataclass(slots=True)
class Link:
    """start: how many pieces of text were written before. depth: of its element. label: what it is called where it has
    no words. pictured: whether it shows a picture without words.
    """

    url: str
    start: int
    depth: int
    label: str = ""
    pictured: bool = False

    def leads_somewhere(self, marked: bool) -> bool:
        """Raises DependsOnValues for a template that decides that, if marked."""
        if marked and STATEMENT_MARK.match(self.url):
            raise DependsOnValues
        return not _LEADS_NOWHERE(self.url)

    def is_said_by(self, words: str) -> bool:
        return words in (self.url, _SAID_WITHOUT.sub("", self.url))


def url_of(href: str) -> str:
    """As browsers take it (WHATWG URL section 4.4), and so that it stands between angle brackets."""
    url = _IN_URL.sub("", href).strip()
    if url.startswith("//"):
        url = f"https:{url}"
    return url.replace(" ", "%20").replace("<", "%3C").replace(">", "%3E")
