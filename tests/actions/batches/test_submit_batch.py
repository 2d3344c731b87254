"""A batch accepted: once per key, its recipients snapshot, everything that can be known wrong said at once."""

import asyncio
from dataclasses import replace

import pytest

from tests.actions.faults import FaultyStore, lost_answer, no_answer, nth
from tests.actions.harness import START, a_request, address, addresses, batch_order, template
from warmpost.actions.batches.submit_batch import submit_batch
from warmpost.errors import Conflict, Invalid, NotFound, Problem, Unavailable
from warmpost.rules.delivery.chunks import Chunk, unpack
from warmpost.rules.delivery.documents import Batch
from warmpost.rules.lists.documents import RecipientList
from warmpost.rules.message.message import Attachment
from warmpost.rules.model.writes import Delete, Put
from warmpost.rules.requests.requests import RecipientOrder


async def submit(harness, order, request=None):
    return await submit_batch(harness.services, order, request or a_request())


async def batches(harness):
    return [one.id for one in await harness.store.find(Batch, "batches")]


async def refused(harness, kind, order, request=None):
    """The problem, with no batch and no task left behind."""
    with pytest.raises(kind) as problem:
        await submit(harness, order, request)
    assert not await batches(harness)
    assert not harness.queue.made
    return problem.value.code, problem.value.field


def to_list(number):
    return replace(batch_order(0), recipients=None, list=number)


async def test_inline_recipients_are_snapshot_with_the_request(harness):
    submitted = await submit(harness, batch_order(3, name="Autumn"))
    batch = await harness.batch(submitted.id)
    assert (batch.name, batch.status, batch.total, batch.planned) == ("Autumn", "sending", 3, 3)
    (chunk,) = await harness.store.find(Chunk, f"batches/{submitted.id}/chunks")
    assert [one.address for one in unpack(chunk.value)] == addresses(0, 1, 2)
    assert [task.verb for task in harness.queue.made] == ["release"]


async def test_a_batch_without_a_name_is_called_by_its_subject(harness):
    submitted = await submit(harness, batch_order(1))
    assert (await harness.batch(submitted.id)).name == "Hello {{ name }}"


async def test_duplicates_are_counted_and_get_the_first_data(harness):
    rows = [("a@x.example", "1"), ("A@X.example", "2"), ("b@x.example", "3"), ("a@x.example", "4")]
    people = tuple(RecipientOrder(to, {"name": name}) for to, name in rows)
    submitted = await submit(harness, batch_order(0, recipients=people))
    assert (submitted.recipients, submitted.duplicates) == (2, 2)
    await harness.queue.run(harness.services)
    assert harness.relays.times_handed == {"a@x.example": 1, "b@x.example": 1}
    assert b"Subject: Hello 1" in b"".join(harness.relays.handed[0].content)


async def test_the_letter_is_as_it_was_when_the_batch_was_accepted(harness):
    await submit(harness, batch_order(1, data={"name": "never seen"}))
    await harness.store.commit(Put("templates/1", template("Changed", "<p>Changed</p>")))
    await harness.queue.run(harness.worker("fresh"))
    (message,) = harness.relays.handed
    assert b"Subject: Hello N0" in b"".join(message.content)


async def test_a_list_lends_its_recipients(harness):
    number = await harness.list_of(4, 2)
    submitted = await submit(harness, to_list(number))
    batch = await harness.batch(submitted.id)
    assert (submitted.recipients, batch.list_id, batch.list_pages) == (4, number, 2)


class TestOncePerKey:
    async def test_the_same_request_has_the_same_answer_and_makes_one_batch(self, harness):
        order, request = batch_order(3), a_request("key-1")
        first = await submit(harness, order, request)
        await harness.queue.run(harness.services)
        assert await submit(harness, order, request) == first
        await harness.queue.run(harness.services)
        assert await batches(harness) == [first.id]
        assert harness.relays.times_handed == dict.fromkeys(addresses(0, 1, 2), 1)

    async def test_another_body_under_the_same_key_is_a_conflict(self, harness):
        await submit(harness, batch_order(3), a_request("key-1", "one"))
        with pytest.raises(Conflict) as conflict:
            await submit(harness, batch_order(2), a_request("key-1", "two"))
        assert conflict.value.code == "idempotency_key_reused"

    async def test_the_same_request_many_times_at_once_makes_one_batch(self, harness):
        crew = [harness.worker(f"w{n}") for n in range(5)]
        answers = await asyncio.gather(
            *(submit_batch(one, batch_order(3), a_request("key-1")) for one in crew)
        )
        assert len(set(answers)) == 1
        assert len(await batches(harness)) == 1
        await harness.queue.run(harness.services)
        assert harness.relays.times_handed == dict.fromkeys(addresses(0, 1, 2), 1)

    async def test_a_commit_whose_answer_was_lost_is_one_batch(self, harness):
        store = FaultyStore(harness.store, nth(1, "idempotency/", lost_answer()), written=True)
        first = await submit_batch(harness.worker("w", store=store), batch_order(2), a_request("key"))
        assert await batches(harness) == [first.id]

    async def test_who_was_told_to_try_again_can(self, harness):
        store = FaultyStore(harness.store, nth(1, "idempotency/", no_answer()), written=True)
        with pytest.raises(Unavailable):
            await submit_batch(harness.worker("w", store=store), batch_order(2), a_request("key"))
        await submit(harness, batch_order(2), a_request("key"))
        await harness.queue.run(harness.services)
        assert harness.relays.times_handed == dict.fromkeys(addresses(0, 1), 1)


