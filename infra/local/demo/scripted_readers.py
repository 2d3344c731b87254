"""Whom the demo of events writes to, and who of them will do what."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from random import Random

NAMES = (
    *("ada", "ben", "chloe", "dmitri", "elif", "farid", "grace", "hanna", "igor", "jun"),
    *("karla", "liam", "mei", "noor", "olga", "pavel", "rosa", "sam", "tara", "wen"),
)
FAMILIES = ("berg", "costa", "haas", "ito", "khan", "li", "moreau", "novak", "silva")
MAILBOXES = (
    *(("gmail.com", 54), ("outlook.com", 36), ("yahoo.com", 27), ("qq.com", 22), ("163.com", 16)),
    *(("icloud.com", 10), ("mail.example", 15)),
)
GONE = (
    "reply-550-moved@gmail.com",
    "reply-550-old@outlook.com",
    "reply-550-typo@yahoo.com",
    "reply-550-x@qq.com",
)
FULL = ("reply-552-full@163.com", "reply-552-full@icloud.com")
SPAM = ("data-550-filter@outlook.com",)
BUSY = ("reply-451-busy@yahoo.com",)
LATER = ("greylist-one@mail.example", "greylist-two@mail.example", "greylist-three@qq.com")
SIMULATED = tuple(
    f"{name}@simulator.invalid"
    for name in ("success", "bounce", "softbounce", "complaint", "unsubscribe", "deferred", "open", "click")
)


@dataclass(frozen=True, slots=True)
class ScriptedReaders:
    """everybody: in the order of the batch. Nobody is in two groups but those who click: they open as well.

    returning: opening twice. undecided: unsubscribes and takes it back. prefetched, scanned: programs read their mail.
    """

    everybody: tuple[str, ...]
    late_bounces: tuple[str, ...]
    complaining: tuple[str, ...]
    one_click: tuple[str, ...]
    by_button: tuple[str, ...]
    undecided: tuple[str, ...]
    opening: tuple[str, ...]
    returning: tuple[str, ...]
    clicking: tuple[str, ...]
    prefetched: tuple[str, ...]
    scanned: tuple[str, ...]


def script_readers() -> ScriptedReaders:
    """The same with every call."""
    domains = [domain for domain, count in MAILBOXES for _ in range(count)]
    people = [
        f"{name}.{family}@{domain}"
        for (family, name), domain in zip(product(FAMILIES, NAMES), domains, strict=True)
    ]
    chosen = Random(48).sample(people, 90)  # noqa: S311 (nothing is secret here)
    return ScriptedReaders(
        everybody=(*people, *GONE, *FULL, *SPAM, *BUSY, *LATER, *SIMULATED),
        late_bounces=tuple(chosen[:2]),
        complaining=tuple(chosen[2:4]),
        one_click=tuple(chosen[4:8]),
        by_button=tuple(chosen[8:9]),
        undecided=tuple(chosen[9:10]),
        opening=tuple(chosen[10:70]),
        returning=tuple(chosen[10:20]),
        clicking=tuple(chosen[10:35]),
        prefetched=tuple(chosen[70:82]),
        scanned=tuple(chosen[82:90]),
    )
