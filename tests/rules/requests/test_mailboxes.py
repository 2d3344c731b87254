"""Mailboxes as callers write them, and what they must not bring along."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.errors import Invalid
from warmpost.rules.message.message import Mailbox
from warmpost.rules.requests.mailboxes import MOST_NAME, read_mailbox


@pytest.mark.parametrize(
    ("written", "address", "name"),
    [
        ("ann@example.net", "ann@example.net", ""),
        ("  ann@example.net  ", "ann@example.net", ""),
        ("<ann@example.net>", "ann@example.net", ""),
        ("Ann <ann@example.net>", "ann@example.net", "Ann"),
        ("Ann<ann@example.net>", "ann@example.net", "Ann"),
        ('"Ann, of Example" <ann@example.net>', "ann@example.net", "Ann, of Example"),
        ('"Ann \\"the\\" \\\\" <ann@example.net>', "ann@example.net", 'Ann "the" \\'),
        ("Ann < ann@example.net >", "ann@example.net", "Ann"),
        ("Ann <3 <ann@example.net>", "ann@example.net", "Ann <3"),
        ("Ärzte für Änn <änn@bücher.example>", "änn@xn--bcher-kva.example", "Ärzte für Änn"),
        ("株式会社 <a@例え.jp>", "a@xn--r8jz45g.jp", "株式会社"),
        ("=?utf-8?B?R3LDvMOfZQ==?= <ann@example.net>", "ann@example.net", "Grüße"),
        ("=?iso-8859-1?q?Gr=FC=DFe=2C_Ann?= <ann@example.net>", "ann@example.net", "Grüße, Ann"),
        ('"=?UTF-8?Q?Gr=C3=BC?= =?UTF-8?Q?=C3=9Fe?=" <ann@example.net>', "ann@example.net", "Grüße"),
        ("=?utf-8?q?J=C3=B6rg?= Müller <ann@example.net>", "ann@example.net", "Jörg Müller"),
        ("Jörg =?utf-8?B?TcO8bGw=?= =?utf-8?B?ZXI=?= <ann@example.net>", "ann@example.net", "Jörg Müller"),
        ("=?nowhere?q?x?= <ann@example.net>", "ann@example.net", "=?nowhere?q?x?="),
        ("=?utf-8?B?no base64?= <ann@example.net>", "ann@example.net", "=?utf-8?B?no base64?="),
    ],
)
def test_with_or_without_a_name(written, address, name):
    assert read_mailbox(written, "to[0]") == Mailbox(address, name)


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "ann",
        "ann@",
        "@example.net",
        "Ann <>",
        "Ann <ann>",
        "a@b@",
        "<ann@example.net",
        "Ann ann@x.y",
    ],
)
def test_what_is_no_address_is_refused_with_its_field(written):
    with pytest.raises(Invalid) as refused:
        read_mailbox(written, "cc[3]")
    assert (refused.value.code, refused.value.field) == ("invalid_address", "cc[3]")


@pytest.mark.parametrize(
    "char", ["\r", "\n", "\r\n", "\x00", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", "\x7f"]
)
@pytest.mark.parametrize(
    "form",
    ["Ann{}Bcc: x@example.org <a@example.net>", "a@example.net{}", "{}a@example.net", "A <a@exa{}mple.net>"],
)
def test_nothing_that_breaks_a_line_gets_into_a_header(form, char):
    with pytest.raises(Invalid) as refused:
        read_mailbox(form.format(char), "from")
    assert (refused.value.code, refused.value.field) == ("header_injection", "from")


def test_a_name_has_its_limit():
    assert read_mailbox("x" * MOST_NAME + " <a@example.net>", "from").name == "x" * MOST_NAME
    with pytest.raises(Invalid, match="200 characters"):
        read_mailbox("x" * (MOST_NAME + 1) + " <a@example.net>", "from")


@pytest.mark.parametrize("text", [" " * 100_000, " " * 50_000 + "<", "a <" * 30_000, '"' * 100_000])
def test_no_text_keeps_it_busy(text):
    with pytest.raises(Invalid):
        read_mailbox(text, "to[0]")


@given(st.text())
def test_any_text_is_a_mailbox_or_refused(text):
    try:
        mailbox = read_mailbox(text, "to[0]")
    except Invalid:
        return
    assert "\n" not in mailbox.name + mailbox.address
    assert read_mailbox(mailbox.address, "to[0]").address == mailbox.address
