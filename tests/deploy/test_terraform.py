"""The deployment, as far as Terraform can tell without network or cloud."""

from __future__ import annotations

import re
import shutil

import pytest

from infra.checks.terraform.workplace import Workplace

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("terraform"), reason="needs terraform 1.11 or later"),
]
GIVEN = {
    "project": "demo-project",
    "region": "europe-west1",
    "time_zone": "Europe/Berlin",
    "relay_url": "smtp://u:p@relay.example:587",
    "alert_email": "ops@example.com",
}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    place = Workplace(tmp_path_factory.mktemp("terraform"))
    started = place.initialise()
    assert started.returncode == 0, started.stderr
    return place


@pytest.mark.parametrize("command", ["fmt -check -recursive", "validate", "test"])
def test_terraform_finds_nothing_wrong(workplace, command):
    ended = workplace.terraform(*command.split())
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_plan_holds_everything_and_no_secret(workplace):
    ended = workplace.terraform("plan", "-input=false", "-lock=false", **GIVEN)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.search(r"Plan: \d{3} to add, 0 to change, 0 to destroy\.", ended.stdout)
    assert GIVEN["relay_url"] not in ended.stdout


def test_a_misspelt_argument_is_found(workplace):
    queues = workplace.terraform_folder / "queues.tf"
    right = queues.read_text()
    queues.write_text(right.replace("max_concurrent_dispatches", "max_concurrent_dispatch"))
    try:
        assert workplace.terraform("validate").returncode == 1
    finally:
        queues.write_text(right)
