from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.reports.report_mails import BATCH, KEY, NOW, REPORTS, SINGLE, mail
from warmpost.errors import TooLarge
from warmpost.rules.bounces.classify import BounceClass, classify
from warmpost.rules.model.events import Target
from warmpost.rules.reports.dsn import parse_dsn
from warmpost.rules.reports.lenient_mime import MOST_REPORT_BYTES
from warmpost.rules.reports.verp import NO_POSITION, return_path

ANNA = "anna@example.org"
UNSIGNED = replace(BATCH, address=ANNA)

BOUNCES = {
    "postfix-failed": (BATCH, 550, "5.1.1", BounceClass.UNKNOWN_USER),
    "gmail-not-found": (BATCH, 550, "5.1.1", BounceClass.UNKNOWN_USER),
    "exchange-online-not-found": (UNSIGNED, 550, "5.1.10", BounceClass.UNKNOWN_USER),
    "generic-status-telling-words": (BATCH, 552, "5.2.2", BounceClass.MAILBOX_FULL),
    "status-without-action": (BATCH, 0, "5.2.1", BounceClass.INACTIVE),
    "forwarded-final-recipient": (BATCH, 550, "5.1.1", BounceClass.UNKNOWN_USER),
    "mixed-instead-of-report": (BATCH, 552, "5.2.2", BounceClass.MAILBOX_FULL),
    "lines-end-in-lf": (BATCH, 554, "5.7.1", BounceClass.REPUTATION),
    "only-returned-message-id": (UNSIGNED, 550, "5.1.1", BounceClass.UNKNOWN_USER),
    "only-returned-return-path": (BATCH, 550, "5.1.1", BounceClass.UNKNOWN_USER),
    "single-send-by-message-id": (
        replace(SINGLE, position=NO_POSITION, address=ANNA),
        550,
        "5.1.1",
        BounceClass.UNKNOWN_USER,
    ),
    "foreign-message": (Target(address=ANNA), 550, "5.1.1", BounceClass.UNKNOWN_USER),
    "base64-status": (BATCH, 550, "5.1.1", BounceClass.UNKNOWN_USER),
    "wrong-charset": (BATCH, 550, "5.1.1", BounceClass.UNKNOWN_USER),
    "utf8-address": (BATCH, 550, "5.1.1", BounceClass.UNKNOWN_USER),
    "no-diagnostic-but-prose": (BATCH, 550, "5.0.0", BounceClass.UNKNOWN_USER),
    "qmail": (BATCH, 550, "5.1.1", BounceClass.UNKNOWN_USER),
    "exim": (BATCH, 550, "", BounceClass.UNKNOWN_USER),
    "postfix-text-only": (BATCH, 552, "5.2.2", BounceClass.MAILBOX_FULL),
    "exchange-2003": (BATCH, 0, "5.1.1", BounceClass.UNKNOWN_USER),
    "exchange-html": (BATCH, 554, "5.2.2", BounceClass.MAILBOX_FULL),
    "gmail-old": (BATCH, 550, "5.1.1", BounceClass.UNKNOWN_USER),
    "yahoo": (BATCH, 554, "", BounceClass.UNKNOWN_USER),
    "qq": (BATCH, 550, "", BounceClass.UNKNOWN_USER),
    "netease": (BATCH, 550, "", BounceClass.MAILBOX_FULL),
    "without-any-address": (BATCH, 0, "", BounceClass.MAILBOX_FULL),
}
DEFERRALS = {
    "postfix-delayed": (BATCH, 0, "4.4.1", BounceClass.ROUTING),
    "gmail-rate-delay": (BATCH, 450, "4.2.1", BounceClass.RATE_LIMITED),
    "exim-delay": (UNSIGNED, 451, "4.7.1", BounceClass.TEMPORARY),
}
DELIVERIES = {"postfix-relayed": BATCH, "dovecot-delivered": BATCH, "sendmail-expanded": SINGLE}
SEVERAL = {"two-recipients", "qmail-two-addresses"}
IGNORED = {
    "out-of-office": "automatic reply",
    "vacation-subject-only": "automatic reply",
    "vacation-header": "automatic reply",
    "person-replies": "no report",
    "read-receipt": "receipt of reading",
    "arf-yahoo": "complaint",
}


def only_event(name):
    (event,) = parse_dsn(mail(name), KEY, NOW).events
    return event


@pytest.mark.parametrize(
    ("kind", "name"), [("bounced", n) for n in BOUNCES] + [("deferred", n) for n in DEFERRALS]
)
def test_a_report_says_what_became_of_whose_message_and_why(kind, name):
    event = only_event(name)
    target, code, status, reason = (BOUNCES | DEFERRALS)[name]
    assert event.kind == kind and event.source == "dsn"
    assert event.target == target
    assert (event.code, event.enhanced_code) == (code, status)
    assert classify(event.code, event.enhanced_code, event.text) is reason


@pytest.mark.parametrize("name", DELIVERIES)
def test_what_another_system_took_over_is_delivered(name):
    event = only_event(name)
    assert event.kind == "delivered" and event.target == DELIVERIES[name] and event.text == ""


