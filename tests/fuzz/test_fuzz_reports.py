"""What comes to `event-webhook`, spoilt: it is read, passed over or refused as ours, and what is read can be stored."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.mutations import BOTH, NASTY, bent, fuzz, spoilt
from tests.rules.reports.report_mails import BATCH, KEY, NOW, REPORTS, SINGLE
from tests.rules.reports.test_kumomta import DELIVERY, FEEDBACK, UNKNOWN
from warmpost.errors import Problem
from warmpost.gateways.reports.event_models import parse_own_events
from warmpost.rules.events.event_packing import pack_events, unpack_events
from warmpost.rules.reports.arf import parse_arf
from warmpost.rules.reports.dsn import parse_dsn
from warmpost.rules.reports.kumomta import parse_kumomta
from warmpost.rules.reports.lenient_mime import MOST_BODY, MOST_PARTS, read_mail
from warmpost.rules.reports.reports import ParsedReport
from warmpost.rules.reports.verp import find_return_path, read_message_id, read_return_path, return_path

MAILS = [file.read_bytes() for file in sorted(REPORTS.glob("*.eml"))]
PATHS = [return_path(BATCH, "news.example.com", KEY), return_path(SINGLE, "news.example.com", KEY)]
BOUNCE = DELIVERY | {"type": "Bounce", "response": UNKNOWN}
OWN: list[dict[str, Any]] = [
    {"type": "delivered", "at": "2026-10-28T12:00:00Z", "batch": 1, "position": 4},
    {
        "type": "bounced",
        "at": "2026-10-28T12:00:00+02:00",
        "return_path": PATHS[0],
        "reply": {"code": 550, "enhanced_code": "5.1.1", "text": "User unknown"},
    },
    {
        "type": "clicked",
        "at": "2026-10-28T12:00:00Z",
        "message": SINGLE.message,
        "index": 2,
        "link": "https://example.com/",
        "user_agent": "Mozilla/5.0",
        "machine": True,
    },
]


def stored(report: ParsedReport) -> None:
    """As the door stores it and the fold reads it."""
    assert unpack_events(pack_events(report.events)) == list(report.events)
    report.ignored.encode()


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


@BOTH
def test_mails_that_came_back(examples):
    def holds(case):
        raw, envelope_to = case
        for parse in (parse_dsn, parse_arf):
            with contextlib.suppress(Problem):
                stored(parse(raw, KEY, NOW, envelope_to))

    to = st.sampled_from(["", *PATHS, "a@b", "\ud800", "bounces+b.1.2.x@y"])
    fuzz(examples, st.tuples(spoilt(MAILS), to), holds)


@BOTH
def test_mime(examples):
    def holds(raw):
        mail = read_mail(raw)
        assert len(mail.parts) <= MOST_PARTS
        for part in mail.parts:
            assert len(part.content) <= MOST_BODY
            part.text.encode("utf-8", "surrogatepass")
        mail.subject.encode("utf-8", "surrogatepass")

    fuzz(examples, spoilt(MAILS) | st.binary(max_size=500), holds)


@BOTH
def test_records_of_kumomta(examples):
    def holds(body):
        with contextlib.suppress(Problem):
            stored(parse_kumomta(body, KEY, NOW))

    records = [DELIVERY, BOUNCE, FEEDBACK]
    whole = bent(records).map(as_json) | st.lists(bent(records), max_size=3).map(as_json)
    fuzz(examples, whole | spoilt([as_json(one) for one in records]), holds)


@BOTH
def test_events_of_ones_own(examples):
    def holds(body):
        try:
            stored(parse_own_events(body, KEY, NOW))
        except Problem as problem:
            assert problem.code and problem.message

    whole = bent(OWN).map(as_json) | st.lists(bent(OWN), max_size=3).map(as_json)
    fuzz(examples, whole | spoilt([as_json(OWN), *map(as_json, OWN)]), holds)


@BOTH
def test_return_paths_and_message_ids(examples):
    def holds(raw):
        text = raw.decode("utf-8", "surrogateescape")
        found = read_return_path(text, KEY)
        assert found in (None, BATCH, SINGLE)
        assert find_return_path([text, text], KEY) in (None, BATCH, SINGLE)
        read_message_id(text)

    corpus = [*(one.encode() for one in PATHS), b"<abcdefghijklmnop.42.7@news.example.com>", *NASTY]
    fuzz(examples, spoilt(corpus), holds)
