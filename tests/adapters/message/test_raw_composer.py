"""Foreign messages signed by the letter of RFC 6376, in the eyes of dkimpy and of a second verifier."""

from email import message_from_bytes
from email.policy import default

import dkim
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.message.independent_dkim import verified
from tests.adapters.message.test_composer import ED25519, RECORDS, RSA
from warmpost.adapters.message.raw_composer import RawComposer
from warmpost.adapters.templates.templates import Templates
from warmpost.rules.delivery.envelope import Outgoing
from warmpost.rules.message.message import Content, Job, Mailbox, MessageContent, Recipient
from warmpost.rules.model.events import Target
from warmpost.rules.raw.read_raw import read_raw
from warmpost.rules.tracking.tokens import Signer
from warmpost.rules.tracking.tracking import EVERYTHING, UNMARKED, Links, Unsubscribe

HEAD = b"From: Ann <ann@news.example.com>\r\nTo: bob@example.net\r\nSubject: Hello\r\n"
LINKS = Links("https://click.example.com", Signer(b"k" * 32))


def job(number: int = 0) -> Job:
    return Job(
        Recipient(f"r{number}@example.net"),
        "id@news.example.com",
        f"b+{number}@news.example.com",
        1.8e9,
        target=Target(message="a" * 24, position=number),
    )


def composer(content: bytes, links: Links | None = None, **options) -> RawComposer:
    raw = MessageContent(
        Mailbox("ann@news.example.com"), Content("Hello"), raw=content, written_at=1_700_000_000, **options
    )
    marks = links.marks(raw.track, raw.unsubscribe) if links else UNMARKED
    return RawComposer(raw, Templates(), marks, (RSA, ED25519), links)


def composed(content: bytes, links: Links | None = None, **options) -> Outgoing:
    (one,) = composer(content, links, **options).compose([job()])
    assert isinstance(one, Outgoing)
    return one


def octets(one: Outgoing) -> bytes:
    return b"".join(one.content)


def holds(message: bytes) -> bool:
    both = verified(message, RECORDS)
    known = {f"{name}.".encode(): value.encode() for name, value in RECORDS.items()}
    theirs = dkim.verify(message, dnsfunc=lambda name, timeout=5: known.get(name))
    return theirs and "rsa-sha256" in both and "ed25519-sha256" in both


def test_what_is_missing_is_added_and_the_body_stays():
    content = HEAD + b"\r\nBody  with \t blanks \r\n\r\n\r\n"
    message = octets(composed(content))
    assert message.endswith(b"\r\nBody  with \t blanks \r\n\r\n\r\n") and holds(message)
    parsed = message_from_bytes(message, policy=default)
    assert parsed["message-id"] == "<id@news.example.com>" and parsed["mime-version"] == "1.0"
    assert parsed["date"].datetime.timestamp() == 1_700_000_000


def test_what_is_there_is_kept():
    there = b"Date: Mon, 1 Jan 2001 00:00:00 +0000\r\nMESSAGE-ID: <their@own>\r\nMime-Version: 1.0 (x)\r\n"
    content = HEAD + there + b"DKIM-Signature: v=1; d=other\r\n\r\nBody\r\n"
    message = octets(composed(content))
    assert message.endswith(content)


def test_fields_that_readers_show_are_signed_once_more_than_they_occur():
    message = octets(composed(HEAD + b"\r\n"))
    for field in (
        b"From: x@evil.example\r\n",
        b"Subject: evil\r\n",
        b"To: evil\r\n",
        b"Content-Type: text/html\r\n",
    ):
        assert not verified(field + message, RECORDS)
    assert holds(b"X-Other: field\r\n" + message)


def test_all_recipients_share_one_message_and_signature():
    making = composer(HEAD + b"\r\nBody\r\n")
    messages = making.compose([job(number) for number in range(50)])
    assert all(isinstance(one, Outgoing) for one in messages)
    assert len({id(one.content) for one in messages if isinstance(one, Outgoing)}) == 1
    assert messages[7].envelope.mail_from == "b+7@news.example.com"  # type: ignore[union-attr]


