"""How much memory the gateway's process takes when many large messages come at once."""

from __future__ import annotations

import re
import smtplib
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infra.checks.functions_apart import peak_mib
from infra.local.bootstrap import ROOT
from tests.submission.gateway_process import PATIENCE, Door, Process

CLIENTS = 80
EACH = 18  # connections of one address; it may have 20
CONTENT = b"From: a@example.com\r\nMessage-ID: <1@x>\r\n\r\n" + (b"x" * 70 + b"\r\n") * 138_000


@pytest.mark.slow
def test_eighty_messages_of_ten_megabytes_at_once_fit_in_the_units_memory(tmp_path: Path):
    """The function is slow, so that as many are held as the gateway takes; the others are put off, and come again."""
    unit = (ROOT / "infra/submission/warmpost-submission.service").read_text()
    [most] = re.findall(r"^MemoryMax=(\d+)M$", unit, re.MULTILINE)
    answers: Counter[int] = Counter()
    full = threading.Event()

    def send_until_taken(number: int) -> None:
        while not answers[0]:
            try:
                with process.client(source=f"127.0.0.{10 + number // EACH}") as smtp:
                    smtp.sendmail("a@example.com", ["b@example.net"], CONTENT)
                answers[250] += 1
                return
            except smtplib.SMTPResponseException as refused:
                answers[refused.smtp_code] += 1
                full.set()
                threading.Event().wait(0.3)  # before it comes again
            except (OSError, smtplib.SMTPServerDisconnected):
                answers[0] += 1
                raise

    def answer(*_: object) -> tuple[int, object]:
        full.wait(PATIENCE)
        return 202, {"id": "m1"}

    with Door(answer) as door, Process(tmp_path, door.url) as process:
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(send_until_taken, range(CLIENTS), timeout=10 * PATIENCE))
        assert peak_mib(process.pid) < 0.85 * int(most)
    assert answers[250] == CLIENTS and answers[452]
