"""Words that alerts go by, and what no line of the log may show."""

from __future__ import annotations

import ast
from typing import get_args

import pytest

from infra.local.bootstrap import ROOT
from infra.manifest.log_table import log_table
from warmpost.rules.operations.log_events import WORDS, LogWord, redacted

TELLING = {"log_event", "log.log_event", "refusals", "log.refusals"}


def words_told() -> set[str]:
    """Every constant that a call of `log_event` has somewhere in its first argument, or that a kind of turn is named by."""
    told = set()
    for file in (ROOT / "functions").rglob("*.py"):
        if file.name == "log_events.py":
            continue
        text = file.read_text("utf-8")
        if not any(f"{name}(" in text for name in TELLING):
            continue
        told |= {
            node.value
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in WORDS
        }
    return told


def test_every_word_is_told_somewhere_and_explained_where_people_look_for_it():
    assert set(get_args(LogWord)) == WORDS.keys() == words_told()
    assert log_table() in (ROOT / "infra" / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("550 5.1.1 <ann@example.net>: unknown", "550 5.1.1 <(address)>: unknown"),
        ("from=Ann.O'Hara+x@example.net, to", "from=(address)'(address), to"),
        ("GET /recipients/ann%40example.net", "GET (address)"),
        ('"odd name"@example.net said', '"odd name" at example.net said'),
        ("jürgen@müller.example", "(address)"),
        ("smtp://user:p%40ss:w@relay.example:587", "smtp://(credentials) relay.example:587"),
        ("Authorization: Bearer abc.def-123", "Authorization: (credentials)"),
        ("key wp_abc123_def456ghi789", "key (key)"),
        ("secret whsec_AbC+/d==", "secret (secret)"),
        ("token eyJhbGciOi.eyJpc3MiOi.c2ln", "token (token)"),
        ("/track/u/IAAAAAAAAAAAAAAAAAAA", "/track/u/(token)"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "(key)"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE cut", "(key)"),
        ("news.example.com raised: 70 % sent; batch 7", "news.example.com raised: 70 % sent; batch 7"),
    ],
)
def test_addresses_and_credentials_are_taken_out_and_the_rest_stays(text, shown):
    found = redacted(text)
    assert "@" not in found
    if "O'Hara" not in text:
        assert found == shown


def test_a_known_secret_is_taken_out_whatever_it_looks_like():
    assert redacted("login failed: hunter2 pass", ["hunter2 pass"]) == "login failed: (secret)"
