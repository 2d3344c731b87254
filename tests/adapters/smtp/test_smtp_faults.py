"""Relays that misbehave: what is then known of each message."""

import asyncio
from dataclasses import replace

import pytest

from tests.adapters.smtp.smtp_servers import Act, ScriptedRelay, letter, pool_of
from warmpost.adapters.smtp import Relays, Timeouts

PATIENT = Timeouts(connect=5, command=5, data=5, end_of_data=5)
BIG = 9_000_000  # more than the kernel takes off our hands


@pytest.fixture
async def relays():
    relays = Relays(secret=lambda _: "", local_hostname="client.example", timeouts=PATIENT)
    yield relays
    await relays.close()


def once(wanted_step, answer, *, message=1, connection=1):
    """Answer so to one step of one message on one connection."""

    def script(session, step):
        here = (session.number, session.message, step) == (connection, message, wanted_step)
        return answer if here else None

    return script


def always(wanted_step, answer):
    return lambda session, step: answer if step == wanted_step else None


def names(outcomes):
    return [outcome.hand_over.name for outcome in outcomes]


def recipients(*numbers):
    return [f"r{n}@example.net" for n in numbers]


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
async def test_a_connection_lost_before_the_content_costs_a_message_nothing(relays, step, extensions):
    async with ScriptedRelay(once(step, Act.DROP, message=2), extensions=extensions) as server:
        outcomes = await relays.hand_over(pool_of(server.relay()), [letter(n) for n in range(4)])
    assert names(outcomes) == ["ACCEPTED"] * 4
    assert sorted(server.taken) == recipients(0, 1, 2, 3)
    assert server.connections == 2


async def test_a_connection_lost_within_the_content_costs_a_message_nothing(relays):
    async with ScriptedRelay(once("CONTENT", Act.DROP, message=2)) as server:
        claim_batch = [letter(1), letter(2, BIG), letter(3)]
        outcomes = await relays.hand_over(pool_of(server.relay()), claim_batch)
    assert names(outcomes) == ["ACCEPTED"] * 3
    assert sorted(server.taken) == recipients(1, 2, 3)


@pytest.mark.parametrize("answer", [Act.DROP, Act.CLOSE, (Act.TAKE, Act.DROP), b"?!\r\n", b"354 more\r\n"])
async def test_only_the_message_whose_end_went_out_is_in_doubt(relays, answer):
    async with ScriptedRelay(once("END", answer, message=2)) as server:
        outcomes = await relays.hand_over(pool_of(server.relay()), [letter(n) for n in range(4)])
    assert names(outcomes) == ["ACCEPTED", "IN_DOUBT", "ACCEPTED", "ACCEPTED"]
    assert outcomes[1].relay == "a"
    assert "after the end of the message" in outcomes[1].reason
    assert sorted({*server.taken, *recipients(1)}) == recipients(0, 1, 2, 3)


async def test_a_message_that_breaks_every_connection_is_given_up(relays):
    def script(session, step):
        return Act.DROP if step == "CONTENT" and b"RCPT TO:<r2@example.net>" in server.commands[-3:] else None

    async with ScriptedRelay(script) as server:
        claim_batch = [letter(n) if n != 2 else letter(2, BIG) for n in range(5)]
        outcomes = await relays.hand_over(pool_of(server.relay()), claim_batch)
    assert names(outcomes) == ["ACCEPTED", "ACCEPTED", "NOT_TRIED", "ACCEPTED", "ACCEPTED"]
    assert "before the end of the message" in outcomes[2].reason
    assert server.connections == 3
    assert sorted(server.taken) == recipients(0, 1, 3, 4)


@pytest.mark.parametrize("step", ["RCPT", "DATA", "END"])
@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
async def test_421_postpones_the_message_it_answers_and_no_other(relays, step, extensions):
    script = once(step, b"421 4.3.2 shutting down\r\n")
    async with ScriptedRelay(script, extensions=extensions) as a, ScriptedRelay() as b:
        pool = pool_of(a.relay("a"), b.relay("b"))
        outcomes = await relays.hand_over(pool, [letter(n) for n in range(4)])
    assert names(outcomes) == ["POSTPONED", "ACCEPTED", "ACCEPTED", "ACCEPTED"]
    assert str(outcomes[0].reply) == "421 4.3.2 shutting down"
    assert (a.taken, sorted(b.taken)) == ([], recipients(1, 2, 3))


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
async def test_421_to_a_sender_leaves_the_message_to_another_relay(relays, extensions):
    def script(session, step):
        return b"421 4.3.2 too busy\r\n" if step == "MAIL" else None

    async with ScriptedRelay(script, extensions=extensions) as a, ScriptedRelay() as b:
        pool = pool_of(a.relay("a"), b.relay("b"))
        outcomes = await relays.hand_over(pool, [letter(n) for n in range(4)])
    assert names(outcomes) == ["ACCEPTED"] * 4
    assert (a.taken, sorted(b.taken)) == ([], recipients(0, 1, 2, 3))
    assert a.connections == 1


