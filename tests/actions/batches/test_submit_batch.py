"""A batch accepted: once per key, its recipients snapshot, everything that can be known wrong said at once."""

import asyncio
from dataclasses import replace

import pytest

from tests.actions.faults import FaultyStore, lost_answer, no_answer, nth
from tests.actions.workshop import START, a_request, address, addresses, batch_order, template
from warmpost.actions.batches.submit_batch import submit_batch
from warmpost.errors import Conflict, Invalid, NotFound, Problem, Unavailable
from warmpost.rules.delivery.chunks import Chunk, unpack
from warmpost.rules.delivery.documents import Batch
from warmpost.rules.lists.documents import RecipientList
from warmpost.rules.message.message import Attachment
from warmpost.rules.model.writes import Delete, Put
from warmpost.rules.requests.requests import RecipientOrder


async def submit(workshop, order, request=None):
    return await submit_batch(workshop.services, order, request or a_request())


async def batches(workshop):
    return [one.id for one in await workshop.store.find(Batch, "batches")]


async def refused(workshop, kind, order, request=None):
    """The problem, with no batch and no task left behind."""
    with pytest.raises(kind) as problem:
        await submit(workshop, order, request)
    assert not await batches(workshop)
    assert not workshop.queue.made
    return problem.value.code, problem.value.field


def to_list(number):
    return replace(batch_order(0), recipients=None, list=number)


async def test_inline_recipients_are_snapshot_with_the_request(workshop):
    submitted = await submit(workshop, batch_order(3, name="Autumn"))
    batch = await workshop.batch(submitted.id)
    assert (batch.name, batch.status, batch.total, batch.planned) == ("Autumn", "sending", 3, 3)
    (chunk,) = await workshop.store.find(Chunk, f"batches/{submitted.id}/chunks")
    assert [one.address for one in unpack(chunk.value)] == addresses(0, 1, 2)
    assert [task.verb for task in workshop.queue.made] == ["release"]


async def test_a_batch_without_a_name_is_called_by_its_subject(workshop):
    submitted = await submit(workshop, batch_order(1))
    assert (await workshop.batch(submitted.id)).name == "Hello {{ name }}"


async def test_duplicates_are_counted_and_get_the_first_data(workshop):
    rows = [("a@x.example", "1"), ("A@X.example", "2"), ("b@x.example", "3"), ("a@x.example", "4")]
    people = tuple(RecipientOrder(to, {"name": name}) for to, name in rows)
    submitted = await submit(workshop, batch_order(0, recipients=people))
    assert (submitted.recipients, submitted.duplicates) == (2, 2)
    await workshop.queue.run(workshop.services)
    assert workshop.relays.times_handed == {"a@x.example": 1, "b@x.example": 1}
    assert b"Subject: Hello 1" in b"".join(workshop.relays.handed[0].content)


async def test_the_letter_is_as_it_was_when_the_batch_was_accepted(workshop):
    await submit(workshop, batch_order(1, data={"name": "never seen"}))
    await workshop.store.commit(Put("templates/1", template("Changed", "<p>Changed</p>")))
    await workshop.queue.run(workshop.worker("fresh"))
    (message,) = workshop.relays.handed
    assert b"Subject: Hello N0" in b"".join(message.content)


async def test_a_list_lends_its_recipients(workshop):
    number = await workshop.list_of(4, 2)
    submitted = await submit(workshop, to_list(number))
    batch = await workshop.batch(submitted.id)
    assert (submitted.recipients, batch.list_id, batch.list_pages) == (4, number, 2)


class TestOncePerKey:
    async def test_the_same_request_has_the_same_answer_and_makes_one_batch(self, workshop):
        order, request = batch_order(3), a_request("key-1")
        first = await submit(workshop, order, request)
        await workshop.queue.run(workshop.services)
        assert await submit(workshop, order, request) == first
        await workshop.queue.run(workshop.services)
        assert await batches(workshop) == [first.id]
        assert workshop.relays.times_handed == dict.fromkeys(addresses(0, 1, 2), 1)

    async def test_another_body_under_the_same_key_is_a_conflict(self, workshop):
        await submit(workshop, batch_order(3), a_request("key-1", "one"))
        with pytest.raises(Conflict) as conflict:
            await submit(workshop, batch_order(2), a_request("key-1", "two"))
        assert conflict.value.code == "idempotency_key_reused"

    async def test_the_same_request_many_times_at_once_makes_one_batch(self, workshop):
        crew = [workshop.worker(f"w{n}") for n in range(5)]
        answers = await asyncio.gather(
            *(submit_batch(one, batch_order(3), a_request("key-1")) for one in crew)
        )
        assert len(set(answers)) == 1
        assert len(await batches(workshop)) == 1
        await workshop.queue.run(workshop.services)
        assert workshop.relays.times_handed == dict.fromkeys(addresses(0, 1, 2), 1)

    async def test_a_commit_whose_answer_was_lost_is_one_batch(self, workshop):
        store = FaultyStore(workshop.store, nth(1, "idempotency/", lost_answer()), written=True)
        first = await submit_batch(workshop.worker("w", store=store), batch_order(2), a_request("key"))
        assert await batches(workshop) == [first.id]

    async def test_who_was_told_to_try_again_can(self, workshop):
        store = FaultyStore(workshop.store, nth(1, "idempotency/", no_answer()), written=True)
        with pytest.raises(Unavailable):
            await submit_batch(workshop.worker("w", store=store), batch_order(2), a_request("key"))
        await submit(workshop, batch_order(2), a_request("key"))
        await workshop.queue.run(workshop.services)
        assert workshop.relays.times_handed == dict.fromkeys(addresses(0, 1), 1)


