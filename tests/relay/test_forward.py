"""The forwarder as Postfix runs it: a mail on its input, an exit status that says whether to keep it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from infra.local.bootstrap import ROOT
from infra.local.ports import free_ports
from infra.relay.forward import MOST_BYTES
from tests.relay.events_door import open_door
from warmpost.errors import Unauthorized
from warmpost.rules.reports.signatures import verify

REPORT = b"Content-Type: multipart/report; report-type=delivery-status\r\n\r\nIt did not arrive.\r\n"
COMPLAINT = b'Content-Type: multipart/report;\n\treport-type="feedback-report"\n\nI do not want this.\n'
PATH = "bounces+b.7.1.abcdefghijklmnop@news.example"


@pytest.fixture
def door():
    with open_door() as opened:
        yield opened


@pytest.fixture
def config(tmp_path, door):
    file = tmp_path / "events.conf"
    file.write_text(f"[events]\nurl = {door.url}/\ndsn = d%secret\narf = asecret\n")
    return file


@pytest.fixture
def forward(config):
    """Returns the exit status and what was printed."""

    def run(raw, source="dsn", *, patience=0):
        command = [
            sys.executable,
            "-m",
            "relay.forward",
            "--config",
            str(config),
            "--patience",
            str(patience),
        ]
        done = subprocess.run([*command, source, PATH], input=raw, cwd=ROOT / "infra", capture_output=True)
        assert done.stderr == b""
        return done.returncode, done.stdout.decode()

    return run


def test_report_is_signed_as_the_function_checks_it(forward, door):
    assert forward(REPORT) == (os.EX_OK, "")
    [(path, headers, body)] = door.asked
    assert (path, body, headers["Warmpost-Envelope-To"]) == ("/event-webhook/dsn", REPORT, PATH)
    stamp = float(headers["Warmpost-Timestamp"])
    verify(headers, body, ["d%secret"], stamp)
    with pytest.raises(Unauthorized):
        verify(headers, body + b" ", ["d%secret"], stamp)


@pytest.mark.parametrize(
    ("raw", "address_for", "source"),
    [
        (REPORT, "arf", "dsn"),
        (COMPLAINT, "dsn", "arf"),
        (b"Subject: Undeliverable\n\nNobody lives here.", "dsn", "dsn"),
        (b"Subject: complaint about message\n\n", "arf", "arf"),
    ],
)
def test_report_that_says_what_it_is_is_believed(forward, door, raw, address_for, source):
    assert forward(raw, address_for) == (os.EX_OK, "")
    assert door.asked[0][0] == f"/event-webhook/{source}"


@pytest.mark.parametrize("status", [302, 401, 403, 404, 408, 429, 500, 503])
def test_postfix_keeps_what_may_be_taken_later(forward, door, status):
    door.answer = lambda _: status
    code, words = forward(REPORT)
    assert (code, words.startswith(f"event_webhook answered {status}")) == (os.EX_TEMPFAIL, True)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_postfix_drops_what_is_never_taken(forward, door, status):
    door.answer = lambda _: status
    assert forward(REPORT)[0] == os.EX_DATAERR


def test_function_that_stumbles_is_asked_again_at_once(forward, door):
    door.answer = lambda _: 503 if len(door.asked) == 1 else 202
    assert forward(REPORT, patience=20) == (os.EX_OK, "")
    assert len(door.asked) == 2


def test_unreachable_function_unset_secret_and_missing_file_keep_the_report(forward, config):
    [closed] = free_ports(1)
    config.write_text(f"[events]\nurl = http://127.0.0.1:{closed}\ndsn = x\n")
    assert forward(REPORT)[0] == os.EX_TEMPFAIL
    assert forward(COMPLAINT) == (os.EX_TEMPFAIL, "no secret for arf is configured\n")
    config.unlink()
    assert forward(REPORT)[0] == os.EX_TEMPFAIL


def test_of_a_huge_report_the_beginning_is_brought(forward, door):
    assert forward(REPORT + b"x" * 2 * MOST_BYTES) == (os.EX_OK, "")
    assert len(door.asked[0][2]) == MOST_BYTES
