import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.model.addresses import Flaw
from warmpost.rules.webhooks.public_addresses import is_public, is_usable_port, read_url


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::64"])
def test_addresses_of_the_internet_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "127.255.255.254",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
        ),
        *("169.254.169.254", "169.254.1.1", "100.64.0.1", "100.127.255.255", "224.0.0.1", "239.1.1.1"),
        *(
            "240.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.51.100.7",
            "203.0.113.9",
            "198.18.0.1",
            "192.0.0.8",
        ),
        *("192.88.99.1", "168.63.129.16", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254"),
        *("ff02::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::ffff:169.254.169.254"),
        *("64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "3fff::1", "fec0::1"),
        *("localhost", "", "127.1", "2130706433", "0x7f000001", "0177.0.0.1"),
    ],
)
def test_inner_addresses_are_not_public_in_any_form(address):
    assert not is_public(address)


@given(st.ip_addresses(v=4).filter(lambda ip: ip.is_private or ip.is_multicast or ip.is_link_local))
def test_no_private_address_is_public_nor_inside_an_ipv6_one(ip):
    assert not is_public(str(ip))
    for prefix in ("::ffff:0:0", "64:ff9b::", "::"):
        assert not is_public(str(ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) + int(ip))))
    assert not is_public(str(ipaddress.IPv6Address((0x2002 << 112) + (int(ip) << 80))))


def test_ports_are_those_of_the_web_and_those_anybody_may_open():
    usable = [port for port in (1, 22, 25, 80, 443, 445, 1023, 1024, 8080, 65535) if is_usable_port(port)]
    assert usable == [80, 443, 1024, 8080, 65535]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("https://hooks.example.com", "https://hooks.example.com/"),
        ("https://Hooks.Example.com:8443/a/b?c=d%20e&f", "https://hooks.example.com:8443/a/b?c=d%20e&f"),
        ("https://bücher.example/x", "https://xn--bcher-kva.example/x"),
        ("https://8.8.8.8/x", "https://8.8.8.8/x"),
        ("https://[2606:4700::1111]:443/", "https://[2606:4700::1111]:443/"),
    ],
)
def test_a_public_endpoint_is_read_into_one_form(written, read):
    assert read_url(written) == read


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://hooks.example.com/",
            "ftp://hooks.example.com/",
            "hooks.example.com",
            "",
            "https://",
            "https:///x",
        ),
        *(
            "https://user:pass@hooks.example.com/",
            "https://8.8.8.8@127.0.0.1/",
            "https://a.example@b.example/",
        ),
        *("https://localhost/", "https://127.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/"),
        *(
            "https://2130706433/",
            "https://0177.0.0.1/",
            "https://0x7f.0.0.1/",
            "https://0x7f000001/",
            "https://127.1/",
        ),
        *("https://１２７.0.0.1/", "https://127。0。0。1/", "https://127.0.0.1./", "https://a.example.0x7f/"),
        *("https://169.254.169.254/latest", "https://metadata.google.internal/", "https://db.prod.internal/"),
        *(
            "https://METADATA.google.internal./",
            "https://x.localhost/",
            "https://printer.local/",
            "https://metadata/",
        ),
        *(
            "https://hooks.example.com:22/",
            "https://hooks.example.com:0/",
            "https://hooks.example.com:99999/",
        ),
        *(
            "https://hooks.example.com/a b",
            "https://hooks.example.com/\r\nHost: x",
            "https://hooks.example.com\\@x/",
        ),
        *(
            "https://hooks.example.com/#part",
            "https://hooks.example.com/ä",
            "https://hooks.example.com/" + "a" * 2000,
        ),
        *("https://[::1/", "https://[fe80::1%25eth0]/", "//hooks.example.com/"),
    ],
)
def test_what_could_lead_inside_is_refused_with_its_reason(url):
    found = read_url(url)
    assert isinstance(found, Flaw)
    assert found.reason


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:9000/hook", "http://localhost:9000/hook", "https://receiver/x", "http://[::1]:80/"],
)
def test_the_local_stack_may_call_itself(url):
    assert read_url(url, private=True) == url
    assert isinstance(read_url(url), Flaw)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    for url in (text, f"https://{text}", f"https://{text}.example/"):
        found = read_url(url)
        assert isinstance(found, Flaw) or found.startswith("https://")


def test_a_local_name_may_not_smuggle_a_number_in():
    assert isinstance(read_url("http://0x7f000001/", private=True), Flaw)
