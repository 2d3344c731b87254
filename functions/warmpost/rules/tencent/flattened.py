"""Parameters as GET and signature version 1 carry them: `Template.TemplateID=7`, `Destination.0=a@example.com`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MOST_INDEX = 200_000


def unflatten(flat: Mapping[str, str]) -> Any:
    """Objects and lists; what is counted from 0 is a list, holes left out. Raises ValueError for names that collide."""
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        *outer, last = name.split(".")
        inner = tree
        for part in outer:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise ValueError(f"{name} collides with another parameter")
        if last in inner:
            raise ValueError(f"{name} collides with another parameter")
        inner[last] = value
    return {name: _listed(value) for name, value in tree.items()}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if all(name.isascii() and name.isdigit() and len(name) < 7 for name in value):
        return [_listed(value[name]) for name in sorted(value, key=int)]
    return {name: _listed(inner) for name, inner in value.items()}
