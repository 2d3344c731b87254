"""The checks find the same on a machine in the cloud, whose metadata server hands out credentials, as on one at home."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading

import pytest

from infra.checks.tools import NO_METADATA_SERVER
from infra.local.bootstrap import ROOT

LOOKING = """
import google.auth
try:
    google.auth.default()
except google.auth.exceptions.DefaultCredentialsError:
    print("none")
else:
    print("found")
"""


class MetadataServer(http.server.ThreadingHTTPServer):
    asked: list[str]


class Metadata(http.server.BaseHTTPRequestHandler):
    server: MetadataServer

    def do_GET(self):
        self.server.asked.append(self.path)
        self.send_response(200)
        self.send_header("Metadata-Flavor", "Google")
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(b"demo-project")

    def log_message(self, format, *arguments):
        pass


@pytest.fixture
def metadata_server():
    """Answers as the one of a machine in the cloud; `asked` are the paths."""
    server = MetadataServer(("127.0.0.1", 0), Metadata)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def credentials_found(metadata_server, home, **more):
    there = f"127.0.0.1:{metadata_server.server_port}"
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "GCE_METADATA_HOST": there,
        "GCE_METADATA_IP": there,
        **more,
    }
    ended = subprocess.run([sys.executable, "-c", LOOKING], cwd=ROOT, env=env, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_a_metadata_server_is_found_where_nothing_is_said_against_it(metadata_server, tmp_path):
    assert credentials_found(metadata_server, tmp_path) == "found"
    assert metadata_server.asked


def test_a_metadata_server_is_not_asked_by_what_the_checks_start(metadata_server, tmp_path):
    assert credentials_found(metadata_server, tmp_path, **NO_METADATA_SERVER) == "none"
    assert not metadata_server.asked
