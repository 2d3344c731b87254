"""The local stack's DNS: a sender domain can be verified on a machine that owns no domain.

Answers, over UDP and TCP on the loopback, exactly what a JSON file holds and nothing else:

    [{"name": "news.example", "type": "TXT", "values": ["v=spf1 ip4:127.0.0.1 -all"]}, ...]

A name that is not in the file does not exist (NXDOMAIN); a name that is there answers other types with
NOERROR and no records (RFC 2308 section 2). A name with a CNAME answers with it and with what the file holds
for its target. The file is read again when it was replaced or changed; a broken one keeps the last good zone.

Run: `python -m infra.local.nameserver --port 5353 --zone zone.json`
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import json
import logging
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

TYPES = ("TXT", "A", "AAAA", "CNAME", "MX", "NS")
TTL = 1  # seconds: what was published a moment ago must not be hidden by what was asked before
UDP_SIZE = 1232  # octets, what clients without a larger EDNS size are spared from reassembling
TCP_IDLE = 10.0  # seconds

log = logging.getLogger("nameserver")

Records = dict[dns.name.Name, dict[dns.rdatatype.RdataType, dns.rrset.RRset]]


def publish(zone_file: Path, name: str, type: str, values: list[str]) -> None:
    """Let a name be answered without a restart: replaces the records of `name` and `type` in the zone file.

    No values removes them. Names are case-insensitive and may end with a dot. The file is replaced in one
    step and created when it is missing. Raises ValueError, with a sentence, for what no zone can hold.
    """
    name = name.strip().rstrip(".").lower()
    type = type.strip().upper()
    _rrset(name, type, values)
    with _locked(zone_file.parent):
        entries = _entries(zone_file)
        if entries is None:
            raise ValueError(f"{zone_file} is not a JSON list of records; mend or remove it first.")
        kept = [entry for entry in entries if (_plain(entry["name"]), entry["type"].upper()) != (name, type)]
        if values:
            kept.append({"name": name, "type": type, "values": list(values)})
        descriptor, draft = tempfile.mkstemp(dir=zone_file.parent, prefix=zone_file.name)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(kept, file, ensure_ascii=False, indent=1)
        Path(draft).replace(zone_file)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer at a time, over threads and processes: each edit reads what the one before wrote."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _plain(name: str) -> str:
    return name.rstrip(".").lower()


def _entries(zone_file: Path) -> list[dict[str, Any]] | None:
    """The file's records as written; empty for a missing file, None for one that does not hold a list of records."""
    try:
        entries = json.loads(zone_file.read_bytes())
    except FileNotFoundError:
        return []
    except ValueError:
        return None
    well_formed = isinstance(entries, list) and all(
        isinstance(entry, dict)
        and isinstance(entry.get("name"), str)
        and isinstance(entry.get("type"), str)
        and isinstance(entry.get("values"), list)
        and all(isinstance(value, str) for value in entry["values"])
        for entry in entries
    )
    return entries if well_formed else None


def _rrset(name: str, type: str, values: list[str]) -> dns.rrset.RRset:
    """The records of one entry as they go on the wire; ValueError says what is wrong with it."""
    if type not in TYPES:
        raise ValueError(f"Records of type {type!r} are not served; these are: {', '.join(TYPES)}.")
    try:
        owner = dns.name.from_text(name)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise ValueError(f"{name!r} is not a domain name: {error}.") from error
    if owner == dns.name.root:
        raise ValueError("A record needs a name.")
    if type == "CNAME" and len(values) > 1:
        raise ValueError(f"{name} can be an alias (CNAME) of one name only.")
    rrset = dns.rrset.RRset(owner, dns.rdataclass.IN, dns.rdatatype.from_text(type))
    for value in values:
        try:
            text = _quoted(value) if type == "TXT" else value
            rrset.add(dns.rdata.from_text("IN", type, text, origin=dns.name.root, relativize=False), ttl=TTL)
        except (dns.exception.DNSException, ValueError) as error:
            raise ValueError(f"{value!r} is not a value of type {type}: {error}.") from error
    return rrset


