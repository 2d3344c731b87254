"""What the Dockerfile and the systemd unit of the submission gateway say, done without Docker and systemd."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.checks.tools import python_with
from infra.local.bootstrap import ROOT
from tests.submission.gateway_process import Door, Process

KIT = ROOT / "infra" / "submission"
UNIT = (KIT / "warmpost-submission.service").read_text()
DOCKERFILE = (KIT / "Dockerfile").read_text()


def packages() -> list[str]:
    [line] = re.findall(r"^RUN pip install --no-cache-dir (.*)$", DOCKERFILE, re.MULTILINE)
    return shlex.split(line)


def test_the_image_has_the_versions_that_are_tested():
    required = "\n".join((ROOT / name).read_text() for name in ("requirements.txt", "infra/requirements.txt"))
    assert set(packages()) <= set(required.splitlines())


@pytest.mark.slow
def test_what_the_image_holds_takes_a_message(tmp_path: Path):
    """Its packages alone, and the files that it copies alone."""
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("\n".join(packages()))
    image = tmp_path / "image"
    for words in re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE):
        *sources, target = words.split()
        (image / target).mkdir(parents=True, exist_ok=True)
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, image / target, dirs_exist_ok=True)
            else:
                shutil.copy(ROOT / source, image / target)
    python = python_with("submission", requirements)
    with (
        Door(lambda *_: (202, {"id": "m1"})) as door,
        Process(tmp_path, door.url, python=python, place=image) as process,
        process.client() as client,
    ):
        client.mail("a@example.com")
        client.rcpt("b@example.net")
        assert client.data(b"From: a@example.com\r\n\r\nHi\r\n") == (250, b"2.0.0 Queued as m1")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path):
    """But that the program is not installed here, in whose place another stands."""
    unit = tmp_path / "warmpost-submission.service"
    unit.write_text(UNIT.replace("/opt/warmpost/.venv/bin/python -m infra.submission", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