async def test_nothing_is_accepted_while_the_queue_is_unavailable(workshop):
    workshop.queue.room = 0
    for request in (a_request(), a_request("key")):
        problem = await refused(workshop, Unavailable, batch_order(3), request)
        assert problem == ("queue_unavailable", None)
    workshop.queue.room = None
    assert (await submit(workshop, batch_order(3), a_request("key"))).recipients == 3


class TestRefused:
    async def test_a_variable_that_is_missing_is_named_with_its_path(self, workshop):
        people = (RecipientOrder(address(0), {"name": "x"}), RecipientOrder(address(1), {"nome": "x"}))
        order = batch_order(0, recipients=people)
        assert await refused(workshop, Invalid, order) == ("variable_missing", "recipients[1].data.name")

    async def test_a_variable_that_all_share_need_not_be_each_ones(self, workshop):
        order = batch_order(0, recipients=(RecipientOrder(address(0), {}),), data={"name": "all"})
        assert (await submit(workshop, order)).recipients == 1

    async def test_a_list_without_the_column_the_template_needs(self, workshop):
        number = await workshop.list_of(2)
        await workshop.store.commit(Put("templates/2", template("{{ name }}", "{{ city }}")))
        order = replace(to_list(number), template="2")
        assert await refused(workshop, Invalid, order) == ("variable_missing", "data.city")

    async def test_a_list_that_is_empty_or_not_there(self, workshop):
        await workshop.store.commit(Put("lists/7", RecipientList("none", 0, 0, (), START)))
        assert await refused(workshop, Conflict, to_list("7")) == ("list_empty", "list")
        assert await refused(workshop, NotFound, to_list("99")) == ("list_not_found", "list")
        assert await refused(workshop, NotFound, to_list("no such")) == ("list_not_found", "list")

    async def test_either_a_list_or_recipients(self, workshop):
        neither = replace(batch_order(0), recipients=None)
        assert await refused(workshop, Invalid, neither) == ("recipients_or_list", "list")
        both = replace(batch_order(1), list="1")
        assert await refused(workshop, Invalid, both) == ("recipients_or_list", "list")
        nobody = replace(batch_order(0), recipients=())
        assert await refused(workshop, Invalid, nobody) == ("missing_field", "recipients")

    async def test_a_wrong_address_is_named_by_its_place(self, workshop):
        people = (RecipientOrder(address(0), {"name": "x"}), RecipientOrder("nobody", {"name": "x"}))
        order = batch_order(0, recipients=people)
        assert await refused(workshop, Invalid, order) == ("invalid_address", "recipients[1].to")

    @pytest.mark.parametrize(
        ("changes", "where"),
        [
            ({"sender": "x\r\nBcc: y@z.de <news@news.example.com>"}, "from"),
            ({"reply_to": ("a@b.de\r\n",)}, "reply_to[0]"),
            ({"subject": "Hello\r\nBcc: y@z.de"}, "subject"),
            ({"subject": "Hello\x00"}, "subject"),
            ({"headers": {"X-A": "b\r\nBcc: y@z.de"}}, "headers"),
            ({"tags": {"a": "b\n"}}, "tags.a"),
            ({"attachments": (Attachment("a\r\nb.pdf", b"x"),)}, "attachments[0].filename"),
            ({"recipients": (RecipientOrder("a@b.de\nX: y", {"name": "x"}),)}, "recipients[0].to"),
        ],
    )
    async def test_no_field_brings_a_line_into_a_header(self, workshop, changes, where):
        _, field = await refused(workshop, Invalid, batch_order(1, **changes))
        assert field == where

    async def test_a_subject_that_is_no_template(self, workshop):
        order = batch_order(1, subject="{{ name")
        assert await refused(workshop, Invalid, order) == ("template_syntax", "subject")

    async def test_a_template_or_domain_that_is_not_there(self, workshop):
        order = batch_order(1, template="99")
        assert await refused(workshop, NotFound, order) == ("template_not_found", "template")
        order = batch_order(1, sender="a@b.example")
        assert await refused(workshop, NotFound, order) == ("domain_not_found", "from")

    async def test_too_many_inline_recipients(self, workshop, monkeypatch):
        monkeypatch.setattr("warmpost.actions.batches.submit_batch.MOST_INLINE_RECIPIENTS", 3)
        assert await refused(workshop, Invalid, batch_order(4)) == ("too_many_recipients", "recipients")
        assert (await submit(workshop, batch_order(3))).recipients == 3

    async def test_a_message_too_large(self, workshop):
        order = batch_order(1, attachments=(Attachment("a.bin", bytes(8_500_000)),))
        _, field = await refused(workshop, Problem, order)
        assert field == "attachments"


async def test_a_list_deleted_behind_the_submit_leaves_a_batch_that_ends(workshop):
    number = await workshop.list_of(4, 2)
    await workshop.store.commit(*(Delete(f"lists/{number}/pages/{page:06d}") for page in range(2)))
    submitted = await submit(workshop, to_list(number))
    await workshop.queue.run(workshop.services)
    assert (await workshop.batch(submitted.id)).status == "done"
