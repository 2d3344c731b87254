"""`/send`, from the request to the octets in the inbox."""

from __future__ import annotations

import asyncio
import base64
import os

import pytest

from tests.e2e import checks
from tests.e2e.checks import Sender, ok
from tests.problems import problem

WORDS = "Grüße, 世界! مرحبا · שלום · नमस्ते · 👩‍👩‍👧 · e\u0301 · ﬁ · 𝔘"


@pytest.fixture(scope="module")
async def client(stack):
    async with stack.open_client() as client:
        yield client


@pytest.fixture(scope="module")
async def sender(client) -> Sender:
    return await checks.make_sender(client, "single.example")


async def send(client, order: dict, **headers: str) -> dict:
    accepted = await ok(client.post("/send", json=order, headers=headers))
    assert accepted["status"] == "queued"
    return await checks.message_once_done(client, accepted["id"])


def received_for(stack, message: dict) -> dict[str, checks.Received]:
    """What arrived of one send, by recipient."""
    return {one.recipient: one for one in checks.inbox(stack) if f".{message['id']}@".encode() in one.wire}


async def test_recipients_of_every_kind_get_the_same_message_and_bcc_stays_secret(stack, client, sender):
    order = {
        "from": f'"Sales, Dept." <{sender.address}>',
        "to": ["Zoë Ünal <zoe@single.test>", "Plain@single.test"],
        "cc": ['"O\'Neill, B." <cc@single.test>'],
        "bcc": ["Hidden <bcc@single.test>"],
        "reply_to": ["one@single.example", "Zwei <two@single.example>"],
        "subject": f"Subject {WORDS}",
        "html": f"<p>{WORDS}</p>",
        "text": f"{WORDS}\n",
        "headers": {"X-Campaign": WORDS, "X-Plain": "as it is"},
        "tags": {"kind": "test"},
    }
    message = await send(client, order)
    assert message["status"] == "sent"
    assert message["subject"] == order["subject"]
    assert message["tags"] == {"kind": "test"}
    arrived = received_for(stack, message)
    assert set(arrived) == {"zoe@single.test", "Plain@single.test", "cc@single.test", "bcc@single.test"}
    assert len({one.wire for one in arrived.values()}) == 1
    one = arrived["bcc@single.test"]
    assert b"bcc@single.test" not in one.wire and b"Hidden" not in one.wire
    read = one.message
    assert [(a.display_name, a.addr_spec) for a in read["From"].addresses] == [
        ("Sales, Dept.", sender.address)
    ]
    assert [(a.display_name, a.addr_spec) for a in read["To"].addresses] == [
        ("Zoë Ünal", "zoe@single.test"),
        ("", "Plain@single.test"),
    ]
    assert [(a.display_name, a.addr_spec) for a in read["Cc"].addresses] == [
        ("O'Neill, B.", "cc@single.test")
    ]
    assert [a.addr_spec for a in read["Reply-To"].addresses] == ["one@single.example", "two@single.example"]
    assert read["Subject"] == order["subject"]
    assert read["X-Campaign"] == WORDS and read["X-Plain"] == "as it is"
    assert one.body("plain") == order["text"] and one.body("html").rstrip("\n") == order["html"]
    one.assert_signed(sender.records)


async def test_attachments_arrive_byte_for_byte_under_their_names(stack, client, sender):
    files = {
        "plain.txt": b"a\r\nb\nc\rd\x00\xff",
        "Größe 見積書.pdf": os.urandom(100_001),
        "empty.csv": b"",
        f"{'long ' * 40}name.png": os.urandom(57),
        "no extension": b".\r\n.\r\nQUIT\r\n",
    }
    order = {
        "from": sender.address,
        "to": ["files@single.test"],
        "subject": "Files",
        "text": "See the files.",
        "attachments": [
            {"filename": name, "content": base64.encodebytes(content).decode()}
            for name, content in files.items()
        ],
    }
    order["attachments"][0]["content_type"] = "application/x-odd"
    arrived = received_for(stack, await send(client, order))["files@single.test"]
    found = {part.get_filename(): part for part in arrived.message.iter_attachments()}
    assert {name: part.get_payload(decode=True) for name, part in found.items()} == files
    assert found["plain.txt"].get_content_type() == "application/x-odd"
    assert found["Größe 見積書.pdf"].get_content_type() == "application/pdf"
    arrived.assert_signed(sender.records)


async def test_template_with_data_is_rendered_and_missing_text_is_made_from_html(stack, client, sender):
    html = "<h1>{{ what|title }}</h1>{% for one in items %}<p>{{ one.name }}: {{ '%.2f' % one.price }}</p>{% endfor %}"
    body = {"name": "receipt", "subject": "Receipt {{ number }}", "html": html}
    await ok(client.post("/manage/templates", json=body))
    data = {"what": "your order", "number": 7, "items": [{"name": "<Tea> & cake", "price": 3.5}]}
    order = {"from": sender.address, "to": ["t@single.test"], "template": "receipt", "data": data}
    message = await send(client, order)
    assert message["template"] == 1 or isinstance(message["template"], int)
    arrived = received_for(stack, message)["t@single.test"]
    assert arrived.message["Subject"] == "Receipt 7" == message["subject"]
    assert "<p>&lt;Tea&gt; &amp; cake: 3.50</p>" in arrived.body("html")
    assert "<Tea> & cake: 3.50" in arrived.body("plain")
    assert "Your Order" in arrived.body("plain")