async def test_421_after_some_messages_only_ends_the_connection(relays):
    def script(session, step):
        return b"421 4.7.0 enough for one connection\r\n" if step == "MAIL" and session.message > 2 else None

    async with ScriptedRelay(script) as server:
        outcomes = await relays.hand_over(pool_of(server.relay()), [letter(n) for n in range(5)])
    assert names(outcomes) == ["ACCEPTED"] * 5
    assert sorted(server.taken) == recipients(*range(5))
    assert server.connections == 3


async def test_a_farewell_while_idle_costs_nothing(relays):
    async with ScriptedRelay() as server:
        await relays.hand_over(pool_of(server.relay()), [letter(1)])
        server.sessions[0].transport.write(b"421 4.4.2 idle for too long\r\n")
        server.sessions[0].transport.close()
        outcomes = await relays.hand_over(pool_of(server.relay()), [letter(2)])
    assert names(outcomes) == ["ACCEPTED"]
    assert server.connections == 2


async def test_a_connection_that_went_stale_costs_nothing(relays):
    def script(session, step):
        return Act.DROP if step == "MAIL" and session.number == 1 and session.message == 2 else None

    async with ScriptedRelay(script) as server:
        await relays.hand_over(pool_of(server.relay()), [letter(1)])
        outcomes = await relays.hand_over(pool_of(server.relay()), [letter(2)])
    assert names(outcomes) == ["ACCEPTED"]
    assert sorted(server.taken) == recipients(1, 2)


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
@pytest.mark.parametrize("obliging", [True, False])
async def test_a_refused_recipient_never_becomes_a_message(relays, extensions, obliging):
    script = once("RCPT", b"550 5.1.1 unknown\r\n", message=2)
    async with ScriptedRelay(script, obliging=obliging, extensions=extensions) as server:
        outcomes = await relays.hand_over(pool_of(server.relay()), [letter(n) for n in range(4)])
    assert names(outcomes) == ["ACCEPTED", "REFUSED", "ACCEPTED", "ACCEPTED"]
    assert str(outcomes[1].reply) == "550 5.1.1 unknown"
    assert sorted(server.taken) == recipients(0, 2, 3)
    assert server.connections == 1


@pytest.mark.parametrize("obliging", [True, False])
async def test_a_refused_sender_is_the_reason_and_not_what_follows_from_it(relays, obliging):
    script = once("MAIL", b"451 4.7.1 not now\r\n", message=2)
    async with ScriptedRelay(script, obliging=obliging) as server:
        outcomes = await relays.hand_over(pool_of(server.relay()), [letter(n) for n in range(3)])
    assert names(outcomes) == ["ACCEPTED", "POSTPONED", "ACCEPTED"]
    assert str(outcomes[1].reply) == "451 4.7.1 not now"


async def test_content_never_follows_a_sender_refused_and_a_recipient_taken(relays):
    def script(session, step):
        if session.number == 1:
            return {"MAIL": b"550 5.7.1 no\r\n", "RCPT": b"250 yes\r\n", "DATA": b"354 go\r\n"}.get(step)
        return None

    async with ScriptedRelay(script) as server:
        outcomes = await relays.hand_over(pool_of(server.relay()), [letter(1), letter(2)])
    assert names(outcomes) == ["REFUSED", "ACCEPTED"]
    assert sorted(server.taken) == recipients(2)


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    "garbage", [b"hello\r\n", b"250-a\r\n550 b\r\n", b"\r\n", b"199 eh\r\n", b"x" * 20_000]
)
async def test_garbage_before_the_content_ends_the_connection_and_no_message(relays, step, garbage):
    async with ScriptedRelay(once(step, garbage, message=2)) as server:
        outcomes = await relays.hand_over(pool_of(server.relay()), [letter(n) for n in range(4)])
    assert names(outcomes) == ["ACCEPTED"] * 4
    assert sorted(server.taken) == recipients(0, 1, 2, 3)


