"""Every setting, read once: the only place that looks at the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from warmpost.rules.delivery.throttling import read_limits
from warmpost.rules.identity.nameservers import read_nameserver
from warmpost.rules.model.relay_url import relay_pool
from warmpost.rules.model.usage import InstanceSize, parse_sizes
from warmpost.rules.operations.environment import Environment
from warmpost.rules.operations.people import People, parse_people
from warmpost.rules.operations.policy import Policy
from warmpost.rules.operations.prices import STANDARD_PRICES, parse_prices
from warmpost.rules.operations.retention import Retention
from warmpost.rules.requests.proxies import Proxies, read_proxies
from warmpost.rules.tracking.tokens import derive_key
from warmpost.rules.warmup.levels import STANDARD, parse_table

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.:-]*[a-z0-9])?").fullmatch
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?").fullmatch
_SPF_DOMAIN = re.compile(r"[A-Za-z0-9_.%{}-]+").fullmatch
_AUDIENCE = re.compile(r"/projects/[A-Za-z0-9/_.-]+").fullmatch
_KEY = re.compile(r"[!-~]+").fullmatch


MOST_DAYS = 36_500

IAP_KEYS = "https://www.gstatic.com/iap/verify/public_key-jwk"


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """audience: where Identity-Aware Proxy signs people in, empty where they sign in with keys. people: with it."""

    audience: str = ""
    people: People = People()
    iap_keys_url: str = IAP_KEYS


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
    proxies: Proxies = Proxies()
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
    console: ConsoleSettings = ConsoleSettings()

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Raises SettingsError."""
        get = Environment(os.environ if env is None else env)
        policy = _policy(get)
        base_url = policy.base_url
        made = cls(
            project=policy.project,
            location=get.like("WARMPOST_LOCATION", _NAME, "a region such as europe-west1", needed=True),
            base_url=base_url,
            track_url=get.url("WARMPOST_TRACK_URL", base_url + "/track"),
            policy=policy,
            invoker=get.address("WARMPOST_INVOKER_EMAIL"),
            master_key=get.key("WARMPOST_MASTER_KEY"),
            first_key=get.parsed("WARMPOST_API_KEY", _read_key, ""),
            key_rate=get.whole("WARMPOST_KEY_RATE", 200, 0, 10_000),
            wrong_keys=get.whole("WARMPOST_WRONG_KEYS", 30, 0, 10_000),
            proxies=get.parsed("WARMPOST_PROXIES", read_proxies, Proxies()),
            tasks_emulator=get.text("CLOUD_TASKS_EMULATOR_HOST"),
            dns=get.parsed("WARMPOST_DNS", _read_nameservers, ()),
            oidc_issuer=get.url("WARMPOST_OIDC_ISSUER", "https://accounts.google.com"),
            oidc_keys_url=get.url("WARMPOST_OIDC_JWKS_URL", "https://www.googleapis.com/oauth2/v3/certs"),
            verify_signature=get.choice("WARMPOST_OIDC_SIGNATURE", "check", ("check", "platform")) == "check",
            hostname=get.like("WARMPOST_HOSTNAME", _HOST, "a host name", urlsplit(base_url).hostname or ""),
            instances=get.parsed("WARMPOST_INSTANCES", parse_sizes, {}),
            signing_threads=get.whole("WARMPOST_SIGNING_THREADS", 2, 1, 64),
            event_secrets={source: get.several(name) for source, name in _EVENT_SECRETS.items()},
            log=get.choice("WARMPOST_LOG", "json", ("json", "text")),
            console=_console(get),
        )
        get.refuse_misspelled()
        return made


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


def _console(get: Environment) -> ConsoleSettings:
    by = get.choice("WARMPOST_CONSOLE_SIGN_IN", "key", ("key", "iap"))
    meant = "the audience of Identity-Aware Proxy, /projects/NUMBER/locations/REGION/services/console"
    audience = get.like("WARMPOST_CONSOLE_AUDIENCE", _AUDIENCE, meant, needed=by == "iap")
    return ConsoleSettings(
        audience if by == "iap" else "",
        get.parsed("WARMPOST_CONSOLE_PEOPLE", parse_people, People()),
        get.url("WARMPOST_IAP_JWKS_URL", IAP_KEYS),
    )


def _read_key(text: str) -> str:
    """Raises ValueError."""
    if not _KEY(text):
        raise ValueError("a key is printable ASCII characters without spaces")
    return text


def _read_nameservers(text: str) -> tuple[str, ...]:
    """Raises ValueError."""
    servers = tuple(one.strip() for one in text.split(",") if one.strip())
    for one in servers:
        read_nameserver(one)
    return servers


def _policy(get: Environment) -> Policy:
    project = get.like("GOOGLE_CLOUD_PROJECT", _NAME, "a project id such as my-project-1", needed=True)
    base_url = get.url("WARMPOST_BASE_URL")
    master_key = get.key("WARMPOST_MASTER_KEY")
    connections = get.whole("WARMPOST_CONNECTIONS", 10, 1, 1000)
    return Policy(
        project=project,
        base_url=base_url,
        region=get.text("WARMPOST_LOCATION"),
        settings=get.given,
        shared_pool=get.needed("WARMPOST_RELAY", lambda url: relay_pool(url, connections)),
        time_zone=get.time_zone("WARMPOST_TIME_ZONE"),
        simulator_domain=get.like(
            "WARMPOST_SIMULATOR_DOMAIN", _HOST, "a domain name", "simulator.invalid"
        ).lower(),
        spf_include=get.like("WARMPOST_SPF_INCLUDE", _SPF_DOMAIN, "a domain name that SPF can include"),
        claim_batch=get.whole("WARMPOST_CLAIM_BATCH", 125, 1, 500),
        lease=get.seconds("WARMPOST_LEASE_SECONDS", 15.0),
        work_limit=get.seconds("WARMPOST_WORK_SECONDS", 480.0),
        retries=get.retries("WARMPOST_RETRY_SECONDS", "WARMPOST_GIVE_UP_SECONDS"),
        levels=get.parsed("WARMPOST_LEVELS", parse_table, STANDARD),
        provider_limits=get.parsed("WARMPOST_PROVIDERS", read_limits, {}),
        private_webhooks=get.choice("WARMPOST_WEBHOOK_ALLOW_PRIVATE", "0", ("0", "1")) == "1",
        return_key=derive_key(master_key, "return path"),
        prices=get.parsed("WARMPOST_PRICES", parse_prices, STANDARD_PRICES),
        retention=_retention(get),
    )


def _retention(get: Environment) -> Retention:
    usual = Retention()
    content = get.whole("WARMPOST_KEEP_CONTENT", usual.content, 1, MOST_DAYS)
    return Retention(
        content,
        get.whole("WARMPOST_KEEP_RECIPIENTS", max(usual.recipients, content), content, MOST_DAYS),
        get.whole("WARMPOST_KEEP_EVENTS", usual.events, 3, MOST_DAYS),
        get.whole("WARMPOST_KEEP_AUDIT", usual.audit, 1, MOST_DAYS),
    )


def secret(name: str, env: Mapping[str, str] | None = None) -> str:
    """A relay's password: the variable of that name (Secret Manager puts it there), or the one inside a relay URL."""
    value = (os.environ if env is None else env).get(name, "")
    if name == "WARMPOST_RELAY":
        return unquote(urlsplit(value).password or "")
    return value.strip()
