"""One message accepted: once per key, with everything wrong found at once and nothing left behind."""

import asyncio
from dataclasses import replace

import pytest

from tests.actions.faults import FaultyStore, lost_answer, no_answer, nth
from tests.actions.harness import DOMAIN, START, a_request, address, addresses, send_order, template
from warmpost.actions.batches.send_message import send_message
from warmpost.actions.delivery.delivery_job import message_content_path
from warmpost.errors import Conflict, Invalid, NotFound, Problem, TooLarge, Unavailable
from warmpost.rules.delivery.documents import Message, Part
from warmpost.rules.identity.domains import Domain, SenderAddress
from warmpost.rules.message.message import Attachment
from warmpost.rules.model.compression import inflate
from warmpost.rules.model.writes import Put
from warmpost.rules.tracking.tracking import Unsubscribe


async def accept(harness, order=None, request=None):
    return await send_message(harness.services, order or send_order(), request or a_request())


async def messages(harness):
    return [one.id for one in await harness.store.find(Message, "messages")]


async def refused(harness, kind, order, request=None):
    """The problem, with nothing stored and nothing queued."""
    with pytest.raises(kind) as problem:
        await accept(harness, order, request)
    assert not await messages(harness)
    assert not await harness.store.find(Part, "parts", everywhere=True)
    assert not harness.queue.made
    return problem.value.code, problem.value.field


def from_template(**fields):
    return send_order(**({"subject": None, "text": None, "template": "1"} | fields))


async def test_what_is_accepted_is_stored_and_queued(harness):
    accepted = await accept(harness, send_order(address(0), cc=(address(1),), bcc=(address(2),)))
    assert accepted.recipients == 3
    message = await harness.message(accepted.id)
    assert inflate(message.recipients) == addresses(0, 1, 2)
    assert (message.domain, message.sender, message.subject) == (DOMAIN, f"news@{DOMAIN}", "Hello")
    assert message.created_at == START
    (task,) = harness.queue.made
    assert (task.verb, task.queue, task.body) == ("deliver", "send", {"message": accepted.id})


async def test_blind_copies_are_mailed_and_not_shown(harness):
    await accept(harness, send_order(address(0), cc=(address(1),), bcc=(address(2),)))
    await harness.queue.run(harness.services)
    assert sorted(harness.relays.times_handed) == addresses(0, 1, 2)
    for message in harness.relays.handed:
        head = b"".join(message.content).split(b"\r\n\r\n")[0]
        assert b"r0@" in head and b"r1@" in head and b"r2@" not in head


async def test_an_address_that_is_named_twice_gets_one(harness):
    order = send_order(address(0), "R0@example.net", cc=(f"Again <{address(0)}>", address(1)))
    assert (await accept(harness, order)).recipients == 2
    await harness.queue.run(harness.services)
    assert set(harness.relays.times_handed.values()) == {1}


class TestOncePerKey:
    async def test_the_same_request_has_the_same_answer_and_makes_one_message(self, harness):
        request = a_request("key-1")
        first = await accept(harness, request=request)
        assert await accept(harness, request=request) == first
        await harness.queue.run(harness.services)
        assert await accept(harness, request=request) == first
        await harness.queue.run(harness.services)
        assert harness.relays.times_handed == {address(0): 1}

    async def test_another_body_under_the_same_key_is_a_conflict(self, harness):
        await accept(harness, request=a_request("key-1", "one"))
        with pytest.raises(Conflict) as conflict:
            await accept(harness, request=a_request("key-1", "two"))
        assert conflict.value.code == "idempotency_key_reused"
        assert len(await messages(harness)) == 1

    async def test_the_same_request_many_times_at_once_makes_one_message(self, harness):
        crew = [harness.worker(f"w{n}") for n in range(6)]
        answers = await asyncio.gather(*(send_message(one, send_order(), a_request("key-1")) for one in crew))
        assert len(set(answers)) == 1
        assert len(await messages(harness)) == 1
        await harness.queue.run(harness.services)
        assert harness.relays.times_handed == {address(0): 1}

    async def test_large_bodies_at_once_under_one_key_are_one_message_that_is_not_mixed(self, harness):
        orders = [
            send_order(subject=f"s{n}", attachments=(Attachment("a.bin", bytes([n]) * 1_000_000),))
            for n in range(3)
        ]
        crew = [harness.worker(f"w{n}") for n in range(3)]
        answers = await asyncio.gather(
            *(send_message(crew[n], order, a_request("key", f"d{n}")) for n, order in enumerate(orders)),
            return_exceptions=True,
        )
        assert sum(isinstance(one, Conflict) for one in answers) == 2
        (accepted,) = (one for one in answers if not isinstance(one, BaseException))
        message = await harness.message(accepted.id)
        path = message_content_path(accepted.id, message.digest)
        message_content = await harness.services.message_store.read(
            path, message.message_content, message.parts
        )
        assert message_content.content.subject == message.subject
        assert message_content.attachments[0].content == bytes([int(message.subject[1])]) * 1_000_000

    async def test_keys_of_two_callers_have_nothing_to_do_with_each_other(self, harness):
        one = await accept(harness, request=a_request("same", key_id="a"))
        other = await accept(harness, request=a_request("same", key_id="b"))
        assert one.id != other.id

    async def test_without_a_key_each_request_is_a_message(self, harness):
        assert (await accept(harness)).id != (await accept(harness)).id

    async def test_a_commit_whose_answer_was_lost_is_one_message(self, harness):
        store = FaultyStore(harness.store, nth(1, "messages/", lost_answer()), written=True)
        accepted = await send_message(harness.worker("w", store=store), send_order(), a_request("key-1"))
        assert await messages(harness) == [accepted.id]

    async def test_who_was_told_to_try_again_can(self, harness):
        store = FaultyStore(harness.store, nth(1, "messages/", no_answer()), written=True)
        request = a_request("key-1")
        with pytest.raises(Unavailable):
            await send_message(harness.worker("w", store=store), send_order(), request)
        accepted = await accept(harness, request=request)
        await harness.queue.run(harness.services)
        assert await messages(harness) == [accepted.id]
        assert harness.relays.times_handed == {address(0): 1}


