"""Starts the inbox: SMTP on one port, the page on another, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
from pathlib import Path

import uvloop
from aiohttp import web

from infra.local.inbox.certificate import self_made, server_context
from infra.local.inbox.discard import Discarded, DiscardedIndex
from infra.local.inbox.index import Index
from infra.local.inbox.maildir import Maildir
from infra.local.inbox.smtp import HOSTNAME, Connection, Reception
from infra.local.inbox.verdict import keys_from
from infra.local.inbox.web import Web

HOST = "127.0.0.1"

log = logging.getLogger("inbox")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="inbox", description="An SMTP server that keeps and shows every message."
    )
    parser.add_argument("--smtp-port", type=int, required=True, help="SMTP, with STARTTLS on offer")
    parser.add_argument("--tls-port", type=int, help="SMTP over TLS from the first byte")
    parser.add_argument("--http-port", type=int, required=True, help="the page and its JSON")
    parser.add_argument(
        "--maildir", type=Path, required=True, help="where messages are kept; made if missing"
    )
    parser.add_argument("--dns", type=_address, help="HOST:PORT of the DNS server to ask for DKIM keys")
    parser.add_argument("--user", help="take only this user's AUTH (default: anybody's)")
    parser.add_argument("--password", default="")
    parser.add_argument("--require-auth", action="store_true", help="no MAIL before AUTH")
    parser.add_argument(
        "--certificate", type=Path, help="write the self-made certificate here, for clients to trust"
    )
    parser.add_argument("--console", default="", help="URL of the console, to link to")
    parser.add_argument("--discard", action="store_true", help="count messages and keep none of them")
    return parser.parse_args()


def _storage(options: argparse.Namespace) -> tuple[Maildir, Index]:
    if options.discard:
        discarded = Discarded(options.maildir)
        return discarded, DiscardedIndex(discarded)
    maildir = Maildir(options.maildir)
    return maildir, Index(maildir)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


async def _serve(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    certificate, key = self_made(HOSTNAME)
    if options.certificate:
        await asyncio.to_thread(options.certificate.write_bytes, certificate)
    tls = server_context(certificate, key)
    maildir, index = _storage(options)
    credentials = (options.user, options.password) if options.user is not None else None
    reception = Reception(maildir, index.note, credentials=credentials, require_auth=options.require_auth)

    await loop.create_server(lambda: Connection(reception, tls), HOST, options.smtp_port)
    if options.tls_port is not None:
        await loop.create_server(lambda: Connection(reception, None), HOST, options.tls_port, ssl=tls)
    runner = web.AppRunner(Web(index, keys_from(options.dns), options.console).application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, options.http_port).start()
    log.info("SMTP on %s:%d, page on http://%s:%d/", HOST, options.smtp_port, HOST, options.http_port)
    await stop.wait()


def main() -> None:
    options = _options()
    logging.basicConfig(level=logging.INFO, format="inbox: %(message)s")
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    uvloop.run(_serve(options))


if __name__ == "__main__":
    main()
