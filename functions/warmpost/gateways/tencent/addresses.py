"""Sender addresses, their SMTP passwords, and what their single messages say about unsubscribing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from msgspec import Meta

from warmpost.actions.context import Services
from warmpost.actions.identity import manage_addresses
from warmpost.actions.storage.pagination import Page
from warmpost.gateways.tencent.calls import Action, Call, Parameters, Refused, require_limit, unix
from warmpost.rules.identity.domains import SenderAddress
from warmpost.rules.identity.smtp_passwords import is_password
from warmpost.rules.message.languages import LANGUAGES
from warmpost.rules.model.writes import Stored, Update

Unsigned = Annotated[int, Meta(ge=0)]

CODES = ("", "zh-CN", "en", "zh-TW", "es", "fr", "de", "ja", "ko", "ar", "th", "id", "vi")
"""Languages by Tencent's numbers (China edition), 0 for none; `LANGUAGES` has the same twelve."""
assert set(CODES[1:]) == set(LANGUAGES)


class NewAddress(Parameters):
    email_address: str
    email_sender_name: str | None = None


class Address(Parameters):
    email_address: str


class SmtpPassword(Parameters):
    password: str
    email_address: str


class Nothing(Parameters):
    pass


async def create_address(call: Call, wanted: NewAddress) -> Mapping[str, object]:
    await manage_addresses.create_address(call.services, wanted.email_address, wanted.email_sender_name or "")
    return {}


async def list_addresses(call: Call, wanted: Nothing) -> Mapping[str, object]:
    return {
        "EmailSenders": [
            {
                "EmailAddress": one.address,
                "EmailSenderName": one.name,
                "CreatedTimestamp": unix(one.created_at),
                "SmtpPwdType": 1 if one.smtp_password else 0,
            }
            for one in await all_addresses(call.services)
        ]
    }


async def all_addresses(services: Services) -> Sequence[SenderAddress]:
    found: list[SenderAddress] = []
    page = Page(1000)
    while True:
        some = await manage_addresses.list_addresses(services, page)
        found += [one.value for one in some.items]
        if some.next_cursor is None:
            return found
        page = Page(1000, some.next_cursor)


async def delete_address(call: Call, wanted: Address) -> Mapping[str, object]:
    await manage_addresses.delete_address(call.services, wanted.email_address)
    return {}


async def set_password(call: Call, wanted: SmtpPassword) -> Mapping[str, object]:
    stored = await manage_addresses.find_address(call.services.store, wanted.email_address)
    text = wanted.password
    counts = [sum(kind(one) for one in text) for kind in (str.isdigit, str.islower, str.isupper)]
    if min(counts) < 2:
        words = "Password has at least two digits, two lower-case and two upper-case letters."
        raise Refused("InvalidParameterValue.InvalidSmtpPassWord", words)
    if stored.value.smtp_password and is_password(text, stored.value.smtp_password):
        raise Refused("OperationDenied.RepeatPassWord", "Password is the one that is set already.")
    await manage_addresses.set_smtp_password(call.services, wanted.email_address, text)
    return {}


class NewUnsubscribe(Parameters):
    address: str
    unsubscribe_config: str
    status: Unsigned


class OneUnsubscribe(Parameters):
    address: str | None = None


class WantedUnsubscribe(Parameters):
    offset: Unsigned | None = None
    limit: str | None = None


def language_of(code: str) -> str:
    """Empty for none. Raises Refused."""
    if not (code.isascii() and code.isdigit() and int(code) < len(CODES)):
        words = f"An unsubscribe code is 0 to {len(CODES) - 1}, as text."
        raise Refused("InvalidParameterValue", words)
    return CODES[int(code)]


async def set_unsubscribe(call: Call, wanted: NewUnsubscribe) -> Mapping[str, object]:
    language = language_of(wanted.unsubscribe_config)
    if wanted.status > 1:
        raise Refused("InvalidParameterValue", "Status is 0 (off) or 1 (on).")
    await _keep_unsubscribe(call, wanted.address, language if wanted.status else "", language)
    return {}


async def delete_unsubscribe(call: Call, wanted: OneUnsubscribe) -> Mapping[str, object]:
    if not wanted.address:
        raise Refused("MissingParameter", "The parameter Address is needed.")
    await _keep_unsubscribe(call, wanted.address, "", "")
    return {}


async def _keep_unsubscribe(call: Call, address: str, language: str, kept: str) -> None:
    stored: Stored[SenderAddress] = await manage_addresses.find_address(call.services.store, address)
    changes = {"unsubscribe": language, "unsubscribe_kept": kept}
    await call.services.store.commit(Update(stored.path, changes, stored.version))
    call.services.cache.forget(stored.path)


async def list_unsubscribe(call: Call, wanted: WantedUnsubscribe) -> Mapping[str, object]:
    text = wanted.limit or "100"
    if not (text.isascii() and text.isdigit()):
        raise Refused("InvalidParameter", "Limit is a whole number, as text.")
    require_limit(int(text))
    kept = [one for one in await all_addresses(call.services) if one.unsubscribe_kept]
    some = kept[wanted.offset or 0 :][: int(text)]
    return {
        "AddressUnsubscribeConfigList": [
            {
                "Address": one.address,
                "UnsubscribeConfig": str(CODES.index(one.unsubscribe_kept)),
                "Status": 1 if one.unsubscribe else 0,
            }
            for one in some
        ],
        "Total": len(kept),
    }


_NO_SENDER = {
    "address_not_found": "InvalidParameterValue.NoSuchSender",
    "invalid_address": "InvalidParameterValue.NoSuchSender",
    "invalid_password": "InvalidParameterValue.InvalidSmtpPassWord",
}
ACTIONS = {
    "CreateEmailAddress": Action(
        NewAddress,
        "manage",
        create_address,
        {
            "invalid_address": "InvalidParameterValue.IllegalEmailAddress",
            "invalid_name": "InvalidParameterValue.IllegalSenderName",
            "address_exists": "InvalidParameterValue.RepeatEmailAddress",
            "domain_not_found": "OperationDenied.DomainNotVerified",
            "domain_not_verified": "OperationDenied.DomainNotVerified",
        },
    ),
    "ListEmailAddress": Action(Nothing, "read", list_addresses),
    "DeleteEmailAddress": Action(Address, "manage", delete_address, _NO_SENDER),
    "UpdateEmailSmtpPassWord": Action(SmtpPassword, "manage", set_password, _NO_SENDER),
    "CreateAddressUnsubscribeConfig": Action(NewUnsubscribe, "manage", set_unsubscribe, _NO_SENDER),
    "UpdateAddressUnsubscribeConfig": Action(NewUnsubscribe, "manage", set_unsubscribe, _NO_SENDER),
    "DeleteAddressUnsubscribeConfig": Action(OneUnsubscribe, "manage", delete_unsubscribe, _NO_SENDER),
    "ListAddressUnsubscribeConfig": Action(WantedUnsubscribe, "read", list_unsubscribe),
}
