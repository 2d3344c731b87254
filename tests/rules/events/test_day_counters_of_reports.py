"""Figures after reports: always those of the recipients' statuses, however they came about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.delivery.mailbox_providers import SIMULATOR
from warmpost.rules.delivery.progress import Note, Progress, Result, begin, claim, record, reserve
from warmpost.rules.delivery.statuses import Status
from warmpost.rules.events.day_counters import Circumstances, count_outcomes, count_reports, not_booked
from warmpost.rules.events.reported_status import apply_all, combined, nothing_reported
from warmpost.rules.model.events import Event, Target

DAY = "2026-11-23"
COUNT = 4
SIMULATED = 3
NO_USER = {"code": 550, "enhanced_code": "5.1.1", "text": "No such user"}
FULL = {"code": 552, "enhanced_code": "5.2.2", "text": "Mailbox full"}
SPAM = {"code": 554, "enhanced_code": "5.7.1", "text": "Rejected as spam"}
ENDS = (Status.SENT, Status.DELIVERED, Status.BOUNCED, Status.UNCERTAIN, Status.SUPPRESSED)
KINDS = ("delivered", "bounced", "deferred", "complained", "opened", "clicked", "unsubscribed")


def worked(*ends: Status) -> Progress:
    """As a worker leaves it. What it saw bounce was refused for an unknown user."""
    progress = claim(reserve(begin(len(ends)), range(len(ends)), DAY), range(len(ends)), "w", 0.0)
    notes = {
        Status.BOUNCED: Note(1.0, Status.BOUNCED, **NO_USER),
        Status.SUPPRESSED: Note(1.0, Status.SUPPRESSED),
    }
    dropped = {at: Status.FAILED if end is Status.SUPPRESSED else end for at, end in enumerate(ends)}
    results = {at: Result(end, notes.get(end), tried=end is not Status.FAILED) for at, end in dropped.items()}
    return record(progress, results, 1.0)


def given_that(reports: bool = True, tracked: bool = False) -> Circumstances:
    return Circumstances(lambda at: SIMULATOR if at == SIMULATED else "gmail", reports, True, tracked)


def report(kind: str, position: int = 0, **others):
    words = {"at": 2.0} | others
    return position, Event(f"{kind} {position} {words}", kind, target=Target("1"), source="test", **words)


def is_hard(event: Event) -> bool:
    return event.enhanced_code == "5.1.1"


def total(progress: Progress, given: Circumstances, *reports) -> dict[str, int]:
    """What is booked in the end, without zeros."""
    reported, _ = apply_all(nothing_reported(len(progress.results)), reports, is_hard)
    found = dict(count_outcomes(progress, given).get(DAY, {}))
    for name, amount in count_reports(progress, reported, given).get(DAY, {}).items():
        found[name] = found.get(name, 0) + amount
    return {name: amount for name, amount in found.items() if amount}


def figures(found: dict[str, int]) -> dict[str, int]:
    return {name: amount for name, amount in found.items() if not name.startswith("by.")}


def shown(found: dict[str, int], provider: str = "gmail") -> dict[str, int]:
    return {
        name.removeprefix(f"by.{provider}."): amount
        for name, amount in found.items()
        if name.startswith(f"by.{provider}.")
    }


REPORTS = st.lists(
    st.builds(
        lambda kind, at, words, machine, time: report(
            kind, at, machine=machine, **({"at": float(time)} | (words if kind == "bounced" else {}))
        ),
        st.sampled_from(KINDS),
        st.integers(0, COUNT - 1),
        st.sampled_from((NO_USER, FULL, SPAM)),
        st.booleans(),
        st.integers(0, 5),
    ),
    max_size=15,
)


@given(st.lists(st.sampled_from(ENDS), min_size=COUNT, max_size=COUNT), REPORTS, st.booleans())
def test_statistics_count_every_recipient_once_under_its_status(ends, reports, relay_reports):
    progress = worked(*ends)
    reported, _ = apply_all(nothing_reported(COUNT), reports, is_hard)
    found = total(progress, given_that(relay_reports), *reports)
    expected: dict[str, int] = {}
    for at in range(COUNT):
        provider = SIMULATOR if at == SIMULATED else "gmail"
        for name in ("requested", combined(progress.status(at), reported, at).value):
            expected[f"by.{provider}.{name}"] = expected.get(f"by.{provider}.{name}", 0) + 1
    statuses = {"requested", *(status.value for status in Status)}
    assert {
        name: n for name, n in found.items() if name.split(".")[-1] in statuses and "." in name
    } == expected


@given(st.lists(st.sampled_from(ENDS), min_size=COUNT, max_size=COUNT), REPORTS, st.booleans())
def test_figures_are_never_negative_and_known_never_exceeds_attempted(ends, reports, relay_reports):
    found = total(worked(*ends), given_that(relay_reports), *reports)
    assert all(amount > 0 for amount in found.values())
    known = sum(found.get(name, 0) for name in ("delivered", "accepted_unreported", "bounced"))
    assert known <= found.get("attempted", 0)
    assert found.get("hard_bounced_unknown", 0) + found.get("spam_bounced", 0) <= found.get("bounced", 0)


@given(REPORTS)
def test_the_simulator_changes_no_figure(reports):
    mine = [(SIMULATED, event) for _, event in reports]
    progress = worked(*[Status.DELIVERED] * COUNT)
    assert figures(total(progress, given_that(), *mine)) == figures(total(progress, given_that()))


def test_a_relay_that_reports_is_believed_when_it_does_one_that_does_not_at_once():
    sent = worked(Status.SENT)
    assert figures(total(sent, given_that(reports=True))) == {"attempted": 1, "settled": 1}
    assert figures(total(sent, given_that(reports=False))) == {
        "attempted": 1, "settled": 1, "accepted_unreported": 1,
    }  # fmt: skip
    for reports in (True, False):
        assert figures(total(sent, given_that(reports), report("delivered"))) == {
            "attempted": 1, "settled": 1, "delivered": 1,
        }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "rates", "by_class"),
    [
        (NO_USER, {"hard_bounced_unknown": 1}, "bounced_unknown_user"),
        (SPAM, {"spam_bounced": 1}, "bounced_spam"),
        (FULL, {}, "bounced_mailbox_full"),
    ],
)
def test_bounces_count_by_what_they_say(words, rates, by_class):
    found = total(worked(Status.SENT), given_that(reports=False), report("bounced", **words))
    assert figures(found) == {"attempted": 1, "settled": 1, "bounced": 1} | rates
    assert shown(found) == {"requested": 1, "bounced": 1, by_class: 1}


def test_what_a_worker_saw_bounce_counts_by_its_words_too():
    found = total(worked(Status.BOUNCED), given_that())
    assert shown(found) == {"requested": 1, "bounced": 1, "bounced_unknown_user": 1}
    assert figures(found) == {"attempted": 1, "settled": 1, "bounced": 1, "hard_bounced_unknown": 1}


def test_a_complaint_after_a_bounce_takes_the_bounce_back_with_all_its_classes():
    found = total(worked(Status.BOUNCED), given_that(), report("complained"))
    assert figures(found) == {"attempted": 1, "settled": 1, "delivered": 1, "complained": 1}
    assert shown(found) == {"requested": 1, "complained": 1}


def test_readers_are_counted_once_each_and_all_their_acts_apart_from_machines():
    acts = [report("opened", at=float(at)) for at in range(3)]
    acts += [report("opened", machine=True), report("clicked", 1), report("unsubscribed", 1)]
    found = total(worked(Status.SENT, Status.SENT), given_that(tracked=True), *acts)
    assert shown(found) == {
        "requested": 2, "sent": 2,
        "opened": 1, "opened_total": 3,
        "machine_opened": 1, "machine_opened_total": 1,
        "clicked": 1, "clicked_total": 1,
        "unsubscribed": 1, "unsubscribed_total": 1,
    }  # fmt: skip
    assert figures(found)["opened"] == 1


@given(REPORTS, REPORTS)
def test_what_is_booked_bit_by_bit_is_what_is_booked_at_once(first, then):
    progress, given = worked(*[Status.SENT] * COUNT), given_that()
    some, _ = apply_all(nothing_reported(COUNT), first, is_hard)
    every, _ = apply_all(some, then, is_hard)
    before, after = count_reports(progress, some, given), count_reports(progress, every, given)
    booked = dict(before.get(DAY, {}))
    for name, amount in not_booked(after, before).get(DAY, {}).items():
        booked[name] = booked.get(name, 0) + amount
    assert {name: n for name, n in booked.items() if n} == dict(after.get(DAY, {}))
    assert not_booked(after, after) == {}


def test_what_days_are_left_without_news_are_left_out():
    booked = {DAY: {"sent": 2}, "2026-11-24": {"sent": 1}}
    assert not_booked(booked | {DAY: {"sent": 3}}, booked) == {DAY: {"sent": 1}}
