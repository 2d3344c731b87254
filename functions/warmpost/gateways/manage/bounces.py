"""`/manage/bounces`: what servers said when they refused, counted by text, and corrections of what was made of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.bounces.correct_bounce import CountedText, correct_bounce, list_bounces
from warmpost.actions.context import Services
from warmpost.errors import Invalid
from warmpost.gateways.api.answers import Answer, Count, Listed
from warmpost.gateways.http import collections
from warmpost.gateways.http.app import Route, json_response, moment
from warmpost.rules.bounces.classify import BounceClass


class BounceChange(collections.Body):
    """class: from now on; null for what the phrases say."""

    bounce_class: str | None = msgspec.field(name="class")


class CountedBounce(Answer):
    """text: codes and words, `@` for addresses, `#` for what has digits. class: now. rule: what the phrases said last.

    hard: mail to such an address is given up. counts_as_spam: into the rate of spam bounces. corrected_at: null for never.
    """

    id: str
    text: str
    count: Count
    bounce_class: BounceClass = msgspec.field(name="class")
    rule: BounceClass
    hard: bool
    counts_as_spam: Annotated[
        bool, msgspec.Meta(description="Into the spam-bounce rate of its domain's day.")
    ]
    corrected_at: datetime | None


def shown(one: CountedText) -> dict[str, Any]:
    told = BounceClass(one.correction.bounce_class if one.correction else one.counted.bounce_class)
    return {
        "id": one.id,
        "text": one.counted.text,
        "count": one.counted.count,
        "class": told.value,
        "rule": one.counted.bounce_class,
        "hard": told.is_hard,
        "counts_as_spam": told.counts_as_spam,
        "corrected_at": moment(one.correction.since if one.correction else None),
    }


async def listing(request: Request, services: Services) -> Response:
    found = await list_bounces(services, collections.page(request).limit)
    return json_response({"items": [shown(one) for one in found], "next_cursor": None})


async def correct(request: Request, services: Services, id: str) -> Response:
    body = await collections.read(request, BounceChange)
    known = {each.value: each for each in BounceClass}
    if body.bounce_class is not None and body.bounce_class not in known:
        raise Invalid("invalid_class", f"A class is one of {', '.join(known)}.", "class")
    wanted = known[body.bounce_class] if body.bounce_class is not None else None
    return json_response(shown(await correct_bounce(services, id, wanted)))


ROUTES = [
    Route(
        "GET",
        "/bounces",
        listing,
        "What servers said when they refused, the most frequent first",
        scope="read",
        answers={200: Listed[CountedBounce]},
        parameters=collections.PAGE[:1],
    ),
    Route(
        "PATCH",
        "/bounces/{id}",
        correct,
        "Correct the class of a text for the future",
        "manage",
        BounceChange,
        {200: CountedBounce},
    ),
]
