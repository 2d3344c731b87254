"""Sessions of the console in a cookie that nobody can read or make: sealed under the master key."""

from __future__ import annotations

import base64
import binascii

from warmpost.adapters.message.encryption import DecryptionFailed, Encryption

CONTEXT = "console session"


class SessionSeal:
    """Implements `gateways.console.sessions.Seal`."""

    def __init__(self, encryption: Encryption) -> None:
        self._encryption = encryption

    def seal(self, plain: bytes) -> str:
        return base64.urlsafe_b64encode(self._encryption.encrypt(plain, CONTEXT)).decode()

    def open(self, sealed: str) -> bytes | None:
        """None where it was not sealed here, or was changed."""
        try:
            return self._encryption.decrypt(base64.urlsafe_b64decode(sealed.encode("ascii")), CONTEXT)
        except (binascii.Error, ValueError, DecryptionFailed):
            return None
