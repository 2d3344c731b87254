import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.reports.report_mails import BATCH, KEY, NOW, SINGLE
from warmpost.errors import Invalid, Malformed, Problem, TooLarge
from warmpost.gateways.reports.event_models import MOST_EVENTS_BYTES, parse_own_events
from warmpost.rules.model.derived_ids import batch_message_id
from warmpost.rules.model.events import Target
from warmpost.rules.reports.verp import NO_POSITION, return_path

AT = "2026-11-02T09:00:00Z"
BOUNCE = {
    "type": "bounced",
    "at": AT,
    "batch": "42",
    "position": 7,
    "reply": {"code": 550, "enhanced_code": "5.1.1", "text": "No such user"},
}


def parse(what):
    return parse_own_events(json.dumps(what).encode(), KEY, NOW)


def test_an_event_is_read_as_it_was_written():
    (event,) = parse(BOUNCE).events
    assert (event.kind, event.at, event.target, event.source) == ("bounced", 1793610000.0, BATCH, "warmpost")
    assert (event.code, event.enhanced_code, event.text) == (550, "5.1.1", "No such user")


@pytest.mark.parametrize(
    ("named", "target"),
    [
        ({"batch": 42, "position": 7}, BATCH),
        ({"batch": "42", "position": 7, "to": "Anna@Example.org"}, Target("42", "", 7, "Anna@example.org")),
        ({"message": SINGLE.message, "index": 2}, SINGLE),
        (
            {"message": SINGLE.message, "to": "a@example.org"},
            Target("", SINGLE.message, NO_POSITION, "a@example.org"),
        ),
        ({"return_path": return_path(BATCH, "news.example.com", KEY)}, BATCH),
        (
            {"message_id": f"<{batch_message_id('demo', '42', 7, 'a.example')}>", "to": "a@example.org"},
            Target("42", "", 7, "a@example.org"),
        ),
        ({"to": "a@example.org"}, Target(address="a@example.org")),
    ],
)
def test_a_message_is_named_in_any_of_the_ways(named, target):
    assert parse({"type": "delivered", "at": AT} | named).events[0].target == target


def test_reader_actions_carry_their_link_and_reader():
    action = {
        "type": "clicked",
        "at": AT,
        "batch": "42",
        "position": 7,
        "link": "https://example.com/",
        "machine": True,
    }
    (event,) = parse(action | {"user_agent": "Mozilla/5.0"}).events
    assert (event.link, event.user_agent, event.machine) == ("https://example.com/", "Mozilla/5.0", True)


def test_the_same_event_is_one_by_its_id_or_else_by_all_it_says():
    assert len(parse([BOUNCE, BOUNCE]).events) == 1
    assert len(parse([BOUNCE, BOUNCE | {"at": "2026-11-02T09:00:01Z"}]).events) == 2
    assert len(parse([BOUNCE | {"id": "a"}, BOUNCE | {"id": "a", "at": "2026-11-02T09:00:01Z"}]).events) == 1
    assert len(parse([BOUNCE | {"id": "a"}, BOUNCE | {"id": "b"}]).events) == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"at": "yesterday"}, "at"),
        ({"at": "2026-11-02T09:00:00"}, "at"),
        ({"at": "2099-01-01T00:00:00Z"}, "at"),
        ({"at": 5}, "at"),
        ({"type": "sent"}, "type"),
        ({"position": -1}, "position"),
        ({"position": None}, "position"),
        ({"batch": "../x"}, "batch"),
        ({"batch": ""}, "to"),
        ({"message": "abc", "index": 0}, "message"),
        ({"to": "nobody"}, "to"),
        ({"reply": {"code": 99}}, "reply.code"),
        ({"reply": {"enhanced_code": "5.1"}}, "reply.enhanced_code"),
        ({"reply": {"words": ""}}, "reply.words"),
        ({"surprise": 1}, "surprise"),
        ({"batch": "", "return_path": "bounces+b.42.7.aaaaaaaaaaaaaaaa@x"}, "return_path"),
        ({"batch": "", "message_id": "<foreign@x>", "to": "a@example.org"}, "message_id"),
        ({"batch": "", "message_id": batch_message_id("d", "4", 7, "x.example")}, "to"),
    ],
)
def test_a_wrong_field_is_named_with_its_place(change, field):
    with pytest.raises(Invalid) as alone:
        parse(BOUNCE | change)
    assert alone.value.field == field
    with pytest.raises(Invalid) as third:
        parse([BOUNCE, BOUNCE, BOUNCE | change])
    assert third.value.field == f"[2].{field}"


def test_a_missing_field_is_named():
    with pytest.raises(Invalid) as problem:
        parse([{"type": "delivered", "batch": "42", "position": 7}])
    assert problem.value.field == "[0].at"


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b"[", b"\xff\xfe", b'"text"', b"[1]", b"null", b"[" * 100_000]
)
def test_what_is_no_event_is_refused(body):
    with pytest.raises((Malformed, Invalid)):
        parse_own_events(body, KEY, NOW)


@pytest.mark.parametrize(
    "body", [b'[{"type": "delivered", "at": "\x80"}]', b'[{"\x80": 1}]', b'{"type": "\x80"}']
)
def test_what_is_no_utf_8_is_refused(body):
    with pytest.raises(Malformed):
        parse_own_events(body, KEY, NOW)


def test_ten_thousand_events_fit_into_one_request_and_six_megabytes_do_not():
    assert len(parse([BOUNCE | {"position": number} for number in range(10_000)]).events) == 10_000
    assert parse([]).events == ()
    with pytest.raises(TooLarge):
        parse_own_events(b" " * (MOST_EVENTS_BYTES + 1), KEY, NOW)


values: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=30)
    | st.just({})
)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(
        "type at id to batch position message index return_path message_id reply link user_agent machine".split()
    ),
    values,
)
def test_a_wrong_event_is_refused_and_never_fails(name, value):
    try:
        parse([BOUNCE | {name: value}])
    except Problem as problem:
        assert problem.field is None or problem.field.startswith("[0]")


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_body_is_read_or_refused(body):
    with suppress(Problem):
        parse_own_events(body, KEY, NOW)
