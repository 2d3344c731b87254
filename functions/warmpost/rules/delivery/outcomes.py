"""From what a relay said to what becomes of the recipient."""

from __future__ import annotations

from warmpost.rules.delivery.envelope import HandOver, Outcome
from warmpost.rules.delivery.progress import Detail, Note, OnUncertain, Result
from warmpost.rules.delivery.retries import RetryPlan
from warmpost.rules.delivery.statuses import Status

MOST_TEXT = 300


def judge(
    outcome: Outcome,
    before: Detail,
    plan: RetryPlan,
    policy: OnUncertain,
    at: float,
    final: bool = False,
    keep_words: bool = False,
) -> Result:
    """The result of one hand-over, decided with the recipient's history.

    A refusal bounces; a postponement is tried again until the plan gives up, and then bounces with the last reply;
    a lost answer is uncertain, or tried again for as long where the sender's policy says so; what no relay was asked
    about stays as it was. final: the relay delivers to the mailbox itself, so its acceptance is the delivery.
    keep_words: of an acceptance too, in which relays name the message in their queue.
    """
    match outcome.hand_over:
        case HandOver.ACCEPTED:
            status = Status.DELIVERED if final else Status.SENT
            return Result(status, _note(outcome, status, at) if before.notes or keep_words else None)
        case HandOver.REFUSED:
            return Result(Status.BOUNCED, _note(outcome, Status.BOUNCED, at))
        case HandOver.POSTPONED:
            return _postponed(outcome, before, plan, at)
        case HandOver.IN_DOUBT if policy == "resend" and not _is_over(before, plan, at):
            return Result(Status.DEFERRED, _note(outcome, Status.DEFERRED, at))
        case HandOver.IN_DOUBT:
            return Result(Status.UNCERTAIN, _note(outcome, Status.UNCERTAIN, at))
        case HandOver.NOT_TRIED:
            return Result(Status.DEFERRED if before.since else Status.QUEUED, None, tried=False)


def _postponed(outcome: Outcome, before: Detail, plan: RetryPlan, at: float) -> Result:
    status = Status.BOUNCED if _is_over(before, plan, at) else Status.DEFERRED
    return Result(status, _note(outcome, status, at))


def _is_over(before: Detail, plan: RetryPlan, at: float) -> bool:
    return plan.is_over(before.since, before.tries + 1, at)


def _note(outcome: Outcome, status: Status, at: float) -> Note:
    reply = outcome.reply
    if reply is None:
        return Note(at, status, outcome.reason[:MOST_TEXT], relay=outcome.relay)
    return Note(at, status, reply.text[:MOST_TEXT], reply.code, reply.enhanced_code, outcome.relay)


def unreachable(at: float, reason: str) -> Result:
    """For recipients whose pool had no reachable relay for as long as the plan is patient."""
    return Result(Status.BOUNCED, Note(at, Status.BOUNCED, reason[:MOST_TEXT]))
