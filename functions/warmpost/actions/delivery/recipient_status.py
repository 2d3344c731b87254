"""What is known of each recipient of a chunk or message: what the worker recorded and what was reported since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from warmpost.actions.ports import Store
from warmpost.rules.delivery.documents import Batch, Message, ProgressFields
from warmpost.rules.delivery.progress import Note, Progress
from warmpost.rules.delivery.statuses import Status
from warmpost.rules.delivery.stored_progress import load_progress
from warmpost.rules.events.documents import ReactionFields
from warmpost.rules.events.event_packing import unpack_reactions
from warmpost.rules.events.reported_status import RANKS, Reactions, combined, nothing_reported

TAKEN = {
    Status.SENT: "the relay took the message",
    Status.DELIVERED: "the relay delivered the message to the mailbox",
}
"""What is not stored for every recipient, as the status alone says it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One recipient. status: a `Status` value, or `held` before release."""

    to: str
    status: str
    notes: tuple[Note, ...] = ()
    sent_at: datetime | None = None
    opened: bool = False
    clicked: bool = False
    unsubscribed: bool = False


@dataclass(frozen=True, slots=True)
class Trace:
    progress: Progress
    reactions: Reactions

    def status(self, place: int) -> Status:
        return combined(self.progress.status(place), self.reactions, place)

    def line(self, address: str, status: str, place: int) -> Line:
        detail = self.progress.details.get(place)
        notes = detail.notes if detail else ()
        sent = self.progress.sent_at(place)
        recorded = self.progress.status(place)
        if recorded in TAKEN and recorded not in {note.status for note in notes}:
            notes = (*notes, Note(sent, recorded, TAKEN[recorded]))
        words = self.reactions.notes.get(place)
        reported = RANKS[self.reactions.reported[place]]
        if words and reported:
            at, code, enhanced_code, text = words
            notes = (*notes, Note(at, reported, text, code, enhanced_code))
        did = self.reactions.did
        return Line(
            address,
            status,
            notes,
            datetime.fromtimestamp(sent, UTC) if sent else None,
            opened=did("opened", place),
            clicked=did("clicked", place),
            unsubscribed=did("unsubscribed", place),
        )


def trace(progress: ProgressFields | None, reactions: ReactionFields | None, count: int) -> Trace:
    return Trace(
        load_progress(progress, count),
        unpack_reactions(reactions.content) if reactions else nothing_reported(count),
    )


async def read_chunk_trace(store: Store, batch: str, chunk: str, count: int) -> Trace:
    progress = await store.get(ProgressFields, f"batches/{batch}/progress/{chunk}")
    reactions = await store.get(ReactionFields, f"batches/{batch}/reactions/{chunk}")
    return trace(progress.value if progress else None, reactions.value if reactions else None, count)


async def read_message_trace(store: Store, message_id: str, message: Message) -> Trace:
    reactions = await store.get(ReactionFields, f"messages/{message_id}/reactions/all")
    count = len(message.hashes)
    return trace(message.progress, reactions.value if reactions else None, count)


def shown_status(batch: Batch, status: Status, position: int) -> str:
    """In the words of the contract: unsent recipients of an ended batch ended with it."""
    if status is not Status.QUEUED:
        name: str = status.value
        return name
    if batch.status in ("cancelled", "failed"):
        return batch.status
    return "queued" if position < batch.released else "held"
