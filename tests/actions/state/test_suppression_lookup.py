"""What workers know of suppressions: everything, at once, and without a read per recipient."""

import asyncio
import random
from datetime import timedelta

import pytest

from tests.actions.faults import FaultyStore, no_answer, nth
from tests.actions.reporting import batch_lines, lines_of_message
from tests.actions.workshop import DOMAIN, START, address, addresses, sent
from warmpost.actions.state.suppression_lookup import Suppressed
from warmpost.actions.suppressions.manage_suppressions import (
    STAMP,
    lift_suppression,
    suppress_address,
    suppress_all,
    suppression_path,
)
from warmpost.rules.model.derived_ids import address_hash
from warmpost.rules.model.writes import Create, Delete
from warmpost.rules.suppressions.documents import Suppression
from warmpost.rules.suppressions.precedence import by_hand


def wanted(number, reason="manual", domain="", **others):
    return by_hand(address(number), START, reason, domain, **others)


async def suppress(workshop, *suppressions):
    for one in suppressions:
        await suppress_address(workshop.services, one)


async def among(suppressed, *numbers, domain=DOMAIN, now=START, **named):
    found = await suppressed.among(addresses(*numbers), domain, now, **named)
    return dict(found)


class TestWhatHolds:
    async def test_the_deployments_hold_for_all_domains_a_domains_for_itself(self, workshop):
        await suppress(
            workshop, wanted(0), wanted(1, "unsubscribe", DOMAIN), wanted(2, domain="other.example")
        )
        suppressed = Suppressed(workshop.store)
        assert await among(suppressed, 0, 1, 2, 3) == {address(0): "manual", address(1): "unsubscribe"}
        assert await among(suppressed, 0, 1, 2, domain="other.example") == {
            address(0): "manual", address(2): "manual",
        }  # fmt: skip

    async def test_upper_and_lower_case_are_the_same_mailbox(self, workshop):
        await suppress(workshop, wanted(0))
        assert await Suppressed(workshop.store).among(["R0@Example.net"], DOMAIN, START)

    async def test_a_message_to_one_person_passes_an_unsubscription_and_nothing_else(self, workshop):
        reasons = ("unsubscribe", "manual", "hard_bounce", "complaint")
        await suppress(workshop, *(wanted(number, reason) for number, reason in enumerate(reasons)))
        suppressed = Suppressed(workshop.store)
        assert len(await among(suppressed, 0, 1, 2, 3)) == 4
        assert set(await among(suppressed, 0, 1, 2, 3, transactional=True)) == set(addresses(1, 2, 3))
        await suppress(workshop, wanted(0, "complaint", DOMAIN))
        assert set(await among(suppressed, 0, transactional=True)) == {address(0)}

    async def test_what_has_expired_or_was_lifted_holds_no_more(self, workshop):
        await suppress(workshop, wanted(0, expires_at="2026-11-24T12:00:00Z"), wanted(1))
        suppressed = Suppressed(workshop.store)
        assert len(await among(suppressed, 0, 1)) == 2
        await lift_suppression(workshop.services, address(1), None, "")
        assert await among(suppressed, 0, 1) == {address(0): "manual"}
        assert await among(suppressed, 0, 1, now=START + timedelta(days=1)) == {}


class TestCatchingUp:
    async def test_a_question_costs_one_read_where_nothing_is_new(self, workshop):
        await suppress(workshop, *map(wanted, range(5)))
        asked = []

        class Watched:
            def __getattr__(self, name):
                asked.append(name)
                return getattr(workshop.store, name)

        suppressed = Suppressed(Watched())
        await among(suppressed, 0)
        asked.clear()
        assert len(await among(suppressed, 1, 7)) == 1
        assert asked == ["fields"]

    async def test_what_has_settled_is_read_once(self, workshop, monkeypatch):
        await suppress(workshop, *map(wanted, range(5)))
        monkeypatch.setattr("warmpost.actions.state.suppression_lookup.UNSETTLED", 0.0)
        suppressed = Suppressed(workshop.store)
        read = []

        async def count(*arguments, **named):
            found = await type(workshop.store).fields(workshop.store, *arguments, **named)
            read.append(len(found))
            return found

        monkeypatch.setattr(workshop.store, "fields", count)
        for _ in range(3):
            assert len(await among(suppressed, 1, 7)) == 1
        assert read == [5, 0, 0]

    async def test_more_than_a_page_is_read_to_its_end(self, workshop, monkeypatch):
        monkeypatch.setattr("warmpost.actions.state.suppression_lookup.PAGE", 10)
        for first in range(0, 40, 8):
            some = [wanted(number) for number in range(first, first + 8)]
            await workshop.store.commit(*await suppress_all(workshop.services, some))
        assert len(await among(Suppressed(workshop.store), *range(40))) == 40

    async def test_no_change_is_missed_however_many_are_written_at_once(self, workshop):
        """Commits of all sizes, while a worker asks all the time."""
        dice = random.Random(3)
        suppressed = Suppressed(workshop.store)
        sizes = [dice.choice((1, 2, 30, 120)) for _ in range(24)]

        async def write(first, size):
            await asyncio.sleep(dice.random() / 20)
            some = [
                Suppression(address(number), address_hash(address(number)), "manual", START)
                for number in range(first, first + size)
            ]
            await workshop.store.commit(*(Create(suppression_path(one.address), one, STAMP) for one in some))

        writing = asyncio.gather(*(write(sum(sizes[:at]), size) for at, size in enumerate(sizes)))
        while not writing.done():
            await among(suppressed, 0)
        await writing
        assert len(await among(suppressed, *range(sum(sizes)))) == sum(sizes)


