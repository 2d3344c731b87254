from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from warmpost.rules.model.writes import Stored
from warmpost.rules.webhooks.webhooks import (
    Answer,
    Webhook,
    health_after,
    signed_headers,
    webhooks_for,
    write_secret,
)

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
OK = Answer(200, 0.1)
DOWN = Answer(0, 5.0, "connection refused")


def a_webhook(**fields):
    known: dict[str, Any] = {"url": "https://x.example/", "secret": b"s", "created_at": NOW}
    return Webhook(**(known | fields))


def chosen(webhooks, kind="delivered", sender="news@a.example", domain="a.example"):
    stored = [Stored(f"webhooks/{name}", one, None) for name, one in webhooks.items()]
    return [one.id for one in webhooks_for(stored, kind, sender, domain)]


def test_the_narrowest_webhooks_win():
    everywhere, domain = a_webhook(), a_webhook(domain="a.example")
    sender, other = a_webhook(sender="news@a.example"), a_webhook(sender="other@a.example")
    webhooks = {"everywhere": everywhere, "domain": domain, "sender": sender, "other": other}
    assert chosen(webhooks) == ["sender"]
    assert chosen(webhooks, sender="News@A.example") == ["sender"]
    assert chosen(webhooks, sender="third@a.example") == ["domain"]
    assert chosen(webhooks, sender="x@b.example", domain="b.example") == ["everywhere"]


def test_an_address_whose_webhook_does_not_want_a_kind_is_told_to_nobody_else():
    webhooks = {"everywhere": a_webhook(), "sender": a_webhook(sender="news@a.example", events=("bounced",))}
    assert chosen(webhooks, "bounced") == ["sender"]
    assert chosen(webhooks, "delivered") == []


def test_one_switched_off_is_as_good_as_none_but_one_given_up_still_counts():
    off = a_webhook(sender="news@a.example", enabled=False)
    given_up = a_webhook(sender="news@a.example", disabled_at=NOW)
    assert chosen({"everywhere": a_webhook(), "sender": off}) == ["everywhere"]
    assert chosen({"everywhere": a_webhook(), "sender": given_up}) == ["sender"]


def test_an_independent_library_verifies_each_signature():
    keys = [bytes(range(32)), bytes(range(32, 64))]
    body = '{"to":"jürgen@example.net"}'.encode()
    headers = signed_headers(keys, "msg_1", datetime.now(UTC).timestamp(), body)
    for key in keys:
        assert Verifier(write_secret(key)).verify(body, headers) == {"to": "jürgen@example.net"}
    with pytest.raises(WebhookVerificationError):
        Verifier(write_secret(b"x" * 32)).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(write_secret(keys[0])).verify(body + b" ", headers)


def test_an_endpoint_in_health_is_not_written():
    assert health_after(a_webhook(), [OK, OK], NOW) == {}
    assert health_after(a_webhook(failing_since=NOW), [DOWN], NOW + timedelta(hours=1)) == {}


def test_failing_begins_with_the_first_failure_and_ends_with_the_first_success():
    assert health_after(a_webhook(), [DOWN], NOW) == {"failing_since": NOW}
    assert health_after(a_webhook(failing_since=NOW), [DOWN, OK], NOW) == {"failing_since": None}


def test_three_days_of_failures_give_an_endpoint_up_with_the_reason():
    after = health_after(a_webhook(failing_since=NOW), [DOWN], NOW + timedelta(days=3))
    assert after["disabled_at"] == NOW + timedelta(days=3)
    assert "2026-03-01 09:00" in str(after["disabled_reason"])
    assert "connection refused" in str(after["disabled_reason"])


def test_gone_gives_an_endpoint_up_at_once():
    after = health_after(a_webhook(), [OK, Answer(410, 0.1)], NOW)
    assert after["disabled_at"] == NOW
    assert "410" in str(after["disabled_reason"])


def test_a_secret_is_never_part_of_what_is_printed():
    assert "sealed" not in repr(a_webhook(secret=b"sealed", old_secret=b"sealed"))
