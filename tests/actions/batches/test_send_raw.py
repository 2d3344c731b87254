"""A whole message accepted and sent: its own header decides, and what bounces finds its recipient."""

from dataclasses import replace

import pytest

from tests.actions.harness import DOMAIN, a_request, address, addresses
from warmpost.actions.batches.send_message import send_message
from warmpost.actions.delivery.find import find_message
from warmpost.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from warmpost.rules.requests.requests import SendOrder
from warmpost.rules.schedules.request_packing import pack_order, unpack_order
from warmpost.rules.tracking.tracking import Track

HEAD = f"From: Ann <ann@{DOMAIN}>\r\nTo: all@example.net\r\nSubject: Hi\r\nMessage-ID: <1@their.host>\r\n".encode()
BODY = b"\r\nText  with blanks \r\n.\r\n..\r\n"


def raw_order(*to: str, content: bytes = HEAD + BODY, **fields) -> SendOrder:
    return SendOrder(sender="", to=to or (address(0),), raw=content, **fields)


async def test_a_whole_message_reaches_its_envelope_with_its_body_untouched(harness):
    content = HEAD + b"Bcc: hidden@example.net\r\nX-Warmpost-Tag: a=1\r\nX-Warmpost-Track: opens\r\n" + BODY
    accepted = await send_message(
        harness.services, raw_order(*addresses(0, 1), content=content, tags={"b": "2"}), a_request()
    )
    stored = await find_message(harness.services, accepted.id)
    message = stored.value
    assert (message.sender, message.subject, message.domain) == (f"ann@{DOMAIN}", "Hi", DOMAIN)
    assert (message.tags, message.tracked, message.raw_id) == ({"a": "1", "b": "2"}, True, "1@their.host")
    await harness.queue.run(harness.services)
    assert sorted(harness.relays.times_handed) == addresses(0, 1)
    for one in harness.relays.handed:
        octets = b"".join(one.content)
        assert octets.endswith(BODY) and b"hidden" not in octets and b"X-Warmpost" not in octets
        assert b"<1@their.host>" in octets and octets.startswith(b"DKIM-Signature:")
        assert one.envelope.mail_from.endswith(DOMAIN)


async def test_a_large_message_is_kept_in_parts(harness):
    body = b"\r\n" + b"\r\n".join([b"x" * 70] * 30_000) + b"\r\n"
    await send_message(harness.services, raw_order(content=HEAD + body), a_request())
    await harness.queue.run(harness.services)
    assert b"".join(harness.relays.handed[0].content).endswith(body)


@pytest.mark.parametrize(
    ("sender", "kind", "code"),
    [
        ("ann@other.example", NotFound, "domain_not_found"),
        ("a@x.example, b@y.example", Invalid, "invalid_from"),
    ],
)
async def test_a_from_that_may_not_send_is_refused(harness, sender, kind, code):
    with pytest.raises(kind) as problem:
        await send_message(
            harness.services, raw_order(content=f"From: {sender}\r\n\r\n".encode()), a_request()
        )
    assert problem.value.code == code


async def test_a_credential_of_one_address_sends_from_it_alone(harness):
    bound = replace(a_request(), sender=f"Ann@{DOMAIN}")
    assert await send_message(harness.services, raw_order(), bound)
    with pytest.raises(Forbidden) as problem:
        await send_message(harness.services, raw_order(), replace(bound, sender=f"bob@{DOMAIN}"))
    assert problem.value.code == "sender_not_allowed"


async def test_the_same_bytes_under_one_key_are_one_message(harness):
    request = a_request("key", "digest")
    first = await send_message(harness.services, raw_order(), request)
    assert await send_message(harness.services, raw_order(), request) == first
    with pytest.raises(Conflict):
        await send_message(harness.services, raw_order(), a_request("key", "other"))


async def test_a_schedule_keeps_a_whole_message():
    order = raw_order(track=Track(True, False))
    assert unpack_order(pack_order(order)) == order


async def test_whatever_is_wrong_names_the_message(harness):
    for content in (b"x", b"From: a@b.example\r\nno colon\r\n\r\n", HEAD + b"\r\n\nbare"):
        with pytest.raises(Problem) as problem:
            await send_message(harness.services, raw_order(content=content), a_request())
        assert problem.value.field == "raw"


async def test_a_key_of_other_domains_sends_no_whole_message(harness):
    with pytest.raises(Forbidden) as problem:
        await send_message(harness.services, raw_order(), replace(a_request(), domains=("other.example",)))
    assert problem.value.code == "domain_not_allowed"
    assert await send_message(harness.services, raw_order(), replace(a_request(), domains=(DOMAIN,)))
