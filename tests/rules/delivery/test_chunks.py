"""Recipients packed by the hundred come out as they went in, in documents of bounded size."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from warmpost.rules.delivery import chunks
from warmpost.rules.delivery.chunks import MOST_CHUNK_BYTES, MOST_RECIPIENTS, pack, pack_all, unpack
from warmpost.rules.message.message import Recipient
from warmpost.rules.model.derived_ids import address_hash

texts = st.text('aZ0@. "\\\n\x00é漢🎉', max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
people = st.lists(st.builds(Recipient, texts, st.dictionaries(texts, values, max_size=3)), max_size=30)


@settings(max_examples=50)
@given(people, st.integers(0, 10**9))
def test_who_is_packed_is_unpacked(recipients, first):
    chunk = pack(first, recipients)
    assert unpack(chunk) == recipients
    assert (chunk.count, chunk.end) == (len(recipients), first + len(recipients))
    assert chunk.hashes == tuple(address_hash(one.address) for one in recipients)


@settings(max_examples=50)
@given(people, st.integers(1, 7), st.integers(30, 400), st.integers(0, 1000))
def test_chunks_follow_each_other_without_gap_within_both_limits(recipients, most, size, first):
    before = chunks.MOST_RECIPIENTS, chunks.MOST_CHUNK_BYTES
    chunks.MOST_RECIPIENTS, chunks.MOST_CHUNK_BYTES = most, size
    try:
        made = list(pack_all(recipients, first))
    finally:
        chunks.MOST_RECIPIENTS, chunks.MOST_CHUNK_BYTES = before
    assert [one for chunk in made for one in unpack(chunk)] == recipients
    at = first
    for chunk in made:
        assert chunk.first == at
        assert 1 <= chunk.count <= most
        at = chunk.end
        assert chunk.count == 1 or sum(map(weight, unpack(chunk))) <= size


def weight(recipient):
    return len(json.dumps(recipient.data, ensure_ascii=False).encode()) + len(recipient.address) + 8


def test_a_thousand_recipients_are_two_chunks():
    made = list(pack_all(Recipient(f"r{n}@example.net") for n in range(1000)))
    assert [(one.first, one.count) for one in made] == [(0, MOST_RECIPIENTS), (500, MOST_RECIPIENTS)]


def test_the_largest_variables_stay_far_from_a_documents_limit():
    large = {"text": "".join(chr(0x4E00 + n * 7919 % 20000) for n in range(2600))}
    made = list(pack_all(Recipient(f"r{n}@example.net", large) for n in range(500)))
    assert len(made) > 1
    assert all(len(one.recipients) + 9 * one.count < MOST_CHUNK_BYTES + 100_000 for one in made)


def test_an_address_is_found_in_any_case_by_a_number_that_firestore_can_count():
    assert address_hash("Ann@Example.NET") == address_hash("ann@example.net")
    assert all(-(2**63) <= address_hash(f"r{n}@example.net") < 2**63 for n in range(100))