def test_a_repeat_is_the_same_message():
    content = HEAD + b"\r\nBody\r\n"
    assert octets(composed(content)) == octets(composed(content))


def test_eight_bit_text_has_a_second_form_for_relays_that_do_not_take_it():
    field = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    one = composed(HEAD + field + "Grüße\r\n".encode())
    plain = b"".join(one.seven_bit)
    assert one.eight_bit and holds(octets(one)) and plain.isascii() and holds(plain)
    assert message_from_bytes(plain, policy=default).get_content().strip() == "Grüße"  # type: ignore[attr-defined]


def test_eight_bit_text_in_a_signed_part_has_none():
    kind = b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n"
    one = composed(HEAD + kind + "Grüße\r\n--b--\r\n".encode())
    assert one.eight_bit and not one.seven_bit


HTML = b'<html><body><a href="https://example.com/x">go</a></body></html>'


def test_tracking_changes_the_html_part_alone():
    head = (
        HEAD
        + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nplain  \r\n--b\r\n"
    )
    html = b"Content-Type: text/html; charset=iso-8859-1\r\nX-Part: kept\r\n\r\n" + HTML
    tail = b"\r\n--b\r\nContent-Type: application/pdf\r\n\r\nAAA\r\n--b--\r\nend\r\n"
    making = composer(
        head + html + tail, LINKS, track=EVERYTHING, unsubscribe=Unsubscribe(headers=True, footer=True)
    )
    first, second = (octets(one) for one in making.compose([job(0), job(1)]) if isinstance(one, Outgoing))
    assert first != second and holds(first) and holds(second)
    assert first.endswith(tail) and b"--b\r\nContent-Type: text/plain\r\n\r\nplain  \r\n--b\r\n" in first
    parsed = message_from_bytes(first, policy=default)
    assert "click.example.com" in parsed["list-unsubscribe"]
    part = parsed.get_payload(1)
    assert part["x-part"] == "kept" and "https://click.example.com/" in part.get_content()  # type: ignore


def test_tracking_never_reaches_into_a_signed_part():
    kind = b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n"
    content = HEAD + kind + HTML + b"\r\n--b--\r\n"
    one = composed(content, LINKS, track=EVERYTHING, unsubscribe=Unsubscribe(headers=True))
    assert octets(one).endswith(content.partition(b"\r\n\r\n")[2]) and b"List-Unsubscribe:" in octets(one)


def test_a_message_that_is_html_alone_is_tracked():
    one = composed(HEAD + b"Content-Type: text/html\r\n\r\n" + HTML + b"\r\n", LINKS, track=EVERYTHING)
    text = message_from_bytes(octets(one), policy=default).get_content()  # type: ignore[attr-defined]
    assert "https://click.example.com/" in text and holds(octets(one))


nasty_lines = st.lists(
    st.sampled_from(
        [b"", b" ", b"\t", b"a", b"a ", b" a", b"a \t b", b".", b"..", b"--", b"From x", b"\t\t a\t"]
    ),
    max_size=12,
)
nasty_values = st.sampled_from(
    [
        b"",
        b" x",
        b"x ",
        b"x\t y",
        b"\r\n x",
        b"x\r\n\t y \r\n  z",
        b"x:y",
        b"%b%d%%",
        b" \r\n x",
        b";b=;",
        b"x\r\n ",
    ]
)
names = st.sampled_from(
    [b"Reply-To", b"CC", b"X-Any", b"References", b"Content-Type", b"List-ID", b"resent-to", b"In-Reply-To"]
)


@given(
    nasty_lines,
    st.lists(st.tuples(names, nasty_values), max_size=6, unique_by=lambda one: one[0]),
    st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_two_verifiers_agree_whatever_the_message_holds(lines, fields, ended):
    head = HEAD + b"".join(name + b":" + value + b"\r\n" for name, value in fields)
    content = read_raw(head + b"\r\n" + b"\r\n".join(lines) + (b"\r\n" if ended else b"")).content
    assert holds(octets(composed(content)))
