"""The composition root: builds what verbs and doors need, once per process and only when it is first asked for."""

from __future__ import annotations

import gc
import secrets as random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar, cast

from warmpost.actions.context import Services
from warmpost.actions.ports import (
    Clock,
    Encryption,
    Pictures,
    Probes,
    Recurrence,
    Relays,
    Resolver,
    SigningPool,
    Templates,
    WebhookClient,
)
from warmpost.actions.state.cache import Cache
from warmpost.actions.state.endpoint_slots import EndpointSlots
from warmpost.actions.state.message_store import MessageStore
from warmpost.actions.state.reader_buffer import ReaderBuffer
from warmpost.actions.state.reservations import Reserved
from warmpost.actions.state.suppression_lookup import Suppressed
from warmpost.actions.state.throttle import Throttle
from warmpost.actions.state.worker_slots import WorkerSlots
from warmpost.actions.statistics.flush_usage import flush_usage
from warmpost.actions.storage import log
from warmpost.adapters.clock import SystemClock
from warmpost.adapters.google.cloud_logging import LogLines, TextLines, write_log
from warmpost.adapters.google.cloud_tasks import CloudTasks
from warmpost.adapters.google.firestore import FirestoreStore
from warmpost.adapters.google.firestore_meter import Meter
from warmpost.adapters.google.metering import Metering
from warmpost.gateways.http.auth import Keys, Limits, TokenCheck
from warmpost.gateways.reports.event_webhook import Reporters
from warmpost.rules.operations.environment import SettingsError
from warmpost.rules.requests.token_bucket import Rate
from warmpost.rules.tracking.tokens import Signer, derive_key
from warmpost.rules.tracking.tracking import Links
from warmpost.settings import LogSettings, Settings, secret

if TYPE_CHECKING:
    from warmpost.gateways.console.view import ConsoleParts

_Made = TypeVar("_Made")


class _Later:
    """Stands for what is built, and whose libraries are imported, when it is first used: a function starts without
    what it never needs."""

    def __init__(self, make: Callable[[], object]) -> None:
        self._make = make
        self._lock = Lock()

    def __getattr__(self, name: str) -> Any:
        with self._lock:
            if "_made" not in self.__dict__:
                self._made = self._make()
                gc.freeze()  # as below
        found = getattr(self._made, name)
        self.__dict__[name] = found  # the next time it is there
        return found


def _later(make: Callable[[], _Made]) -> _Made:
    return cast(_Made, _Later(make))


@dataclass(slots=True)
class _Local:
    clock: Clock | None = None
    meter: Meter | None = None


_local = _Local()


def use_local(clock: Clock, meter: Meter) -> None:
    """Called by the local stack before the first request: a clock that can be moved, counters that can be read."""
    _local.clock = clock
    _local.meter = meter


def start_log() -> None:
    """Called where the functions are loaded; whatever is logged from then on is one line, with nothing secret in it."""
    chosen = LogSettings.from_env()
    kind = TextLines if chosen.as_text else LogLines
    write_log(kind(chosen.project, chosen.secrets, log.context))


def check_settings() -> None:
    """Called where the functions are loaded: ends the process with one line that names the setting which is wrong, so
    that the platform keeps the revision before."""
    try:
        settings()
    except SettingsError as error:
        sys.exit(f"warmpost: {error}")


@cache
def settings() -> Settings:
    """Raises SettingsError."""
    return Settings.from_env()


@cache
def services() -> Services:
    """Raises SettingsError."""
    from warmpost.adapters.google.shutdown import on_shutdown

    metering = Metering(settings().instances)
    worker_slots = WorkerSlots()
    leaving: list[Callable[[], None]] = [worker_slots.close]
    on_shutdown(lambda: _run(leaving))
    made = _assembled(metering, worker_slots, leaving)
    leaving.append(lambda: metering.leave(lambda: flush_usage(made)))
    gc.freeze()  # what stays for the life of the process need not be looked through by every full collection
    return made