class Watched:
    """A store that counts the rows of suppressions that are read one by one."""

    def __init__(self, store):
        self._store = store
        self.rows = 0

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def fields(self, *arguments, **named):
        found = await self._store.fields(*arguments, **named)
        self.rows += len(found)
        return found


@pytest.fixture
def copied_soon(monkeypatch):
    """A copy after five changes, and no wait for what may still turn up."""
    monkeypatch.setattr("warmpost.actions.state.suppression_lookup.MUCH", 5)
    monkeypatch.setattr("warmpost.actions.state.suppression_lookup.UNSETTLED", 0.0)


@pytest.mark.usefixtures("copied_soon")
class TestPackedCopy:
    async def test_a_new_process_reads_the_copy_and_what_changed_since(self, workshop):
        await suppress(workshop, *map(wanted, range(20)), wanted(30, "unsubscribe", DOMAIN))
        await Suppressed(workshop.store).catch_up()
        await suppress(workshop, wanted(40), wanted(3, "complaint"))
        await lift_suppression(workshop.services, address(4), None, "")
        store = Watched(workshop.store)
        found = await among(Suppressed(store), *range(50))
        expected = {address(number): "manual" for number in (*range(20), 40)}
        expected |= {address(3): "complaint", address(30): "unsubscribe"}
        del expected[address(4)]
        assert found == expected
        assert store.rows == 3

    async def test_what_was_suppressed_a_moment_ago_holds_for_the_next_question(self, workshop):
        await suppress(workshop, *map(wanted, range(20)))
        suppressed = Suppressed(workshop.store)
        for number in range(20, 40):
            await suppress(workshop, wanted(number))
            assert len(await among(suppressed, *range(50))) == number + 1
        assert len(await among(Suppressed(workshop.store), *range(50))) == 40

    async def test_it_is_written_anew_and_the_one_before_goes(self, workshop):
        first = Suppressed(workshop.store)
        for start in (0, 10, 20):
            await suppress(workshop, *map(wanted, range(start, start + 10)))
            await first.catch_up()
        documents = await workshop.store.fields("suppression_pages", select=("version", "pages"))
        assert len(documents) == 2
        store = Watched(workshop.store)
        assert len(await among(Suppressed(store), *range(40))) == 30
        assert store.rows == 0

    async def test_of_two_that_write_it_at_once_one_holds(self, workshop):
        await suppress(workshop, *map(wanted, range(20)))
        await asyncio.gather(*(Suppressed(workshop.store).catch_up() for _ in range(3)))
        assert len(await workshop.store.fields("suppression_pages", select=("version",))) == 2
        store = Watched(workshop.store)
        assert len(await among(Suppressed(store), *range(40))) == 20
        assert store.rows == 0

    async def test_a_copy_whose_pages_are_gone_is_not_believed(self, workshop):
        await suppress(workshop, *map(wanted, range(20)))
        await Suppressed(workshop.store).catch_up()
        for name, _ in await workshop.store.fields("suppression_pages", select=("version",)):
            if name != "head":
                await workshop.store.commit(Delete(f"suppression_pages/{name}"))
        assert len(await among(Suppressed(workshop.store), *range(40))) == 20

    async def test_a_database_that_fails_meanwhile_costs_another_try_later(self, workshop):
        await suppress(workshop, *map(wanted, range(20)))
        faulty = FaultyStore(workshop.store, nth(1, "suppression_pages", no_answer()), written=False)
        assert len(await among(Suppressed(faulty), *range(40))) == 20


class TestDelivery:
    async def test_the_next_chunk_already_leaves_out_who_was_suppressed_during_the_one_before(self, workshop):
        batch = await workshop.submit_list(await workshop.list_of(20, pages=2))
        begun = []

        async def meanwhile(stride):
            if not begun:
                begun.append(stride)
                await suppress(workshop, wanted(1), wanted(15))

        workshop.relays.before = meanwhile
        await workshop.queue.run(workshop.services)
        lines = {line.to: line.status for line in await batch_lines(workshop, batch)}
        assert [to for to, status in lines.items() if status != "sent"] == [address(15)]
        assert lines[address(15)] == "suppressed"
        assert (await workshop.batch(batch)).chunks == 2

    @pytest.mark.parametrize(
        ("reason", "status"),
        [("unsubscribe", "sent"), ("hard_bounce", "suppressed"), ("complaint", "suppressed")],
    )
    async def test_single_sends_pass_an_unsubscription_and_nothing_else(self, workshop, reason, status):
        await suppress(workshop, wanted(0, reason))
        message = await sent(workshop, address(0))
        await workshop.queue.run(workshop.services)
        assert [line.status for line in await lines_of_message(workshop, message)] == [status]

    async def test_batches_pass_none(self, workshop):
        await suppress(workshop, wanted(0, "unsubscribe", DOMAIN), wanted(1, "manual"))
        batch = await workshop.submit(3)
        await workshop.queue.run(workshop.services)
        assert [line.status for line in await batch_lines(workshop, batch)] == [
            "suppressed",
            "suppressed",
            "sent",
        ]
