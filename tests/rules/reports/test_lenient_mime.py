import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.reports.report_mails import BATCH, KEY, NOW, mail
from warmpost.rules.reports.dsn import parse_dsn
from warmpost.rules.reports.lenient_mime import MOST_BODY, MOST_PARTS, decode, decode_words, read_mail

HEAD = b'From: a@example.org\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'


def test_all_leaves_are_found_in_order_through_every_multipart():
    raw = HEAD + (
        b"preamble\r\n--b\r\n\r\none\r\n--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n"
        b"--c\r\nContent-Type: text/html\r\n\r\n<p>two</p>\r\n--c--\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
        b"Subject: three\r\n\r\n--b--\r\nepilogue"
    )
    parts = read_mail(raw).parts
    assert [part.content_type for part in parts] == ["text/plain", "text/html", "message/rfc822"]
    assert [part.text.strip() for part in parts] == ["one", "two", "Subject: three"]


def test_a_boundary_that_begins_like_another_is_another():
    raw = HEAD + (
        b"--b\r\nContent-Type: multipart/mixed; boundary=b1\r\n\r\n--b1\r\n\r\none\r\n--b1\r\n\r\ntwo\r\n--b1--\r\n"
        b"--b  \r\n\r\nthree\r\n--b--"
    )
    assert [part.text.strip() for part in read_mail(raw).parts] == ["one", "two", "three"]


@pytest.mark.parametrize(
    "raw",
    [
        HEAD + b"no part at all: 550",
        HEAD + b"--other\r\n\r\n550",
        b"Content-Type: multipart/mixed\r\n\r\n550",
        b"From someone Mon Nov  2 2026\nSubject: x\n\n550",
        b"\r\n550",
        HEAD + b"--b\r\n\r\n550",
    ],
)
def test_a_broken_frame_leaves_a_text(raw):
    assert "550" in read_mail(raw).parts[0].text


@pytest.mark.parametrize(
    ("head", "body", "text"),
    [
        (b"text/plain; charset=iso-8859-1", b"Gr\xf6\xdfe", "Größe"),
        (b"text/plain; charset=gb18030", "退信".encode("gb18030"), "退信"),
        (b"text/plain", "退信".encode("gb18030"), "退信"),
        (b"text/plain; charset=x-none", "退信".encode(), "退信"),
        (b"text/plain; charset=unicode_escape", b"\\u0041", "\\u0041"),
        (b"text/plain; charset=us-ascii", "Größe".encode(), "Größe"),
        (b"text/html; charset=utf-8", b"<style>550</style>a&lt;b&gt;<br>c <b>d</b>", "a<b>\nc  d "),
    ],
)
def test_a_text_is_read_in_the_charset_that_fits(head, body, text):
    assert read_mail(b"Content-Type: " + head + b"\r\n\r\n" + body).parts[0].text.strip() == text.strip()


@pytest.mark.parametrize(
    "body", [b"NTUwIG5v", b"NTUwIG5v\r\n", b"NTUwIG5vI", b"NTUw IG5v=\r\n-- list footer"]
)
def test_base64_is_read_as_far_as_it_goes(body):
    raw = b"Content-Transfer-Encoding: BASE64\r\n\r\n" + body
    assert read_mail(raw).parts[0].text.startswith("550 no")


def test_parts_depth_and_bytes_are_bounded():
    assert len(read_mail(HEAD + b"--b\r\n\r\nx\r\n" * 10_000).parts) == MOST_PARTS
    nested = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (level, level) for level in range(1000)
    )
    assert len(read_mail(nested).parts) == 1
    assert len(read_mail(b"\n" + b"x" * (2 * MOST_BODY)).parts[0].text) == MOST_BODY


def test_a_report_with_ten_megabytes_of_returned_message_is_read_like_any():
    raw = mail("postfix-failed").replace(b"Hello Anna\r\n", b"Hello Anna\r\n" * 900_000)
    assert len(raw) > 10_000_000
    assert parse_dsn(raw, KEY, NOW) == parse_dsn(mail("postfix-failed"), KEY, NOW)
    assert parse_dsn(raw, KEY, NOW).events[0].target == BATCH


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("=?utf-8?q?Gr=C3=B6=C3=9Fe?= x", "Größe x"),
        ("=?gb18030?B?zcvQxQ==?=", "退信"),
        ("=?nonsense?B?NTUw?=", "550"),
        ("=?utf-8?B?x?=", "=?utf-8?B?x?="),
    ],
)
def test_encoded_words_are_made_readable(written, text):
    assert decode_words(written) == text


@settings(deadline=None)
@given(
    st.binary(max_size=300), st.sampled_from(["", "utf-8", "gbk", "iso-2022-jp", "cp9999", "idna", "zlib"])
)
def test_any_bytes_can_be_read_in_any_charset(raw, charset):
    assert isinstance(decode(raw, charset), str)


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_header_can_be_read(text):
    assert isinstance(decode_words(text), str)
