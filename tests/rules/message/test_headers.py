from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import SMTP
from email.utils import getaddresses

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from warmpost.rules.message.errors import CannotCompose
from warmpost.rules.message.headers import (
    encode_address,
    encode_date,
    encode_mailboxes,
    encode_message_id,
    encode_structured,
    encode_subject,
    encode_unstructured,
    one_line,
    unfold,
)
from warmpost.rules.message.message import Mailbox

printable = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp", "Cn", "Co"])
subjects = st.text(printable, min_size=1, max_size=200) | st.text('ab =?_"\\é', min_size=1, max_size=200)
names = st.text(printable, max_size=80)


def parsed(name: str, value: bytes, policy=SMTP):
    message = message_from_bytes(name.encode() + b": " + value + b"\r\n\r\n", policy=policy)
    assert not message.defects
    assert not message[name].defects
    return message[name]


def lines_of(name: str, value: bytes) -> list[bytes]:
    return (name.encode() + b": " + value).split(b"\r\n")


def is_relaxed(value: bytes) -> bool:
    canonical = unfold(value)
    return (
        b"\r" not in canonical
        and b"\n" not in canonical
        and b"  " not in canonical
        and canonical == canonical.strip()
    )


@given(subjects)
@example("Grüße aus Łódź, 北京和上海" * 5)
@example("=?utf-8?q?nested?=")
@example("two  spaces")
@example("word" * 60)
def test_a_subject_reads_back_as_written(subject):
    value = encode_subject(subject)
    assert str(parsed("Subject", value)) == subject.strip(" ")
    assert all(len(line) <= 78 for line in lines_of("Subject", value))
    assert value.isascii() and is_relaxed(value)


@pytest.mark.parametrize(
    ("subject", "sent"),
    [
        ("Hello Ann\n", "Hello Ann"),
        ("Hello Bob\r\nMiller", "Hello Bob Miller"),
        ("a\r\nBcc: x@y.example", "a Bcc: x@y.example"),
        ("a\u2028b\u2029", "a b"),
        ("\0a\x00b\x07", "a b"),
        ("Grüße\x0bAnn\x85", "Grüße Ann"),
        ("\n", ""),
    ],
)
def test_a_line_break_or_control_character_in_a_subject_is_sent_as_a_space(subject, sent):
    assert one_line(subject) == sent
    assert str(parsed("Subject", encode_subject(subject))) == sent


@pytest.mark.parametrize("subject", ["half \ud800", "é" * 500])
def test_a_subject_that_no_header_can_hold_is_refused(subject):
    with pytest.raises(CannotCompose):
        encode_subject(subject)


@given(st.lists(names, min_size=1, max_size=4))
@example(['Doe, "Jim" \\ (x)'])
@example(["Ärzte ohne Grenzen und mit sehr langem Namen, der mehr als eine Zeile braucht"])
def test_mailboxes_read_back_as_written(some_names):
    mailboxes = [Mailbox(f"user{n}@example.com", name) for n, name in enumerate(some_names)]
    value = encode_mailboxes(mailboxes, len("Reply-To: "))
    read = [
        (str(make_header(decode_header(name))), address)
        for name, address in getaddresses([unfold(value).decode("ascii")])
    ]
    assert read == [(" ".join(mailbox.name.split()), mailbox.address) for mailbox in mailboxes]
    assert len(parsed("Reply-To", value).addresses) == len(mailboxes)
    assert value.isascii() and is_relaxed(value)
    assert all(len(line) <= 998 for line in lines_of("Reply-To", value))


def test_a_name_cannot_carry_another_header():
    with pytest.raises(CannotCompose):
        encode_mailboxes([Mailbox("a@example.com", "x\x00y")], 6)
    assert b"\n" not in encode_mailboxes([Mailbox("a@example.com", "x\r\nBcc: y@z.example")], 6)


def test_an_internationalised_local_part_stays_as_it_is():
    assert encode_mailboxes([Mailbox("jörg@example.com", "Jörg")], 6).endswith("<jörg@example.com>".encode())


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "a@",
        "@b",
        "a b@c.example",
        "a@b.example\r\nBcc: x@y.example",
        "a@b,c@d",
        "<a@b>",
        "a\0@b",
        "\ud800@b",
        "a" * 320 + "@b",
    ],
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(CannotCompose):
        encode_address(address)


def test_quoted_local_parts_are_addresses():
    assert encode_address('"a b"@example.com') == b'"a b"@example.com'


@given(st.text(printable, max_size=300).map(lambda text: " ".join(text.split())).filter(bool))
def test_free_text_in_a_custom_header_reads_back(text):
    value = encode_unstructured(text, len("X-Campaign: "))
    assert str(parsed("X-Campaign", value)) == text
    assert is_relaxed(value)


def test_links_are_folded_between_never_inside():
    value = encode_structured(f"<https://a.example/{'x' * 80}>, <mailto:u@a.example?subject={'y' * 40}>", 18)
    assert value.split(b"\r\n ") == [
        b"<https://a.example/" + b"x" * 80 + b">,",
        b"<mailto:u@a.example?subject=" + b"y" * 40 + b">",
    ]
    for bad in ("a\r\nb", "é", "x" * 1000):
        with pytest.raises(CannotCompose):
            encode_structured(bad, 18)


def test_dates_are_in_utc():
    assert encode_date(1_700_000_000) == b"Tue, 14 Nov 2023 22:13:20 +0000"


def test_message_ids_get_their_brackets():
    assert encode_message_id("a.1@b.example") == b"<a.1@b.example>"
    for bad in ("", "a", "a@b> x", "a@b\r\n", "é@b"):
        with pytest.raises(CannotCompose):
            encode_message_id(bad)
