"""What follows from events about one chunk or message, as writes of one commit."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from warmpost.actions.bounces.count_bounces import Refusal
from warmpost.actions.context import Services
from warmpost.actions.delivery.delivery_job import route
from warmpost.actions.delivery.recipient_status import RecipientStatuses, statuses_of
from warmpost.actions.events.enrich import Origin, judged, notification_event, origin_of
from warmpost.actions.events.locate import Place
from warmpost.actions.events.subjects import subjects
from warmpost.actions.warmup.day_counters import additions, circumstances
from warmpost.rules.bounces.classify import BounceClass
from warmpost.rules.bounces.corrections import text_of
from warmpost.rules.delivery.chunks import Chunk, unpack
from warmpost.rules.delivery.documents import Batch, Message, ProgressFields
from warmpost.rules.delivery.mailbox_providers import SIMULATOR
from warmpost.rules.delivery.statuses import BY_MARK, Status
from warmpost.rules.events.day_counters import Amounts, Circumstances, count_reports, not_booked
from warmpost.rules.events.documents import ReportedStatusFields
from warmpost.rules.events.event_packing import pack_reported_status
from warmpost.rules.events.reported_status import OPEN_ENDED, ReportedStatus, apply_all, combined
from warmpost.rules.message.message import Recipient
from warmpost.rules.model.addresses import ERASED
from warmpost.rules.model.compression import inflate
from warmpost.rules.model.derived_ids import address_hash
from warmpost.rules.model.events import Event
from warmpost.rules.model.writes import Create, Stored, Update, Write
from warmpost.rules.reports.verp import NO_POSITION
from warmpost.rules.suppressions.documents import Suppression
from warmpost.rules.webhooks.notifications import NotificationEvent

UNTOUCHABLE = (Status.SUPPRESSED, Status.FAILED, Status.CANCELLED)


@dataclass(frozen=True, slots=True)
class Applied:
    """waiting: events whose recipients the worker is not done with. domains: those whose figures changed.

    refusals: bounces that were new.
    """

    writes: tuple[Write, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    notification_events: tuple[NotificationEvent, ...] = ()
    waiting: tuple[Event, ...] = ()
    domains: frozenset[str] = frozenset()
    refusals: tuple[Refusal, ...] = ()

    def __add__(self, other: Applied) -> Applied:
        return Applied(
            self.writes + other.writes,
            self.suppressions + other.suppressions,
            self.notification_events + other.notification_events,
            self.waiting + other.waiting,
            self.domains | other.domains,
            self.refusals + other.refusals,
        )


@dataclass(frozen=True, slots=True)
class Situation:
    """A place as it is read: its recipients, what was recorded and reported, and whose it is. subject: by position."""

    place: Place
    addresses: list[str]
    statuses: RecipientStatuses
    stored: Stored[ReportedStatusFields] | None
    origin: Origin
    given: Circumstances
    subject: Callable[[int], str]

    @property
    def domain(self) -> str:
        return self.origin.domain

    def judged(self, event: Event) -> BounceClass | None:
        """None for what is no bounce."""
        words = event.at, event.code, event.enhanced_code, event.text
        return self.given.judge(words) if event.kind == "bounced" else None

    def is_hard(self, event: Event) -> bool:
        found = self.judged(event)
        return found is not None and found.is_hard

    def position_of(self, event: Event) -> int | None:
        """Where the recipient stands here. An address that comes with the event must be that recipient's."""
        target, address = event.target, event.target.address.lower()
        if target.position == NO_POSITION:
            known = [one.lower() for one in self.addresses]
            return known.index(address) if address in known else None
        position = target.position - self.place.first
        if not 0 <= position < len(self.addresses):
            return None
        return position if address in ("", self.addresses[position].lower()) else None


async def apply_events(services: Services, place: Place, events: Sequence[Event]) -> Applied:
    """Nothing where the place does not exist (any more).

    What the worker found is recorded and booked already: only its consequences follow, once, however often it is told.
    """
    situation = await _read(services, place)
    if situation is None:
        return Applied()
    waiting: list[Event] = []
    known: list[tuple[int, Event]] = []
    for event in events:
        position = situation.position_of(event)
        if position is None:
            continue
        base = situation.statuses.progress.status(position)
        if event.source != "worker" and base in OPEN_ENDED:
            waiting.append(event)
        elif event.source == "worker" or base not in UNTOUCHABLE:
            known.append((position, event))
    reported, fresh = apply_all(situation.statuses.reported, known, situation.is_hard)
    writes, changed = _writes(situation, reported) if fresh else ([], False)
    return Applied(
        writes=tuple(writes),
        suppressions=tuple(_suppressions(situation, fresh)),
        notification_events=tuple(_occurrences(services, situation, fresh)),
        waiting=tuple(waiting),
        domains=frozenset({situation.domain} if changed else ()),
        refusals=tuple(_refusals(situation, fresh)),
    )


