"""A point of a preflight as it is shown, by itself and where a batch is checked."""

from __future__ import annotations

from warmpost.gateways.api.answers import Answer
from warmpost.rules.identity.preflight import Point


class PreflightPoint(Answer):
    """ok: null where it cannot be known. required: without it the domain is not ready; the others are advice."""

    point: str
    ok: bool | None
    required: bool
    found: str
    needed: str
    what_to_do: str | None
    rule: str


def shown_point(point: Point) -> dict[str, object]:
    return {
        "point": point.point,
        "ok": point.ok,
        "required": point.required,
        "found": point.found,
        "needed": point.needed,
        "what_to_do": point.what_to_do or None,
        "rule": point.rule,
    }