def _quoted(text: str) -> str:
    """A TXT value as character strings of at most 255 octets each, which readers join again (RFC 7208 section 3.3)."""
    octets = text.encode()
    pieces = [octets[at : at + 255] for at in range(0, len(octets), 255)] or [b""]
    return " ".join('"' + "".join(f"\\{octet:03d}" for octet in piece) + '"' for piece in pieces)


class Zone:
    """What the file held the last time it could be read."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: tuple[int, int, int] | None = None
        self._records: Records = {}

    def records(self) -> Records:
        try:
            stat = self._file.stat()
            state = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        except FileNotFoundError:
            state = (0, 0, 0)
        if state != self._seen:
            self._seen = state
            self._read()
        return self._records

    def _read(self) -> None:
        entries = _entries(self._file)
        if entries is None:
            log.warning("%s is not a JSON list of records: the last good zone stays", self._file)
            return
        records: Records = {}
        try:
            for entry in entries:
                rrset = _rrset(_plain(entry["name"]), entry["type"].upper(), entry["values"])
                if not rrset:
                    continue
                held = records.setdefault(rrset.name, {}).setdefault(rrset.rdtype, rrset)
                for rdata in rrset:
                    held.add(rdata, ttl=TTL)
        except ValueError as error:
            log.warning("%s: %s The last good zone stays", self._file, error)
            return
        self._records = records


def answer(zone: Zone, packet: bytes, largest: int | None = None) -> bytes | None:
    """The reply to one query on the wire; None for what is no query.

    largest: octets a UDP reply may have at most (the client's EDNS size counts where it is larger); a reply
    that is longer comes back truncated, so that the client asks again over TCP.
    """
    try:
        query = dns.message.from_wire(packet)
    except dns.exception.DNSException:
        return None
    if query.flags & dns.flags.QR:
        return None
    reply = dns.message.make_response(query, recursion_available=True)
    if query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
        reply.set_rcode(dns.rcode.NOTIMP)
        return reply.to_wire()
    reply.flags |= dns.flags.AA
    _fill(reply, zone.records(), query.question[0])
    if largest is None:
        return reply.to_wire(max_size=65535)
    try:
        return reply.to_wire(max_size=max(largest, query.payload))
    except dns.exception.TooBig:
        reply.answer.clear()
        reply.flags |= dns.flags.TC
        return reply.to_wire()


def _fill(reply: dns.message.Message, records: Records, question: dns.rrset.RRset) -> None:
    name = question.name
    if name not in records:
        reply.set_rcode(dns.rcode.NXDOMAIN)
        return
    visited: set[dns.name.Name] = set()
    while name in records and name not in visited:
        visited.add(name)
        held = records[name]
        if question.rdtype in held:
            reply.answer.append(held[question.rdtype])
            return
        alias = held.get(dns.rdatatype.CNAME)
        if alias is None:
            return
        reply.answer.append(alias)
        name = alias[0].target


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if (reply := answer(self._zone, data, UDP_SIZE)) is not None:
            self._transport.sendto(reply, addr)


async def _serve_stream(zone: Zone, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Queries over one TCP connection, each with its length before it (RFC 1035 section 4.2.2)."""
    with contextlib.suppress(asyncio.IncompleteReadError, TimeoutError, ConnectionError):
        while True:
            async with asyncio.timeout(TCP_IDLE):
                length = int.from_bytes(await reader.readexactly(2))
                packet = await reader.readexactly(length)
            reply = answer(zone, packet)
            if reply is None:
                break
            writer.write(len(reply).to_bytes(2) + reply)
            await writer.drain()
    writer.close()


async def serve(port: int, zone_file: Path, host: str = "127.0.0.1") -> None:
    """Answers until SIGTERM or SIGINT; OSError when the port is taken."""
    zone = Zone(zone_file)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    datagrams, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(zone), local_addr=(host, port))
    streams = await asyncio.start_server(lambda r, w: _serve_stream(zone, r, w), host, port)
    log.info("answering what %s holds on %s port %d", zone_file, host, port)
    await stop.wait()
    streams.close()
    datagrams.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="nameserver", description="Answers what a JSON file of records holds."
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--zone", type=Path, required=True, help="JSON list of {name, type, values}")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="nameserver: %(message)s")
    asyncio.run(serve(options.port, options.zone))


if __name__ == "__main__":
    main()
