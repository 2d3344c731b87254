"""Messages composed in groups and signed on threads: all of them, in order, by keys that are opened once."""

import asyncio

import pytest

from tests.actions.harness import DOMAIN, MASTER_KEY, domain_key, signing_pool
from warmpost.adapters.message.encryption import Encryption
from warmpost.adapters.message.signing_pool import GROUP, SigningPool
from warmpost.adapters.templates.templates import Templates
from warmpost.errors import Invalid
from warmpost.rules.delivery.envelope import Outgoing
from warmpost.rules.message.message import Content, Job, Mailbox, MessageContent, Recipient, Unrenderable

SENDER = Mailbox(f"news@{DOMAIN}", "News")


def message_content(subject="Hello {{ name }}", text="Good day"):
    return MessageContent(SENDER, Content(subject, None, text, templated=True))


def jobs(*names):
    return [
        Job(Recipient(f"r{n}@example.net", {"name": name}), f"id{n}@{DOMAIN}", f"bounces@{DOMAIN}", 1.8e9)
        for n, name in enumerate(names)
    ]


@pytest.mark.parametrize("count", [0, 1, GROUP - 1, GROUP, GROUP + 1, 3 * GROUP + 4])
async def test_messages_come_in_the_order_of_their_jobs(count):
    composer = signing_pool().composer(message_content(), DOMAIN, [domain_key()])
    made = await composer.compose(jobs(*(f"N{n}" for n in range(count))))
    assert len(made) == count
    for n, message in enumerate(made):
        assert isinstance(message, Outgoing)
        assert message.envelope.rcpt_to == f"r{n}@example.net"
        assert f"Subject: Hello N{n}\r\n".encode() in b"".join(message.content)
        assert b"".join(message.content).startswith(b"DKIM-Signature:")


async def test_one_that_cannot_be_made_keeps_its_place_and_the_others_theirs():
    composer = signing_pool().composer(message_content(text="{{ 6 // name }}"), DOMAIN, [domain_key()])
    made = await composer.compose(jobs(1, 0, 2, *([0] * GROUP), 3))
    kinds = [isinstance(one, Unrenderable) for one in made]
    assert kinds == [False, True, False, *([True] * GROUP), False]
    last = made[-1]
    assert isinstance(last, Outgoing)
    assert last.envelope.rcpt_to == f"r{3 + GROUP}@example.net"


async def test_two_letters_are_composed_side_by_side():
    composers = [
        signing_pool().composer(message_content(f"{n} {{{{ name }}}}"), DOMAIN, [domain_key()]) for n in "ab"
    ]
    first, second = await asyncio.gather(*(one.compose(jobs(*"xyz" * 5)) for one in composers))
    assert all(b"Subject: a x" in b"".join(one.content) for one in first[::3] if isinstance(one, Outgoing))
    assert all(b"Subject: b z" in b"".join(one.content) for one in second[2::3] if isinstance(one, Outgoing))


async def test_a_composition_that_is_given_up_does_not_harm_the_next():
    composer = signing_pool().composer(message_content(), DOMAIN, [domain_key()])
    given_up = asyncio.create_task(composer.compose(jobs(*"abcdefghijklmnopqrstuvwxyz")))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    assert len(await composer.compose(jobs("a", "b"))) == 2


def test_a_key_is_opened_once_however_many_chunks_use_it(monkeypatch):
    opened = []
    encryption = Encryption(MASTER_KEY)
    original = encryption.decrypt

    class CountingEncryption:
        def decrypt(self, sealed, context):
            opened.append(context)
            return original(sealed, context)

    fresh = SigningPool(Templates(), CountingEncryption(), 1)  # type: ignore[arg-type]
    for _ in range(3):
        fresh.composer(message_content(), DOMAIN, [domain_key()])
    assert opened == [f"dkim:{DOMAIN}:wp1"]


def test_a_key_under_another_domain_does_not_open():
    with pytest.raises(Invalid, match="does not open"):
        SigningPool(Templates(), Encryption(MASTER_KEY), 1).composer(
            message_content(), "other.example", [domain_key()]
        )


@pytest.mark.parametrize("algorithm", ["rsa-sha256", "ed25519-sha256"])
async def test_a_new_key_signs_at_once(algorithm):
    key = signing_pool().new_key(algorithm, "s1", DOMAIN)
    assert (key.selector, key.algorithm) == ("s1", algorithm)
    (made,) = await signing_pool().composer(message_content(), DOMAIN, [key]).compose(jobs("a"))
    assert isinstance(made, Outgoing)
    assert f"a={algorithm}".encode() in b"".join(made.content)


def test_a_template_that_cannot_be_used_is_refused():
    with pytest.raises(Invalid):
        signing_pool().composer(message_content(text="{% if %}"), DOMAIN, [domain_key()])
