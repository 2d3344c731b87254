"""What does not fit a model is told with its place, the reason and what would be right."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import msgspec
import pytest
from starlette.requests import Request

from warmpost import errors
from warmpost.gateways.http.app import answer, json_response
from warmpost.gateways.http.bodies import BodyRoom, decode, read_body, room
from warmpost.rules.delivery.documents import BatchStatus


class Inner(msgspec.Struct):
    kind: Literal["x", "y"] = "x"
    number: Annotated[int, msgspec.Meta(ge=1, le=5)] = 1
    status: BatchStatus = BatchStatus.DONE


class Model(msgspec.Struct):
    rows: list[Inner] = []
    by_name: dict[str, Inner] = {}
    perhaps: Inner | None = None
    to: list[str] = []
    mode: Literal["u", "v"] | None = None
    on: bool = False
    either: bool | Inner = False


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"mode": "w"}, "mode", "'w' is not possible here; possible are u, v."),
        ({"rows": [{}, {"kind": "z"}]}, "rows[1].kind", "'z' is not possible here; possible are x, y."),
        ({"perhaps": {"kind": "z"}}, "perhaps.kind", "possible are x, y."),
        ({"by_name": {"a": {"kind": "z"}}}, "by_name{}.kind", "possible are x, y."),
        ({"rows": [{"status": "gone"}]}, "rows[0].status", "possible are planning, sending, paused, done,"),
        ({"to": "a@b.de"}, "to", 'This is a list, such as ["…"], not text.'),
        ({"to": [1]}, "to[0]", "This is text, not a whole number."),
        ({"rows": {}}, "rows", "This is a list, not an object."),
        ({"on": "yes"}, "on", "This is true or false, not text."),
        ({"either": "yes"}, "either", "This is true or false or an object, not text."),
        ({"rows": [{"number": 9}]}, "rows[0].number", "This is a whole number <= 5."),
        ([], None, "This is an object, not a list."),
    ],
)
def test_what_does_not_fit_is_told_with_what_would(body: Any, field: str | None, words: str):
    with pytest.raises(errors.Invalid) as refused:
        decode(json.dumps(body).encode(), Model)
    assert (refused.value.code, refused.value.field) == ("invalid_field", field)
    assert words in refused.value.message


def posted(size: int) -> Request:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": bytes(size), "more_body": False}

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


def test_bodies_together_have_a_bound_and_are_told_when_to_come_again() -> None:
    bound = BodyRoom(100)
    first, second = posted(0), posted(0)
    bound.take(first, 60)
    with pytest.raises(errors.Unavailable) as busy:
        bound.take(second, 41)
    assert (busy.value.code, busy.value.retry_after) == ("too_much_at_once", 2)
    bound.take(second, 40)
    bound.leave(first)
    bound.leave(first)
    bound.take(second, 60)


async def test_what_a_body_took_is_given_back_with_its_answer_whatever_that_is() -> None:
    before = room._held

    async def handle(request: Request) -> Any:
        await read_body(request)
        assert room._held == before + 1000
        raise errors.Invalid("invalid_field", "no", "x")

    async def fine(request: Request) -> Any:
        return json_response({"bytes": len(await read_body(request))})

    assert (await answer(posted(1000), handle)).status_code == 422
    assert (await answer(posted(1000), fine)).status_code == 200
    assert room._held == before
