"""A record as Cloud Logging reads it, and as people do."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from warmpost.actions.storage import log
from warmpost.adapters.google.cloud_logging import LogLines, TextLines

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def lines(caplog):
    """Formats what was logged last."""
    caplog.set_level(logging.INFO)

    def last(kind=LogLines, **known):
        return kind("p", ["s3cret-word"], lambda: known).format(caplog.records[-1])

    return last


def test_a_record_is_one_line_of_json_with_word_trace_and_figures(lines):
    known = log.trace_of({"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})
    log.log_event("relay_unreachable", "nobody takes mail of batches/7", pool="shared", recipients=3)
    assert json.loads(lines(function="work", **known)) == {
        "severity": "WARNING",
        "message": "nobody takes mail of batches/7",
        "logging.googleapis.com/trace": f"projects/p/traces/{TRACE}",
        "logging.googleapis.com/spanId": "00f067aa0ba902b7",
        "function": "work",
        "event": "relay_unreachable",
        "pool": "shared",
        "recipients": 3,
        "logger": "warmpost",
    }


@pytest.mark.parametrize(
    ("headers", "trace", "span"),
    [
        ({"x-cloud-trace-context": f"{TRACE}/74;o=1"}, TRACE, "000000000000004a"),
        ({"x-cloud-trace-context": TRACE}, TRACE, ""),
        ({"traceparent": "00-nonsense", "x-cloud-trace-context": f"{TRACE}/1"}, TRACE, "0000000000000001"),
        ({"x-cloud-trace-context": "../../etc"}, None, None),
        ({}, None, None),
    ],
)
def test_the_trace_is_read_from_either_header(headers, trace, span):
    found = log.trace_of(headers)
    assert (found.get("trace"), found.get("span")) == (trace, span)


def test_an_exceptions_text_and_traceback_are_cleaned_like_everything_else(lines):
    try:
        raise ValueError("ann@example.net used s3cret-word")
    except ValueError as failure:
        log.log_event("request_failed", f"it failed: {failure}", failed=failure, place="bob@example.net")
    line = lines()
    assert "\n" not in line
    shown = json.loads(line)
    assert shown["stack_trace"].startswith("Traceback")
    assert shown["stack_trace"].endswith("ValueError: (address) used (secret)")
    assert (shown["message"], shown["place"]) == ("it failed: (address) used (secret)", "(address)")


def test_text_is_for_people(lines):
    log.log_event("batch_done", "batch 7 is done", batch="7", recipients=3)
    assert lines(TextLines) == "info: batch 7 is done  event=batch_done batch=7 recipients=3"


def test_half_a_character_breaks_no_line(lines):
    logging.getLogger("elsewhere").warning("half \ud800 a character")
    assert json.loads(lines())["message"] == "half ? a character"


async def test_requests_side_by_side_keep_their_contexts_apart():
    async def one(batch):
        with log.about(batch=batch):
            await asyncio.sleep(0)
            return log.context()["batch"]

    assert list(await asyncio.gather(one("1"), one("2"))) == ["1", "2"]
    assert "batch" not in log.context()
