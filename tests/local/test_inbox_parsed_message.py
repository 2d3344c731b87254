"""Messages taken apart: everything people send, and what nobody should."""

from datetime import UTC, datetime
from email.message import EmailMessage
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart

from hypothesis import given
from hypothesis import strategies as st

from infra.local.inbox.index import summarise
from infra.local.inbox.maildir import take_apart
from infra.local.inbox.parsed_message import decoded, header_date, html_for_reading, parse_message
from infra.local.inbox.verdict import judge


def test_bodies_and_attachments_are_told_apart():
    message = EmailMessage()
    message["Subject"] = "您的十月书单"
    message.set_content("Text für alle\n")
    message.add_alternative("<p>قائمة</p>", subtype="html")
    message.add_attachment("a;b\n", subtype="csv", filename="收据.csv")
    read = parse_message(message.as_bytes())
    assert read.header("subject") == "您的十月书单"
    assert (read.text, read.html) == ("Text für alle\n", "<p>قائمة</p>\n")
    assert [(part.filename, part.content_type, part.content) for part in read.attachments] == [
        ("收据.csv", "text/csv", b"a;b\n")
    ]


def test_an_image_of_the_message_is_put_in_place_but_no_other_type_is():
    message = EmailMessage()
    message.set_content("<img src='cid:logo'><img src='cid:page'><img src='cid:absent'>", subtype="html")
    message.add_related(b"\x89PNG", "image", "png", cid="<logo>")
    message.add_related(b"<script>", "text", "html", cid="<page>")
    html = html_for_reading(parse_message(message.as_bytes()))
    assert "src='data:image/png;base64,iVBORw=='" in html
    assert "src='cid:page'" in html and "src='cid:absent'" in html


def test_a_forwarded_message_is_one_attachment():
    inner = EmailMessage()
    inner["Subject"] = "inner"
    inner.set_content("inside")
    outer = MIMEMultipart()
    outer.attach(MIMEMessage(inner))
    (part,) = parse_message(outer.as_bytes()).attachments
    assert part.filename.endswith(".eml") and b"Subject: inner" in part.content


def test_an_unknown_charset_is_read_as_utf8():
    raw = "Content-Type: text/plain; charset=klingon\r\n\r\nÄ".encode()
    assert parse_message(raw).text == "Ä"


def test_damaged_encoded_words_are_shown_as_they_are():
    assert decoded("=?utf-8?b?!!!?=") == "=?utf-8?b?!!!?="
    assert decoded("=?nowhere?q?x?=") == "=?nowhere?q?x?="
    assert decoded("=?utf-8?q?caf=C3=A9?=\r\n au lait") == "café au lait"


def test_dates_are_instants_or_nothing():
    assert header_date("Mon, 23 Nov 2026 18:00:00 +0200") == datetime(2026, 11, 23, 16, tzinfo=UTC)
    assert header_date("yesterday") is None


def test_a_summary_needs_only_the_beginning_of_a_file():
    head = (
        b"Return-Path: <s@news.example>\r\nDelivered-To: ann@example.com\r\nX-Original-To: ann@example.com\r\n"
        b"From: A\r\nSubject: folded\r\n =?utf-8?q?=E4=B9=A6?=\r\nDate: Mon, 23 Nov 2026 18:00:00 +0200\r\n\r\n"
        b"Subject: not this one\r\n"
    )
    line = summarise("1795449600.M000001P1Q000000000.inbox", head, 5000)
    assert (line.to, line.sender, line.subject) == ("ann@example.com", "A", "folded 书")
    assert (line.date.hour, line.received.year) == (16, 2026)
    assert line.size == 5000 - head.index(b"From: A")


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(junk):
    for raw in (
        junk,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + junk,
        b"Subject: =?" + junk,
    ):
        stored = take_apart(raw)
        html_for_reading(parse_message(stored.wire))
        summarise("x", raw, len(raw))
        judge(b"DKIM-Signature: " + stored.wire, lambda name: None)
