"""What `deliver` works on: a released chunk of a batch, or a single send. Both look the same from here on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from warmpost.actions.bounces.correct_bounce import load_corrections
from warmpost.actions.context import Services
from warmpost.actions.outbox.notifications import is_wanted
from warmpost.actions.storage.missing import NotStoredYetError
from warmpost.rules.delivery.chunks import Chunk, unpack
from warmpost.rules.delivery.documents import Batch, BatchStatus, Message
from warmpost.rules.delivery.progress import OnUncertain
from warmpost.rules.delivery.statuses import Status
from warmpost.rules.identity.domains import Domain, RelayPool
from warmpost.rules.message.message import Job, MessageContent, Recipient
from warmpost.rules.model.compression import inflate
from warmpost.rules.model.derived_ids import batch_message_id, send_message_id, short_hash
from warmpost.rules.model.events import Target
from warmpost.rules.model.relays import SHARED, Pool
from warmpost.rules.model.tasks import Task
from warmpost.rules.operations.policy import Policy
from warmpost.rules.reports.verp import return_path

GONE = "the sender domain was deleted"


@dataclass(frozen=True, slots=True)
class DeliveryJob:
    """A deliver task's body. first, end: the released stretch of the chunk. generation: see `Batch`.

    day: on which the stretch's volume was reserved. resend: the moment (epoch seconds) at which the sender wanted those
    tried again who were uncertain then; 0 for nobody. only: their places in the chunk, empty for all of them.
    """

    batch: str = ""
    chunk: str = ""
    message: str = ""
    first: int = 0
    end: int = 0
    generation: int = 0
    day: str = ""
    resend: float = 0.0
    only: tuple[int, ...] = ()

    @property
    def path(self) -> str:
        """Of the document that keeps the progress."""
        return f"messages/{self.message}" if self.message else f"batches/{self.batch}/progress/{self.chunk}"

    def task(self, name: str, at: datetime | None = None) -> Task:
        return Task("deliver", self.as_body(), name, at, "send" if self.message else "deliver")

    def as_body(self) -> Mapping[str, object]:
        return {name: getattr(self, name) for name in DeliveryJob.__slots__ if getattr(self, name)}


@dataclass(frozen=True, slots=True)
class ChunkDelivery:
    """first: position in the batch of the first recipient. stretch: what of it is released.

    tells_sent: somebody wants to hear of each acceptance. ending: what unsent recipients end as where the batch or its
    domain has ended, with the reason; None while it runs.
    """

    job: DeliveryJob
    recipients: list[Recipient]
    first: int
    stretch: range
    message_content: MessageContent
    domain: Domain
    pool: Pool
    on_uncertain: OnUncertain
    is_test: bool = False
    tells_sent: bool = False
    ending: Status | None = None
    reason: str = ""

    def composing_job(self, position: int, policy: Policy, now: float) -> Job:
        """The identity depends on the recipient's place alone; a single send has one identity for all recipients."""
        domain, project = self.domain.domain, policy.project
        if self.job.message:
            message_id = send_message_id(project, self.job.message, domain)
            target = Target(message=self.job.message, position=position)
        else:
            message_id = batch_message_id(project, self.job.batch, self.first + position, domain)
            target = Target(self.job.batch, position=self.first + position)
        mail_from = return_path(target, domain, policy.return_key)
        return Job(self.recipients[position], message_id, mail_from, now, target=target)


async def open_delivery(services: Services, job: DeliveryJob) -> ChunkDelivery | None:
    """None where there is nothing to do: the batch is paused, or goes on under a newer generation.

    Raises NotStoredYetError.
    """
    if job.message:
        message = await services.store.get(Message, f"messages/{job.message}")
        if message is None:
            raise NotStoredYetError(job.path)
        return await _open_message(services, job, message.value)
    batch = await services.store.get(Batch, f"batches/{job.batch}")
    if batch is None:
        raise NotStoredYetError(job.path)
    value = batch.value
    if job.resend:
        job = replace(job, generation=value.generation)
    runs = value.status.is_running and value.generation == job.generation
    runs |= bool(job.resend) and value.status is BatchStatus.DONE
    if not runs and value.status.unsent_become is None:
        return None
    return await open_chunk(services, job, value)


async def open_chunk(services: Services, job: DeliveryJob, batch: Batch) -> ChunkDelivery | None:
    """Whatever state the batch is in; None where the chunk is not there (any more)."""
    path = f"batches/{job.batch}"
    chunk = await services.store.get(Chunk, f"{path}/chunks/{job.chunk}")
    if chunk is None:
        return None
    message_content = await services.message_store.read(path, batch.message_content, batch.parts)
    domain, pool = await route(services, batch.domain)
    delivery = ChunkDelivery(
        job=job,
        recipients=unpack(chunk.value),
        first=chunk.value.first,
        stretch=range(job.first, min(job.end, chunk.value.count)),
        message_content=message_content,
        domain=domain or _gone(batch.domain, batch.created_at),
        pool=pool,
        on_uncertain=batch.on_uncertain,
        tells_sent=await is_wanted(services, "sent", batch.sender),
        ending=batch.status.unsent_become,
        reason=batch.reason or f"the batch was {batch.status}",
    )
    return delivery if domain or delivery.ending else replace(delivery, ending=Status.FAILED, reason=GONE)


def message_content_path(message_id: str, digest: str) -> str:
    """Where a message's content is kept that does not fit into it: two requests under one key never share a place."""
    return f"messages/{message_id}/content/{short_hash(digest)}"


async def _open_message(services: Services, job: DeliveryJob, message: Message) -> ChunkDelivery:
    path = message_content_path(job.message, message.digest)
    message_content = await services.message_store.read(path, message.message_content, message.parts)
    domain, pool = await route(services, message.domain)
    recipients = [Recipient(address) for address in inflate(message.recipients)]
    delivery = ChunkDelivery(
        job=replace(job, day=message.day),
        recipients=recipients,
        first=0,
        stretch=range(len(recipients)),
        message_content=message_content,
        domain=domain or _gone(message.domain, message.created_at),
        pool=pool,
        on_uncertain=message.on_uncertain,
        is_test=message.is_test,
        tells_sent=await is_wanted(services, "sent", message.sender),
    )
    return delivery if domain else replace(delivery, ending=Status.FAILED, reason=GONE)


def _gone(domain: str, since: datetime) -> Domain:
    """Stands for a sender domain that was deleted while its mail was queued: nothing can be signed for it any more."""
    return Domain(domain, "pending", (), (), since)


async def route(services: Services, name: str) -> tuple[Domain | None, Pool]:
    """The domain with its keys, if it is there, and the relays its mail leaves by: its own pool, or the shared one."""
    await load_corrections(services)
    domain = await services.cache.get(Domain, f"domains/{name}")
    pool = await services.cache.get(RelayPool, f"pools/{(domain and domain.pool) or SHARED}")
    return domain, Pool(pool.name, pool.relays) if pool else services.policy.shared_pool
