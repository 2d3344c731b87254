"""Who may do what at the console behind a proxy that signs people in."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.operations.people import SCOPES, People, parse_people


def test_an_address_goes_before_its_domain_and_strangers_may_nothing():
    people = parse_people('{"Ann@Example.com": ["send", "manage"], "@example.com": ["read"]}')
    assert people.scopes_of("ann@example.COM") == ("send", "manage")
    assert people.scopes_of("bo@example.com") == ("read",)
    assert people.scopes_of("bo@mail.example.com") == ()
    assert People().scopes_of("ann@example.com") == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "{}",
        '{"ann": ["read"]}',
        '{"ann@example.com": []}',
        '{"ann@example.com": "read"}',
        "null",
        '{"ann@example.com": ["all"]}',
        '{"a b@example.com": ["read"]}',
        '{"ann@host": ["read"]}',
    ],
)
def test_what_is_meant_otherwise_is_refused(text):
    with pytest.raises(ValueError, match=r"people|address|scopes"):
        parse_people(text)


@given(st.lists(st.sampled_from(SCOPES), min_size=1))
def test_scopes_come_once_and_in_one_order(scopes):
    found = parse_people(json.dumps({"@example.com": scopes})).scopes_of("x@example.com")
    assert set(found) == set(scopes) and list(found) == [one for one in SCOPES if one in scopes]
