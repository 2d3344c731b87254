from email import message_from_bytes
from email.policy import SMTP

import pytest

from warmpost.errors import Invalid
from warmpost.rules.message.custom_headers import (
    check_custom_header,
    check_custom_headers,
    encode_custom_header,
    has_own_unsubscribe,
)

OUTLOOK = "<AM9PR07MB7203F3A1B2C3D4E5F60718293A4B5C@AM9PR07MB7203.eurprd07.prod.outlook.example>"
AMAZON = "<0102018f0e1d2c3b-5a4f3e2d-1c0b-4a9f-8e7d-6c5b4a392817-000000@eu-west-1.mailer.example>"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("In-Reply-To", OUTLOOK),
        ("References", f"{AMAZON} {OUTLOOK} {AMAZON}"),
        ("References", f"<=?utf-8?Q?x?={'y' * 60}@a.example>"),
        ("Archived-At", f"<https://lists.example/{'a' * 300}>"),
        ("X-Token", "t" * 900),
        ("X-Settings", '{"key": "' + "v" * 200 + '", "other": 1}'),
        ("List-Archive", f"<https://lists.example/{'b' * 90}>"),
    ],
)
def test_headers_of_long_words_are_folded_and_never_encoded(name, value):
    encoded = encode_custom_header(name, value)
    assert encoded.replace(b"\r\n ", b" ") == value.encode()
    assert all(len(line) <= 998 for line in (name.encode() + b": " + encoded).split(b"\r\n"))
    assert encoded.split(b"\r\n")[0]


@pytest.mark.parametrize("value", ["größer", "=?utf-8?q?x?=", "日本語 " * 40 + "x" * 90])
def test_free_text_that_readers_decode_reads_back(value):
    encoded = encode_custom_header("X-Note", value)
    message = message_from_bytes(b"X-Note: " + encoded + b"\r\n\r\n", policy=SMTP)
    assert encoded.isascii() and str(message["X-Note"]) == value


@pytest.mark.parametrize("name", ["In-Reply-To", "references", "Archived-At", "List-Help"])
def test_identifiers_beyond_ascii_are_refused(name):
    with pytest.raises(Invalid, match="ASCII"):
        check_custom_header(name, "<größe@example.org>")


def test_a_header_given_twice_is_refused():
    with pytest.raises(Invalid, match="twice"):
        check_custom_headers({"X-A": "1", "x-a": "2"})


@pytest.mark.parametrize(
    "headers",
    [
        {"List-Unsubscribe": "<https://lists.example/u/1,2>"},
        {"list-unsubscribe": "<mailto:leave@lists.example?subject=off>, <http://lists.example/u>"},
        {
            "List-Unsubscribe": "<mailto:leave@lists.example>, <https://lists.example/u/1>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
    ],
)
def test_an_own_list_unsubscribe_is_taken(headers):
    check_custom_headers(headers)
    assert has_own_unsubscribe(headers) and not has_own_unsubscribe({"X-A": "1"})


@pytest.mark.parametrize(
    "headers",
    [
        {"List-Unsubscribe": "https://lists.example/u/1"},
        {"List-Unsubscribe": "<javascript:x>"},
        {"List-Unsubscribe": "<https://lists.example/u/1> or ask"},
        {"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
        {
            "List-Unsubscribe": "<mailto:leave@lists.example>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
        {"List-Unsubscribe": "<https://lists.example/u/1>", "List-Unsubscribe-Post": "yes"},
    ],
)
def test_an_own_list_unsubscribe_that_would_not_work_is_refused(headers):
    with pytest.raises(Invalid) as refused:
        check_custom_headers(headers)
    assert refused.value.code == "header_not_allowed"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Campaign", "Spring"),
        ("List-ID", "<a.example>"),
        ("Precedence", "bulk"),
        ("Feedback-ID", "1:2:3:x"),
        ("In-Reply-To", "<a@b>"),
        ("X-Ünicode"[:2] + "U", "größer"),
    ],
)
def test_harmless_custom_headers_are_allowed(name, value):
    check_custom_header(name, value)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "From",
            "sender",
            "TO",
            "Cc",
            "bcc",
            "Date",
            "Subject",
            "Message-ID",
            "Return-Path",
            "Received",
            "Reply-To",
        ),
        *(
            "DKIM-Signature",
            "ARC-Seal",
            "X-Warmpost-Pool",
            "MIME-Version",
            "Content-Type",
            "content-foo",
            "Resent-To",
            "Delivered-To",
        ),
        *(
            "Authentication-Results",
            "",
            "a b",
            "a:b",
            "X-é",
            "X\n",
            "x" * 100,
        ),
    ],
)
def test_headers_that_are_ours_or_no_names_are_refused(name):
    with pytest.raises(Invalid) as refused:
        check_custom_header(name, "value", "headers.x")
    assert refused.value.code == "header_not_allowed" and refused.value.field == "headers.x"


@pytest.mark.parametrize(
    "value", ["a\r\nBcc: x@y.example", "a\nb", "a\0", "\x1b", "", "  ", "x" * 5000, "x" * 996, "\ud800"]
)
def test_values_that_would_break_the_message_are_refused(value):
    with pytest.raises(Invalid):
        check_custom_header("X-Test", value)
