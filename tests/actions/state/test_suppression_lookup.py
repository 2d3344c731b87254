"""What workers know of suppressions: everything, at once, and without a read per recipient."""

import asyncio
import random
from datetime import timedelta

import pytest

from tests.actions.faults import FaultyStore, no_answer, nth
from tests.actions.harness import DOMAIN, START, address, addresses, sent
from tests.actions.report_builders import batch_lines, lines_of_message
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


async def suppress(harness, *suppressions):
    for one in suppressions:
        await suppress_address(harness.services, one)


async def among(suppressed, *numbers, domain=DOMAIN, now=START, **named):
    found = await suppressed.among(addresses(*numbers), domain, now, **named)
    return dict(found)


class TestWhatHolds:
    async def test_the_deployments_hold_for_all_domains_a_domains_for_itself(self, harness):
        await suppress(
            harness, wanted(0), wanted(1, "unsubscribe", DOMAIN), wanted(2, domain="other.example")
        )
        suppressed = Suppressed(harness.store)
        assert await among(suppressed, 0, 1, 2, 3) == {address(0): "manual", address(1): "unsubscribe"}
        assert await among(suppressed, 0, 1, 2, domain="other.example") == {
            address(0): "manual", address(2): "manual",
        }  # fmt: skip

    async def test_upper_and_lower_case_are_the_same_mailbox(self, harness):
        await suppress(harness, wanted(0))
        assert await Suppressed(harness.store).among(["R0@Example.net"], DOMAIN, START)

    async def test_a_message_to_one_person_passes_an_unsubscription_and_nothing_else(self, harness):
        reasons = ("unsubscribe", "manual", "hard_bounce", "complaint")
        await suppress(harness, *(wanted(number, reason) for number, reason in enumerate(reasons)))
        suppressed = Suppressed(harness.store)
        assert len(await among(suppressed, 0, 1, 2, 3)) == 4
        assert set(await among(suppressed, 0, 1, 2, 3, transactional=True)) == set(addresses(1, 2, 3))
        await suppress(harness, wanted(0, "complaint", DOMAIN))
        assert set(await among(suppressed, 0, transactional=True)) == {address(0)}

    async def test_what_has_expired_or_was_lifted_holds_no_more(self, harness):
        await suppress(harness, wanted(0, expires_at="2026-11-24T12:00:00Z"), wanted(1))
        suppressed = Suppressed(harness.store)
        assert len(await among(suppressed, 0, 1)) == 2
        await lift_suppression(harness.services, address(1), None, "")
        assert await among(suppressed, 0, 1) == {address(0): "manual"}
        assert await among(suppressed, 0, 1, now=START + timedelta(days=1)) == {}


