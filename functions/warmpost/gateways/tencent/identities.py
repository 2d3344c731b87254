"""Sender domains with the records they need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta, Struct, field

from warmpost.actions.identity import manage_domains
from warmpost.actions.identity.delete_domain import delete_domain
from warmpost.actions.storage.gather import gather_limited
from warmpost.actions.storage.pagination import Page
from warmpost.actions.warmup.manage_warmup import report_warmup
from warmpost.gateways.tencent.calls import Action, Call, Parameters, Refused, require_limit
from warmpost.rules.identity.domains import Domain
from warmpost.rules.model.writes import Update

Unsigned = Annotated[int, Meta(ge=0)]
MOST_DOMAINS = 1000
NO_CAP = 10_000_000
"""Shown where a domain has no cap, for the protocol knows none without."""


class Tag(Struct, forbid_unknown_fields=True, rename="pascal"):
    tag_key: str
    tag_value: str


class Identity(Parameters):
    email_identity: str


class NewIdentity(Identity):
    dkim_option: Unsigned | None = field(name="DKIMOption", default=None)
    tag_list: list[Tag] | None = None


class ChangedIdentity(Identity):
    new_api: bool | None = field(name="NewAPI", default=None)
    dkim_option: Unsigned | None = field(name="DKIMOption", default=None)


class WantedIdentities(Parameters):
    tag_list: list[Tag] | None = None
    limit: Unsigned | None = None
    offset: Unsigned | None = None


async def create_identity(call: Call, wanted: NewIdentity) -> Mapping[str, object]:
    if (wanted.dkim_option or 0) > 1:
        raise Refused("InvalidParameterValue", "DKIMOption is 0 or 1: keys have 2048 bits.")
    domain = await manage_domains.create_domain(call.services, wanted.email_identity)
    if wanted.tag_list:
        tags = {one.tag_key: one.tag_value for one in wanted.tag_list}
        await call.services.store.commit(Update(f"domains/{domain.domain}", {"tags": tags}))
    return _identity(domain)


async def get_identity(call: Call, wanted: Identity) -> Mapping[str, object]:
    domain = (await manage_domains.find_domain(call.services.store, wanted.email_identity)).value
    return {**_identity(domain), "TagList": _tags(domain)}


async def update_identity(call: Call, wanted: ChangedIdentity) -> Mapping[str, object]:
    return _identity(await manage_domains.verify_domain(call.services, wanted.email_identity))


async def delete_identity(call: Call, wanted: Identity) -> Mapping[str, object]:
    await delete_domain(call.services, wanted.email_identity)
    return {}


def _identity(domain: Domain) -> dict[str, object]:
    return {
        "IdentityType": "DOMAIN",
        "VerifiedForSendingStatus": domain.status == "verified",
        "Attributes": [
            {
                "Type": one.type,
                "SendDomain": one.name,
                "ExpectedValue": one.expected,
                "CurrentValue": one.found[0] if one.found else "",
                "Status": one.status == "ok",
            }
            for one in domain.records
            if one.stage != "retiring"
        ],
        "DKIMOption": 1,
    }


def _tags(domain: Domain) -> list[dict[str, str]]:
    return [{"TagKey": name, "TagValue": value} for name, value in domain.tags.items()]


async def list_identities(call: Call, wanted: WantedIdentities) -> Mapping[str, object]:
    limit, offset = wanted.limit or 100, wanted.offset or 0
    require_limit(limit)
    tags = {one.tag_key: one.tag_value for one in wanted.tag_list or ()}
    domains = [
        one.value
        for one in (await manage_domains.list_domains(call.services, Page(MOST_DOMAINS))).items
        if tags.items() <= one.value.tags.items()
    ]
    states = await gather_limited(report_warmup(call.services, one.domain) for one in domains)
    rows = [_row(one, state) for one, state in zip(domains, states, strict=True)]
    return {
        "EmailIdentities": rows[offset : offset + limit],
        "MaxReputationLevel": max((row["CurrentReputationLevel"] for row in rows), default=0),
        "MaxDailyQuota": max((row["DailyQuota"] for row in rows), default=0),
        "Total": len(rows),
    }


def _row(domain: Domain, state: Mapping[str, Any]) -> dict[str, Any]:
    cap = state["cap"]
    return {
        "IdentityName": domain.domain,
        "IdentityType": "DOMAIN",
        "SendingEnabled": domain.status == "verified" and domain.suspended_at is None,
        "CurrentReputationLevel": state["level"],
        "DailyQuota": NO_CAP if cap is None else cap,
        "SendIp": [],
        "TagList": _tags(domain),
        "DKIMOption": 1,
    }


_NO_DOMAIN = {"domain_not_found": "InvalidParameterValue.NotExistDomain"}
ACTIONS = {
    "CreateEmailIdentity": Action(
        NewIdentity,
        "manage",
        create_identity,
        {
            "invalid_domain": "InvalidParameterValue.InvalidEmailIdentity",
            "domain_exists": "InvalidParameterValue.RepeatCreation",
        },
    ),
    "GetEmailIdentity": Action(Identity, "read", get_identity, _NO_DOMAIN),
    "UpdateEmailIdentity": Action(
        ChangedIdentity,
        "manage",
        update_identity,
        _NO_DOMAIN | {"dns_unavailable": "FailedOperation.ServiceNotAvailable"},
    ),
    "DeleteEmailIdentity": Action(
        Identity,
        "manage",
        delete_identity,
        _NO_DOMAIN | {"domain_in_use": "OperationDenied.SenderWithDomainIsNotEmpty"},
    ),
    "ListEmailIdentities": Action(WantedIdentities, "read", list_identities),
}
