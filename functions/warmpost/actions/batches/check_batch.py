"""Check: what would become of a batch, looked at recipient by recipient before anything is stored."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from warmpost.actions.batches.forecast_batch import Forecast, forecast_recipients
from warmpost.actions.batches.submit_batch import require_one_source
from warmpost.actions.context import Services
from warmpost.actions.lists.manage_lists import page_path
from warmpost.actions.storage.names import find_list
from warmpost.actions.templates.build_message import Written, write_batch
from warmpost.errors import Invalid
from warmpost.rules.delivery.chunks import Chunk, unpack
from warmpost.rules.message.message import Recipient
from warmpost.rules.model.addresses import Flaw, read_address
from warmpost.rules.model.usage import Usage
from warmpost.rules.requests.limits import encoded_sizes
from warmpost.rules.requests.mailboxes import split_mailbox
from warmpost.rules.requests.requests import BatchOrder, RecipientOrder

MOST_NAMED = 20
MOST_PAGES = 400
"""Of a list, 200,000 recipients, that are looked at; what is said of more would come too late for a door."""

AT_ONCE = 20
HEADERS = 1500
"""Bytes of a message's header with its signature."""

PER_THOUSAND = Usage(
    reads=15, writes=21, tasks=5, invocations=5, vcpu_us=700_000, gib_us=700_000, egress=0, relay_egress=0
)
"""What 1,000 recipients of a batch use up, as `bench` measures it; the way to the relay comes on top."""


@dataclass(frozen=True, slots=True)
class Lack:
    """A recipient without variables that the template needs."""

    to: str
    variables: Sequence[str]


@dataclass(slots=True)
class Checked:
    """recipients: asked for. looked_at: how many of them were. suppressed: by reason. invalid: addresses that are none.

    lacking: how many lack a variable, the first of them in `lacks`. largest_mail: bytes, of the one with most data.
    """

    recipients: int
    domain: str
    looked_at: int = 0
    duplicates: int = 0
    invalid: int = 0
    lacking: int = 0
    lacks: list[Lack] = field(default_factory=list)
    suppressed: Counter[str] = field(default_factory=Counter)
    largest_mail: int = 0
    usage: Usage = Usage()
    forecast: Forecast | None = None

    @property
    def would_be_sent(self) -> int:
        """0 while somebody lacks a variable, for then it would be refused as a whole. Of a list that is larger than what was
        looked at, as if the rest were like it.
        """
        if self.lacking or not self.looked_at:
            return 0
        good = self.looked_at - self.suppressed.total()
        return round(good * (self.recipients - self.duplicates - self.invalid) / self.looked_at)


async def check_batch(services: Services, order: BatchOrder) -> Checked:
    """Raises what `submit_batch` raises but for what is wrong with recipients: that is counted."""
    written = await write_batch(services, order)
    require_one_source(order)
    done, pages = await _pages(services, order, written)
    heaviest: Recipient | None = None
    weight = -1
    async for recipients in pages:
        await _look_at(services, done, written, recipients)
        for one in recipients:
            if (size := len(json.dumps(dict(one.data), default=str))) > weight:
                heaviest, weight = one, size
    done.largest_mail = await _size(services, written, heaviest)
    thousands = done.would_be_sent / 1000
    each = {name: round(amount * thousands) for name, amount in PER_THOUSAND.as_amounts().items()}
    done.usage = Usage(**{**each, "relay_egress": done.largest_mail * done.would_be_sent})
    done.forecast = await forecast_recipients(services, written.domain, order.on_block, done.would_be_sent)
    return done


async def _pages(
    services: Services, order: BatchOrder, written: Written
) -> tuple[Checked, AsyncIterator[Sequence[Recipient]]]:
    if order.recipients is not None:
        done = Checked(len(order.recipients), written.domain)
        return done, _inline(order.recipients, done)
    stored = await find_list(services.store, order.list or "", "list")
    done = Checked(stored.value.count, written.domain)
    return done, _listed(services, stored.path, min(stored.value.pages, MOST_PAGES))


async def _inline(wanted: Sequence[RecipientOrder], done: Checked) -> AsyncIterator[Sequence[Recipient]]:
    unique: dict[str, Recipient] = {}
    for one in wanted:
        name, text = split_mailbox(one.to.strip())
        address = read_address(text)
        if isinstance(address, Flaw):
            done.invalid += 1
        elif address.lower() in unique:
            done.duplicates += 1
        else:
            data = {"name": name, **one.data} if name else one.data
            unique[address.lower()] = Recipient(address, data)
    yield list(unique.values())


async def _listed(services: Services, path: str, pages: int) -> AsyncIterator[Sequence[Recipient]]:
    for start in range(0, pages, AT_ONCE):
        paths = [page_path(path, number) for number in range(start, min(start + AT_ONCE, pages))]
        for found in await asyncio.gather(*(services.store.get(Chunk, one) for one in paths)):
            if found:
                yield unpack(found.value)


async def _look_at(
    services: Services, done: Checked, written: Written, recipients: Sequence[Recipient]
) -> None:
    done.looked_at += len(recipients)
    now = services.clock.now()
    addresses = [one.address for one in recipients]
    done.suppressed.update((await services.suppressed.among(addresses, written.domain, now)).values())
    for one in recipients:
        if missing := sorted(written.required - one.data.keys()):
            done.lacking += 1
            if len(done.lacks) < MOST_NAMED:
                done.lacks.append(Lack(one.address, missing))


async def _size(services: Services, written: Written, heaviest: Recipient | None) -> int:
    """0 where nobody can be rendered."""
    if heaviest is None:
        return 0
    message_content = written.message_content
    data: Mapping[str, object] = {**message_content.data, **heaviest.data}
    try:
        shown = await asyncio.to_thread(services.templates.preview, message_content.content, data)
    except Invalid:
        return 0
    return HEADERS + sum(encoded_sizes(shown, message_content.attachments))