async def test_nothing_is_accepted_while_the_queue_is_unavailable(harness):
    harness.queue.room = 0
    for request in (a_request(), a_request("key")):
        problem = await refused(harness, Unavailable, batch_order(3), request)
        assert problem == ("queue_unavailable", None)
    harness.queue.room = None
    assert (await submit(harness, batch_order(3), a_request("key"))).recipients == 3


class TestRefused:
    async def test_a_variable_that_is_missing_is_named_with_its_path(self, harness):
        people = (RecipientOrder(address(0), {"name": "x"}), RecipientOrder(address(1), {"nome": "x"}))
        order = batch_order(0, recipients=people)
        assert await refused(harness, Invalid, order) == ("missing_variable", "recipients[1].data.name")

    async def test_a_variable_that_all_share_need_not_be_each_ones(self, harness):
        order = batch_order(0, recipients=(RecipientOrder(address(0), {}),), data={"name": "all"})
        assert (await submit(harness, order)).recipients == 1

    async def test_a_list_without_the_column_the_template_needs(self, harness):
        number = await harness.list_of(2)
        await harness.store.commit(Put("templates/2", template("{{ name }}", "{{ city }}")))
        order = replace(to_list(number), template="2")
        assert await refused(harness, Invalid, order) == ("missing_variable", "data.city")

    async def test_a_list_that_is_empty_or_not_there(self, harness):
        await harness.store.commit(Put("lists/7", RecipientList("none", 0, 0, (), START)))
        assert await refused(harness, Conflict, to_list("7")) == ("list_empty", "list")
        assert await refused(harness, NotFound, to_list("99")) == ("list_not_found", "list")
        assert await refused(harness, NotFound, to_list("no such")) == ("list_not_found", "list")

    async def test_either_a_list_or_recipients(self, harness):
        neither = replace(batch_order(0), recipients=None)
        assert await refused(harness, Invalid, neither) == ("recipients_or_list", "list")
        both = replace(batch_order(1), list="1")
        assert await refused(harness, Invalid, both) == ("recipients_or_list", "list")
        nobody = replace(batch_order(0), recipients=())
        assert await refused(harness, Invalid, nobody) == ("missing_field", "recipients")

    async def test_a_wrong_address_is_named_by_its_place(self, harness):
        people = (RecipientOrder(address(0), {"name": "x"}), RecipientOrder("nobody", {"name": "x"}))
        order = batch_order(0, recipients=people)
        assert await refused(harness, Invalid, order) == ("invalid_address", "recipients[1].to")

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
    async def test_no_field_brings_a_line_into_a_header(self, harness, changes, where):
        _, field = await refused(harness, Invalid, batch_order(1, **changes))
        assert field == where

    async def test_a_picture_of_the_template_that_nothing_answers(self, harness):
        await harness.store.commit(Put("templates/2", template("s", "<img src='cid:logo'>{{ name }}")))
        order = batch_order(1, template="2")
        assert await refused(harness, Invalid, order) == ("missing_content_id", "template")
        file = Attachment("logo.png", b"x", content_id="logo")
        assert (await submit(harness, replace(order, attachments=(file,)))).recipients == 1

    async def test_a_subject_that_is_no_template(self, harness):
        order = batch_order(1, subject="{{ name")
        assert await refused(harness, Invalid, order) == ("template_syntax", "subject")

    async def test_a_template_or_domain_that_is_not_there(self, harness):
        order = batch_order(1, template="99")
        assert await refused(harness, NotFound, order) == ("template_not_found", "template")
        order = batch_order(1, sender="a@b.example")
        assert await refused(harness, NotFound, order) == ("domain_not_found", "from")

    async def test_too_many_inline_recipients(self, harness, monkeypatch):
        monkeypatch.setattr("warmpost.actions.batches.submit_batch.MOST_INLINE_RECIPIENTS", 3)
        assert await refused(harness, Invalid, batch_order(4)) == ("too_many_recipients", "recipients")
        assert (await submit(harness, batch_order(3))).recipients == 3

    async def test_a_message_too_large(self, harness):
        order = batch_order(1, attachments=(Attachment("a.bin", bytes(8_500_000)),))
        _, field = await refused(harness, Problem, order)
        assert field == "attachments"


async def test_a_list_deleted_behind_the_submit_leaves_a_batch_that_ends(harness):
    number = await harness.list_of(4, 2)
    await harness.store.commit(*(Delete(f"lists/{number}/pages/{page:06d}") for page in range(2)))
    submitted = await submit(harness, to_list(number))
    await harness.queue.run(harness.services)
    assert (await harness.batch(submitted.id)).status == "done"
