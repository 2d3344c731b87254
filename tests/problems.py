"""What an error answer says, in the form tests compare."""

from __future__ import annotations

import httpx


def problem(response: httpx.Response) -> tuple[int, str, str | None]:
    """Status, code and field; holds every error to the contract's form on the way."""
    body = response.json()
    assert set(body) == {"error", "request_id"}, body
    assert set(body["error"]) <= {"code", "message", "field"}
    assert body["error"]["message"]
    assert response.headers["X-Request-Id"] == body["request_id"]
    return response.status_code, body["error"]["code"], body["error"].get("field")
