"""Name servers as they are written."""

import pytest

from warmpost.rules.identity.nameservers import read_nameserver


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("127.0.0.1", ("127.0.0.1", 53)),
        ("127.0.0.1:5353", ("127.0.0.1", 5353)),
        ("::1", ("::1", 53)),
        ("[::1]", ("::1", 53)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
    ],
)
def test_a_name_server_is_read_with_or_without_a_port(text, server):
    assert read_nameserver(text) == server


@pytest.mark.parametrize(
    "text", ["", "ns.example", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "[::1]:x", "1:²"]
)
def test_a_name_server_that_cannot_be_right_is_quoted(text):
    with pytest.raises(ValueError, match="a DNS server is an IP address with a port"):
        read_nameserver(text)
