"""The inbox's opinion on DKIM signatures, with keys from the local name server."""

import asyncio
import base64
import sys
from dataclasses import dataclass
from pathlib import Path

import dkim
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from infra.local.nameserver import publish
from infra.local.ports import free_ports
from tests.local.running_inbox import ROOT, build_message, running_inbox


@dataclass(frozen=True)
class Keys:
    zone: Path
    rsa: bytes
    ed25519: bytes


@pytest_asyncio.fixture(scope="module")
async def keys(tmp_path_factory):
    """Key pairs of news.example, published in a zone file: selectors r and e."""
    zone = tmp_path_factory.mktemp("dns") / "zone.json"
    raw, der = serialization.Encoding.Raw, serialization.Encoding.DER
    pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = pair.public_key().public_bytes(der, serialization.PublicFormat.SubjectPublicKeyInfo)
    publish(
        zone, "r._domainkey.news.example", "TXT", [f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"]
    )
    small = ed25519.Ed25519PrivateKey.generate()
    point = small.public_key().public_bytes(raw, serialization.PublicFormat.Raw)
    publish(
        zone,
        "e._domainkey.news.example",
        "TXT",
        [f"v=DKIM1; k=ed25519; p={base64.b64encode(point).decode()}"],
    )
    none = serialization.NoEncryption()
    return Keys(
        zone,
        pair.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, none),
        base64.b64encode(small.private_bytes(raw, serialization.PrivateFormat.Raw, none)),
    )


@pytest_asyncio.fixture(scope="module")
async def inbox(keys, tmp_path_factory):
    (port,) = free_ports(1)
    command = ("-m", "infra.local.nameserver", "--port", str(port), "--zone", str(keys.zone))
    server = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT)
    try:
        async with running_inbox(tmp_path_factory.mktemp("inbox"), "--dns", f"127.0.0.1:{port}") as running:
            yield running
    finally:
        server.terminate()
        await server.wait()


def _signed(keys: Keys, message: bytes, selector: bytes = b"r", domain: bytes = b"news.example") -> bytes:
    key, algorithm = (keys.ed25519, b"ed25519-sha256") if selector == b"e" else (keys.rsa, b"rsa-sha256")
    canonicalize = (b"relaxed", b"simple")
    return dkim.sign(message, selector, domain, key, None, canonicalize, algorithm) + message


async def test_a_signed_message_verifies_through_the_name_server(inbox, keys):
    message = build_message("signed")
    twice = _signed(keys, message, b"e")[: -len(message)] + _signed(keys, message)
    id = await inbox.deliver("signed@dkim.example", twice)
    found = await inbox.json(f"/api/messages/{id}")
    assert [
        (v["result"], v["domain"], v["selector"], v["algorithm"], v["aligned"]) for v in found["dkim"]
    ] == [
        ("pass", "news.example", "e", "ed25519-sha256", True),
        ("pass", "news.example", "r", "rsa-sha256", True),
    ]
    page = (await inbox.get(f"/messages/{id}"))[2].decode()
    assert "DKIM pass" in page and "2 of 2 signatures verify" in page


async def test_a_tampered_body_fails_and_the_page_says_why(inbox, keys):
    id = await inbox.deliver(
        "body@dkim.example", _signed(keys, build_message("x")).replace(b"Hello.", b"Hullo.")
    )
    (verdict,) = (await inbox.json(f"/api/messages/{id}"))["dkim"]
    assert verdict["result"] == "fail"
    assert verdict["reason"] == "the body was changed after signing (body hash mismatch)"
    page = (await inbox.get(f"/messages/{id}"))[2].decode()
    assert "DKIM fail" in page and verdict["reason"] in page


async def test_a_tampered_header_fails(inbox, keys):
    id = await inbox.deliver(
        "header@dkim.example", _signed(keys, build_message("cheap")).replace(b"cheap", b"free!")
    )
    (verdict,) = (await inbox.json(f"/api/messages/{id}"))["dkim"]
    assert (verdict["result"], verdict["reason"]) == (
        "fail",
        "the signed headers were changed, or another key signed them",
    )


async def test_a_signature_whose_key_nobody_published_fails(inbox, keys):
    id = await inbox.deliver("nokey@dkim.example", _signed(keys, build_message("x"), domain=b"other.example"))
    (verdict,) = (await inbox.json(f"/api/messages/{id}"))["dkim"]
    assert (verdict["result"], verdict["aligned"]) == ("fail", False)
    assert verdict["reason"] == "no key is published at r._domainkey.other.example"


async def test_a_signature_dated_ahead_of_this_clock_still_verifies(inbox, keys, monkeypatch):
    now = dkim.time.time()
    with monkeypatch.context() as patch:
        patch.setattr(dkim.time, "time", lambda: now + 20 * 86400)
        message = _signed(keys, build_message("later"))
    id = await inbox.deliver("later@dkim.example", message)
    (verdict,) = (await inbox.json(f"/api/messages/{id}"))["dkim"]
    assert verdict["result"] == "pass" and "ahead of this machine's clock" in verdict["reason"]


async def test_an_unsigned_message_has_no_verdict(inbox):
    id = await inbox.deliver("unsigned@dkim.example", build_message("x"))
    assert (await inbox.json(f"/api/messages/{id}"))["dkim"] == []
