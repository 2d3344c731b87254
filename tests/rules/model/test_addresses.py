from __future__ import annotations

import email_validator
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.model.addresses import Flaw, address_key, read_address

LDH = "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-"
WRITTEN = "äöüßÄÖÜßéèñçøåłžčšığαβγςσΣΩабвгдЯЖיגדהअआकि日本語中文한국어ไทย"
labels = st.text(LDH + WRITTEN, min_size=1, max_size=20)
domains = st.lists(labels, min_size=1, max_size=4).map(".".join)
atoms = st.text("abcXYZ019!#$%&'*+/=?^_`{|}~-.\" ()<>[]:;@\\,", min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ann@example.com", "ann@example.com"),
        ("Ann.Lee+news@Mail.EXAMPLE.com", "Ann.Lee+news@mail.example.com"),
        ("o'brien/dept=1@x.test", "o'brien/dept=1@x.test"),
        ("a@b.invalid", "a@b.invalid"),
        ("a@x.example.", "a@x.example"),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        ("a@BÜCHER。example", "a@xn--bcher-kva.example"),
        ("a@straße.example", "a@xn--strae-oqa.example"),
        ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
        ("a@XN--BCHER-KVA.example", "a@xn--bcher-kva.example"),
        ("ann@例え.テスト", "ann@xn--r8jz45g.xn--zckzah"),
        ("用户@例え.テスト", "用户@xn--r8jz45g.xn--zckzah"),
        ("ju\u0308rgen@x.example", "jürgen@x.example"),
        ("a@１２３.例え", "a@123.xn--r8jz45g"),
        ("a@l·l.example", "a@xn--ll-0ea.example"),
        ("a@r3---sn-a.example", "a@r3---sn-a.example"),
        ("a@b\u00adc.example", "a@bc.example"),
        (f"{'a' * 64}@x.example", f"{'a' * 64}@x.example"),
    ],
)
def test_addresses_come_out_in_the_form_that_is_sent(text: str, expected: str) -> None:
    assert read_address(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("ann", "has no @"),
        ("@x.example", "has nothing before the @"),
        ("a..b@x.example", "has a dot too many before the @"),
        (".a@x.example", "has a dot too many before the @"),
        ("a b@x.example", "has white space before the @"),
        ("a\r\nBcc: c@x.example", "has white space before the @"),
        ("a\u200bb@x.example", "has the character U+200B before the @"),
        ("a\ud800@x.example", "has the character U+D800 before the @"),
        ("a@b@x.example", "has '@' before the @"),
        ("<a@x.example>", "has '<' before the @"),
        ('"a b"@x.example', "has a quoted part before the @, which is not supported"),
        ("a@", "has a domain that has no dot"),
        ("a@localhost", "has a domain that has no dot"),
        ("a@x..example", "has a domain that has a dot too many"),
        ("a@127.0.0.1", "has a domain that ends in a number"),
        ("a@-x.example", None),
        ("a@x_y.example", None),
        ("a@x.example\n", None),
        ("a@xn--zzzzzzzz-.example", None),
        ("a@xn--abc-.example", None),
        ("a@[127.0.0.1]", None),
        (
            "a@b\u202ec.example",
            "has a domain that has the character U+202E where domain names may not have it (IDNA2008)",
        ),
        ("a@💩.example", "has a domain that has '💩' where domain names may not have it (IDNA2008)"),
        ("a@xn--ls8h.example", "has a domain that has the part 'xn--ls8h', which is no valid A-label"),
        ("a@ü_b.example", "has a domain that has '_' where domain names may not have it (IDNA2008)"),
        ("a@a·b.example", "has a domain that has '·' where domain names may not have it (IDNA2008)"),
        (
            "a@-ü.example",
            "has a domain that has the part '-ü', which is no domain label: must not start or end with a hyphen",
        ),
        (
            f"a@{'x' * 60}ü.example",
            f"has a domain that has the part '{'x' * 60}ü', which is longer than 63 bytes",
        ),
        ("a@\u00ad.example", "has a domain that has a dot too many"),
        (f"{'a' * 65}@x.example", "has more than 64 bytes before the @"),
        (f"{'ü' * 33}@x.example", "has more than 64 bytes before the @"),
        (f"a@{'x' * 60}.{'y' * 60}.{'z' * 60}.{'w' * 60}.{'v' * 10}.example", "is longer than 254 bytes"),
        ("a" * 400, "is longer than 254 bytes"),
    ],
)
def test_what_cannot_be_mailed_says_why(text: str, reason: str | None) -> None:
    found = read_address(text)
    assert isinstance(found, Flaw)
    assert reason is None or found.reason == reason


@given(atoms, domains)
def test_what_a_strict_validator_accepts_is_accepted_the_same(local: str, domain: str) -> None:
    text = f"{local}@{domain}"
    try:
        theirs = email_validator.validate_email(
            text, check_deliverability=False, test_environment=True, allow_quoted_local=False
        )
    except email_validator.EmailNotValidError:
        return
    ours = read_address(text)
    if theirs.ascii_domain.rpartition(".")[2][0] not in "0123456789":
        assert ours == f"{theirs.local_part}@{theirs.ascii_domain}"


@given(st.text(max_size=40) | st.builds("{}@{}".format, atoms, domains))
def test_what_was_read_reads_the_same_again(text: str) -> None:
    found = read_address(text)
    if isinstance(found, str):
        assert read_address(found) == found
        local, _, domain = found.rpartition("@")
        assert domain.isascii()
        assert domain == domain.lower()
        assert not set(local) & set(' \r\n\t\0"<>(),:;@\\')
        assert "/" not in address_key(found)


@given(st.text(max_size=300))
def test_whatever_is_read_fits_the_limits(text: str) -> None:
    found = read_address(f"{text}@example.com")
    if isinstance(found, str):
        assert len(found.rpartition("@")[0].encode()) <= 64
        assert len(found.encode()) <= 254
