"""Own and inherited DMARC records."""

from __future__ import annotations

import pytest

from warmpost.rules.identity.dmarc import Dmarc, above, find_dmarc


def test_a_domains_own_record_holds_before_all_others():
    found = {"mail.a.example": ["v=DMARC1; p=none; aspf=s"], "a.example": ["v=DMARC1; p=reject"]}
    assert find_dmarc("mail.a.example", found) == Dmarc("mail.a.example", "none", "r", "s", "")


@pytest.mark.parametrize(("record", "policy"), [("p=reject", "reject"), ("p=reject; sp=None", "none")])
def test_a_sub_domain_inherits_the_policy_for_sub_domains(record, policy):
    found = {"mail.a.example": [], "a.example": [f"v=DMARC1; {record}; adkim=s; rua=mailto:d@a.example"]}
    assert find_dmarc("mail.a.example", found) == Dmarc("a.example", policy, "s", "r", "mailto:d@a.example")


def test_the_organisation_is_the_topmost_domain_with_a_record():
    found = {"b.a.example": ["v=DMARC1; p=reject"], "a.example": ["v=DMARC1; p=none"]}
    assert find_dmarc("c.b.a.example", found).at == "a.example"


def test_a_registry_that_says_so_is_no_organisation():
    found = {"b.co.example": ["v=DMARC1; p=none"], "co.example": ["v=DMARC1; p=reject; psd=y"]}
    assert find_dmarc("mail.b.co.example", found).at == "b.co.example"
    assert find_dmarc("mail.c.co.example", {"co.example": found["co.example"]}) is None


def test_a_domain_may_say_that_it_is_the_organisation():
    found = {"b.a.example": ["v=DMARC1; p=reject; psd=n"], "a.example": ["v=DMARC1; p=none"]}
    assert find_dmarc("c.b.a.example", found).at == "b.a.example"


@pytest.mark.parametrize("own", [["v=DMARC1; p=none", "v=DMARC1; p=reject"], ["v=DMARC1"], ["p=none"], None])
def test_what_receivers_would_not_apply_is_passed_over(own):
    assert find_dmarc("a.example", {"a.example": own}) is None
    assert (
        find_dmarc("m.a.example", {"m.a.example": own, "a.example": ["v=DMARC1; p=none"]}).at == "a.example"
    )


def test_top_level_domains_are_not_asked_and_deep_names_not_for_ever():
    assert above("mail.news.a.example") == ["news.a.example", "a.example"]
    assert above("a.example") == []
    deep = above(".".join("abcdefghijkl") + ".example")
    assert (len(deep), deep[-1]) == (7, "l.example")
