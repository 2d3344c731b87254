"""Secrets at rest: private keys are stored so that the database alone gives none of them away."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

AES_256_GCM = b"\x01"
"""The first byte of what is sealed: says how, so that another way can come later without rewriting anything."""
NONCE_BYTES = 12
TAG_BYTES = 16


class DecryptionFailed(Exception):
    """What should be opened was changed, moved to another context, or sealed under another master key."""


class Encryption:
    """AES-256-GCM (NIST SP 800-38D) under the deployment's master key of 32 bytes.

    context: what the secret belongs to, such as a domain and a selector. It is not kept with the secret but must be the
    same when it is opened, so that a sealed key copied to another document opens nowhere.
    """

    def __init__(self, master_key: bytes) -> None:
        if len(master_key) != 32:
            raise ValueError(f"a master key has 32 bytes, not {len(master_key)}")
        self._cipher = AESGCM(master_key)

    def encrypt(self, plain: bytes, context: str) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return AES_256_GCM + nonce + self._cipher.encrypt(nonce, plain, context.encode())

    def decrypt(self, sealed: bytes, context: str) -> bytes:
        """Raises DecryptionFailed."""
        if sealed[:1] != AES_256_GCM or len(sealed) < 1 + NONCE_BYTES + TAG_BYTES:
            raise DecryptionFailed("this was not sealed by a way known here")
        nonce, secret = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, secret, context.encode())
        except InvalidTag:
            raise DecryptionFailed("the seal does not fit this master key and context") from None
