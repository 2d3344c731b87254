from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import SMTP

import pytest

from warmpost.rules.message.message import Attachment
from warmpost.rules.message.mime import TextPart, frame_of

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


def test_a_file_name_beyond_ascii_also_stands_in_the_content_type():
    for filename in ("图片.jpg", "报告" * 60 + ".pdf", "Ü.txt"):
        message = assemble([PLAIN], [Attachment(filename, b"x")], [b""])
        [part] = message.iter_attachments()
        words = message_from_bytes(part.as_bytes())["Content-Type"].partition('name="')[2].rstrip('"')
        assert str(make_header(decode_header(words.replace("\r\n", "")))) == filename
        assert part.get_filename() == filename
    [part] = assemble([PLAIN], [Attachment("a.pdf", b"x")], [b""]).iter_attachments()
    assert part.get_param("name") is None


INVITATION = Attachment(
    "invite.ics", b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n", "text/calendar; method=REQUEST"
)
LOGO = Attachment("logo.png", b"\x89PNG", content_id="logo")


@pytest.mark.parametrize("texts", [[PLAIN], [HTML], [PLAIN, HTML]])
def test_an_invitation_is_an_alternative_to_the_texts_and_a_file(texts):
    message = assemble(texts, [INVITATION], [b"x"] * len(texts))
    outer, [(alternative, parts), file] = shape(message)
    assert (outer, alternative, file) == ("multipart/mixed", "multipart/alternative", "text/calendar")
    assert parts[-1] == "text/calendar" and len(parts) == len(texts) + 1
    for part in message.walk():
        if part.get_content_type() == "text/calendar":
            assert part.get_param("method") == "REQUEST" and part.get_param("charset") == "utf-8"
            assert part.get_payload(decode=True) == INVITATION.content


def test_pictures_that_the_html_shows_are_related_to_it():
    message = assemble([PLAIN, HTML], [LOGO], [b"text", b"<img>"])
    assert shape(message) == (
        "multipart/related",
        [("multipart/alternative", ["text/plain", "text/html"]), "image/png"],
    )
    assert message.get_param("type") == "multipart/alternative"
    picture = list(message.iter_parts())[1]
    assert picture["Content-ID"] == "<logo>" and picture.get_content_disposition() == "inline"
    assert [part.get_content() for part in message.get_body(("html",)).iter_parts()] == []
    assert shape(assemble([HTML], [LOGO], [b"<img>"])) == ("multipart/related", ["text/html", "image/png"])


def test_pictures_files_and_an_invitation_go_together():
    message = assemble([PLAIN, HTML], [Attachment("a.pdf", b"%PDF"), LOGO, INVITATION], [b"t", b"h"])
    assert shape(message) == (
        "multipart/mixed",
        [
            (
                "multipart/related",
                [("multipart/alternative", ["text/plain", "text/html", "text/calendar"]), "image/png"],
            ),
            "application/pdf",
            "text/calendar",
        ],
    )
