"""Reports as relays and mailbox providers post them: believed only when signed, kept in one write, ingested once."""

import json
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from starlette.requests import Request

from tests.actions.harness import POLICY, START, Harness, address
from tests.actions.report_builders import batch_counts, batch_lines, suppressed_for
from warmpost.gateways.http.app import answer
from warmpost.gateways.reports.event_webhook import MOST_BODY_BYTES, Reporters, event_webhook
from warmpost.rules.events.documents import EventLog
from warmpost.rules.model.events import Target
from warmpost.rules.reports.signatures import sign
from warmpost.rules.reports.verp import return_path
from warmpost.rules.tracking.tokens import Signer, name_of
from warmpost.rules.tracking.tracking import unsubscribe_address

SIGNER = Signer(bytes(32))
SECRETS = {"warmpost": ("one", "two"), "kumomta": ("kumo",), "dsn": ("mail",), "arf": ()}
NOW = int(START.timestamp())
SOON = timedelta(hours=1)


class Door:
    """The function behind a client that signs."""

    def __init__(self, harness):
        self.harness = harness

        async def app(scope, receive, respond):
            reporters = Reporters(SECRETS, SIGNER)
            door = lambda asked: event_webhook(asked, harness.services, reporters)  # noqa: E731
            response = await answer(Request(scope, receive), door)
            await response(scope, receive, respond)

        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")

    async def post(self, source, body, secret="one", at=NOW, **headers):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        signed = {"Warmpost-Timestamp": str(at), "Warmpost-Signature": sign(raw, at, secret)}
        return await self.client.post(f"/{source}", content=raw, headers=signed | headers)

    async def logs(self):
        return await self.harness.store.find(EventLog, "events")

    async def ingest(self):
        await self.harness.queue.run(self.harness.services, until=SOON)


@pytest.fixture
async def door(store):
    policy = replace(POLICY, return_key=b"k" * 32)
    harness = await Harness(store, policy=policy).open()
    opened = Door(harness)
    yield opened
    await opened.client.aclose()


def delivered(batch, position):
    return {"type": "delivered", "at": "2026-11-23T12:00:00Z", "batch": batch, "position": position}


async def sent_batch(door, count):
    batch = await door.harness.submit(count)
    await door.harness.queue.run(door.harness.services)
    return batch


async def test_signed_events_are_kept_at_once_and_ingested_soon(door):
    batch = await sent_batch(door, 4)
    answered = await door.post("warmpost", [delivered(batch, 0), delivered(batch, 2)])
    assert (answered.status_code, answered.json()["accepted"]) == (202, 2)
    await door.ingest()
    assert await batch_counts(door.harness, batch) == {"sent": 2, "delivered": 2}


async def test_a_secret_may_be_changed_while_both_hold(door):
    assert (await door.post("warmpost", delivered("1", 0), secret="two")).status_code == 202


@pytest.mark.parametrize(
    ("source", "secret", "at", "code"),
    [
        ("warmpost", "wrong", NOW, "wrong_signature"),
        ("warmpost", "one", NOW - 301, "signature_expired"),
        ("warmpost", "one", NOW + 301, "signature_expired"),
        ("dsn", "one", NOW, "wrong_signature"),
        ("arf", "", NOW, "source_not_set_up"),
    ],
)
async def test_what_is_not_signed_by_the_source_just_now_is_not_kept(door, source, secret, at, code):
    before = len(await door.logs())
    answered = await door.post(source, delivered("1", 0), secret=secret, at=at)
    assert (answered.status_code, answered.json()["error"]["code"]) == (401, code)
    assert len(await door.logs()) == before


async def test_one_wrong_event_keeps_all_of_its_request_out(door):
    before = len(await door.logs())
    answered = await door.post("warmpost", [delivered("1", 0), {"type": "delivered"}])
    assert (answered.status_code, answered.json()["error"]["field"]) == (422, "[1].at")
    assert len(await door.logs()) == before


@pytest.mark.parametrize(("source", "body"), [("warmpost", b"{"), ("kumomta", b"\xff"), ("warmpost", b"[1]")])
async def test_what_cannot_be_read_is_told_so(door, source, body):
    secret = SECRETS[source][0]
    assert (await door.post(source, body, secret=secret)).status_code in (400, 422)


async def test_sources_are_named_where_one_is_unknown(door):
    answered = await door.post("mailgun", {})
    assert answered.status_code == 404
    assert "kumomta" in answered.json()["error"]["message"]


async def test_too_large_a_request_is_refused(door):
    answered = await door.post("warmpost", b" " * (MOST_BODY_BYTES["warmpost"] + 1))
    assert answered.status_code == 413


async def test_ten_thousand_events_are_one_document(door):
    before = len(await door.logs())
    answered = await door.post("warmpost", [delivered("1", position) for position in range(10_000)])
    assert answered.json()["accepted"] == 10_000
    assert len(await door.logs()) == before + 1


async def test_a_bounce_without_any_usable_header_finds_its_recipient_by_where_it_was_sent(door):
    batch = await sent_batch(door, 3)
    where = return_path(Target(batch, position=1), "news.example.com", b"k" * 32)
    report = b"From: MAILER-DAEMON@mx.example\r\nTo: postmaster@x.example\r\nSubject: Undelivered\r\n\r\n"
    report += b"<someone@else.example>: 550 5.1.1 User unknown\r\n"
    answered = await door.post("dsn", report, secret="mail", **{"Warmpost-Envelope-To": where})
    assert answered.status_code == 202
    await door.ingest()
    assert [line.status for line in await batch_lines(door.harness, batch)] == ["sent", "bounced", "sent"]
    assert list(await suppressed_for(door.harness)) == [address(1)]


async def test_a_mail_that_is_no_report_is_answered_with_the_reason(door):
    mail = b"From: ann@example.net\r\nTo: bounces@news.example.com\r\nSubject: hello\r\n\r\nhello\r\n"
    answered = await door.post("dsn", mail, secret="mail")
    assert answered.status_code == 200
    assert answered.json()["accepted"] == 0
    assert answered.json()["ignored"]


async def test_a_mail_to_the_address_of_list_unsubscribe_unsubscribes(door):
    batch = await sent_batch(door, 2)
    token = SIGNER.write("unsubscribe", name_of(Target(batch, position=1), NOW))
    where = unsubscribe_address(token, "news.example.com")
    mail = b"From: r1@example.net\r\nTo: list\r\nSubject: unsubscribe\r\n\r\n"
    answered = await door.post("dsn", mail, secret="mail", **{"Warmpost-Envelope-To": where})
    assert answered.status_code == 202
    assert list(await suppressed_for(door.harness)) == [address(1)]


async def test_a_changed_address_of_list_unsubscribe_does_nothing(door):
    batch = await sent_batch(door, 1)
    token = SIGNER.write("unsubscribe", name_of(Target(batch, position=0), NOW))
    where = unsubscribe_address(token[:-2] + "AA", "news.example.com")
    await door.post("dsn", b"Subject: unsubscribe\r\n\r\n", secret="mail", **{"Warmpost-Envelope-To": where})
    assert not await suppressed_for(door.harness)
