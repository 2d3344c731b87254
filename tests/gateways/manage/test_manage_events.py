"""`/manage/events` through its door: shapes, filters that are checked, and nothing where nothing was reported."""

import pytest

from tests.problems import problem
from warmpost.actions.outbox.event_log import log_writes
from warmpost.rules.model.events import Event, Target


async def test_an_event_is_told_with_the_words_of_its_server(api, services, clock):
    target = Target(batch="7", position=3, address="ann@gmail.com")
    event = Event("e1", "bounced", clock.timestamp(), target, "worker", 550, "5.1.1", "No such user")
    await services.store.commit(*log_writes(services, "worker", [event]))
    (shown,) = (await api.get("/events")).json()["items"]
    assert shown == {
        "type": "bounced",
        "at": "2026-03-01T09:00:00Z",
        "to": "ann@gmail.com",
        "domain": None,
        "provider": "gmail",
        "batch": 7,
        "position": 3,
        "source": "worker",
        "code": 550,
        "enhanced_code": "5.1.1",
        "text": "No such user",
        "link": None,
        "machine": False,
    }
    assert (await api.get("/events?type=opened,clicked")).json()["items"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("type=exploded", "type"),
        ("provider=nobody", "provider"),
        ("address=x", "address"),
        ("since=yesterday", "since"),
        ("cursor=!", "cursor"),
        ("limit=0", "limit"),
        ("color=red", "color"),
    ],
)
async def test_a_wrong_filter_is_named(api, query, field):
    status, _, named = problem(await api.get(f"/events?{query}"))
    assert (status, named) == (422, field)
