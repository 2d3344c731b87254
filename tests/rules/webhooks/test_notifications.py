import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.webhooks.notifications import (
    MOST_EVENTS,
    Notification,
    NotificationEvent,
    Told,
    bodies,
    bundles,
    events_in,
    events_left,
    line_of,
    next_wait,
    pack_lines,
    payload,
)

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
BOUNCE = NotificationEvent(
    kind="bounced",
    at=AT.timestamp() + 0.25,
    event_id="e1",
    to="nobody@example.net",
    message_id="x1@news.example",
    batch="7",
    sender="News <news@news.example>",
    subject="Grüße",
    template="4",
    tags={"season": "spring"},
    code=550,
    enhanced_code="5.1.1",
    text="no such user",
    bounce_class="unknown_user",
    hard=True,
    sent_at=AT.timestamp() - 10,
)


def a_notification(lines, per_request=1, **fields):
    requests = -(-len(lines) // per_request)
    return Notification(
        "w", pack_lines(lines), len(lines), per_request, "." * requests, "waiting", AT, AT, **fields
    )


def test_a_bounce_has_our_fields_and_those_of_tencents_callbacks():
    shown = payload(BOUNCE, "my-project")
    assert str(shown.pop("id")).startswith("evt_")
    assert shown == {
        "type": "bounced",
        "at": "2026-03-01T09:00:00.250Z",
        "to": "nobody@example.net",
        "batch": "7",
        "reply": {"code": 550, "enhanced_code": "5.1.1", "text": "no such user"},
        "bounce_class": "unknown_user",
        "event": "bounce",
        "eventid": 3,
        "email": "nobody@example.net",
        "bulkId": "7",
        "timestamp": 1772355600,
        "sentTimestamp": 1772355590,
        "reason": "550 5.1.1 no such user",
        "bounceType": "hard_bounce",
        "username": "my-project",
        "from": "news@news.example",
        "fromDomain": "news.example",
        "templateId": 4,
        "subject": "=?utf-8?B?R3LDvMOfZQ==?=",
        "messageId": "x1@news.example",
        "taskId": 7,
        "tags": {"season": "spring"},
        "machine": False,
        "simulated": False,
    }


def test_every_kind_of_tencents_has_its_name_and_number():
    kinds: tuple[Told, ...] = (
        "delivered",
        "dropped",
        "bounced",
        "opened",
        "clicked",
        "complained",
        "unsubscribed",
        "deferred",
    )
    told = [payload(NotificationEvent(kind, 1.0, "e"), "p") for kind in kinds]
    assert [(one["event"], one["eventid"]) for one in told] == [
        *(("delivered", 1), ("dropped", 2), ("bounce", 3), ("open", 4), ("click", 5)),
        *(("spamreport", 6), ("unsubscribe", 7), ("deferred", 8)),
    ]


def test_a_click_tells_link_reader_and_machine():
    click = NotificationEvent(
        "clicked", 1.0, "e", link="https://a.example/?q=1", user_agent="Scanner", machine=True
    )
    shown = payload(click, "p")
    assert (shown["link"], shown["useragent"], shown["machine"]) == (
        "https://a.example/?q=1",
        "Scanner",
        True,
    )
    assert "bounceType" not in shown
    assert "reply" not in shown


def test_ids_are_the_same_for_the_same_event_and_differ_by_kind_and_recipient():
    one = NotificationEvent("opened", 1.0, "e", to="a@example.net", batch="1")
    again = NotificationEvent("opened", 2.0, "e", to="a@example.net", batch="1")
    others = [
        NotificationEvent("clicked", 1.0, "e", to="a@example.net", batch="1"),
        NotificationEvent("opened", 1.0, "e", to="b@example.net", batch="1"),
        NotificationEvent("opened", 1.0, "f", to="a@example.net", batch="1"),
    ]
    assert one.public_id == again.public_id
    assert len({each.public_id for each in (one, *others)}) == 4


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=50))
def test_whatever_words_come_the_line_is_json_without_a_line_break(subject, text, agent):
    one = NotificationEvent("bounced", 1.0, "e", subject=subject, text=text, user_agent=agent)
    line = line_of(payload(one, "p"))
    assert b"\n" not in line
    assert json.loads(line)["type"] == "bounced"


@given(st.lists(st.integers(1, 200_000), max_size=30), st.integers(1, 100))
def test_bundles_hold_every_line_in_order_and_none_too_much(sizes, per_request):
    lines = [b"x" * size for size in sizes]
    found = list(bundles(lines, per_request))
    assert [line for bundle in found for line in bundle] == lines
    assert all(len(bundle) == 1 or sum(map(len, bundle)) <= 600_000 for bundle in found)


def test_many_events_need_few_documents():
    found = list(bundles([b"{}"] * 10_000, 1))
    assert [len(bundle) for bundle in found] == [MOST_EVENTS] * 20
    assert {len(bundle) % 30 for bundle in list(bundles([b"{}"] * 10_000, 30))[:-1]} == {0}


def test_bodies_are_objects_or_arrays():
    lines = [b'{"n":%d}' % n for n in range(5)]
    assert bodies(a_notification(lines)) == lines
    arrays = [json.loads(body) for body in bodies(a_notification(lines, 2))]
    assert arrays == [[{"n": 0}, {"n": 1}], [{"n": 2}, {"n": 3}], [{"n": 4}]]


def test_events_are_counted_by_request():
    assert events_in([0, 2], 5, 2) == 3
    assert events_left("x.x", 5, 2) == 2
    assert events_left("xx.", 5, 2) == 1


def test_what_is_left_to_do_begins_behind_what_failed_last():
    notification = Notification("w", b"", 6, 1, "x..x..", "waiting", AT, AT, first=4)
    assert notification.to_do == [4, 5, 1, 2]


def test_waits_grow_and_end_after_three_days_exactly():
    now = AT
    waits: list[float] = []
    while (wait := next_wait(AT, now, len(waits))) is not None:
        waits.append(wait)
        now += timedelta(seconds=wait)
    assert waits[:8] == [5, 60, 300, 1800, 7200, 18000, 36000, 36000]
    assert now == AT + timedelta(days=3)


def test_an_endpoint_may_ask_for_a_longer_wait_but_not_for_ever():
    assert next_wait(AT, AT, 0, 120) == 120
    assert next_wait(AT, AT, 3, 120) == 1800
    assert next_wait(AT, AT, 0, 10**7) == 36000
