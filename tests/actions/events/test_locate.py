import pytest

from tests.actions.harness import address, sent
from tests.actions.report_builders import of_batch, of_message, report
from warmpost.actions.events.locate import Place, place_events
from warmpost.rules.delivery.chunks import MOST_RECIPIENTS, pack_all
from warmpost.rules.message.message import Recipient
from warmpost.rules.model.events import Target
from warmpost.rules.model.writes import Put


async def batch_in_chunks(harness, *sizes):
    """Chunks as large data makes them: smaller than they may be, each of another size."""
    first = 0
    for number, size in enumerate(sizes):
        people = [Recipient(address(position)) for position in range(first, first + size)]
        (chunk,) = pack_all(people, first)
        await harness.store.commit(Put(f"batches/5/chunks/{number:06d}", chunk))
        first += size


async def chunk_of(harness, position):
    placed = await place_events(harness.services, [report("opened", of_batch("5", position))])
    return [place.chunk for place in placed]


@pytest.mark.parametrize(
    ("position", "chunk"),
    [(0, "000000"), (2, "000000"), (3, "000001"), (502, "000001"), (503, "000002"), (509, "000002")],
)
async def test_a_position_is_found_in_its_chunk_however_large_chunks_are(harness, position, chunk):
    await batch_in_chunks(harness, 3, MOST_RECIPIENTS, 7)
    assert await chunk_of(harness, position) == [chunk]


async def test_positions_behind_the_last_chunk_are_nowhere(harness):
    await batch_in_chunks(harness, 3, 4)
    for position in (7, 499, 500, 10_000):
        assert await chunk_of(harness, position) == []


async def test_events_come_by_place_and_in_order(harness):
    await batch_in_chunks(harness, 3, 4)
    events = [
        report("opened", of_batch("5", 4)),
        report("opened", of_message("m", 1)),
        report("opened", of_batch("5", 0)),
        report("opened", of_batch("5", 90)),
        report("clicked", of_batch("5", 4)),
    ]
    assert await place_events(harness.services, events) == {
        Place("5", "000001", 3, 4): [events[0], events[4]],
        Place(message="m"): [events[1]],
        Place("5", "000000", 0, 3): [events[2]],
    }


async def test_a_chunk_is_looked_up_once_for_all_its_events(harness):
    await batch_in_chunks(harness, 300, 300)
    asked = []

    class Watched:
        def __getattr__(self, name):
            asked.append(name)
            return getattr(harness.store, name)

    events = [report("opened", of_batch("5", position)) for position in range(600)]
    placed = await place_events(harness.worker("two", store=Watched()), events)
    assert [len(one) for one in placed.values()] == [300, 300]
    assert len(asked) <= 4


async def test_an_event_that_names_only_an_address_goes_to_the_recipient_it_means(harness):
    message = await sent(harness, "a@example.org", "b@example.org")
    await harness.queue.run(harness.services)
    event = report("complained", Target(address="B@example.org"), seconds=1e6)
    placed = await place_events(harness.services, [event])
    ((place, events),) = placed.items()
    assert place == Place(message=message)
    assert events[0].target.position == 1


@pytest.mark.parametrize("source", ["dsn", "arf"])
async def test_a_mail_that_names_only_an_address_is_not_believed(harness, source):
    await sent(harness, "a@example.org")
    await harness.queue.run(harness.services)
    event = report("bounced", Target(address="a@example.org"), seconds=1e6, source=source)
    assert await place_events(harness.services, [event]) == {}


async def test_names_that_are_none_lead_nowhere(harness):
    for target in (Target(), Target(batch="a/b"), Target(message="../x"), Target(batch="1", position=-1)):
        assert await place_events(harness.services, [report("opened", target)]) == {}


def test_paths_of_reactions_stand_beside_the_progress():
    assert Place("5", "000001").reported_status_path == "batches/5/reported_status/000001"
    assert Place("5", "000001").progress_path == "batches/5/progress/000001"
    assert Place(message="m").reported_status_path == "messages/m/reported_status/all"
    assert Place(message="m").progress_path == "messages/m"
