"""Whose usage is whose: invocations side by side, commits that take it along, and what is left over."""

import asyncio

import pytest

from warmpost.adapters.google.metering import LONGEST_KEPT, WORTH_A_WRITE, Metering
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
def metering(seconds):
    return Metering(SIZES, seconds)


def test_what_happens_outside_of_any_request_belongs_to_nobody(metering):
    metering.add(Usage(reads=1))
    metering.bill_to("7")
    assert metering.kept == {REST: Usage(reads=1)}


def test_an_invocation_is_billed_to_whom_it_works_for(metering, seconds):
    with metering.invocation("work"):
        metering.add(Usage(reads=2))
        metering.bill_to("7")
        seconds.now += 1
    assert metering.kept == {"7": Usage(reads=2, invocations=1, vcpu_us=1_000_000, gib_us=1_000_000)}


def test_a_draw_takes_everything_once(metering, seconds):
    metering.give_back("7", Usage(writes=3))
    with metering.invocation("work"):
        seconds.now += 0.25
        drawn = metering.draw("7")
        assert drawn == Usage(writes=3, invocations=1, vcpu_us=250_000, gib_us=250_000)
        assert metering.draw("7") == Usage()
        seconds.now += 0.05
    assert metering.kept == {"7": Usage(vcpu_us=50_000, gib_us=50_000)}


def test_what_could_not_be_written_is_drawn_again(metering):
    metering.give_back("7", Usage(writes=3))
    metering.give_back("7", metering.draw("7"))
    assert metering.draw("7") == Usage(writes=3)
    assert metering.kept == {}


async def test_requests_that_share_an_instance_share_its_seconds(metering, seconds):
    """One alone for a second, two for a second, the other alone for a second: three seconds, not four."""
    first_out, second_in = asyncio.Event(), asyncio.Event()

    async def first():
        with metering.invocation("work"):
            metering.bill_to("1")
            seconds.now += 1
            second_in.set()
            await first_out.wait()

    async def second():
        await second_in.wait()
        with metering.invocation("work"):
            metering.bill_to("2")
            seconds.now += 1
            first_out.set()
            await one
            seconds.now += 1

    one = asyncio.create_task(first())
    await asyncio.gather(one, second())
    assert {name: usage.vcpu_us for name, usage in metering.kept.items()} == {"1": 1_500_000, "2": 1_500_000}


async def test_functions_have_instances_of_their_own(metering, seconds):
    with metering.invocation("work"):
        metering.bill_to("1")
        with metering.invocation("send"):
            metering.bill_to("2")
            seconds.now += 1
    assert metering.kept["1"].vcpu_us == 1_000_000
    assert (metering.kept["2"].vcpu_us, metering.kept["2"].gib_us) == (2_000_000, 500_000)


def test_a_busy_stretch_is_billed_by_tenths_of_a_second(metering, seconds):
    for _ in range(2):
        with metering.invocation("work"):
            seconds.now += 0.02
        seconds.now += 10
    assert metering.kept[REST].vcpu_us == 200_000


async def test_what_an_invocation_began_counts_for_it_even_when_it_is_over(metering):
    over = asyncio.Event()

    async def straggle():
        await over.wait()
        metering.add(Usage(reads=1))

    with metering.invocation("work"):
        metering.bill_to("7")
        task = asyncio.create_task(straggle())
    over.set()
    await task
    assert metering.kept["7"].reads == 1


def test_only_what_is_worth_it_or_old_is_written_down_without_an_occasion(metering, seconds):
    metering.give_back("1", Usage(reads=WORTH_A_WRITE - 1))
    metering.give_back("2", Usage(reads=WORTH_A_WRITE - 1, tasks=1))
    assert metering.overdue() == ["2"]
    metering.draw("2")
    seconds.now += LONGEST_KEPT
    assert metering.overdue() == ["1"]


def test_a_failed_request_has_cost_what_it_did(metering):
    with pytest.raises(ValueError, match="x"), metering.invocation("send"):
        metering.add(Usage(reads=1))
        raise ValueError("x")
    assert metering.kept[REST].reads == 1
