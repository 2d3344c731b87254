"""The OpenAPI 3.1 document of the whole HTTP API, made of the routes that are served and the models that validate.

Nothing is described twice: what a route does not say of itself (its errors, its path's parameters, which answers lead
on to which operations) follows from its method, pattern and scope.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from warmpost import errors
from warmpost.gateways.api.answers import Refusal
from warmpost.gateways.http.app import STATUS, Route
from warmpost.gateways.http.error_codes import CODES
from warmpost.gateways.operation_ids import operation_id
from warmpost.gateways.schema_names import named

ABOUT = (
    "E-mail sending: transactional mail, batches to large lists, schedules, warm-up, events and statistics. "
    "Times are RFC 3339; unknown fields are errors. Every answer carries X-Request-Id."
)
SCHEMES: Mapping[str, Any] = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key with the scope that is named."},
    "timestamp": {
        "type": "apiKey",
        "in": "header",
        "name": "Warmpost-Timestamp",
        "description": "Epoch seconds, off by 300 at most.",
    },
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "Warmpost-Signature",
        "description": "v1= and the hex HMAC-SHA256 of timestamp, dot and body, under the source's secret.",
    },
    "source": {"type": "http", "scheme": "bearer", "description": "The secret of the source itself."},
}
SIGNED: dict[str, Any] = {"timestamp": [], "signature": []}
REF = "#/components/schemas/{name}"
_NAMES = re.compile(r"\{(\w+)\}")
_KINDS = {status: kind for kind, status in STATUS.items()}


@dataclass(frozen=True, slots=True)
class Operation:
    """function: the path of the function in front of the route's own."""

    function: str
    route: Route

    @property
    def path(self) -> str:
        return self.function + self.route.pattern.rstrip("/")

    @property
    def id(self) -> str:
        return operation_id(self.route.method, self.path)

    @property
    def names(self) -> list[str]:
        return _NAMES.findall(self.route.pattern)


def operations_of(served: Mapping[str, Sequence[Route]]) -> list[Operation]:
    """served: routes by the path of their function."""
    return [Operation(function, route) for function, routes in served.items() for route in routes]


def build(served: Mapping[str, Sequence[Route]], url: str) -> bytes:
    """The document as JSON. url: where the functions are."""
    return msgspec.json.encode(named(_document(operations_of(served), url)))


def _document(served: Sequence[Operation], url: str) -> dict[str, Any]:
    kinds = [Refusal]
    for one in served:
        kinds += [kind for kind in _kinds(one.route) if kind not in kinds]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=REF)
    known = list(zip(kinds, schemas, strict=True))

    def schema(kind: Any) -> Any:
        return next(found for each, found in known if each == kind)

    paths: dict[str, dict[str, Any]] = {}
    for one in served:
        told = paths.setdefault(one.path, {})
        told[one.route.method.lower()] = _operation(one, served, components, schema)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Warmpost", "version": "1", "description": ABOUT},
        "servers": [{"url": url}],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {_KINDS[status].__name__: _refusal(_KINDS[status]) for status in sorted(_KINDS)},
            "securitySchemes": SCHEMES,
        },
    }


FILE = {"type": "string", "format": "binary"}
FILES = ("text/csv", "message/rfc822", "image/gif", "image/svg+xml")
"""What generated clients send and receive as bytes, or as a file."""


def _several(kind: Any) -> tuple[Any, ...]:
    return kind if isinstance(kind, tuple) else (kind,)


def _kinds(route: Route) -> Iterator[Any]:
    """Every type of which a schema is needed."""
    for one in (route.body, *route.answers.values()):
        yield from (kind for kind in _several(one) if kind is not None and not isinstance(kind, str))
    yield from (one.kind for one in route.parameters)


