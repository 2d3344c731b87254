"""Readers that are no people: programs that fetch pictures before anybody opens, and that try every link.

What they do is kept and shown apart. A proxy that fetches when its user opens (Gmail, Yahoo) tells of a person, unless
it comes so soon after the sending that it can only be fetching ahead.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

PREFETCHERS = frozenset(
    {
        "",
        "mozilla/5.0",  # Apple Mail Privacy Protection
        # Gmail's fetching ahead of the opening
        "mozilla/5.0 (x11; linux x86_64) applewebkit/537.36 (khtml, like gecko) chrome/42.0.2311.135 safari/537.36 "
        "edge/12.246 mozilla/5.0",
    }
)
"""User agents that fetch pictures whether or not anybody looks at them."""

PROXIES = tuple(
    "googleimageproxy|ggpht.com|yahoomailproxy|yahoocachesystem|fastmailua|shortwave image fetcher".split("|")
)
"""They fetch for a person who opens; within PROXY_SECONDS of the sending they do not."""

MAIL_FILTERS = """
barracuda proofpoint mimecast safelinks symantec messagelabs trendmicro sophos fortinet fortimail cisco ironport
fireeye forcepoint zscaler cloudmark bitdefender kaspersky f-secure hornetsecurity vade retarus spamexperts
mailscanner urlscan phish virustotal checkpoint cyren cloudflare
""".split()
"""Parts of the names by which filters in front of mailboxes try links: no list of crawlers knows them."""

PROGRAMS = """
bot crawl spider slurp preview prerender headless phantomjs scanner scanning validator monitor uptime archiver
libwww lwp python java/ undici ruby guzzle winhttp powershell postman
""".split()
"""What programs call themselves, beside the names in `crawlers.txt`."""

MOST_LOOKED_AT = 500
"""Characters of a user agent; a list of crawlers takes its time with each."""

PROXY_SECONDS = 10.0
OPEN_SECONDS = 2.0
CLICK_SECONDS = 10.0
"""Sooner than that after its sending nobody has received, opened and read a message."""

_MACHINE = re.compile("|".join(map(re.escape, (*MAIL_FILTERS, *PROGRAMS)))).search
_PEOPLE = re.compile(r"cubot").search  # a maker of telephones


@cache
def _crawlers() -> re.Pattern[str]:
    """The expressions of crawler-user-agents (github.com/monperrus/crawler-user-agents); made anew by
    `python -m infra.checks.crawlers`."""
    origin, *patterns = Path(__file__).with_name("crawlers.txt").read_text().splitlines()
    assert origin.startswith("# ")
    return re.compile("|".join(patterns))


@lru_cache(maxsize=4096)
def _is_program(user_agent: str) -> bool:
    """Half a millisecond for the user agent of a person, and the same few come again and again."""
    agent = user_agent.lower()
    if _MACHINE(agent):
        return not _PEOPLE(agent)
    return not any(name in agent for name in PROXIES) and bool(_crawlers().search(user_agent))


def is_machine(
    kind: Literal["opened", "clicked"], user_agent: str, method: str, seconds_since_sent: float | None
) -> bool:
    """Whether no person did this. seconds_since_sent: None where it is not known."""
    given = " ".join(user_agent[:MOST_LOOKED_AT].split())
    agent = given.lower()
    since = float("inf") if seconds_since_sent is None else seconds_since_sent
    if method != "GET" or agent in PREFETCHERS or _is_program(given):
        return True
    if kind == "clicked":
        return since < CLICK_SECONDS
    is_proxy = any(name in agent for name in PROXIES)
    return since < (PROXY_SECONDS if is_proxy else OPEN_SECONDS)
