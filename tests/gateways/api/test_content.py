"""What a mail held and who got it, seen afterwards."""

import base64
import csv
import io
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes

import pytest

from tests.actions.harness import DOMAIN, MASTER_KEY, Harness
from tests.actions.report_builders import ingest, of_batch, report
from tests.actions.schedule_harness import Planner
from tests.gateways.api.test_schedule import calling
from warmpost.adapters.message.encryption import Encryption
from warmpost.adapters.message.signing_pool import SigningPool
from warmpost.adapters.templates.templates import Templates
from warmpost.rules.tracking.tokens import Signer
from warmpost.rules.tracking.tracking import Links

SEND = {"from": f"News <news@{DOMAIN}>", "to": ["ann@example.net"], "subject": "Größe"}


@pytest.fixture
async def planner(store):
    return Planner(await Harness(store).open())


@pytest.fixture
async def api(planner):
    async with calling(planner) as client:
        yield client


async def sent(api, planner, **fields):
    accepted = await api.post("/send", json=SEND | fields)
    assert accepted.status_code == 202, accepted.text
    await planner.queue.run(planner.services, until=timedelta(minutes=1))
    return accepted.json()["id"]


def handed(planner):
    return [b"".join(one.content) for one in planner.harness.relays.handed]


async def test_a_message_is_shown_as_it_went_out(api, planner):
    file = {"filename": "a.txt", "content": base64.b64encode(b"file").decode()}
    id = await sent(api, planner, html='<p>Hi <a href="https://a.example/">a</a></p>', attachments=[file])
    shown = (await api.get(f"/send/{id}/content")).json()
    assert (shown["subject"], shown["rendered_again"]) == ("Größe", False)
    assert 'href="https://a.example/"' in shown["html"]
    assert "Hi a <https://a.example/>" in shown["text"]
    assert [(one["number"], one["filename"], one["size"]) for one in shown["parts"]] == [(0, "a.txt", 4)]
    part = await api.get(f"/send/{id}/content/parts/0")
    assert (part.content, part.headers["content-disposition"]) == (b"file", "attachment")
    assert "sandbox" in part.headers["content-security-policy"]
    whole = await api.get(f"/send/{id}/content", params={"format": "eml"})
    (went_out,) = handed(planner)
    for name in ("Message-ID", "Date", "From", "To", "Subject"):
        assert message_from_bytes(whole.content)[name] == message_from_bytes(went_out)[name]


async def test_whoever_looks_at_a_mail_is_no_reader(planner):
    links = Links("https://t.example/track", Signer(bytes(32)))
    pool = SigningPool(Templates(), Encryption(MASTER_KEY), 1, links)
    planner.services = replace(planner.services, signing_pool=pool)
    async with calling(planner) as api:
        await look_at_a_tracked_mail(api, planner)


async def look_at_a_tracked_mail(api, planner):
    html = '<p><a href="https://a.example/">a</a></p>'
    id = await sent(api, planner, html=html, track=True)
    assert b"/track/" in handed(planner)[0]
    assert "/track/" not in (await api.get(f"/send/{id}/content")).json()["html"]


async def test_the_recipients_of_a_message_tell_its_message_id(api, planner):
    id = await sent(api, planner, text="x")
    (line,) = (await api.get(f"/send/{id}")).json()["recipients"]
    assert f"<{line['message_id']}>" == message_from_bytes(handed(planner)[0])["Message-ID"]
    assert line["position"] == 0


async def test_a_message_is_sent_once_more_to_all_or_some(api, planner):
    id = await sent(api, planner, to=["ann@example.net", "bob@example.net"], text="x", tags={"kind": "a"})
    again = await api.post(f"/send/{id}/resend", json={"to": ["BOB@example.net"]})
    assert (again.status_code, again.json()["recipients"]) == (202, 1)
    await planner.queue.run(planner.services, until=timedelta(minutes=1))
    new = (await api.get(f"/send/{again.json()['id']}")).json()
    assert [one["to"] for one in new["recipients"]] == ["bob@example.net"]
    assert new["tags"] == {"kind": "a", "resend_of": id}
    assert (new["subject"], new["status"]) == ("Größe", "sent")
    everybody = await api.post(f"/send/{id}/resend", json={})
    assert everybody.json()["recipients"] == 2
    stranger = await api.post(f"/send/{id}/resend", json={"to": ["eve@example.net"]})
    assert (stranger.status_code, stranger.json()["error"]["field"]) == (422, "to[0]")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/send/nothing/content", 404),
        ("/send/{id}/content?position=5", 404),
        ("/send/{id}/content?position=x", 422),
        ("/send/{id}/content?format=pdf", 422),
        ("/send/{id}/content/parts/0", 404),
        ("/batch-submit/9/recipients/0/content", 404),
    ],
)
async def test_what_is_not_there_is_said(api, planner, path, status):
    id = await sent(api, planner, text="x")
    assert (await api.get(path.format(id=id))).status_code == status


@pytest.fixture
async def batch(api, planner):
    people = [{"to": f"r{n}@example.net", "data": {"name": f"N{n}"}} for n in range(6)]
    body = {"from": f"news@{DOMAIN}", "template": 1, "recipients": people}
    assert (await api.post("/batch-submit", json=body)).status_code == 202
    await planner.queue.run(planner.services, until=timedelta(minutes=1))
    await ingest(
        planner.harness,
        report("opened", of_batch("1", 2)),
        report("clicked", of_batch("1", 4)),
        report("unsubscribed", of_batch("1", 5)),
        until=timedelta(hours=1),
    )
    return "/batch-submit/1/recipients"


async def test_recipients_are_found_by_address_and_by_what_they_did(api, batch):
    async def found(**query):
        return [one["position"] for one in (await api.get(batch, params=query)).json()["items"]]

    assert await found(address="R3@example.net") == [3]
    assert await found(address="nobody@example.net") == []
    assert await found(opened="true") == [2]
    assert await found(clicked="true") == [4]
    assert await found(unsubscribed="true") == [5]
    assert await found(opened="false", clicked="false", unsubscribed="false") == [0, 1, 3]
    assert await found(status="sent", opened="true") == [2]
    for query in ({"opened": "yes"}, {"address": "x"}, {"format": "xls"}):
        assert (await api.get(batch, params=query)).status_code == 422


async def test_recipients_come_as_a_file(api, batch):
    answered = await api.get(batch, params={"format": "csv"})
    assert answered.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answered.text)))
    assert [row["to"] for row in rows] == [f"r{n}@example.net" for n in range(6)]
    assert (rows[2]["opened"], rows[2]["status"], rows[3]["opened"]) == ("yes", "sent", "no")


async def test_what_a_recipient_of_a_batch_got_is_rendered_again(api, planner, batch):
    shown = (await api.get(f"{batch}/3/content")).json()
    went_out = next(one for one in handed(planner) if b"r3@example.net" in one)
    assert shown["rendered_again"] is True
    assert "N3" in shown["subject"] + shown["html"]
    headers = {one["name"]: one["value"] for one in shown["headers"]}
    assert headers["Message-ID"] == message_from_bytes(went_out)["Message-ID"]
    assert (await api.get(f"{batch}/6/content")).status_code == 404
