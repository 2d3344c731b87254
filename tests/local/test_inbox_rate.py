"""How fast the inbox takes mail: it must not be what a measurement of the sending side measures."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.local.running_inbox import Dialogue, build_message, running_inbox

CONNECTIONS = 10
MESSAGES = 5000
BODY = "A line of a newsletter, seventy-six characters long or so, in quoted-print=\r\n" * 130


def _group(recipient: str) -> bytes:
    return f"MAIL FROM:<sender@news.example> BODY=8BITMIME\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode()


async def _send(dialogue: Dialogue, name: str, count: int) -> None:
    """Sends `count` messages, each behind the one before in the same write (RFC 2920)."""
    message = build_message("rate", BODY) + b".\r\n"
    dialogue.send(_group(f"{name}-0@rate.example"))
    for number in range(count):
        for code in ("250", "250", "354"):
            assert (await dialogue.reply()).startswith(code)
        is_last = number == count - 1
        dialogue.send(message + (b"QUIT\r\n" if is_last else _group(f"{name}-{number + 1}@rate.example")))
        assert (await dialogue.reply()).startswith("250")


@pytest.mark.bench
async def test_messages_per_second_over_ten_connections(tmp_path):
    async with running_inbox(tmp_path) as inbox:
        dialogues = [await inbox.dialogue() for _ in range(CONNECTIONS)]
        began, cpu_before = time.perf_counter(), _cpu_seconds(inbox.process.pid)
        await asyncio.gather(*(_send(d, str(n), MESSAGES // CONNECTIONS) for n, d in enumerate(dialogues)))
        seconds, cpu = time.perf_counter() - began, _cpu_seconds(inbox.process.pid) - cpu_before
        assert (await inbox.json("/api/count"))["count"] == MESSAGES
    print(
        f"\n{MESSAGES / seconds:,.0f} messages/s of {len(BODY):,} octets, {cpu / MESSAGES * 1e6:.0f} µs of CPU each"
    )


def _cpu_seconds(process_id: int) -> float:
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
