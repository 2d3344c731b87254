"""Whatever the order, the repetition and the grouping of reports: the same end, and only along the table."""

import random
from dataclasses import replace
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.delivery.statuses import TRANSITIONS, Status
from warmpost.rules.events.event_packing import pack_reported_status, unpack_reported_status
from warmpost.rules.events.reported_status import (
    MOST_ACTS,
    MOST_KNOWN,
    OPEN_ENDED,
    ReportedStatus,
    apply_all,
    combined,
    nothing_reported,
)
from warmpost.rules.model.events import Event, Target

COUNT = 3
KINDS = ("delivered", "bounced", "deferred", "complained", "unsubscribed", "opened", "clicked")
WORDS = ((550, "5.1.1", "no such user"), (552, "5.2.2", "mailbox full"), (554, "5.7.1", "spam"), (0, "", ""))


@st.composite
def reports(draw):
    """A position and an event about it. Ids tell events apart: the same id is the same report."""
    kind = draw(st.sampled_from(KINDS))
    code, enhanced_code, text = draw(st.sampled_from(WORDS))
    event = Event(
        id="",
        kind=kind,
        at=float(draw(st.integers(0, 9))),
        target=Target("1"),
        source="test",
        code=code,
        enhanced_code=enhanced_code,
        text=text,
        machine=draw(st.booleans()),
    )
    return draw(st.integers(0, COUNT - 1)), replace(event, id=str(hash(event)))


def is_hard(event):
    return event.enhanced_code == "5.1.1"


def after(events, start=None):
    return apply_all(start or nothing_reported(COUNT), events, is_hard)[0]


def event(kind, at=0.0, text="", **others):
    return Event(f"{kind}{at}{text}", kind, at, Target("1"), "test", text=text, **others)


HARD = event("bounced", enhanced_code="5.1.1")
SOFT = event("bounced", enhanced_code="5.2.2")


def status(base, *events):
    return combined(base, after([(0, one) for one in events]), 0)


