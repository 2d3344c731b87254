"""What of a deployment is worth a person's look, in words and as metrics."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from warmpost.rules.operations.health import (
    Findings,
    QueueState,
    RelayState,
    StalledBatch,
    Work,
    as_metrics,
    judge,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
EARLIER = NOW - timedelta(hours=1)
SOUND = Findings(
    NOW,
    queues=(QueueState("deliver", tasks=7, due=2, oldest_due=NOW - timedelta(minutes=1)),),
    relays=(RelayState("shared", "r1", ""),),
    work=Work(running=3, held=5000, oldest_held=EARLIER, last_daily_run=NOW - timedelta(hours=25)),
)


def test_held_recipients_and_young_tasks_are_no_fault():
    assert judge(SOUND) == ("ok", ())


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"firestore": "time-out"}, "down", "Firestore does not answer: time-out"),
        ({"dns": "no servers"}, "degraded", "the DNS does not answer: no servers"),
        ({"queues": (QueueState("notify", "gone"),)}, "degraded", "the queue notify does not answer: gone"),
        ({"queues": (QueueState("notify", paused=True),)}, "degraded", "the queue notify is paused"),
        (
            {"queues": (QueueState("notify", due=1, oldest_due=EARLIER),)},
            "degraded",
            "the queue notify is late: a task has been due since 2026-11-23 11:00 UTC",
        ),
        (
            {"relays": (RelayState("own", "r2", "r2:587: Connection refused"),)},
            "degraded",
            "the relay r2 of pool own cannot be used: r2:587: Connection refused",
        ),
    ],
)
def test_what_does_not_answer_is_said_in_words(change, status, words):
    assert judge(replace(SOUND, **change)) == (status, (words,))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"stalled": (StalledBatch("7", EARLIER, "refused"),)},
            "batch 7 waits for a relay since 2026-11-23 11:00 UTC: refused",
        ),
        ({"overdue_pauses": ("a.example",)}, "the pause of a.example is over, but nothing went on"),
        ({"blocked": ("a.example",)}, "a.example is blocked for the day"),
        ({"uncertain": 2}, "2 recipients of running batches are uncertain"),
        ({"disabled_webhooks": ("w1", "w2")}, "webhooks were switched off: w1, w2"),
        ({"overdue_schedules": 1}, "1 schedules are overdue"),
        ({"failing_schedules": ("4", "9")}, "runs of schedules cannot be submitted: 4, 9"),
        (
            {"last_daily_run": NOW - timedelta(hours=27)},
            "the daily run has not been since 2026-11-22 09:00 UTC",
        ),
    ],
)
def test_what_waits_for_a_person_is_said_in_words(change, words):
    assert judge(replace(SOUND, work=replace(SOUND.work, **change))) == ("degraded", (words,))


def test_metrics_are_gauges_with_labels_that_no_name_can_break():
    found = replace(SOUND, relays=(RelayState('o"w\nn', "r2", "refused"),))
    lines = as_metrics(found).splitlines()
    assert lines[-1] == "# EOF"
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert values['warmpost_relay_up{pool="o\\"w\\nn",relay="r2"}'] == "0"
    assert values['warmpost_health{status="degraded"}'] == "1"
    assert values["warmpost_oldest_held_seconds"] == "3600"
    assert values['warmpost_queue_tasks{queue="deliver"}'] == "7"
