"""New DKIM keys beside old ones: nothing is signed by a key that is not published, nothing published goes too early."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from warmpost.rules.identity.checks import check_domain, is_healthy
from warmpost.rules.identity.dkim_rotation import KEPT, begin_rotation, turn_of
from warmpost.rules.identity.dns_records import expected_records
from warmpost.rules.identity.domains import Domain, DomainKey

NAME = "news.example"
START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
OLD = (DomainKey("wp1", "rsa-sha256", "QUJD", b""), DomainKey("wp1e", "ed25519-sha256", "REVG", b""))
NEW = (DomainKey("wp2", "rsa-sha256", "R0hJ", b""), DomainKey("wp2e", "ed25519-sha256", "SktM", b""))
PENDING = Domain(NAME, "pending", OLD, expected_records(NAME, "token", OLD, ""), START)


def published(domain, *but):
    """What a look sees: everything as expected, except selectors that are not there (yet, or any more)."""
    return [[] if one.name.partition(".")[0] in but else [one.expected] for one in domain.records]


VERIFIED = check_domain(PENDING, published(PENDING), START).domain
BEGUN = begin_rotation(VERIFIED, NEW)


def selectors(domain, stage):
    return [
        one.name.partition(".")[0] for one in domain.records if one.purpose == "dkim" and one.stage == stage
    ]


def test_a_new_key_waits_for_all_its_records_and_is_no_fault_meanwhile():
    for missing in (("wp2", "wp2e"), ("wp2e",)):
        waiting = check_domain(BEGUN, published(BEGUN, *missing), START + DAY)
        assert (waiting.domain.keys, waiting.domain.incoming) == (OLD, NEW)
        assert is_healthy(waiting.domain) and not waiting.broken


def test_it_signs_once_its_records_are_seen_and_the_old_ones_stay_for_a_week():
    after = check_domain(BEGUN, published(BEGUN), START + DAY).domain
    assert (after.keys, after.incoming) == (NEW, ())
    assert (selectors(after, ""), selectors(after, "retiring")) == (["wp2", "wp2e"], ["wp1", "wp1e"])
    assert turn_of(BEGUN, after).startswith("news.example signs with wp2 and wp2e")
    early = check_domain(after, published(after), START + DAY + KEPT - timedelta(hours=1)).domain
    assert {one.status for one in early.records} == {"ok"}


def test_old_records_are_to_retire_after_the_week_and_forgotten_once_they_are_gone():
    after = check_domain(BEGUN, published(BEGUN), START + DAY).domain
    over = check_domain(after, published(after), START + DAY + KEPT).domain
    assert [one.status for one in over.records if one.stage == "retiring"] == ["retire", "retire"]
    assert "may be deleted" in turn_of(after, over) and turn_of(over, over) == ""
    gone = check_domain(over, published(over, "wp1", "wp1e"), START + 9 * DAY)
    assert selectors(gone.domain, "retiring") == [] and not gone.broken
    assert len(gone.domain.records) == len(VERIFIED.records)


def test_an_old_record_that_goes_too_early_breaks_nothing_that_is_signed_now():
    after = check_domain(BEGUN, published(BEGUN), START + DAY).domain
    early = check_domain(after, published(after, "wp1", "wp1e"), START + 2 * DAY)
    assert is_healthy(early.domain) and not early.broken
    assert [one.status for one in early.domain.records if one.stage == "retiring"] == ["missing", "missing"]


def test_a_suspended_domain_goes_on_with_the_new_key():
    suspended = replace(BEGUN, suspended_at=START)
    check = check_domain(suspended, published(suspended, "wp1", "wp1e"), START + DAY)
    assert (check.turn, check.domain.suspended_at, check.domain.keys) == ("resumed", None, NEW)


def test_a_domain_without_its_old_record_is_suspended_though_a_new_key_waits():
    domain = BEGUN
    for days in (0, 4):
        check = check_domain(domain, published(BEGUN, "wp1", "wp2", "wp2e"), START + days * DAY)
        domain = check.domain
    assert check.turn == "suspended"


def test_a_lookup_that_fails_switches_nothing():
    seen = [None if one.stage == "incoming" else [one.expected] for one in BEGUN.records]
    assert check_domain(BEGUN, seen, START + DAY).domain.keys == OLD
