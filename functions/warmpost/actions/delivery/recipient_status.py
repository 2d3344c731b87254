"""What is known of each recipient of a chunk or message: what the worker recorded and what was reported since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from warmpost.actions.ports import Store
from warmpost.rules.delivery.documents import Batch, Message, ProgressFields
from warmpost.rules.delivery.progress import Note, Progress
from warmpost.rules.delivery.statuses import Status
from warmpost.rules.delivery.stored_progress import load_progress
from warmpost.rules.events.documents import ReportedStatusFields
from warmpost.rules.events.event_packing import unpack_reported_status
from warmpost.rules.events.reported_status import RANKS, ReportedStatus, combined, nothing_reported
from warmpost.rules.listings.listing import ListedMessage

TAKEN = {
    Status.SENT: "the relay took the message",
    Status.DELIVERED: "the relay delivered the message to the mailbox",
}
"""What is not stored for every recipient, as the status alone says it."""


@dataclass(frozen=True, slots=True)
class RecipientStatus:
    """One recipient. status: a `Status` value, or `held` before release. position: in the batch or message."""

    to: str
    status: str
    notes: tuple[Note, ...] = ()
    sent_at: datetime | None = None
    opened: bool = False
    clicked: bool = False
    unsubscribed: bool = False
    position: int = 0


@dataclass(frozen=True, slots=True)
class RecipientStatuses:
    progress: Progress
    reported: ReportedStatus

    def status(self, place: int) -> Status:
        return combined(self.progress.status(place), self.reported, place)

    def of(self, address: str, status: str, place: int) -> RecipientStatus:
        detail = self.progress.details.get(place)
        notes = detail.notes if detail else ()
        sent = self.progress.sent_at(place)
        recorded = self.progress.status(place)
        if recorded in TAKEN and recorded not in {note.status for note in notes}:
            notes = (*notes, Note(sent, recorded, TAKEN[recorded]))
        words = self.reported.notes.get(place)
        told = RANKS[self.reported.marks[place]]
        if words and told:
            at, code, enhanced_code, text = words
            notes = (*notes, Note(at, told, text, code, enhanced_code))
        did = self.reported.did
        return RecipientStatus(
            address,
            status,
            notes,
            datetime.fromtimestamp(sent, UTC) if sent else None,
            opened=did("opened", place),
            clicked=did("clicked", place),
            unsubscribed=did("unsubscribed", place),
        )


def statuses_of(
    progress: ProgressFields | None, reported: ReportedStatusFields | None, count: int
) -> RecipientStatuses:
    return RecipientStatuses(
        load_progress(progress, count),
        unpack_reported_status(reported.content) if reported else nothing_reported(count),
    )


async def read_chunk_statuses(store: Store, batch: str, chunk: str, count: int) -> RecipientStatuses:
    progress = await store.get(ProgressFields, f"batches/{batch}/progress/{chunk}")
    reported = await store.get(ReportedStatusFields, f"batches/{batch}/reported_status/{chunk}")
    return statuses_of(progress.value if progress else None, reported.value if reported else None, count)


async def read_message_statuses(
    store: Store, message_id: str, message: Message | ListedMessage
) -> RecipientStatuses:
    reported = await store.get(ReportedStatusFields, f"messages/{message_id}/reported_status/all")
    count = len(message.hashes)
    return statuses_of(message.progress, reported.value if reported else None, count)


def shown_status(batch: Batch, status: Status, position: int) -> str:
    """In the words of the contract: unsent recipients of an ended batch ended with it."""
    if status is not Status.QUEUED:
        name: str = status.value
        return name
    if ended := batch.status.unsent_become:
        return str(ended.value)
    return "queued" if position < batch.released else "held"