async def test_international_domains_are_sent_as_a_labels(stack, client):
    sender = await checks.make_sender(client, "bücher.example")
    assert sender.domain == "xn--bcher-kva.example"
    order = {
        "from": "Bücher <hello@BÜCHER.example>",
        "to": ["leser@größe.test"],
        "subject": "Neue Bücher",
        "text": "Da sind sie.",
    }
    message = await send(client, order)
    arrived = received_for(stack, message)["leser@xn--gre-6ka8i.test"]
    assert arrived.message["From"].addresses[0].addr_spec == "hello@xn--bcher-kva.example"
    assert arrived.message["To"].addresses[0].addr_spec == "leser@xn--gre-6ka8i.test"
    assert arrived.return_path.endswith("@xn--bcher-kva.example")
    arrived.assert_signed(sender.records)


async def test_address_with_letters_beyond_ascii_goes_out_where_the_relay_takes_it(stack, client, sender):
    order = {"from": sender.address, "to": ["δοκιμή@single.test"], "subject": "s", "text": "t"}
    message = await send(client, order)
    assert message["status"] == "sent", message
    assert set(received_for(stack, message)) == {"δοκιμή@single.test"}


async def test_same_idempotency_key_means_one_message_however_many_ask_at_once(stack, client, sender):
    order = {"from": sender.address, "to": ["once@single.test"], "subject": "Once", "text": "Only once."}
    key = {"Idempotency-Key": "order-4711"}
    answers = await asyncio.gather(*(client.post("/send", json=order, headers=key) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    message = await checks.message_once_done(client, answers[0].json()["id"])
    again = await client.post("/send", json=order, headers=key)
    assert again.json() == answers[0].json()
    other = await client.post("/send", json={**order, "subject": "Twice"}, headers=key)
    assert problem(other) == (409, "idempotency_key_reused", None)
    assert [one.recipient for one in checks.inbox(stack) if one.recipient == "once@single.test"] == [
        "once@single.test"
    ]
    assert message["recipients"][0]["status"] == "sent"


async def test_same_idempotency_key_means_one_batch(stack, client, sender):
    await ok(client.post("/manage/templates", json={"name": "one batch", "subject": "s", "text": "t"}))
    order = {"from": sender.address, "template": "one batch", "recipients": [{"to": "b@single.test"}]}
    key = {"Idempotency-Key": "batch-1"}
    answers = await asyncio.gather(*(client.post("/batch-submit", json=order, headers=key) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    await checks.watch(client, answers[0].json()["id"])
    other = await client.post("/batch-submit", json={**order, "name": "other"}, headers=key)
    assert problem(other) == (409, "idempotency_key_reused", None)
    assert [one.recipient for one in checks.inbox(stack) if one.recipient == "b@single.test"] == [
        "b@single.test"
    ]


async def test_history_tells_the_relays_words_for_each_recipient(client, sender):
    order = {
        "from": sender.address,
        "to": ["fine@single.test", "reply-550-x@single.test", "reply-451-x@single.test"],
        "cc": ["bounce@simulator.invalid", "deferred@simulator.invalid", "success@simulator.invalid"],
        "subject": "Mixed",
        "text": "Some of you.",
    }
    accepted = await ok(client.post("/send", json=order))
    message = await checks.message_once_done(client, accepted["id"])
    lines = {line["to"]: line for line in message["recipients"]}
    assert {to: line["status"] for to, line in lines.items()} == {
        "fine@single.test": "sent",
        "reply-550-x@single.test": "bounced",
        "reply-451-x@single.test": "deferred",
        "bounce@simulator.invalid": "bounced",
        "deferred@simulator.invalid": "deferred",
        "success@simulator.invalid": "delivered",
    }
    assert [note["status"] for note in lines["fine@single.test"]["history"]] == ["sent"]
    assert lines["fine@single.test"]["history"][0]["at"] == lines["fine@single.test"]["sent_at"]
    note = lines["reply-550-x@single.test"]["history"][-1]
    assert (note["status"], note["code"], note["enhanced_code"]) == ("bounced", 550, "5.1.1")
    assert "User unknown" in note["text"]
    note = lines["reply-451-x@single.test"]["history"][-1]
    assert (note["status"], note["code"], note["enhanced_code"]) == ("deferred", 451, "4.7.1")


async def test_lost_answer_to_data_is_uncertain_and_never_sent_again_by_itself_where_told_to_hold(
    stack, client, sender
):
    order = {
        "from": sender.address,
        "to": ["drop-after-data-1@single.test"],
        "subject": "Lost answer",
        "text": "Did it arrive?",
        "on_uncertain": "hold",
    }
    message = await send(client, order)
    assert message["status"] == "uncertain"
    assert len([one for one in checks.inbox(stack) if one.recipient == order["to"][0]]) == 1