@pytest.mark.parametrize("name", IGNORED)
def test_what_is_no_report_is_ignored_with_a_reason(name):
    parsed = parse_dsn(mail(name), KEY, NOW)
    assert parsed.events == () and IGNORED[name] in parsed.ignored


def test_every_mail_of_the_collection_is_held_by_a_test():
    held = {*BOUNCES, *DEFERRALS, *DELIVERIES, *SEVERAL, *IGNORED}
    there = {path.stem for path in REPORTS.glob("*.eml") if not path.stem.startswith(("arf", "jmrp"))}
    assert there == held - {"arf-yahoo"}


def test_a_report_of_several_recipients_is_an_event_each():
    first, second = parse_dsn(mail("two-recipients"), KEY, NOW).events
    assert (first.kind, first.target.address, first.code) == ("bounced", ANNA, 550)
    assert (second.kind, second.target.address, second.code) == ("deferred", "bert@example.org", 452)
    first, second = parse_dsn(mail("qmail-two-addresses"), KEY, NOW).events
    assert (first.target.address, first.enhanced_code) == (ANNA, "5.1.1")
    assert (second.target.address, second.enhanced_code) == ("bert@example.org", "5.1.2")


def test_a_signed_return_path_is_about_one_recipient_whoever_it_was_expanded_to():
    raw = mail("two-recipients").replace(
        b"bounces@news.example.com", return_path(BATCH, "x.example", KEY).encode()
    )
    events = parse_dsn(raw, KEY, NOW).events
    assert [(event.kind, event.target) for event in events] == [("deferred", BATCH), ("bounced", BATCH)]


def test_words_are_those_of_the_server_without_codes_and_host_names():
    assert only_event("postfix-failed").text == (
        "<anna@example.org>: Recipient address rejected: User unknown in local recipient table"
    )
    assert only_event("postfix-failed").relay == "mx.example.org"
    assert only_event("gmail-not-found").relay == "gmail-smtp-in.l.google.com"
    assert only_event("exim").text == "No Such User Here"


def test_the_time_is_that_of_the_last_attempt_or_of_the_report():
    assert only_event("postfix-delayed").at == 1793613000.0
    assert only_event("postfix-failed").at == 1793610005.0


def test_a_time_that_cannot_be_is_that_of_arrival():
    for date in (b"Mon, 02 Nov 2099 10:00:00 +0000", b"Thu, 01 Jan 1970 00:00:00 +0000", b"yesterday", b""):
        raw = mail("qmail").replace(b"Mon, 02 Nov 2026 10:00:00 +0000", date)
        assert parse_dsn(raw, KEY, NOW).events[0].at == NOW


@pytest.mark.parametrize("name", [*BOUNCES, *DEFERRALS, *DELIVERIES])
def test_the_same_report_by_another_way_and_later_is_the_same_event(name):
    raw = mail(name)
    later = parse_dsn(b"Received: by forwarder.example\r\n" + raw, KEY, NOW + 3600)
    assert [event.id for event in later.events] == [only_event(name).id]


def test_a_second_warning_is_another_event():
    raw = mail("postfix-delayed").replace(b"09:50:00", b"09:58:00")
    assert parse_dsn(raw, KEY, NOW).events[0].id != only_event("postfix-delayed").id


def test_the_envelope_decides_before_anything_in_the_mail():
    event = parse_dsn(mail("foreign-message"), KEY, NOW, return_path(SINGLE, "x.example", KEY)).events[0]
    assert event.target == SINGLE


def test_a_forged_return_path_proves_nothing():
    event = parse_dsn(mail("postfix-failed"), b"another key", NOW).events[0]
    assert event.target == UNSIGNED


def test_a_report_that_names_nobody_is_ignored():
    raw = mail("without-any-address").replace(b"bounces+b.42.7", b"bounces+b.43.7")
    assert parse_dsn(raw, KEY, NOW).events == ()


def test_an_automatic_reply_to_a_letter_about_deliveries_is_no_bounce():
    raw = mail("out-of-office").replace(b"Automatic reply: Hello", b"Automatic reply: your delivery failed")
    assert parse_dsn(raw, KEY, NOW).events == ()


def test_a_mail_that_is_too_large_is_refused():
    with pytest.raises(TooLarge):
        parse_dsn(b"x" * (MOST_REPORT_BYTES + 1), KEY, NOW)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_report_is_read_as_far_as_it_goes_and_never_fails(data):
    raw = bytearray(mail(data.draw(st.sampled_from(sorted(BOUNCES)))))
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(raw)))
        end = min(len(raw), start + data.draw(st.sampled_from([0, 1, 5, 80, 5000])))
        raw[start:end] = data.draw(
            st.binary(max_size=60) | st.sampled_from([b"\r\n\r\n", b"--=_b1", b"\n", b"=?", b"\x00"])
        )
    for event in parse_dsn(bytes(raw), KEY, NOW).events:
        assert event.kind in ("bounced", "deferred", "delivered") and 0 < event.at <= NOW


@settings(deadline=None)
@given(st.binary(max_size=2000) | st.text(max_size=2000).map(lambda text: text.encode()))
def test_anything_at_all_can_be_given(raw):
    assert parse_dsn(raw, KEY, NOW).events == ()
