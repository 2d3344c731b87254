"""Several connections, several relays: how claim batches are spread, and what happens when relays are down."""

import asyncio
from collections import Counter

import pytest

from tests.adapters.smtp.smtp_servers import Act, ScriptedRelay, letter, pool_of
from warmpost.adapters.smtp import Relays, Timeouts
from warmpost.rules.model.relays import Relay

TIMEOUTS = Timeouts(connect=5, command=5, data=5, end_of_data=5)


@pytest.fixture
async def relays():
    relays = Relays(secret=lambda _: "", local_hostname="client.example", timeouts=TIMEOUTS)
    yield relays
    await relays.close()


def names(outcomes):
    return [outcome.hand_over.name for outcome in outcomes]


def nobody_listens(name="dead", **fields) -> Relay:
    return Relay(name, "127.0.0.1", 1, security="none", **fields)


def refuses_connections(session, step):
    return b"421 4.3.2 too busy\r\n" if step == "GREETING" else None


async def test_connections_are_kept_for_the_strides_that_follow(relays):
    async with ScriptedRelay() as server:
        for n in range(10):
            assert names(await relays.hand_over(pool_of(server.relay()), [letter(n)])) == ["ACCEPTED"]
    assert server.connections == 1


async def test_a_few_messages_do_not_open_many_connections(relays):
    async with ScriptedRelay() as server:
        await relays.hand_over(pool_of(server.relay()), [letter(n) for n in range(3)])
        assert server.connections == 1
        await relays.hand_over(pool_of(server.relay()), [letter(n) for n in range(100)])
        assert server.connections == 10


async def test_the_limit_of_connections_holds_over_strides_side_by_side(relays):
    async with ScriptedRelay(delay=0.001) as server:
        pool = pool_of(server.relay(max_connections=3))
        claim_batches = [[letter(100 * s + n) for n in range(30)] for s in range(5)]
        results = await asyncio.gather(
            *(relays.hand_over(pool, claim_batch) for claim_batch in claim_batches)
        )
    assert [names(outcomes) for outcomes in results] == [["ACCEPTED"] * 30] * 5
    assert server.most_at_once == 3
    assert sorted(server.taken) == sorted(
        {m.envelope.rcpt_to for claim_batch in claim_batches for m in claim_batch}
    )


async def test_relays_share_a_claim_batch_by_weight(relays):
    async with ScriptedRelay(delay=0.002) as a, ScriptedRelay(delay=0.002) as b:
        pool = pool_of(a.relay("a", weight=3, max_connections=6), b.relay("b", weight=1, max_connections=6))
        outcomes = await relays.hand_over(pool, [letter(n) for n in range(200)])
    assert (a.connections, b.connections) == (6, 2)
    served = Counter(outcome.relay for outcome in outcomes)
    assert served["a"] > 2 * served["b"] > 0


async def test_single_messages_take_turns_by_weight(relays):
    async with ScriptedRelay() as a, ScriptedRelay() as b:
        pool = pool_of(a.relay("a", weight=3), b.relay("b", weight=1))
        served = "".join([(await relays.hand_over(pool, [letter(n)]))[0].relay for n in range(8)])
    assert served == "aabaaaba"


@pytest.mark.parametrize("dead_is", ["unreachable", "busy"])
async def test_the_others_take_over_from_a_dead_relay(relays, dead_is):
    async with ScriptedRelay(refuses_connections) as busy, ScriptedRelay() as alive:
        dead = nobody_listens(weight=9) if dead_is == "unreachable" else busy.relay("dead", weight=9)
        outcomes = await relays.hand_over(pool_of(dead, alive.relay("alive")), [letter(n) for n in range(60)])
    assert names(outcomes) == ["ACCEPTED"] * 60
    assert {outcome.relay for outcome in outcomes} == {"alive"}
    assert busy.connections <= 10


async def test_a_failed_relay_is_left_alone_for_a_while(relays):
    async with ScriptedRelay(refuses_connections) as server:
        first = await relays.hand_over(pool_of(server.relay()), [letter(n) for n in range(5)])
        second = await relays.hand_over(pool_of(server.relay()), [letter(n) for n in range(100)])
    assert names(first + second) == ["NOT_TRIED"] * 105
    assert {outcome.reason for outcome in first + second} == {
        "no relay of pool test takes mail: "
        f"a: 127.0.0.1:{server.port} refused the connection with its greeting: 421 4.3.2 too busy"
    }
    assert server.connections == 1


async def test_a_pool_is_closed_while_all_its_relays_are_left_alone(relays):
    dead = nobody_listens("a")
    assert relays.closed(pool_of(dead)) is None
    await relays.hand_over(pool_of(dead), [letter(1)])
    closed = relays.closed(pool_of(dead))
    assert closed.reason == "no relay of pool test takes mail: a: 127.0.0.1:1: Connection refused"
    assert 0 < closed.seconds <= 1
    assert relays.closed(pool_of(dead, nobody_listens("b"))) is None
    assert relays.closed(pool_of()).seconds > 1


