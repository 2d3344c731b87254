"""What follows from events about one chunk or message, as writes of one commit."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from warmpost.rules.bounces import BounceClass, classify
from warmpost.rules.chunks import Chunk, address_hash, inflate, unpack
from warmpost.rules.documents import Batch, Message, ProgressFields, ReactionFields, Suppression
from warmpost.rules.event_packing import pack_reactions
from warmpost.rules.events import Event
from warmpost.rules.notifications import Occurrence
from warmpost.rules.providers import SIMULATOR
from warmpost.rules.reactions import OPEN_ENDED, Reactions, apply, combined, event_hash
from warmpost.rules.simulator import simulate
from warmpost.rules.statuses import BY_MARK, Status
from warmpost.rules.tally import Amounts, Circumstances, not_booked, reaction_tally
from warmpost.rules.writes import Create, Stored, Update, Write
from warmpost.sending.booking import additions, circumstances
from warmpost.sending.occurrences import Origin, occurrence, origin_of
from warmpost.sending.parcels import route
from warmpost.sending.places import Place
from warmpost.sending.ports import Services
from warmpost.sending.traces import Trace, trace

UNTOUCHABLE = (Status.SUPPRESSED, Status.FAILED, Status.CANCELLED)


@dataclass(frozen=True, slots=True)
class Applied:
    """waiting: events whose recipients the worker is not done with. domains: those whose figures changed."""

    writes: tuple[Write, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    occurrences: tuple[Occurrence, ...] = ()
    waiting: tuple[Event, ...] = ()
    domains: frozenset[str] = frozenset()

    def __add__(self, other: Applied) -> Applied:
        return Applied(
            self.writes + other.writes,
            self.suppressions + other.suppressions,
            self.occurrences + other.occurrences,
            self.waiting + other.waiting,
            self.domains | other.domains,
        )


@dataclass(frozen=True, slots=True)
class Situation:
    """A place as it is read: its recipients, what was recorded and reported, and whose it is."""

    place: Place
    addresses: list[str]
    traced: Trace
    stored: Stored[ReactionFields] | None
    origin: Origin
    given: Circumstances

    @property
    def domain(self) -> str:
        return self.origin.domain


async def apply_events(services: Services, place: Place, events: Sequence[Event]) -> Applied:
    """Nothing where the place does not exist (any more).

    What the worker found is recorded and booked already; only its consequences follow.
    """
    situation = await _read(services, place)
    if situation is None:
        return Applied()
    reactions, waiting = situation.traced.reactions, []
    fresh: list[tuple[int, Event]] = []
    for event in events:
        position = event.target.position - place.first
        if not 0 <= position < len(situation.addresses):
            continue
        base = situation.traced.progress.status(position)
        if event.source == "worker":
            fresh.append((position, event))
        elif base in OPEN_ENDED:
            waiting.append(event)
        elif event_hash(event) not in reactions.seen and base not in UNTOUCHABLE:
            reactions = apply(reactions, position, event, _is_hard(event))
            fresh.append((position, event))
    if not fresh:
        return Applied(waiting=tuple(waiting))
    writes: list[Write] = []
    changed = False
    if reactions != situation.traced.reactions:
        writes, changed = _writes(situation, reactions)
    return Applied(
        writes=tuple(writes),
        suppressions=tuple(_suppressions(services, situation, fresh)),
        occurrences=tuple(_occurrences(services, situation, fresh)),
        waiting=tuple(waiting),
        domains=frozenset({situation.domain} if changed else ()),
    )


async def _read(services: Services, place: Place) -> Situation | None:
    progress: ProgressFields | None
    if place.message:
        message = await services.store.get(Message, place.path)
        if message is None:
            return None
        addresses, origin = list(inflate(message.value.recipients)), origin_of(message.value)
        progress = message.value.progress
    else:
        batch = await services.cache.get(Batch, place.path)
        chunk = await services.store.get(Chunk, f"{place.path}/chunks/{place.chunk}")
        if batch is None or chunk is None:
            return None
        addresses, origin = [one.address for one in unpack(chunk.value)], origin_of(batch)
        found = await services.store.get(ProgressFields, place.progress_path)
        progress = found.value if found else None
    stored = await services.store.get(ReactionFields, place.reactions_path)
    traced = trace(progress, stored.value if stored else None, len(addresses))
    _, pool = await route(services, origin.domain)
    given = circumstances(services, addresses, pool, not place.message)
    return Situation(place, addresses, traced, stored, origin, given)


def _judged(event: Event) -> BounceClass:
    return classify(event.code, event.enhanced_code, event.text)


def _is_hard(event: Event) -> bool:
    return event.kind == "bounced" and _judged(event).is_hard


def _occurrences(
    services: Services, situation: Situation, fresh: Sequence[tuple[int, Event]]
) -> list[Occurrence]:
    return [
        occurrence(
            event,
            situation.addresses[position],
            position,
            situation.origin,
            situation.traced.progress,
            services.policy.project,
            situation.given.provider(position) == SIMULATOR,
        )
        for position, event in fresh
    ]


def _writes(situation: Situation, reactions: Reactions) -> tuple[list[Write], bool]:
    """The reactions, and what they add to the day's figures; whether they add anything."""
    progress, place = situation.traced.progress, situation.place
    found = reaction_tally(progress, reactions, situation.given)
    booked: dict[str, Amounts] = json.loads(situation.stored.value.booked) if situation.stored else {}
    news = not_booked(found, booked)
    counts: Counter[str] = Counter({status.value: 0 for status in Status})
    for position, mark in enumerate(progress.results):
        now = combined(BY_MARK[mark], reactions, position)
        if now is not BY_MARK[mark]:
            counts[now.value] += 1
            counts[BY_MARK[mark].value] -= 1
    fields = ReactionFields(pack_reactions(reactions), dict(counts), json.dumps(found))
    writes: list[Write] = [_kept(situation.stored, place.reactions_path, fields)]
    name = place.batch or "send"
    writes += [additions(situation.domain, name, place.progress_path, day, news[day]) for day in sorted(news)]
    return writes, bool(news)


def _kept(stored: Stored[ReactionFields] | None, path: str, fields: ReactionFields) -> Write:
    if stored is None:
        return Create(path, fields)
    changes: dict[str, Any] = {name: getattr(fields, name) for name in ReactionFields.__slots__}
    return Update(path, changes, stored.version)


def _suppressions(
    services: Services, situation: Situation, fresh: Sequence[tuple[int, Event]]
) -> list[Suppression]:
    """Hard bounces and complaints hold everywhere, an unsubscription for the domain; the simulator's never."""
    wanted: dict[tuple[str, str], Suppression] = {}
    for position, event in fresh:
        address = situation.addresses[position]
        if simulate(address, services.policy.simulator_domain) is not None:
            continue
        for_domain = Suppression(
            address=address,
            hash=address_hash(address),
            reason="unsubscribe",
            since=datetime.fromtimestamp(event.at, UTC),
            serial=0,
            scope=situation.domain,
        )
        everywhere = replace(for_domain, scope="", note=event.text[:200])
        match event.kind:
            case "bounced" if _judged(event).suppress:
                wanted[address, ""] = replace(everywhere, reason="hard_bounce")
            case "complained":
                wanted[address, ""] = replace(everywhere, reason="complaint")
            case "unsubscribed":
                wanted[address, situation.domain] = for_domain
            case "resubscribed":
                wanted[address, situation.domain] = replace(for_domain, lifted=True)
            case _:
                pass
    return list(wanted.values())
