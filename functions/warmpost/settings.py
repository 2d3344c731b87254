"""Every setting, read once: the only place that looks at the environment."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar, cast
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from warmpost.rules.delivery.retries import RetryPlan
from warmpost.rules.delivery.throttling import read_limits
from warmpost.rules.model.relays import Pool, Relay
from warmpost.rules.model.usage import InstanceSize, parse_sizes
from warmpost.rules.operations.policy import Policy
from warmpost.rules.operations.prices import STANDARD_PRICES, parse_prices
from warmpost.rules.tracking.tokens import derive_key
from warmpost.rules.warmup.levels import STANDARD, parse_table

T = TypeVar("T")

_PLAIN_URL = re.compile(r"(?=.{1,150}$)https?://[A-Za-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~-]+)*").fullmatch


class SettingsError(ValueError):
    """A setting that cannot be right; the message names the variable and what would do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """master_key: 32 bytes that encrypt private DKIM keys and sign readers' links. track_url: where those lead; links that
    messages hold to its host themselves are not rewritten. first_key: the API key to begin with, empty for none.
    key_rate: requests a second. wrong_keys: a minute; 0 for no limit, both.

    verify_signature: False only where the platform checks the caller and strips the token's signature.
    """

    project: str
    location: str
    base_url: str
    track_url: str
    policy: Policy
    invoker: str
    master_key: bytes = field(repr=False)
    first_key: str = field(repr=False, default="")
    key_rate: int = 200
    wrong_keys: int = 30
    tasks_emulator: str = ""
    dns: tuple[str, ...] = ()
    oidc_issuer: str = "https://accounts.google.com"
    oidc_keys_url: str = "https://www.googleapis.com/oauth2/v3/certs"
    verify_signature: bool = True
    hostname: str = ""
    signing_threads: int = 2
    instances: Mapping[str, InstanceSize] = field(default_factory=dict)
    event_secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    log: str = "json"

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Raises SettingsError."""
        get = _Reader(os.environ if env is None else env)
        project = get.text("GOOGLE_CLOUD_PROJECT", needed=True)
        master_key = get.key("WARMPOST_MASTER_KEY")
        return cls(
            project=project,
            location=get.text("WARMPOST_LOCATION", needed=True),
            base_url=get.text("WARMPOST_BASE_URL", needed=True).rstrip("/"),
            track_url=get.url("WARMPOST_TRACK_URL", get.text("WARMPOST_BASE_URL").rstrip("/") + "/track"),
            policy=_policy(get, project, master_key),
            invoker=get.text("WARMPOST_INVOKER_EMAIL", needed=True),
            master_key=master_key,
            first_key=get.text("WARMPOST_API_KEY"),
            key_rate=get.whole("WARMPOST_KEY_RATE", 200, 0, 10_000),
            wrong_keys=get.whole("WARMPOST_WRONG_KEYS", 30, 0, 10_000),
            tasks_emulator=get.text("CLOUD_TASKS_EMULATOR_HOST"),
            dns=get.several("WARMPOST_DNS"),
            oidc_issuer=get.text("WARMPOST_OIDC_ISSUER", "https://accounts.google.com"),
            oidc_keys_url=get.text("WARMPOST_OIDC_JWKS_URL", "https://www.googleapis.com/oauth2/v3/certs"),
            verify_signature=get.choice("WARMPOST_OIDC_SIGNATURE", "check", ("check", "platform")) == "check",
            hostname=get.text("WARMPOST_HOSTNAME", urlsplit(get.text("WARMPOST_BASE_URL")).hostname or ""),
            instances=get.parsed("WARMPOST_INSTANCES", parse_sizes, {}),
            signing_threads=get.whole("WARMPOST_SIGNING_THREADS", 2, 1, 64),
            event_secrets={source: get.several(name) for source, name in _EVENT_SECRETS.items()},
            log=get.choice("WARMPOST_LOG", "json", ("json", "text")),
        )


_EVENT_SECRETS = {
    "warmpost": "WARMPOST_EVENTS_SECRET",
    "kumomta": "WARMPOST_EVENTS_SECRET_KUMOMTA",
    "dsn": "WARMPOST_EVENTS_SECRET_DSN",
    "arf": "WARMPOST_EVENTS_SECRET_ARF",
}


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What has to be known before the first line is logged, also where other settings are wrong.

    secrets: what no line may show.
    """

    project: str
    as_text: bool
    secrets: tuple[str, ...] = field(repr=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> LogSettings:
        found = os.environ if env is None else env
        secrets = {
            one.strip()
            for name, value in found.items()
            if name.startswith(_SECRETS) and name != "WARMPOST_RELAY"
            for one in value.split(",")
        }
        password = urlsplit(found.get("WARMPOST_RELAY", "")).password or ""
        return cls(
            found.get("GOOGLE_CLOUD_PROJECT", ""),
            found.get("WARMPOST_LOG", "").strip() == "text",
            tuple(sorted(secrets | {password, unquote(password)} - {""})),
        )


_SECRETS = ("WARMPOST_MASTER_KEY", "WARMPOST_API_KEY", "WARMPOST_EVENTS_SECRET", "WARMPOST_RELAY")


class _Reader:
    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    def text(self, name: str, default: str = "", needed: bool = False) -> str:
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

    def url(self, name: str, default: str) -> str:
        """As it can stand in HTML and in a header field."""
        text = self.text(name, default).rstrip("/")
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
        text = self.text(name)
        try:
            return parse(text) if text else default
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


def _policy(get: _Reader, project: str, master_key: bytes) -> Policy:
    return Policy(
        project=project,
        base_url=get.text("WARMPOST_BASE_URL").rstrip("/"),
        shared_pool=relay_pool(
            get.text("WARMPOST_RELAY", needed=True), get.whole("WARMPOST_CONNECTIONS", 10, 1, 1000)
        ),
        time_zone=get.time_zone("WARMPOST_TIME_ZONE"),
        simulator_domain=get.text("WARMPOST_SIMULATOR_DOMAIN", "simulator.invalid").lower(),
        spf_include=get.text("WARMPOST_SPF_INCLUDE"),
        claim_batch=get.whole("WARMPOST_CLAIM_BATCH", 125, 1, 500),
        lease=get.seconds("WARMPOST_LEASE_SECONDS", 15.0),
        work_limit=get.seconds("WARMPOST_WORK_SECONDS", 480.0),
        retries=get.retries("WARMPOST_RETRY_SECONDS", "WARMPOST_GIVE_UP_SECONDS"),
        levels=get.parsed("WARMPOST_LEVELS", parse_table, STANDARD),
        provider_limits=get.parsed("WARMPOST_PROVIDERS", read_limits, {}),
        private_webhooks=get.choice("WARMPOST_WEBHOOK_ALLOW_PRIVATE", "0", ("0", "1")) == "1",
        return_key=derive_key(master_key, "return path"),
        prices=get.parsed("WARMPOST_PRICES", parse_prices, STANDARD_PRICES),
    )


def _positive(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None


_RELAY_OPTIONS = {
    "starttls": ("always", "never", "yes", "no"),
    "verify": ("yes", "no"),
    "reports": ("none", "events"),
    "final": ("yes", "no"),
}
_TRANSPORT = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?").fullmatch
_SPELLINGS = {"true": "yes", "1": "yes", "false": "no", "0": "no"}


def relay_pool(url: str, connections: int = 10) -> Pool:
    """The shared pool from one URL: `smtp[s]://user:password@host:port?starttls=always|never&verify=no&reports=events`.

    A password in the URL is resolved as the secret `WARMPOST_RELAY`, see `secret`. Raises SettingsError.
    """
    parts, options, transport = _relay_parts(url)
    starttls = options.get("starttls", "always")
    security = "tls" if parts.scheme == "smtps" else ("none" if starttls in ("never", "no") else "starttls")
    relay = Relay(
        name=parts.hostname or "",
        host=parts.hostname or "",
        port=parts.port or (465 if security == "tls" else 587),
        security=cast(Literal["none", "starttls", "tls"], security),
        verify=options.get("verify", "yes") != "no",
        username=unquote(parts.username or ""),
        password_secret="WARMPOST_RELAY" if parts.password else "",
        max_connections=connections,
        reports="events" if options.get("reports") == "events" else "none",
        final=options.get("final") == "yes",
        transport=transport,
    )
    return Pool("shared", (relay,))


def _relay_parts(url: str) -> tuple[SplitResult, dict[str, str], str]:
    """The URL, its options and the transport. Raises SettingsError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), 0
    given = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    transport = given.pop("transport", "")
    options = {name: _SPELLINGS.get(value, value) for name, value in given.items()}
    wrong = [name for name, value in options.items() if value not in _RELAY_OPTIONS.get(name, ())]
    wrong += ["transport"] if transport and not _TRANSPORT(transport) else []
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or port == 0 or wrong:
        raise SettingsError(
            "WARMPOST_RELAY must look like smtp://user:password@host:587 or smtps://…:465, with ?starttls=never, "
            "verify=no, reports=events, final=yes or transport=name where wanted"
        )
    return parts, options, transport


def secret(name: str, env: Mapping[str, str] | None = None) -> str:
    """A relay's password: the variable of that name (Secret Manager puts it there), or the one inside a relay URL."""
    value = (os.environ if env is None else env).get(name, "")
    if name == "WARMPOST_RELAY":
        return unquote(urlsplit(value).password or "")
    return value.strip()
