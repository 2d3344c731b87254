"""DKIM signatures (RFC 6376, RFC 8463) with the public-key step in OpenSSL, keys opened once for each process.

dkimpy defines the canonical form: the composer canonicalises with it what is constant in a message.
"""

from __future__ import annotations

import base64
import hashlib
from binascii import b2a_base64
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from warmpost.errors import Invalid
from warmpost.rules.message.dkim import SigningKey, fold_signature

SMALLEST_RSA_KEY = 2048

_PADDING = padding.PKCS1v15()
_PREHASHED = Prehashed(hashes.SHA256())

SignDigest = Callable[[bytes], bytes]


@lru_cache(maxsize=4096)
def open_key(key: SigningKey) -> SignDigest:
    """What signs a SHA-256 digest. Raises Invalid `invalid_dkim_key` for another kind of key or RSA under 2048 bits.

    The mathematical check of an RSA key (40 ms) is left out: keys come from `generate_rsa_key`, sealed.
    """
    try:
        private = serialization.load_pem_private_key(
            key.private_pem, password=None, unsafe_skip_rsa_key_validation=True
        )
    except (ValueError, TypeError):
        raise Invalid("invalid_dkim_key", "the private key is not an unencrypted PEM key") from None
    if key.algorithm == "ed25519-sha256" and isinstance(private, ed25519.Ed25519PrivateKey):
        return private.sign
    if key.algorithm == "rsa-sha256" and isinstance(private, rsa.RSAPrivateKey):
        if private.key_size < SMALLEST_RSA_KEY:
            raise Invalid("invalid_dkim_key", f"RSA keys have at least {SMALLEST_RSA_KEY} bits")
        opened = private
        return lambda digest: opened.sign(digest, _PADDING, _PREHASHED)
    raise Invalid("invalid_dkim_key", f"the private key is not one for {key.algorithm}")


def rsa_bits(public: str) -> int:
    """The size of a key as a DKIM record's `p` holds it: base64 of a SubjectPublicKeyInfo (RFC 5280) or of an
    RSAPublicKey (RFC 8017) in DER. Raises ValueError for what is no RSA key.
    """
    try:
        key = serialization.load_der_public_key(base64.b64decode(public, validate=True))
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("not a public key") from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError("not an RSA key")
    return key.key_size


def generate_rsa_key(bits: Literal[2048, 3072, 4096] = 2048) -> tuple[bytes, str]:
    """PKCS#8 PEM of the private key, and the public key as a DKIM record's `p` holds it."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return _pem(private), base64.b64encode(public).decode()


def generate_ed25519_key() -> tuple[bytes, str]:
    """The same for Ed25519, whose record holds the 32 octets of the key itself."""
    private = ed25519.Ed25519PrivateKey.generate()
    return _pem(private), base64.b64encode(private.public_key().public_bytes_raw()).decode()


def signature_field(start: bytes, second: int, body_hash: bytes, canonical: bytes, sign: SignDigest) -> bytes:
    """A complete DKIM-Signature field.

    start: from `rules.message.dkim.signature_start`. second: epoch seconds. body_hash: SHA-256 of the canonical body.
    canonical: the signed fields, canonicalised, each with its CRLF.
    """
    value = start % (second, b2a_base64(body_hash, newline=False))
    unfolded = b"%bdkim-signature:%b" % (canonical, value.replace(b"\r\n", b""))
    signature = sign(hashlib.sha256(unfolded).digest())
    return b"DKIM-Signature: %b%b\r\n" % (value, fold_signature(b2a_base64(signature, newline=False)))


def _pem(private: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
