"""Readers that are no people: programs that fetch pictures before anybody opens, and that try every link.

What they do is kept and shown apart. A proxy that fetches when its user opens (Gmail, Yahoo) tells of a person, unless
it comes so soon after the sending that it can only be fetching ahead.
"""

from __future__ import annotations

import re
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

PROXIES = ("googleimageproxy", "ggpht.com", "yahoomailproxy", "yahoocachesystem")
"""They fetch for a person who opens; within PROXY_SECONDS of the sending they do not."""

SCANNERS = """
barracuda proofpoint mimecast safelinks symantec messagelabs trendmicro sophos fortinet fortimail cisco ironport
fireeye forcepoint zscaler cloudmark bitdefender kaspersky f-secure hornetsecurity vade retarus spamexperts
mailscanner urlscan phish virustotal checkpoint cyren cloudflare
bot crawl spider slurp preview prerender headless phantomjs scanner scanning validator monitor uptime archiver
curl wget libwww lwp python aiohttp httpx urllib go-http-client java/ apache-httpclient axios node-fetch
undici ruby guzzle winhttp powershell postman facebookexternalhit whatsapp skypeuripreview bingpreview
""".split()
"""Parts of user agents of mail filters, link checkers and programs."""

PROXY_SECONDS = 10.0
OPEN_SECONDS = 2.0
CLICK_SECONDS = 10.0
"""Sooner than that after its sending nobody has received, opened and read a message."""

_SCANNER = re.compile("|".join(map(re.escape, SCANNERS))).search
_PEOPLE = re.compile(r"cubot").search  # a maker of telephones


def is_machine(
    kind: Literal["opened", "clicked"], user_agent: str, method: str, seconds_since_sent: float | None
) -> bool:
    """Whether no person did this. seconds_since_sent: None where it is not known."""
    agent = " ".join(user_agent.lower().split())
    since = float("inf") if seconds_since_sent is None else seconds_since_sent
    if method != "GET" or agent in PREFETCHERS:
        return True
    if _SCANNER(agent) and not _PEOPLE(agent):
        return True
    if kind == "clicked":
        return since < CLICK_SECONDS
    is_proxy = any(name in agent for name in PROXIES)
    return since < (PROXY_SECONDS if is_proxy else OPEN_SECONDS)
