"""`/batch-submit/check`: everything that can be known of a batch before it is sent."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.batches.check_batch import check_batch
from warmpost.actions.context import Services
from warmpost.actions.identity.preflight import preflight
from warmpost.gateways.api.check_answers import shown_point
from warmpost.gateways.api.costs import shown_cost
from warmpost.gateways.api.forecast import shown_forecast
from warmpost.gateways.api.models import BatchModel, batch_order
from warmpost.gateways.http.app import json_response
from warmpost.gateways.http.auth import Caller
from warmpost.gateways.http.bodies import decode, read_body


async def post_check(request: Request, services: Services, caller: Caller) -> Response:
    order = batch_order(decode(await read_body(request), BatchModel))
    caller.require_sender(order.sender, "from")
    done = await check_batch(services, order)
    found = await preflight(services, done.domain)
    return json_response(
        {
            "recipients": done.recipients,
            "looked_at": done.looked_at,
            "would_be_sent": done.would_be_sent,
            "duplicates": done.duplicates,
            "invalid": done.invalid,
            "suppressed": dict(done.suppressed),
            "lacking": {
                "count": done.lacking,
                "first": [{"to": one.to, "variables": one.variables} for one in done.lacks],
            },
            "largest_mail": done.largest_mail,
            "cost": shown_cost(done.usage, services.policy.prices, done.would_be_sent),
            "forecast": shown_forecast(done.forecast) if done.forecast else None,
            "preflight": [shown_point(one) for one in found.points if one.ok is not True],
        }
    )
