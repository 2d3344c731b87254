"""Input that is small or allowed in size and made to cost: every parser ends soon and holds little.

CPU time and memory are bounds against running away, far above what is usual (watching memory alone makes all of it four
times slower); they measure nothing.
"""

from __future__ import annotations

import json
import time
import tracemalloc
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice

import pytest

from tests.rules.reports.report_mails import KEY, NOW
from warmpost.actions.lists.import_recipients import MOST_ROWS
from warmpost.adapters.templates.templates import Templates
from warmpost.errors import Invalid, Malformed, Problem, TooLarge
from warmpost.gateways.api.models import SendModel
from warmpost.gateways.http.bodies import decode
from warmpost.gateways.reports.event_models import parse_own_events
from warmpost.rules.lists.csv_import import Row, open_csv
from warmpost.rules.message.message import Content
from warmpost.rules.model.addresses import Flaw
from warmpost.rules.reports.arf import parse_arf
from warmpost.rules.reports.dsn import parse_dsn
from warmpost.rules.reports.kumomta import parse_kumomta
from warmpost.rules.reports.lenient_mime import MOST_DEPTH, MOST_PARTS, read_mail
from warmpost.rules.reports.verp import find_return_path
from warmpost.rules.suppressions.precedence import open_suppressions, read_suppression
from warmpost.rules.tracking.tokens import Signer

MOST_CPU = 60.0
"""Seconds."""
MB = 1_000_000
pytestmark = pytest.mark.slow
REPORT = b"Content-Type: multipart/report; report-type=delivery-status; boundary=x\n\n--x\n"


def nested(depth: int) -> bytes:
    return b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (at, at) for at in range(depth)
    )


MAILS = {
    "a head without end": b"A: b\n" * (2 * MB),
    "one line": b"Subject: " + b"x" * (9 * MB),
    "folded for ever": b"Subject: x\n" + b" y\n" * (3 * MB),
    "nothing but line breaks": b"\n" * (9 * MB),
    "blank lines that are none": b"A: b\n" + b" \t" * (4 * MB) + b"\n",
    "nested in itself": nested(50_000) + b"end",
    "parts without number": REPORT + b"Content-Type: text/plain\n\nx\n--x\n" * 250_000,
    "parts within parts": b"Content-Type: multipart/mixed; boundary=x\n\n" + b"--x\n" + nested(5) * 20_000,
    "recipients without number": REPORT
    + b"Content-Type: message/delivery-status\n\n"
    + b"Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\n\n" * 120_000,
    "encoded words": b"Subject: " + b"=?utf-8?B?=?=" * 500_000 + b"\n\n",
    "base64 that is none": b"Content-Transfer-Encoding: base64\n\n" + b"=\n" * (4 * MB),
    "tags that do not close": b"Content-Type: text/html\n\n" + b"<br<style<a " * 700_000,
    "entities": b"Content-Type: text/html\n\n" + b"&lt" * (3 * MB),
    "return paths that are none": b"To: " + b"bounces+b.1.1.aaaaaaaaaaaaaaaa@x.example " * 200_000 + b"\n\n",
    "a boundary of regex": b'Content-Type: multipart/mixed; boundary="(.*)*$"\n\n--(.*)*$\n'
    + b"(" * (8 * MB),
    "boundaries that nearly match": REPORT + b"--x                   !\n" * 300_000,
}


@pytest.fixture(autouse=True)
def bounded():
    tracemalloc.start()
    started = time.process_time()
    try:
        yield
        spent, (_, most) = time.process_time() - started, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert spent < MOST_CPU, f"{spent:.1f} s"
    assert most < 200 * MB, f"{most / MB:.0f} MB"


@pytest.mark.parametrize("name", MAILS)
@pytest.mark.parametrize("parse", [parse_dsn, parse_arf], ids=["dsn", "arf"])
def test_mails(name, parse):
    with suppress(Problem):
        parse(MAILS[name], KEY, NOW, "")
    mail = read_mail(MAILS[name])
    assert len(mail.parts) <= MOST_PARTS


def test_mime_is_followed_to_a_depth():
    leaves = read_mail(nested(MOST_DEPTH + 20) + b"end").parts
    assert len(leaves) == 1


DEEP = {"arrays": b"[" * 900_000, "objects": b'{"a":' * 800_000, "closed": b"[" * 100_000 + b"]" * 100_000}