async def test_a_pool_is_reached_or_says_why_not_even_while_its_relay_is_left_alone(relays):
    dead = nobody_listens("a")
    await relays.hand_over(pool_of(dead), [letter(1)])
    assert await relays.reach(pool_of(dead)) == (
        "no relay of pool test takes mail: a: 127.0.0.1:1: Connection refused"
    )
    async with ScriptedRelay() as server:
        assert await relays.reach(pool_of(dead, server.relay())) == ""
        assert await relays.reach(pool_of(dead, server.relay())) == ""
        assert server.connections == 1
        assert names(await relays.hand_over(pool_of(server.relay()), [letter(2)])) == ["ACCEPTED"]
        assert server.connections == 1


async def test_a_relay_is_tried_again_after_its_pause(monkeypatch):
    monkeypatch.setattr("warmpost.rules.delivery.relay_selection.FIRST_PAUSE", 0.01)
    relays = Relays(secret=lambda _: "", local_hostname="client.example", timeouts=TIMEOUTS)
    server = ScriptedRelay()
    async with server:
        relay = server.relay()
    assert names(await relays.hand_over(pool_of(relay), [letter(1)])) == ["NOT_TRIED"]
    async with server, asyncio.timeout(5):
        while names(await relays.hand_over(pool_of(relay), [letter(2)])) != ["ACCEPTED"]:
            await asyncio.sleep(0.01)
        await relays.close()


async def test_a_relay_that_takes_no_more_connections_still_serves_over_those_it_has(relays):
    def script(session, step):
        return refuses_connections(session, step) if session.number > 2 else None

    async with ScriptedRelay(script) as server:
        for start in (0, 100, 200):
            outcomes = await relays.hand_over(
                pool_of(server.relay()), [letter(start + n) for n in range(100)]
            )
            assert names(outcomes) == ["ACCEPTED"] * 100
    assert sum(not session.message for session in server.sessions) <= 8


async def test_all_relays_down_are_told_apart_in_words(relays):
    pool = pool_of(nobody_listens("a"), nobody_listens("b"))
    [outcome] = await relays.hand_over(pool, [letter(1)])
    assert outcome.reason == (
        "no relay of pool test takes mail: a: 127.0.0.1:1: Connection refused; b: 127.0.0.1:1: Connection refused"
    )
    [outcome] = await relays.hand_over(pool_of(), [letter(1)])
    assert (outcome.hand_over.name, outcome.reason) == ("NOT_TRIED", "the pool 'test' has no relay")


async def test_a_slow_connection_does_not_hold_up_the_others_messages(relays):
    waiting = asyncio.Event()

    def script(session, step):
        if step == "END" and session.number == 1:
            waiting.set()
            return Act.HANG
        return None

    async with ScriptedRelay(script) as server:
        claim_batch = [letter(n) for n in range(10)]
        task = asyncio.create_task(relays.hand_over(pool_of(server.relay(max_connections=2)), claim_batch))
        await waiting.wait()
        async with asyncio.timeout(2):
            while len(server.taken) < 8:
                await asyncio.sleep(0.005)
        server.sessions[0].transport.abort()
        outcomes = await task
    assert Counter(names(outcomes)) == {"ACCEPTED": 9, "IN_DOUBT": 1}


async def test_nothing_is_begun_after_stop_at(relays):
    async with ScriptedRelay(delay=0.02) as server:
        stop_at = asyncio.get_running_loop().time() + 0.2
        claim_batch = [letter(n) for n in range(1000)]
        outcomes = await relays.hand_over(
            pool_of(server.relay(max_connections=2)), claim_batch, stop_at=stop_at
        )
        accepted = [
            m.envelope.rcpt_to
            for m, o in zip(claim_batch, outcomes, strict=True)
            if o.hand_over.name == "ACCEPTED"
        ]
    assert sorted(server.taken) == sorted(accepted)
    assert 0 < len(accepted) < 1000
    assert set(names(outcomes)) == {"ACCEPTED", "NOT_TRIED"}
    assert outcomes[-1].reason == "stopped before it was begun"


async def test_no_content_is_begun_though_the_relay_goes_ahead_after_stop_at(relays):
    def script(session, step):
        return Act.HANG if step == "DATA" else None

    async with ScriptedRelay(script) as server, asyncio.timeout(5):
        loop = asyncio.get_running_loop()
        stop_at = loop.time() + 0.2
        task = asyncio.create_task(
            relays.hand_over(pool_of(server.relay()), [letter(1), letter(2)], stop_at=stop_at)
        )
        while b"DATA" not in server.commands or loop.time() <= stop_at:
            await asyncio.sleep(0.01)
        assert not task.done()
        server.sessions[0].transport.write(b"354 go ahead\r\n")
        assert names(await task) == ["NOT_TRIED", "NOT_TRIED"]
        while not server.sessions[0].is_gone:
            await asyncio.sleep(0.01)
        assert server.commands[-1] == b"DATA"
        assert server.sessions[0].left_over == b""


