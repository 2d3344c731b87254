"""Holds answers to the OpenAPI document, as a hook of test clients: whatever a test asks, the answer must be documented."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import httpx
import jsonschema_rs

from warmpost.gateways.routes import SERVED, openapi


@cache
def document() -> dict[str, Any]:
    """Closed, other than the published one: a field of an answer that is not documented is a fault here."""
    whole = json.loads(openapi())
    for schema in whole["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return whole


@cache
def paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """Those without names first, as the routers have them."""
    found = sorted(document()["paths"].items(), key=lambda one: one[0].count("{"))
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + "/?"), told) for path, told in found]


def operation(method: str, path: str) -> dict[str, Any] | None:
    for pattern, told in paths():
        if pattern.fullmatch(path) and method.lower() in told:
            return told[method.lower()]
    return None


@cache
def validator(schema: str) -> Any:
    return jsonschema_rs.Draft202012Validator(
        {**json.loads(schema), "components": document()["components"]}, validate_formats=True
    )


def check(method: str, path: str, status: int, content_type: str, body: bytes) -> None:
    asked = f"{method} {path} → {status}"
    told = operation(method, path)
    if told is None:
        if path.startswith(tuple(SERVED)) and method not in ("HEAD", "OPTIONS"):
            assert status in (400, 401, 404, 405), f"{asked}: this operation is not documented"
        return
    response = told["responses"].get(str(status))
    assert response, f"{asked} is not documented: {body[:300]!r}"
    if "$ref" in response:
        response = document()["components"]["responses"][response["$ref"].rpartition("/")[2]]
    content = response.get("content", {})
    if not content:
        assert not body, f"{asked}: a body is not documented"
        return
    kind = content_type.partition(";")[0]
    assert kind in content, f"{asked}: {kind} is not documented"
    if kind == "application/json":
        errors = list(validator(json.dumps(content[kind]["schema"])).iter_errors(json.loads(body)))
        assert not errors, f"{asked}: {errors[0].message} at {errors[0].instance_path} of {body[:1000]!r}"


async def as_documented(response: httpx.Response) -> None:
    """For httpx's `event_hooks`."""
    request = response.request
    body = await response.aread()
    path = request.url.raw_path.decode().partition("?")[0]
    check(request.method, path, response.status_code, response.headers.get("content-type", ""), body)
