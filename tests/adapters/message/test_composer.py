import re
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import getaddresses

import dkim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment, StrictUndefined

from tests.adapters.message.independent_dkim import verified
from warmpost.adapters.message.composer import Composer, Unsigned
from warmpost.adapters.message.dkim_signing import generate_ed25519_key, generate_rsa_key
from warmpost.adapters.templates.templates import Templates
from warmpost.rules.delivery.envelope import Envelope, Outgoing
from warmpost.rules.message.dkim import SigningKey, record_name, record_value
from warmpost.rules.message.message import (
    Attachment,
    Content,
    Job,
    Mailbox,
    MessageContent,
    Recipient,
    Unrenderable,
)

RSA_PRIVATE, RSA_PUBLIC = generate_rsa_key()
ED25519_PRIVATE, ED25519_PUBLIC = generate_ed25519_key()
RSA = SigningKey("news.example.com", "s1", "rsa-sha256", RSA_PRIVATE)
ED25519 = SigningKey("news.example.com", "e1", "ed25519-sha256", ED25519_PRIVATE)
RECORDS = {
    record_name("s1", "news.example.com"): record_value("rsa-sha256", RSA_PUBLIC),
    record_name("e1", "news.example.com"): record_value("ed25519-sha256", ED25519_PUBLIC),
}
SENDER = Mailbox("news@news.example.com", "Example News")
UNSUBSCRIBE = (
    (
        "List-Unsubscribe",
        "<https://click.example.com/u/0123456789abcdef0123456789abcdef>, <mailto:u@news.example.com>",
    ),
    ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
)

templates = Templates()


def job(address="ann@example.org", data=None, headers=UNSUBSCRIBE) -> Job:
    return Job(
        Recipient(address, data or {}), "k1.7.1@news.example.com", "b+1@news.example.com", 1.7e9, headers
    )


def composer(message_content: MessageContent, *keys: SigningKey) -> Composer:
    return Composer(message_content, templates.compile(message_content.content), keys or (RSA,))


def composed(message_content: MessageContent, one: Job | None = None, *keys: SigningKey) -> Outgoing:
    making = composer(message_content, *keys)
    return making.sign(prepared(making, one or job()))


def prepared(making: Composer, one: Job) -> Unsigned:
    unsigned = making.prepare(one)
    assert isinstance(unsigned, Unsigned), unsigned
    return unsigned


def failure(message_content: MessageContent, one: Job | None = None) -> str:
    unsigned = composer(message_content).prepare(one or job())
    assert isinstance(unsigned, Unrenderable)
    return unsigned.reason


def octets(outgoing: Outgoing) -> bytes:
    return b"".join(outgoing.content)


def parsed(outgoing: Outgoing) -> EmailMessage:
    message = message_from_bytes(octets(outgoing), policy=SMTPUTF8 if outgoing.smtputf8 else SMTP)
    assert isinstance(message, EmailMessage)
    for part in message.walk():
        assert not part.defects
    return message


