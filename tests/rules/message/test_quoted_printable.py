import base64
import quopri
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.message.errors import CannotCompose
from warmpost.rules.message.quoted_printable import (
    SOFT_BREAK,
    encode_base64,
    encode_piece,
    encode_plain,
    encode_text_base64,
)

characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
texts = (
    st.text(characters)
    | st.text("ab .=\t\r\n-F", max_size=200)
    | st.sampled_from(["From here", ".", "  ", "é" * 90])
)


def line_ends(text: str) -> bytes:
    return re.sub("\r\n|\r|\n", "\r\n", text).encode()


@given(st.lists(texts, max_size=8))
def test_joined_pieces_decode_to_the_joined_texts(pieces):
    body = SOFT_BREAK.join(map(encode_piece, pieces))
    assert quopri.decodestring(body) == b"".join(map(line_ends, pieces))


@given(st.lists(texts, min_size=1, max_size=8))
def test_nothing_in_a_body_is_changed_on_the_way(pieces):
    body = SOFT_BREAK.join(map(encode_piece, pieces))
    assert b"\r" not in body.replace(b"\r\n", b"") and b"\n" not in body.replace(b"\r\n", b"")
    for line in body.split(b"\r\n"):
        assert len(line) <= 76
        assert not line.startswith((b".", b"From "))
        assert not line.endswith((b" ", b"\t"))
        assert b"  " not in line and b"\t" not in line
        assert all(32 <= octet <= 126 for octet in line)


@given(texts)
def test_a_plain_text_is_its_own_piece_and_its_own_html(text):
    plain = encode_plain(text)
    if plain is not None:
        assert plain == text.encode() == encode_piece(text)
        assert not set("&<>\"'") & set(text)


def test_ordinary_values_take_the_short_way():
    for text in ("Ann", "Mary Jane", "ann@example.com", "1,299.00", "https://x.example/a/b-c_d"):
        assert encode_plain(text) == text.encode()


@given(st.binary(max_size=500))
def test_base64_lines_are_76_characters(octets):
    encoded = encode_base64(octets)
    assert base64.b64decode(encoded) == octets
    assert all(len(line) == 76 for line in encoded.split(b"\r\n")[:-1])


@given(texts)
def test_text_in_base64_has_crlf_line_ends(text):
    assert base64.b64decode(encode_text_base64(text)) == line_ends(text)


@pytest.mark.parametrize("text", ["half \ud83d", "a\0b", "\0"])
def test_what_no_mail_can_carry_is_refused(text):
    for encode in (encode_piece, encode_text_base64):
        with pytest.raises(CannotCompose):
            encode(text)
