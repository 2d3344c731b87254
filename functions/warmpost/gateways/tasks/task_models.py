"""The bodies of tasks, as the queue brings them back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from warmpost.gateways.api.models import Model


class FireTask(Model):
    schedule: str
    run: Annotated[datetime, Meta(tz=True)]


class BatchTask(Model):
    batch: str
    turn: str = ""


class DomainTask(Model):
    domain: str


class EraseTask(Model):
    erasure: str
    turn: int


class IngestTask(Model):
    queue: str


class ProbeTask(Model):
    pool: str
    turn: str
    step: str


class NotifyTask(Model):
    notification: str
    attempt: int


class SweepTask(Model):
    part: str
    after: str
    run: str
