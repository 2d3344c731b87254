"""What answers weigh, whole or streamed."""

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from tests.actions.harness import Harness
from warmpost.adapters.google.metering import Metering
from warmpost.gateways.http.metering import metered
from warmpost.rules.model.usage import REST

PAGES = [b"address\n", b"a@example.net\n"]
BODY = b"".join(PAGES)


async def pages():
    for page in PAGES:
        yield page


async def whole(request, services, guard):
    return Response(BODY, media_type="text/csv")


async def streamed(request, services, guard):
    return StreamingResponse(pages(), media_type="text/csv")


async def egress_of(door, store):
    services = Harness(store).worker("one", metering=Metering())
    request = Request({"type": "http", "method": "GET", "headers": []})
    response = await metered(door, request, services, None)
    if isinstance(response, StreamingResponse):
        assert [page async for page in response.body_iterator] == PAGES
    headers = sum(len(name) + len(value) + 4 for name, value in response.raw_headers)
    return services.metering.kept[REST].egress - headers


async def test_an_answer_counts_with_its_body(store):
    assert await egress_of(whole, store) == len(BODY)


async def test_a_streamed_answer_counts_as_it_leaves(store):
    assert await egress_of(streamed, store) == len(BODY)
