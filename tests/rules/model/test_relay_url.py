"""The shared pool from its URL."""

import pytest

from warmpost.rules.model.relay_url import relay_pool
from warmpost.rules.model.relays import Relay


@pytest.mark.parametrize(
    ("url", "relay"),
    [
        ("smtp://r.example", Relay("r.example", "r.example", 587)),
        ("smtp://r.example:2525?starttls=never", Relay("r.example", "r.example", 2525, "none")),
        ("smtp://r.example:2525?starttls=false", Relay("r.example", "r.example", 2525, "none")),
        ("smtps://r.example", Relay("r.example", "r.example", 465, "tls")),
        ("smtps://r.example:4465?verify=no", Relay("r.example", "r.example", 4465, "tls", verify=False)),
        ("smtp://[::1]:25", Relay("::1", "::1", 25)),
        ("smtp://r.example?reports=events", Relay("r.example", "r.example", 587, reports="events")),
        ("smtp://r.example?final=yes", Relay("r.example", "r.example", 587, final=True)),
        (
            "smtp://us%40er:pa%2Fss@r.example",
            Relay("r.example", "r.example", 587, username="us@er", password_secret="WARMPOST_RELAY"),
        ),
    ],
)
def test_a_relay_is_read_from_its_url(url, relay):
    pool = relay_pool(url)
    assert (pool.name, pool.relays) == ("shared", (relay,))
