"""Applied events with all that is known of their message, for those who want to hear of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from warmpost.rules.bounces.classify import BounceClass
from warmpost.rules.delivery.documents import Batch, Message
from warmpost.rules.delivery.progress import Progress
from warmpost.rules.model.derived_ids import batch_message_id, send_message_id
from warmpost.rules.model.events import Event, Target
from warmpost.rules.webhooks.notifications import NotificationEvent


@dataclass(frozen=True, slots=True)
class Origin:
    """What a batch or message tells of itself."""

    domain: str
    sender: str
    subject: str
    template: str
    tags: dict[str, str] = field(default_factory=dict)


def origin_of(sent: Batch | Message) -> Origin:
    """A batch's subject is personal to each recipient; its name stands for it."""
    subject = sent.subject if isinstance(sent, Message) else sent.name
    return Origin(sent.domain, sent.sender, subject, sent.template, sent.tags)


def judged(told: NotificationEvent, found: BounceClass | None) -> NotificationEvent:
    """With what a bounce was about; None for what is no bounce."""
    return replace(told, bounce_class=found.value, hard=found.is_hard) if found else told


def notification_event(
    event: Event, address: str, place: int, origin: Origin, progress: Progress, project: str, simulated: bool
) -> NotificationEvent:
    """What a bounce was about is left to `judged`.

    place: the recipient's position in the progress; the event's target holds that in the batch.
    """
    target = event.target
    return NotificationEvent(
        kind=event.kind,
        at=event.at,
        event_id=event.id,
        to=address,
        message_id=_message_id(target, project, origin.domain),
        batch=target.batch,
        message=target.message,
        sender=origin.sender,
        domain=origin.domain,
        subject=origin.subject,
        template=origin.template,
        tags=origin.tags,
        code=event.code,
        enhanced_code=event.enhanced_code,
        text=event.text,
        link=event.link,
        user_agent=event.user_agent,
        machine=event.machine,
        simulated=simulated,
        sent_at=progress.sent_at(place),
    )


def _message_id(target: Target, project: str, domain: str) -> str:
    if target.message:
        return send_message_id(project, target.message, domain)
    return batch_message_id(project, target.batch, target.position, domain)
