"""Whatever a relay does, what is said of each message is true: the first of the five promises."""

from collections import Counter
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.adapters.smtp.smtp_servers import Act, ScriptedRelay, letter, pool_of
from warmpost.adapters.smtp import Relays, Timeouts
from warmpost.rules.delivery.envelope import HandOver

GONE = [Act.DROP, Act.CLOSE, b"421 4.3.2 shutting down\r\n", b"421-4.3.2 shutting\r\n421 4.3.2 down\r\n"]
NO = [
    b"451 4.7.1 later\r\n",
    b"550-5.1.1 no\r\n550 5.1.1 never\r\n",
    b"?!\r\n",
    b"250-a\r\n550 b\r\n",
    b"199 eh\r\n",
]
ANSWERS = {
    "GREETING": [*GONE, b"554 5.3.2 no service\r\n"],
    "EHLO": [*GONE, b"502 5.5.1 what?\r\n"],
    "MAIL": [*GONE, *NO, b"354 go\r\n"],
    "RCPT": [*GONE, *NO, b"250 ok\r\n250 ok again\r\n", Act.HANG],
    "DATA": [*GONE, *NO, b"250 ok\r\n"],
    "CONTENT": [
        Act.DROP,
        Act.CLOSE,
        (b"552 5.3.4 too big\r\n", Act.CLOSE),
        (b"421 4.3.2 bye\r\n", Act.CLOSE),
    ],
    "END": [
        *GONE,
        *NO,
        b"250-2.0.0 taken\r\n250 2.0.0 and kept\r\n",
        Act.HANG,
        (Act.TAKE, Act.HANG),
        (Act.TAKE, Act.DROP),
        (Act.TAKE, Act.CLOSE),
        (Act.TAKE, b"?!\r\n"),
        (b"250 2.0.0 taken\r\n", Act.DROP),
        b"250 2.0.0 taken\r\n421 4.7.0 enough\r\n",
    ],
}

places = st.sampled_from(sorted(ANSWERS)).flatmap(
    lambda step: st.tuples(
        st.tuples(
            st.integers(1, 4),
            st.just(0) if step in ("GREETING", "EHLO") else st.integers(1, 4),
            st.just(step),
        ),
        st.sampled_from(ANSWERS[step]),
    )
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(
    faults=st.lists(places, max_size=6).map(dict),
    cuts=st.dictionaries(st.integers(1, 4), st.integers(0, 2_500), max_size=2),
    sizes=st.lists(st.sampled_from([0, 200, 200, 2_000, 150_000]), min_size=1, max_size=12),
    connections=st.integers(1, 3),
    pipelining=st.booleans(),
    obliging=st.booleans(),
    byte_by_byte=st.booleans(),
)
async def test_no_fault_makes_an_outcome_untrue(
    faults, cuts, sizes, connections, pipelining, obliging, byte_by_byte
):
    server = ScriptedRelay(
        lambda session, step: faults.get((session.number, session.message, step)),
        extensions=["PIPELINING"] if pipelining else [],
        cuts=cuts,
        obliging=obliging,
        byte_by_byte=byte_by_byte,
    )
    await check(server, [letter(n, size) for n, size in enumerate(sizes)], connections)


@pytest.mark.parametrize("pipelining", [True, False])
@settings(max_examples=60, deadline=None)
@given(cut=st.integers(20, 1_500))
async def test_wherever_a_connection_is_cut_the_outcomes_are_true(cut, pipelining):
    server = ScriptedRelay(cuts={1: cut}, extensions=["PIPELINING"] if pipelining else [])
    outcomes = await check(server, [letter(n) for n in range(4)], connections=1)
    assert Counter(outcomes)[HandOver.IN_DOUBT] <= 1
    assert Counter(outcomes)[HandOver.ACCEPTED] >= 3


async def check(server: ScriptedRelay, claim_batch, connections: int) -> list[HandOver]:
    """Hand over all, then again what nobody can have taken, as a worker would; hold the outcomes against the server."""
    timeouts = Timeouts(connect=0.2, command=0.2, data=0.2, end_of_data=0.2)
    relays = Relays(secret=lambda _: "", local_hostname="client.example", timeouts=timeouts)
    said: dict[str, HandOver] = {}
    async with server:
        pool = pool_of(server.relay(max_connections=connections))
        with patch("warmpost.rules.delivery.relay_selection.FIRST_PAUSE", 0.0):
            for _ in range(2):
                outcomes = await relays.hand_over(pool, claim_batch)
                said |= {
                    message.envelope.rcpt_to: outcome.hand_over
                    for message, outcome in zip(claim_batch, outcomes, strict=True)
                }
                claim_batch = [m for m in claim_batch if said[m.envelope.rcpt_to] is HandOver.NOT_TRIED] or [
                    letter(999)
                ]
        await relays.close()
    taken = Counter(server.taken)
    assert max(taken.values(), default=1) == 1
    for recipient, hand_over in said.items():
        match hand_over:
            case HandOver.ACCEPTED:
                assert recipient in taken
            case HandOver.REFUSED | HandOver.POSTPONED | HandOver.NOT_TRIED:
                assert recipient not in taken
    assert set(taken) <= set(said)
    assert all(content.startswith(b"Subject: ") and content.endswith(b"\r\n") for content in server.contents)
    return [said[recipient] for recipient in said if recipient != "r999@example.net"]