def _operation(
    one: Operation, served: Sequence[Operation], components: Mapping[str, Any], schema: Any
) -> dict[str, Any]:
    route = one.route
    told: dict[str, Any] = {
        "operationId": one.id,
        "summary": route.summary,
        "tags": [one.function.strip("/")],
        "security": _security(one),
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in one.names
    ]
    for each in route.parameters:
        said = {"description": each.says} if each.says else {}
        parameters.append({"name": each.name, "in": each.where, **said, "schema": schema(each.kind)})
    if parameters:
        told["parameters"] = parameters
    if route.body is not None:
        is_needed = not one.function.endswith("track")
        told["requestBody"] = {"required": is_needed, "content": _content(route.body, schema)}
    told["responses"] = _responses(one, served, components, schema)
    return told


def _security(one: Operation) -> list[dict[str, Any]]:
    if one.route.scope is not None:
        return [{"key": [one.route.scope]}]
    if one.function == "/event-webhook":
        return [SIGNED, {"source": []}] if one.path.endswith("/kumomta") else [SIGNED]
    return []


def _content(kind: Any, schema: Any) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for one in _several(kind):
        if isinstance(one, str):
            content[one] = {"schema": FILE if one in FILES else {"type": "string"}}
        elif one is not None:
            content["application/json"] = {"schema": schema(one)}
    return content


def _responses(
    one: Operation, served: Sequence[Operation], components: Mapping[str, Any], schema: Any
) -> dict[str, Any]:
    told: dict[str, Any] = {
        str(status): {"$ref": f"#/components/responses/{_KINDS[status].__name__}"} for status in _refused(one)
    }
    for status, kind in one.route.answers.items():
        response: dict[str, Any] = {"description": one.route.summary}
        content = _content(kind, schema)
        if content:
            response["content"] = content
        if links := _links(one, status, served, components, content):
            response["links"] = links
        told[str(status)] = response
    return dict(sorted(told.items()))


def _refused(one: Operation) -> list[int]:
    """Which errors an operation can answer."""
    route = one.route
    statuses = {503}
    if route.scope is not None:
        statuses |= {401, 403, 422, 429}
    elif one.function == "/event-webhook":
        statuses |= {401, 422}
    if one.names:
        statuses.add(404)
    if route.body is not None:
        statuses |= {400, 413, 415}
    if route.body is not None and route.scope is not None:
        statuses |= {404, 409}
    if one.names and route.scope is not None:
        statuses.add(409)
    if any(parameter.name == "If-Match" for parameter in route.parameters):
        statuses.add(412)
    return sorted(statuses)


def _links(
    one: Operation,
    status: int,
    served: Sequence[Operation],
    components: Mapping[str, Any],
    content: Mapping[str, Any],
) -> dict[str, Any]:
    """From what a POST to a collection made to everything that can be done with it."""
    reference = content.get("application/json", {}).get("schema", {}).get("$ref", "")
    fields = components.get(reference.rpartition("/")[2], {}).get("properties", {})
    if one.route.method != "POST" or one.names or status not in (201, 202):
        return {}
    links: dict[str, Any] = {}
    for other in served:
        if other.names[:1] and other.path.startswith(f"{one.path}/{{{other.names[0]}}}"):
            field = other.names[0] if other.names[0] in fields else "id"
            if field in fields and len(other.names) == 1:
                links[other.id] = {
                    "operationId": other.id,
                    "parameters": {other.names[0]: f"$response.body#/{field}"},
                }
    return links


def _refusal(kind: type[errors.Problem]) -> dict[str, Any]:
    """One kind of error, with the codes there are of it."""
    codes = {"type": "object", "properties": {"code": {"enum": sorted(CODES[kind])}}}
    schema = {
        "allOf": [
            {"$ref": REF.format(name=Refusal.__name__)},
            {"type": "object", "properties": {"error": codes}},
        ]
    }
    told: dict[str, Any] = {
        "description": kind.__name__,
        "content": {"application/json": {"schema": schema}},
    }
    if kind in (errors.LimitReached, errors.Unavailable):
        told["headers"] = {
            "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 0}}
        }
    return told
