"""Everything the OpenAPI document describes, tried by a program: no 5xx, and every answer as documented."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from infra.local.bootstrap import ROOT
from tests.running_stack import RunningStack

DOMAIN = "seeded.example"
CONFIGURED = """
[checks]
unsupported_method.enabled = false
allow_header_conformance.enabled = false
positive_data_acceptance.enabled = false
missing_required_header.enabled = false
use_after_free.enabled = false
object_level_authorization.enabled = false

[phases.coverage]
unexpected-methods = []

[[operations]]
include-path-regex = "^/event-webhook"
checks.negative_data_rejection.enabled = false
checks.ignored_auth.enabled = false

[[operations]]
include-path = "/manage/domains/{domain}"
include-method = "PATCH"
checks.ensure_resource_availability.enabled = false
"""
"""Left out: what asks for 405, which the contract does not have; for 2xx where a value fits the schema but not the
facts; for 404 where what ended can still be read. The hooks sign reports, which two checks take for a forgery of theirs.
A 404 of a domain's PATCH may be about the pool it names.
"""


def test_every_answer_is_as_documented(stack_of_its_own, tmp_path):
    """Short, and the same cases each time."""
    phases = "coverage,stateful"
    ended = run(
        stack_of_its_own, tmp_path, "--phases", phases, "--max-examples", "2", "--generation-deterministic"
    )
    assert ended.returncode == 0, ended.stdout[-15_000:]


async def test_an_export_leaves_as_a_file(stack):
    async with stack.open_client() as client:
        await client.post("/manage/suppressions", json={"address": "exported@old.example"})
        answer = await client.get("/manage/suppressions", params={"format": "csv"})
    assert answer.status_code == 200, answer.text
    assert "exported@old.example,manual" in answer.text


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_every_answer_is_as_documented_however_long_it_is_tried(stack_of_its_own, tmp_path, seed):
    options = (
        "--max-examples",
        "100",
        "--max-time",
        "240",
        "--seed",
        str(seed),
        "--generation-database",
        "none",
    )
    ended = run(stack_of_its_own, tmp_path, *options)
    assert ended.returncode == 0, ended.stdout[-15_000:]


@pytest.fixture
def stack_of_its_own(start_stack):
    """What strangers may do to a stack spoils it for other tests, and strangers who guess are soon answered 429."""
    return start_stack(environment={"WARMPOST_KEY_RATE": "0", "WARMPOST_WRONG_KEYS": "0"})


def run(stack: RunningStack, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("schemathesis")
    seeded = seed(stack) | {"event_secret": stack.info["event_secret"], "seed": 7}
    (folder / "schemathesis.toml").write_text(CONFIGURED)
    command = [
        str(program),
        "--no-color",
        "run",
        f"{stack.url}/manage/openapi.json",
        "--url",
        stack.url,
        "--header",
        f"Authorization: Bearer {stack.api_key}",
        "--no-shrink",
        "--continue-on-failure",
        "--warnings",
        "off",
        *options,
    ]
    environment = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "tests.e2e.contract_hooks",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'functions'}",
        "CONTRACT_SEEDED": json.dumps(seeded),
        "no_proxy": "127.0.0.1",
    }
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)


def seed(stack: RunningStack) -> dict[str, str]:
    """One of everything, so that there is something to ask for."""
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    with httpx.Client(base_url=stack.url, headers=headers, timeout=60, trust_env=False) as api:

        def post(path: str, body: object) -> dict:
            return api.post(path, json=body).raise_for_status().json()

        for record in post("/manage/domains", {"domain": DOMAIN})["records"]:
            wanted = {"name": record["name"], "type": record["type"], "values": [record["expected"]]}
            post("/_local/dns", wanted)
        post(f"/manage/domains/{DOMAIN}/verify", None)
        post("/manage/addresses", {"address": f"a@{DOMAIN}"})
        post("/manage/templates", {"name": "weekly", "subject": "Hi", "text": "Hello"})
        post("/manage/lists", {"name": "readers"})
        post("/manage/lists/readers/recipients", {"recipients": [{"to": "reader@inbox.example"}]})
        post("/manage/suppressions", {"address": "old@inbox.example"})
        webhook = post("/manage/webhooks", {"url": "http://127.0.0.1:9/hook", "domain": DOMAIN})
        letter = {"from": f"a@{DOMAIN}", "template": "weekly", "list": "readers"}
        post("/batch-submit", letter)
        post("/schedule", {"batch": letter, "start_at": "2040-01-04T09:00:00Z"})
        message = {"from": f"a@{DOMAIN}", "to": ["reader@inbox.example"], "subject": "Hi", "text": "Hello"}
        return {"domain": DOMAIN, "webhook": webhook["id"], "send": post("/send", message)["id"]}
