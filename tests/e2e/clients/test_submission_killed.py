"""The gateway killed between DATA and 250, with the functions behind it: nothing that was answered is lost, none doubled."""

from __future__ import annotations

import smtplib
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from tests.e2e import checks
from tests.e2e.checks import Sender
from tests.submission.gateway_process import PATIENCE, Answered, Door, Process

KILLS = 20
MOMENTS = ("in its body", "before it is stored", "after it is stored")


@pytest.fixture(scope="module")
async def sender(stack) -> Sender:
    async with stack.open_client() as client:
        return await checks.make_sender(client, "killed.example")


class Between:
    """Stands between the gateway and `send`. kill_at: the moment of the next message at which the gateway dies."""

    def __init__(self, url: str) -> None:
        self.kill_at = ""
        self.killed = threading.Event()
        self.wanted = threading.Event()
        self._client = httpx.Client(base_url=url, timeout=PATIENCE, trust_env=False)

    def answer(self, headers: Mapping[str, str], body: bytes) -> Answered:
        moment, self.kill_at = self.kill_at, ""
        if moment == "before it is stored":
            self._die()
            return 503, {}
        kept = ("Authorization", "Idempotency-Key", "Content-Type")
        answered = self._client.post("/send", content=body, headers={name: headers[name] for name in kept})
        if moment == "after it is stored":
            assert answered.status_code == 202, answered.text
            self._die()
        return answered.status_code, answered.json()

    def _die(self) -> None:
        self.wanted.set()
        assert self.killed.wait(PATIENCE)


def hand_over(process: Process, between: Between, key: str, content: bytes, moment: str) -> str:
    """The id in its answer; OSError or SMTPServerDisconnected where the gateway says nothing any more."""
    smtp = process.client(password=key)
    smtp.mail("")
    smtp.rcpt("ann@killed.test")
    smtp.docmd("DATA")
    between.kill_at = moment
    if moment == "in its body":
        smtp.send(content[: len(content) // 2])
        between.wanted.set()
    else:
        smtp.send(content + b".\r\n")
    if moment:
        assert between.wanted.wait(PATIENCE)
        process.kill()
        between.killed.set()
    code, words = smtp.getreply()
    smtp.close()
    assert code == 250, words
    return words.decode().rpartition(" ")[2]


async def test_no_message_is_lost_or_doubled_where_the_gateway_is_killed(stack, sender, tmp_path: Path):
    """The client does what clients do that heard no answer: the same again, once the gateway is back."""
    between = Between(stack.url)
    ids: list[str] = []
    with Door(between.answer) as door, Process(tmp_path, door.url) as process:
        for number in range(KILLS):
            head = f"From: {sender.address}\r\nSubject: {number}\r\nMessage-ID: <{number}@killed.test>\r\n"
            content = (head + "\r\n" + "Good to see you.\r\n" * 2000).encode()
            between.wanted.clear()
            between.killed.clear()
            with pytest.raises((OSError, smtplib.SMTPServerDisconnected)):
                hand_over(process, between, stack.api_key, content, MOMENTS[number % len(MOMENTS)])
            process.start()
            ids.append(hand_over(process, between, stack.api_key, content, ""))
    async with stack.open_client() as client:
        for one in ids:
            await checks.message_once_done(client, one)
    arrived = Counter(str(one.message["Subject"]) for one in checks.inbox(stack, domain="killed.test"))
    assert len(set(ids)) == KILLS and arrived == Counter(map(str, range(KILLS)))
