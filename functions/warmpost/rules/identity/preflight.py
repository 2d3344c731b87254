"""Would the big mailbox providers take a domain's bulk mail: their rules point by point, with what is left to do.

The rules are those of Gmail (support.google.com/a/answer/81126) and Yahoo (senders.yahooinc.com/best-practices) for
senders of 5,000 messages a day and more, in force since February 2024.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from warmpost.rules.delivery.mailbox_providers import OTHER, provider_of
from warmpost.rules.identity.checks import signing_records, suspension_reason
from warmpost.rules.identity.dmarc import Dmarc
from warmpost.rules.identity.dns_records import TxtValues, compare
from warmpost.rules.identity.domains import Domain, Record

BULK = "Gmail and Yahoo bulk senders"
OURS = "Warmpost"
LEAST_BITS = 1024
GOOD_BITS = 2048
FEW = 100
"""Messages below which a rate says nothing."""

NO_ANSWER = "the DNS did not answer"
ASK_AGAIN = "Ask again in a while; if it stays so, look after the domain's name servers."


@dataclass(frozen=True, slots=True)
class Point:
    """ok: None where it cannot be known. required: without it the domain is not ready; the others are advice."""

    point: str
    ok: bool | None
    found: str
    needed: str
    what_to_do: str = ""
    rule: str = BULK
    required: bool = True


@dataclass(frozen=True, slots=True)
class Week:
    """Real recipients of the last seven days. delivered: as far as known, complaints included."""

    delivered: int = 0
    complained: int = 0
    bounced: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """seen: TXT values of each of the domain's records, looked up just now. dmarc: the record that holds; dmarc_known:
    whether all look-ups for it were answered. exchangers: hosts of its MX records, one that is empty for the null MX.
    rsa_bits: sizes of the domain's RSA keys. one_click: of the latest batches, whether they could be unsubscribed with
    one click. blocked: the reason. reported: whether a relay tells what becomes of mail.
    """

    domain: Domain
    seen: Sequence[TxtValues]
    dmarc: Dmarc | None
    dmarc_known: bool
    exchangers: TxtValues
    return_domain: str
    rsa_bits: Sequence[int]
    spf_include: str = ""
    one_click: Sequence[bool] = ()
    week: Week = Week()
    blocked: str = ""
    paused_until: datetime | None = None
    reported: bool = True


def judge_points(facts: Facts) -> list[Point]:
    domain = facts.domain
    records = list(zip(domain.records, facts.seen, strict=True))
    return [
        _ownership(domain),
        *(_record(one, values, facts) for one, values in records if one.purpose == "dkim" and not one.stage),
        _key_length(facts.rsa_bits),
        _dkim_aligned(domain),
        *(_record(one, values, facts) for one, values in records if one.purpose == "spf"),
        _spf_aligned(facts),
        _dmarc(facts),
        _dmarc_alignment(facts),
        _dmarc_reports(facts),
        _mx(facts),
        _from_domain(domain),
        _one_click(facts.one_click),
        _complaints(facts.week),
        _bounces(facts.week),
        _holds(facts),
        _relays(),
        _reports(facts.reported),
    ]


def _reports(reported: bool) -> Point:
    found = "a relay reports" if reported else "no relay reports, so that a level rises once a day at most"
    needed = "relays that report what becomes of mail, or that are the mailbox themselves"
    hint = "" if reported else "Have the relay post its log to /event-webhook, and set reports=events."
    return Point("reports", reported, found, needed, hint, OURS, required=False)


def is_ready(points: Sequence[Point]) -> bool:
    return all(one.ok is True for one in points if one.required)


def _ownership(domain: Domain) -> Point:
    verified = domain.status == "verified"
    return Point(
        "ownership",
        verified,
        f"{domain.domain} is {domain.status}",
        "a verified domain",
        "" if verified else "Publish all records of the domain as expected, then verify it.",
        OURS,
    )


def _record(record: Record, values: TxtValues, facts: Facts) -> Point:
    """DKIM and SPF: there, valid, only one, and the right one."""
    name = f"{record.purpose}_present"
    needed = f"the TXT record {record.name} with {record.expected[:60]}…"
    if record.purpose == "spf":
        includes = f" that holds include:{facts.spf_include}" if facts.spf_include else ""
        needed = f"one valid SPF record at {record.name}{includes}"
    required = record.purpose == "spf" or record in signing_records(facts.domain.records)
    if values is None:
        return Point(name, None, NO_ANSWER, needed, ASK_AGAIN, required=required)
    seen = compare(record, values, facts.spf_include)
    found = "; ".join(seen.found) or "nothing"
    if seen.status != "ok":
        advice = f"{seen.note} Publish {record.expected!r} at {record.name}."
        if record.purpose == "spf" and seen.found:
            advice = seen.note
        return Point(name, False, found, needed, advice, required=required)
    unknown = record.purpose == "spf" and not facts.spf_include
    advice = "See that it allows the hosts your relays send from; their names are not known here."
    return Point(name, True, found, needed, advice if unknown else "", required=required)


def _key_length(sizes: Sequence[int]) -> Point:
    needed = f"an RSA key of {LEAST_BITS} bits at least, better {GOOD_BITS}"
    bits = min(sizes, default=0)
    advice = "" if bits >= GOOD_BITS else "Create the domain anew to get a longer key."
    return Point("dkim_key_length", bits >= LEAST_BITS, f"{bits} bits", needed, advice)


def _dkim_aligned(domain: Domain) -> Point:
    found = f"signatures have d={domain.domain}, From addresses end in @{domain.domain}"
    return Point("dkim_aligned", True, found, "a signature whose d= is the domain of From")


def _spf_aligned(facts: Facts) -> Point:
    same = facts.return_domain == facts.domain.domain
    return Point(
        "spf_aligned",
        same,
        f"return paths are at {facts.return_domain}",
        f"return paths at {facts.domain.domain}, the domain of From",
        "" if same else f"Let the return paths be at {facts.domain.domain}.",
    )


def _dmarc(facts: Facts) -> Point:
    name, held = facts.domain.domain, facts.dmarc
    needed = f"a DMARC record at _dmarc.{name} or above it, with p=none at least"
    if held is None and not facts.dmarc_known:
        return Point("dmarc_published", None, NO_ANSWER, needed, ASK_AGAIN)
    if held is None:
        advice = f"Publish 'v=DMARC1; p=none' at _dmarc.{name}."
        return Point("dmarc_published", False, "no record that receivers would apply", needed, advice)
    inherited = "" if held.at == name else ", inherited"
    return Point("dmarc_published", True, f"_dmarc.{held.at}: {held.policy}{inherited}", needed)


def _dmarc_alignment(facts: Facts) -> Point:
    """Signer, return path and From are one domain here, so both modes are met."""
    needed = "From aligned with the domain of DKIM or SPF"
    held = facts.dmarc
    if held is None:
        advice = "Publish a DMARC record first."
        return Point("dmarc_alignment", None, "no DMARC record", needed, advice, required=False)
    modes = {"r": "relaxed", "s": "strict"}
    found = f"DKIM {modes[held.dkim]}, SPF {modes[held.spf]}, both met by {facts.domain.domain} itself"
    return Point("dmarc_alignment", True, found, needed)


def _dmarc_reports(facts: Facts) -> Point:
    held = facts.dmarc
    wanted = bool(held and held.reports)
    return Point(
        "dmarc_reports",
        wanted,
        held.reports if held and wanted else "no rua",
        "an address for reports (rua) in the DMARC record",
        ""
        if wanted
        else f"Add rua=mailto:… to the record at _dmarc.{held.at if held else facts.domain.domain}.",
        required=False,
    )


def _mx(facts: Facts) -> Point:
    name, hosts = facts.domain.domain, facts.exchangers
    needed = f"an MX record for {name}, so that bounces and replies arrive"
    rule = "RFC 5321, RFC 7505"
    if hosts is None:
        return Point("mx_present", None, NO_ANSWER, needed, ASK_AGAIN, rule, False)
    if "" in hosts:
        advice = f"Take the null MX of {name} away: receivers may refuse mail of a domain that takes none."
        return Point("mx_present", False, "a null MX", needed, advice, rule, False)
    advice = "" if hosts else f"Publish an MX record for {name} that leads to a server of yours."
    return Point("mx_present", bool(hosts), ", ".join(hosts) or "none", needed, advice, rule, False)


def _from_domain(domain: Domain) -> Point:
    provider = provider_of(f"@{domain.domain}")
    own = provider == OTHER
    return Point(
        "from_domain",
        own,
        domain.domain if own else f"{domain.domain} belongs to {provider}",
        "a domain of your own, not a mailbox provider's",
        ""
        if own
        else "Send from a domain of your own: its owner's DMARC policy has receivers refuse this mail.",
    )


def _one_click(batches: Sequence[bool]) -> Point:
    needed = (
        "List-Unsubscribe and List-Unsubscribe-Post (RFC 8058) in bulk mail, signed, served within 2 days"
    )
    if not batches:
        found = "no batch in 7 days; batches have it unless it is switched off"
        return Point("one_click_unsubscribe", None, found, needed, required=False)
    without = sum(not one for one in batches)
    found = f"{len(batches) - without} of the last {len(batches)} batches had it"
    advice = "Submit batches without `unsubscribe: false`." if without else ""
    return Point("one_click_unsubscribe", not without, found, needed, advice)


def _complaints(week: Week) -> Point:
    """Below 0.1 %, and never 0.3 % or more: there Gmail gives no relief any more."""
    needed = "below 0.1 % complaints, never 0.3 % or more"
    if week.delivered < FEW:
        found = f"{week.delivered:,} delivered in 7 days, too few to tell"
        return Point("complaint_rate", None, found, needed, required=False)
    found = f"{week.complained:,} of {week.delivered:,} delivered in 7 days ({_percent(week.complained, week.delivered)})"
    low = week.complained * 1000 < week.delivered
    high = week.complained * 1000 >= 3 * week.delivered
    advice = "Mail only those who asked for it, and leave out who has not opened anything for long."
    return Point("complaint_rate", low, found, needed, "" if low else advice, required=low or high)


def _bounces(week: Week) -> Point:
    needed = "below 5 % bounces"
    known = week.delivered + week.bounced
    if known < FEW:
        found = f"{known:,} with an outcome in 7 days, too few to tell"
        return Point("bounce_rate", None, found, needed, "", OURS, False)
    found = f"{week.bounced:,} of {known:,} in 7 days ({_percent(week.bounced, known)})"
    low = week.bounced * 20 < known
    advice = (
        "" if low else "Take addresses that bounced off your lists, and confirm new ones before mailing them."
    )
    return Point("bounce_rate", low, found, needed, advice, OURS, False)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %"


def _holds(facts: Facts) -> Point:
    """A pause is part of warming up and ends by itself; a block or a suspension is not."""
    needed = "no block, suspension or pause"
    suspended = suspension_reason(facts.domain)
    if suspended:
        return Point("no_holds", False, suspended, needed, "Mend the DKIM record, then verify.", OURS)
    if facts.blocked:
        return Point("no_holds", False, facts.blocked, needed, "Wait for the next day; mend the cause.", OURS)
    if facts.paused_until:
        found = f"paused until {facts.paused_until:%Y-%m-%d %H:%M} UTC"
        advice = "Nothing: it goes on by itself."
        return Point("no_holds", False, found, needed, advice, OURS, False)
    return Point("no_holds", True, "none", needed, "", OURS)


def _relays() -> Point:
    return Point(
        "relay_tls_and_ptr",
        None,
        "a matter of the relays, not seen from here",
        "TLS towards receivers, and a PTR record whose name leads back to the sending address",
        "Ask whoever runs your relays.",
        required=False,
    )
