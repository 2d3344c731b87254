from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.conftest import Publish
from warmpost.adapters.dns import DnsResolver
from warmpost.errors import Unavailable


@pytest.fixture
def resolver(dns_server: tuple[str, Path]) -> DnsResolver:
    return DnsResolver([dns_server[0]])


async def test_values_come_whole_however_they_are_split(resolver: DnsResolver, publish: Publish) -> None:
    publish("long.dns.example", "v=DKIM1; p=" + "A" * 600, "zweiter Wert: ü")
    assert sorted(await resolver.txt("long.dns.example")) == ["v=DKIM1; p=" + "A" * 600, "zweiter Wert: ü"]


async def test_what_does_not_exist_has_no_values(
    resolver: DnsResolver, publish: Publish, dns_server: tuple[str, Path]
) -> None:
    from infra.local import nameserver

    nameserver.publish(dns_server[1], "other.dns.example", "A", ["127.0.0.1"])
    assert await resolver.txt("none.dns.example") == []
    assert await resolver.txt("other.dns.example") == []


async def test_a_change_is_seen_at_once(resolver: DnsResolver, publish: Publish) -> None:
    publish("new.dns.example", "one")
    assert await resolver.txt("new.dns.example") == ["one"]
    publish("new.dns.example", "two")
    assert await resolver.txt("new.dns.example") == ["two"]


async def test_the_next_server_answers_where_the_first_does_not(
    dns_server: tuple[str, Path], publish: Publish
) -> None:
    publish("second.dns.example", "here")
    resolver = DnsResolver(["127.0.0.1:1", dns_server[0]])
    assert await resolver.txt("second.dns.example") == ["here"]


class Silent(asyncio.DatagramProtocol):
    pass


async def test_a_server_that_never_answers_is_unavailable() -> None:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        Silent, local_addr=("127.0.0.1", 0)
    )
    host, port = transport.get_extra_info("sockname")
    with pytest.raises(Unavailable) as refused:
        await DnsResolver([f"{host}:{port}"], lifetime=0.2).txt("x.example")
    transport.close()
    assert refused.value.code == "dns_unavailable"


@pytest.mark.parametrize("server", ["dns.example", "127.0.0.1:x", "127.0.0.1:0", "127.0.0.1:70000", ""])
def test_a_server_is_named_by_its_address(server: str) -> None:
    with pytest.raises(ValueError, match="IP address with a port"):
        DnsResolver([server])


@pytest.mark.parametrize("server", ["8.8.8.8", "8.8.8.8:5353", "[::1]:5353", "::1", "[::1]"])
def test_servers_may_be_of_either_kind(server: str) -> None:
    DnsResolver([server])


async def test_mail_exchangers_come_in_order_of_preference(
    resolver: DnsResolver, dns_server: tuple[str, Path]
) -> None:
    from infra.local import nameserver

    values = ["20 Second.mx.example.", "10 first.mx.example.", "20 another.mx.example."]
    nameserver.publish(dns_server[1], "mx.dns.example", "MX", values)
    nameserver.publish(dns_server[1], "null.dns.example", "MX", ["0 ."])
    assert await resolver.mx("mx.dns.example") == [
        "first.mx.example",
        "another.mx.example",
        "second.mx.example",
    ]
    assert await resolver.mx("null.dns.example") == [""]
    assert await resolver.mx("none.dns.example") == []
