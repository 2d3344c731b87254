"""Every entry point: what the platform calls, and nothing but the way to who answers."""

from __future__ import annotations

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from warmpost import services
from warmpost.gateways.http import answer
from warmpost.gateways.metered import metered

services.start_log()


@functions_framework.aio.http
async def send(request: Request) -> Response:
    from warmpost.gateways.send import send as door

    return await answer(
        request, lambda asked: metered(door, asked, services.services(), services.keys()), "send"
    )


@functions_framework.aio.http
async def batch_submit(request: Request) -> Response:
    from warmpost.gateways.batch_submit import batch_submit as door

    return await answer(
        request, lambda asked: metered(door, asked, services.services(), services.keys()), "batch_submit"
    )


@functions_framework.aio.http
async def schedule(request: Request) -> Response:
    from warmpost.gateways.schedule import schedule as door

    return await answer(
        request, lambda asked: metered(door, asked, services.services(), services.keys()), "schedule"
    )


@functions_framework.aio.http
async def event_webhook(request: Request) -> Response:
    from warmpost.gateways.event_webhook import event_webhook as door

    return await answer(
        request,
        lambda asked: metered(door, asked, services.services(), services.reporters()),
        "event_webhook",
    )


@functions_framework.aio.http
async def manage(request: Request) -> Response:
    from warmpost.gateways.manage import manage as door

    return await answer(
        request, lambda asked: metered(door, asked, services.services(), services.keys()), "manage"
    )


@functions_framework.aio.http
async def track(request: Request) -> Response:
    from warmpost.gateways.track import track as door

    return await answer(
        request, lambda asked: metered(door, asked, services.services(), services.links()), "track"
    )


@functions_framework.aio.http
async def work(request: Request) -> Response:
    from warmpost.gateways.work import work as door

    return await answer(
        request, lambda asked: metered(door, asked, services.services(), services.tokens()), "work"
    )


@functions_framework.aio.http
async def daily(request: Request) -> Response:
    from warmpost.gateways.daily import daily as door

    return await answer(
        request, lambda asked: metered(door, asked, services.services(), services.tokens()), "daily"
    )
