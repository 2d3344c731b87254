"""Stands between the functions and the Firestore emulator and behaves as the service does at its worst.

The emulator is near, never busy and never wrong. The service is 30 to 100 ms away, refuses commits on documents that
many write at once, loses an answer now and then, and fails a read. Every message is passed on as the bytes it is.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import time
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from google.cloud.firestore_v1.types import CommitRequest

WITHIN = 1.0  # seconds over which writes of a document are counted
REFUSED_WHEN_HOT = 0.9
TELL_EVERY = 0.2  # seconds
UNARY = (
    "Commit",
    "GetDocument",
    "BeginTransaction",
    "Rollback",
    "CreateDocument",
    "UpdateDocument",
    "DeleteDocument",
)
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
OWN_HEADERS = ("user-agent", "grpc-", ":")

Bytes = Callable[[bytes, grpc.aio.ServicerContext[bytes, bytes]], Any]


@dataclass(frozen=True, slots=True)
class Faults:
    """latency: seconds that an answer takes longer. aborts: share of commits refused and not applied. lost_answers: share
    of commits applied and answered UNAVAILABLE. read_failures: share of reads answered UNAVAILABLE. contention: writes a
    second of one document above which nine commits of ten are refused; 0 for no limit.
    """

    latency: float = 0.0
    aborts: float = 0.0
    lost_answers: float = 0.0
    read_failures: float = 0.0
    contention: float = 0.0

    def __bool__(self) -> bool:
        return any(asdict(self).values())


class Proxy(grpc.GenericRpcHandler):
    """A gRPC service over the channel of another. faults: may be replaced while it runs.

    seen: calls, commits, aborted, lost and failed so far. written: commits that were passed on, by document.
    """

    def __init__(self, target: grpc.aio.Channel, faults: Faults, seed: int = 7) -> None:
        self.faults = faults
        self.seen: Counter[str] = Counter()
        self.written: Counter[str] = Counter()
        self._target = target
        self._random = random.Random(seed)  # noqa: S311 (dice)
        self._recent: defaultdict[str, deque[float]] = defaultdict(deque)

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        method = str(details.method)
        name = method.rpartition("/")[2]
        if name not in UNARY:
            return grpc.unary_stream_rpc_method_handler(self._stream(method))
        serve = self._commit(method) if name == "Commit" else self._unary(method)
        return grpc.unary_unary_rpc_method_handler(serve)

    def _commit(self, method: str) -> Bytes:
        call: Any = self._target.unary_unary(method)

        async def serve(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            self.seen.update(("calls", "commits"))
            await asyncio.sleep(self.faults.latency / 2)
            documents = set(_documents(request))
            if self._draw(self.faults.aborts) or self._is_hot(documents):
                self.seen["aborted"] += 1
                await context.abort(grpc.StatusCode.ABORTED, "Too much contention on these documents.")
            answer = await self._pass_on(call, request, context)
            self.written.update(documents)
            if self._draw(self.faults.lost_answers):
                self.seen["lost"] += 1
                await context.abort(grpc.StatusCode.UNAVAILABLE, "The connection was lost before the answer.")
            await asyncio.sleep(self.faults.latency / 2)
            return answer

        return serve

    def _unary(self, method: str) -> Bytes:
        call: Any = self._target.unary_unary(method)

        async def serve(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            await self._begin_read(context)
            return await self._pass_on(call, request, context)

        return serve

    def _stream(self, method: str) -> Bytes:
        call: Any = self._target.unary_stream(method)

        async def serve(
            request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]
        ) -> AsyncIterator[bytes]:
            await self._begin_read(context)
            try:
                async for answer in call(request, **_as_before(context)):
                    yield answer
            except grpc.aio.AioRpcError as error:
                await context.abort(error.code(), error.details() or "")

        return serve

    async def _begin_read(self, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        self.seen["calls"] += 1
        await asyncio.sleep(self.faults.latency)
        if self._draw(self.faults.read_failures):
            self.seen["failed"] += 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "The connection was lost.")

    async def _pass_on(
        self,
        call: Callable[..., Awaitable[bytes]],
        request: bytes,
        context: grpc.aio.ServicerContext[bytes, bytes],
    ) -> bytes:
        try:
            return await call(request, **_as_before(context))
        except grpc.aio.AioRpcError as error:
            await asyncio.sleep(self.faults.latency / 2)
            await context.abort(error.code(), error.details() or "")

    def _draw(self, share: float) -> bool:
        return self._random.random() < share

    def _is_hot(self, documents: set[str]) -> bool:
        """Whether a commit is refused for contention; where it is not, its writes are noted."""
        if not self.faults.contention:
            return False
        now = time.monotonic()
        for name in documents:
            recent = self._recent[name]
            while recent and recent[0] < now - WITHIN:
                recent.popleft()
        busy = any(len(self._recent[name]) >= self.faults.contention * WITHIN for name in documents)
        if busy and self._draw(REFUSED_WHEN_HOT):
            return True
        for name in documents:
            self._recent[name].append(now)
        return False


def _documents(request: bytes) -> Iterator[str]:
    """Paths of the documents that a commit writes, without the database's name."""
    for write in CommitRequest.pb(CommitRequest.deserialize(request)).writes:
        name = write.update.name or write.delete or write.transform.document
        yield name.partition("/documents/")[2]


def _as_before(context: grpc.aio.ServicerContext[bytes, bytes]) -> dict[str, Any]:
    kept = [
        (key, value) for key, value in context.invocation_metadata() or () if not key.startswith(OWN_HEADERS)
    ]
    return {"metadata": kept, "timeout": context.time_remaining()}


async def serve(target: str, port: int, proxy_file: Path | None, faults: Faults) -> None:
    """Until SIGTERM. proxy_file: JSON of other `Faults` may be written there at any time; `<name>.seen` has the counts."""
    async with grpc.aio.insecure_channel(target, options=OPTIONS) as channel:
        proxy = Proxy(channel, faults)
        server = await start(proxy, port)
        ended = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        while not ended.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), TELL_EVERY)
            if proxy_file:
                _exchange(proxy, proxy_file)
        await server.stop(None)


async def start(proxy: Proxy, port: int) -> grpc.aio.Server:
    """port: 0 takes a free one."""
    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers((proxy,))
    if not server.add_insecure_port(f"127.0.0.1:{port}"):
        raise OSError(f"port {port} cannot be listened on")
    await server.start()
    return server


def _exchange(proxy: Proxy, file: Path) -> None:
    with suppress(OSError, ValueError, TypeError):
        proxy.faults = Faults(**json.loads(file.read_text()))
    draft = file.with_name(f"{file.name}.new")
    draft.write_text(json.dumps({**proxy.seen, "written": proxy.written}))
    draft.replace(file.with_name(f"{file.name}.seen"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", help="host:port of the emulator")
    parser.add_argument("port", type=int)
    parser.add_argument("--file", type=Path, help="where other faults may be written while it runs")
    for name in Faults.__slots__:
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=0.0)
    options = parser.parse_args()
    faults = Faults(**{name: getattr(options, name) for name in Faults.__slots__})
    asyncio.run(serve(options.target, options.port, options.file, faults))


if __name__ == "__main__":
    main()