async def test_nothing_is_stored_while_the_queue_is_unavailable(harness):
    harness.queue.room = 0
    assert await refused(harness, Unavailable, send_order()) == ("queue_unavailable", None)


async def test_a_task_without_its_message_is_dropped(harness):
    store = FaultyStore(harness.store, nth(1, "messages/", no_answer()), written=False)
    with pytest.raises(Unavailable):
        await send_message(harness.worker("w", store=store), send_order(), a_request())
    await harness.queue.run(harness.services)
    assert not harness.relays.claim_batches


class TestRefused:
    async def test_fifty_recipients_are_the_most(self, harness):
        order = send_order(*addresses(*range(48)), cc=(address(48),), bcc=(address(49),))
        too_many = replace(order, bcc=(address(49), address(50)))
        assert await refused(harness, Invalid, too_many) == ("too_many_recipients", "to")
        assert (await accept(harness, order)).recipients == 50

    async def test_somebody_must_be_named(self, harness):
        assert await refused(harness, Invalid, replace(send_order(), to=())) == ("missing_field", "to")

    async def test_an_encoded_line_break_in_a_name(self, harness):
        order = send_order("=?utf-8?q?x=0D=0ABcc:_all=40example.org?= <a@example.org>")
        assert await refused(harness, Invalid, order) == ("header_injection", "to[0]")

    @pytest.mark.parametrize("field", ["to", "cc", "bcc", "reply_to"])
    async def test_a_wrong_address_is_named_by_its_place(self, harness, field):
        wrong = {field: (address(0), "nobody")}
        order = send_order(*wrong.pop("to", ()), **wrong)
        assert await refused(harness, Invalid, order) == ("invalid_address", f"{field}[1]")

    @pytest.mark.parametrize("line_break", ["\r\n", "\n", "\r", "\x00", "\u2028", "\x85", "\x0b"])
    @pytest.mark.parametrize(
        ("field", "where"),
        [
            ("sender", "from"),
            ("to", "to[0]"),
            ("cc", "cc[0]"),
            ("bcc", "bcc[0]"),
            ("reply_to", "reply_to[0]"),
            ("subject", "subject"),
            ("header value", "headers"),
            ("header name", "headers"),
            ("tags", "tags."),
            ("filename", "attachments[0]"),
            ("content type", "attachments[0]"),
        ],
    )
    async def test_no_field_brings_a_line_into_a_header(self, harness, field, where, line_break):
        evil = f"x{line_break}Bcc: all@example.org"
        named = f"{evil} <news@{DOMAIN}>"
        order = {
            "sender": send_order(sender=named),
            "to": send_order(named),
            "cc": send_order(cc=(named,)),
            "bcc": send_order(bcc=(named,)),
            "reply_to": send_order(reply_to=(named,)),
            "subject": send_order(subject=evil),
            "header value": send_order(headers={"X-Campaign": evil}),
            "header name": send_order(headers={evil: "x"}),
            "tags": send_order(tags={"campaign": evil}),
            "filename": send_order(attachments=(Attachment(f"{evil}.pdf", b"x"),)),
            "content type": send_order(attachments=(Attachment("a.pdf", b"x", f"text/{evil}"),)),
        }[field]
        _, blamed = await refused(harness, Invalid, order)
        assert (blamed or "").startswith(where)

    async def test_an_unknown_or_unverified_domain(self, harness):
        order = send_order(sender="a@nowhere.example")
        assert await refused(harness, NotFound, order) == ("domain_not_found", "from")
        pending = Domain("new.example", "pending", (), (), START)
        await harness.store.commit(Put("domains/new.example", pending))
        order = send_order(sender="a@new.example")
        assert await refused(harness, Conflict, order) == ("domain_not_verified", "from")

    @pytest.mark.parametrize(
        ("changes", "code", "field"),
        [
            ({"subject": None}, "missing_field", "subject"),
            ({"text": None}, "missing_field", "html"),
            ({"text": ""}, "missing_field", "html"),
            ({"data": {"a": 1}}, "unexpected_field", "data"),
            ({"template": "1"}, "unexpected_field", "text"),
            ({"subject": "x" * 999}, "subject_too_long", "subject"),
            ({"headers": {"Bcc": "x@y.de"}}, "header_not_allowed", "headers"),
            ({"text": "a\0b"}, "invalid_content", "text"),
            ({"html": "<p>a\0b</p>"}, "invalid_content", "html"),
            ({"html": "<img src='cid:logo'>"}, "missing_content_id", "html"),
            ({"headers": {f"X-{n}": "x" for n in range(51)}}, "too_many_headers", "headers"),
            ({"tags": {f"t{n}": "x" for n in range(21)}}, "too_many_tags", "tags"),
        ],
    )
    async def test_what_does_not_fit_is_named(self, harness, changes, code, field):
        assert await refused(harness, Invalid, send_order(**changes)) == (code, field)

    async def test_a_template_that_is_not_there(self, harness):
        order = from_template(template="99")
        assert await refused(harness, NotFound, order) == ("template_not_found", "template")

    async def test_a_variable_that_is_missing_is_named_with_its_path(self, harness):
        assert await refused(harness, Invalid, from_template()) == ("missing_variable", "data.name")

    async def test_a_subject_that_is_no_template_is_refused_where_a_template_is_used(self, harness):
        order = from_template(subject="{% if %}", data={"name": "x"})
        assert await refused(harness, Invalid, order) == ("template_syntax", "subject")

    async def test_a_template_that_fails_with_this_data(self, harness):
        await harness.store.commit(Put("templates/2", template("s", "<p>{{ 1 // number }}</p>")))
        _, field = await refused(harness, Problem, from_template(template="2", data={"number": 0}))
        assert field == "html"

    async def test_eleven_megabytes(self, harness):
        order = send_order(attachments=(Attachment("a.bin", bytes(8_500_000)),))
        assert await refused(harness, TooLarge, order) == ("message_too_large", "attachments")


