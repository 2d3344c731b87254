from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.adapters.smtp.wire import (
    BLOCK,
    Offers,
    Timeouts,
    Unfit,
    end_of_data,
    envelope_commands,
    fitted,
    stuffed,
)
from warmpost.rules.delivery.envelope import Envelope, Outgoing

ALL = Offers(pipelining=True, size=True, size_limit=1_000, smtputf8=True)


def message(mail_from="bounces@example.com", rcpt_to="a@example.net", content=(b"x\r\n",), smtputf8=False):
    return Outgoing(Envelope(mail_from, rcpt_to), content, smtputf8)


pieces = st.lists(st.sampled_from([b".", b"..", b"\r\n", b"a", b"\r", b"\n", b".\r\n", b""]), max_size=12)


@given(st.lists(pieces.map(b"".join), max_size=6))
def test_a_receiver_finds_the_content_again_however_it_was_cut(buffers):
    """Read as RFC 5321 section 4.5.2 says; content has CRLF line ends only, so others are made up first."""
    content = b"".join(buffers)
    normal = content.replace(b"\r", b"").replace(b"\n", b"\r\n")
    cuts = [
        normal[: len(normal) // 3],
        normal[len(normal) // 3 : len(normal) // 2],
        normal[len(normal) // 2 :],
    ]
    wire = b"".join(stuffed(cuts)) + end_of_data(cuts)
    lines = wire.split(b"\r\n")
    assert lines[-2:] == [b".", b""]
    assert b"." not in lines[:-2]
    received = b"\r\n".join(line.removeprefix(b".") for line in lines[:-2]) + b"\r\n"
    assert received == (normal if normal.endswith(b"\r\n") else normal + b"\r\n")


def test_big_buffers_go_in_blocks_and_small_ones_uncopied():
    small = b"no dot begins a line\r\n"
    blocks = list(stuffed((small, b"x" * (3 * BLOCK + 1))))
    assert blocks[0] is small
    assert [len(block) for block in blocks[1:]] == [BLOCK, BLOCK, BLOCK, 1]


def test_a_dot_behind_the_joint_of_two_blocks_is_doubled():
    content = b"x" * (BLOCK - 2) + b"\r\n" + b"." * BLOCK
    assert b"".join(stuffed((content,))) == b"x" * (BLOCK - 2) + b"\r\n." + b"." * BLOCK


def test_commands_say_no_more_than_the_relay_offers():
    assert envelope_commands(message(), Offers()) == (
        b"MAIL FROM:<bounces@example.com>\r\nRCPT TO:<a@example.net>\r\nDATA\r\n"
    )
    assert envelope_commands(message(mail_from=""), ALL).startswith(b"MAIL FROM:<> SIZE=3\r\n")
    assert envelope_commands(message(rcpt_to="ü@example.net", smtputf8=True), ALL) == (
        "MAIL FROM:<bounces@example.com> SIZE=3 SMTPUTF8 BODY=8BITMIME\r\nRCPT TO:<ü@example.net>\r\nDATA\r\n".encode()
    )


@pytest.mark.parametrize(
    ("unfit", "code"),
    [
        (message(content=(b"x" * 600, b"y" * 401)), "5.3.4"),
        (message(rcpt_to="ü@example.net"), "5.6.7"),
        (message(rcpt_to="a@example.net>\r\nRCPT TO:<b@example.net"), "5.1.3"),
        (message(rcpt_to="a\r\nDATA@example.net"), "5.1.3"),
        (message(mail_from="a> X=1 <b"), "5.1.3"),
        (message(rcpt_to="ü\n@example.net", smtputf8=True), "5.1.3"),
        (message(rcpt_to="\udc80ü@example.net", smtputf8=True), "5.1.3"),
    ],
)
def test_what_cannot_be_said_is_refused_before_anything_is_written(unfit, code):
    with pytest.raises(Unfit, match=code.replace(".", r"\.")):
        envelope_commands(unfit, ALL)


def test_internationalised_mail_is_refused_where_it_is_not_offered():
    with pytest.raises(Unfit, match="SMTPUTF8"):
        envelope_commands(message(smtputf8=True), Offers())


@pytest.mark.parametrize(("announced", "limit"), [("", 0), ("0", 0), ("1000", 1000), ("much", 0)])
def test_offers_are_read_from_the_greeting(announced, limit):
    offers = Offers.from_extensions({"size": announced, "pipelining": "", "smtputf8": ""})
    assert offers == Offers(pipelining=True, size=True, size_limit=limit, smtputf8=True)
    assert Offers.from_extensions({}) == Offers()


def test_an_idle_connection_waits_shorter_than_a_message():
    assert Timeouts().until(None) < Timeouts().end_of_data


def test_eight_bit_text_goes_as_it_is_where_the_relay_takes_it_and_as_its_second_form_elsewhere():
    raw = replace(message(), content=("ä\r\n".encode(),), eight_bit=True, seven_bit=(b"=C3=A4\r\n",))
    takes, refuses = Offers.from_extensions({"8bitmime": ""}), Offers()
    assert fitted(raw, takes) is raw
    assert b" BODY=8BITMIME\r\n" in envelope_commands(raw, takes)
    plain = fitted(raw, refuses)
    assert plain.content == (b"=C3=A4\r\n",) and b"BODY" not in envelope_commands(plain, refuses)
    with pytest.raises(Unfit, match=r"5\.6\.3"):
        fitted(replace(raw, seven_bit=()), refuses)