def text_in(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    octets = part.get_payload(decode=True)
    assert isinstance(octets, bytes)
    return octets.decode()


def over_smtp(message: bytes) -> bytes:
    """What a mailbox holds after a relay that stuffs dots and one that drops white space at line ends."""
    assert message.endswith(b"\r\n")
    stuffed = re.sub(rb"(?m)^\.", b"..", message)
    received = re.sub(rb"(?m)^\.\.", b".", stuffed)
    return re.sub(rb"[ \t]+\r\n", b"\r\n", received)


def dkimpy_agrees(message: bytes) -> list[bool]:
    count = message.partition(b"\r\n\r\n")[0].count(b"DKIM-Signature:")
    return [
        dkim.DKIM(message).verify(
            at, dnsfunc=lambda name, timeout=5: RECORDS[name.decode().rstrip(".")].encode()
        )
        for at in range(count)
    ]


def check_on_the_wire(message: bytes, algorithms: list[str]) -> None:
    body = message.partition(b"\r\n\r\n")[2]
    assert b"\r" not in message.replace(b"\r\n", b"") and b"\n" not in message.replace(b"\r\n", b"")
    assert max(map(len, message.split(b"\r\n"))) <= 998
    assert all(len(line) <= 78 for line in body.split(b"\r\n"))
    received = over_smtp(message)
    assert received.partition(b"\r\n\r\n")[2] == body
    assert verified(received, RECORDS) == algorithms
    assert dkimpy_agrees(received) == [True] * len(algorithms)


LETTER = MessageContent(
    sender=SENDER,
    content=Content(
        "Hello {{ name }}", html="<p>Dear {{ name }},</p>\n", text="Dear {{ name }},\n", templated=True
    ),
)


def test_a_letter_is_personal_in_every_part():
    outgoing = composed(LETTER, job(data={"name": "Zoë <z>"}))
    message = parsed(outgoing)
    assert outgoing.envelope == Envelope("b+1@news.example.com", "ann@example.org") and not outgoing.smtputf8
    assert outgoing.size == len(octets(outgoing))
    assert message["Subject"] == "Hello Zoë <z>"
    assert message["To"] == "ann@example.org" and message["From"] == "Example News <news@news.example.com>"
    assert (
        message["Date"] == "Tue, 14 Nov 2023 22:13:20 +0000"
        and message["Message-ID"] == "<k1.7.1@news.example.com>"
    )
    assert text_in(message, "html") == "<p>Dear Zoë &lt;z&gt;,</p>\r\n"
    assert text_in(message, "plain") == "Dear Zoë <z>,\r\n"
    check_on_the_wire(octets(outgoing), ["rsa-sha256"])


def test_both_signatures_hold_and_cover_every_field():
    message_content = MessageContent(
        SENDER,
        Content("s", text="t"),
        reply_to=(Mailbox("r@news.example.com"),),
        cc=(Mailbox("c@example.org", "Größe"),),
        headers=(("X-A", "1  2"), ("X-A", "50 %"), ("X-B", "größer")),
    )
    message = octets(composed(message_content, None, RSA, ED25519))
    check_on_the_wire(message, ["rsa-sha256", "ed25519-sha256"])
    for field in re.findall(rb"(?m)^([A-Za-z-]+):", message.partition(b"\r\n\r\n")[0]):
        if field == b"DKIM-Signature":
            continue
        at = message.rindex(b"\n" + field + b":") + len(field) + 2
        assert not verified(message[:at] + b" x" + message[at:], RECORDS), field
    assert not verified(message.replace(b"\r\n\r\nt", b"\r\n\r\nu"), RECORDS)
    assert not verified(message.replace(b"\r\nFrom:", b"\r\nFrom: evil@example.net\r\nFrom:"), RECORDS)


def test_recipients_named_in_the_letter_are_seen_by_all():
    message_content = MessageContent(
        SENDER, Content("s", text="t"), to=(Mailbox("a@example.org", "A"), Mailbox("b@example.org"))
    )
    message = parsed(composed(message_content, job("hidden@example.org")))
    assert message["To"] == "A <a@example.org>, b@example.org"
    assert "hidden" not in str(message)


def test_a_line_break_in_a_name_is_a_space_in_the_subject():
    message = parsed(composed(LETTER, job(data={"name": "a\r\nBcc: x@y.example"})))
    assert message["Subject"] == "Hello a Bcc: x@y.example" and message["Bcc"] is None


def test_a_message_without_to_shows_its_cc_or_else_the_recipient_itself():
    content = Content("s", text="t")
    hidden = parsed(composed(MessageContent(SENDER, content), job("hidden@example.org")))
    assert hidden["To"] == "hidden@example.org" and hidden["Cc"] is None
    copied = MessageContent(SENDER, content, cc=(Mailbox("c@example.org"),))
    message = composed(copied, job("hidden@example.org"))
    assert parsed(message)["To"] is None and parsed(message)["Cc"] == "c@example.org"
    check_on_the_wire(octets(message), ["rsa-sha256"])


def test_pictures_and_an_invitation_are_signed_and_shared():
    files = (
        Attachment("logo.png", bytes(range(256)), content_id="logo"),
        Attachment("图片.ics", b"METHOD:REQUEST\r\n", "text/calendar; method=REQUEST"),
    )
    content = Content("s", html="<img src='cid:logo'>{{ name }}", templated=True)
    making = composer(MessageContent(SENDER, content, attachments=files))
    first, second = (making.sign(prepared(making, job(data={"name": name}))) for name in ("a", "b"))
    assert first.content[1] is second.content[1]
    check_on_the_wire(octets(first), ["rsa-sha256"])
    assert [part.get_content_type() for part in parsed(first).walk() if not part.is_multipart()] == [
        *("text/plain", "text/html", "text/calendar", "image/png", "text/calendar")
    ]


def test_attachments_are_encoded_once_and_shared():
    files = (Attachment("größe.pdf", bytes(range(256)) * 40), Attachment("b.ics", b"BEGIN:VCALENDAR"))
    message_content = MessageContent(SENDER, LETTER.content, attachments=files, data={"name": "all"})
    making = composer(message_content)
    addresses = ("a@example.org", "b@example.org")
    first, second = (making.sign(prepared(making, job(address))) for address in addresses)
    assert first.content[1] is second.content[1]
    message = parsed(first)
    assert [(p.get_filename(), p.get_payload(decode=True)) for p in message.iter_attachments()] == [
        (file.filename, file.content) for file in files
    ]
    assert text_in(message, "plain") == "Dear all,\r\n"
    check_on_the_wire(octets(first), ["rsa-sha256"])


def test_text_is_made_from_html_where_it_is_missing():
    content = Content(
        "s", html="<h1>Hi {{ name }}</h1><p>See <a href='{{ url }}'>this</a></p>", templated=True
    )
    message = parsed(
        composed(
            MessageContent(SENDER, content), job(data={"name": "A<b>", "url": "https://x.example/?a=1&b=2"})
        )
    )
    plain = text_in(message, "plain")
    assert "Hi A<b>" in plain and "https://x.example/?a=1&b=2" in plain and "<p>" not in plain


@pytest.mark.parametrize("templated", [False, True])
def test_a_letter_without_bodies_is_an_empty_text(templated):
    message = parsed(composed(MessageContent(SENDER, Content("s", templated=templated))))
    assert message.get_content_type() == "text/plain" and text_in(message, "plain") == "\r\n"


def test_text_alone_is_not_multipart():
    message = parsed(composed(MessageContent(SENDER, Content("s", text="t"))))
    assert message.get_content_type() == "text/plain" and message["MIME-Version"] == "1.0"


@pytest.mark.parametrize("text", ["Hi.\n", "Hi.\n\n\n", "Hi.", "\n", "\n\n", "a\n\nb\n", " \n"])
def test_a_text_that_ends_with_empty_lines_is_signed_as_verifiers_read_it(text):
    check_on_the_wire(octets(composed(MessageContent(SENDER, Content("s", text=text)))), ["rsa-sha256"])


def test_mostly_foreign_scripts_travel_as_base64():
    text = "Здравствуйте, {{ name }}! Спасибо за ваш заказ.\n"
    outgoing = composed(
        MessageContent(SENDER, Content("s", text=text, templated=True)), job(data={"name": "Ида"})
    )
    assert parsed(outgoing)["Content-Transfer-Encoding"] == "base64"
    assert text_in(parsed(outgoing), "plain") == text.replace("{{ name }}", "Ида").replace("\n", "\r\n")
    check_on_the_wire(octets(outgoing), ["rsa-sha256"])


@pytest.mark.parametrize(
    ("sender", "address", "expected"),
    [
        (SENDER, "ann@example.org", False),
        (SENDER, "jörg@example.org", True),
        (Mailbox("jörg@news.example.com", "J"), "ann@example.org", True),
        (Mailbox("news@news.example.com", "Jörg"), "ann@example.org", False),
    ],
)
def test_only_international_addresses_need_smtputf8(sender, address, expected):
    outgoing = composed(MessageContent(sender, Content("Grüße", text="é")), job(address))
    assert outgoing.smtputf8 is expected
    head = octets(outgoing).partition(b"\r\n\r\n")[0]
    assert head.isascii() is not expected
    assert address.encode() in head
    assert verified(octets(outgoing), RECORDS) == ["rsa-sha256"]


@pytest.mark.parametrize(
    ("data", "address", "headers", "says"),
    [
        ({}, "a@b.example", (), "'name' is undefined"),
        ({"name": "x" * 999}, "a@b.example", (), "bytes"),
        ({"name": "\ud800"}, "a@b.example", (), "half a character"),
        ({"name": "\0"}, "a@b.example", (), "a NUL character"),
        ({"name": "a"}, "a@b.example\r\nBcc: x@y.example", (), "not an e-mail address"),
        ({"name": "a"}, "a@b.example", (("List-Unsubscribe", "<x>\r\nBcc: y"),), "a header cannot"),
    ],
)
def test_one_that_cannot_be_made_fails_alone_and_says_why(data, address, headers, says):
    making = composer(LETTER)
    failed = making.prepare(job(address, data, headers))
    assert isinstance(failed, Unrenderable) and says in failed.reason
    assert isinstance(making.prepare(job(data={"name": "next"})), Unsigned)


def test_a_body_that_no_mail_can_carry_fails():
    content = Content("s", text="{{ x }}", templated=True)
    for bad in ("\0", "\ud83d"):
        assert "text" in failure(MessageContent(SENDER, content), job(data={"x": bad}))


def test_a_recipients_data_come_before_the_letters():
    message_content = MessageContent(
        SENDER, Content("{{ a }}{{ b }}", text="", templated=True), data={"a": "1", "b": "2"}
    )
    assert parsed(composed(message_content, job(data={"b": "3"})))["Subject"] == "13"


def test_threads_can_compose_at_once():
    making = composer(LETTER, RSA, ED25519)
    jobs = [job(f"n{n}@example.org", {"name": f"N{n}"}) for n in range(80)]
    with ThreadPoolExecutor(4) as threads:
        parts = list(threads.map(making.compose, [jobs[n::4] for n in range(4)]))
    made = {one.envelope.rcpt_to: one for part in parts for one in part if isinstance(one, Outgoing)}
    assert len(made) == 80
    for n in range(80):
        one = made[f"n{n}@example.org"]
        assert parsed(one)["Subject"] == parsed(composed(LETTER, jobs[n]))["Subject"]
        assert verified(octets(one), RECORDS) == ["rsa-sha256", "ed25519-sha256"]


# The plain way of making the same message, to compare with: Jinja2 as it comes and the standard library.

characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")
values = (
    st.text(characters, max_size=40)
    | st.integers()
    | st.sampled_from([".", "a  b ", "From x", "é\r\nz\rq", " ", "=20"])
)
one_line = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=60)
constants = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0{}"), max_size=120)
snippets = constants | st.sampled_from(
    [
        "{{ a }}",
        "{{ b }}",
        "{{ b|safe }}",
        "{% for x in xs %}{{ x }}\n.\n{% endfor %}",
        "{% if a == b %}{{ a }}{% endif %}",
        "{% filter lower %}A {{ b }}{% endfilter %}",
    ]
)
sources = st.lists(snippets, max_size=8).map("".join)