class Tokens:
    """A gate for so many messages at once, and no more of them than `most` in all."""

    def __init__(self, at_once, most=1000):
        self.at_once, self.left, self.under_way, self.most_at_once = at_once, most, 0, 0

    def delay(self):
        return 0.005 if self.under_way >= self.at_once or not self.left else 0.0

    def begin(self):
        self.under_way += 1
        self.left -= 1
        self.most_at_once = max(self.most_at_once, self.under_way)

    def end(self):
        self.under_way -= 1


async def test_messages_wait_for_their_gates_while_others_go(relays):
    one_by_one, open_gate = Tokens(1), Tokens(1000)
    async with ScriptedRelay(delay=0.001) as server:
        claim_batch = [letter(n) for n in range(60)]
        gates = [one_by_one if n % 2 else open_gate for n in range(60)]
        outcomes = await relays.hand_over(pool_of(server.relay()), claim_batch, gates=gates)
    assert names(outcomes) == ["ACCEPTED"] * 60
    assert one_by_one.most_at_once == 1 < open_gate.most_at_once
    assert (one_by_one.under_way, open_gate.under_way) == (0, 0)


async def test_who_waits_for_a_closed_gate_until_the_stop_was_not_tried(relays):
    async with ScriptedRelay() as server:
        stop_at = asyncio.get_running_loop().time() + 0.3
        claim_batch = [letter(n) for n in range(5)]
        gate = Tokens(5, most=3)
        outcomes = await relays.hand_over(
            pool_of(server.relay()), claim_batch, stop_at=stop_at, gates=[gate] * 5
        )
    assert names(outcomes) == ["ACCEPTED"] * 3 + ["NOT_TRIED"] * 2
    assert outcomes[-1].reason == "stopped before it was begun"


@pytest.mark.parametrize("act", [Act.DROP, b"421 4.7.0 too fast\r\n", b"550 5.1.1 no\r\n"])
async def test_a_gate_is_left_by_everybody_who_passed_it(relays, act):
    gate = Tokens(2)
    async with ScriptedRelay(
        lambda session, step: act if step == "RCPT" and session.number < 3 else None
    ) as server:
        await relays.hand_over(pool_of(server.relay()), [letter(n) for n in range(9)], gates=[gate] * 9)
    assert gate.under_way == 0


async def test_a_stop_in_the_past_opens_no_connection(relays):
    async with ScriptedRelay() as server:
        stop_at = asyncio.get_running_loop().time() - 1
        outcomes = await relays.hand_over(pool_of(server.relay()), [letter(1)], stop_at=stop_at)
    assert (names(outcomes), server.connections) == (["NOT_TRIED"], 0)


async def test_stop_at_ends_waiting_for_a_relay_that_does_not_greet(relays):
    def script(session, step):
        return Act.HANG if step == "GREETING" else None

    async with ScriptedRelay(script) as server:
        loop = asyncio.get_running_loop()
        stop_at = loop.time() + 0.05
        outcomes = await relays.hand_over(pool_of(server.relay()), [letter(1)], stop_at=stop_at)
        assert loop.time() < stop_at + 2
    assert names(outcomes) == ["NOT_TRIED"]


@pytest.mark.parametrize("step", ["GREETING", "RCPT", "CONTENT", "END"])
async def test_cancelled_it_reuses_no_connection_in_mid_conversation(relays, step):
    reached = asyncio.Event()

    def script(session, now):
        if session.number == 1 and now == step:
            reached.set()
            return Act.HANG
        return None

    async with ScriptedRelay(script) as server:
        pool = pool_of(server.relay(max_connections=1))
        task = asyncio.create_task(relays.hand_over(pool, [letter(n) for n in range(3)]))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(2):
            while not server.sessions[0].is_gone:
                await asyncio.sleep(0.001)
        outcomes = await relays.hand_over(pool, [letter(n) for n in range(7, 9)])
        assert names(outcomes) == ["ACCEPTED"] * 2
        assert server.taken == ["r7@example.net", "r8@example.net"]
        assert server.connections == 2


async def test_an_idle_connection_takes_leave():
    timeouts = Timeouts(idle=0.05)
    relays = Relays(secret=lambda _: "", local_hostname="client.example", timeouts=timeouts)
    async with ScriptedRelay() as server, asyncio.timeout(5):
        await relays.hand_over(pool_of(server.relay()), [letter(1)])
        while not server.sessions[0].is_gone:
            await asyncio.sleep(0.01)
        assert server.commands[-1] == b"QUIT"
        assert names(await relays.hand_over(pool_of(server.relay()), [letter(2)])) == ["ACCEPTED"]
        await relays.close()
    assert server.connections == 2


async def test_close_takes_leave_on_every_connection(relays):
    async with ScriptedRelay() as server, asyncio.timeout(5):
        await relays.hand_over(pool_of(server.relay()), [letter(n) for n in range(100)])
        await relays.close()
        while not all(session.is_gone for session in server.sessions):
            await asyncio.sleep(0.01)
    assert server.commands.count(b"QUIT") == server.connections == 10
