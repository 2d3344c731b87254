import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.model.events import Target
from warmpost.rules.tracking.tokens import Signer
from warmpost.rules.tracking.tracking import (
    EVERYTHING,
    Links,
    Unsubscribe,
    destination_of,
    location_of,
    unescape_attribute,
)

BASE = "https://t.example.com/track"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("a&amp;b", "a&b"),
        ("a&ampb", "a&ampb"),
        ("?a=1&copy=2&para=3", "?a=1&copy=2&para=3"),
        ("?a=1&copy", "?a=1©"),
        ("?a=1&copy;=2", "?a=1©=2"),
        ("&notit;&not;", "&notit;¬"),
        ("&lt&gt", "<>"),
        ("&#38;&#x26;&#X26&#38", "&&&&"),
        ("&#128;", "€"),
        ("&;&&x", "&;&&x"),
        ("&nosuchthing;", "&nosuchthing;"),
    ],
)
def test_references_in_attributes_are_read_as_browsers_do(written, read):
    assert unescape_attribute(written) == read


@pytest.mark.parametrize(
    ("href", "destination"),
    [
        ("https://a.example", "https://a.example"),
        (" \n https://a.ex\nample/ \t", "https://a.example/"),
        ("HTTP://A.example/?x=1&amp;y=2", "HTTP://A.example/?x=1&y=2"),
        ("https://t.example.com.evil.example/", "https://t.example.com.evil.example/"),
        ("https://t.example.com:8443/", "https://t.example.com:8443/"),
        ("https://t.example.com@a.example/", "https://t.example.com@a.example/"),
        ("ftp://a.example/", None),
        ("javascript:location='https://a.example'", None),
        ("https:a.example", None),
        ("https://", None),
        ("https:///a.example", None),
        ("https:\\\\a.example", None),
        ("//a.example", None),
        ("https://t.example.com/elsewhere", None),
        ("HTTPS://user@T.EXAMPLE.COM", None),
        ("https://a.example/Unsubscribe", None),
        ("https://a.example/\x00x", None),
        ("https://a.example/&#0;", "https://a.example/\ufffd"),
        ("https://a.example/&#1;x", None),
    ],
)
def test_only_links_to_other_sites_are_followed(href, destination):
    assert destination_of(href, BASE) == destination


@pytest.mark.parametrize(
    ("url", "location"),
    [
        (
            "https://a.example/?q=%c3%bc&a=|{}\"<>^`'()*#x?y",
            "https://a.example/?q=%c3%bc&a=|{}\"<>^`'()*#x?y",
        ),
        ("https://a.example/ü x?ü#ü", "https://a.example/%C3%BC%20x?%C3%BC#%C3%BC"),
        ("https://bücher.example:8080/ü", "https://xn--bcher-kva.example:8080/%C3%BC"),
        ("https://me:pw@faß.example", "https://me:pw@xn--fa-hia.example"),
        ("https://a_ü.example/", "https://a_%C3%BC.example/"),
        ("https://a.example/𝄞", "https://a.example/%F0%9D%84%9E"),
    ],
)
def test_a_location_is_the_url_in_ascii(url, location):
    assert location_of(url) == location


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E)))
def test_an_ascii_url_is_its_own_location(rest):
    assert location_of(f"https://a.example/{rest}") == f"https://a.example/{rest}"


@given(st.text(st.characters(codec="utf-8")))
def test_no_location_breaks_its_header_field(rest):
    destination = destination_of(f"https://a.example/{rest}", BASE)
    if destination is not None:
        location = location_of(destination)
        assert location.isascii() and location.isprintable() and " " not in location


def test_unsubscribe_fields_are_as_rfc_8058_wants_them():
    signer = Signer(bytes(32))
    links = Links(BASE, signer)
    reader = links.reader(Target(message="a" * 24, position=1), 1_790_000_000)
    token = reader.unsubscribe()
    assert links.unsubscribe_fields(reader, "", "news.example.com") == (
        (
            "List-Unsubscribe",
            f"<{BASE}/u/{token}>, <mailto:unsubscribe+{token}@news.example.com?subject=unsubscribe>",
        ),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    )
    assert links.unsubscribe_fields(reader, "de", "x.example")[0][1].startswith(f"<{BASE}/u/{token}?lang=de>")


def test_marks_are_none_where_nothing_is_wanted_in_the_bodies():
    links = Links(BASE, Signer(bytes(32)))
    assert not links.marks(type(EVERYTHING)(), Unsubscribe(headers=True))
    assert links.marks(EVERYTHING, Unsubscribe())
    assert links.marks(type(EVERYTHING)(), Unsubscribe(footer=True))
