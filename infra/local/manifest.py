"""`serverless.yml`, the manifest of the deployment, as values: what the local stack runs is what is deployed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from infra.local.bootstrap import ROOT

FILE = ROOT / "serverless.yml"


@dataclass(frozen=True, slots=True)
class Function:
    """handler: its name in functions/main.py. name: in the cloud and in URLs. timeout: seconds. memory: MiB. cpu: vCPUs."""

    handler: str
    name: str
    memory: int
    cpu: float
    timeout: float
    callers: Literal["public", "invoker"]
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Queue:
    """attempts: -1 is without end. min_backoff, max_backoff: seconds."""

    name: str
    dispatches_per_second: float
    concurrent_dispatches: int
    attempts: int
    min_backoff: float
    max_backoff: float
    doublings: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """cron: five fields, in the deployment's time zone. function: the name in URLs of the one it calls."""

    name: str
    function: str
    cron: str


@dataclass(frozen=True, slots=True)
class Setting:
    """set: by whom in a deployment. default: None for what has to be set."""

    name: str
    set: Literal["terraform", "secret", "deployer", "local"]
    means: str
    default: str | None


@dataclass(frozen=True, slots=True)
class Manifest:
    functions: tuple[Function, ...]
    queues: tuple[Queue, ...]
    schedules: tuple[Schedule, ...]
    settings: tuple[Setting, ...]


@cache
def manifest(file: Path = FILE) -> Manifest:
    """Raises KeyError naming what is not declared."""
    read: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    cloud = read["custom"]["gcp"]
    functions = {key: _function(one, read, cloud["functions"][key]) for key, one in read["functions"].items()}
    return Manifest(
        functions=tuple(functions.values()),
        queues=tuple(_queue(name, one) for name, one in cloud["queues"].items()),
        schedules=tuple(
            Schedule(name=name, function=functions[one["function"]].name, cron=one["cron"])
            for name, one in cloud["schedules"].items()
        ),
        settings=tuple(
            Setting(name=name, set=one["set"], means=one["means"], default=one.get("default"))
            for name, one in cloud["settings"].items()
        ),
    )


def _function(declared: dict[str, Any], read: dict[str, Any], cloud: dict[str, Any]) -> Function:
    chosen = {**read["provider"], **declared}
    return Function(
        handler=declared["handler"],
        name=declared["name"],
        memory=chosen["memorySize"],
        cpu=cloud["cpu"],
        timeout=_seconds(chosen["timeout"]),
        callers=cloud["callers"],
        secrets=tuple(declared["secrets"]),
    )


def _queue(name: str, declared: dict[str, Any]) -> Queue:
    return Queue(
        name=name,
        dispatches_per_second=declared["dispatchesPerSecond"],
        concurrent_dispatches=declared["concurrentDispatches"],
        attempts=declared["attempts"],
        min_backoff=_seconds(declared["minBackoff"]),
        max_backoff=_seconds(declared["maxBackoff"]),
        doublings=declared["doublings"],
    )


def _seconds(text: str) -> float:
    return float(text.removesuffix("s"))
