"""The deployment, as far as Terraform can tell without network or cloud."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess

import pytest

from infra.checks.terraform.workplace import Workplace
from infra.checks.tools import CHECKS, python_with
from infra.checks.upload import uploaded_files
from infra.local.bootstrap import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("terraform"), reason="needs terraform 1.11 or later"),
]
TERRAFORM = ROOT / "infra" / "terraform"
GIVEN = {
    "project": "demo-project",
    "region": "europe-west1",
    "time_zone": "Europe/Berlin",
    "relay_url": "smtp://u:p@relay.example:587",
    "alert_email": "ops@example.com",
}
CHOSEN = {"hostname": "mail.example.com", "monthly_budget": "50", "billing_account": "000000-000000-000000"}


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


@pytest.fixture(scope="module")
def plan(workplace):
    """What `plan` says, with everything that can be chosen; the plan itself is in the file `plan`."""
    ended = workplace.terraform("plan", "-input=false", "-lock=false", "-out=plan", **GIVEN, **CHOSEN)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_a_plan_holds_everything_and_no_secret(workplace, plan):
    assert re.search(r"Plan: \d{3} to add, 0 to change, 0 to destroy\.", plan)
    shown = workplace.terraform("show", "-json", "plan").stdout
    assert GIVEN["relay_url"] not in plan + shown
    assert {one for one in json.loads(shown)["variables"] if one in GIVEN} == GIVEN.keys() - {"relay_url"}


def test_providers_are_pinned_to_the_versions_that_were_checked(workplace):
    versions = (workplace.terraform_folder / "versions.tf").read_text()
    pinned = dict(re.findall(r'source = "(hashicorp/\w+)", version = "([0-9.]+)"', versions))
    checked = {
        str(one.relative_to(workplace.mirror / "registry.terraform.io").parent): one.name
        for one in (workplace.mirror / "registry.terraform.io/hashicorp").glob("*/*")
    }
    assert pinned == checked
    assert versions.count("source =") == len(pinned)


def test_the_lock_file_of_a_deployer_is_theirs_to_keep():
    ignored = (TERRAFORM / ".gitignore").read_text().split()
    assert ".terraform/" in ignored and not any("lock" in one for one in ignored)
    assert not (TERRAFORM / ".terraform.lock.hcl").exists(), (
        "hashes of the checks' own providers are nobody's"
    )


def test_the_example_of_a_remote_state_can_be_used_as_it_is(workplace):
    example = workplace.terraform_folder / "backend.tf.example"
    backend = workplace.terraform_folder / "backend.tf"
    backend.write_text(example.read_text())
    try:
        assert workplace.terraform("fmt", "-check").returncode == 0
        assert workplace.terraform("validate").returncode == 0
        refused = workplace.terraform("plan", "-input=false", **GIVEN)
    finally:
        backend.unlink()
    assert refused.returncode == 1 and "gcs" in refused.stderr


def test_five_values_have_no_default(workplace):
    text = (workplace.terraform_folder / "variables.tf").read_text()
    blocks = re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', text, re.MULTILINE | re.DOTALL)
    assert {
        name for name, block in blocks if not re.search(r"^  default ", block, re.MULTILINE)
    } == GIVEN.keys()
    assert all(re.search(r'^  description = ".+\."$', block, re.MULTILINE) for _, block in blocks)


def test_terraform_packs_just_what_is_uploaded(workplace):
    ended = workplace.terraform("console", said="jsonencode(local.package)", **GIVEN)
    assert ended.returncode == 0, ended.stderr
    assert set(json.loads(json.loads(ended.stdout))) == uploaded_files()


def test_checkov_finds_nothing_in_source_and_plan_but_what_is_skipped_for_a_reason(workplace, plan):
    shown = workplace.folder / "plan.json"
    shown.write_text(workplace.terraform("show", "-json", "plan").stdout)
    found = [checkov("-d", workplace.terraform_folder), checkov("-f", shown)]
    reasons = {one["check_id"]: one["check_result"]["suppress_comment"] for one in found[0]["skipped_checks"]}
    failed = {
        (one["check_id"], one["resource"].partition("[")[0])
        for each in found
        for one in each["failed_checks"]
    }
    assert {(check, resource) for check, resource in failed if check not in reasons} == set()
    assert reasons and all(len(reason) > 20 for reason in reasons.values())
    assert all(len(each["passed_checks"]) > 10 for each in found)


def test_checkov_finds_a_bucket_that_is_open_to_everybody(workplace):
    functions = workplace.terraform_folder / "functions.tf"
    right = functions.read_text()
    functions.write_text(
        right.replace('"enforced"', '"inherited"').replace("access = true", "access = false")
    )
    try:
        failed = {one["check_id"] for one in checkov("-d", workplace.terraform_folder)["failed_checks"]}
    finally:
        functions.write_text(right)
    assert {"CKV_GCP_29", "CKV_GCP_114"} <= failed


def checkov(*arguments):
    """Its findings, of the one kind of source it was given."""
    python = python_with("checkov", CHECKS / "checkov.txt")
    ended = subprocess.run(
        [
            python.with_name("checkov"),
            *arguments,
            "--skip-download",
            "--framework",
            "terraform",
            "terraform_plan",
            "-o",
            "json",
        ],
        env={**os.environ, "LOG_LEVEL": "ERROR"},
        capture_output=True,
        text=True,
    )
    assert ended.returncode in (0, 1), ended.stderr
    return json.loads(ended.stdout)["results"]


def test_a_misspelt_argument_is_found(workplace):
    queues = workplace.terraform_folder / "queues.tf"
    right = queues.read_text()
    queues.write_text(right.replace("max_concurrent_dispatches", "max_concurrent_dispatch"))
    try:
        assert workplace.terraform("validate").returncode == 1
    finally:
        queues.write_text(right)
