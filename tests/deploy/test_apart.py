"""Functions that are deployed apart work together: each its own process, with no more than the upload has."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import ExitStack
from pathlib import Path

import aiohttp
import pytest

from infra.checks.functions_apart import RunningFunction
from infra.checks.upload import unpack_upload
from infra.local.demo.relay_reports import Relay, bounce_mail
from infra.local.manifest import manifest
from tests.deploy.front import Front
from tests.e2e import checks
from tests.e2e.checks import ok
from tests.running_stack import RunningStack

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A stack of which only the emulators, the inbox and the name server are used; its `url` is that of the front."""
    upload = unpack_upload(tmp_path_factory.mktemp("upload"))
    with ExitStack() as started:
        stack = started.enter_context(RunningStack())
        front = started.enter_context(Front())
        settings = settings_of(stack) | {"WARMPOST_BASE_URL": front.url}
        given = {one.handler: set(one.secrets) for one in manifest().functions}
        secret = set().union(*given.values())
        functions = {}
        for one in manifest().functions:
            own = {name: value for name, value in settings.items() if name not in secret - given[one.handler]}
            running = RunningFunction(one.handler, upload, own, upload / f"{one.handler}.log")
            functions[one.name] = started.enter_context(running)
        for function in functions.values():
            function.wait_until_it_listens()
        addresses = {name: (f"127.0.0.1:{one.port}", "") for name, one in functions.items()}
        front.addresses = addresses | {"_local": (stack.url.removeprefix("http://"), "/_local")}
        stack.url = front.url
        yield stack


def settings_of(stack: RunningStack) -> dict[str, str]:
    """What the stack's own functions were started with."""
    environment = Path(f"/proc/{stack.pids('functions')[0]}/environ").read_text().split("\0")
    pairs = dict(one.split("=", 1) for one in environment if "=" in one)
    ours = ("WARMPOST_", "GOOGLE_CLOUD_PROJECT", "FIRESTORE_", "CLOUD_TASKS_", "no_grpc_proxy")
    return {name: value for name, value in pairs.items() if name.startswith(ours)}


@pytest.fixture(scope="module")
async def client(stack):
    async with stack.open_client(base_url=stack.url) as client:
        yield client


@pytest.fixture(scope="module")
async def sender(client):
    return await checks.make_sender(client, "apart.example")


async def test_a_batch_is_planned_released_and_sent_by_tasks_of_one_function_to_another(
    stack, client, sender
):
    submitted = await checks.submit_to(client, sender, "apart", 700)
    batch = await checks.watch(client, submitted["id"])
    assert (batch["status"], batch["counts"]["sent"]) == ("done", 700)
    assert len(checks.inbox(stack, domain="inbox.example")) == 700


async def test_what_readers_and_relays_do_comes_back_to_the_message(stack, client, sender):
    order = {
        "from": sender.address,
        "to": ["reader@apart.test"],
        "subject": "Apart",
        "html": '<p><a href="https://www.apart.example/there">there</a></p>',
        "track": True,
        "unsubscribe": True,
    }
    accepted = await ok(client.post("/send", json=order))
    assert (await checks.message_once_done(client, accepted["id"]))["status"] == "sent"
    (letter,) = checks.inbox(stack, domain="apart.test")
    (link,) = re.findall(r'href="([^"]*/track/c/[^"]*)"', letter.body("html"))
    assert link.startswith(stack.url)
    assert (await client.get(link)).headers["location"] == "https://www.apart.example/there"
    (way_out,) = re.findall(r"<(http[^>]*)>", str(letter.message["List-Unsubscribe"]))
    assert way_out.startswith(f"{stack.url}/track/")
    assert (await client.post(way_out, data={"List-Unsubscribe": "One-Click"})).status_code == 200
    async with aiohttp.ClientSession() as session:
        relay = Relay(session, stack.url, stack.info["event_secret"], time.time)
        mail = bounce_mail(letter.return_path, letter.recipient, letter.wire)
        assert await relay.report("dsn", mail, envelope_to=letter.return_path) in (200, 202)
    deadline = time.monotonic() + checks.PATIENCE
    while True:
        line = (await checks.read(client, f"/send/{accepted['id']}"))["recipients"][0]
        if line["unsubscribed"] and line["status"] == "bounced":
            break
        assert time.monotonic() < deadline, line
        await asyncio.sleep(0.1)


async def test_what_a_schedule_starts_is_sent(stack, client, sender):
    order = {"from": sender.address, "to": ["later@apart-later.test"], "subject": "Later", "text": "Later."}
    start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))
    made = await client.post("/schedule", json={"send": order, "start_at": start})
    assert made.status_code == 201, made.text
    deadline = time.monotonic() + checks.PATIENCE
    while not checks.inbox(stack, domain="apart-later.test"):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
