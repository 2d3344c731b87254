"""Starts the gateway: SMTP with STARTTLS on one port, over TLS on another, until SIGTERM or SIGINT.

SIGHUP reads the certificate again; connections that are open keep the one they began with.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import ssl
import time
from contextlib import suppress
from pathlib import Path

import uvloop

from infra.submission.functions_client import FunctionsClient
from infra.submission.gateway import Bounds, Gateway
from infra.submission.session import Session

LAST_WORDS = 60.0  # seconds for what is being handed over when it is to stop
FAREWELL = 0.2  # seconds for what was said last to leave the process

log = logging.getLogger("submission")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="submission", description=__doc__)
    environment = os.environ.get
    parser.add_argument("--host", default=environment("SUBMISSION_HOST", "0.0.0.0"))
    parser.add_argument("--port", type=int, default=int(environment("SUBMISSION_PORT", "587")))
    parser.add_argument("--tls-port", type=int, default=int(environment("SUBMISSION_TLS_PORT", "465")))
    parser.add_argument("--send-url", default=environment("WARMPOST_SEND_URL"), help="of the function `send`")
    parser.add_argument("--hostname", default=environment("SUBMISSION_HOSTNAME", socket.getfqdn()))
    parser.add_argument("--certificate", type=Path, default=environment("SUBMISSION_CERTIFICATE"))
    parser.add_argument("--key", type=Path, default=environment("SUBMISSION_KEY"))
    parser.add_argument("--self-made", type=Path, metavar="FILE", help="make a certificate and keep it here")
    options = parser.parse_args()
    if not options.send_url:
        parser.error("--send-url or WARMPOST_SEND_URL says where the function `send` answers")
    if not options.self_made and not (options.certificate and options.key):
        parser.error("--certificate and --key say where the certificate is")
    return options


def _make_certificate(options: argparse.Namespace) -> None:
    from infra.local.inbox.certificate import self_made

    options.certificate = options.self_made
    options.key = options.self_made.with_suffix(".key")
    if options.certificate.exists():
        return  # clients that trust it go on after a restart
    certificate, key = self_made(options.hostname)
    options.key.touch(mode=0o600)
    options.key.write_bytes(key)
    options.certificate.write_bytes(certificate)


def _tls(options: argparse.Namespace) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(options.certificate, options.key)
    return context


def _reload(context: ssl.SSLContext, options: argparse.Namespace) -> None:
    """Tried on another context first: OpenSSL drops the key it has when a certificate comes that it does not fit."""
    try:
        _tls(options)
        context.load_cert_chain(options.certificate, options.key)
        log.info("the certificate was read again")
    except (OSError, ssl.SSLError) as error:
        log.error("the certificate could not be read again, the old one stays: %s", error)


async def _serve(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    context = _tls(options)
    loop.add_signal_handler(signal.SIGHUP, _reload, context, options)
    client = FunctionsClient(options.send_url)
    gateway = Gateway(client, time.monotonic, Bounds(), options.hostname)
    servers = [
        await loop.create_server(lambda: Session(gateway, context), options.host, options.port),
        await loop.create_server(lambda: Session(gateway, None), options.host, options.tls_port, ssl=context),
    ]
    log.info("SMTP on %s:%d (STARTTLS) and %d (TLS)", options.host, options.port, options.tls_port)
    await stop.wait()
    for server in servers:
        server.close()
    gateway.stop()
    with suppress(TimeoutError):
        async with asyncio.timeout(LAST_WORDS):
            await gateway.emptied.wait()
    await asyncio.sleep(FAREWELL)
    await client.close()


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="submission: %(message)s")
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    options = _options()
    if options.self_made:
        _make_certificate(options)
    uvloop.run(_serve(options))


if __name__ == "__main__":
    main()
