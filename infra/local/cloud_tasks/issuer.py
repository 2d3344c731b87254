"""OIDC tokens as Google's service accounts get them, so that a task's receiver verifies callers as in production."""

from __future__ import annotations

import base64
import hashlib
import json

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

TOKEN_LIFETIME = 3600
REUSED_FOR = 300


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int) -> str:
    return _base64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def new_signing_key() -> bytes:
    """A fresh RSA-2048 key as unencrypted PEM, to be kept so that verifiers' cached keys outlive a restart."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class Issuer:
    """Signs tokens (RS256) for any service account that is asked for, and publishes its key.

    url: what tokens name as `iss`, where `/.well-known/openid-configuration` and `/jwks` are served.
    """

    def __init__(self, url: str, signing_key: bytes) -> None:
        key = serialization.load_pem_private_key(signing_key, None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError("the signing key is not an RSA key")
        self.url = url
        self._key = key
        public = key.public_key().public_numbers()
        self._modulus, self._exponent = _number(public.n), _number(public.e)
        self._key_id = hashlib.sha256(self._modulus.encode()).hexdigest()[:20]
        header = {"alg": "RS256", "typ": "JWT", "kid": self._key_id}
        self._header = _base64url(json.dumps(header).encode())
        self._issued: dict[tuple[str, str], tuple[float, str]] = {}

    def token(self, email: str, audience: str, now: float) -> str:
        """A token for that service account and audience, at most five minutes old (signing costs 0.7 ms)."""
        issued = self._issued.get((email, audience))
        if issued is not None and now - issued[0] < REUSED_FOR:
            return issued[1]
        token = self._sign(email, audience, int(now))
        self._issued[email, audience] = now, token
        return token

    def _sign(self, email: str, audience: str, now: int) -> str:
        subject = str(int(hashlib.sha256(email.encode()).hexdigest()[:17], 16))
        claims = {
            "iss": self.url,
            "aud": audience,
            "azp": subject,
            "sub": subject,
            "email": email,
            "email_verified": True,
            "iat": now,
            "exp": now + TOKEN_LIFETIME,
        }
        signed = f"{self._header}.{_base64url(json.dumps(claims).encode())}"
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_base64url(signature)}"

    def jwks(self) -> dict[str, object]:
        """The public key as a JSON Web Key Set (RFC 7517)."""
        key = {
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "kid": self._key_id,
            "n": self._modulus,
            "e": self._exponent,
        }
        return {"keys": [key]}

    def discovery(self) -> dict[str, object]:
        """The document of OpenID Connect Discovery 1.0, section 3."""
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/jwks",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
