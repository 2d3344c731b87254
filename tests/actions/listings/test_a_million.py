"""What pages reads a page, whatever is stored: tried on a batch and a list of a million recipients."""

from __future__ import annotations

import pytest

from tests.actions.harness import DOMAIN, SENDER, START
from warmpost.actions.batches.report import RecipientQuery, list_recipients
from warmpost.actions.batches.sent_to import sent_to
from warmpost.actions.erasure.erase_recipient import ask_to_erase, find_erasure
from warmpost.actions.listings.find_person import find_person
from warmpost.actions.lists.manage_lists import list_recipients as on_list
from warmpost.actions.lists.manage_lists import recipient_at
from warmpost.actions.storage.pagination import Page
from warmpost.adapters.google.firestore import FirestoreStore
from warmpost.adapters.message.encryption import Encryption
from warmpost.rules.delivery.chunks import MOST_RECIPIENTS, pack
from warmpost.rules.delivery.documents import Batch, BatchStatus
from warmpost.rules.lists.documents import RecipientList
from warmpost.rules.message.message import Recipient
from warmpost.rules.model.writes import Put

CHUNKS = 2_000
MILLION = CHUNKS * MOST_RECIPIENTS
AT_ONCE = 50


class Reads:
    """Counts documents that were read."""

    def __init__(self) -> None:
        self.documents = 0

    def read(self, documents: int) -> None:
        self.documents += documents

    def write(self, documents: int) -> None:
        pass

    def delete(self, documents: int) -> None:
        pass


def name(number: int) -> str:
    return f"reader{number}@million.example"


@pytest.mark.slow
async def test_a_page_costs_a_page(harness):
    reads = Reads()
    store = FirestoreStore(harness.store._project, reads)
    services = harness.worker("one", store, encryption=Encryption(bytes(range(32))))
    batch = Batch(
        "b", BatchStatus.DONE, DOMAIN, SENDER, b"", 0, "", 0, MILLION, MILLION, CHUNKS, START, "first"
    )
    head = RecipientList("million", MILLION, CHUNKS, (), START, number=1)
    await store.commit(Put("batches/1", batch), Put("lists/1", head))
    for start in range(0, CHUNKS, AT_ONCE):
        writes = []
        for number in range(start, start + AT_ONCE):
            first = number * MOST_RECIPIENTS
            chunk = pack(first, [Recipient(name(n), {}) for n in range(first, first + MOST_RECIPIENTS)])
            writes += [
                Put(f"batches/1/chunks/{number:06d}", chunk),
                Put(f"lists/1/pages/{number:06d}", chunk),
            ]
        for half in range(0, len(writes), 25):
            await store.commit(*writes[half : half + 25])

    async def cost(work):
        before = reads.documents
        await work
        return reads.documents - before

    last = MILLION - 1
    assert await cost(list_recipients(services, "1", RecipientQuery(), "", 100)) <= 40
    assert await cost(list_recipients(services, "1", RecipientQuery(), f"{CHUNKS - 1:06d}:400", 100)) <= 40
    assert await cost(list_recipients(services, "1", RecipientQuery(address=name(last)), "", 100)) <= 10
    assert await cost(on_list(services, "1", Page(100, f"{CHUNKS - 1}.0"))) <= 5
    assert await cost(find_person(services, name(last))) <= 6
    assert await cost(sent_to(services, name(last), Page(10))) <= 12
    assert (await recipient_at(services, "1", last)).address == name(last)

    before = reads.documents
    asked = await ask_to_erase(services, name(last))
    await harness.queue.run(services)
    assert (await find_erasure(services, asked.id)).value.state == "done"
    assert reads.documents - before <= 120
