"""What was sent, found again through the doors of `/send` and `/batch-submit`."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.actions.harness import DOMAIN, Harness
from tests.actions.schedule_harness import Planner
from tests.gateways.api.test_schedule import calling
from warmpost.actions.listings import list_messages as listing
from warmpost.rules.listings.listing import SHARDS, age_key
from warmpost.rules.model.writes import Put

SEND = {"from": f"news@{DOMAIN}", "to": ["ann@example.net"], "subject": "Your order 17", "text": "Hi"}


@pytest.fixture
async def planner(store):
    return Planner(await Harness(store).open())


@pytest.fixture
async def api(planner):
    async with calling(planner) as client:
        yield client


async def send(api, planner, **fields):
    accepted = await api.post("/send", json=SEND | fields)
    assert accepted.status_code == 202, accepted.text
    planner.clock.advance(1)
    return accepted.json()["id"]


async def ids(api, path="/send", **query):
    answered = await api.get(path, params=query)
    assert answered.status_code == 200, answered.text
    return [one["id"] for one in answered.json()["items"]]


async def all_pages(api, path, limit, **query):
    found, cursor, pages = [], None, 0
    while True:
        asked = query | {"limit": limit} | ({"cursor": cursor} if cursor else {})
        answered = (await api.get(path, params=asked)).json()
        found += [one["id"] for one in answered["items"]]
        cursor, pages = answered["next_cursor"], pages + 1
        if not cursor:
            return found, pages


async def test_messages_are_listed_newest_first_page_by_page(api, planner):
    sent = [await send(api, planner) for _ in range(12)]
    assert await ids(api) == sent[::-1]
    for limit in (1, 5, 12):
        found, pages = await all_pages(api, "/send", limit)
        assert found == sent[::-1]
        assert pages == -(-12 // limit)


async def test_a_row_says_what_became_of_the_message(api, planner):
    id = await send(api, planner, to=["ann@example.net"], cc=["bob@example.net"], tags={"kind": "receipt"})
    await planner.queue.run(planner.services, until=timedelta(minutes=1))
    (row,) = (await api.get("/send")).json()["items"]
    assert row["created_at"].endswith("Z")
    assert row | {"created_at": ""} == {
        "id": id,
        "status": "sent",
        "counts": {"sent": 2},
        "from": f"news@{DOMAIN}",
        "to": ["ann@example.net", "bob@example.net"],
        "subject": "Your order 17",
        "template": None,
        "schedule": None,
        "run": None,
        "tags": {"kind": "receipt"},
        "opened": False,
        "clicked": False,
        "created_at": "",
    }


async def test_messages_are_found_by_what_people_remember(api, planner):
    first = await send(api, planner, to=["Bob@example.net"], subject="Rechnung für März")
    middle = planner.clock.now()
    second = await send(api, planner, tags={"kind": "receipt"})
    third = await send(api, planner, tags={"kind": "reset"})
    for query, found in (
        ({"to": "bob@EXAMPLE.net"}, [first]),
        ({"subject": "märz rechnung"}, [first]),
        ({"subject": "order"}, [third, second]),
        ({"tag": "kind"}, [third, second]),
        ({"tag": "kind=reset"}, [third]),
        ({"from": DOMAIN}, [third, second, first]),
        ({"from": f"NEWS@{DOMAIN}"}, [third, second, first]),
        ({"from": "other@example.org"}, []),
        ({"since": middle.isoformat()}, [third, second]),
        ({"until": middle.isoformat()}, [first]),
        ({"to": "ann@example.net", "until": (middle + timedelta(seconds=1)).isoformat()}, [second]),
        ({"status": "queued"}, [third, second, first]),
        ({"status": "bounced"}, []),
    ):
        assert await ids(api, **query) == found, query


async def test_a_message_is_found_by_the_message_id_that_it_went_out_with(api, planner):
    id = await send(api, planner)
    await send(api, planner)
    await planner.queue.run(planner.services, until=timedelta(minutes=1))
    octets = [b"".join(one.content) for one in planner.harness.relays.handed]
    headers = [line for mail in octets for line in mail.split(b"\r\n") if line.startswith(b"Message-ID:")]
    named = next(line.decode() for line in headers if id.encode() in line).removeprefix("Message-ID: ")
    assert await ids(api, message_id=named) == [id]
    assert await ids(api, message_id=named.replace("@", "x@")) == []


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("/send", {"status": "eaten"}, "status"),
        ("/send", {"to": "nobody"}, "to"),
        ("/send", {"since": "yesterday"}, "since"),
        ("/send", {"until": "2026-13-01T00:00:00Z"}, "until"),
        ("/send", {"limit": "0"}, "limit"),
        ("/send", {"cursor": "../x"}, "cursor"),
        ("/send", {"subject": "x" * 201}, "subject"),
        ("/send", {"colour": "red"}, "colour"),
        ("/batch-submit", {"status": "sent"}, "status"),
        ("/batch-submit", {"list": "no such list"}, "list"),
        ("/batch-submit", {"template": "no such template"}, "template"),
        ("/batch-submit", {"cursor": "x"}, "cursor"),
        ("/batch-submit", {"since": "2026"}, "since"),
    ],
)
async def test_a_query_that_cannot_be_meant_names_its_field(api, path, query, field):
    answered = await api.get(path, params=query)
    assert answered.status_code == 422
    assert answered.json()["error"]["field"] == field


async def test_a_page_of_messages_reads_a_page_and_not_the_collection(api, planner, monkeypatch):
    id = await send(api, planner)
    stored = await planner.harness.message(id)
    for number in range(400):
        at = stored.created_at - timedelta(hours=number + 1)
        name = f"old{number:04d}"
        key = age_key(at) + name
        shard = number % SHARDS
        await planner.harness.store.commit(
            Put(f"messages/{name}", replace(stored, created_at=at, listed=f"{shard}{key}"))
        )
    read = []
    monkeypatch.setattr(planner.harness.store, "_read", read.append)
    assert len(await ids(api, limit=10)) == 10
    assert sum(read) <= 30
    found, pages = await all_pages(api, "/send", 100)
    assert len(found) == len(set(found)) == 401
    assert pages == 5


async def test_who_looks_for_something_rare_gets_on_page_by_page(api, planner, monkeypatch):
    monkeypatch.setattr(listing, "MOST_LOOKED_AT", 3)
    wanted = await send(api, planner, subject="rare")
    for _ in range(7):
        await send(api, planner)
    found, pages = await all_pages(api, "/send", 5, subject="rare")
    assert found == [wanted]
    assert pages == 3


async def test_batches_are_listed_newest_first_with_their_counts_and_cost(api, planner):
    for number in range(5):
        people = [{"to": f"r{n}@example.net", "data": {"name": "Ann"}} for n in range(number + 1)]
        body = {"from": f"news@{DOMAIN}", "template": 1, "recipients": people, "name": f"Letter {number}"}
        assert (await api.post("/batch-submit", json=body)).status_code == 202
        planner.clock.advance(1)
    await planner.queue.run(planner.services, until=timedelta(minutes=1))
    assert await ids(api, "/batch-submit") == [5, 4, 3, 2, 1]
    found, pages = await all_pages(api, "/batch-submit", 2)
    assert (found, pages) == ([5, 4, 3, 2, 1], 3)
    row = (await api.get("/batch-submit", params={"name": "letter 4"})).json()["items"][0]
    whole = (await api.get("/batch-submit/5")).json()
    assert {name: whole[name] for name in row} == row
    assert row["counts"]["sent"] == 5
    assert await ids(api, "/batch-submit", status="done") == [5, 4, 3, 2, 1]
    assert await ids(api, "/batch-submit", status="paused") == []
    assert await ids(api, "/batch-submit", template="1", name="2") == [3]
    assert await ids(api, "/batch-submit", list="9") == []


async def test_no_batch_yet_is_an_empty_page(api):
    assert (await api.get("/batch-submit")).json() == {"items": [], "next_cursor": None}
