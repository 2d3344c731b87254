"""A new DKIM key of a domain that sends: real DNS, real Firestore, and what stands in the signatures."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.actions.domain_harness import Registry
from tests.actions.harness import a_request, send_order, unique
from warmpost.actions.batches.send_message import send_message
from warmpost.actions.identity.manage_domains import create_domain, rotate_dkim, verify_domain
from warmpost.errors import Conflict


@pytest.fixture
async def registry(harness, dns_server):
    return await Registry(harness, dns_server, f"{unique()}.example").open()


async def signer(registry, number):
    """The selector of the next message's signature."""
    registry.harness.clock.advance(10)  # behind caches
    order = send_order("ann@inbox.example", sender=f"News <news@{registry.name}>")
    await send_message(registry.services, order, a_request(str(number)))
    await registry.harness.queue.run(registry.services, until=timedelta(days=20))
    return re.findall(rb"\bs=(\w+);", registry.harness.relays.handed[-1].content[0])


async def test_the_new_key_signs_once_its_record_is_there(registry):
    (old,) = (await registry.domain()).keys
    assert await signer(registry, 1) == [old.selector.encode()]
    begun = await rotate_dkim(registry.services, registry.name)
    assert (await rotate_dkim(registry.services, registry.name)).incoming == begun.incoming
    (new,) = begun.incoming
    await verify_domain(registry.services, registry.name)
    assert await signer(registry, 2) == [old.selector.encode()]
    (record,) = (one for one in begun.records if one.stage == "incoming")
    registry.enter(record.name, "TXT", record.expected)
    after = await verify_domain(registry.services, registry.name)
    assert [one.selector for one in after.keys] == [new.selector]
    assert await signer(registry, 3) == [new.selector.encode()]
    over = await registry.check(24 * 8)
    (retired,) = (one for one in over.records if one.stage)
    assert (retired.status, retired.name.partition(".")[0]) == ("retire", old.selector)
    registry.enter(retired.name, "TXT")
    assert not [one for one in (await registry.check(24 * 9)).records if one.stage]


async def test_a_domain_that_never_signed_has_no_key_to_change(registry):
    name = f"{unique()}.example"
    await create_domain(registry.services, name)
    with pytest.raises(Conflict, match="verify it"):
        await rotate_dkim(registry.services, name)
