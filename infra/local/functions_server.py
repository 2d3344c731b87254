"""Serves every function in one asynchronous process, each under its own name: `/batch-submit/7` is what the function
`batch_submit` sees as `/7`, as it would behind the URL it has to itself in production. What comes to the port of the Tencent
protocol is for `tencent` alone, whatever its path: clients sign that."""

from __future__ import annotations

import argparse
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn
from functions_framework.aio import create_asgi_app
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from infra.local import faults
from infra.local.clock import MovableClock
from infra.local.operations import SharedMeter
from infra.local.request_log import RequestLog
from infra.local.routes import LocalRoutes
from infra.local.source import SOURCE, declared_functions, in_url
from warmpost import errors, services
from warmpost.gateways.http.app import answer


class FunctionsServer:
    """An ASGI application over functions of one source file.

    local: answers `/` and `/_local/…`. invoked: called once per request that a function gets. tencent_port: 0 for none.
    """

    def __init__(
        self, source: Path, local: ASGIApp, invoked: Callable[[], None], tencent_port: int = 0
    ) -> None:
        self._functions = {in_url(name): _application(name, source) for name in declared_functions(source)}
        self._local = local
        self._invoked = invoked
        self._tencent_port = tencent_port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._tencent_port and scope["server"][1] == self._tencent_port:
            self._invoked()
            await self._functions["tencent"](scope, receive, send)
            return
        name, _, rest = scope["path"].removeprefix("/").partition("/")
        if name in ("", "_local"):
            await self._local(scope, receive, send)
        elif function := self._functions.get(name):
            self._invoked()
            faults.verb.set(rest if name == "work" else "")
            raw = scope["raw_path"].removeprefix(b"/" + name.encode()) or b"/"
            await function({**scope, "path": "/" + rest, "raw_path": raw}, receive, send)
        else:
            response = await answer(Request(scope, receive), self._no_such_function)
            await response(scope, receive, send)

    async def _no_such_function(self, request: Request) -> Response:
        known = ", ".join(f"/{name}" for name in self._functions)
        raise errors.NotFound("not_found", f"There is no function at {request.url.path}; there are {known}.")


def _application(target: str, source: Path) -> ASGIApp:
    application: ASGIApp = create_asgi_app(target, str(source))  # type: ignore[no-untyped-call]
    return application


def _not_written_down() -> dict[str, dict[str, int]]:
    return {name: dict(usage.as_amounts()) for name, usage in services.services().metering.kept.items()}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", type=int, required=True, help="file descriptor that listens already")
    parser.add_argument(
        "--tencent-socket", type=int, required=True, help="the same, for the Tencent protocol"
    )
    parser.add_argument("--row", type=int, required=True, help="of this process in the counters' file")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--log-requests", type=Path, metavar="FILE", help="append a line for each request")
    parser.add_argument("--clock-skew", type=float, default=0.0, help="seconds that this process is ahead")
    return parser.parse_args()


def main() -> None:
    options = _arguments()
    clock = MovableClock(options.data / "clock", options.clock_skew)
    meter = SharedMeter(options.data / "operations", options.row)
    faults.use_fault_points()
    services.use_local(clock=clock, meter=meter)
    local = LocalRoutes(options.data, clock, _not_written_down)
    sockets = [socket.socket(fileno=one) for one in (options.socket, options.tencent_socket)]
    tencent_port = sockets[1].getsockname()[1]
    server: ASGIApp = FunctionsServer(SOURCE, local, meter.invocation, tencent_port)
    if options.log_requests:
        server = RequestLog(server, options.log_requests)
    config = uvicorn.Config(
        server,
        loop="uvloop",
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run(sockets=sockets)


if __name__ == "__main__":
    main()