class TestContent:
    async def test_somebody_hidden_alone_is_sent_to(self, harness):
        await accept(harness, replace(send_order(), to=(), bcc=(address(1), address(2))))
        await harness.queue.run(harness.services)
        first, second = (b"".join(message.content) for message in harness.relays.handed)
        assert f"To: {address(1)}\r\n".encode() in first and address(2).encode() not in first
        assert f"To: {address(2)}\r\n".encode() in second

    async def test_a_line_break_that_data_brings_into_the_subject_is_a_space(self, harness):
        await accept(harness, from_template(data={"name": "x\r\nBcc: y@z.de"}))
        await harness.queue.run(harness.services)
        (message,) = harness.relays.handed
        assert b"x Bcc: y@z.de\r\n" in b"".join(message.content)

    async def test_an_own_list_unsubscribe_stands_in_place_of_ours(self, harness):
        own = "<https://lists.example/u/1>"
        for unsubscribe in (None, Unsubscribe(headers=True)):
            await accept(harness, send_order(headers={"List-Unsubscribe": own}, unsubscribe=unsubscribe))
        await harness.queue.run(harness.services)
        for message in harness.relays.handed:
            head = b"".join(message.content).partition(b"\r\n\r\n")[0]
            assert head.count(b"\r\nList-Unsubscribe") == 1 and own.encode() in head

    async def test_written_out_text_is_not_taken_for_a_template(self, harness):
        await accept(harness, send_order(subject="Save {{ 50 }}%", text="{{ name }}"))
        await harness.queue.run(harness.services)
        (message,) = harness.relays.handed
        assert b"Subject: Save {{ 50 }}%" in b"".join(message.content)

    async def test_a_template_is_rendered_as_it_was_when_it_was_accepted(self, harness):
        accepted = await accept(harness, from_template(data={"name": "Ann"}))
        await harness.store.commit(Put("templates/1", template("Changed", "<p>Changed</p>")))
        await harness.queue.run(harness.services)
        (message,) = harness.relays.handed
        assert b"Subject: Hello Ann" in b"".join(message.content)
        assert (await harness.message(accepted.id)).subject == "Hello Ann"

    async def test_a_letter_too_large_for_its_document_is_kept_in_parts(self, harness):
        file = Attachment("a.bin", bytes(range(256)) * 10_000)
        accepted = await accept(harness, send_order(attachments=(file,)))
        message = await harness.message(accepted.id)
        assert (message.message_content, message.parts) == (b"", 3)
        await harness.queue.run(harness.worker("fresh"))
        (sent,) = harness.relays.handed
        assert sent.size > len(file.content)

    async def test_a_sender_address_lends_its_name(self, harness):
        path = f"addresses/news@{DOMAIN}"
        await harness.store.commit(Put(path, SenderAddress(f"news@{DOMAIN}", "The News", DOMAIN, START)))
        await accept(harness, send_order(sender=f"news@{DOMAIN}"))
        await accept(harness, send_order(sender=f"Mine <news@{DOMAIN}>"))
        await harness.queue.run(harness.services)
        heads = [b"".join(one.content) for one in harness.relays.handed]
        assert b"From: The News <" in heads[0]
        assert b"From: Mine <" in heads[1]
