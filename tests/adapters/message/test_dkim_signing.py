import base64
import hashlib
from functools import cache

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from warmpost.adapters.message.dkim_signing import (
    generate_ed25519_key,
    generate_rsa_key,
    open_key,
    rsa_bits,
)
from warmpost.errors import Invalid
from warmpost.rules.message.dkim import SigningKey, record_name, record_value, signature_start


@cache
def public_key(bits, shape=PublicFormat.SubjectPublicKeyInfo):
    made = rsa.generate_private_key(65537, bits)
    return base64.b64encode(made.public_key().public_bytes(Encoding.DER, shape)).decode()


def key(pem: bytes, algorithm="rsa-sha256") -> SigningKey:
    return SigningKey("example.com", "s1", algorithm, pem)


def test_rsa_keys_have_2048_bits_and_their_record_is_the_public_half():
    private, public = generate_rsa_key()
    loaded = serialization.load_der_public_key(base64.b64decode(public))
    assert isinstance(loaded, rsa.RSAPublicKey) and loaded.key_size == 2048
    digest = hashlib.sha256(b"message").digest()
    loaded.verify(open_key(key(private))(digest), b"message", padding.PKCS1v15(), SHA256())
    assert record_value("rsa-sha256", public) == f"v=DKIM1; k=rsa; p={public}"
    assert record_name("s1", "example.com") == "s1._domainkey.example.com"


def test_ed25519_records_hold_the_bare_key():
    private, public = generate_ed25519_key()
    assert len(base64.b64decode(public)) == 32
    assert len(open_key(key(private, "ed25519-sha256"))(bytes(32))) == 64
    assert record_value("ed25519-sha256", public) == f"v=DKIM1; k=ed25519; p={public}"


def test_a_key_is_opened_once():
    private, _ = generate_rsa_key()
    assert open_key(key(private)) is open_key(key(private))


def test_short_keys_and_keys_of_another_kind_are_refused():
    short = rsa.generate_private_key(65537, 1024).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    ed25519, _ = generate_ed25519_key()
    for wrong in (short, ed25519, b"", b"-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"):
        with pytest.raises(Invalid) as refused:
            open_key(key(wrong))
        assert refused.value.code == "invalid_dkim_key"


def test_a_private_key_is_never_shown():
    assert b"secret".decode() not in repr(key(b"secret"))


def test_the_field_is_folded_and_names_what_it_signs():
    start = signature_start(key(b""), [b"X-" + bytes([65 + n]) * 20 for n in range(12)] + [b"From"])
    value = b"DKIM-Signature: " + start % (1_700_000_000, b"x" * 44)
    assert all(len(line) <= 78 for line in value.split(b"\r\n"))
    assert value.count(b"x-") == 12 and b"from;" in value and value.endswith(b"b=")


@pytest.mark.parametrize("shape", [PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1])
@pytest.mark.parametrize("bits", [1024, 2048])
def test_the_size_of_a_key_is_read_from_its_record(shape, bits):
    assert rsa_bits(public_key(bits, shape)) == bits


ED25519 = "lS0Ugpwwfei3XyLqhHRhGfee7dUuwWMkJ1xh8SMN6QU="


@pytest.mark.parametrize("public", ["", "AAAA", "MAA=", "!", "MIGfMA0GCSqGSIb3DQEB", "MAMBAf8=", ED25519])
def test_what_is_no_key_has_no_size(public):
    with pytest.raises(ValueError, match="key"):
        rsa_bits(public)
