"""Encodings that files do not name, told apart where that is certain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.lists.file_encoding import KNOWN, find_encoding
from warmpost.rules.model.addresses import Flaw

HEAD = "email,name\r\n"
NAMES = {
    "cp1252": ["Jörg", "Müller, Käthe", "José Ñuñez", "François", "Åse", "O’Neill – “Bob”", "Straße 5 €"],
    "gb18030": ["张三", "王小明", "李娜", "北京市朝阳区", "欧阳锋，先生", "陈 Jack"],
    "cp932": ["テスト", "山田太郎", "すずき", "佐藤 花子", "東京都", "ﾔﾏﾀﾞさん", "日本"],
}


def file_of(name: str, encoding: str) -> bytes:
    return f"{HEAD}a@x.example,{name}\r\n".encode(encoding)


@pytest.mark.parametrize(
    ("encoding", "name"), [(code, name) for code, names in NAMES.items() for name in names]
)
def test_a_code_page_is_found_from_one_name(encoding, name):
    found = find_encoding(file_of(name, encoding))
    assert isinstance(found, str)
    assert file_of(name, encoding).decode(found) == f"{HEAD}a@x.example,{name}\r\n"


@pytest.mark.parametrize("encoding", NAMES)
def test_a_code_page_is_found_from_a_whole_column(encoding):
    body = (HEAD + "".join(f"a{n}@x.example,{name}\n" for n, name in enumerate(NAMES[encoding] * 50))).encode(
        encoding
    )
    assert find_encoding(body) == encoding


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_is_found_with_and_without_a_mark(encoding):
    body = file_of("Jörg 张三", encoding)
    found = find_encoding(body)
    assert isinstance(found, str)
    assert body.decode(found).lstrip("\ufeff").startswith("email,name")


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("Łukasz Żółć", "cp1250"),
        ("Иван Петров", "cp1251"),
        ("Иван", "koi8-r"),
        ("Αθήνα", "cp1253"),
        ("שלום", "cp1255"),
    ],
)
def test_what_could_be_read_in_several_ways_is_refused_with_what_would_say_it(name, encoding):
    found = find_encoding(file_of(name, encoding))
    assert isinstance(found, Flaw)
    assert "its encoding is not certain" in found.reason
    assert "`encoding`" in found.reason


@pytest.mark.parametrize(
    ("said", "name"),
    [("windows-1251", "Иван"), ("GBK", "张三"), ("Shift_JIS", "山"), ("iso-8859-1", "Jörg"), ("utf8", "ä")],
)
def test_what_is_said_is_believed(said, name):
    encoding = KNOWN[said.lower()]
    assert find_encoding(file_of(name, encoding.replace("-sig", "")), said) == encoding


def test_what_is_said_and_not_so_is_told_with_its_place():
    found = find_encoding(file_of("Jörg", "cp1252"), "utf-8")
    assert isinstance(found, Flaw)
    assert found.reason == "is not UTF-8: line 2 holds the byte 0xf6"


def test_an_encoding_that_nobody_knows_is_refused_with_those_that_are():
    found = find_encoding(b"email", "ebcdic")
    assert isinstance(found, Flaw)
    assert "windows-1252" in found.reason


def test_half_a_character_is_not_taken_for_another_encoding():
    assert isinstance(find_encoding(b"email\n" + "ä".encode()[:1] + b"(\n"), Flaw)


@given(st.binary(max_size=200))
def test_whatever_is_found_can_be_read(body):
    found = find_encoding(body)
    if isinstance(found, str):
        body.decode(found)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=100))
def test_utf_8_is_never_taken_for_anything_else(text):
    assert find_encoding(text.encode()) in ("utf-8-sig", "utf-16", "utf-32")