class TestAnyOrder:
    @given(st.lists(reports(), max_size=25), st.randoms(use_true_random=False))
    def test_order_repetition_and_grouping_change_nothing(self, events, dice: random.Random):
        expected = after(events)
        shuffled = events + dice.choices(events, k=len(events) // 2) if events else []
        dice.shuffle(shuffled)
        reported = nothing_reported(COUNT)
        while shuffled:
            cut = dice.randint(1, len(shuffled))
            reported = unpack_reported_status(pack_reported_status(after(shuffled[:cut], reported)))
            shuffled = shuffled[cut:]
        assert _plain(reported) == _plain(expected)

    @given(st.lists(reports(), max_size=25))
    def test_what_was_applied_is_new_no_more(self, events):
        reported, fresh = apply_all(nothing_reported(COUNT), events, is_hard)
        assert {one.id for _, one in fresh} == {one.id for _, one in events}
        assert apply_all(reported, events, is_hard) == (reported, [])

    @given(st.sampled_from(Status), st.lists(reports(), max_size=10))
    def test_a_recipient_moves_only_along_the_table(self, base, events):
        reported = after(events)
        assert {combined(base, reported, position) for position in range(COUNT)} <= reachable(base)

    @given(st.sampled_from(sorted(OPEN_ENDED, key=str)), st.lists(reports(), max_size=10))
    def test_while_the_worker_is_not_done_its_word_holds(self, base, events):
        assert combined(base, after(events), 0) is base


class TestRanks:
    def test_a_late_soft_bounce_changes_nothing_a_hard_one_does(self):
        delivered = event("delivered")
        assert status(Status.SENT, delivered, SOFT) is Status.DELIVERED
        assert status(Status.SENT, delivered, HARD) is Status.BOUNCED
        assert status(Status.DELIVERED, SOFT) is Status.DELIVERED
        assert status(Status.DELIVERED, HARD) is Status.BOUNCED

    def test_a_delivery_after_a_hard_bounce_changes_nothing_after_a_soft_one_it_does(self):
        assert status(Status.SENT, HARD, event("delivered")) is Status.BOUNCED
        assert status(Status.SENT, SOFT, event("delivered")) is Status.DELIVERED
        assert status(Status.BOUNCED, event("delivered")) is Status.BOUNCED

    def test_a_complaint_wins_over_everything(self):
        others = [HARD, SOFT, event("delivered"), event("deferred"), event("opened")]
        for base in (Status.SENT, Status.DELIVERED, Status.BOUNCED, Status.UNCERTAIN):
            assert status(base, event("complained"), *others) is Status.COMPLAINED

    def test_doubt_is_settled_by_a_report_or_by_what_a_reader_did(self):
        assert status(Status.UNCERTAIN, event("delivered")) is Status.DELIVERED
        assert status(Status.UNCERTAIN, HARD) is Status.BOUNCED
        assert status(Status.UNCERTAIN, SOFT) is Status.BOUNCED
        for act in (event("opened"), event("clicked"), event("unsubscribed"), event("opened", machine=True)):
            assert status(Status.UNCERTAIN, act) is Status.DELIVERED
            assert status(Status.UNCERTAIN, act, event("deferred"), SOFT) is Status.DELIVERED
            assert status(Status.UNCERTAIN, act, HARD) is Status.BOUNCED

    def test_readers_do_not_change_what_is_known(self):
        for base in set(Status) - {Status.UNCERTAIN}:
            assert status(base, event("opened"), event("clicked"), event("unsubscribed")) is base

    def test_never_sent_stays_never_sent(self):
        for base in (Status.SUPPRESSED, Status.FAILED, Status.CANCELLED):
            assert status(base, HARD, event("complained"), event("delivered")) is base


class TestWords:
    def test_of_two_reports_of_one_rank_the_later_words_hold(self):
        early, late = event("deferred", 1.0, "greylisted"), event("deferred", 2.0, "busy")
        for order in ([early, late], [late, early]):
            assert after([(0, one) for one in order]).notes[0][3] == "busy"

    def test_words_of_what_was_outranked_are_gone(self):
        said = [(0, event("deferred", 9.0, "greylisted")), (0, event("delivered", 1.0))]
        assert after(said).notes[0] == (1.0, 0, "", "")

    def test_hard_and_soft_bounces_are_told_apart(self):
        assert after([(0, HARD), (1, SOFT)]).marks == "bo "


class TestBounds:
    def test_what_one_reader_does_is_counted_so_often_and_no_more(self):
        acts = [(0, event("opened", float(at))) for at in range(MOST_ACTS + 20)]
        reported, fresh = apply_all(nothing_reported(COUNT), acts, is_hard)
        assert (reported.readers["opened"][0], len(reported.seen), len(fresh)) == (MOST_ACTS,) * 3
        assert apply_all(reported, reversed(acts), is_hard) == (reported, [])

    def test_a_relay_that_defers_for_ever_does_not_make_the_document_grow_for_ever(self):
        reports = [(0, event("deferred", float(at))) for at in range(MOST_KNOWN + 50)]
        reported = after([*reports, (0, event("delivered"))])
        assert len(reported.seen) == MOST_KNOWN + 1
        assert reported.marks[0] == "d"

    def test_the_fullest_document_stays_below_the_limit_of_the_database(self):
        count = 500
        acts = [
            (position, event(kind, float(at), str(position), machine=machine))
            for position in range(count)
            for kind, machine in (("opened", False), ("opened", True), ("clicked", False), ("clicked", True))
            for at in range(MOST_ACTS)
        ]
        acts += [(position, event("bounced", 1.0, f"{position} " * 150)) for position in range(count)]
        assert len(pack_reported_status(apply_all(nothing_reported(count), acts, is_hard)[0])) < 900_000


def _plain(reported: ReportedStatus):
    return (
        reported.marks,
        {name: dict(did) for name, did in reported.readers.items() if did},
        reported.seen,
        dict(reported.notes),
    )


@cache
def reachable(base: Status) -> frozenset[Status]:
    """A recipient for whom the worker has nothing left to do: none of its own changes lead on."""
    found = {base}
    waiting = [base] if base not in OPEN_ENDED else []
    while waiting:
        for then in TRANSITIONS[waiting.pop()] - found - {Status.QUEUED, Status.SENDING}:
            found.add(then)
            waiting.append(then)
    return frozenset(found)