class TestCatchingUp:
    async def test_a_question_costs_one_read_where_nothing_is_new(self, harness):
        await suppress(harness, *map(wanted, range(5)))
        asked = []

        class Watched:
            def __getattr__(self, name):
                asked.append(name)
                return getattr(harness.store, name)

        suppressed = Suppressed(Watched())
        await among(suppressed, 0)
        asked.clear()
        assert len(await among(suppressed, 1, 7)) == 1
        assert asked == ["fields"]

    async def test_what_has_settled_is_read_once(self, harness, monkeypatch):
        await suppress(harness, *map(wanted, range(5)))
        monkeypatch.setattr("warmpost.actions.state.suppression_lookup.UNSETTLED", 0.0)
        suppressed = Suppressed(harness.store)
        read = []

        async def count(*arguments, **named):
            found = await type(harness.store).fields(harness.store, *arguments, **named)
            read.append(len(found))
            return found

        monkeypatch.setattr(harness.store, "fields", count)
        for _ in range(3):
            assert len(await among(suppressed, 1, 7)) == 1
        assert read == [5, 0, 0]

    async def test_more_than_a_page_is_read_to_its_end(self, harness, monkeypatch):
        monkeypatch.setattr("warmpost.actions.state.suppression_lookup.PAGE", 10)
        for first in range(0, 40, 8):
            some = [wanted(number) for number in range(first, first + 8)]
            await harness.store.commit(*await suppress_all(harness.services, some))
        assert len(await among(Suppressed(harness.store), *range(40))) == 40

    async def test_no_change_is_missed_however_many_are_written_at_once(self, harness):
        """Commits of all sizes, while a worker asks all the time."""
        dice = random.Random(3)
        suppressed = Suppressed(harness.store)
        sizes = [dice.choice((1, 2, 30, 120)) for _ in range(24)]

        async def write(first, size):
            await asyncio.sleep(dice.random() / 20)
            some = [
                Suppression(address(number), address_hash(address(number)), "manual", START)
                for number in range(first, first + size)
            ]
            await harness.store.commit(*(Create(suppression_path(one.address), one, STAMP) for one in some))

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
    async def test_a_new_process_reads_the_copy_and_what_changed_since(self, harness):
        await suppress(harness, *map(wanted, range(20)), wanted(30, "unsubscribe", DOMAIN))
        await Suppressed(harness.store).catch_up()
        await suppress(harness, wanted(40), wanted(3, "complaint"))
        await lift_suppression(harness.services, address(4), None, "")
        store = Watched(harness.store)
        found = await among(Suppressed(store), *range(50))
        expected = {address(number): "manual" for number in (*range(20), 40)}
        expected |= {address(3): "complaint", address(30): "unsubscribe"}
        del expected[address(4)]
        assert found == expected
        assert store.rows == 3

    async def test_what_was_suppressed_a_moment_ago_holds_for_the_next_question(self, harness):
        await suppress(harness, *map(wanted, range(20)))
        suppressed = Suppressed(harness.store)
        for number in range(20, 40):
            await suppress(harness, wanted(number))
            assert len(await among(suppressed, *range(50))) == number + 1
        assert len(await among(Suppressed(harness.store), *range(50))) == 40

    async def test_it_is_written_anew_and_the_one_before_goes(self, harness):
        first = Suppressed(harness.store)
        for start in (0, 10, 20):
            await suppress(harness, *map(wanted, range(start, start + 10)))
            await first.catch_up()
        documents = await harness.store.fields("suppression_pages", select=("version", "pages"))
        assert len(documents) == 2
        store = Watched(harness.store)
        assert len(await among(Suppressed(store), *range(40))) == 30
        assert store.rows == 0

    async def test_of_two_that_write_it_at_once_one_holds(self, harness):
        await suppress(harness, *map(wanted, range(20)))
        await asyncio.gather(*(Suppressed(harness.store).catch_up() for _ in range(3)))
        assert len(await harness.store.fields("suppression_pages", select=("version",))) == 2
        store = Watched(harness.store)
        assert len(await among(Suppressed(store), *range(40))) == 20
        assert store.rows == 0

    async def test_a_copy_whose_pages_are_gone_is_not_believed(self, harness):
        await suppress(harness, *map(wanted, range(20)))
        await Suppressed(harness.store).catch_up()
        for name, _ in await harness.store.fields("suppression_pages", select=("version",)):
            if name != "head":
                await harness.store.commit(Delete(f"suppression_pages/{name}"))
        assert len(await among(Suppressed(harness.store), *range(40))) == 20

    async def test_a_database_that_fails_meanwhile_costs_another_try_later(self, harness):
        await suppress(harness, *map(wanted, range(20)))
        faulty = FaultyStore(harness.store, nth(1, "suppression_pages", no_answer()), written=False)
        assert len(await among(Suppressed(faulty), *range(40))) == 20


class TestDelivery:
    async def test_the_next_chunk_already_leaves_out_who_was_suppressed_during_the_one_before(self, harness):
        batch = await harness.submit_list(await harness.list_of(20, pages=2))
        begun = []

        async def meanwhile(claim_batch):
            if not begun:
                begun.append(claim_batch)
                await suppress(harness, wanted(1), wanted(15))

        harness.relays.before = meanwhile
        await harness.queue.run(harness.services)
        lines = {line.to: line.status for line in await batch_lines(harness, batch)}
        assert [to for to, status in lines.items() if status != "sent"] == [address(15)]
        assert lines[address(15)] == "suppressed"
        assert (await harness.batch(batch)).chunks == 2

    @pytest.mark.parametrize(
        ("reason", "status"),
        [("unsubscribe", "sent"), ("hard_bounce", "suppressed"), ("complaint", "suppressed")],
    )
    async def test_single_sends_pass_an_unsubscription_and_nothing_else(self, harness, reason, status):
        await suppress(harness, wanted(0, reason))
        message = await sent(harness, address(0))
        await harness.queue.run(harness.services)
        assert [line.status for line in await lines_of_message(harness, message)] == [status]

    async def test_batches_pass_none(self, harness):
        await suppress(harness, wanted(0, "unsubscribe", DOMAIN), wanted(1, "manual"))
        batch = await harness.submit(3)
        await harness.queue.run(harness.services)
        assert [line.status for line in await batch_lines(harness, batch)] == [
            "suppressed",
            "suppressed",
            "sent",
        ]
