"""What readers do with a message: noted in the event log, and for unsubscribing, done at once."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from warmpost.actions.context import Services
from warmpost.actions.outbox.event_log import log_events
from warmpost.actions.storage.log import log_event
from warmpost.actions.suppressions.manage_suppressions import suppress_address, suppress_all, suppression_path
from warmpost.errors import NotFound, Unavailable
from warmpost.rules.delivery.chunks import Chunk, unpack
from warmpost.rules.delivery.documents import Batch, Message
from warmpost.rules.delivery.simulator import simulate
from warmpost.rules.model.addresses import ERASED
from warmpost.rules.model.compression import inflate
from warmpost.rules.model.derived_ids import address_hash, short_hash
from warmpost.rules.model.events import Event, Target
from warmpost.rules.suppressions.documents import Suppression
from warmpost.rules.tracking.bots import is_machine
from warmpost.rules.tracking.tokens import Token

SOURCE = "track"
NOTED_WITHIN = 0.25
"""Seconds a reader waits for the event log at most; it is written all the same."""

PAUSES = (0.5, 2.0, 5.0)
"""Seconds between the tries to write it."""


@dataclass(frozen=True, slots=True)
class Addressee:
    """domain: of the sender."""

    address: str
    domain: str


def reader_event(
    services: Services, token: Token, kind: Literal["opened", "clicked"], method: str, user_agent: str
) -> Event:
    now = services.clock.timestamp()
    return Event(
        id=secrets.token_hex(12),
        kind=kind,
        at=now,
        target=token.target,
        source=SOURCE,
        link=token.destination,
        user_agent=user_agent[:500],
        machine=is_machine(kind, user_agent, method, now - token.sent_at),
    )


async def note(services: Services, event: Event) -> None:
    """Keeps an event. Never raises, and never lets a reader wait: they get picture and page whatever the database does.

    What comes in while one write is under way shares the next, so that many readers cost few documents.
    """
    buffer = services.reader_buffer
    written = buffer.add(event)
    if written is None:
        return
    if not buffer.is_writing:
        buffer.writing = asyncio.create_task(_write(services))
    with suppress(TimeoutError):
        async with asyncio.timeout(NOTED_WITHIN):
            await written.wait()


async def _write(services: Services) -> None:
    while shared := services.reader_buffer.take():
        await _store(services, shared.events)
        shared.written.set()


async def _store(services: Services, events: Sequence[Event]) -> None:
    """Tries for as long as another try can help, then says what is lost."""
    for pause in (*PAUSES, None):
        try:
            await log_events(services, SOURCE, events)
            return
        except Exception as failure:
            if pause is None or not isinstance(failure, Unavailable):
                _lost(events, failure)
                return
            await asyncio.sleep(pause)


def _lost(events: Sequence[Event], failure: Exception) -> None:
    target, more = events[0].target, len(events) - 1
    words = f"{events[0].kind} of {target.batch or target.message}, position {target.position}"
    log_event(
        "event_lost",
        f"an event may be lost: {words}" + (f", and {more} others" if more else ""),
        failed=failure,
        batch=target.batch,
        message_id=target.message,
        events=len(events),
    )


async def unsubscribe(services: Services, target: Target) -> Addressee:
    """The address gets no more bulk mail of the sender domain from now on, however often it is asked.

    The suppression is written first: what was answered holds, also if the event needs another try. Raises NotFound
    where the message is forgotten, errors.Unavailable.
    """
    reader = await find_reader(services, target)
    stored = await services.store.get(Suppression, suppression_path(reader.address, reader.domain))
    known = stored.value if stored and not stored.value.lifted else None
    if known is None and simulate(reader.address, services.policy.simulator_domain) is None:
        known = await _keep(
            services,
            Suppression(
                address=reader.address,
                hash=address_hash(reader.address),
                reason="unsubscribe",
                since=services.clock.now(),
                scope=reader.domain,
            ),
        )
    await _log(services, "unsubscribed", target, known)
    return reader


async def resubscribe(services: Services, target: Target) -> Addressee:
    """Takes back an unsubscription alone: bounces, complaints and the sender's own word stay. Raises the same."""
    reader = await find_reader(services, target)
    stored = await services.store.get(Suppression, suppression_path(reader.address, reader.domain))
    known = stored.value if stored else None
    if known and not known.lifted and known.reason == "unsubscribe":
        known = await _keep(services, replace(known, lifted=True, lifted_at=services.clock.now()))
    await _log(services, "resubscribed", target, known)
    return reader


async def _keep(services: Services, wanted: Suppression) -> Suppression:
    if wanted.lifted:
        await services.store.commit(*await suppress_all(services, [wanted]))
    else:
        await suppress_address(services, wanted)
    stored = await services.store.get(Suppression, suppression_path(wanted.address, wanted.scope))
    return stored.value if stored else wanted


async def _log(
    services: Services,
    kind: Literal["unsubscribed", "resubscribed"],
    target: Target,
    suppression: Suppression | None,
) -> None:
    """Under an id that follows from the change, so that asking again is no second event."""
    changed = str(suppression.changed_at) if suppression else ""
    name = short_hash(kind, target.batch, target.message, target.position, changed, length=24)
    event = Event(name, kind, services.clock.timestamp(), target, SOURCE)
    await log_events(services, SOURCE, [event])


async def sender_of(services: Services, target: Target) -> str:
    """The sender domain of a message, empty where it is forgotten."""
    if target.message:
        message = await services.cache.get(Message, f"messages/{target.message}")
        return message.domain if message else ""
    batch = await services.cache.get(Batch, f"batches/{target.batch}")
    return batch.domain if batch else ""


async def find_reader(services: Services, target: Target) -> Addressee:
    """Raises NotFound."""
    found = await _find_reader(services, target)
    if found is None or found.address == ERASED:
        raise NotFound("message_forgotten", "Nothing is kept of this message any more.")
    return found


async def _find_reader(services: Services, target: Target) -> Addressee | None:
    if target.message:
        message = await services.store.get(Message, f"messages/{target.message}")
        if message:
            addresses = inflate(message.value.recipients)
            if target.position < len(addresses):
                return Addressee(addresses[target.position], message.value.domain)
    else:
        domain = await sender_of(services, target)
        chunks = await services.store.find(
            Chunk,
            f"batches/{target.batch}/chunks",
            ("first", "<=", target.position),
            order_by="first",
            descending=True,
            limit=1,
        )
        if domain and chunks and target.position < chunks[0].value.end:
            chunk = chunks[0].value
            return Addressee(unpack(chunk)[target.position - chunk.first].address, domain)
    return None
