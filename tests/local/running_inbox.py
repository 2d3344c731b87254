"""A real inbox in a process of its own, with the clients its tests look at it with."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from infra.local.ports import free_ports

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class RunningInbox:
    smtp_port: int
    tls_port: int
    url: str
    maildir: Path
    certificate: Path
    process: asyncio.subprocess.Process

    async def json(self, path: str, *, method: str = "GET", status: int = 200):
        async with aiohttp.request(method, self.url + path) as response:
            assert response.status == status, await response.text()
            return await response.json()

    async def get(self, path: str, **headers: str):
        """(status, headers, body) of a page."""
        async with aiohttp.request("GET", self.url + path, headers=headers) as response:
            return response.status, response.headers, await response.read()

    async def only(self, to: str):
        """The one message that was kept for a recipient, as JSON."""
        (line,) = (await self.json(f"/api/messages?to={to}"))["messages"]
        return await self.json(f"/api/messages/{line['id']}")

    async def deliver(self, to: str, message: bytes) -> str:
        """The id of a message that was just delivered."""
        reply = await (await self.dialogue()).deliver(to, message)
        assert reply.startswith("250"), reply
        return reply.split()[-1]

    async def dialogue(self) -> Dialogue:
        """A connection that has been greeted and has said EHLO."""
        dialogue = Dialogue(*await asyncio.open_connection("127.0.0.1", self.smtp_port))
        assert (await dialogue.reply()).startswith("220")
        assert (await dialogue.say("EHLO client.example")).startswith("250")
        return dialogue


@dataclass(frozen=True)
class Dialogue:
    """SMTP by hand."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def reply(self) -> str:
        """The next whole reply; empty when the server hung up."""
        lines = []
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(10):
                while line := (await self.reader.readline()).decode():
                    lines.append(line)
                    if line[3:4] == " ":
                        break
        return "".join(lines)

    def send(self, octets: bytes) -> None:
        self.writer.write(octets)

    async def say(self, line: str) -> str:
        self.send(line.encode() + b"\r\n")
        return await self.reply()

    async def deliver(self, recipient: str, message: bytes, sender: str = "sender@news.example") -> str:
        """The reply to a message; `message` goes over the wire as it is, with the final dot behind it."""
        await self.say(f"MAIL FROM:<{sender}>")
        reply = await self.say(f"RCPT TO:<{recipient}>")
        if not reply.startswith("250"):
            return reply
        assert (await self.say("DATA")).startswith("354")
        self.send(message + b".\r\n")
        return await self.reply()


@contextlib.asynccontextmanager
async def running_inbox(folder: Path, *options: str) -> AsyncIterator[RunningInbox]:
    smtp_port, tls_port, http_port = free_ports(3)
    maildir, certificate = folder / "mail", folder / "inbox.pem"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "infra.local.inbox"),
        *("--smtp-port", str(smtp_port), "--tls-port", str(tls_port), "--http-port", str(http_port)),
        *("--maildir", str(maildir), "--certificate", str(certificate)),
        *options,
        cwd=ROOT,
    )
    url = f"http://127.0.0.1:{http_port}"
    inbox = RunningInbox(smtp_port, tls_port, url, maildir, certificate, process)
    try:
        async with asyncio.timeout(20):
            while True:
                try:
                    await inbox.json("/healthz")
                    break
                except aiohttp.ClientConnectionError:
                    assert process.returncode is None
                    await asyncio.sleep(0.05)
        yield inbox
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def build_message(subject: str, body: str = "Hello.\r\n", **headers: str) -> bytes:
    """A plain message with CRLF line ends."""
    fields = {"From": "News <hello@news.example>", "To": "reader@example.com", "Subject": subject} | headers
    return (
        "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + b"\r\n" + body.encode()
    )
