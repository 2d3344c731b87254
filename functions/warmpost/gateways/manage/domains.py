"""`/manage/domains`: sender domains and the DNS records that verify them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.actions.identity import manage_domains
from warmpost.actions.identity.delete_domain import Pending, delete_domain
from warmpost.actions.storage.gather import gather_limited
from warmpost.actions.warmup.list_days import list_days
from warmpost.actions.warmup.manage_warmup import glance, list_history, report_warmup, set_warmup
from warmpost.gateways.api.answers import Listed
from warmpost.gateways.http import collections
from warmpost.gateways.http.app import Parameter, Route, deadline, json_response
from warmpost.gateways.http.parameters import USUAL_DAYS, moment_asked, one_of, read_day
from warmpost.gateways.manage import domain_answers
from warmpost.rules.identity.checks import broken_records, is_healthy, suspension_reason
from warmpost.rules.identity.domains import Domain
from warmpost.rules.warmup.documents import HistoryEntry


class Dkim(collections.Body):
    ed25519: bool = False


class NewDomain(collections.Body):
    domain: str
    dkim: Dkim = msgspec.field(default_factory=Dkim)


class DomainChange(collections.Body):
    """level, cap, warmup, rules, reserve: what an operator sets by hand; null takes a cap or rules back."""

    pool: str | msgspec.UnsetType | None = msgspec.UNSET
    level: Annotated[int, msgspec.Meta(ge=1)] | msgspec.UnsetType = msgspec.UNSET
    cap: Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)] | msgspec.UnsetType | None = msgspec.UNSET
    warmup: bool | msgspec.UnsetType = msgspec.UNSET
    rules: dict[str, Any] | msgspec.UnsetType | None = msgspec.UNSET
    reserve: Annotated[float, msgspec.Meta(ge=0, le=0.9)] | msgspec.UnsetType = msgspec.UNSET


def shown(domain: Domain) -> dict[str, object]:
    """Everything but the keys: their public parts stand in the records, their private ones nowhere."""
    return {
        "domain": domain.domain,
        "status": domain.status,
        "records": [
            {
                "purpose": one.purpose,
                "name": one.name,
                "type": one.type,
                "expected": one.expected,
                "found": one.found,
                "status": one.status,
                "note": one.note,
                "checked_at": one.checked_at,
                "stage": one.stage or None,
                "retires_at": deadline(one.retires_at),
            }
            for one in domain.records
        ],
        "health": health(domain),
        "pool": domain.pool or None,
        "addresses": domain.addresses,
        "created_at": domain.created_at,
        "verified_at": domain.verified_at,
        "checked_at": domain.checked_at,
    }


def health(domain: Domain) -> dict[str, object]:
    """What receivers miss of a verified domain, and whether it may send in spite of it."""
    return {
        "ok": is_healthy(domain),
        "broken": [
            {"purpose": one.purpose, "name": one.name, "since": one.broken_since, "note": one.note}
            for one in broken_records(domain)
        ],
        "suspended_at": domain.suspended_at,
        "reason": suspension_reason(domain) or None,
    }


async def create(request: Request, services: Services) -> Response:
    body = await collections.read(request, NewDomain)
    return json_response(
        shown(await manage_domains.create_domain(services, body.domain, body.dkim.ed25519)), 201
    )


async def listing(request: Request, services: Services) -> Response:
    found = await manage_domains.list_domains(services, collections.page(request))
    glances = await gather_limited(glance(services, one.id) for one in found.items)
    items = [
        shown(one.value) | seen | {"paused_until": deadline(seen["paused_until"])}
        for one, seen in zip(found.items, glances, strict=True)
    ]
    return json_response({"items": items, "next_cursor": found.next_cursor})


async def get(request: Request, services: Services, domain: str) -> Response:
    found = (await manage_domains.find_domain(services.store, domain)).value
    warmup = await report_warmup(services, found.domain)
    return json_response(shown(found) | warmup | {"paused_until": deadline(warmup["paused_until"])})


async def change(request: Request, services: Services, domain: str) -> Response:
    body = await collections.read(request, DomainChange)
    name = (await manage_domains.find_domain(services.store, domain)).value.domain
    if body.pool is not msgspec.UNSET:
        await manage_domains.bind_domain(services, name, body.pool)
    set_by_hand = ("level", "cap", "warmup", "rules", "reserve")
    wanted = {one: getattr(body, one) for one in set_by_hand if getattr(body, one) is not msgspec.UNSET}
    if wanted:
        await set_warmup(services, name, wanted)
    return await get(request, services, name)


async def history(request: Request, services: Services, domain: str) -> Response:
    name = (await manage_domains.find_domain(services.store, domain)).value.domain
    since, until = moment_asked(request, "since"), moment_asked(request, "until")
    found = await list_history(services, name, collections.page(request), since, until)
    return collections.listed(found, lambda one: {"id": one.id, **shown_entry(one.value)})


async def days(request: Request, services: Services, domain: str) -> Response:
    name = (await manage_domains.find_domain(services.store, domain)).value.domain
    given = request.query_params
    last = read_day(given.get("to"), "to", date.fromisoformat(services.today()))
    first = read_day(given.get("from"), "from", last - timedelta(days=USUAL_DAYS - 1))
    found = await list_days(services, name, first, last)
    items = [
        asdict(one) | {"day": one.day.isoformat(), "decisions": [shown_entry(each) for each in one.decisions]}
        for one in found
    ]
    return json_response({"from": first.isoformat(), "to": last.isoformat(), "items": items})


def shown_entry(entry: HistoryEntry) -> dict[str, object]:
    return {
        "at": entry.at,
        "decision": entry.kind,
        "reason": entry.reason,
        "rule": entry.rule or None,
        "day": entry.day,
        "level_before": entry.level_before,
        "level_after": entry.level_after,
        "cap": entry.cap,
        "figures": entry.figures,
    }


async def delete(request: Request, services: Services, domain: str) -> Response:
    pending = one_of(request, "pending", Pending)
    await delete_domain(services, domain, pending)
    return collections.deleted()


async def verify(request: Request, services: Services, domain: str) -> Response:
    return json_response(shown(await manage_domains.verify_domain(services, domain)))


_DOMAIN = {200: domain_answers.Domain}
_CREATED = {201: domain_answers.Domain}
_WARM = {200: domain_answers.WarmDomain}


async def rotate(request: Request, services: Services, domain: str) -> Response:
    return json_response(shown(await manage_domains.rotate_dkim(services, domain)))


ROUTES = [
    Route(
        "GET",
        "/domains",
        listing,
        "All sender domains",
        scope="read",
        answers={200: Listed[domain_answers.DomainRow]},
        parameters=collections.PAGE,
    ),
    Route("POST", "/domains", create, "Create a sender domain", "manage", NewDomain, _CREATED),
    Route("GET", "/domains/{domain}", get, "One domain and its warm-up", scope="read", answers=_WARM),
    Route("PATCH", "/domains/{domain}", change, "Set its pool or warm-up", "manage", DomainChange, _WARM),
    Route(
        "DELETE",
        "/domains/{domain}",
        delete,
        "Delete a domain",
        "manage",
        answers={204: None},
        parameters=(Parameter("pending", Pending, "`cancel` ends what still waits in its name."),),
    ),
    Route(
        "GET",
        "/domains/{domain}/history",
        history,
        "Every decision about it, newest first",
        scope="read",
        answers={200: Listed[domain_answers.Decision]},
        parameters=(
            *collections.PAGE,
            Parameter("since", datetime, "Not older than this."),
            Parameter("until", datetime, "Older than this."),
        ),
    ),
    Route(
        "GET",
        "/domains/{domain}/days",
        days,
        "Its days: levels, volume, rates and decisions",
        scope="read",
        answers={200: domain_answers.Days},
        parameters=(
            Parameter("from", date, "First day; 30 days up to `to` if not said."),
            Parameter("to", date, "Last day; today if not said."),
        ),
    ),
    Route("POST", "/domains/{domain}/verify", verify, "Look its records up", "manage", answers=_DOMAIN),
    Route(
        "POST", "/domains/{domain}/dkim/rotate", rotate, "Give it a new DKIM key", "manage", answers=_DOMAIN
    ),
]
