"""The function `send` in its own process, sized as the manifest does, when many large messages come at once."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from infra.checks.functions_apart import RunningFunction
from infra.checks.upload import unpack_upload
from infra.local.manifest import manifest
from tests.deploy.test_apart import settings_of
from tests.e2e import checks
from tests.running_stack import RunningStack

pytestmark = pytest.mark.slow

REQUESTS = 80
SENDER = "hello@memory.example"
PADDING = base64.encodebytes(random.Random(1).randbytes(7_300_000))  # 9.9 MB with its line ends


def raw(number: int) -> bytes:
    head = f"From: {SENDER}\r\nSubject: {number}\r\nMessage-ID: <{number}@x>\r\n"
    head += "Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    whole = head.encode() + PADDING.replace(b"\n", b"\r\n")
    return json.dumps({"to": ["ann@memory.test"], "raw": base64.b64encode(whole).decode()}).encode()


def attached(number: int) -> bytes:
    file = {"filename": "large.zip", "content": PADDING.replace(b"\n", b"")[:9_300_000].decode()}
    order = {"from": SENDER, "to": ["ann@memory.test"], "subject": str(number), "text": "Large."}
    return json.dumps({**order, "attachments": [file]}).encode()


@pytest.fixture(scope="module")
def stack():
    with RunningStack() as running:
        yield running


@pytest.mark.parametrize("order", [raw, attached])
async def test_eighty_messages_of_ten_megabytes_at_once_fit_in_an_instance(
    stack, tmp_path: Path, order: Callable[[int], bytes]
):
    """Who is put off comes again, until all are taken."""
    async with stack.open_client() as client:
        if not (await checks.ok(client.get("/manage/domains")))["items"]:
            await checks.make_sender(client, "memory.example")
    [size] = [one.memory for one in manifest().functions if one.name == "send"]
    upload = unpack_upload(tmp_path / "upload")
    answers: Counter[int] = Counter()
    headers = {"Authorization": f"Bearer {stack.api_key}", "Content-Type": "application/json"}
    with RunningFunction("send", upload, settings_of(stack), tmp_path / "log") as function:
        function.wait_until_it_listens()

        async def send_until_taken(session: aiohttp.ClientSession, number: int) -> None:
            body, key = order(number), {"Idempotency-Key": f"{order.__name__}-{number}"}
            while True:
                try:
                    async with session.post("/", data=body, headers=key) as response:
                        answers[response.status] += 1
                        assert response.status in (202, 503), await response.text()
                        if response.status == 202:
                            return
                except aiohttp.ClientConnectionError:
                    answers[0] += 1  # refused while its body was on the way
                await asyncio.sleep(1)  # as Retry-After asks, and shorter

        async with aiohttp.ClientSession(
            f"http://127.0.0.1:{function.port}",
            headers=headers,
            connector=aiohttp.TCPConnector(limit=REQUESTS),
        ) as session:
            await asyncio.gather(*(send_until_taken(session, number) for number in range(REQUESTS)))
        assert function.peak_memory < 0.85 * size
    assert answers[202] == REQUESTS and answers[503]
