"""Recipient lists, with or without variables of each recipient."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta, Struct

from warmpost.actions.lists import manage_lists
from warmpost.actions.lists.import_recipients import DUPLICATE, import_recipients
from warmpost.actions.storage.names import find_list
from warmpost.actions.storage.pagination import Page
from warmpost.gateways.tencent.calls import Action, Call, Parameters, Refused, require_limit
from warmpost.rules.lists.csv_import import RowsAsNamed
from warmpost.rules.message.message import Recipient
from warmpost.rules.model.writes import Update

Unsigned = Annotated[int, Meta(ge=0)]
MOST_OF_A_REQUEST = 20_000
MOST_OF_A_LIST = 50_000
MOST_DATA = 800
"""Bytes of TemplateData (Tencent document 1288/60764)."""

LONGEST_ADDRESS = 254
MOST_LOOKED_AT = 1000
EMPTY, BUSY, READY = 1, 2, 3
VALID = 1


class NewList(Parameters):
    receivers_name: str
    desc: str | None = None


class OneList(Parameters):
    receiver_id: Unsigned


class Rows(OneList):
    emails: list[str]


class InputData(Struct, forbid_unknown_fields=True, rename="pascal"):
    email: str
    template_data: str


class RowsWithData(OneList):
    datas: list[InputData]


class WantedLists(Parameters):
    offset: Unsigned
    limit: Unsigned
    status: Unsigned | None = None
    key_word: str | None = None


class WantedRows(OneList):
    offset: Unsigned
    limit: Unsigned
    email: str | None = None
    create_time_begin: str | None = None
    create_time_end: str | None = None
    status: Unsigned | None = None


async def create_list(call: Call, wanted: NewList) -> Mapping[str, object]:
    made = await manage_lists.create_list(call.services, wanted.receivers_name)
    if wanted.desc:
        changes = {"description": wanted.desc[:300]}
        await call.services.store.commit(Update(made.path, changes, made.version))
    return {"ReceiverId": int(made.id)}


async def add_rows(call: Call, wanted: Rows) -> Mapping[str, object]:
    return await _add(call, wanted.receiver_id, [(one, {}) for one in wanted.emails])


async def add_rows_with_data(call: Call, wanted: RowsWithData) -> Mapping[str, object]:
    rows = [(one.email, _data(one.template_data, number)) for number, one in enumerate(wanted.datas)]
    return await _add(call, wanted.receiver_id, rows)


def _data(text: str, number: int) -> Mapping[str, object]:
    where = f"Datas.{number}.TemplateData"
    if len(text.encode()) > MOST_DATA:
        words = f"{where} has {MOST_DATA} bytes at most."
        raise Refused("InvalidParameterValue.TemplateDataLenLimit", words)
    try:
        found = json.loads(text or "{}")
    except ValueError:
        found = None
    plain = (str, int, float, bool)
    if not isinstance(found, dict) or not all(isinstance(one, plain) for one in found.values()):
        words = f'{where} is JSON text such as {{"name": "value"}}.'
        raise Refused("InvalidParameterValue.InValidTemplateData", words)
    return found


async def _add(
    call: Call, list_id: int, rows: Sequence[tuple[str, Mapping[str, object]]]
) -> dict[str, object]:
    if not rows:
        raise Refused("MissingParameter.EmailsNecessary", "Give at least one address.")
    if len(rows) > MOST_OF_A_REQUEST:
        words = f"A request has {MOST_OF_A_REQUEST:,} addresses at most."
        raise Refused("LimitExceeded.ReceiverDetailRequestLimit", words)
    stored = await find_list(call.services.store, list_id)
    if stored.value.count + len(rows) > MOST_OF_A_LIST:
        words = f"A list has {MOST_OF_A_LIST:,} recipients at most."
        raise Refused("LimitExceeded.ReceiverDetailCountLimit", words)
    empty = sum(not address.strip() for address, _ in rows)
    too_long = sum(len(address.strip()) > LONGEST_ADDRESS for address, _ in rows)
    done = await import_recipients(call.services, stored.id, RowsAsNamed(rows))
    again = sum(one.reason == DUPLICATE for one in done.rejected)
    return {
        "TotalCount": len(rows),
        "ValidCount": done.added,
        "TooLongCount": too_long,
        "EmptyEmailCount": empty,
        "RepeatCount": max(done.duplicates, again),
    }


async def list_lists(call: Call, wanted: WantedLists) -> Mapping[str, object]:
    """Of the first 1,000 lists."""
    require_limit(wanted.limit)
    found = await manage_lists.list_lists(call.services, Page(MOST_LOOKED_AT))
    now = call.services.clock.now()
    rows = [_list(call, id, row, now) for id, row in found.items]
    word = (wanted.key_word or "").casefold()
    kept = [
        row
        for row in rows
        if word in str(row["ReceiversName"]).casefold() and wanted.status in (None, row["ReceiversStatus"])
    ]
    return {"TotalCount": len(kept), "Data": kept[wanted.offset :][: wanted.limit]}


def _list(call: Call, id: str, row: dict[str, Any], now: Any) -> dict[str, object]:
    busy = row.get("busy_until")
    status = BUSY if busy and busy > now else READY if row["count"] else EMPTY
    return {
        "ReceiverId": int(id),
        "ReceiversName": row["name"],
        "Count": row["count"],
        "Desc": row.get("description", ""),
        "ReceiversStatus": status,
        "CreateTime": call.civil(row["created_at"]),
        "InvalidCount": 0,
    }


async def list_rows(call: Call, wanted: WantedRows) -> Mapping[str, object]:
    """Only good rows are kept: what was refused is told by the request that brought it."""
    require_limit(wanted.limit)
    stored = await find_list(call.services.store, wanted.receiver_id)
    if wanted.status not in (None, 0, VALID):
        return {"TotalCount": 0, "Data": [], "ValidCount": stored.value.count, "InvalidCount": 0}
    word = (wanted.email or "").casefold()
    found = await _found(call, stored.id, word, None if word else wanted.offset + wanted.limit)
    since = call.civil(stored.value.created_at)
    some = list(enumerate(found, 1))[wanted.offset :][: wanted.limit]
    return {
        "TotalCount": len(found) if word else stored.value.count,
        "Data": [_shown(number, one, since) for number, one in some],
        "ValidCount": stored.value.count,
        "InvalidCount": 0,
    }


async def _found(call: Call, list_id: str, word: str, needed: int | None) -> list[Recipient]:
    found: list[Recipient] = []
    cursor: str | None = None
    while needed is None or len(found) < needed:
        page = await manage_lists.list_recipients(call.services, list_id, Page(MOST_LOOKED_AT, cursor))
        found += [one for one in page.items if word in one.address.casefold()]
        cursor = page.next_cursor
        if cursor is None:
            break
    return found


def _shown(number: int, one: Recipient, since: str) -> dict[str, object]:
    return {
        "Email": one.address,
        "CreateTime": since,
        "TemplateData": json.dumps(dict(one.data), ensure_ascii=False) if one.data else "",
        "Reason": "",
        "Status": VALID,
        "EmailId": number,
    }


async def delete_list(call: Call, wanted: OneList) -> Mapping[str, object]:
    await manage_lists.delete_list(call.services, wanted.receiver_id)
    return {}


_CODES = {
    "list_not_found": "OperationDenied.ReceiverNotExist",
    "list_is_busy": "OperationDenied.ReceiverIsOperating",
    "list_in_use": "OperationDenied.ReceiverIsOperating",
    "name_taken": "InvalidParameterValue.RepeatReceiverName",
    "invalid_name": "InvalidParameterValue.ReceiverNameIllegal",
    "name_too_long": "InvalidParameterValue.ReceiverNameIllegal",
    "too_many_rows": "LimitExceeded.ReceiverDetailRequestLimit",
}
ACTIONS = {
    "CreateReceiver": Action(NewList, "manage", create_list, _CODES),
    "CreateReceiverDetail": Action(Rows, "manage", add_rows, _CODES),
    "CreateReceiverDetailWithData": Action(RowsWithData, "manage", add_rows_with_data, _CODES),
    "ListReceivers": Action(WantedLists, "read", list_lists),
    "ListReceiverDetails": Action(WantedRows, "read", list_rows, _CODES),
    "DeleteReceiver": Action(OneList, "manage", delete_list, _CODES),
}
