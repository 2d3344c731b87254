"""The gateway in this process, before a function that answers what a test wants."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from infra.local.inbox.certificate import self_made, server_context
from infra.submission.functions_client import Credential, FunctionsClient
from infra.submission.gateway import Bounds, Gateway
from infra.submission.replies import Answer
from infra.submission.session import Session

T = TypeVar("T")
CERTIFICATE, KEY = self_made("localhost")
PASSWORD = "wp_id_right"
BOUNDS = Bounds()
PATIENCE = 30.0
LOOK = 0.01  # seconds
LOOKS = 4


@dataclass
class Function(FunctionsClient):
    """answer: to messages. checked: to credentials other than PASSWORD. taken: recipients and content."""

    answer: Answer = Answer(202, "m1")
    checked: Answer = Answer(401, code="wrong_key")
    seconds: float = 0.0
    asked: int = 0
    taken: list[tuple[Credential, list[str], bytes]] = field(default_factory=list)

    async def check(self, credential: Credential, peer: str) -> Answer:
        self.asked += 1
        return Answer(200) if credential.password == PASSWORD else self.checked

    async def send(
        self, credential: Credential, recipients: Sequence[str], content: bytes, peer: str
    ) -> Answer:
        await asyncio.sleep(self.seconds)
        self.taken.append((credential, list(recipients), content))
        return self.answer


@dataclass
class Running:
    function: Function
    gateway: Gateway
    port: int
    tls_port: int

    async def smtp(self, work: Callable[[smtplib.SMTP], T], *, login: bool = True) -> T:
        """What `work` does with an unmodified smtplib over STARTTLS, on a thread."""

        def run() -> T:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=10) as client:
                client.starttls(context=trusting())
                if login:
                    client.login("warmpost", PASSWORD)
                return work(client)

        return await asyncio.to_thread(run)

    async def lines(self, *sent: bytes, tls: bool = True, to_the_end: bool = False) -> list[str]:
        """Replies to octets written one after the other, each once the server has answered and fallen silent.

        to_the_end: of the connection, once all were written.
        """
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.tls_port if tls else self.port, ssl=trusting() if tls else None
        )
        heard = await silence(reader)
        for one in sent:
            writer.write(one)
            heard += await silence(reader)
        if to_the_end:
            heard += await asyncio.wait_for(reader.read(), PATIENCE)
        writer.close()
        return heard.decode().splitlines()


async def silence(reader: asyncio.StreamReader) -> bytes:
    """What comes until nothing does at several looks: a machine that stands still for a while makes one look long."""
    heard, looks = b"", 0
    while looks < (LOOKS if heard else PATIENCE / LOOK):
        try:
            piece = await asyncio.wait_for(reader.read(65536), LOOK)
        except TimeoutError:
            looks += 1
            continue
        except OSError:
            break
        if not piece:
            break
        heard, looks = heard + piece, 0
    return heard


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=CERTIFICATE.decode())
    context.check_hostname = False
    return context


@asynccontextmanager
async def running(bounds: Bounds = BOUNDS, **fields: object) -> AsyncIterator[Running]:
    function = Function(**fields)  # type: ignore[arg-type]
    gateway = Gateway(function, time.monotonic, bounds)
    context = server_context(CERTIFICATE, KEY)
    loop = asyncio.get_running_loop()
    plain = await loop.create_server(lambda: Session(gateway, context), "127.0.0.1", 0)
    tls = await loop.create_server(lambda: Session(gateway, None), "127.0.0.1", 0, ssl=context)
    try:
        yield Running(function, gateway, plain.sockets[0].getsockname()[1], tls.sockets[0].getsockname()[1])
    finally:
        plain.close()
        tls.close()
        gateway.stop()
