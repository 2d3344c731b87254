"""Clients that others' generators make of the OpenAPI document send mail."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.checks.tools import CHECKS, node_modules_of, python_with
from tests.running_stack import RunningStack

CLIENTS = CHECKS / "clients"
DOMAIN = "sandbox.example"


@pytest.fixture(scope="module")
def served():
    with RunningStack("--sandbox") as running:
        yield running


@pytest.fixture(scope="module")
def document(served, tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("openapi") / "openapi.json"
    file.write_text(json.dumps(served.get("/manage/openapi.json")))
    return file


def run(*command: object, folder: Path, **environment: str) -> str:
    ended = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, **environment, "no_proxy": "127.0.0.1"},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def operations(document: Path) -> list[dict]:
    paths = json.loads(document.read_text())["paths"]
    return [operation for path in paths.values() for operation in path.values()]


def test_a_python_client_has_every_operation_and_sends(served, document):
    python = python_with("clients", CLIENTS / "requirements.txt")
    folder = document.parent / "python"
    folder.mkdir()
    generate = [python, "-m", "openapi_python_client", "generate", "--path", document, "--meta", "none"]
    said = run(
        *generate, "--output-path", "warmpost_client", "--config", CLIENTS / "python.yml", folder=folder
    )
    assert "WARNING" not in said, said
    modules = {file.stem for file in folder.glob("warmpost_client/api/*/*.py")} - {"__init__"}
    assert len(modules) == len(operations(document))
    told = run(
        python, CLIENTS / "send.py", served.url, served.api_key, DOMAIN, folder=folder, PYTHONPATH=str(folder)
    )
    assert told == "Hello python@readers.example 1\n"
    every = "; ".join(
        f"import warmpost_client.api.{file.parent.name}.{file.stem}"
        for file in folder.glob("warmpost_client/api/*/*.py")
    )
    run(python, "-c", every, folder=folder, PYTHONPATH=str(folder))


@pytest.mark.skipif(not shutil.which("npm"), reason="node and npm are not installed")
def test_a_typescript_client_is_checked_and_sends(served, document):
    folder = document.parent / "typescript"
    folder.mkdir()
    (folder / "node_modules").symlink_to(node_modules_of("typescript", CLIENTS))
    (folder / "package.json").write_text('{"type": "module"}')
    shutil.copy(CLIENTS / "send.ts", folder)
    run("node_modules/.bin/openapi-typescript", document, "-o", "schema.d.ts", folder=folder)
    strict = ["--strict", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler"]
    run("node_modules/.bin/tsc", *strict, "--skipLibCheck", "send.ts", folder=folder)
    told = run("node", "send.js", served.url, served.api_key, DOMAIN, folder=folder)
    assert told == "Hello typescript@readers.example\n"
