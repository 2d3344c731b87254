"""Brings reports to the function `event_webhook`, signed, so that nobody else can say what became of a message."""

from __future__ import annotations

import hashlib
import hmac
import time
import urllib.error
import urllib.request
from configparser import RawConfigParser
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Source = Literal["dsn", "arf", "warmpost"]

CONFIGURATION = Path("/etc/warmpost/events.conf")
ANSWER_SECONDS = 30.0
TYPES: dict[Source, str] = {"dsn": "message/rfc822", "arf": "message/rfc822", "warmpost": "application/json"}
REFUSALS = (400, 413, 415, 422)
"""Answers that would be the same however often the report is brought; all others may change."""


class Unavailable(Exception):
    """Not taken now: the function is down, or the secret, the clock or the address is wrong until somebody mends it."""


class Refused(Exception):
    """Never taken."""


@dataclass(frozen=True, slots=True)
class Door:
    """url: of the function `event_webhook`, without the source. secrets: by source."""

    url: str
    secrets: dict[str, str] = field(repr=False)


def read_door(file: Path) -> Door:
    """The section `[events]` with `url` and a secret named after each source. Raises Unavailable where it cannot be read."""
    parser = RawConfigParser()
    try:
        with file.open() as text:
            parser.read_file(text)
        values = dict(parser["events"])
        url = values.pop("url").rstrip("/")
    except (OSError, ValueError, KeyError) as error:
        raise Unavailable(f"{file} has no address of the function: {type(error).__name__}") from error
    return Door(url, values)


def post(door: Door, source: Source, body: bytes, *, envelope_to: str = "", patience: float = 20.0) -> None:
    """Returns once the report is stored. patience: seconds within which a function that is down is asked again.

    Raises Unavailable or Refused with the function's words.
    """
    deadline, pause = time.monotonic() + patience, 0.5
    while True:
        try:
            return _try(door, source, body, envelope_to)
        except _Down as down:
            if time.monotonic() + pause > deadline:
                raise Unavailable(str(down)) from down
        time.sleep(pause)
        pause = min(pause * 2, 8.0)


class _Down(Exception):
    pass


class _Stays(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET and look like a success."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stays)


def _try(door: Door, source: Source, body: bytes, envelope_to: str) -> None:
    secret = door.secrets.get(source, "")
    if not secret:
        raise Unavailable(f"no secret for {source} is configured")
    stamp = int(time.time())
    digest = hmac.digest(secret.encode(), b"%d." % stamp + body, hashlib.sha256).hex()
    headers = {
        "Content-Type": TYPES[source],
        "Warmpost-Timestamp": str(stamp),
        "Warmpost-Signature": f"v1={digest}",
        **({"Warmpost-Envelope-To": envelope_to} if envelope_to else {}),
    }
    request = urllib.request.Request(f"{door.url}/{source}", body, headers, method="POST")
    try:
        with _OPENER.open(request, timeout=ANSWER_SECONDS) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        with error:
            words = " ".join(error.read(500).decode("utf-8", "replace").split())
        said = f"event_webhook answered {error.code}: {words}"
        if error.code in REFUSALS:
            raise Refused(said) from error
        if error.code in (408, 429) or error.code >= 500:
            raise _Down(said) from error
        raise Unavailable(said) from error
    except (OSError, ValueError) as error:
        raise _Down(f"event_webhook cannot be reached: {error}") from error
