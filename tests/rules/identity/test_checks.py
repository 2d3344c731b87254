"""What new looks at a domain's records change, and that nothing but what was seen does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.identity.checks import (
    broken_records,
    check_domain,
    describe,
    is_healthy,
    suspension_reason,
    unsigned_since,
)
from warmpost.rules.identity.dns_records import expected_records
from warmpost.rules.identity.domains import Domain, DomainKey

NAME = "news.example"
START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEYS = (DomainKey("wp1", "rsa-sha256", "QUJD", b""), DomainKey("wp1e", "ed25519-sha256", "REVG", b""))
PENDING = Domain(NAME, "pending", KEYS, expected_records(NAME, "token", KEYS, ""), START)
OWNERSHIP, RSA, ED25519, SPF, DMARC = range(5)
RIGHT = [[one.expected] for one in PENDING.records]
VERIFIED = check_domain(PENDING, RIGHT, START).domain


def without(*places, failed=()):
    """What a look sees where some records are gone and other look-ups fail."""
    return [None if n in failed else [] if n in places else one for n, one in enumerate(RIGHT)]


def looks(domain, *seen):
    """(hours since the start, what is found): the domain after all of them, and how it turned."""
    turns = []
    for hours, found in seen:
        check = check_domain(domain, found, START + hours * HOUR)
        domain = check.domain
        turns.append(check.turn)
    return domain, turns


def test_a_domain_is_verified_once_all_its_records_are_right():
    half = check_domain(PENDING, without(SPF), START)
    assert (half.domain.status, half.broken, half.domain.verified_at) == ("pending", (), None)
    assert is_healthy(half.domain) is None
    assert (VERIFIED.status, VERIFIED.verified_at, is_healthy(VERIFIED)) == ("verified", START, True)


@pytest.mark.parametrize("place", [RSA, ED25519, SPF, DMARC])
def test_a_missing_record_is_news_once_and_again_when_it_is_back(place):
    gone = check_domain(VERIFIED, without(place), START + HOUR)
    assert [one.name for one in gone.broken] == [PENDING.records[place].name]
    assert gone.broken[0].broken_since == START + HOUR
    assert "There is no such record." in describe(gone.broken)
    still = check_domain(gone.domain, without(place), START + 2 * HOUR)
    assert (still.broken, still.restored) == ((), ())
    assert still.domain.records[place].broken_since == START + HOUR
    back = check_domain(still.domain, RIGHT, START + 3 * HOUR)
    assert [one.name for one in back.restored] == [PENDING.records[place].name]
    assert is_healthy(back.domain)


def test_a_wrong_record_is_as_broken_as_a_missing_one():
    found = [*RIGHT[:RSA], ["v=DKIM1; k=rsa; p=WFla"], *RIGHT[RSA + 1 :]]
    check = check_domain(VERIFIED, found, START + HOUR)
    assert [one.status for one in check.broken] == ["wrong"]


def test_the_proof_of_ownership_may_go_once_it_was_seen():
    check = check_domain(VERIFIED, without(OWNERSHIP), START + HOUR)
    assert (check.broken, is_healthy(check.domain), check.domain.status) == ((), True, "verified")


def test_a_domain_sends_until_its_key_was_missing_for_three_days():
    domain, turns = looks(VERIFIED, *((hours, without(RSA)) for hours in (1, 25, 49, 72)))
    assert turns == ["", "", "", ""]
    check = check_domain(domain, without(RSA), START + 73 * HOUR)
    assert (check.turn, check.domain.suspended_at) == ("suspended", START + 73 * HOUR)
    reason = suspension_reason(check.domain)
    assert "wp1._domainkey.news.example" in reason
    assert "since 2026-03-01 10:00 UTC" in reason
    assert check_domain(check.domain, without(RSA), START + 80 * HOUR).turn == ""


def test_it_goes_on_as_soon_as_the_key_is_seen_again():
    domain, _ = looks(VERIFIED, (0, without(RSA, DMARC)), (72, without(RSA, DMARC)))
    check = check_domain(domain, without(DMARC), START + 73 * HOUR)
    assert (check.turn, check.domain.suspended_at) == ("resumed", None)
    assert suspension_reason(check.domain) == ""
    assert [one.purpose for one in broken_records(check.domain)] == ["dmarc"]


def test_three_days_begin_anew_after_the_key_was_seen():
    _, turns = looks(VERIFIED, (0, without(RSA)), (48, RIGHT), (72, without(RSA)), (120, without(RSA)))
    assert turns == [""] * 4


@pytest.mark.parametrize("place", [ED25519, SPF, DMARC])
def test_no_other_record_ends_sending(place):
    domain, turns = looks(VERIFIED, *((24 * day, without(place)) for day in range(10)))
    assert turns == [""] * 10
    assert not is_healthy(domain)


def test_a_key_that_could_not_be_looked_up_ends_nothing_after_three_days():
    domain, turns = looks(
        VERIFIED, (0, without(RSA)), (73, without(failed=[RSA])), (80, without(failed=[RSA]))
    )
    assert turns == [""] * 3
    assert domain.suspended_at is None


@given(st.booleans(), st.booleans(), st.integers(0, 500))
def test_failed_look_ups_alone_change_nothing(is_broken, is_suspended, hours):
    seen = [(0, without(RSA, SPF)), (72, without(RSA, SPF))] if is_broken else [(0, RIGHT)]
    domain, _ = looks(VERIFIED, *seen[: 2 if is_suspended else 1])
    check = check_domain(domain, [None] * 5, START + (72 + hours) * HOUR)
    assert check.domain == domain
    assert (check.broken, check.restored, check.turn) == ((), (), "")


OUTCOMES = st.sampled_from(["right", "gone", "failed"])
LOOKS = st.lists(st.tuples(st.integers(1, 60), st.tuples(*[OUTCOMES] * 5)), max_size=25)


@given(LOOKS)
def test_only_what_was_seen_counts(history):
    """Against a model that keeps, for each record, the first of the bad sights since the last good one."""
    domain, hours = VERIFIED, 0
    since: dict[int, datetime] = {}
    is_suspended = False
    for step, outcomes in history:
        hours += step
        now = START + hours * HOUR
        found = [
            {"right": RIGHT[n], "gone": [], "failed": None}[outcome] for n, outcome in enumerate(outcomes)
        ]
        domain = check_domain(domain, found, now).domain
        for place, outcome in enumerate(outcomes):
            if outcome == "right":
                since.pop(place, None)
            elif outcome == "gone" and place != OWNERSHIP:
                since.setdefault(place, now)
        if RSA not in since:
            is_suspended = False
        elif outcomes[RSA] == "gone" and now - since[RSA] >= 72 * HOUR:
            is_suspended = True
        assert {n: one.broken_since for n, one in enumerate(domain.records) if one.broken_since} == since
        assert bool(domain.suspended_at) == is_suspended
        assert bool(suspension_reason(domain)) == is_suspended
        assert domain.status == "verified"


def test_of_two_rsa_keys_one_is_enough_to_sign():
    twin = replace(VERIFIED.records[RSA], name="wp2._domainkey.news.example")
    records = (*VERIFIED.records, twin)
    broken = tuple(replace(one, broken_since=START) if one.name.startswith("wp1") else one for one in records)
    assert unsigned_since(broken) is None
    assert unsigned_since(tuple(replace(one, broken_since=START) for one in records)) == START
