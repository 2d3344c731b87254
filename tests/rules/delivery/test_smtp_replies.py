import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.delivery.envelope import HandOver, Reply
from warmpost.rules.delivery.smtp_replies import (
    LONGEST_REPLY,
    LONGEST_TEXT,
    Garbled,
    ReplyReader,
    closes_connection,
    judge,
    parse_reply,
)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"250 2.1.5 Ok\r\n", Reply(250, "2.1.5", "Ok")),
        (b"250 Ok: queued as 7F\r\n", Reply(250, "", "Ok: queued as 7F")),
        (b"550 5.7.26 SPF\r\n", Reply(550, "5.7.26", "SPF")),
        (b"250\r\n", Reply(250, "", "")),
        (b"250 2.0.0\n", Reply(250, "2.0.0", "")),
        (b"421 4.7.0 later\r\n", Reply(421, "4.7.0", "later")),
        (b"554 5.7.1.2 not a status code\r\n", Reply(554, "", "5.7.1.2 not a status code")),
        (b"354 3.0.0 go\r\n", Reply(354, "", "3.0.0 go")),
        (b"550-5.7.1 Refused.\r\n550-5.7.1 See\r\n550 5.7.1 our page\r\n",
         Reply(550, "5.7.1", "Refused. See our page")),
        (b"550 5.1.1 \xffno\x00user\r\n", Reply(550, "5.1.1", "\ufffdno user")),
    ],
)  # fmt: skip
def test_a_reply_is_read(raw, expected):
    assert parse_reply(raw) == expected


@pytest.mark.parametrize(
    "raw",
    [
        b"hello\r\n",
        b"\r\n",
        b"25 ok\r\n",
        b"2x0 ok\r\n",
        b"250ok\r\n",
        b"250-a\r\n550 b\r\n",
        b"250-a\r\nb\r\n",
    ],
)
def test_what_is_no_reply_is_garbled(raw):
    with pytest.raises(Garbled):
        parse_reply(raw)


def test_a_long_text_is_cut():
    assert len(parse_reply(b"250 " + b"x" * 5_000 + b"\r\n").text) == LONGEST_TEXT


@pytest.mark.parametrize(
    ("code", "expected"),
    [(250, HandOver.ACCEPTED), (251, HandOver.ACCEPTED), (421, HandOver.POSTPONED), (452, HandOver.POSTPONED),
     (550, HandOver.REFUSED), (554, HandOver.REFUSED)],
)  # fmt: skip
def test_the_first_digit_decides(code, expected):
    assert judge(Reply(code, "", "")) is expected


@pytest.mark.parametrize("code", [503, 530, 535])
def test_a_fault_of_the_session_refuses_no_message_for_good(code):
    assert judge(Reply(code, "5.7.0", "authentication required")) is HandOver.POSTPONED


@pytest.mark.parametrize("code", [100, 199, 354, 600, 999])
def test_a_reply_out_of_place_is_garbled(code):
    with pytest.raises(Garbled):
        judge(Reply(code, "", ""))


def test_only_421_closes_the_connection():
    assert closes_connection(Reply(421, "", ""))
    assert not closes_connection(Reply(451, "", ""))


words = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@st.composite
def replies(draw):
    code = draw(st.integers(200, 599))
    lines = draw(st.lists(words, min_size=1, max_size=4))
    marks = ["-"] * (len(lines) - 1) + [" "]
    return "".join(f"{code}{mark}{line}\r\n" for mark, line in zip(marks, lines, strict=True)).encode()


@given(st.lists(replies(), max_size=6), st.data())
def test_replies_are_the_same_however_the_network_cuts_them(sent, data):
    stream = b"".join(sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    reader = ReplyReader()
    received = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        received += reader.feed(stream[start:end])
    assert received == sent
    assert not reader


@given(st.binary(max_size=200))
def test_any_bytes_are_a_reply_or_garbled(raw):
    reader = ReplyReader()
    for reply in reader.feed(raw + b"\r\n"):
        with contextlib.suppress(Garbled):
            assert 0 <= parse_reply(reply).code <= 999


def test_a_reply_without_end_is_garbled_after_those_before_it():
    reader = ReplyReader()
    assert reader.feed(b"250 ok\r\n" + b"2" * LONGEST_REPLY) == [b"250 ok\r\n"]
    reader.check()
    assert reader.feed(b"2") == []
    with pytest.raises(Garbled):
        reader.check()
