"""Every entry point: what the platform calls, and nothing but the way to who answers."""

from __future__ import annotations

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from warmpost import services
from warmpost.gateways.http.metering import serve

services.start_log()
services.check_settings()


@functions_framework.aio.http
async def send(request: Request) -> Response:
    from warmpost.gateways.api.send import send as door

    return await serve(request, door, services.services, services.keys)


@functions_framework.aio.http
async def batch_submit(request: Request) -> Response:
    from warmpost.gateways.api.batch_submit import batch_submit as door

    return await serve(request, door, services.services, services.keys)


@functions_framework.aio.http
async def schedule(request: Request) -> Response:
    from warmpost.gateways.api.schedule import schedule as door

    return await serve(request, door, services.services, services.keys)


@functions_framework.aio.http
async def event_webhook(request: Request) -> Response:
    from warmpost.gateways.reports.event_webhook import event_webhook as door

    return await serve(request, door, services.services, services.reporters)


@functions_framework.aio.http
async def manage(request: Request) -> Response:
    from warmpost.gateways.routes import manage as door

    return await serve(request, door, services.services, services.keys)


@functions_framework.aio.http
async def track(request: Request) -> Response:
    from warmpost.gateways.readers.track import track as door

    return await serve(request, door, services.services, services.links)


@functions_framework.aio.http
async def tencent(request: Request) -> Response:
    from warmpost.gateways.tencent.door import tencent as door

    return await serve(request, door, services.services, services.keys)


@functions_framework.aio.http
async def console(request: Request) -> Response:
    from warmpost.gateways.console.console import console as door

    return await serve(request, door, services.services, services.console)


@functions_framework.aio.http
async def work(request: Request) -> Response:
    from warmpost.gateways.tasks.work import work as door

    return await serve(request, door, services.services, services.tokens)


@functions_framework.aio.http
async def daily(request: Request) -> Response:
    from warmpost.gateways.tasks.daily import daily as door

    return await serve(request, door, services.services, services.tokens)
