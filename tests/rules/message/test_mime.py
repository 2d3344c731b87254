from email import message_from_bytes
from email.policy import SMTP

import pytest

from warmpost.rules.message.message import Attachment
from warmpost.rules.message.mime import TextPart, content_type_of, frame_of

PLAIN = TextPart("plain", "quoted-printable")
HTML = TextPart("html", "quoted-printable")


def assemble(texts, attachments, bodies):
    frame = frame_of(texts, attachments)
    head = b"".join(b"%b: %b\r\n" % field for field in (*frame.fields, (b"MIME-Version", b"1.0")))
    body = frame.around[0] + b"".join(
        one for pair in zip(bodies, frame.around[1:], strict=True) for one in pair
    )
    message = message_from_bytes(head + b"\r\n" + body + frame.attachments, policy=SMTP)
    assert not any(part.defects for part in message.walk())
    assert (body + frame.attachments).endswith(b"\r\n") and not (body + frame.attachments).endswith(
        b"\r\n\r\n"
    )
    return message


def shape(message):
    if not message.is_multipart():
        return message.get_content_type()
    return message.get_content_type(), [shape(part) for part in message.iter_parts()]


def test_one_text_stands_alone():
    message = assemble([PLAIN], [], [b"a=3D1"])
    assert shape(message) == "text/plain" and message.get_payload(decode=True) == b"a=1\r\n"


def test_plain_text_comes_before_html():
    message = assemble([PLAIN, HTML], [], [b"text", b"<p>"])
    assert shape(message) == ("multipart/alternative", ["text/plain", "text/html"])
    assert [part.get_content() for part in message.iter_parts()] == ["text", "<p>"]


@pytest.mark.parametrize("texts", [[PLAIN], [PLAIN, HTML]])
def test_attachments_follow_the_text(texts):
    files = [Attachment("a.pdf", b"%PDF"), Attachment("b.txt", b"\xff\x00", "text/csv")]
    message = assemble(texts, files, [b"x"] * len(texts))
    outer, [_, *parts] = shape(message)
    assert outer == "multipart/mixed" and parts == ["application/pdf", "text/csv"]
    assert [part.get_payload(decode=True) for part in message.iter_attachments()] == [b"%PDF", b"\xff\x00"]


@pytest.mark.parametrize(
    "filename",
    ["a.pdf", "Rechnung Mai.pdf", "a;b='c'.pdf", "日本語" * 40 + ".pdf", "ü.pdf", "100%.pdf", "a%41é.pdf"],
)
def test_file_names_read_back_as_given(filename):
    message = assemble([PLAIN], [Attachment(filename, b"")], [b""])
    [part] = message.iter_attachments()
    assert part.get_filename() == filename
    assert part.get_content_disposition() == "attachment"
    assert all(len(line) <= 998 for line in message.as_bytes().split(b"\r\n"))


@pytest.mark.parametrize(
    ("filename", "given", "expected"),
    [
        ("a.pdf", "", "application/pdf"),
        ("a.unknown", "", "application/octet-stream"),
        ("a.pdf", "text/csv", "text/csv"),
        ("a.eml", "", "application/octet-stream"),
        ("a.bin", "multipart/mixed", "application/octet-stream"),
    ],
)
def test_a_content_type_is_guessed_and_never_one_that_base64_would_break(filename, given, expected):
    assert content_type_of(Attachment(filename, b"", given)) == expected
