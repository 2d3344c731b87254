"""Names that are derived: always the same, and never the same for two things."""

import re

from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.model.derived_ids import batch_message_id, send_message_id, short_hash, task_name

numbers = st.integers(1, 10**9).map(str)


@given(numbers, st.integers(0, 10**7))
def test_a_message_id_is_derived_and_fits_its_header(batch, position):
    made = batch_message_id("project", batch, position, "news.example.com")
    assert made == batch_message_id("project", batch, position, "news.example.com")
    assert re.fullmatch(r"[a-z0-9]{16}\.[0-9]+\.[0-9]+@news\.example\.com", made)


@given(st.tuples(numbers, st.integers(0, 99)), st.tuples(numbers, st.integers(0, 99)))
def test_two_recipients_never_share_one(one, other):
    def made(recipient):
        return batch_message_id("p", recipient[0], recipient[1], "d.example")

    same = made(one) == made(other)
    assert same is (one == other)


def test_deployments_and_kinds_do_not_share_message_ids():
    made = {
        batch_message_id("p", "1", 2, "d.example"),
        batch_message_id("q", "1", 2, "d.example"),
        batch_message_id("p", "1", 2, "e.example"),
        send_message_id("p", "1", "d.example"),
    }
    assert len(made) == 4


@given(st.lists(st.text(max_size=5), min_size=1, max_size=4), st.integers(1, 32))
def test_a_hash_is_letters_and_digits_of_the_wanted_length(parts, length):
    assert re.fullmatch(rf"[a-z2-7]{{{length}}}", short_hash(*parts, length=length))


def test_parts_are_told_apart():
    assert short_hash("a", "bc") != short_hash("ab", "c")
    assert task_name("plan", 1, 23) != task_name("plan", 12, 3)


@given(numbers, st.integers(0, 999999), st.integers(0, 500), st.integers(0, 9))
def test_a_task_name_is_one_that_cloud_tasks_takes(batch, chunk, first, generation):
    name = task_name("deliver", batch, f"{chunk:06d}", first, generation)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,500}", name)
