"""Amounts add up exactly, and time is shared without loss."""

from functools import reduce
from operator import add

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmpost.rules.model.usage import (
    AMOUNTS,
    TASK_CHUNK,
    InstanceSize,
    Usage,
    parse_sizes,
    share,
    task_operations,
)

amounts = st.integers(0, 10**15)
usages = st.builds(Usage, **dict.fromkeys(AMOUNTS, amounts))


@given(st.lists(usages), st.randoms())
def test_the_order_in_which_usage_is_added_up_does_not_matter(parts, random):
    whole = reduce(add, parts, Usage())
    random.shuffle(parts)
    assert reduce(add, parts, Usage()) == whole
    for name in AMOUNTS:
        assert getattr(whole, name) == sum(getattr(one, name) for one in parts)


@given(usages)
def test_what_is_added_to_a_document_makes_the_usage_again(usage):
    assert Usage(**usage.as_amounts()) == usage
    assert 0 not in usage.as_amounts().values()


@given(st.integers(0, 10**12), st.integers(1, 100))
def test_a_stretch_of_time_is_shared_to_the_microsecond(microseconds, parts):
    shares = share(microseconds, parts)
    assert sum(shares) == microseconds
    assert max(shares) - min(shares) <= 1


@pytest.mark.parametrize(
    ("size", "operations"), [(0, 1), (1, 1), (TASK_CHUNK, 1), (TASK_CHUNK + 1, 2), (96 * 1024, 3)]
)
def test_a_task_is_an_operation_for_each_chunk_of_it(size, operations):
    assert task_operations(size) == operations


def test_a_second_of_an_instance_is_what_it_has():
    assert InstanceSize(2, 512).busy(1_000_000) == Usage(vcpu_us=2_000_000, gib_us=500_000)


def test_sizes_are_read_by_function():
    assert parse_sizes("work=1x1024, daily=0.5x512,") == {
        "work": InstanceSize(1, 1024),
        "daily": InstanceSize(0.5, 512),
    }
    assert parse_sizes("") == {}


@pytest.mark.parametrize(
    "text", ["work", "work=1", "work=x", "=1x512", "work=-1x512", "work=1x0", "work=nanx512", "work=1x5.5"]
)
def test_a_size_that_cannot_be_is_refused_with_its_text(text):
    with pytest.raises(ValueError, match="must look like work=1x1024"):
        parse_sizes(text)
