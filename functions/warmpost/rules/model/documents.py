"""The documents of the store, as values: what each collection keeps and under which path.

Content that may be large or nested (message content, variables) is kept as one deflated bytes field, never as a map.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Scope = Literal["send", "manage", "read"]


@dataclass(frozen=True, slots=True)
class Name:
    """`names/{kind}:{hash}`: makes a name unique and finds its owner in one read."""

    id: str


@dataclass(frozen=True, slots=True)
class ApiKey:
    """`keys/{id}`: digest is the SHA-256 of the secret, which nobody can show again.

    rate: requests a second in one process, None for the deployment's. domains: from which it may send, all where none is
    named. last_used_at: to the hour. sealed: the secret of a key that signs requests, under the master key; for the
    others a digest is enough.
    """

    name: str
    scopes: tuple[Scope, ...]
    digest: str
    created_at: datetime
    revoked_at: datetime | None = None
    rate: int | None = None
    domains: tuple[str, ...] = ()
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    sealed: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Idempotency:
    """`idempotency/{hash}`: what a key was used for. digest: of the request body."""

    digest: str
    answer: str
    created_at: datetime
    expires_at: datetime
