import json
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.reports.report_mails import BATCH, KEY, NOW
from warmpost.errors import Malformed, Problem, TooLarge
from warmpost.rules.bounces.classify import BounceClass, classify
from warmpost.rules.model.derived_ids import batch_message_id
from warmpost.rules.reports import kumomta
from warmpost.rules.reports.kumomta import parse_kumomta
from warmpost.rules.reports.verp import return_path

PATH = return_path(BATCH, "news.example.com", KEY)
UNSIGNED = replace(BATCH, address="anna@example.org")
DELIVERY: dict[str, Any] = {
    "type": "Delivery",
    "id": "1d98076abbbc11ed940250ebf67f93bd",
    "sender": PATH,
    "recipient": "anna@example.org",
    "queue": "campaign:tenant@example.org",
    "site": "source2->(alt1|alt2)?.gmail-smtp-in.l.google.com.",
    "size": 1047,
    "response": {
        "code": 250,
        "enhanced_code": {"class": 2, "subject": 0, "detail": 0},
        "content": "OK ids=8a5475ccbbc611eda12250ebf67f93bd",
        "command": ".",
    },
    "peer_address": {"name": "gmail-smtp-in.l.google.com.", "addr": "142.251.2.27"},
    "timestamp": 1793610000,
    "created": 1793609990,
    "num_attempts": 0,
    "bounce_classification": "Uncategorized",
    "egress_pool": "pool0",
    "feedback_report": None,
    "meta": {},
    "headers": {},
    "nodeid": "557f3ad4-2c8c-11ee-976e-782d7e12e173",
}
UNKNOWN: dict[str, Any] = {
    "code": 550,
    "enhanced_code": {"class": 5, "subject": 1, "detail": 1},
    "content": "no such user",
    "command": "RCPT TO",
}
FEEDBACK: dict[str, Any] = {
    "type": "Feedback",
    "id": "f1",
    "sender": "feedback@provider.example",
    "recipient": "fbl@news.example.com",
    "timestamp": 1793610000,
    "feedback_report": {
        "feedback_type": "abuse",
        "user_agent": "SomeGenerator/1.0",
        "version": 1,
        "original_mail_from": f"<{PATH}>",
        "original_rcpto_to": ["<anna@example.org>"],
        "extensions": {"removal-recipient": ["anna@example.org"]},
        "original_message": "From: <news@news.example.com>\nMessage-ID: "
        f"<{batch_message_id('demo', '42', 7, 'news.example.com')}>\n\nHello",
    },
}


def record(kind, response=None, **more):
    return DELIVERY | {"type": kind} | ({"response": response} if response else {}) | more


def parse(what):
    return parse_kumomta(json.dumps(what).encode(), KEY, NOW)


@pytest.mark.parametrize(
    ("kind", "became"),
    [
        ("Delivery", "delivered"),
        ("Bounce", "bounced"),
        ("Expiration", "bounced"),
        ("AdminBounce", "bounced"),
        ("TransientFailure", "deferred"),
        ("OOB", "bounced"),
    ],
)
def test_each_type_of_record_is_an_event_of_the_message_its_sender_names(kind, became):
    (event,) = parse(record(kind, DELIVERY["response"] if kind == "Delivery" else UNKNOWN)).events
    assert (event.kind, event.target, event.source) == (became, BATCH, "kumomta")
    assert event.at == 1793610000.0


def test_a_bounce_carries_the_servers_words():
    (event,) = parse(record("Bounce", UNKNOWN)).events
    assert (event.code, event.enhanced_code, event.text) == (550, "5.1.1", "no such user")
    assert event.relay == "gmail-smtp-in.l.google.com"


def test_what_an_administrator_removed_blames_nobody():
    response = {
        "code": 551,
        "enhanced_code": {"class": 5, "subject": 7, "detail": 1},
        "content": "blocked user unknown",
    }
    (event,) = parse(record("AdminBounce", response)).events
    assert classify(event.code, event.enhanced_code, event.text) is BounceClass.UNSPECIFIED


def test_a_report_that_comes_later_is_named_by_the_address_it_came_to():
    later = record("OOB", UNKNOWN) | {"sender": "", "meta": {"return_path": PATH}}
    (event,) = parse(later).events
    assert (event.kind, event.target) == ("bounced", BATCH)


