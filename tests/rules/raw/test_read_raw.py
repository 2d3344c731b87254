"""Whole messages: taken octet for octet, repaired where nothing is signed, refused with what would be right."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warmpost.errors import Invalid, TooLarge
from warmpost.rules.raw.encodings import content_of, seven_bit
from warmpost.rules.raw.entities import read_entity
from warmpost.rules.raw.read_raw import read_raw
from warmpost.rules.raw.repair import has_long_line
from warmpost.rules.tracking.tracking import NOTHING, Track, Unsubscribe

HEAD = b"From: Ann <ann@example.com>\r\nTo: bob@example.net\r\nSubject: Hello\r\n"
BODY = b"\r\nText with  two blanks \r\nand\ttabs\r\n\r\n\r\n"


def message(*fields: bytes, body: bytes = BODY, head: bytes = HEAD) -> bytes:
    return head + b"".join(one + b"\r\n" for one in fields) + body


def refused(content: bytes) -> tuple[str, str]:
    with pytest.raises(Invalid) as problem:
        read_raw(content)
    assert len(problem.value.message) > 20
    return problem.value.code, problem.value.message


def nested(*parts: bytes, kind: bytes = b"mixed", boundary: bytes = b"b") -> bytes:
    middle = b"".join(b"--%b\r\n%b\r\n" % (boundary, part) for part in parts)
    field = b'Content-Type: multipart/%b; boundary="%b"\r\n\r\n' % (kind, boundary)
    return field + b"preamble\r\n" + middle + b"--%b--\r\nepilogue\r\n" % boundary


def test_a_sound_message_is_taken_octet_for_octet():
    content = message(b"X-Mailer: some  thing", b"DKIM-Signature: v=1; a=theirs")
    assert read_raw(content).content == content


def test_bcc_return_path_and_our_own_headers_go_out():
    fields = (
        b"Bcc: hidden@example.net,\r\n other@example.net",
        b"Return-Path: <x@y.z>",
        b"X-Warmpost-Foo: 1",
    )
    assert read_raw(message(*fields)).content == message()


def test_from_subject_and_message_id_are_read():
    read = read_raw(
        b"from: =?utf-8?q?J=C3=B6rg?= <Jo@Example.COM>\r\nsubject: =?utf-8?b?w6Q=?=\r\n folded\r\n"
        b"message-id: <abc@their.host>\r\n\r\n"
    )
    assert (read.sender.address, read.sender.name) == ("Jo@example.com", "Jörg")
    assert (read.subject, read.message_id) == ("ä folded", "abc@their.host")


@pytest.mark.parametrize(
    "value",
    [
        b'"Ann, the first" <ann@example.com>',
        b"ann@example.com (Ann <x@evil.example>)",
        b"(com(nes)ted) Ann <ann@example.com> (too)",
        b"=?utf-8?q?Ann?= <ann@example.com>",
        b"\r\n Ann\r\n\t<ann@example.com>",
        b"ann@example.com <ann@example.com>",
    ],
)
def test_a_from_of_one_mailbox_is_taken(value):
    assert read_raw(b"From: %b\r\n\r\n" % value).sender.address == "ann@example.com"


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"Subject: x\r\n", "missing_from"),
        (b"From: a@example.com\r\nFROM: b@example.com\r\n", "invalid_from"),
        (b"From: a@example.com, b@example.com\r\n", "invalid_from"),
        (b"From: A <a@example.com>, B <b@example.com>\r\n", "invalid_from"),
        (b"From: A <a@example.com> <b@example.com>\r\n", "invalid_from"),
        (b"From: A <a@example.com> b@example.com\r\n", "invalid_from"),
        (b"From: group: a@example.com;\r\n", "invalid_from"),
        (b"From: <>\r\n", "invalid_from"),
        (b"From: \r\n", "invalid_from"),
        (b"From: nobody\r\n", "invalid_from"),
        (b'From: "open <a@example.com>\r\n', "invalid_from"),
        (b"From a@example.com Mon Jan\r\nFrom: a@example.com\r\n", "broken_header"),
        (b" folded first\r\nFrom: a@example.com\r\n", "broken_header"),
        (b"From : a@example.com\r\n", "broken_header"),
        (b"From: a@example.com\r\nno colon\r\n", "broken_header"),
        (b"From: a@example.com\r\nSubject: 1\r\nSubject: 2\r\n", "broken_header"),
        (b"From: a@example.com\r\n" + b"Received: by x\r\n" * 51, "mail_loop"),
        (b"From: a@example.com\r\nX: a\rb\r\n", "bare_control"),
        (b"From: a@example.com\r\nX: a\nb: c\r\n", "bare_control"),
        (b"From: a@example.com\r\nX: a\0b\r\n", "bare_control"),
        (b"From: a@example.com\r\nX-Warmpost-Tag: novalue\r\n", "invalid_tag"),
        (b"From: a@example.com\r\nX-Warmpost-Track: all\r\n", "invalid_field"),
        (b"From: a@example.com\r\nX-Warmpost-Unsubscribe: klingon\r\n", "unknown_language"),
    ],
)
def test_a_header_that_cannot_be_is_refused(head, code):
    assert refused(head + b"\r\nbody\r\n")[0] == code


@pytest.mark.parametrize("bad", [b"a\nb", b"a\rb", b"a\0b", b"\r\r\n", b"\n.\n", b"\r\n.\n", b"\n"])
def test_a_body_with_bare_line_ends_or_nul_is_refused(bad):
    assert refused(message(body=b"\r\n" + bad))[0] == "bare_control"


def test_a_message_over_ten_megabytes_is_refused():
    with pytest.raises(TooLarge):
        read_raw(message(body=b"\r\n" + b"x" * 76 + b"\r\n" * 5_000_000))


def test_fifty_received_fields_are_no_loop():
    assert read_raw(message(*[b"Received: by x"] * 50))


def test_options_are_read_from_the_header():
    read = read_raw(
        message(
            b"X-Warmpost-Tag: kind = receipt",
            b"X-Warmpost-Tag: shop=1=2",
            b"X-WARMPOST-TRACK: opens",
            b"X-Warmpost-Unsubscribe: de-AT",
        )
    )
    assert read.options.tags == {"kind": "receipt", "shop": "1=2"}
    assert read.options.track == Track(opens=True)
    assert read.options.unsubscribe == Unsubscribe(headers=True, footer=True, language="de")
    assert read.content == message()
    assert read_raw(message(b"X-Warmpost-Track: no")).options.track == NOTHING
    assert read_raw(message(b"X-Warmpost-Track: opens clicks")).options.track == Track(True, True)


def test_a_long_line_of_text_is_re_encoded_alone():
    other = b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA"
    long = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + "ä x".encode() * 600
    content = HEAD + nested(other, long)
    read = read_raw(content).content
    assert not has_long_line(read) and read.count(other) == 1
    parsed = message_from_bytes(read, policy=default)
    assert parsed.get_payload(1).get_content().strip() == "ä x" * 600  # type: ignore[union-attr]


@pytest.mark.parametrize("encoding", [b"quoted-printable", b"base64", b"7bit", b"8bit"])
def test_a_long_line_keeps_its_content_in_any_encoding(encoding):
    body = b"QUJD" * 400 if encoding == b"base64" else b"=41bc" * 300 if encoding[0] == 113 else b"Abc" * 500
    before = message(b"Content-Transfer-Encoding: " + encoding, body=b"\r\n" + body + b"\r\n")
    after = read_raw(before).content
    assert not has_long_line(after)
    theirs, ours = (message_from_bytes(one).get_payload(decode=True) for one in (before, after))
    assert theirs.strip() == ours.strip()  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", [b"signed", b"encrypted"])
def test_a_long_line_in_a_sealed_part_is_refused(kind):
    assert refused(HEAD + nested(b"\r\n" + b"x" * 999, kind=kind))[0] == "line_too_long"


def test_a_raw_header_is_encoded():
    head = 'From: "Jörg" <info@müller.de>\r\nTo: Ä Ö <a@example.net>, x@example.net\r\nSubject: Grüße\r\n'.encode()
    attached = 'Content-Disposition: attachment; filename="Größe.pdf"\r\n\r\nx'.encode()
    read = read_raw(head + nested(attached))
    header = read.content.split(b"--b")[0]
    assert header.isascii() and read.sender.address == "info@xn--mller-kva.de" and read.sender.name == "Jörg"
    parsed = message_from_bytes(read.content, policy=default)
    assert str(parsed["subject"]) == "Grüße" and parsed["to"].addresses[0].display_name == "Ä Ö"
    assert parsed["from"].addresses[0].addr_spec == "info@xn--mller-kva.de"
    assert parsed.get_payload(0).get_filename() == "Größe.pdf"  # type: ignore[union-attr]


def test_a_latin1_header_is_encoded():
    read = read_raw(b"From: a@example.com\r\nSubject: Gr\xfc\xdfe\r\n\r\n")
    assert str(message_from_bytes(read.content, policy=default)["subject"]) == "Grüße"


def test_an_overlong_header_is_folded():
    many = b"To: " + b",".join(b"person%d@example.net" % number for number in range(200))
    read = read_raw(b"From: a@example.com\r\n" + many + b"\r\n\r\n")
    assert not has_long_line(read.content)
    assert len(message_from_bytes(read.content, policy=default)["to"].addresses) == 200


def test_an_overlong_word_that_is_syntax_is_refused():
    assert refused(message(b"References: <" + b"x" * 1000 + b"@y>"))[0] == "line_too_long"


def test_an_eight_bit_body_is_left_as_it_is():
    content = message(b"Content-Type: text/plain; charset=utf-8", body="\r\nGrüße\r\n".encode())
    assert read_raw(content).content == content


def test_a_message_can_be_had_in_seven_bits():
    text = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGrüße".encode()
    plain = seven_bit(read_entity(HEAD + nested(text, b"\r\nascii")))
    assert plain and plain.octets.isascii()
    parsed = message_from_bytes(plain.octets, policy=default)
    assert parsed.get_payload(0).get_content() == "Grüße"  # type: ignore[union-attr]
    assert seven_bit(read_entity(HEAD + nested(text, kind=b"signed"))) is None


def test_a_deep_or_wide_message_is_answered():
    deep = b"\r\nx"
    for number in range(60):
        deep = nested(deep, boundary=b"b%d" % number)
    assert read_raw(HEAD + deep + "ä\r\n".encode()).content
    assert refused(HEAD + nested(*[b"\r\n\xc3\xa4"] * 2001))[0] == "invalid_content"


pieces = st.lists(
    st.sampled_from(
        [
            b"--b\r\n",
            b"--b--\r\n",
            b"\r\n",
            b"--b",
            b"a: b\r\n",
            b"x",
            b" ",
            b"\t",
            b"\xc3\xa4",
            b".",
            b"--c\r\n",
        ]
    ),
    max_size=30,
)


@given(
    pieces,
    st.sampled_from([b"multipart/mixed; boundary=b", b"multipart/signed; boundary=b", b"message/rfc822"]),
)
@settings(max_examples=150)
def test_a_tree_of_parts_written_out_again_is_the_same(parts, kind):
    content = HEAD + b"Content-Type: " + kind + b"\r\n\r\n" + b"".join(parts)
    assert read_entity(content).octets == content
    assert read_raw(content).content == content + (b"" if content.endswith(b"\r\n") else b"\r\n")


@given(st.text(max_size=200), st.text(max_size=2000))
@settings(max_examples=60)
def test_what_the_standard_library_writes_is_taken_as_it_is(subject, text):
    mail = EmailMessage(policy=SMTP)
    mail["From"] = "ann@example.com"
    mail["Subject"] = "".join(char for char in subject if char.isprintable())
    mail.set_content(
        "".join(char for char in text if char not in "\r\0" and not "\ud800" <= char <= "\udfff")
    )
    content = mail.as_bytes()
    read = read_raw(content)
    assert read.content == content


@given(st.binary(max_size=300))
@settings(max_examples=100)
def test_content_survives_being_encoded(octets):
    from warmpost.rules.raw.encodings import encoded

    leaf = read_entity(b"Content-Type: application/octet-stream\r\n\r\n" + octets)
    assert content_of(encoded(leaf)) == octets


@given(st.text(alphabet='ab"\\<>@,;:() äü=?.', max_size=40))
@settings(max_examples=200)
def test_any_from_is_one_mailbox_or_refused(value):
    try:
        read = read_raw(b"From: " + value.encode() + b"\r\n\r\n")
    except Invalid as problem:
        assert problem.field == "raw"
        return
    assert read.sender.address.count("@") >= 1
