"""The log follower reads what Postfix 3.7 writes, to a file of its own and through rsyslog."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from infra.relay.follow import Reading, read_when, tell, tell_news
from infra.relay.posting import Door
from tests.relay.events_door import open_door

NOW = datetime(2026, 11, 23, 18, tzinfo=UTC)
PATH = "bounces+b.7.1.abcdefghijklmnop@news.example"
TAKEN = f"qmgr[7]: 4jYD6v6hQRzJHP4: from=<{PATH}>, size=335, nrcpt=1 (queue active)"
SENT = (
    "smtp[9]: 4jYD6v6hQRzJHP4: to=<ok@a.example>, relay=mx.a.example[192.0.2.7]:25, delay=0.02, "
    "delays=0.01/0.01/0/0, dsn=2.0.0, status=sent (250 2.0.0 OK: kept)"
)
DEFERRED = (
    "smtp[9]: 4jYD6v6hQRzJHP4: to=<ok@a.example>, orig_to=<x@a.example>, relay=mx.a.example[192.0.2.7]:25, delay=1, "
    "delays=1/0/0/0, dsn=4.7.1, status=deferred (host mx.a.example[192.0.2.7] said: 451 4.7.1 <ok@a.example>: "
    "Greylisted (see help) (in reply to RCPT TO command))"
)
UNREACHED = DEFERRED.partition("(host")[0] + "(connect to mx.a.example[192.0.2.7]:25: Connection timed out)"
GONE = "qmgr[7]: 4jYD6v6hQRzJHP4: removed"


def logged(*texts):
    return "".join(f"2026-11-23T18:52:39.123456+01:00 relay postfix/{text}\n" for text in texts)


def events_of(*texts):
    reading = Reading()
    return [one for line in logged(*texts).splitlines() if (one := reading.read_line(line, NOW))]


def test_delivery_names_the_return_path_its_message_had():
    assert events_of(TAKEN, SENT, GONE) == [
        {
            "type": "delivered",
            "at": "2026-11-23T18:52:39.123456+01:00",
            "id": "4jYD6v6hQRzJHP4.delivered",
            "return_path": PATH,
            "reply": {"enhanced_code": "2.0.0", "text": "250 2.0.0 OK: kept", "code": 250},
        }
    ]


def test_waiting_is_told_once_with_what_the_other_server_said():
    first, last = events_of(TAKEN, DEFERRED, DEFERRED, UNREACHED, SENT, GONE)
    assert (first["type"], last["type"]) == ("deferred", "delivered")
    words = "451 4.7.1 <ok@a.example>: Greylisted (see help)"
    assert first["reply"] == {"enhanced_code": "4.7.1", "text": words, "code": 451}


def test_waiting_without_any_reply_tells_why():
    [event] = events_of(TAKEN, UNREACHED)
    words = "connect to mx.a.example[192.0.2.7]:25: Connection timed out"
    assert event["reply"] == {"enhanced_code": "4.7.1", "text": words}


def test_mail_of_others_and_reports_are_passed_over():
    reports = TAKEN.replace(PATH, "")
    others = TAKEN.replace(PATH, "root@relay.example")
    assert (
        events_of(reports, SENT, GONE, others, SENT, GONE, SENT, "smtpd[1]: connect from x[192.0.2.1]") == []
    )


def test_mail_that_is_gone_is_forgotten():
    reading = Reading()
    for line in logged(TAKEN, DEFERRED, GONE).splitlines():
        reading.read_line(line, NOW)
    assert (reading.paths, reading.told) == ({}, set())


def test_time_stamps_of_old_take_the_year_that_makes_them_past():
    january = datetime(2027, 1, 1, 12, tzinfo=UTC)
    assert read_when("Dec 31 23:59:58", january).year == 2026
    assert read_when("Jan  1 00:00:01", january).year == 2027


@pytest.fixture
def door():
    with open_door() as opened:
        yield opened


def told(door):
    return [event["id"] for _, _, body in door.asked for event in json.loads(body)]


def test_log_is_read_through_a_rotation_and_half_written_lines_wait(tmp_path, door):
    log, reading, to = tmp_path / "mail.log", Reading(), Door(door.url, {"warmpost": "s"})
    log.write_text(logged(TAKEN) + logged(SENT)[:-20])
    tell_news(to, log, reading)
    assert told(door) == []
    with log.open("a") as file:
        file.write(logged(SENT)[-20:])
    log.rename(tmp_path / "mail.log.1")
    log.write_text(logged(*(line.replace("4jYD6v6hQRzJHP4", "4jYD6v6jWGzJDgY") for line in (TAKEN, SENT))))
    tell_news(to, log, reading)
    tell_news(to, log, reading)
    assert told(door) == ["4jYD6v6hQRzJHP4.delivered", "4jYD6v6jWGzJDgY.delivered"]


def test_follower_that_starts_again_knows_what_is_still_in_the_queue(tmp_path, door):
    log, state, to = tmp_path / "mail.log", tmp_path / "state", Door(door.url, {"warmpost": "s"})
    reading = Reading()
    log.write_text(logged(TAKEN, DEFERRED))
    tell_news(to, log, reading)
    reading.save(state)
    with log.open("a") as file:
        file.write(logged(DEFERRED, SENT, GONE))
    tell_news(to, log, Reading.load(state))
    assert told(door) == ["4jYD6v6hQRzJHP4.deferred", "4jYD6v6hQRzJHP4.delivered"]


def test_one_wrong_event_does_not_hold_up_the_others(door, capsys):
    taken = []

    def judge(body):
        if b'"wrong"' in body:
            return 422
        taken.extend(json.loads(body))
        return 202

    door.answer = judge
    events = [{"id": "wrong" if n == 5 else str(n)} for n in range(9)]
    tell(Door(door.url, {"warmpost": "s"}), events)
    assert taken == [event for event in events if event["id"] != "wrong"]
    assert "left out wrong" in capsys.readouterr().err
