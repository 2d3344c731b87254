"""The gateway's process: what SIGHUP and SIGTERM do to whom."""

from __future__ import annotations

import signal
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.submission.gateway_process import PATIENCE, Door, Process

TEXT = b"From: a@example.com\r\nMessage-ID: <1@x>\r\n\r\nHi\r\n"
STORED = 202, {"id": "m1"}


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    with Door(lambda *_: STORED) as door, Process(tmp_path, door.url) as process:
        yield process


def shown(process: Process) -> tuple[str, str]:
    """The certificates that a new connection sees, over STARTTLS and over TLS."""
    seen = []
    for port, starttls in ((process.port, "smtp"), (process.tls_port, "")):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
        if starttls:
            plain.recv(1000)
            plain.sendall(b"EHLO x\r\nSTARTTLS\r\n")
            heard = b""
            while b"220 2.0.0" not in heard:
                heard += plain.recv(1000)
        with context.wrap_socket(plain) as encrypted:
            seen.append(ssl.DER_cert_to_PEM_cert(encrypted.getpeercert(binary_form=True) or b""))
    return seen[0], seen[1]


def test_sighup_reads_the_certificate_again_and_keeps_who_is_connected(process):
    with process.client() as open_before:
        before = process.certificate.read_text()
        assert shown(process) == (before, before)
        process.renew()
        process.signal(signal.SIGHUP)
        process.wait_for("the certificate was read again")
        after = process.certificate.read_text()
        assert after != before and shown(process) == (after, after)
        assert open_before.sendmail("a@example.com", ["b@example.net"], TEXT) == {}


@pytest.mark.parametrize("what", ["no certificate", "no key", "the new certificate beside the old key"])
def test_a_certificate_that_cannot_be_used_leaves_the_old_one(process, what):
    before = process.certificate.read_text()
    if what == "no certificate":
        process.certificate.write_text("-----BEGIN")
    elif what == "no key":
        process.key.unlink()
    else:
        key = process.key.read_bytes()
        process.renew()
        process.key.write_bytes(key)
    process.signal(signal.SIGHUP)
    process.wait_for("the old one stays")
    assert shown(process) == (before, before)


def test_sigterm_finishes_what_is_in_data_and_sends_the_rest_away(tmp_path):
    asked, go_on = threading.Event(), threading.Event()

    def answer(*_: object) -> tuple[int, object]:
        asked.set()
        assert go_on.wait(PATIENCE)
        return STORED

    with Door(answer) as door, Process(tmp_path, door.url) as process:
        idle, reading, handing = process.client(), process.client(), process.client()
        for client in (reading, handing):
            client.mail("a@example.com")
            client.rcpt("b@example.net")
            client.docmd("DATA")
        reading.send(TEXT)
        handing.send(TEXT + b".\r\n")
        assert asked.wait(PATIENCE)
        process.signal(signal.SIGTERM)
        assert idle.getreply()[0] == 421
        with pytest.raises(OSError):
            smtplib.SMTP("localhost", process.port)
        reading.send(b"More.\r\n.\r\n")
        go_on.set()
        for client in (reading, handing):
            assert client.getreply() == (250, b"2.0.0 Queued as m1")
            assert client.getreply()[0] == 421
        assert process.wait() == 0
