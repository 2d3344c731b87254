from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.responses import PlainTextResponse

from infra.local.functions_server import FunctionsServer

SOURCE = """
from functions_framework import aio


async def told(request):
    return {"path": request.scope["path"], "query": request.url.query, "raw": request.scope["raw_path"].decode()}


@aio.http
async def send(request):
    return await told(request)


@aio.http
async def batch_submit(request):
    return await told(request)
"""


@pytest.fixture
def invoked():
    return []


@pytest.fixture
def server(tmp_path, invoked):
    (tmp_path / "main.py").write_text(SOURCE)
    local = PlainTextResponse("local")
    application = FunctionsServer(tmp_path / "main.py", local, lambda: invoked.append(1))
    return httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://stack")


@pytest.mark.parametrize(
    ("url", "path", "raw"),
    [
        ("/send", "/", "/"),
        ("/send/", "/", "/"),
        ("/batch-submit/7/recipients", "/7/recipients", "/7/recipients"),
        ("/send/send-1", "/send-1", "/send-1"),
        ("/send/a%2Fb%20c", "/a/b c", "/a%2Fb%20c"),
        ("/send//double", "//double", "//double"),
    ],
)
async def test_function_sees_the_path_behind_its_name(server, url, path, raw):
    told = (await server.get(url + "?status=sent")).json()
    assert told == {"path": path, "query": "status=sent", "raw": raw}


async def test_other_paths_belong_to_the_stack_and_are_no_invocations(server, invoked):
    assert (await server.get("/")).text == "local"
    assert (await server.get("/_local/stack")).text == "local"
    assert (await server.get("/batch_submit")).status_code == 404
    assert invoked == []


async def test_every_request_to_a_function_is_an_invocation(server, invoked):
    await asyncio.gather(server.get("/send"), server.post("/batch-submit"), server.delete("/send/3"))
    assert len(invoked) == 3
