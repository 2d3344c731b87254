"""Warmpost's own way without a database: compose, sign and hand over as `deliver` does, and nothing else."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Sequence
from typing import Any

import uvloop
from cryptography.hazmat.primitives import serialization

from infra.bench.senders.job import Job, measuring, read_job
from warmpost.actions.delivery.prefetch import ClaimBatch, open_prefetch
from warmpost.actions.state.worker_slots import WorkerSlots
from warmpost.adapters.message.encryption import Encryption
from warmpost.adapters.message.signing_pool import SigningPool, ThreadedComposer, key_context
from warmpost.adapters.smtp import Relays
from warmpost.adapters.templates.templates import Templates
from warmpost.rules.delivery.envelope import HandOver, Outgoing
from warmpost.rules.identity.domains import DomainKey
from warmpost.rules.message import message as messages
from warmpost.rules.model.derived_ids import batch_message_id
from warmpost.rules.model.events import Target
from warmpost.rules.model.relays import Pool, Relay
from warmpost.rules.reports.verp import return_path
from warmpost.rules.tracking.tokens import Signer
from warmpost.rules.tracking.tracking import Links, Unsubscribe

CHUNK, CLAIM_BATCH = 500, 125
"""As in `deliver`."""
PROJECT = "bench"
SECRET = bytes(32)


def composer(job: Job) -> ThreadedComposer:
    encryption = Encryption(SECRET)
    signing_pool = SigningPool(
        Templates(), encryption, job.threads, Links(f"https://t.{job.domain}/track", Signer(SECRET))
    )
    content = messages.MessageContent(
        sender=messages.Mailbox(job.sender, job.sender_name),
        content=messages.Content(
            job.content["subject"], job.content.get("html"), job.content.get("text"), templated=True
        ),
        attachments=tuple(
            messages.Attachment(one["filename"], base64.b64decode(one["content"]), one["content_type"])
            for one in job.attachments
        ),
        unsubscribe=Unsubscribe(headers=True),
    )
    sealed = encryption.encrypt(job.key.encode(), key_context(job.domain, job.selector))
    return signing_pool.composer(
        content, job.domain, [DomainKey(job.selector, "rsa-sha256", _public(job), sealed)]
    )


def _public(job: Job) -> str:
    private = serialization.load_pem_private_key(job.key.encode(), None)
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(private.public_key().public_bytes(*form)).decode()


def message(job: Job, position: int) -> messages.Job:
    """The identity and return path of a batch's recipient, as `deliver` makes them."""
    one: dict[str, Any] = job.recipient(position)
    target = Target("1", position=position)
    return messages.Job(
        messages.Recipient(one["to"], one["data"]),
        batch_message_id(PROJECT, "1", position, job.domain),
        return_path(target, job.domain, SECRET),
        time.time(),
        target=target,
    )


class Line:
    """Chunks have their turns, and are composed ahead of them, as in `deliver`."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._composer = composer(job)
        self._worker_slots = WorkerSlots()
        self._relays = Relays(secret=lambda _: "", local_hostname=job.domain)
        relay = Relay("sink", "127.0.0.1", job.port, security="none", max_connections=job.connections)
        self._pool = Pool("bench", (relay,))

    async def send(self, messages: range) -> None:
        async with asyncio.TaskGroup() as chunks:
            for at in range(0, len(messages), CHUNK):
                chunks.create_task(self._deliver(messages[at : at + CHUNK]))

    async def _deliver(self, chunk: range) -> None:
        claim_batches = [chunk[at : at + CLAIM_BATCH] for at in range(0, len(chunk), CLAIM_BATCH)]
        async with (
            open_prefetch(claim_batches, self._compose, self._worker_slots.prefetch_room) as ahead,
            self._worker_slots.turn(),
        ):
            for _ in claim_batches:
                claim_batch = await ahead.take()
                messages = [one for one in claim_batch.messages if isinstance(one, Outgoing)]
                outcomes = await self._relays.hand_over(self._pool, messages)
                refused = [one for one in outcomes if one.hand_over is not HandOver.ACCEPTED]
                assert not refused, refused[0]

    async def _compose(self, positions: Sequence[int]) -> ClaimBatch:
        jobs = [message(self._job, one) for one in positions]
        return ClaimBatch(positions, await self._composer.compose(jobs))

    async def close(self) -> None:
        await self._relays.close()


async def run(job: Job) -> None:
    line = Line(job)
    if job.warm_up:
        await line.send(range(job.warm_up))
    with measuring(job.messages):
        await line.send(range(job.warm_up, job.warm_up + job.messages))
    await line.close()


if __name__ == "__main__":
    uvloop.run(run(read_job()))
