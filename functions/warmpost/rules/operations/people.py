"""Who may do what at the console, where people sign in with their Google account instead of a key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args

from warmpost.rules.model.documents import Scope

SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True, slots=True)
class People:
    """scopes: by address in lower case, or by `@` and a domain for everybody there."""

    scopes: Mapping[str, tuple[Scope, ...]] = field(default_factory=dict)

    def scopes_of(self, address: str) -> tuple[Scope, ...]:
        """What was said of the address itself, else of its domain; nothing for strangers."""
        known = address.strip().lower()
        return self.scopes.get(known) or self.scopes.get(f"@{known.rpartition('@')[2]}", ())


def parse_people(text: str) -> People:
    """Of JSON such as `{"ann@example.com": ["manage", "send"], "@example.com": ["read"]}`. Raises ValueError."""
    try:
        given = json.loads(text)
    except ValueError:
        raise ValueError('people are JSON such as {"ann@example.com": ["manage"]}') from None
    if not isinstance(given, dict) or not given:
        raise ValueError("people are an object: addresses, and the scopes of each")
    return People({_address(name): _scopes(name, value) for name, value in given.items()})


def _address(name: str) -> str:
    local, at, domain = name.strip().lower().rpartition("@")
    if not at or "." not in domain or " " in local + domain:
        raise ValueError(f"{name!r} is neither an address nor `@` and a domain")
    return f"{local}@{domain}"


def _scopes(name: str, value: object) -> tuple[Scope, ...]:
    if not isinstance(value, list) or not value or not set(value) <= set(SCOPES):
        raise ValueError(f"the scopes of {name!r} are a list of {', '.join(SCOPES)}")
    return tuple(one for one in SCOPES if one in value)
