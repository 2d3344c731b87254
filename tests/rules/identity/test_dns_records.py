from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.identity.dns_records import compare, expected_records, is_verified
from warmpost.rules.identity.domains import DomainKey, Record

KEY = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA" + "x/9+" * 60
RECORDS: dict[str, Record] = {
    one.purpose: one
    for one in expected_records(
        "news.example", "cafe", [DomainKey("s1", "rsa-sha256", KEY, b"")], "spf.relay.example"
    )
}


def judged(purpose: str, *found: str, include: str = "spf.relay.example") -> Record:
    return compare(RECORDS[purpose], found, include)


def test_the_records_are_found_ok_as_proposed() -> None:
    done = [compare(one, [one.expected], "spf.relay.example") for one in RECORDS.values()]
    assert is_verified(done)
    assert not any(one.note for one in done)


def test_without_an_include_the_proposed_spf_record_is_ok_too() -> None:
    spf = next(one for one in expected_records("x.example", "t", [], "") if one.purpose == "spf")
    assert compare(spf, [spf.expected]).status == "ok"


@pytest.mark.parametrize("purpose", RECORDS)
def test_no_record_is_missing_and_not_wrong(purpose: str) -> None:
    done = judged(purpose)
    assert (done.status, done.found, done.note) == ("missing", (), "There is no such record.")


@pytest.mark.parametrize(
    ("purpose", "found"),
    [
        ("ownership", ["other", "warmpost-verify=cafe"]),
        ("ownership", ['"warmpost-verify=cafe"']),
        ("dkim", [f"k=rsa;p={KEY}"]),
        ("dkim", [f"p={KEY}"]),
        ("dkim", [f" v=DKIM1 ; p={KEY[:100]} {KEY[100:]} ; k=RSA; t=y; s=email; h=sha1:sha256; n=note;"]),
        ("dkim", ["unrelated", f"v=DKIM1; p={KEY}"]),
        ("dkim", [f"v=DKIM1; p={KEY}", f"v=DKIM1; k=rsa; p={KEY}"]),
        ("spf", ["v=spf1 include:spf.relay.example -all"]),
        ("spf", ["V=SPF1  mx a:mail.x.example/28  +INCLUDE:SPF.Relay.Example.  ip6:2001:db8::/32 ?all"]),
        ("spf", ["google-site-verification=1", "v=spf1 include:spf.relay.example ~all"]),
        ("spf", ["v=spf1 redirect=spf.relay.example"]),
        (
            "spf",
            ["v=spf1 ip4:192.0.2.0/24 exists:%{i}.x.example include:spf.relay.example exp=e.x.example -all"],
        ),
        ("dmarc", ["v=DMARC1;p=reject"]),
        ("dmarc", ["v = DMARC1 ; rua=mailto:d@x.example; p = Quarantine; pct=50"]),
        ("dmarc", ["unrelated", "v=DMARC1; p=none; sp=none"]),
    ],
)
def test_values_are_compared_by_meaning(purpose: str, found: list[str]) -> None:
    done = judged(purpose, *found)
    assert (done.status, done.note) == ("ok", "")


@pytest.mark.parametrize(
    ("purpose", "found", "note"),
    [
        ("ownership", ["warmpost-verify=beef"], "No value is the expected one."),
        ("dkim", ["v=DKIM1; k=rsa"], "no value is a dkim key"),
        ("dkim", ["v=DKIM1; p="], "revoked"),
        ("dkim", [f"v=DKIM1; p={KEY[:-8]}"], "differs"),
        ("dkim", [f"v=DKIM1; k=ed25519; p={KEY}"], "key type"),
        ("dkim", [f"v=DKIM2; p={KEY}"], "tag v"),
        ("dkim", [f"p={KEY}; v=DKIM1"], "tag v"),
        ("dkim", [f"v=DKIM1; h=sha1; p={KEY}"], "sha256"),
        ("dkim", [f"v=DKIM1; s=tlsrpt; p={KEY}"], "email"),
        ("dkim", [f"v=DKIM1; p={KEY}", "v=DKIM1; p=AAAA"], "2 different"),
        ("spf", ["v=spf1 include:spf.relay.example -all", "v=spf1 -all"], "2 spf records"),
        ("spf", ["v=spf1 include:other.example -all"], "add include:spf.relay.example"),
        ("spf", ["v=spf1 -all include:spf.relay.example"], "add include"),
        ("spf", ["v=spf1 -include:spf.relay.example ~all"], "add include"),
        ("spf", ["v=spf1 ~all redirect=spf.relay.example"], "add include"),
        ("spf", ["v=spf1 include=spf.relay.example ipv4:1.2.3.4 ~all"], "'ipv4:1.2.3.4'"),
        ("spf", ["v=spf1 include: ~all"], "'include:'"),
        ("spf", ["v=spf1 " + "a:x.example " * 11 + "~all"], "more than 10"),
        ("dmarc", ["v=DMARC1; rua=mailto:d@x.example"], "no policy"),
        ("dmarc", ["v=DMARC1; p=strict"], "p=strict"),
        ("dmarc", ["v=DMARC1; p=none", "v=DMARC1; p=reject"], "2 dmarc records"),
        ("dmarc", ["p=none; v=DMARC1"], "begins with v=dmarc1"),
        ("dmarc", ["hello"], "begins with v=dmarc1"),
    ],
)
def test_what_is_wrong_is_said(purpose: str, found: list[str], note: str) -> None:
    done = judged(purpose, *found)
    assert done.status == "wrong"
    assert note.lower() in done.note.lower()
    assert done.found


def test_only_spf_records_are_shown_as_found_spf() -> None:
    assert judged("spf", "google-site-verification=1").status == "missing"
    assert judged("spf", "v=spf10 all", "v=spf1 mx").found == ("v=spf1 mx",)


def test_without_an_include_any_valid_spf_record_will_do() -> None:
    assert judged("spf", "v=spf1 -all", include="").status == "ok"
    assert judged("spf", "v=spf1 nonsense", include="").status == "wrong"


@given(st.sampled_from(list(RECORDS)), st.lists(st.text(max_size=60), max_size=4))
def test_whatever_the_dns_holds_gets_a_status(purpose: str, found: list[str]) -> None:
    done = judged(purpose, *found)
    assert done.status in ("missing", "wrong", "ok")
    assert (done.note == "") == (done.status == "ok")


def test_a_zone_full_of_values_is_shown_in_part() -> None:
    done = judged("ownership", *(f"{n}" + "x" * 5000 for n in range(50)), "warmpost-verify=cafe")
    assert done.status == "ok"
    assert sum(map(len, done.found)) < 30_000
