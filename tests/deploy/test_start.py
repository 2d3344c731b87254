"""Every function starts with what it needs, and answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from infra.checks.functions_apart import NOBODY, SETTINGS, STRANGERS, RunningFunction
from infra.checks.tools import NO_METADATA_SERVER
from infra.checks.upload import unpack_upload
from infra.local.bootstrap import ROOT
from infra.local.manifest import manifest

NEVER_AT_THE_START = (
    "aiohttp",
    "aiosmtplib",
    "dateutil",
    "dkim",
    "dns",
    "google.cloud.tasks_v2",
    "pygal",
    "warmpost.adapters.message.signing_pool",
    "warmpost.adapters.templates.templates",
)
"""Loaded with the first message, look-up, picture, task or notification."""

ASKING_EVERY_FUNCTION = """
import asyncio, json, sys
import httpx
from functions_framework.aio import create_asgi_app
from infra.checks.functions_apart import STRANGERS

async def ask(handler, asked):
    transport = httpx.ASGITransport(create_asgi_app(handler, "functions/main.py"))
    async with httpx.AsyncClient(transport=transport, base_url="http://function") as client:
        return (await client.request(asked.method, asked.path)).status_code

async def main():
    return {handler: await ask(handler, asked) for handler, asked in STRANGERS.items()}

before = set(sys.modules)
statuses = asyncio.run(main())
print(json.dumps({"statuses": statuses, "loaded": sorted(set(sys.modules) - before)}))
"""


def test_a_stranger_is_asked_for_at_every_function():
    assert STRANGERS.keys() == {one.handler for one in manifest().functions}


def test_no_function_loads_what_its_first_answer_does_not_need():
    ended = subprocess.run(
        [sys.executable, "-c", ASKING_EVERY_FUNCTION],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": ".", **NO_METADATA_SERVER, **SETTINGS, **NOBODY},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout.splitlines()[-1])
    assert found["statuses"] == {handler: asked.status for handler, asked in STRANGERS.items()}
    assert [name for name in NEVER_AT_THE_START if name in found["loaded"]] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("WARMPOST_LEVELS", "{bad"), ("WARMPOST_CLAIM_BATCH", "0"), ("WARMPOST_RELAY", "relay")],
)
def test_a_wrong_setting_ends_the_process_with_one_line_that_names_it(name, value):
    ended = subprocess.run(
        [sys.executable, "-c", "import main"],
        cwd=ROOT / "functions",
        env={"PATH": os.environ["PATH"], **NO_METADATA_SERVER, **SETTINGS, **NOBODY, name: value},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"warmpost: {name}")
    assert (ended.stderr.count("\n"), ended.stdout) == (1, "")


@pytest.fixture(scope="module")
def upload(tmp_path_factory):
    return unpack_upload(tmp_path_factory.mktemp("upload"))


@pytest.mark.slow
@pytest.mark.parametrize("handler", STRANGERS)
def test_a_function_answers_on_its_requirements_alone(handler, upload):
    asked = STRANGERS[handler]
    with RunningFunction(handler, upload, {**SETTINGS, **NOBODY}, upload / f"{handler}.log") as function:
        function.wait_until_it_listens()
        assert function.ask(asked) == (asked.status, asked.code)
