import pytest

from warmpost.errors import Invalid
from warmpost.rules.message.message import Attachment
from warmpost.rules.requests.attachments import (
    check_attachments,
    check_pictures,
    extension_of,
)


@pytest.mark.parametrize(
    "filename",
    [
        "report.pdf",
        "Rechnung Mai.PDF",
        "überblick.xlsx",
        "数据.csv",
        "data.unknown",
        "README",
        "a.b.c.txt",
        ".txt",
    ],
)
def test_allowed_and_unknown_types_are_sent(filename):
    check_attachments([Attachment(filename, b"x")])


@pytest.mark.parametrize("filename", ["setup.exe", "invoice.pdf.EXE", "movie.mp4", "a.mde", "run.Bat"])
def test_refused_types_are_named(filename):
    with pytest.raises(Invalid) as refused:
        check_attachments([Attachment("ok.pdf", b""), Attachment(filename, b"")])
    assert refused.value.code == "attachment_type_refused"
    assert refused.value.field == "attachments[1].filename"
    assert extension_of(filename) in str(refused.value)


@pytest.mark.parametrize(
    "filename",
    [
        "",
        "x" * 256,
        "a/b.pdf",
        "a\\b.pdf",
        'a".pdf',
        "a\r\nb.pdf",
        "a\0.pdf",
        "evil.exe.",
        "evil.exe ",
        "\u202efdp.exe"[:4],
        "\ud800.pdf",
        "a?.pdf",
    ],
)
def test_names_that_mislead_or_break_a_header_are_refused(filename):
    with pytest.raises(Invalid) as refused:
        check_attachments([Attachment(filename, b"")])
    assert refused.value.code == "invalid_filename"


def test_eleven_attachments_are_too_many():
    check_attachments([Attachment("a.pdf", b"")] * 10)
    with pytest.raises(Invalid) as refused:
        check_attachments([Attachment("a.pdf", b"")] * 11)
    assert refused.value.code == "too_many_attachments"


@pytest.mark.parametrize("content_type", ["text/plain; charset=x", "text/calendar; method=REQUEST", "a/b"])
def test_a_content_type_may_have_parameters(content_type):
    check_attachments([Attachment("a.pdf", b"", content_type)])


@pytest.mark.parametrize(
    "content_type", ["text", "text/plain; charset", "a/b\r\nX: y", "a/b; c=\r\nX: y", "a /b", "a/"]
)
def test_what_is_no_content_type_is_refused(content_type):
    with pytest.raises(Invalid) as refused:
        check_attachments([Attachment("a.pdf", b"", content_type)])
    assert refused.value.field == "attachments[0].content_type"


@pytest.mark.parametrize(
    "content_type", ["message/rfc822", "Multipart/Mixed; boundary=x", "multipart/signed", "message/partial"]
)
def test_a_type_that_holds_messages_is_refused_with_what_would_do(content_type):
    with pytest.raises(Invalid, match="octet-stream") as refused:
        check_attachments([Attachment("a.eml", b"", content_type)])
    assert refused.value.code == "invalid_content_type"


@pytest.mark.parametrize("content_id", ["a b", "<a>", "ü", "a\r\nb", "x" * 201])
def test_what_is_no_content_id_is_refused(content_id):
    with pytest.raises(Invalid) as refused:
        check_attachments([Attachment("a.png", b""), Attachment("b.png", b"", "", content_id)])
    assert (refused.value.code, refused.value.field) == ("invalid_content_id", "attachments[1].content_id")


def test_a_content_id_names_one_attachment():
    check_attachments([Attachment("a.png", b""), Attachment("b.png", b""), Attachment("c.png", b"", "", "c")])
    with pytest.raises(Invalid, match="two attachments"):
        check_attachments([Attachment("a.png", b"", "", "c"), Attachment("b.png", b"", "", "c")])


@pytest.mark.parametrize(
    "html",
    [
        '<img src="cid:logo@shop">',
        "<td background=cid:logo@shop>",
        "<p style=\"background:url('cid:logo%40shop')\">",
        '<!--[if mso]><v:fill src = "CID:logo@shop" /><![endif]-->',
    ],
)
def test_a_picture_that_nothing_answers_is_named(html):
    check_pictures(html, [Attachment("a.png", b"", "", "logo@shop")], "html")
    with pytest.raises(Invalid, match="cid:logo@shop") as refused:
        check_pictures(html, [Attachment("a.png", b"", "", "other")], "html")
    assert (refused.value.code, refused.value.field) == ("missing_content_id", "html")


@pytest.mark.parametrize(
    "html", [None, "<p>cid:42 is a number</p>", '<img src="cid:{{ logo }}">', "<img src=x>"]
)
def test_what_shows_no_picture_of_the_message_needs_none(html):
    check_pictures(html, [], "html")
