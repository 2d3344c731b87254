"""The local DNS server: real sockets, the resolver every other part uses."""

import asyncio
import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dns.asyncquery
import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import pytest
import pytest_asyncio

from infra.local.nameserver import publish
from infra.local.ports import free_ports

ROOT = Path(__file__).parents[2]


@pytest_asyncio.fixture(scope="module")
async def server(tmp_path_factory):
    """(port, zone file, process) of a name server whose first answer has come."""
    zone = tmp_path_factory.mktemp("dns") / "zone.json"
    zone.write_text("[]")
    [port] = free_ports(1)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "infra.local.nameserver", "--port", str(port), "--zone", str(zone)),
        cwd=ROOT,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(20):
        while True:
            try:
                await _ask(port, "up.example", "TXT", timeout=0.2)
                break
            except (dns.exception.Timeout, OSError):
                assert process.returncode is None
    yield port, zone, process
    if process.returncode is None:
        process.terminate()
        await process.wait()


async def _ask(port, name, type, *, tcp=False, timeout=3.0, **options):
    query = dns.message.make_query(name, type, **options)
    ask = dns.asyncquery.tcp if tcp else dns.asyncquery.udp
    return await ask(query, "127.0.0.1", port=port, timeout=timeout)


def _resolver(port):
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], port
    return resolver


async def test_published_records_of_every_type_are_answered(server):
    port, zone, _ = server
    records = {
        "TXT": ["v=spf1 -all"],
        "A": ["127.0.0.2"],
        "AAAA": ["::1"],
        "MX": ["10 mx.types.example."],
        "NS": ["ns.types.example."],
    }
    for type, values in records.items():
        publish(zone, "types.example", type, values)
    for type, values in records.items():
        found = await _resolver(port).resolve("types.example", type)
        assert [rdata.to_text().strip('"') for rdata in found] == values


async def test_a_name_nobody_published_does_not_exist(server):
    port, _, _ = server
    reply = await _ask(port, "nobody.example", "A")
    assert reply.rcode() == dns.rcode.NXDOMAIN
    assert reply.flags & dns.flags.AA


async def test_another_type_of_an_existing_name_is_empty(server):
    port, zone, _ = server
    publish(zone, "only-txt.example", "TXT", ["here"])
    reply = await _ask(port, "only-txt.example", "MX")
    assert (reply.rcode(), reply.answer) == (dns.rcode.NOERROR, [])


async def test_long_txt_values_are_split_and_survive_udp_truncation(server):
    port, zone, _ = server
    key = "v=DKIM1; k=rsa; p=" + "A" * 400
    publish(zone, "s1._domainkey.long.example", "TXT", [key])
    (rdata,) = await _resolver(port).resolve("s1._domainkey.long.example", "TXT")
    assert [len(part) for part in rdata.strings] == [255, len(key) - 255]
    assert b"".join(rdata.strings).decode() == key

    many = [f"{number} " + "x" * 200 for number in range(20)]
    publish(zone, "many.example", "TXT", many)
    assert (await _ask(port, "many.example", "TXT")).flags & dns.flags.TC
    whole = await _ask(port, "many.example", "TXT", tcp=True)
    assert sorted(rdata.strings[0].decode() for rdata in whole.answer[0]) == sorted(many)


async def test_txt_values_are_answered_to_the_letter(server):
    port, zone, _ = server
    odd = 'a "quoted" back\\slash; semicolon 邮件'
    publish(zone, "odd.example", "TXT", [odd])
    (rdata,) = await _resolver(port).resolve("odd.example", "TXT")
    assert b"".join(rdata.strings).decode() == odd


async def test_names_are_case_insensitive_and_may_end_with_a_dot(server):
    port, zone, _ = server
    publish(zone, "Case.Example.", "txt", ["one"])
    publish(zone, "case.example", "TXT", ["two"])
    found = await _resolver(port).resolve("CASE.example", "TXT")
    assert [rdata.strings for rdata in found] == [(b"two",)]


async def test_a_cname_answers_with_its_target(server):
    port, zone, _ = server
    publish(zone, "track.example", "CNAME", ["web.example"])
    publish(zone, "web.example", "A", ["127.0.0.3"])
    reply = await _ask(port, "track.example", "A")
    assert [rrset.rdtype.name for rrset in reply.answer] == ["CNAME", "A"]


async def test_no_values_removes_the_records(server):
    port, zone, _ = server
    publish(zone, "gone.example", "TXT", ["here"])
    await _resolver(port).resolve("gone.example", "TXT")
    publish(zone, "gone.example", "TXT", [])
    with pytest.raises(dns.resolver.NXDOMAIN):
        await _resolver(port).resolve("gone.example", "TXT")


async def test_a_broken_file_keeps_the_last_good_zone(server):
    port, zone, _ = server
    publish(zone, "kept.example", "TXT", ["still here"])
    await _resolver(port).resolve("kept.example", "TXT")
    good = zone.read_text()
    for broken in (
        "{not json",
        '[{"name": "kept.example"}]',
        '[{"name":"a","type":"A","values":["no address"]}]',
    ):
        zone.write_text(broken)
        found = await _resolver(port).resolve("kept.example", "TXT")
        assert found[0].strings == (b"still here",)
    zone.write_text(good)


async def test_edns_and_plain_clients_are_both_served(server):
    port, zone, _ = server
    publish(zone, "edns.example", "TXT", ["x" * 1500])
    assert (await _ask(port, "edns.example", "TXT", use_edns=0, payload=4096)).answer
    assert (await _ask(port, "edns.example", "TXT", use_edns=False)).flags & dns.flags.TC


async def test_what_is_no_query_is_not_answered(server):
    port, zone, _ = server
    publish(zone, "alive.example", "A", ["127.0.0.4"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as noise:
        noise.sendto(b"\x00\x01garbage", ("127.0.0.1", port))
        noise.sendto(b"", ("127.0.0.1", port))
    assert (await _ask(port, "alive.example", "A")).answer


@pytest.mark.parametrize(
    ("name", "type", "values"),
    [
        ("a.example", "SPF", ["v=spf1"]),
        ("a.example", "A", ["300.1.1.1"]),
        ("a.example", "MX", ["mx.example"]),
        ("a.example", "CNAME", ["b.example", "c.example"]),
        ("a..example", "TXT", ["x"]),
        ("", "TXT", ["x"]),
    ],
)
def test_what_no_zone_can_hold_is_refused_with_a_sentence(tmp_path, name, type, values):
    zone = tmp_path / "zone.json"
    with pytest.raises(ValueError, match=r"\.$"):
        publish(zone, name, type, values)
    assert not zone.exists()


def test_publishing_into_a_broken_file_leaves_it_alone(tmp_path):
    zone = tmp_path / "zone.json"
    zone.write_text("{broken")
    with pytest.raises(ValueError, match="not a JSON list"):
        publish(zone, "a.example", "TXT", ["x"])
    assert zone.read_text() == "{broken"
    assert [file.name for file in tmp_path.iterdir()] == ["zone.json"]


def test_simultaneous_writers_lose_nothing(tmp_path):
    zone = tmp_path / "zone.json"
    with ThreadPoolExecutor(8) as writers:
        list(writers.map(lambda n: publish(zone, f"n{n}.example", "TXT", [str(n)]), range(60)))
    assert {entry["name"] for entry in json.loads(zone.read_text())} == {f"n{n}.example" for n in range(60)}


async def test_sigterm_stops_it_at_once(server):
    port, _, process = server
    process.terminate()
    async with asyncio.timeout(5):
        assert await process.wait() == 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind(("127.0.0.1", port))
