"""`/manage/openapi.json`: what this deployment can be asked, for people's tools.

Public: it holds nothing of a deployment but what anybody can read in the source, and tools that read it send no key.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.ports import Services
from warmpost.gateways.http.app import Route


async def get(request: Request, services: Services) -> Response:
    from warmpost.gateways.openapi import openapi  # which reads the routes of this package, this one too

    return Response(
        openapi(), headers={"Cache-Control": "public, max-age=300"}, media_type="application/json"
    )


ROUTES = [Route("GET", "/openapi.json", get, "This document (OpenAPI 3.1)", answers={200: dict[str, Any]})]
