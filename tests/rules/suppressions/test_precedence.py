"""What holds of an address does not depend on who spoke first."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.errors import Invalid
from warmpost.rules.model.derived_ids import address_hash
from warmpost.rules.suppressions.documents import Suppression
from warmpost.rules.suppressions.precedence import REASONS, by_hand, decide, holds

START = datetime(2026, 11, 23, tzinfo=UTC)
ADDRESS = "a@x.example"


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def said(reason: str, hours: float, expires: float | None = None, note: str = "") -> Suppression:
    until = None if expires is None else at(expires)
    return Suppression(ADDRESS, address_hash(ADDRESS), reason, at(hours), note, expires_at=until)


def back(hours: float) -> Suppression:
    """A reader wants mail again."""
    return Suppression(
        ADDRESS, address_hash(ADDRESS), "unsubscribe", at(hours), lifted=True, lifted_at=at(hours)
    )


def lifted(one: Suppression, hours: float) -> Suppression:
    """By an operator."""
    return Suppression(ADDRESS, one.hash, one.reason, one.since, lifted=True, lifted_at=at(hours))


def end_of(*words: Suppression, known: Suppression | None = None) -> Suppression | None:
    for one in words:
        known = decide(known, one)
    return known


HOURS = st.integers(0, 6)
EVERYWHERE = st.builds(
    said, st.sampled_from(("hard_bounce", "complaint")), HOURS, note=st.sampled_from(("", "550", "552"))
)
READERS = st.one_of(st.builds(said, st.just("unsubscribe"), HOURS), st.builds(back, HOURS))


@given(st.lists(EVERYWHERE, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_reports_end_the_same_in_any_order_and_repetition(words, dice):
    shuffled = [*words, *dice.choices(words, k=3)]
    dice.shuffle(shuffled)
    assert end_of(*shuffled) == end_of(*words)


@given(st.lists(READERS, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_a_readers_last_word_holds_in_any_order(words, dice):
    shuffled = [*words, *dice.choices(words, k=3)]
    dice.shuffle(shuffled)
    found, expected = end_of(*shuffled), end_of(*words)
    assert (found.lifted, found.reason) == (expected.lifted, expected.reason)
    assert (found.lifted_at if found.lifted else found.since) == max(one.since for one in words)


@given(st.lists(EVERYWHERE, max_size=4), READERS)
def test_what_was_said_twice_changes_nothing(words, one):
    known = end_of(*words, one)
    assert decide(known, one) == known


def test_a_complaint_weighs_most_and_an_unsubscription_least():
    ranked = ("unsubscribe", "manual", "hard_bounce", "complaint")
    for words in permutations([said(reason, hour) for hour, reason in enumerate(ranked)]):
        assert end_of(*words).reason == "complaint"
    assert end_of(said("manual", 0), said("unsubscribe", 1)).reason == "manual"
    assert set(ranked) == set(REASONS)


def test_the_longer_time_holds():
    until_five, for_ever = said("manual", 0, expires=5), said("unsubscribe", 1)
    for words in permutations([until_five, for_ever]):
        assert (end_of(*words).reason, end_of(*words).expires_at) == ("manual", None)


def test_readers_take_back_their_own_word_and_no_other():
    for reason in ("manual", "hard_bounce", "complaint"):
        assert holds(end_of(said(reason, 0), back(1)), at(2))
    assert not holds(end_of(said("unsubscribe", 0), back(1)), at(2))


def test_reports_of_before_a_lifting_do_not_bring_a_suppression_back_later_ones_do():
    gone = lifted(said("hard_bounce", 0), 3)
    assert decide(gone, said("hard_bounce", 2)) is gone
    assert holds(decide(gone, said("hard_bounce", 4)), at(5))


def test_what_has_expired_makes_room():
    assert end_of(said("complaint", 0, expires=1), said("unsubscribe", 2)).reason == "unsubscribe"


def test_a_suppression_ends_at_its_hour():
    one = said("manual", 0, expires=2)
    assert holds(one, at(1.9))
    assert not holds(one, at(2))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"address": "x"}, "address"),
        ({"reason": "spite"}, "reason"),
        ({"domain": "-"}, "domain"),
        ({"note": "x" * 501}, "note"),
        ({"expires_at": "2026-11-23T00:00:00Z"}, "expires_at"),
    ],
)
def test_what_an_operator_gives_is_checked(given, field):
    with pytest.raises(Invalid) as refused:
        by_hand(**({"address": ADDRESS, "now": START} | given))
    assert refused.value.field == field
