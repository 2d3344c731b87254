import json
from pathlib import Path

import pytest

from warmpost.rules.bounces.classify import classify
from warmpost.rules.reports.dsn import parse_dsn
from warmpost.rules.reports.lenient_mime import read_mail
from warmpost.rules.reports.prose_bounces import is_bounce_notice, may_be_bounce_notice, read_notices


def notices(text, subject="Undelivered Mail", more=""):
    raw = f"From: MAILER-DAEMON@mx.example.net\nSubject: {subject}\n{more}\n{text}"
    return read_notices(read_mail(raw.encode()))


def test_each_address_has_what_is_said_below_it():
    first, second = notices(
        "Sorry.\n\n<a@example.org>: host mx said: 550 5.1.1 unknown\n    user here\n\n"
        "<b@example.org>:\n452 4.2.2 full\n\nRegards, 500 admins"
    )
    assert (first.address, first.code, first.text) == ("a@example.org", 550, "unknown user here")
    assert (second.address, second.code, second.text) == ("b@example.org", 452, "full")


def test_the_returned_message_is_not_part_of_the_notice():
    (only,) = notices(
        "<a@example.org>:\n550 no such user\n\n--- Below this line is a copy of the message.\n\nTo:\nb@example.org\n"
        "spam spam 554 5.7.1"
    )
    assert (only.address, only.text) == ("a@example.org", "no such user")


def test_the_subject_of_the_returned_message_is_no_reason():
    (only,) = notices("a@example.org\nSubject: 550 spam virus blacklisted\nThe mailbox is full.\n")
    assert (only.code, only.text) == (0, "The mailbox is full.")


def test_failed_recipients_in_the_head_are_enough():
    first, second = notices("It failed.", more="X-Failed-Recipients: a@example.org, b@example.org\n")
    assert [first.address, second.address] == ["a@example.org", "b@example.org"]


def test_a_warning_is_a_deferral_unless_it_is_the_last_word():
    assert (
        notices("<a@example.org>:\nhas not yet been delivered", "Warning: message delayed")[0].kind
        == "deferred"
    )
    assert notices("<a@example.org>:\nhas been delayed and failed permanently")[0].kind == "bounced"


def test_only_mail_systems_write_notices():
    person = "From: Anna <anna@example.org>\nSubject: Undeliverable?\n\nYour mail to a@example.org: 550 no such user"
    assert not is_bounce_notice(read_mail(person.encode()))
    assert not may_be_bounce_notice(read_mail(person.encode()))
    assert may_be_bounce_notice(read_mail(b"Return-Path: <>\n" + person.encode()))
    assert is_bounce_notice(read_mail(person.replace("Anna <anna", "Postmaster <postmaster").encode()))


FIELD = [json.loads(line) for line in (Path(__file__).parent / "field_mails.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", FIELD, ids=lambda case: case["want"]["category"])
def test_a_mail_of_the_field_names_whom_it_failed_for_and_why(case):
    (event,) = parse_dsn(case["mail"].encode(), b"k" * 32, 1.9e9).events
    want = case["want"]
    found = classify(event.code, event.enhanced_code, event.text)
    assert (event.kind, event.target.address, found.is_hard) == (want["event"], want["address"], want["hard"])
    assert found.value in {want["category"], *want.get("also", ())}


def test_a_person_who_answers_at_a_return_path_writes_no_notice():
    person = b"From: Anna <anna@example.org>\nSubject: Re: Hello\n\nIt says 550 5.1.1, what now?"
    assert parse_dsn(person, b"k" * 32, 1.9e9).events == ()


def test_recipients_without_an_empty_line_between_them_are_told_apart():
    fields = "Final-Recipient: rfc822; {0}@example.org\nAction: failed\nStatus: 5.1.1\n"
    raw = (
        "From: MAILER-DAEMON@mx.example.net\nContent-Type: message/delivery-status\n\n"
        "Reporting-MTA: dns; mx.example.net\n\n" + fields.format("a") + fields.format("b")
    )
    found = parse_dsn(raw.encode(), b"k" * 32, 1.9e9).events
    assert [each.target.address for each in found] == ["a@example.org", "b@example.org"]


def test_a_recipient_without_words_has_those_that_the_text_says_of_it():
    raw = (
        "From: MAILER-DAEMON@mx.example.net\nContent-Type: multipart/report; boundary=B\n\n--B\n\n"
        "<a@example.org>: 550 no such user\n\n<b@example.org>: 552 mailbox full\n\n--B\n"
        "Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822; b@example.org\nAction: failed\n"
        "Status: 5.0.0\n\nFinal-Recipient: rfc822; a@example.org\nAction: failed\nStatus: 5.0.0\n--B--\n"
    )
    found = parse_dsn(raw.encode(), b"k" * 32, 1.9e9).events
    assert [each.text for each in found] == ["mailbox full", "no such user"]
