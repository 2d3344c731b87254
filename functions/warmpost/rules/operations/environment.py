"""Values out of the environment, each wrong one told by its name and what would do."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from warmpost.rules.delivery.retries import RetryPlan
from warmpost.rules.model.addresses import Flaw, read_address

T = TypeVar("T")

_PLAIN_URL = re.compile(r"(?=.{1,150}$)https?://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~-]+)*").fullmatch

_NAMED_BY_OTHERS = ("WARMPOST_RELAY_", "WARMPOST_LOCAL_", "WARMPOST_TESTS_")
"""Secrets of relays have names that their owners choose; the rest is of this project's own tools."""

_RENAMED = {"WARMPOST_STRIDE": "WARMPOST_CLAIM_BATCH"}


class SettingsError(ValueError):
    """A setting that cannot be right; the message names the variable and what would do."""


class Environment:
    """env: variables by name. Whatever reads a value raises SettingsError, most with a default for what is empty."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._known: set[str] = set()

    @property
    def given(self) -> tuple[str, ...]:
        """Names of our own variables that hold something."""
        return tuple(sorted(name for name in self._env if name.startswith("WARMPOST_") and self._env[name]))

    def refuse_misspelled(self) -> None:
        """Call it last. A name that differs by a letter or two from a setting's would be passed over in silence."""
        for name in sorted(self._env.keys() - self._known):
            if name.startswith("WARMPOST_") and not name.startswith(_NAMED_BY_OTHERS):
                meant = _RENAMED.get(name) or next(iter(get_close_matches(name, self._known, 1, 0.9)), "")
                if meant:
                    raise SettingsError(f"{name} is no setting; {meant} is")

    def text(self, name: str, default: str = "", needed: bool = False) -> str:
        self._known.add(name)
        value = self._env.get(name, "").strip() or default
        if needed and not value:
            raise SettingsError(f"{name} is not set")
        return value

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        text = self.text(name, str(default))
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise SettingsError(f"{name} must be a whole number from {least} to {most}, not {text!r}")
        return int(text)

    def seconds(self, name: str, default: float) -> float:
        text = self.text(name, str(default))
        value = _positive(text)
        if value is None:
            raise SettingsError(f"{name} must be a number of seconds above 0, not {text!r}")
        return value

    def several(self, name: str) -> tuple[str, ...]:
        """Separated by commas: the new secret and the old one while it is being changed."""
        return tuple(one.strip() for one in self.text(name).split(",") if one.strip())

    def like(
        self,
        name: str,
        pattern: Callable[[str], object],
        meant: str,
        default: str = "",
        needed: bool = False,
    ) -> str:
        value = self.text(name, default, needed)
        if value and not pattern(value):
            raise SettingsError(f"{name} must be {meant}, not {value!r}")
        return value

    def address(self, name: str) -> str:
        address = read_address(self.text(name, needed=True))
        if isinstance(address, Flaw):
            raise SettingsError(f"{name} must be a mail address; it {address.reason}")
        return address

    def url(self, name: str, default: str = "") -> str:
        """As it can stand in HTML and in a header field."""
        text = self.text(name, default, needed=True).rstrip("/")
        if not _PLAIN_URL(text):
            raise SettingsError(
                f"{name} must be an http(s) URL of 150 characters at most, without query, not {text!r}"
            )
        return text

    def time_zone(self, name: str) -> str:
        zone = self.text(name, "UTC")
        try:
            ZoneInfo(zone)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            raise SettingsError(f"{name} must be a time zone such as Europe/Berlin, not {zone!r}") from None
        return zone

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in allowed:
            raise SettingsError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
        return value

    def key(self, name: str) -> bytes:
        try:
            key = base64.b64decode(self.text(name, needed=True), validate=True)
        except ValueError:
            key = b""
        if len(key) != 32:
            raise SettingsError(
                f"{name} must be 32 random bytes in base64: `openssl rand -base64 32` makes one"
            )
        return key

    def parsed(self, name: str, parse: Callable[[str], T], default: T) -> T:
        return self.needed(name, parse) if self.text(name) else default

    def needed(self, name: str, parse: Callable[[str], T]) -> T:
        text = self.text(name, needed=True)
        try:
            return parse(text)
        except ValueError as error:
            raise SettingsError(f"{name}: {error}") from None

    def retries(self, delays: str, give_up: str) -> RetryPlan:
        plan = RetryPlan()
        text = self.text(delays)
        chosen = [_positive(one) for one in text.split(",")] if text else list(plan.delays)
        known = tuple(one for one in chosen if one is not None)
        if len(known) < len(chosen):
            raise SettingsError(f"{delays} must be seconds above 0 separated by commas, not {text!r}")
        return RetryPlan(known, self.seconds(give_up, plan.give_up))


def _positive(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None
