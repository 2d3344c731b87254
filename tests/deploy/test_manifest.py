"""The manifest and the code say the same: entry points, settings, queues, secrets."""

from __future__ import annotations

import base64
import re
from typing import Any, get_args

import pytest
import yaml

from infra.local.bootstrap import ROOT
from infra.local.manifest import FILE, manifest
from infra.local.source import declared_functions, in_url
from infra.manifest.settings_table import settings_table
from warmpost.adapters.google.cloud_tasks import DISPATCH_DEADLINE
from warmpost.rules.model import tasks
from warmpost.settings import Settings

NEEDED = {
    "GOOGLE_CLOUD_PROJECT": "p",
    "WARMPOST_LOCATION": "europe-west1",
    "WARMPOST_BASE_URL": "https://mail.example.com",
    "WARMPOST_RELAY": "smtp://relay.example.net",
    "WARMPOST_INVOKER_EMAIL": "queue@p.iam.gserviceaccount.com",
    "WARMPOST_MASTER_KEY": base64.b64encode(bytes(32)).decode(),
}


class Noting(dict[str, str]):
    """An environment that notes which variables were asked for."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, name, default=None):
        self.asked.add(name)
        return super().get(name, default)


def settings() -> dict[str, str | None]:
    return {one.name: one.default for one in manifest().settings}


class Strict(yaml.SafeLoader):
    """Refuses what PyYAML takes in silence: the same key twice in one mapping."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key stands twice {node.start_mark}"
        return super().construct_mapping(node, deep)


def test_no_key_of_the_manifest_stands_twice():
    assert yaml.load(FILE.read_text("utf-8"), Strict) == yaml.safe_load(FILE.read_text("utf-8"))


def test_every_entry_point_is_declared_and_no_other():
    assert sorted(one.handler for one in manifest().functions) == sorted(declared_functions())


def test_a_function_is_called_in_the_cloud_what_the_local_stack_calls_it():
    assert all(one.name == in_url(one.handler) for one in manifest().functions)


def test_every_setting_the_code_reads_is_declared_and_none_is_left_over():
    environment = Noting(NEEDED)
    Settings.from_env(environment)
    assert environment.asked == settings().keys()


def test_what_has_no_default_is_what_the_code_needs():
    assert {name for name, default in settings().items() if default is None} == NEEDED.keys()


def test_declared_defaults_are_those_of_the_code():
    declared = {name: default for name, default in settings().items() if default is not None}
    assert Settings.from_env({**declared, **NEEDED}) == Settings.from_env(NEEDED)


def test_no_other_file_reads_the_environment():
    source = ROOT / "functions"
    readers = [path for path in source.rglob("*.py") if re.search(r"\b(environ|getenv)\b", path.read_text())]
    assert [path.name for path in readers] == ["settings.py"]


def test_the_operators_page_documents_the_settings_as_they_are_declared():
    assert settings_table() in (ROOT / "infra/README.md").read_text("utf-8")


def test_secrets_are_mounted_as_settings_that_are_declared_secret():
    secret = {one.name for one in manifest().settings if one.set == "secret"}
    assert secret == {name for one in manifest().functions for name in one.secrets}


def test_every_function_is_given_the_secrets_it_cannot_start_without():
    needed = {one.name for one in manifest().settings if one.set == "secret" and one.default is None}
    assert all(needed <= set(one.secrets) for one in manifest().functions)


def test_the_queues_are_those_that_tasks_go_to():
    assert {one.name for one in manifest().queues} == set(get_args(tasks.Queue))


def raw() -> dict[str, Any]:
    return yaml.safe_load(FILE.read_text("utf-8"))["custom"]["gcp"]


def test_all_instances_together_fit_into_the_quota_of_a_new_project():
    """20 vCPUs in a region; what counts is maximum instances times vCPUs."""
    assert sum(one["cpu"] * one["maxInstances"] for one in raw()["functions"].values()) <= 20


def test_the_worker_takes_all_tasks_that_the_queues_hand_out_at_once():
    """Else the platform answers 429, at which Cloud Tasks slows a whole queue down."""
    work = raw()["functions"]["work"]
    handed_out = sum(one["concurrentDispatches"] for one in raw()["queues"].values())
    assert work["maxInstances"] * work["concurrency"] >= handed_out


def test_the_master_key_is_pinned_to_a_version():
    functions = yaml.safe_load(FILE.read_text("utf-8"))["functions"].values()
    assert {one["secrets"]["WARMPOST_MASTER_KEY"]["version"] for one in functions} == {"1"}


def test_only_the_invoker_may_call_what_stands_behind_the_queue_and_the_clock():
    private = {one.handler for one in manifest().functions if one.callers == "invoker"}
    assert private == {"work", *(one.function for one in manifest().schedules)}


def test_a_task_is_given_up_by_the_queue_no_sooner_than_by_the_function():
    work = next(one for one in manifest().functions if one.handler == "work")
    assert Settings.from_env(NEEDED).policy.work_limit < work.timeout <= DISPATCH_DEADLINE


@pytest.mark.parametrize("one", manifest().settings, ids=lambda one: one.name)
def test_every_setting_says_in_a_sentence_what_it_means(one):
    assert re.fullmatch(r"[A-Z0-9`].{15,}\.", one.means.strip())
