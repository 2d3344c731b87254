"""Which DMARC record holds for a domain: its own, or the one it inherits from the organisation above it.

RFC 7489 finds the organisational domain in a public list of suffixes; here it is found by walking up the DNS tree, as
the successor of that document does (draft-ietf-dmarc-dmarcbis section 4.10), without asking the top-level domain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from warmpost.rules.identity.dns_records import TxtValues, dmarc_tags

MOST_ABOVE = 7
"""Names that are asked above a domain, however deep it is."""


@dataclass(frozen=True, slots=True)
class Dmarc:
    """at: the domain whose record it is. policy: for mail of the domain asked for. dkim, spf: alignment `r` or `s`."""

    at: str
    policy: str
    dkim: str
    spf: str
    reports: str


def above(domain: str) -> list[str]:
    """Domains that a record may be inherited from, the nearest first."""
    labels = domain.split(".")
    names = [".".join(labels[at:]) for at in range(1, len(labels) - 1)]
    return names[-MOST_ABOVE:]


def find_dmarc(domain: str, found: Mapping[str, TxtValues]) -> Dmarc | None:
    """found: values under `_dmarc.` of each domain that was asked. None where no record holds."""
    if own := dmarc_tags(found.get(domain) or ()):
        return _dmarc(domain, own, own["p"])
    inherited: Dmarc | None = None
    for name in above(domain):
        tags = dmarc_tags(found.get(name) or ())
        if tags is None or tags.get("psd", "u").lower() == "y":
            continue
        inherited = _dmarc(name, tags, tags.get("sp") or tags["p"])
        if tags.get("psd", "u").lower() == "n":
            break
    return inherited


def _dmarc(at: str, tags: Mapping[str, str], policy: str) -> Dmarc:
    """Modes that are no modes count as relaxed (RFC 7489 section 6.3)."""
    dkim, spf = ("s" if tags.get(name, "r").lower() == "s" else "r" for name in ("adkim", "aspf"))
    return Dmarc(at, policy.lower(), dkim, spf, tags.get("rua", ""))
