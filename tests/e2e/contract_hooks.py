"""Loaded by schemathesis: lets it reach what a stranger's guesses never would, and signs what relays report.

In a share of the cases guesses are replaced by names of things that exist, or by values that can work.
"""

from __future__ import annotations

import json
import os
import random
import time
import urllib.parse
from typing import Any

import schemathesis
from schemathesis import GenerationMode
from schemathesis.core import NotSet
from schemathesis.generation.meta import TestPhase

from warmpost.rules.reports.signatures import sign

SEEDED: dict[str, Any] = json.loads(os.environ["CONTRACT_SEEDED"])
DOMAIN = SEEDED["domain"]
chance = random.Random(SEEDED["seed"])


def fresh() -> str:
    return f"x{chance.getrandbits(40):x}"


LIKELY: dict[str, dict[str, Any]] = {
    "/manage/domains": {"domain": lambda: f"{fresh()}.example"},
    "/manage/addresses": {"address": lambda: f"{fresh()}@{DOMAIN}"},
    "/manage/templates": {"name": fresh, "subject": lambda: "Hi {{ name }}", "text": lambda: "{{ name }}"},
    "/manage/lists": {"name": fresh},
    "/manage/pools": {"name": fresh, "relays": lambda: [{"host": "relay.example"}]},
    "/manage/keys": {"name": fresh},
    "/manage/suppressions": {"address": lambda: f"{fresh()}@old.example", "domain": lambda: None},
    "/manage/webhooks": {"url": lambda: "http://127.0.0.1:9/hook", "from": lambda: "", "domain": lambda: ""},
    "/manage/lists/{reference}/recipients": {"recipients": lambda: [{"to": f"{fresh()}@inbox.example"}]},
    "/manage/templates/{template}/preview": {"data": lambda: {"name": "Ann"}},
    "/send": {
        "from": lambda: f"a@{DOMAIN}",
        "to": lambda: ["success@simulator.invalid"],
        "subject": lambda: "Hi",
        "text": lambda: "Hello",
    },
    "/batch-submit": {
        "from": lambda: f"a@{DOMAIN}",
        "template": lambda: "weekly",
        "list": lambda: "readers",
    },
    "/schedule": {
        "batch": lambda: {"from": f"a@{DOMAIN}", "template": "weekly", "list": "readers"},
        "start_at": lambda: "2040-01-04T09:00:00Z",
    },
    "/event-webhook/warmpost": {
        "batch": lambda: 1,
        "position": lambda: 0,
        "at": lambda: "2026-11-23T12:00:00Z",
    },
}
LIKELY["/batch-submit/forecast"] = LIKELY["/batch-submit"]
PLACES = {
    "/manage/domains": DOMAIN,
    "/manage/addresses": f"a@{DOMAIN}",
    "/manage/templates": "weekly",
    "/manage/lists": "readers",
    "/manage/suppressions": "old@inbox.example",
    "/manage/recipients": "reader@inbox.example",
    "/manage/webhooks": SEEDED["webhook"],
    "/batch-submit": "1",
    "/schedule": "1",
    "/send": SEEDED["send"],
}


@schemathesis.hook
def filter_path_parameters(context: Any, path_parameters: Any) -> bool:
    """A line break in a path finds no route of the framework's own, which answers in plain text before we are asked."""
    return not any("\n" in urllib.parse.unquote(str(one)) for one in (path_parameters or {}).values())


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    case.body = likely_body(case.operation.path, case.body)
    if case.meta.phase.name != TestPhase.STATEFUL:
        case.path_parameters = likely_place(case)
    if case.path.startswith("/event-webhook") and not isinstance(case.body, NotSet) and chance.random() < 0.8:
        sign_report(case)


def likely_body(path: str, body: Any) -> Any:
    likely = LIKELY.get(path, {})
    if not isinstance(body, dict) or not likely or chance.random() < 0.3:
        return body
    if chance.random() < 0.4:
        return {name: make() for name, make in likely.items()}
    return {**body, **{name: make() for name, make in likely.items() if chance.random() < 0.8}}


def likely_place(case: Any) -> Any:
    path = case.operation.path
    place = next((place for prefix, place in PLACES.items() if path.startswith(prefix)), None)
    if not case.path_parameters or place is None or case.method == "DELETE" or chance.random() < 0.5:
        return case.path_parameters
    return {**case.path_parameters, next(iter(case.path_parameters)): place}


def sign_report(case: Any) -> None:
    """As a relay would."""
    body = case.body if isinstance(case.body, str | bytes) else json.dumps(case.body)
    raw = body.encode() if isinstance(body, str) else body
    now = int(time.time())
    secret = SEEDED["event_secret"]
    case.body = raw
    signed = {"Warmpost-Timestamp": str(now), "Warmpost-Signature": sign(raw, now, secret)}
    case.headers = {**(case.headers or {}), **signed}


@schemathesis.serializer("message/rfc822")
def mail(ctx: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
