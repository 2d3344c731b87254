"""Applied events with all that is known of their message, for those who want to hear of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from warmpost.rules.bounces.classify import classify_bounce
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


def notification_event(
    event: Event, address: str, place: int, origin: Origin, progress: Progress, project: str, simulated: bool
) -> NotificationEvent:
    """place: the recipient's position in the progress; the event's target holds that in the batch."""
    target = event.target
    judged = classify_bounce(event.code, event.enhanced_code, event.text) if event.kind == "bounced" else None
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
        bounce_class=judged.value if judged else "",
        hard=bool(judged and judged.is_hard),
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