def lines_as_sent(text: str) -> str:
    return re.sub("\r\n|\r|\n", "\r\n", text)


@settings(deadline=None, max_examples=60)
@given(
    sources,
    sources,
    values,
    values,
    st.lists(values, max_size=3),
    one_line,
    one_line,
    st.sampled_from([(), (Attachment("a.bin", b"\r\n.\r\n" * 30),)]),
)
def test_every_message_is_what_the_plain_way_makes(html, text, a, b, xs, subject, name, attachments):
    data = {"a": a, "b": b, "xs": xs, "subject": subject}
    content = Content("{{ subject }}", html=html, text=text, templated=True)
    message_content = MessageContent(Mailbox("news@news.example.com", name), content, attachments=attachments)
    outgoing = composed(message_content, job(data=data), RSA, ED25519)
    message = parsed(outgoing)

    plain = EmailMessage(policy=SMTP)
    plain["Subject"] = subject.strip(" ")
    expected = {
        kind: Environment(autoescape=kind == "html", undefined=StrictUndefined, keep_trailing_newline=True)
        .from_string(source)
        .render(data)
        for kind, source in (("html", html), ("plain", text))
    }
    assert str(message["Subject"]) == str(plain["Subject"])
    assert text_in(message, "html") == lines_as_sent(expected["html"])
    assert text_in(message, "plain") == lines_as_sent(expected["plain"])
    assert message["From"].addresses[0].addr_spec == "news@news.example.com"
    [(phrase, _)] = getaddresses([message_from_bytes(octets(outgoing))["From"].replace("\r\n", "")])
    assert str(make_header(decode_header(phrase))) == " ".join(name.split())
    check_on_the_wire(octets(outgoing), ["rsa-sha256", "ed25519-sha256"])
