import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warmpost.rules.bounces.classify import BounceClass, classify, classify_bounce
from warmpost.rules.bounces.phrases import phrase_book
from warmpost.rules.bounces.status_codes import BASIC, GENERIC_STATUS, STATUS
from warmpost.rules.delivery.smtp_replies import parse_reply

CORPUS = [
    tuple(line.split("\t"))
    for line in (Path(__file__).parent / "bounce_corpus.tsv").read_text().splitlines()
    if not line.startswith("#")
]

FIELD = [
    json.loads(line) for line in (Path(__file__).parent / "field_replies.jsonl").read_text().splitlines()
]


def as_lines(written: str) -> bytes:
    return b"".join(line.encode() + b"\r\n" for line in written.split("\\n"))


def as_diagnostic(written: str) -> str:
    """As reporting servers put it into Diagnostic-Code: all lines behind each other, codes and all."""
    return written.replace("\\n", " ")


def test_the_corpus_is_large_and_knows_every_class():
    assert len(CORPUS) >= 150
    assert {BounceClass(expected) for expected, _, _ in CORPUS} == set(BounceClass)


@pytest.mark.parametrize(("expected", "server", "written"), CORPUS)
def test_a_reply_is_told_as_a_person_would_tell_it(expected, server, written):
    reply = parse_reply(as_lines(written))
    assert classify(reply.code, reply.enhanced_code, reply.text) is BounceClass(expected)


@pytest.mark.parametrize(("expected", "server", "written"), CORPUS)
def test_a_reply_quoted_in_a_report_is_told_the_same(expected, server, written):
    reply = parse_reply(as_lines(written))
    assert classify(reply.code, reply.enhanced_code, as_diagnostic(written)) is BounceClass(expected)
    assert classify(reply.code, "", as_diagnostic(written)) is BounceClass(expected)


def test_only_addresses_that_will_never_get_better_are_suppressed():
    assert {each for each in BounceClass if each.suppress} == {BounceClass.UNKNOWN_USER, BounceClass.INACTIVE}
    assert {each for each in BounceClass if each.is_hard and not each.suppress} == {
        BounceClass.UNKNOWN_DOMAIN
    }


@pytest.mark.parametrize("code", [503, 530, 535])
@pytest.mark.parametrize("text", ["invalid user", "account disabled", "no such user", "user unknown"])
def test_what_a_relay_says_of_our_own_log_in_never_suppresses_a_recipient(code, text):
    assert classify(code, "", text) is BounceClass.PROTOCOL


@settings(deadline=None)
@given(st.sampled_from([421, 450, 451, 452]), st.sampled_from(["", "4.1.1", "4.2.1", "5.1.1"]), st.text())
def test_a_temporary_refusal_never_suppresses(code, enhanced, text):
    for words in (text, f"{text} user unknown", f"{text} account disabled"):
        assert not classify(code, enhanced, words).suppress


@settings(deadline=None)
@given(st.integers(0, 999), st.text(max_size=12), st.text())
def test_every_reply_has_a_class(code, enhanced, text):
    assert classify(code, enhanced, text) in BounceClass


@pytest.mark.parametrize(
    ("enhanced", "expected"),
    [
        ("5.1.1", BounceClass.UNKNOWN_USER),
        ("5.2.2", BounceClass.MAILBOX_FULL),
        ("5.7.26", BounceClass.AUTHENTICATION),
        ("5.7.1", BounceClass.POLICY),
        ("5.0.0", BounceClass.UNSPECIFIED),
        ("4.4.7", BounceClass.TEMPORARY),
        ("4.1.1", BounceClass.TEMPORARY),
        ("", BounceClass.UNSPECIFIED),
    ],
)
def test_a_report_without_words_is_told_by_its_status(enhanced, expected):
    assert classify(0, enhanced, "") is expected


def test_an_address_in_a_reply_is_no_status_code():
    assert classify(550, "", "rejected: 192.5.2.1 and 5.1.1.9 are odd") is BounceClass.UNSPECIFIED


def test_spam_words_beat_a_wrong_status_and_a_generic_status_is_no_obstacle():
    assert classify(550, "5.1.1", "Message identified as spam") is BounceClass.SPAM
    assert classify(554, "5.7.1", "User unknown") is BounceClass.UNKNOWN_USER


def test_a_word_inside_another_word_says_nothing():
    assert classify(554, "", "marble whispam thispam") is BounceClass.UNSPECIFIED


def test_unknown_users_and_unwanted_mail_count_in_their_own_rates():
    unknown = classify(550, "5.1.1", "No such user")
    unwanted = classify(554, "5.7.1", "blocked using zen.spamhaus.org")
    full = classify(552, "5.2.2", "mailbox full")
    assert unknown.counts_as_unknown and not unknown.counts_as_spam
    assert unwanted.counts_as_spam and not unwanted.counts_as_unknown
    assert not full.counts_as_spam and not full.counts_as_unknown


def test_the_tables_name_classes_and_no_line_stands_twice():
    lines = phrase_book().lines
    names = {line.bounce_class for line in lines}
    names |= set(STATUS.values()) | set(GENERIC_STATUS.values()) | set(BASIC.values())
    assert names <= {each.value for each in BounceClass}
    assert all(line.pattern and line.source for line in lines)


def acceptable(want):
    return {want["category"], *want.get("also", ())}


@pytest.mark.parametrize("case", FIELD, ids=lambda case: case["reply"][:60])
def test_a_reply_of_the_field_suppresses_nobody_who_lives_and_keeps_nobody_who_is_dead(case):
    reply = parse_reply(case["reply"].encode() + b"\r\n")
    found = classify(reply.code, reply.enhanced_code, reply.text)
    assert found.value in acceptable(case["want"])
    assert case["want"]["hard"] in (None, found.is_hard)


@pytest.mark.parametrize(
    "unit", ["user ", "recipient address rejected: ", "550-5.1.1 ", "<a@b.c> ", "… ", "é"]
)
def test_a_reply_of_any_length_is_judged_at_once(unit):
    started = time.perf_counter()
    classify(550, "5.1.1", unit * 200_000)
    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize(
    ("enhanced", "text", "expected"),
    [
        ("4.1.1", "User unknown in local recipient table", BounceClass.UNKNOWN_USER),
        ("4.1.1", "<jo@example.org>: Recipient address rejected", BounceClass.UNKNOWN_USER),
        ("", "no such user", BounceClass.UNKNOWN_USER),
        ("4.1.1", "unverified address: Address verification in progress", BounceClass.TEMPORARY),
        ("4.1.1", "Recipient address rejected: Greylisted", BounceClass.TEMPORARY),
        ("", "mailbox unavailable", BounceClass.TEMPORARY),
        ("4.1.2", "Domain not found", BounceClass.TEMPORARY),
        ("4.2.2", "mailbox full", BounceClass.MAILBOX_FULL),
    ],
)
def test_an_unknown_user_for_now_is_unknown_once_the_retries_are_over(enhanced, text, expected):
    assert not classify(450, enhanced, text).suppress
    assert classify_bounce(450, enhanced, text) is expected
