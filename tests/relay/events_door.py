"""A real HTTP server in the place of `event_webhook`, which answers as it is told and keeps what it took."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class EventsDoor:
    """answer: status for a body. asked: path, headers and body of every request."""

    answer: Callable[[bytes], int] = lambda _: 202
    asked: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)
    url: str = ""


@contextmanager
def open_door() -> Iterator[EventsDoor]:
    door = EventsDoor()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            door.asked.append((self.path, dict(self.headers), body))
            status = door.answer(body)
            self.send_response(status)
            if status == 302:
                self.send_header("Location", door.url)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        door.url = f"http://127.0.0.1:{server.server_port}/event-webhook"
        yield door
        server.shutdown()
        thread.join()
