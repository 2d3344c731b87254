"""Which DNS records a sender domain needs, and whether what was found does what they are for.

Values are compared by meaning: they may be split, spaced and ordered in other ways than the ones we propose.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from warmpost.rules.identity.domains import DomainKey, Record
from warmpost.rules.message.dkim import record_name, record_value

OWNERSHIP_PREFIX = "_warmpost"
SPF_WITHOUT_INCLUDE = "v=spf1 a mx ~all"
DMARC_DEFAULT = "v=DMARC1; p=none"
MOST_SPF_LOOKUPS = 10
MOST_FOUND = 10
MOST_FOUND_CHARACTERS = 2048

TxtValues = Sequence[str] | None
"""Values a look-up saw, None where it failed."""

_SPF_TERM = re.compile(
    r"[+?~-]?(?:all|(?:include|exists):\S+|(?:a|mx)(?::[^\s/]+)?(?:/\d{1,2})?(?://\d{1,3})?|ptr(?::\S+)?"
    r"|ip4:[\d.]+(?:/\d{1,2})?|ip6:[\da-f:.]+(?:/\d{1,3})?)|[a-z][\w.-]*=\S*",
    re.IGNORECASE | re.ASCII,
)
_SPF_LOOKUP = re.compile(r"[+?~-]?(?:include:|exists:|a\b|mx\b|ptr\b)|redirect=", re.IGNORECASE | re.ASCII)
_DMARC_POLICIES = ("none", "quarantine", "reject")


def expected_records(
    domain: str, token: str, keys: Sequence[DomainKey], spf_include: str
) -> tuple[Record, ...]:
    """token: random, so that only who may edit the domain's DNS can publish it. spf_include: empty for none.

    Without an include the proposed SPF record allows the domain's own hosts; any valid one will do.
    """
    spf = f"v=spf1 include:{spf_include} ~all" if spf_include else SPF_WITHOUT_INCLUDE
    return (
        Record("ownership", f"{OWNERSHIP_PREFIX}.{domain}", "TXT", f"warmpost-verify={token}"),
        *(
            Record("dkim", record_name(key.selector, domain), "TXT", record_value(key.algorithm, key.public))
            for key in keys
        ),
        Record("spf", domain, "TXT", spf),
        Record("dmarc", f"_dmarc.{domain}", "TXT", DMARC_DEFAULT),
    )


def compare(record: Record, found: Sequence[str], spf_include: str = "") -> Record:
    """The record with what a look-up of its name saw, its status, and in `note` what is wrong."""
    match record.purpose:
        case "ownership":
            relevant, note = list(found), _ownership_flaw(record.expected, found)
        case "dkim":
            relevant, note = list(found), _dkim_flaw(record.expected, found)
        case "spf":
            relevant = [one for one in found if _is_spf(one)]
            note = _spf_flaw(relevant, spf_include)
        case "dmarc":
            relevant = [one for one in found if _is_dmarc(one)]
            note = _dmarc_flaw(relevant) if relevant or not found else "No value begins with v=DMARC1."
            relevant = relevant or list(found)
    shown = tuple(one[:MOST_FOUND_CHARACTERS] for one in relevant[:MOST_FOUND])
    if not relevant:
        return replace(record, found=(), status="missing", note="There is no such record.")
    return replace(record, found=shown, status="wrong" if note else "ok", note=note)


def is_verified(records: Sequence[Record]) -> bool:
    return all(one.status == "ok" for one in records)


def _ownership_flaw(expected: str, found: Sequence[str]) -> str:
    if any(one.strip().strip('"') == expected for one in found):
        return ""
    return "No value is the expected one."


def _dkim_flaw(expected: str, found: Sequence[str]) -> str:
    """RFC 6376 section 3.6.1; several records under one selector are undefined (section 3.6.2.2)."""
    wanted = _tags(expected)
    read = [_tags(one) for one in found]
    ours = [one for one in read if "p" in one]
    if not ours:
        return "No value is a DKIM key record with the tag p."
    if any(one["p"] != ours[0]["p"] for one in ours):
        return f"There are {len(ours)} different DKIM keys under this name; remove all but the expected one."
    tags = ours[0]
    algorithms = [one.strip().lower() for one in tags.get("h", "sha256").split(":")]
    services = [one.strip().lower() for one in tags.get("s", "*").split(":")]
    flaws = (
        (
            tags.get("v", "DKIM1") != "DKIM1" or "v" in list(tags)[1:],
            "The tag v must be DKIM1 and stand first.",
        ),
        (tags["p"] == "", "The key is revoked: the tag p is empty."),
        (tags.get("k", "rsa").lower() != wanted["k"], f"The key type k must be {wanted['k']}."),
        (tags["p"] != wanted["p"], "The key in p differs from the expected one."),
        ("sha256" not in algorithms, "The tag h does not allow sha256."),
        (not {"*", "email"} & set(services), "The tag s does not allow email."),
    )
    return next((note for is_wrong, note in flaws if is_wrong), "")


def _tags(text: str) -> dict[str, str]:
    """A tag list (RFC 6376 section 3.2) in its order; white space within values means nothing here."""
    found: dict[str, str] = {}
    for part in text.strip().strip('"').split(";"):
        name, equals, value = part.partition("=")
        if equals:
            found.setdefault(name.strip().lower(), re.sub(r"\s+", "", value))
    return found


def _is_spf(text: str) -> bool:
    """RFC 7208 section 4.5."""
    return text.strip().lower().split(" ", 1)[0] == "v=spf1"


def _spf_flaw(found: Sequence[str], include: str) -> str:
    if len(found) > 1:
        return f"There are {len(found)} SPF records; receivers then ignore all of them. Merge them into one."
    if not found:
        return ""
    terms = found[0].split()[1:]
    odd = next((term for term in terms if not _SPF_TERM.fullmatch(term)), None)
    if odd is not None:
        return f"The SPF record is not valid: {odd[:80]!r} is no mechanism or modifier."
    if sum(1 for term in terms if _SPF_LOOKUP.match(term)) > MOST_SPF_LOOKUPS:
        return f"The SPF record needs more than {MOST_SPF_LOOKUPS} look-ups; receivers then ignore it."
    if include and not _includes(terms, include):
        return f"The SPF record does not allow our relays: add include:{include} in front of the last `all`."
    return ""


def _includes(terms: Sequence[str], include: str) -> bool:
    """What stands behind `all` is never looked at (RFC 7208 section 5.1), nor is a redirect beside it (6.1)."""
    wanted = include.lower().rstrip(".")
    redirect = ""
    for term in terms:
        low = term.lower().rstrip(".")
        if low.lstrip("+?~-") == "all":
            return False
        if low.removeprefix("+") == f"include:{wanted}":
            return True
        if low.startswith("redirect="):
            redirect = low.removeprefix("redirect=")
    return redirect == wanted


def _is_dmarc(text: str) -> bool:
    return re.match(r"\s*v\s*=\s*DMARC1\s*(?:;|$)", text) is not None


def dmarc_tags(found: Sequence[str]) -> dict[str, str] | None:
    """The tags of a name's DMARC record; None where receivers apply none: there is no valid one, or several."""
    relevant = [one for one in found if _is_dmarc(one)]
    return _tags(relevant[0]) if relevant and not _dmarc_flaw(relevant) else None


def _dmarc_flaw(found: Sequence[str]) -> str:
    """RFC 7489 sections 6.3 and 6.6.3."""
    if len(found) > 1:
        return f"There are {len(found)} DMARC records; receivers then apply none. Keep one."
    if not found:
        return ""
    policy = _tags(found[0]).get("p", "").lower()
    if not policy:
        return "The DMARC record has no policy: add p=none, p=quarantine or p=reject."
    if policy not in _DMARC_POLICIES:
        return f"The DMARC policy p={policy[:40]} does not exist: none, quarantine and reject do."
    return ""