def _assembled(metering: Metering, worker_slots: WorkerSlots, leaving: list[Callable[[], None]]) -> Services:
    chosen = settings()
    clock = _local.clock or SystemClock()
    store = FirestoreStore(chosen.project, _local.meter, metering)
    tasks = _tasks(metering)
    return Services(
        clock=clock,
        metering=metering,
        store=store,
        tasks=tasks,
        templates=_later(_templates),
        signing_pool=_later(_signing_pool),
        relays=_later(lambda: _relays(metering, leaving)),
        resolver=_later(_resolver),
        encryption=_encryption(),
        webhooks=_webhooks(metering),
        pictures=_pictures(),
        probes=_later(lambda: _probes(tasks)),
        recurrence=_later(_recurrence),
        message_store=MessageStore(store),
        cache=Cache(store, clock),
        suppressed=Suppressed(store),
        worker_slots=worker_slots,
        reserved=Reserved(),
        throttle=Throttle(chosen.policy.provider_limits, clock),
        endpoint_slots=EndpointSlots(),
        reader_buffer=ReaderBuffer(),
        policy=chosen.policy,
        worker=random.token_hex(8),
    )


def _encryption() -> Encryption:
    from warmpost.adapters.message import encryption

    return encryption.Encryption(settings().master_key)


def _webhooks(metering: Metering) -> WebhookClient:
    from warmpost.adapters import webhooks

    return webhooks.WebhookClient(settings().policy.private_webhooks, metering=metering)


def _pictures() -> Pictures:
    from warmpost.adapters import charts

    return charts.Pictures()


def _run(parts: Sequence[Callable[[], None]]) -> None:
    for part in parts:
        part()


def _tasks(metering: Metering) -> CloudTasks:
    chosen = settings()
    return CloudTasks(
        chosen.project, chosen.location, chosen.base_url, chosen.invoker, chosen.tasks_emulator, metering
    )


@cache
def _templates() -> Templates:
    from warmpost.adapters.templates import templates

    return templates.Templates()


def _signing_pool() -> SigningPool:
    from warmpost.adapters.message import encryption, signing_pool
    from warmpost.adapters.templates import templates

    chosen = settings()
    return signing_pool.SigningPool(
        cast(templates.Templates, _templates()),
        encryption.Encryption(chosen.master_key),
        chosen.signing_threads,
        links(),
    )


def _probes(tasks: CloudTasks) -> Probes:
    from warmpost.adapters.smtp import probe

    return probe.Probes(tasks, secret, settings().hostname)


def _relays(metering: Metering, leaving: list[Callable[[], None]]) -> Relays:
    from warmpost.adapters.smtp import pool

    made = pool.Relays(secret=secret, local_hostname=settings().hostname, metering=metering)
    leaving.append(made.leave)
    return made


def _resolver() -> Resolver:
    from warmpost.adapters import dns

    return dns.DnsResolver(settings().dns)


def _recurrence() -> Recurrence:
    from warmpost.adapters import recurrence

    return recurrence


@cache
def links() -> Links:
    """What readers' links are made and read with."""
    chosen = settings()
    return Links(chosen.track_url, Signer(derive_key(chosen.master_key, "reader links")))


@cache
def keys() -> Keys:
    chosen = settings()
    limits = Limits(
        key=Rate(chosen.key_rate, 2 * chosen.key_rate),
        wrong=Rate(chosen.wrong_keys / 60, chosen.wrong_keys),
        proxies=chosen.proxies,
    )
    moved = services().clock.timestamp
    return Keys(services().store, chosen.first_key, limits, moved, SystemClock().timestamp)


@cache
def console() -> ConsoleParts:
    from pathlib import Path

    from warmpost.adapters.console.page_templates import PageTemplates
    from warmpost.adapters.console.session_seal import SessionSeal
    from warmpost.adapters.message.encryption import Encryption
    from warmpost.gateways.console import view

    templates = PageTemplates(Path(view.__file__).parent / "templates")
    seal = SessionSeal(Encryption(settings().master_key))
    chosen = settings()
    if not chosen.console.audience:
        return view.ConsoleParts(keys(), templates, seal, chosen.location)
    from warmpost.adapters.google.iap import IapVerifier

    proxy = IapVerifier(chosen.console.iap_keys_url, chosen.console.audience, services().clock.timestamp)
    return view.ConsoleParts(keys(), templates, seal, chosen.location, proxy, chosen.console.people)


@cache
def tokens() -> TokenCheck:
    """The check of who calls `work` and `daily`."""
    from warmpost.adapters.google.oidc import TokenVerifier

    chosen = settings()
    return TokenVerifier(
        chosen.oidc_keys_url,
        chosen.oidc_issuer,
        [f"{chosen.base_url}/work", f"{chosen.base_url}/daily"],
        chosen.invoker,
        services().clock.timestamp,
        chosen.verify_signature,
    )


@cache
def reporters() -> Reporters:
    return Reporters(settings().event_secrets, links().signer)