@pytest.mark.parametrize("name", DEEP)
def test_json_nests_to_a_depth(name):
    for read in (
        lambda body: decode(body, SendModel),
        lambda body: parse_own_events(body, KEY, NOW),
        lambda body: parse_kumomta(body, KEY, NOW),
    ):
        with pytest.raises((Malformed, Invalid)):
            read(DEEP[name])
    with pytest.raises((Malformed, Invalid)):
        decode(b'{"from": "a@b", "to": [], "data": {"a": ' + DEEP[name] + b"}}", SendModel)


def test_numbers_of_any_length_are_no_work():
    with suppress(Problem):
        parse_kumomta(b"[" + b"9" * (4 * MB) + b"]", KEY, NOW)
    with suppress(Problem):
        decode(b'{"from": "a@b", "to": [], "data": {"a": ' + b"9" * (4 * MB) + b"}}", SendModel)


@pytest.mark.parametrize(
    ("parse", "body"),
    [
        (parse_kumomta, b"{}\n" * 60_000),
        (parse_kumomta, b" " * 5_300_000),
        (parse_own_events, b"[" + b"0," * 60_000 + b"0]"),
        (parse_own_events, b" " * 5_300_000),
        (parse_dsn, b"x" * (26 * MB + 300_000)),
    ],
)
def test_more_than_allowed_is_too_large(parse, body):
    with pytest.raises(TooLarge):
        parse(body, KEY, NOW)


def test_many_records_of_nothing_are_counted_not_kept():
    body = json.dumps([{"type": "x" * 50 + str(number)} for number in range(40_000)]).encode()
    report = parse_kumomta(body, KEY, NOW)
    assert not report.events and len(report.ignored) < 5_000


FILES = {
    "a quotation mark that never closes": b'email,name\na@b.example,"' + b"x\n" * (4 * MB),
    "one field": b"email,name\na@b.example," + b"x" * (9 * MB),
    "columns without number": b"email" + b",x" * (4 * MB) + b"\n",
    "cells without number": b"email,name\n" + b"," * (9 * MB),
    "quotation marks": b"email,name\n" + b'""' * (4 * MB),
    "no address": b"email\n" + b"@\n" * 400_000,
    "carriage returns": b"email\r" + b"\r" * (5 * MB),
}


@pytest.mark.parametrize("name", FILES)
def test_files(name):
    """As far as imports read them: they end with the first row too many."""
    rows = open_csv(FILES[name])
    for row in islice(() if isinstance(rows, Flaw) else rows, MOST_ROWS + 1):
        assert row
    rows = open_suppressions(FILES[name].replace(b"email", b"address").replace(b"name", b"note"))
    for row in islice(() if isinstance(rows, Flaw) else rows, MOST_ROWS + 1):
        if isinstance(row, Row):
            read_suppression(row, datetime(2026, 11, 23, tzinfo=UTC))


TEMPLATES = {
    "loops in loops": "{% for a in range(9999) %}{% for b in range(9999) %}{{ a }}{% endfor %}{% endfor %}",
    "powers": "{{ 9 ** (9 ** 9) }}",
    "products of texts": "{{ 'x' * 9999999999 }}",
    "formats": "{{ '%999999999d'|format(1) }}",
    "replacing": "{% set a = 'x' * 1000 %}{{ a.replace('x', a).replace('x', a).replace('x', a) }}",
    "macros that call themselves": "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "brackets": "{{ " + "(" * 100_000 + "1" + ")" * 100_000 + " }}",
    "blocks": "{% if 1 %}" * 20_000 + "{% endif %}" * 20_000,
    "joining": "{% set a = range(9999)|join('x' * 9999) %}{{ a ~ a ~ a ~ a }}",
    "sorting": "{{ (range(9999)|list * 9999)|sort|join }}",
    "too long": "x" * 1_000_001,
    "openings": "{{" * 400_000,
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates(name):
    with pytest.raises(Invalid):
        Templates().inspect(Content("Hi", html=TEMPLATES[name], text=None, templated=True))


def test_links_and_return_paths_of_any_length():
    signer = Signer(bytes(32))
    for text in ("A" * (2 * MB), "A" * 30 + "." + "A" * (2 * MB), "." * MB, "=" * MB):
        for kind in ("open", "click", "unsubscribe"):
            assert signer.read(kind, text) is None
    assert find_return_path(["bounces+b.1.1." + "a" * (2 * MB), "bounces+" * 300_000], KEY) is None
