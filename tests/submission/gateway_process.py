"""The gateway as a process of its own, and a function `send` before it that does what a test wants."""

from __future__ import annotations

import json
import os
import signal
import smtplib
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from infra.local import launch
from infra.local.bootstrap import ROOT
from infra.local.inbox.certificate import self_made
from infra.local.ports import free_ports

Answered = tuple[int, Any]
PATIENCE = 30


class Process:
    """Started when it is made; `with` kills it. folder: where its certificate is, made where there is none.

    python, place: the interpreter and the folder that hold the program, where these are not the ones that run the tests.
    """

    def __init__(
        self, folder: Path, send_url: str, python: Path = Path(sys.executable), place: Path = ROOT
    ) -> None:
        self._place = place
        self.certificate, self.key = folder / "gateway.pem", folder / "gateway.key"
        if not self.certificate.exists():
            self.renew()
        self.port, self.tls_port = free_ports(2)
        self._command = [sys.executable, launch.__file__, str(os.getpid()), str(python), "-m"]
        self._command += ["infra.submission", "--host", "127.0.0.1", "--send-url", send_url]
        self._command += ["--port", str(self.port), "--tls-port", str(self.tls_port)]
        self._command += ["--hostname", "localhost", "--certificate", str(self.certificate)]
        self._command += ["--key", str(self.key)]
        self.start()

    def renew(self) -> None:
        certificate, key = self_made("localhost")
        self.certificate.write_bytes(certificate)
        self.key.write_bytes(key)

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            cwd=self._place,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": "functions"},
        )
        self.wait_for("SMTP on")

    def wait_for(self, words: str) -> None:
        """A line of its log that has them."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if words in line:
                return
        raise AssertionError(f"the gateway ended before it said {words!r}")

    @property
    def pid(self) -> int:
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        return self._process.wait(PATIENCE)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(PATIENCE)

    def client(
        self, user: str = "warmpost", password: str = "wp_id_right", source: str = "127.0.0.1"
    ) -> smtplib.SMTP:
        """Logged in over STARTTLS. source: the address it comes from."""
        smtp = smtplib.SMTP("localhost", self.port, timeout=PATIENCE, source_address=(source, 0))
        smtp.starttls(context=ssl.create_default_context(cafile=str(self.certificate)))
        smtp.login(user, password)
        return smtp

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        assert self._process.stderr is not None
        self._process.stderr.close()


class Door:
    """An HTTP server whose every POST is answered by `answer(headers, body)`, and every credential is right."""

    def __init__(self, answer: Callable[[Mapping[str, str], bytes], Answered]) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._reply(200, {})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self._reply(*answer(dict(self.headers), body))

            def _reply(self, status: int, answered: Any) -> None:
                content = json.dumps(answered).encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                except OSError:
                    self.close_connection = True  # the gateway was killed meanwhile

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> Door:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
