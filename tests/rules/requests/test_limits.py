"""Limits from both sides."""

import pytest

from warmpost.errors import Invalid, TooLarge
from warmpost.rules.message.message import Attachment, Content
from warmpost.rules.requests.limits import (
    MOST_MESSAGE,
    MOST_SUBJECT,
    MOST_TAGS,
    check_size,
    check_subject,
    check_tags,
)


def test_a_subject_is_counted_in_bytes():
    check_subject("x" * MOST_SUBJECT)
    check_subject("é" * (MOST_SUBJECT // 2))
    for long in ("x" * (MOST_SUBJECT + 1), "é" * (MOST_SUBJECT // 2 + 1)):
        with pytest.raises(Invalid) as refused:
            check_subject(long)
        assert (refused.value.code, refused.value.field) == ("subject_too_long", "subject")


@pytest.mark.parametrize("char", ["\n", "\r", "\x00", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\x7f"])
def test_a_subject_is_one_line_of_text(char):
    with pytest.raises(Invalid) as refused:
        check_subject(f"Hello{char}Bcc: somebody@example.org")
    assert (refused.value.code, refused.value.field) == ("header_injection", "subject")


def test_a_tabulator_is_white_space():
    check_subject("Hello\tthere")


def test_attachments_are_counted_as_they_are_encoded():
    fits = MOST_MESSAGE // 78 * 76 // 4 * 3 - 200
    check_size(Content("s", None, "text"), (Attachment("a.pdf", bytes(fits)),))
    with pytest.raises(TooLarge) as refused:
        check_size(Content("s", None, "text"), (Attachment("a.pdf", bytes(fits + 1000)),))
    assert (refused.value.code, refused.value.field) == ("message_too_large", "attachments")


def test_eleven_megabytes_are_too_large_wherever_they_are():
    for content in (Content("s", "x" * 11_000_000), Content("s", None, "ü" * 5_500_000)):
        with pytest.raises(TooLarge) as refused:
            check_size(content, ())
        assert refused.value.field is None
    half = Content("s", "x" * 5_500_000)
    check_size(half, ())
    with pytest.raises(TooLarge):
        check_size(half, (Attachment("a.bin", bytes(5_500_000)),))


def test_tags_are_few_short_and_printable():
    check_tags({f"tag{n}": "x" * 256 for n in range(MOST_TAGS)})
    with pytest.raises(Invalid, match="20 tags"):
        check_tags({f"tag{n}": "" for n in range(MOST_TAGS + 1)})
    for wrong in ({"": "x"}, {"n" * 65: "x"}, {"n": "x" * 257}, {"n\n": "x"}, {"n": "x\r\nBcc: y"}):
        with pytest.raises(Invalid) as refused:
            check_tags(wrong)
        assert refused.value.code == "invalid_tag"
        assert (refused.value.field or "").startswith("tags.")
