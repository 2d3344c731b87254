"""What work uses up, in the units the platform bills, as amounts that add up exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

REST = "rest"
"""Whose usage it is that belongs to no batch and no single send."""

TASK_CHUNK = 32 * 1024
BILLED_STRETCH_US = 100_000
"""Microseconds up to whose multiple an instance's busy time is rounded (Cloud Run's price list)."""


@dataclass(frozen=True, slots=True)
class Usage:
    """reads, writes, deletes: Firestore documents. tasks: Cloud Tasks operations: calls and deliveries, by 32 KiB.

    invocations: requests that functions took. vcpu_us, gib_us: vCPU- and GiB-microseconds of instances that were busy.
    egress, relay_egress: bytes sent to the internet, and to relays.
    """

    reads: int = 0
    writes: int = 0
    deletes: int = 0
    tasks: int = 0
    invocations: int = 0
    vcpu_us: int = 0
    gib_us: int = 0
    egress: int = 0
    relay_egress: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(getattr(self, name) + getattr(other, name) for name in AMOUNTS))

    @property
    def operations(self) -> int:
        return self.reads + self.writes + self.deletes + self.tasks

    def as_amounts(self) -> Mapping[str, int]:
        """Those above zero by name, to be added to a document."""
        return {name: getattr(self, name) for name in AMOUNTS if getattr(self, name)}


AMOUNTS = tuple(one.name for one in fields(Usage))


def task_operations(size: int) -> int:
    """How many operations one call or delivery with a body of so many bytes counts as."""
    return max(1, -(-size // TASK_CHUNK))


@dataclass(frozen=True, slots=True)
class InstanceSize:
    """What one instance of a function has. memory: MiB."""

    vcpu: float = 1.0
    memory: int = 512

    def busy(self, microseconds: int) -> Usage:
        return Usage(vcpu_us=round(microseconds * self.vcpu), gib_us=round(microseconds * self.memory / 1024))


def share(microseconds: int, parts: int) -> Sequence[int]:
    """A stretch of time in equal parts, to the microsecond; what cannot be divided is the first ones'."""
    each, left = divmod(microseconds, parts)
    return [each + (number < left) for number in range(parts)]


def parse_sizes(text: str) -> Mapping[str, InstanceSize]:
    """`work=1x1024,daily=0.5x512`: vCPUs and MiB by function. Raises ValueError."""
    sizes: dict[str, InstanceSize] = {}
    for one in filter(None, (part.strip() for part in text.split(","))):
        name, _, size = one.partition("=")
        vcpu, _, memory = size.partition("x")
        try:
            sizes[name] = InstanceSize(float(vcpu), int(memory))
        except ValueError:
            sizes[name] = InstanceSize(0, 0)
        if not name or not 0 < sizes[name].vcpu <= 64 or not 0 < sizes[name].memory <= 1_048_576:
            raise ValueError(
                f"{one!r} must look like work=1x1024: vCPUs x MiB of an instance of that function"
            )
    return sizes
