"""What Gmail and Yahoo ask for, point by point, from facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from warmpost.rules.identity.checks import check_domain
from warmpost.rules.identity.dmarc import Dmarc
from warmpost.rules.identity.dns_records import expected_records
from warmpost.rules.identity.domains import Domain, DomainKey
from warmpost.rules.identity.preflight import Facts, Week, is_ready, judge_points

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
INCLUDE = "spf.relay.example"


def facts_of(name="news.example", bits=2048, **others):
    keys = (DomainKey("wp1", "rsa-sha256", "QUJD", b""),)
    pending = Domain(name, "pending", keys, expected_records(name, "token", keys, INCLUDE), START)
    seen = [[one.expected] for one in pending.records]
    domain = check_domain(pending, seen, START, INCLUDE).domain
    good = Facts(
        domain=domain,
        seen=seen,
        dmarc=Dmarc(name, "none", "r", "r", "mailto:d@news.example"),
        dmarc_known=True,
        exchangers=["mx.news.example"],
        return_domain=name,
        rsa_bits=[bits],
        spf_include=INCLUDE,
        one_click=[True, True],
        week=Week(10_000, 5, 100),
    )
    return replace(good, **others)


def changed(place, values):
    """The facts where one record reads otherwise."""
    facts = facts_of()
    seen = [values if n == place else one for n, one in enumerate(facts.seen)]
    return replace(facts, seen=seen)


OWNERSHIP, DKIM, SPF, DMARC = range(4)


def point(facts, name):
    (found,) = (one for one in judge_points(facts) if one.point == name)
    return found


def open_points(facts):
    return [one.point for one in judge_points(facts) if one.ok is not True]


def test_a_domain_with_everything_is_ready():
    points = judge_points(facts_of())
    assert is_ready(points)
    assert [one.point for one in points if one.ok is not True] == ["relay_tls_and_ptr"]
    assert all(not one.what_to_do for one in points if one.ok)
    assert all(one.found and one.needed and one.rule for one in points)


@pytest.mark.parametrize(
    ("facts", "name", "advice"),
    [
        (changed(DKIM, []), "dkim_present", "There is no such record."),
        (changed(DKIM, ["v=DKIM1; p=AAAA"]), "dkim_present", "differs from the expected one"),
        (changed(SPF, []), "spf_present", "v=spf1 include:spf.relay.example ~all"),
        (changed(SPF, ["v=spf1 -all", "v=spf1 ~all"]), "spf_present", "Merge them into one"),
        (changed(SPF, ["v=spf1 mx -all"]), "spf_present", "add include:spf.relay.example"),
        (facts_of(dmarc=None), "dmarc_published", "Publish 'v=DMARC1; p=none' at _dmarc.news.example."),
        (facts_of("gmail.com"), "from_domain", "a domain of your own"),
        (facts_of(return_domain="relay.example"), "spf_aligned", "news.example"),
        (facts_of(one_click=[True, False, True]), "one_click_unsubscribe", "unsubscribe: false"),
        (facts_of(week=Week(1000, 3)), "complaint_rate", "asked for it"),
        (facts_of(blocked="blocked today"), "no_holds", "next day"),
    ],
)
def test_what_is_not_met_says_what_to_do(facts, name, advice):
    found = point(facts, name)
    assert (found.ok, found.required) == (False, True)
    assert advice in found.what_to_do
    assert not is_ready(judge_points(facts))


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        (facts_of(dmarc=Dmarc("news.example", "none", "r", "r", "")), "dmarc_reports"),
        (facts_of(exchangers=[]), "mx_present"),
        (facts_of(exchangers=[""]), "mx_present"),
        (facts_of(week=Week(10_000, 10)), "complaint_rate"),
        (facts_of(week=Week(9_500, 0, 500)), "bounce_rate"),
        (facts_of(paused_until=START), "no_holds"),
    ],
)
def test_advice_does_not_keep_a_domain_from_being_ready(facts, name):
    found = point(facts, name)
    assert (found.ok, found.required) == (False, False)
    assert found.what_to_do
    assert is_ready(judge_points(facts))


@pytest.mark.parametrize(
    ("delivered", "complained", "ok", "ready"),
    [
        (99, 50, None, True),
        (100, 0, True, True),
        (10_000, 9, True, True),
        (10_000, 10, False, True),
        (10_000, 29, False, True),
        (10_000, 30, False, False),
    ],
)
def test_complaints_warn_from_a_tenth_of_a_percent_and_stop_at_three(delivered, complained, ok, ready):
    facts = facts_of(week=Week(delivered, complained))
    assert point(facts, "complaint_rate").ok is ok
    assert is_ready(judge_points(facts)) is ready


@pytest.mark.parametrize(
    ("facts", "name", "ready"),
    [
        (changed(DKIM, None), "dkim_present", False),
        (changed(SPF, None), "spf_present", False),
        (facts_of(dmarc=None, dmarc_known=False), "dmarc_published", False),
        (facts_of(exchangers=None), "mx_present", True),
    ],
)
def test_a_look_up_that_failed_leaves_its_point_open(facts, name, ready):
    found = point(facts, name)
    assert (found.ok, found.found) == (None, "the DNS did not answer")
    assert is_ready(judge_points(facts)) is ready


def test_a_new_domain_lacks_nothing_but_a_past():
    facts = facts_of(one_click=[], week=Week())
    assert open_points(facts) == [
        "one_click_unsubscribe",
        "complaint_rate",
        "bounce_rate",
        "relay_tls_and_ptr",
    ]
    assert is_ready(judge_points(facts))


def test_a_domain_that_was_never_verified_is_not_ready():
    facts = facts_of()
    pending = replace(facts, domain=replace(facts.domain, status="pending"))
    assert open_points(pending)[0] == "ownership"


def test_an_inherited_dmarc_record_is_named():
    facts = facts_of(dmarc=Dmarc("example", "reject", "s", "s", ""))
    assert point(facts, "dmarc_published").found == "_dmarc.example: reject, inherited"
    assert "DKIM strict, SPF strict" in point(facts, "dmarc_alignment").found


def test_without_an_include_the_relays_hosts_are_left_to_the_owner():
    facts = replace(changed(SPF, ["v=spf1 ip4:192.0.2.1 -all"]), spf_include="")
    found = point(facts, "spf_present")
    assert found.ok
    assert "your relays" in found.what_to_do


def test_a_suspended_domain_is_told_so():
    facts = facts_of()
    gone = [
        [] if one.purpose == "dkim" else values
        for one, values in zip(facts.domain.records, facts.seen, strict=True)
    ]
    domain = check_domain(facts.domain, gone, START).domain
    domain = check_domain(domain, gone, START.replace(day=4)).domain
    found = point(replace(facts, domain=domain, seen=gone), "no_holds")
    assert found.required
    assert "is suspended" in found.found


@pytest.mark.parametrize(("bits", "ok", "advised"), [(1024, True, True), (2048, True, False)])
def test_short_keys_are_told(bits, ok, advised):
    found = point(facts_of(bits=bits), "dkim_key_length")
    assert (found.ok, found.found, bool(found.what_to_do)) == (ok, f"{bits} bits", advised)
