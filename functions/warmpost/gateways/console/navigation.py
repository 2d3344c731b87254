"""The menu: every page, in the order in which somebody comes to need it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Item:
    """icon: a symbol of `icons.html`."""

    name: str
    icon: str
    path: str


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    items: tuple[Item, ...]


_MENU = (
    ("", (("Overview", "home", "/"),)),
    (
        "Sending",
        (
            ("Batches", "batch", "/batches"),
            ("Messages", "mail", "/messages"),
            ("Schedules", "clock", "/schedules"),
            ("Simulator", "flask", "/simulator"),
        ),
    ),
    ("Content", (("Templates", "file", "/templates"), ("Recipient lists", "list", "/lists"))),
    (
        "Senders",
        (("Domains", "globe", "/domains"), ("Addresses", "at", "/addresses"), ("Levels", "steps", "/levels")),
    ),
    (
        "Results",
        (
            ("Statistics", "chart", "/statistics"),
            ("Find a recipient", "find", "/recipients"),
            ("Suppressions", "stop", "/suppressions"),
        ),
    ),
    (
        "Set-up",
        (
            ("Webhooks", "hook", "/webhooks"),
            ("API keys", "key", "/keys"),
            ("Relays", "relay", "/relays"),
            ("Health", "pulse", "/health"),
            ("Audit", "history", "/audit"),
            ("Erase a person", "erase", "/erase"),
        ),
    ),
)
_NEEDS = {"/keys": "manage", "/erase": "manage", "/audit": "manage"}


_ROUTES = {"/audit": ("GET", "/manage/audit"), "/erase": ("DELETE", "/manage/recipients/nobody@example.com")}


def menu(
    translate: Callable[..., str], may: Callable[[str], bool], has: Callable[[str, str], bool]
) -> list[Group]:
    """Without the pages whose routes the key may not call, or this deployment does not have."""
    return [
        Group(
            translate(group) if group else "",
            tuple(
                Item(translate(name), icon, path)
                for name, icon, path in items
                if (may(_NEEDS.get(path, "read")) or not may("read"))
                and (path not in _ROUTES or has(*_ROUTES[path]))
            ),
        )
        for group, items in _MENU
    ]
