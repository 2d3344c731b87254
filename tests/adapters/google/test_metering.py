"""Whose usage is whose: invocations side by side, commits that take it along, and what is left over."""

import asyncio

import pytest

from warmpost.adapters.google.metering import LONGEST_KEPT, WORTH_A_WRITE, Accounts
from warmpost.rules.model.usage import REST, InstanceSize, Usage

SIZES = {"work": InstanceSize(1, 1024), "send": InstanceSize(2, 512)}


class Seconds:
    def __init__(self):
        self.now = 5.0

    def __call__(self):
        return self.now


@pytest.fixture
def seconds():
    return Seconds()


@pytest.fixture
def accounts(seconds):
    return Accounts(SIZES, seconds)


def test_what_happens_outside_of_any_request_belongs_to_nobody(accounts):
    accounts.add(Usage(reads=1))
    accounts.bill_to("7")
    assert accounts.kept == {REST: Usage(reads=1)}


def test_an_invocation_is_billed_to_whom_it_works_for(accounts, seconds):
    with accounts.invocation("work"):
        accounts.add(Usage(reads=2))
        accounts.bill_to("7")
        seconds.now += 1
    assert accounts.kept == {"7": Usage(reads=2, invocations=1, vcpu_us=1_000_000, gib_us=1_000_000)}


def test_a_draw_takes_everything_once(accounts, seconds):
    accounts.give_back("7", Usage(writes=3))
    with accounts.invocation("work"):
        seconds.now += 0.25
        drawn = accounts.draw("7")
        assert drawn == Usage(writes=3, invocations=1, vcpu_us=250_000, gib_us=250_000)
        assert accounts.draw("7") == Usage()
        seconds.now += 0.05
    assert accounts.kept == {"7": Usage(vcpu_us=50_000, gib_us=50_000)}


def test_what_could_not_be_written_is_drawn_again(accounts):
    accounts.give_back("7", Usage(writes=3))
    accounts.give_back("7", accounts.draw("7"))
    assert accounts.draw("7") == Usage(writes=3)
    assert accounts.kept == {}


async def test_requests_that_share_an_instance_share_its_seconds(accounts, seconds):
    """One alone for a second, two for a second, the other alone for a second: three seconds, not four."""
    first_out, second_in = asyncio.Event(), asyncio.Event()

    async def first():
        with accounts.invocation("work"):
            accounts.bill_to("1")
            seconds.now += 1
            second_in.set()
            await first_out.wait()

    async def second():
        await second_in.wait()
        with accounts.invocation("work"):
            accounts.bill_to("2")
            seconds.now += 1
            first_out.set()
            await one
            seconds.now += 1

    one = asyncio.create_task(first())
    await asyncio.gather(one, second())
    assert {name: usage.vcpu_us for name, usage in accounts.kept.items()} == {"1": 1_500_000, "2": 1_500_000}


async def test_functions_have_instances_of_their_own(accounts, seconds):
    with accounts.invocation("work"):
        accounts.bill_to("1")
        with accounts.invocation("send"):
            accounts.bill_to("2")
            seconds.now += 1
    assert accounts.kept["1"].vcpu_us == 1_000_000
    assert (accounts.kept["2"].vcpu_us, accounts.kept["2"].gib_us) == (2_000_000, 500_000)


def test_a_busy_stretch_is_billed_by_tenths_of_a_second(accounts, seconds):
    for _ in range(2):
        with accounts.invocation("work"):
            seconds.now += 0.02
        seconds.now += 10
    assert accounts.kept[REST].vcpu_us == 200_000


async def test_what_an_invocation_began_counts_for_it_even_when_it_is_over(accounts):
    over = asyncio.Event()

    async def straggle():
        await over.wait()
        accounts.add(Usage(reads=1))

    with accounts.invocation("work"):
        accounts.bill_to("7")
        task = asyncio.create_task(straggle())
    over.set()
    await task
    assert accounts.kept["7"].reads == 1


def test_only_what_is_worth_it_or_old_is_written_down_without_an_occasion(accounts, seconds):
    accounts.give_back("1", Usage(reads=WORTH_A_WRITE - 1))
    accounts.give_back("2", Usage(reads=WORTH_A_WRITE - 1, tasks=1))
    assert accounts.overdue() == ["2"]
    accounts.draw("2")
    seconds.now += LONGEST_KEPT
    assert accounts.overdue() == ["1"]


def test_a_failed_request_has_cost_what_it_did(accounts):
    with pytest.raises(ValueError, match="x"), accounts.invocation("send"):
        accounts.add(Usage(reads=1))
        raise ValueError("x")
    assert accounts.kept[REST].reads == 1
