"""Which column is the address, what others are called in templates, and who has left."""

from __future__ import annotations

import pytest

from warmpost.rules.lists.columns import Columns, has_left, read_columns, variable_name
from warmpost.rules.model.addresses import Flaw


def columns(header: str, **named: str) -> Columns:
    found = read_columns(header.split(","), **named)
    assert isinstance(found, Columns), found
    return found


@pytest.mark.parametrize(
    "name",
    [
        "email",
        "Email Address",
        "E-Mail",
        "e-mail address",
        "EMAIL_ADDRESS",
        "Emailadresse",
        "E-Mail-Adresse",
        "Adresse e-mail",
        "Courriel",
        "Correo electrónico",
        "Indirizzo email",
        "E-mailadres",
        "E-postadress",
        "Sähköposti",
        "Adres e-mail",
        "E-posta",
        "Электронная почта",
        "邮箱",
        "电子邮箱",
        "電子郵件",
        "メールアドレス",
        "이메일",
        "Customer Email",
        "to",
    ],
)
def test_the_address_column_is_known_by_its_usual_names(name):
    assert columns(f"name,{name},city").address == 1


def test_the_plain_name_goes_before_others_that_mean_it():
    assert columns("Contact Email,Email").address == 1
    assert columns("Work mail,Mail,Customer Email").address == 1


def test_the_column_can_be_named():
    assert columns("email,Second Address", named="second address").address == 1
    missing = read_columns(["email", "b"], named="c")
    assert isinstance(missing, Flaw)
    assert "there are 'email', 'b'" in missing.reason


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("First Name", "first_name"),
        ("name", "name"),
        ("FNAME", "FNAME"),
        ("Vorname", "Vorname"),
        ("姓名", "姓名"),
        ("名 前", "名_前"),
        ("Total Spent ($)", "total_spent"),
        ("2nd line", "_2nd_line"),
        ("user-name", "user_name"),
        ("%", "_"),
    ],
)
def test_a_column_becomes_a_name_that_a_template_can_write(column, name):
    assert variable_name(column) == name
    assert name.isidentifier()


def test_columns_that_would_have_one_name_are_told_apart():
    found = columns("email,First Name,first_name,First-Name")
    assert list(found.names.values()) == ["first_name_2", "first_name", "first_name_3"]
    assert found.renamed == {"First Name": "first_name_2", "First-Name": "first_name_3"}


def test_columns_without_a_name_are_left_out():
    assert columns("email,name,,").names == {1: "name"}


@pytest.mark.parametrize(
    ("header", "row", "reason"),
    [
        ("email,status", "a@x.example,blocklisted", "not subscribed there (status: blocklisted)"),
        ("email,status", "a@x.example,enabled", ""),
        ("email,status", "a@x.example,gold customer", ""),
        (
            "Email Address,UNSUB_TIME",
            "a@x.example,2024-05-01 10:00:00",
            "not subscribed there (UNSUB_TIME: 2024-05-01",
        ),
        ("Email Address,UNSUB_TIME", "a@x.example,", ""),
        ("Email Address,CLEAN_TIME", "a@x.example,2024-05-01", "CLEAN_TIME"),
        ("Email,Unsubscribed from all email", "a@x.example,true", "Unsubscribed from all email"),
        ("Email,Unsubscribed from all email", "a@x.example,false", ""),
        ("Email,Accepts Email Marketing", "a@x.example,no", "Accepts Email Marketing: no"),
        ("Email,Accepts Email Marketing", "a@x.example,yes", ""),
        ("Email,Accepts Marketing", "a@x.example,yes", ""),
        ("email,Email Marketing Consent", "a@x.example,unsubscribed", "unsubscribed"),
    ],
)
def test_who_has_left_by_the_words_of_other_systems_is_told(header, row, reason):
    found = has_left(columns(header), row.split(","))
    assert (reason in found) if reason else found == ""