async def _read(services: Services, place: Place) -> Situation | None:
    progress: ProgressFields | None
    recipients: list[Recipient] = []
    if place.message:
        message = await services.store.get(Message, place.path)
        if message is None:
            return None
        addresses, origin = list(inflate(message.value.recipients)), origin_of(message.value)
        progress, tracked = message.value.progress, message.value.tracked
        is_test = message.value.is_test
    else:
        batch = await services.cache.get(Batch, place.path)
        chunk = await services.store.get(Chunk, f"{place.path}/chunks/{place.chunk}")
        if batch is None or chunk is None:
            return None
        recipients = unpack(chunk.value)
        addresses, origin = [one.address for one in recipients], origin_of(batch)
        found = await services.store.get(ProgressFields, place.progress_path)
        progress, tracked, is_test = found.value if found else None, batch.tracked, False
    stored = await services.store.get(ReportedStatusFields, place.reported_status_path)
    statuses = statuses_of(progress, stored.value if stored else None, len(addresses))
    _, pool = await route(services, origin.domain)
    subject = await subjects(services, place, recipients, origin.subject)
    given = circumstances(services, addresses, pool, not place.message, tracked, is_test)
    return Situation(place, addresses, statuses, stored, origin, given, subject)


def _refusals(situation: Situation, fresh: Sequence[tuple[int, Event]]) -> Iterator[Refusal]:
    for position, event in fresh:
        found = situation.judged(event)
        if found is not None and situation.given.provider(position) != SIMULATOR:
            yield text_of(event.code, event.enhanced_code, event.text), found.value


def _occurrences(
    services: Services, situation: Situation, fresh: Sequence[tuple[int, Event]]
) -> list[NotificationEvent]:
    return [
        judged(
            notification_event(
                event,
                situation.addresses[position],
                position,
                replace(situation.origin, subject=situation.subject(position)),
                situation.statuses.progress,
                services.policy.project,
                situation.given.provider(position) == SIMULATOR,
            ),
            situation.judged(event),
        )
        for position, event in fresh
    ]


def _writes(situation: Situation, reported: ReportedStatus) -> tuple[list[Write], bool]:
    """What was reported, and what it adds to the day's figures; whether it adds anything."""
    progress, place = situation.statuses.progress, situation.place
    found = count_reports(progress, reported, situation.given)
    booked: dict[str, Amounts] = json.loads(situation.stored.value.booked) if situation.stored else {}
    news = not_booked(found, booked)
    counts: Counter[str] = Counter({status.value: 0 for status in Status})
    for position, mark in enumerate(progress.results):
        now = combined(BY_MARK[mark], reported, position)
        if now is not BY_MARK[mark]:
            counts[now.value] += 1
            counts[BY_MARK[mark].value] -= 1
    fields = ReportedStatusFields(pack_reported_status(reported), dict(counts), json.dumps(found))
    writes: list[Write] = [_kept(situation.stored, place.reported_status_path, fields)]
    name = place.batch or "send"
    writes += [additions(situation.domain, name, place.progress_path, day, news[day]) for day in sorted(news)]
    return writes, bool(news)


def _kept(stored: Stored[ReportedStatusFields] | None, path: str, fields: ReportedStatusFields) -> Write:
    if stored is None:
        return Create(path, fields)
    changes: dict[str, Any] = {name: getattr(fields, name) for name in ReportedStatusFields.__slots__}
    return Update(path, changes, stored.version)


def _suppressions(situation: Situation, fresh: Sequence[tuple[int, Event]]) -> list[Suppression]:
    """Hard bounces and complaints hold everywhere, an unsubscription for the domain; the simulator's never."""
    wanted: list[Suppression] = []
    for position, event in fresh:
        address = situation.addresses[position]
        if situation.given.provider(position) == SIMULATOR or address == ERASED:
            continue
        at = datetime.fromtimestamp(event.at, UTC)
        for_domain = Suppression(address, address_hash(address), "unsubscribe", at, scope=situation.domain)
        everywhere = replace(for_domain, scope="", note=event.text[:200])
        found = situation.judged(event)
        match event.kind:
            case "bounced" if found and found.suppress:
                wanted.append(replace(everywhere, reason="hard_bounce"))
            case "complained":
                wanted.append(replace(everywhere, reason="complaint"))
            case "unsubscribed":
                wanted.append(for_domain)
            case "resubscribed":
                wanted.append(replace(for_domain, lifted=True, lifted_at=at))
            case _:
                pass
    return wanted
