"""What becomes of a recipient after each thing a relay can say, whatever was before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.delivery.envelope import HandOver, Outcome, Reply
from warmpost.rules.delivery.outcomes import MOST_TEXT, judge, unreachable
from warmpost.rules.delivery.progress import Detail, Note, Result, begin, claim, record
from warmpost.rules.delivery.retries import RetryPlan
from warmpost.rules.delivery.statuses import Status, may_become

NOW = 1_000_000.0
PLAN = RetryPlan((60, 300), 3600)
replies = st.none() | st.builds(
    Reply, st.integers(200, 599), st.just("4.7.1"), st.text('a"é漢', max_size=400)
)
outcomes = st.builds(
    Outcome, st.sampled_from(HandOver), st.just("r1"), replies, st.text('a"é漢', max_size=400)
)
histories = st.builds(
    Detail,
    st.lists(st.builds(Note, st.just(NOW - 100), st.sampled_from(Status)), max_size=3).map(tuple),
    st.integers(0, 20),
    st.sampled_from([0.0, NOW - 7200, NOW - 3500, NOW - 60]),
)


@given(outcomes, histories, st.sampled_from(["hold", "resend"]), st.booleans())
def test_every_answer_leads_where_the_table_allows(outcome, before, policy, final):
    result = judge(outcome, before, PLAN, policy, NOW, final)
    assert may_become(Status.SENDING, result.status)
    assert result.tried is (outcome.hand_over is not HandOver.NOT_TRIED)
    over = PLAN.is_over(before.since, before.tries + 1, NOW)
    again = Status.DEFERRED if not over else None
    expected = {
        HandOver.ACCEPTED: Status.DELIVERED if final else Status.SENT,
        HandOver.REFUSED: Status.BOUNCED,
        HandOver.POSTPONED: again or Status.BOUNCED,
        HandOver.IN_DOUBT: again if policy == "resend" and again else Status.UNCERTAIN,
        HandOver.NOT_TRIED: Status.DEFERRED if before.since else Status.QUEUED,
    }
    assert result.status is expected[outcome.hand_over]


@given(outcomes, histories, st.sampled_from(["hold", "resend"]))
def test_whatever_did_not_simply_work_is_told_with_the_relays_words(outcome, before, policy):
    result = judge(outcome, before, PLAN, policy, NOW)
    if result.note is None:
        assert outcome.hand_over in (HandOver.ACCEPTED, HandOver.NOT_TRIED)
        return
    assert (result.note.at, result.note.status, result.note.relay) == (NOW, result.status, "r1")
    words = outcome.reply.text if outcome.reply else outcome.reason
    assert result.note.text == words[:MOST_TEXT]
    assert result.note.code == (outcome.reply.code if outcome.reply else 0)


def test_acceptance_at_the_first_try_needs_no_note_and_after_others_ends_their_story():
    accepted = Outcome(HandOver.ACCEPTED, "r1", Reply(250, "", "ok"))
    assert judge(accepted, Detail(), PLAN, "hold", NOW).note is None
    waited = Detail((Note(NOW - 60, Status.DEFERRED),), 1, NOW - 60)
    note = judge(accepted, waited, PLAN, "hold", NOW).note
    assert note is not None and note.status is Status.SENT


def test_being_put_off_for_ever_ends():
    progress, at, tries = begin(1), NOW, 0
    put_off = Outcome(HandOver.POSTPONED, "r1", Reply(451, "4.7.1", "later"))
    while not progress.is_finished:
        progress = claim(progress, [0], "w", at)
        before = progress.details.get(0, Detail())
        progress = record(progress, {0: judge(put_off, before, PLAN, "hold", at)}, at)
        tries += 1
        assert tries < 50
        at += PLAN.delay(tries)
    assert progress.status(0) is Status.BOUNCED
    assert progress.details[0].notes[-1].at <= NOW + PLAN.give_up


@pytest.mark.parametrize("now", [Status.QUEUED, Status.SENDING, Status.DEFERRED])
def test_who_could_not_be_reached_for_a_day_bounces_with_the_reason(now):
    result = unreachable(NOW, "no relay " + "x" * 400)
    assert isinstance(result, Result) and may_become(now, result.status)
    assert result.note is not None and len(result.note.text) == MOST_TEXT
