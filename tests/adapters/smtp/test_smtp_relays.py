"""Against a real server: what arrives, encrypted and logged in or not, and what its refusals mean."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import uvloop

from tests.adapters.certificates import make_authority
from tests.adapters.smtp.smtp_servers import Mailroom, RealRelay, letter, pool_of
from warmpost.adapters.smtp import Relays, Timeouts
from warmpost.adapters.smtp.probe import Probes
from warmpost.rules.delivery.envelope import Envelope, HandOver, Outgoing
from warmpost.rules.model.relays import Relay

TIMEOUTS = Timeouts(connect=5, command=5, data=5, end_of_data=5)
NOBODY = "no relay of pool test takes mail: "


def make_relays(**fields) -> Relays:
    secrets = {"relay-password": "correct horse"}
    return Relays(secret=secrets.__getitem__, local_hostname="client.example", timeouts=TIMEOUTS, **fields)


@pytest.fixture
async def relays():
    relays = make_relays()
    yield relays
    await relays.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return make_authority(tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize("pipelining", [True, False])
async def test_content_arrives_byte_for_byte(relays, pipelining):
    room = Mailroom(pipelining=pipelining)
    contents = [
        (b"Subject: x\r\n\r\n.\r\n..\r\n.dot\r\nend\r\n",),
        (b".first\r\n", b".joint\r\n", b"", b".last"),
        (b"split\r", b"\n", b".\r", b"\n.x\r\n"),
        (b"a" * 70 + b"\r\n", b".b\r\n" * 60_000, b".c\r\n"),
    ]
    claim_batch = [
        Outgoing(Envelope("bounces@example.com", f"r{n}@example.net"), content)
        for n, content in enumerate(contents)
    ]
    async with RealRelay(room) as server:
        outcomes = await relays.hand_over(
            pool_of(Relay("a", "127.0.0.1", server.port, security="none")), claim_batch
        )
    assert [str(outcome.reply) for outcome in outcomes] == ["250 2.0.0 queued"] * 4
    whole = [b"".join(content) for content in contents]
    expected = [content if content.endswith(b"\r\n") else content + b"\r\n" for content in whole]
    assert [(mail_from, rcpt) for mail_from, rcpt, _, _ in room.mail] == [
        ("bounces@example.com", f"r{n}@example.net") for n in range(4)
    ]
    assert [content for _, _, content, _ in room.mail] == expected


@pytest.mark.parametrize("pipelining", [True, False])
async def test_each_refusal_is_the_outcome_of_its_own_message(relays, pipelining):
    room = Mailroom(pipelining=pipelining)
    room.rcpt_replies = {
        "r1@example.net": "550 5.1.1 no such user",
        "r2@example.net": "451 4.7.1 greylisted",
        "r7@example.net": "550 5.1.1 no such user",
    }
    room.data_replies = {"r4@example.net": "554 5.7.1 spam", "r5@example.net": "452 4.3.1 disk full"}
    async with RealRelay(room) as server:
        relay = Relay("a", "127.0.0.1", server.port, security="none")
        outcomes = await relays.hand_over(pool_of(relay), [letter(n) for n in range(8)])
    accepted, refused, postponed = HandOver.ACCEPTED, HandOver.REFUSED, HandOver.POSTPONED
    assert [outcome.hand_over for outcome in outcomes] == [
        accepted, refused, postponed, accepted, refused, postponed, accepted, refused,
    ]  # fmt: skip
    assert str(outcomes[1].reply) == "550 5.1.1 no such user"
    assert str(outcomes[5].reply) == "452 4.3.1 disk full"
    assert [rcpt for _, rcpt, _, _ in room.mail] == [f"r{n}@example.net" for n in (0, 3, 6)]


async def test_starttls_and_login(relays, authority, monkeypatch):
    ca_file, server_context = authority
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    room = Mailroom()
    async with RealRelay(room, starttls=server_context, login=("post", "correct horse")) as server:
        relay = Relay("a", "127.0.0.1", server.port, username="post", password_secret="relay-password")
        outcomes = await relays.hand_over(pool_of(relay), [letter(n, 300_000) for n in range(12)])
    assert {outcome.hand_over for outcome in outcomes} == {HandOver.ACCEPTED}
    assert room.was_tls == [True] * 12


async def test_tls_from_the_first_byte(relays, authority, monkeypatch):
    ca_file, server_context = authority
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    room = Mailroom()
    async with RealRelay(room, tls=server_context) as server:
        relay = Relay("a", "127.0.0.1", server.port, security="tls")
        outcomes = await relays.hand_over(pool_of(relay), [letter(n, 300_000) for n in range(3)])
    assert {outcome.hand_over for outcome in outcomes} == {HandOver.ACCEPTED}
    assert len(room.mail) == 3


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_an_unknown_certificate_is_not_accepted_unless_the_relay_says_so(relays, authority, security):
    _, server_context = authority
    room = Mailroom()
    async with RealRelay(room, **{security: server_context}) as server:
        strict = Relay("strict", "127.0.0.1", server.port, security=security)
        lax = Relay("lax", "127.0.0.1", server.port, security=security, verify=False)
        [refused] = await relays.hand_over(pool_of(strict), [letter(1)])
        [accepted] = await relays.hand_over(pool_of(lax), [letter(2)])
    assert refused.hand_over is HandOver.NOT_TRIED
    assert "its certificate is not accepted: unable to get local issuer certificate" in refused.reason
    assert accepted.hand_over is HandOver.ACCEPTED


async def test_starttls_is_not_given_up_where_the_relay_does_not_offer_it(relays):
    room = Mailroom()
    async with RealRelay(room) as server:
        [outcome] = await relays.hand_over(pool_of(Relay("a", "127.0.0.1", server.port)), [letter(1)])
    assert outcome.hand_over is HandOver.NOT_TRIED
    assert "STARTTLS extension not supported" in outcome.reason
    assert not room.mail


async def test_a_refused_login_names_the_user_and_never_the_password(relays):
    async with RealRelay(Mailroom(), login=("post", "another password")) as server:
        relay = Relay(
            "a", "127.0.0.1", server.port, "none", username="post", password_secret="relay-password"
        )
        [outcome] = await relays.hand_over(pool_of(relay), [letter(1)])
    assert outcome.hand_over is HandOver.NOT_TRIED
    assert "refused the login of 'post': 535 5.7.8" in outcome.reason
    assert "correct horse" not in outcome.reason


async def test_a_secret_that_cannot_be_read_is_named(relays):
    relay = Relay("a", "127.0.0.1", 1, username="post", password_secret="mislaid")
    [outcome] = await relays.hand_over(pool_of(relay), [letter(1)])
    assert outcome.hand_over is HandOver.NOT_TRIED
    assert outcome.reason.removeprefix(NOBODY) == "a: the secret 'mislaid' could not be read (KeyError)"


@pytest.mark.parametrize("value", ["", None])
async def test_a_secret_that_is_not_there_is_named_and_nothing_logs_in_without_it(value):
    async with RealRelay(Mailroom(), login=("post", "")) as server:
        relay = Relay(
            "a", "127.0.0.1", server.port, "none", username="post", password_secret="WARMPOST_RELAY_EU"
        )
        made = Relays(secret=lambda name: value, local_hostname="t.example")
        [outcome] = await made.hand_over(pool_of(relay), [letter(1)])
        told = await Probes(None, lambda name: value, "t.example").relay(relay)
        await made.close()
    assert outcome.hand_over is HandOver.NOT_TRIED
    assert outcome.reason.removeprefix(NOBODY) == "a: secret WARMPOST_RELAY_EU is not set"
    assert told == "secret WARMPOST_RELAY_EU is not set"
    assert server.logins == []


async def test_a_relay_that_wants_a_login_does_not_make_messages_bounce(relays):
    async with RealRelay(Mailroom(), login=("post", "password")) as server:
        relay = Relay("a", "127.0.0.1", server.port, security="none")
        [outcome] = await relays.hand_over(pool_of(relay), [letter(1)])
    assert outcome.hand_over is HandOver.POSTPONED
    assert outcome.reply is not None and outcome.reply.code == 530


async def test_a_message_above_the_announced_size_is_refused_and_its_neighbours_are_not(relays):
    room = Mailroom()
    async with RealRelay(room, data_size_limit=5_000) as server:
        relay = Relay("a", "127.0.0.1", server.port, security="none")
        outcomes = await relays.hand_over(pool_of(relay), [letter(1), letter(2, 9_000), letter(3)])
    assert [outcome.hand_over.name for outcome in outcomes] == ["ACCEPTED", "REFUSED", "ACCEPTED"]
    assert outcomes[1].reason.startswith("5.3.4 ")
    assert outcomes[1].reply is None


async def test_internationalised_addresses_only_where_the_relay_takes_them(relays):
    message = Outgoing(
        Envelope("bounces@example.com", "用户@例え.jp"), ("Subject: ü\r\n\r\n".encode(),), smtputf8=True
    )
    old, new = Mailroom(), Mailroom()
    async with RealRelay(old) as without, RealRelay(new, enable_SMTPUTF8=True) as with_it:
        [refused] = await relays.hand_over(
            pool_of(Relay("old", "127.0.0.1", without.port, security="none")), [message]
        )
        [accepted, plain] = await relays.hand_over(
            pool_of(Relay("new", "127.0.0.1", with_it.port, security="none")), [message, letter(2)]
        )
    assert (refused.hand_over, refused.reason[:5]) == (HandOver.REFUSED, "5.6.7")
    assert accepted.hand_over is plain.hand_over is HandOver.ACCEPTED
    assert [
        (rcpt, sorted(option.split("=")[0] for option in options)) for _, rcpt, _, options in new.mail
    ] == [
        ("用户@例え.jp", ["BODY", "SIZE", "SMTPUTF8"]),
        ("r2@example.net", ["SIZE"]),
    ]
    assert not old.mail


def test_uvloop_serves_as_well(authority):
    _, server_context = authority
    room = Mailroom()

    async def scenario() -> list[str]:
        relays = make_relays()
        async with RealRelay(room, starttls=server_context) as safe, RealRelay(room) as plain:
            pool = pool_of(
                Relay("safe", "127.0.0.1", safe.port, verify=False),
                Relay("plain", "127.0.0.1", plain.port, security="none"),
            )
            claim_batch = [letter(n, 200_000 if n % 5 == 0 else 1_000) for n in range(40)]
            outcomes = await relays.hand_over(pool, claim_batch)
            down = Relay("down", "127.0.0.1", 1, security="none")
            outcomes += await relays.hand_over(pool_of(down), [letter(99)])
            await relays.close()
        return [f"{outcome.hand_over.name} {outcome.reason}".strip() for outcome in outcomes]

    with ThreadPoolExecutor(1) as thread:
        outcomes = thread.submit(uvloop.run, scenario()).result()
    assert outcomes == ["ACCEPTED"] * 40 + [
        "NOT_TRIED no relay of pool test takes mail: down: 127.0.0.1:1: Connection refused"
    ]
    assert set(room.was_tls) == {True, False}
    assert len(room.mail) == 40