def test_an_out_of_band_warning_is_a_deferral():
    response = UNKNOWN | {"enhanced_code": {"class": 4, "subject": 4, "detail": 1}}
    assert parse(record("OOB", response)).events[0].kind == "deferred"


@pytest.mark.parametrize("kind", ["Reception", "Rejection", "Delay", "SomethingNew"])
def test_other_records_are_ignored_and_counted(kind):
    parsed = parse([record(kind), record(kind), record("Delivery")])
    assert len(parsed.events) == 1
    assert parsed.ignored == f"2 × a record of type {kind!r}"


def test_feedback_is_a_complaint_about_the_message_it_returns():
    (event,) = parse(FEEDBACK).events
    assert (event.kind, event.target, event.user_agent) == ("complained", BATCH, "SomeGenerator/1.0")


def test_feedback_without_a_return_path_goes_by_message_id_and_recipient():
    feedback = deepcopy(FEEDBACK)
    feedback["feedback_report"]["original_mail_from"] = None
    assert parse(feedback).events[0].target == UNSIGNED
    feedback["feedback_report"] |= {"original_rcpto_to": [], "extensions": {}}
    assert parse(feedback).events == ()


def test_feedback_that_is_no_complaint_is_ignored():
    feedback = deepcopy(FEEDBACK)
    feedback["feedback_report"]["feedback_type"] = "not-spam"
    assert parse(feedback).events == () and "not-spam" in parse(feedback).ignored


def test_a_record_without_our_return_path_goes_by_its_message_id_or_its_recipient():
    named = record("Bounce", UNKNOWN, sender="x@elsewhere.example")
    assert parse(named).events[0].target.address == "anna@example.org"
    named["headers"] = {"Message-ID": f"<{batch_message_id('demo', '42', 7, 'news.example.com')}>"}
    assert parse(named).events[0].target == UNSIGNED


def test_one_an_array_and_one_a_line_are_read_alike():
    other = record("Bounce", UNKNOWN, id="other")
    expected = parse([DELIVERY, other])
    lines = f"{json.dumps(DELIVERY)}\n{json.dumps(other)}\n".encode()
    assert parse_kumomta(lines, KEY, NOW) == expected
    assert len(expected.events) == 2 and parse(DELIVERY).events == expected.events[:1]


def test_the_same_record_is_the_same_event_and_another_attempt_is_not():
    again = json.loads(json.dumps(record("TransientFailure", UNKNOWN)))
    assert len(parse([again, again]).events) == 1
    assert len(parse([again, again | {"num_attempts": 1}]).events) == 2


def test_the_finer_time_counts_where_it_is_told():
    assert parse(record("Delivery", event_time="2026-11-02T09:00:00.250Z")).events[0].at == 1793610000.25
    assert parse(record("Delivery", timestamp="soon")).events[0].at == NOW


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"1 2", b"[" * 100_000, b"[1]", b'["a"]', b"{}\n{"])
def test_what_holds_no_records_is_malformed(body):
    with pytest.raises(Malformed):
        parse_kumomta(body, KEY, NOW)


def test_ten_thousand_records_fit_into_one_request_and_too_many_do_not():
    small = {"type": "Delivery", "sender": PATH}
    many = [small | {"id": str(number)} for number in range(10_000)]
    assert len(parse(many).events) == 10_000
    with pytest.raises(TooLarge):
        parse([{}] * (kumomta.MOST_RECORDS + 1))
    with pytest.raises(TooLarge):
        parse_kumomta(b" " * (kumomta.MOST_RECORDS_BYTES + 1), KEY, NOW)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([DELIVERY | {"type": "Bounce"}, FEEDBACK]), st.data())
def test_a_record_with_wrong_fields_never_fails(whole, data):
    changed = deepcopy(whole)
    place = changed
    for _ in range(data.draw(st.integers(0, 1))):
        inner = [value for value in place.values() if isinstance(value, dict) and value]
        place = data.draw(st.sampled_from(inner)) if inner else place
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(values)
    parse(changed)


@settings(deadline=None)
@given(st.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_read_or_refused(body):
    with suppress(Problem):
        parse_kumomta(body, KEY, NOW)


@pytest.mark.parametrize("body", [b"\n" * 1_000_000, b" \n" * 1_000_000, b"\n" * 1_000_000 + b"{"])
def test_a_report_of_empty_lines_is_refused_at_once(body):
    with pytest.raises(Malformed, match="no JSON records"):
        parse_kumomta(body, KEY, NOW)
