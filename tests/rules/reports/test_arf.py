from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.reports.report_mails import BATCH, KEY, NOW, REPORTS, SINGLE, mail
from warmpost.rules.reports.arf import parse_arf

UNSIGNED = replace(BATCH, address="anna@example.org")

COMPLAINTS = {
    "arf-yahoo": BATCH,
    "arf-redacted": BATCH,
    "arf-headers-only": BATCH,
    "arf-fraud": BATCH,
    "arf-by-message-id": UNSIGNED,
    "jmrp": UNSIGNED,
    "jmrp-return-path": BATCH,
}
IGNORED = {
    "arf-not-spam": "no spam",
    "arf-auth-failure": "authentication",
    "arf-unbelievable": "names no message",
    "postfix-failed": "report of a delivery",
    "out-of-office": "automatic reply",
    "person-replies": "no complaint",
}


@pytest.mark.parametrize("name", COMPLAINTS)
def test_a_complaint_is_about_the_message_it_returns(name):
    (event,) = parse_arf(mail(name), KEY, NOW).events
    assert (event.kind, event.target, event.source) == ("complained", COMPLAINTS[name], "arf")
    assert event.at == 1793707200.0


def test_an_opt_out_is_no_complaint():
    (event,) = parse_arf(mail("arf-opt-out"), KEY, NOW).events
    assert (event.kind, event.target) == ("unsubscribed", SINGLE)


@pytest.mark.parametrize("name", IGNORED)
def test_what_is_no_complaint_is_ignored_with_a_reason(name):
    parsed = parse_arf(mail(name), KEY, NOW)
    assert parsed.events == () and IGNORED[name] in parsed.ignored


def test_every_complaint_of_the_collection_is_held_by_a_test():
    there = {path.stem for path in REPORTS.glob("*.eml") if path.stem.startswith(("arf", "jmrp"))}
    assert there == {
        name for name in (*COMPLAINTS, *IGNORED, "arf-opt-out") if name.startswith(("arf", "jmrp"))
    }


def test_who_complains_twice_of_a_message_complains_once():
    later = mail("arf-yahoo").replace(b"12:00:00", b"13:00:00").replace(b"arf-yahoo@", b"other@")
    assert parse_arf(later, KEY, NOW).events[0].id == parse_arf(mail("arf-yahoo"), KEY, NOW).events[0].id


def test_the_reporting_system_is_kept():
    assert parse_arf(mail("arf-yahoo"), KEY, NOW).events[0].user_agent == "Yahoo!-Mail-Feedback/2.0"


def test_a_message_id_with_another_recipient_stays_unproven():
    raw = mail("arf-by-message-id").replace(b"Original-Rcpt-To: anna@", b"Original-Rcpt-To: mallory@")
    (event,) = parse_arf(raw, KEY, NOW).events
    assert event.target.address == "mallory@example.org"


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_damaged_complaint_never_fails(data):
    raw = bytearray(mail(data.draw(st.sampled_from(sorted(COMPLAINTS)))))
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(raw)))
        raw[start : start + data.draw(st.sampled_from([0, 1, 5, 80]))] = data.draw(st.binary(max_size=40))
    for event in parse_arf(bytes(raw), KEY, NOW).events:
        assert event.kind in ("complained", "unsubscribed") and event.target.is_named


@settings(deadline=None)
@given(st.binary(max_size=2000))
def test_anything_at_all_can_be_given(raw):
    assert parse_arf(raw, KEY, NOW).events == ()
