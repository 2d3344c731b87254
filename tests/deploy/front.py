"""The one host of all functions, as the platform has it: the first segment of the path names the function."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

HOP_BY_HOP = ("connection", "transfer-encoding", "content-length", "server", "date")


class Front:
    """addresses: `host:port` and the path in front of what is left, by first segment. Serves until the end of `with`."""

    def __init__(self) -> None:
        self.addresses: Mapping[str, tuple[str, str]] = {}
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self) -> None:
                name, _, rest = self.path.removeprefix("/").partition("/")
                name, mark, query = name.partition("?")
                host, before = front.addresses[name]
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                connection = http.client.HTTPConnection(host, timeout=120)
                connection.request(self.command, f"{before}/{rest}{mark}{query}", body, dict(self.headers))
                answer = connection.getresponse()
                content = answer.read()
                self.send_response(answer.status)
                for header, value in answer.getheaders():
                    if header.lower() not in HOP_BY_HOP:
                        self.send_header(header, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                connection.close()

            do_GET = do_POST = do_PATCH = do_DELETE = pass_on  # noqa: N815

            def log_message(self, format: str, *arguments: object) -> None:
                """Nothing is written."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
