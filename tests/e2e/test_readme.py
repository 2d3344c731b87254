"""What the documents tell their readers to type does what they say."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from infra.local.bootstrap import ROOT

FENCE = re.compile(r"^```(?P<kind>[^\n]*)\n(?P<lines>.*?)^```$", re.MULTILINE | re.DOTALL)
SHORTER = {"demo": ["--count", "40"], "test": ["-q", "tests/rules/model/test_names.py"]}


def blocks(document: str, kind: str) -> list[str]:
    return [one["lines"] for one in FENCE.finditer((ROOT / document).read_text()) if one["kind"] == kind]


def test_the_two_commands_run():
    commands = [
        shlex.split(line) for block in blocks("README.md", "sh runnable") for line in block.splitlines()
    ]
    assert [one[-1] for one in commands] == ["demo", "test"]
    for python, script, command in commands:
        assert (python, script) == ("python3", "infra/dev.py")
        ended = subprocess.run(
            [sys.executable, script, command, *SHORTER[command]],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr


ELSEWHERE = ("/track/u/", "$SIGNATURE", "$BOUNCE")
"""Commands that need a token out of a mail, a signature or a bounce: tests/gateways hold what they do."""


def curl_commands(document: str) -> list[str]:
    """One command each, continued lines and quoted texts put together, comments left out."""
    text = "\n".join(block for block in blocks(document, "sh") if "curl" in block).replace("\\\n", " ")
    commands: list[str] = []
    for line in text.splitlines():
        if commands and commands[-1].count("'") % 2:
            commands[-1] += "\n" + line
        elif line.startswith("curl "):
            commands.append(line)
    return [one for one in commands if not any(part in one for part in ELSEWHERE)]


@pytest.mark.parametrize(("document", "at_least"), [("README.md", 7), ("functions/README.md", 20)])
@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_examples_answer_without_an_error(start_stack, tmp_path, document, at_least):
    stack = start_stack("--sandbox")
    (tmp_path / "readers.csv").write_text("email,name\nann@inbox.example,Ann\nbob@inbox.example,Bob\n")
    (tmp_path / "old.csv").write_text("address,reason,note\nold@inbox.example,manual,asked\n")
    commands = curl_commands(document)
    assert len(commands) >= at_least
    last_id = batch = ""
    for command in commands:
        answer = run(stack, tmp_path, prepared(command, last_id, batch))
        if any(part in command for part in ("/pause ", "/forecast", "/uncertain")) and "error" in answer:
            assert answer["error"]["code"] in (
                "batch_done",
                "batch_paused",
            )  # two recipients are soon sent to
            continue
        assert not isinstance(answer.get("error"), dict), (command, answer)
        last_id = str(answer.get("id", last_id))
        if "$URL/batch-submit " in command and "-d" in command:
            batch = last_id
        for record in answer.get("records", ()):
            publish(stack, record)


def prepared(command: str, last_id: str, batch: str) -> str:
    """With what a reader fills in, and a first run that is never in the past."""
    soon = (datetime.now(UTC) + timedelta(days=7)).strftime("%Y-%m-%dT09:00:00")
    command = command.replace("<id>", last_id).replace("/batch-submit/1", f"/batch-submit/{batch}")
    return re.sub(r'"start_at": "[^"]*"', f'"start_at": "{soon}"', command)


def run(stack, folder: Path, command: str) -> dict:
    environment = {"URL": stack.url, "KEY": stack.api_key, "PATH": "/usr/bin:/bin", "no_proxy": "127.0.0.1"}
    ended = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, (command, ended.stderr)
    if not ended.stdout.strip():
        return {}
    if "format=csv" in command:
        assert not ended.stdout.startswith("{"), (command, ended.stdout)
        return {}
    try:
        answer: dict = json.loads(ended.stdout)
    except ValueError:
        raise AssertionError(f"{command} answered {ended.stdout!r}") from None
    return answer


def publish(stack, record: dict) -> None:
    body = {"name": record["name"], "type": record["type"], "values": [record["expected"]]}
    httpx.post(f"{stack.url}/_local/dns", json=body, trust_env=False).raise_for_status()
