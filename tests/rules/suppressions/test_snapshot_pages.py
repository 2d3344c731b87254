from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.suppressions import snapshot_pages
from warmpost.rules.suppressions.snapshot_pages import Entry, group, pack_pages, unpack_page

NOON = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
entries = st.builds(
    Entry,
    st.sampled_from(["manual", "hard_bounce", "complaint", "unsubscribe"]),
    st.sampled_from([None, NOON, NOON + timedelta(days=3)]),
    st.booleans(),
)
hashes = st.integers(-(2**63), 2**63 - 1)


@pytest.mark.parametrize("room", [1, 7, 60_000])
@given(
    known=st.dictionaries(st.sampled_from(["", "a.example", "ü.example"]), st.dictionaries(hashes, entries))
)
def test_pages_hold_exactly_what_was_put_into_them(known, room):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshot_pages, "MOST_HASHES", room)
        pages = list(pack_pages(group(known)))
    found = {}
    for page in pages:
        rows = list(unpack_page(page))
        assert sum(len(some) for _, _, some in rows) <= room
        for scope, entry, some in rows:
            found.setdefault(scope, {}).update(dict.fromkeys(some, entry))
    assert found == {scope: inner for scope, inner in known.items() if inner}


def test_a_full_page_is_half_of_what_a_document_may_hold():
    [page, rest] = pack_pages(group({"": dict.fromkeys(range(60_001), Entry("manual", None, False))}))
    assert len(page) < 500_000
    assert len(rest) < 100
