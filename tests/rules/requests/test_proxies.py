"""The client's address behind proxies, whatever the client writes itself."""

from __future__ import annotations

import pytest

from warmpost.rules.requests.proxies import Proxies, read_proxies

PEER = "10.0.0.1"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "client"),
    [
        ("0", ["198.51.100.9"], PEER),
        ("1", [], PEER),
        ("1", ["192.0.2.1"], "192.0.2.1"),
        ("1", ["198.51.100.9, 192.0.2.1"], "192.0.2.1"),
        ("1", ["198.51.100.9", "192.0.2.1"], "192.0.2.1"),
        ("2", ["198.51.100.9, 192.0.2.1, 203.0.113.7"], "192.0.2.1"),
        ("2", ["192.0.2.1"], PEER),
        ("203.0.113.7", ["198.51.100.9, 192.0.2.1, 203.0.113.7"], "192.0.2.1"),
        ("203.0.113.7", ["198.51.100.9, 192.0.2.1"], "192.0.2.1"),
        ("203.0.113.0/24,2001:db8::/32", ["192.0.2.1, 2001:db8::7, 203.0.113.9"], "192.0.2.1"),
        ("203.0.113.7", ["203.0.113.7"], PEER),
        ("203.0.113.7", [], PEER),
        ("203.0.113.7", ["rubbish, 203.0.113.7"], "rubbish"),
    ],
)
def test_the_client_is_whom_the_last_proxy_of_ours_saw(proxies, forwarded, client):
    assert read_proxies(proxies).client(forwarded, PEER) == client


def test_one_proxy_is_usual():
    assert Proxies().client(["198.51.100.9, 192.0.2.1"], PEER) == "192.0.2.1"
