import pytest

from warmpost.errors import Invalid
from warmpost.rules.message.message import Attachment
from warmpost.rules.requests.attachments import (
    check_attachments,
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


@pytest.mark.parametrize("content_type", ["text", "text/plain; charset=x", "a/b\r\nX: y", "a /b", "a/"])
def test_a_content_type_is_a_bare_type(content_type):
    with pytest.raises(Invalid):
        check_attachments([Attachment("a.pdf", b"", content_type)])
