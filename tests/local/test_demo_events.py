"""The demo of events as its users run it, and its receiver, which must not believe or keep what it should not."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from infra.local.bootstrap import ROOT
from infra.local.demo.expected_events import Ending, figures, mistakes, suppressed, tales
from infra.local.demo.receiver import Receiver
from infra.local.demo.scripted_readers import GONE, script_readers

COMMAND = [sys.executable, str(ROOT / "infra" / "dev.py"), "demo", "--events"]
SECRET = "whsec_kNWx/3QWUCgjWmi3Mpsl23bxrBOBMJGe1bkKCJ4qap8="
READERS = script_readers()


def run(*arguments: str) -> tuple[int, str]:
    ended = subprocess.run([*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300)
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.slow
def test_demo_tells_every_event_once_to_a_receiver_that_was_down():
    code, shown = run()
    assert code == 0, shown
    assert "events arrived exactly once" in shown
    assert "every signature holds" in shown
    assert "the webhook is failing" in shown
    assert "leaves out 13 of 199" in shown
    for words in (*GONE, "hard_bounce", "complaint", "unsubscribe", "status 503", "icloud", "simulator"):
        assert words in shown


@pytest.mark.parametrize("other", ["--warmup", "--keep", "--count=5", "--recipients=x.csv"])
def test_story_of_its_own_is_not_mixed_with_another(other):
    code, shown = run(other)
    assert (code, "--events has its own story" in shown) == (2, True)


async def post(receiver: Receiver, id: str, body: str, at: float, secret: str = SECRET) -> int:
    moment = datetime.fromtimestamp(int(at), UTC)
    headers = {
        "webhook-id": id,
        "webhook-timestamp": str(int(at)),
        "webhook-signature": Webhook(secret).sign(id, moment, body),
    }
    async with httpx.AsyncClient() as client:
        return (await client.post(receiver.url, content=body, headers=headers)).status_code


def told(number: int) -> dict[str, str]:
    return {"id": f"evt_{number}", "type": "bounced", "to": "ann@example.net"}


async def test_receiver_keeps_what_is_signed_single_or_several():
    async with Receiver(time.time) as receiver:
        receiver.secret = SECRET
        assert await post(receiver, "msg_1", json.dumps(told(1)), time.time()) == 204
        assert await post(receiver, "msg_2", json.dumps([told(2), told(3)]), time.time()) == 204
        assert receiver.events == [told(1), told(2), told(3)]


async def test_receiver_believes_neither_a_strange_secret_nor_an_old_request():
    async with Receiver(time.time) as receiver:
        receiver.secret = SECRET
        strange = "whsec_" + "A" * 43 + "="
        assert await post(receiver, "msg_1", json.dumps(told(1)), time.time(), strange) == 401
        assert await post(receiver, "msg_2", json.dumps(told(1)), time.time() - 3600) == 401
        assert (receiver.events, len(receiver.refused)) == ([], 2)


async def test_receiver_that_is_down_keeps_nothing():
    async with Receiver(lambda: 1000.0) as receiver:
        receiver.secret, receiver.down_until = SECRET, 1001.0
        assert await post(receiver, "msg_1", json.dumps(told(1)), 1000) == 503
        assert (receiver.events, receiver.turned_away) == ([], 1)


async def test_receiver_whose_answer_was_lost_knows_the_repetition_by_its_id():
    async with Receiver(time.time) as receiver:
        receiver.secret, receiver.lost_answers = SECRET, 1
        assert await post(receiver, "msg_1", json.dumps(told(1)), time.time()) == 500
        assert await post(receiver, "msg_1", json.dumps(told(1)), time.time()) == 204
        assert (receiver.events, receiver.repeated) == ([told(1)], 1)


def as_it_should_be() -> Ending:
    everything = [
        {"id": f"{kind} {to} {number}", "type": kind, "to": to}
        for (kind, to), times in tales(READERS, {}).items()
        for number in range(times)
    ]
    left_out = {"counts": {"suppressed": len(suppressed(READERS))}}
    return Ending(everything, {}, suppressed(READERS), figures(READERS), {}, left_out)


def test_nothing_is_wrong_where_all_agrees():
    assert mistakes(READERS, as_it_should_be()) == []


def test_event_that_is_missing_double_or_strange_is_seen():
    right = as_it_should_be()
    first = right.told[0]
    strange = {"id": "evt_9", "type": "bounced", "to": "nobody@example.net"}
    for ending, words in (
        (replace(right, told=right.told[1:]), f"1 events not told, such as {first['type']} of {first['to']}"),
        (replace(right, told=[*right.told, first]), f"1 events were told twice, such as {first['id']}"),
        (replace(right, told=[*right.told, strange]), "not expected, such as bounced of nobody@example.net"),
    ):
        assert words in " ".join(mistakes(READERS, ending))


def test_mail_figure_and_suppression_that_do_not_agree_are_seen():
    right = as_it_should_be()
    for ending, words in (
        (
            replace(right, arrived={READERS.complaining[0]: 2}),
            f"in spite of their suppression: {READERS.complaining[0]}",
        ),
        (replace(right, arrived={GONE[0]: 1}), f"in spite of their suppression: {GONE[0]}"),
        (
            replace(right, figures=figures(READERS) | {"opened": 59}),
            "opened is 59 in the statistics, 60 happened",
        ),
        (replace(right, suppressed={}), "suppressed otherwise than expected"),
        (replace(right, second={"counts": {"suppressed": 0}}), "the second batch left out 0"),
    ):
        assert words in " ".join(mistakes(READERS, ending))
    assert mistakes(READERS, replace(right, arrived={READERS.complaining[0]: 1})) == []
