from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.events.event_packing import (
    pack_events,
    pack_reported_status,
    unpack_events,
    unpack_reported_status,
)
from warmpost.rules.events.reported_status import READERS, ReportedStatus
from warmpost.rules.model.events import Event, Target

WORDS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
TARGETS = st.builds(Target, WORDS, WORDS, st.integers(0, 10**6), WORDS)
TIMES = st.floats(0, 4e9)
EVENTS = st.builds(
    Event,
    id=WORDS,
    kind=st.sampled_from(("delivered", "bounced", "opened")),
    at=TIMES,
    target=TARGETS,
    source=WORDS,
    code=st.integers(0, 999),
    enhanced_code=WORDS,
    text=WORDS,
    relay=WORDS,
    link=WORDS,
    user_agent=WORDS,
    machine=st.booleans(),
)
REPORTED = st.builds(
    ReportedStatus,
    marks=st.text(" todbc", max_size=9),
    readers=st.dictionaries(
        st.sampled_from(READERS), st.dictionaries(st.integers(0, 499), st.integers(1, 50))
    ),
    seen=st.frozensets(st.integers(0, 500 << 32)),
    notes=st.dictionaries(st.integers(0, 499), st.tuples(TIMES, st.integers(0, 999), WORDS, WORDS)),
)


@given(st.lists(EVENTS, max_size=5))
def test_events_come_back_as_they_were(events):
    assert unpack_events(pack_events(events)) == events


@given(REPORTED)
def test_reported_status_comes_back_as_it_was(reported):
    assert unpack_reported_status(pack_reported_status(reported)) == reported


def test_a_row_has_every_field_of_an_event_in_order():
    """Rows are kept for weeks: a new field belongs at the end, with a value for those that lack it."""
    assert [one.name for one in fields(Event)][:12] == [
        "id", "kind", "at", "target", "source", "code", "enhanced_code", "text", "relay", "link", "user_agent", "machine",
    ]  # fmt: skip
