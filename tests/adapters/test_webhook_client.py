"""The client against real sockets: endpoints that misbehave, and ways to make it call somebody it must not."""

from __future__ import annotations

import asyncio
import socket
import sys

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver

from tests.receiver import closed_port, counting, receiving
from warmpost.adapters import webhooks
from warmpost.adapters.webhooks import WebhookClient
from warmpost.rules.webhooks.public_addresses import is_public


class SaidResolver(AbstractResolver):
    """Answers what it is told to, one answer after the other, the last for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def resolve(self, host, port=0, family=socket.AF_INET):
        self.asked.append(host)
        said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            {
                "hostname": host,
                "host": one,
                "port": port,
                "family": socket.AF_INET6 if ":" in one else socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for one in said
        ]

    async def close(self):
        pass


@pytest.fixture
async def client():
    opened = WebhookClient(private=True)
    yield opened
    await opened.close()


@pytest.fixture
async def receiver():
    async with receiving() as one:
        yield one


async def test_body_and_headers_arrive_as_they_were_given(client, receiver):
    answer = await client.post(receiver.url, b'{"a":1}', {"webhook-id": "msg_1"})
    assert (answer.status, answer.is_taken, answer.error) == (204, True, "")
    (one,) = receiver.received
    assert (one.body, one.id, one.headers["Content-Type"]) == (b'{"a":1}', "msg_1", "application/json")


@pytest.mark.parametrize("status", [200, 201, 299, 302, 400, 410, 429, 500, 503])
async def test_only_two_hundreds_mean_taken(client, receiver, status):
    receiver.status = status
    answer = await client.post(receiver.url, b"{}", {})
    assert (answer.status, answer.is_taken, answer.is_gone) == (status, status < 300, status == 410)


async def test_a_redirect_is_a_failure_and_is_not_followed(client, receiver):
    async def elsewhere(request, body):
        raise web.HTTPTemporaryRedirect("/inner")

    receiver.answering = elsewhere
    answer = await client.post(receiver.url, b"{}", {})
    assert (answer.status, answer.is_taken) == (307, False)
    assert "redirect" in answer.error
    assert [one.path for one in receiver.received] == ["/hook"]


async def test_an_endpoint_that_is_down_is_an_answer_with_its_reason(client):
    answer = await client.post(f"http://127.0.0.1:{closed_port()}/", b"{}", {})
    assert (answer.status, answer.is_taken) == (0, False)
    assert "Cannot connect" in answer.error


async def test_an_endpoint_that_does_not_answer_in_time_is_given_up(receiver):
    client = WebhookClient(private=True, total=0.2)
    release = asyncio.Event()

    async def silent(request, body):
        await release.wait()
        return web.Response()

    receiver.answering = silent
    answer = await client.post(receiver.url, b"{}", {})
    release.set()
    await client.close()
    assert (answer.status, answer.error) == (0, "no answer within 0.2 seconds")


async def test_the_status_counts_however_long_or_slow_the_body(receiver):
    client = WebhookClient(private=True, total=1.0)
    release = asyncio.Event()
    sent = 0

    async def endless(request, body):
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        with pytest.raises(ConnectionError):
            while True:
                await response.write(b"x" * 65536)
                sent += 65536
        return response

    async def dripping(request, body):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x")
        await release.wait()
        return response

    receiver.answering = endless
    assert (await client.post(receiver.url, b"{}", {})).is_taken
    receiver.answering = dripping
    assert (await client.post(receiver.url, b"{}", {})).is_taken
    release.set()
    await client.close()
    assert sent < 32 * 1024 * 1024


async def test_a_body_that_breaks_off_does_not_undo_the_status(client, receiver):
    async def broken(request, body):
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"x")
        request.transport.close()
        return response

    receiver.answering = broken
    assert (await client.post(receiver.url, b"{}", {})).is_taken


async def test_what_is_no_http_is_a_failure(client):
    async with counting("127.0.0.1") as (port, came):
        answer = await client.post(f"http://127.0.0.1:{port}/", b"{}", {})
    assert (answer.status, answer.is_taken, len(came)) == (0, False, 1)
    assert answer.error


async def test_retry_after_is_passed_on(client, receiver):
    async def busy(request, body):
        return web.Response(status=429, headers={"Retry-After": "120"})

    receiver.answering = busy
    assert (await client.post(receiver.url, b"{}", {})).retry_after == 120


@pytest.mark.parametrize(
    "addresses",
    [
        *(["127.0.0.1"], ["10.0.0.1", "192.168.0.1"], ["169.254.169.254"], ["::1"], ["fd00:ec2::254"]),
        *(["::ffff:127.0.0.1"], ["100.64.0.1"], ["0.0.0.0"], ["fe80::1"], ["224.0.0.1"]),
    ],
)
async def test_a_name_that_leads_inside_is_refused_before_any_socket_is_made(addresses, monkeypatch):
    def no_socket(*arguments, **named):
        raise AssertionError("a socket was made")

    client = WebhookClient(resolver=SaidResolver(addresses))
    monkeypatch.setattr(socket, "socket", no_socket)
    answer = await client.post("https://hooks.example.com/", b"{}", {})
    monkeypatch.undo()
    await client.close()
    assert answer.status == 0
    assert "not public" in answer.error


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1:{}/", "http://hooks.example.com:{}/", "https://[::1]:{}/", "https://2130706433:{}/"],
)
async def test_a_url_that_leads_inside_is_refused_even_if_it_was_stored(url):
    async with counting("127.0.0.1") as (port, came):
        client = WebhookClient(resolver=SaidResolver(["127.0.0.1"]))
        answer = await client.post(url.format(port), b"{}", {})
        await client.close()
    assert (answer.status, came) == (0, [])
    assert answer.error


async def test_a_name_whose_answer_changes_is_judged_by_the_address_connected_to(monkeypatch):
    """127.0.0.2 stands for an address of the internet."""
    monkeypatch.setattr(webhooks, "is_public", lambda address: address == "127.0.0.2" or is_public(address))
    async with counting("127.0.0.2") as (port, came), counting("127.0.0.1", port) as (_, inside):
        resolver = SaidResolver(["127.0.0.2"], ["127.0.0.1"])
        client = WebhookClient(resolver=resolver)
        first = await client.post(f"https://hooks.example.com:{port}/", b"{}", {})
        second = await client.post(f"https://hooks.example.com:{port}/", b"{}", {})
        await client.close()
    assert came == ["127.0.0.2"]
    assert inside == []
    assert "not public" not in first.error
    assert "not public" in second.error
    assert len(resolver.asked) == 2, "each connection goes to the one answer it was judged by"


async def test_of_several_addresses_only_the_public_ones_are_tried(monkeypatch):
    monkeypatch.setattr(webhooks, "is_public", lambda address: address == "127.0.0.2")
    async with counting("127.0.0.2") as (port, came), counting("127.0.0.1", port) as (_, inside):
        client = WebhookClient(resolver=SaidResolver(["127.0.0.1", "127.0.0.2"]))
        await client.post(f"https://hooks.example.com:{port}/", b"{}", {})
        await client.close()
    assert (set(came), inside) == ({"127.0.0.2"}, [])


async def test_no_proxy_of_the_environment_is_used(receiver, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    client = WebhookClient(private=True)
    assert (await client.post(receiver.url, b"{}", {})).is_taken
    await client.close()


async def test_the_library_is_imported_with_the_first_request():
    code = (
        "import sys, warmpost.adapters.webhooks as w; w.WebhookClient(); assert 'aiohttp' not in sys.modules"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, env={"PYTHONPATH": "functions"}
    )
    assert await process.wait() == 0
