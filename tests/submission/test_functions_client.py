"""What the gateway asks of the function `send` over HTTP, with messages of every size."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Mapping

import pytest

from infra.submission.functions_client import PIECE, Credential, FunctionsClient
from tests.submission.gateway_process import Answered, Door

CREDENTIAL = Credential("warmpost", "wp_id_right")


class Listening:
    """Notes what comes; its first answers are `first`."""

    def __init__(self, *first: Answered) -> None:
        self.heard: list[tuple[Mapping[str, str], bytes]] = []
        self._first = list(first)

    def __call__(self, headers: Mapping[str, str], body: bytes) -> Answered:
        self.heard.append((headers, body))
        return self._first.pop(0) if self._first else (202, {"id": "m1"})


async def sent(listening: Listening, content: bytes) -> str:
    with Door(listening) as door:
        client = FunctionsClient(door.url)
        answer = await client.send(CREDENTIAL, ["b@example.net", "a@example.net"], content, "192.0.2.1")
        await client.close()
    return answer.id


@pytest.mark.parametrize("size", [0, 1, 2, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 2, 3_000_000])
async def test_a_message_of_any_size_comes_whole_and_its_length_is_said(size):
    content = random.Random(size).randbytes(size)
    listening = Listening()
    assert await sent(listening, content) == "m1"
    [(headers, body)] = listening.heard
    assert json.loads(body) == {
        "to": ["a@example.net", "b@example.net"],
        "raw": base64.b64encode(content).decode(),
    }
    assert headers["Content-Length"] == str(len(body)) and "Transfer-Encoding" not in headers
    assert headers["Authorization"] == "Bearer wp_id_right" and headers["X-Forwarded-For"] == "192.0.2.1"


@pytest.mark.parametrize("size", [100, 3 * PIECE])
async def test_a_repeat_is_the_same_request_whole_again(size):
    listening = Listening((503, {"error": {"code": "store_unavailable"}}))
    assert await sent(listening, b"x" * size) == "m1"
    first, second = listening.heard
    assert first[1] == second[1] and first[0]["Idempotency-Key"] == second[0]["Idempotency-Key"]