async def test_a_reply_too_many_is_never_taken_for_the_answer_to_a_message(relays):
    async with ScriptedRelay(once("DATA", b"354 go\r\n250 taken already\r\n", message=1)) as server:
        outcomes = await relays.hand_over(pool_of(server.relay()), [letter(1)])
    assert names(outcomes) == ["NOT_TRIED"]
    assert server.taken == []


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (b"552 5.3.4 too big\r\n", "REFUSED"),
        (b"452 4.3.1 full\r\n", "POSTPONED"),
        (b"250 ok\r\n", "IN_DOUBT"),
    ],
)
async def test_a_verdict_before_the_end_counts_but_ends_the_connection(relays, verdict, expected):
    async with ScriptedRelay(once("CONTENT", (verdict, Act.HANG))) as server:
        outcomes = await relays.hand_over(pool_of(server.relay()), [letter(1, BIG), letter(2)])
    assert outcomes[0].hand_over.name == expected
    assert "r1@example.net" not in server.taken


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
async def test_replies_in_single_bytes_and_many_lines_are_the_same_replies(relays, extensions):
    long = b"250-2.0.0 taken\r\n250-2.0.0 and kept\r\n250 2.0.0 as 7F\r\n"
    async with ScriptedRelay(always("END", long), byte_by_byte=True, extensions=extensions) as server:
        outcomes = await relays.hand_over(pool_of(server.relay()), [letter(n) for n in range(5)])
    assert {str(outcome.reply) for outcome in outcomes} == {"250 2.0.0 taken and kept as 7F"}
    assert sorted(server.taken) == recipients(*range(5))


async def test_a_slow_relay_is_waited_for(relays):
    async with ScriptedRelay(delay=0.02) as server:
        outcomes = await relays.hand_over(pool_of(server.relay()), [letter(n) for n in range(5)])
    assert names(outcomes) == ["ACCEPTED"] * 5


@pytest.mark.parametrize(
    ("step", "short", "expected"),
    [
        ("GREETING", "connect", "NOT_TRIED"),
        ("EHLO", "command", "NOT_TRIED"),
        ("RCPT", "command", "NOT_TRIED"),
        ("CONTENT", "data", "NOT_TRIED"),
        ("END", "end_of_data", "IN_DOUBT"),
    ],
)
async def test_a_relay_that_never_answers_leaves_in_doubt_only_what_it_may_have(step, short, expected):
    hasty = Relays(
        secret=lambda _: "", local_hostname="client.example", timeouts=replace(PATIENT, **{short: 0.1})
    )
    async with ScriptedRelay(always(step, Act.HANG)) as server:
        if step == "CONTENT":
            script = server.answer
            server.answer = lambda session, step: _stop_reading(session, script(session, step))
        claim_batch = [letter(1, BIG), letter(2)]
        outcomes = await hasty.hand_over(pool_of(server.relay()), claim_batch)
        assert names(outcomes) == [expected, "NOT_TRIED"]
        assert "time-out" in outcomes[0].reason
        assert server.taken == []
        await hasty.close()


def _stop_reading(session, answer):
    if answer is Act.HANG:
        session.transport.pause_reading()
    return answer


async def test_a_big_message_is_not_piled_up_in_memory(relays):
    """The relay reads nothing of 18 MB: what left our hands is what the kernel took, and the rest stays unwritten."""
    block = b"x" * 998 + b"\r\n"
    written = 0

    class Counted(bytes):
        def __getitem__(self, key):
            nonlocal written
            piece = super().__getitem__(key)
            written += len(piece) if isinstance(piece, bytes) else 0
            return piece

    message = letter(1)
    message = type(message)(message.envelope, (Counted(block * 18_000),))
    stalled = asyncio.Event()

    def script(session, step):
        if step == "CONTENT":
            session.transport.pause_reading()
            stalled.set()

    async with ScriptedRelay(script) as server:
        task = asyncio.create_task(relays.hand_over(pool_of(server.relay()), [message]))
        await stalled.wait()
        before = -1
        while written != before:
            before = written
            await asyncio.sleep(0.05)
        assert written < 9_000_000
        server.sessions[0].transport.resume_reading()
        assert names(await task) == ["ACCEPTED"]
    assert written >= 18_000_000
