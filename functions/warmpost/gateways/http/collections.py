"""What all collections share: strict bodies, pages of a list, the answers of creating and deleting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.storage.pagination import DEFAULT_LIMIT, MOST_LIMIT, Listed, Page
from warmpost.errors import Invalid
from warmpost.gateways.http.app import Parameter, json_response
from warmpost.gateways.http.bodies import decode, read_body

T = TypeVar("T")

MOST_BODY = 4 * 1024 * 1024
"""Bytes: a template of the largest size, every character of it escaped."""


PAGE = (
    Parameter(
        "limit",
        Annotated[int, msgspec.Meta(ge=1, le=MOST_LIMIT)],
        f"Items of a page, {DEFAULT_LIMIT} if not said.",
    ),
    Parameter("cursor", str, "What the page before gave as `next_cursor`."),
)


class Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


async def read(request: Request, kind: type[T], most: int = MOST_BODY) -> T:
    """Raises Malformed, Invalid or TooLarge."""
    return decode(await read_body(request, most), kind)


def page(request: Request) -> Page:
    """`limit` and `cursor`. Raises Invalid."""
    limit = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if not (limit.isascii() and limit.isdigit() and len(limit) <= 9 and 1 <= int(limit) <= MOST_LIMIT):
        raise Invalid("invalid_limit", f"A limit is a whole number from 1 to {MOST_LIMIT:,}.", "limit")
    return Page(int(limit), request.query_params.get("cursor") or None)


def listed(found: Listed[T], shown: Callable[[T], object]) -> Response:
    return json_response({"items": [shown(one) for one in found.items], "next_cursor": found.next_cursor})


def deleted() -> Response:
    return Response(status_code=204)
