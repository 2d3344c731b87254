"""`/manage/audit`: who changed what, and when."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from warmpost.actions.context import Services
from warmpost.actions.operations.audit import AuditQuery, list_audit
from warmpost.gateways.api.answers import Answer, Listed
from warmpost.gateways.http import collections
from warmpost.gateways.http.app import Parameter, Route
from warmpost.gateways.http.parameters import moment_asked
from warmpost.rules.model.writes import Stored
from warmpost.rules.operations.audit import AuditEntry


class Change(Answer):
    """action: method and kind of place. path: the very place. address: from where, or `console`.

    changes: by field, from what to what; nothing secret.
    """

    at: datetime
    key_id: str
    action: str
    path: str
    address: str
    changes: dict[str, Any]


async def listing(request: Request, services: Services) -> Response:
    given = request.query_params
    query = AuditQuery(
        key_id=given.get("key", ""),
        action=given.get("action", ""),
        path=given.get("path", ""),
        since=moment_asked(request, "since"),
        until=moment_asked(request, "until"),
    )
    return collections.listed(await list_audit(services, query, collections.page(request)), _shown)


def _shown(one: Stored[AuditEntry]) -> dict[str, object]:
    value = one.value
    return {
        "at": value.at,
        "key_id": value.key_id,
        "action": value.action,
        "path": value.path,
        "address": value.address,
        "changes": json.loads(value.changes),
    }


ROUTES = [
    Route(
        "GET",
        "/audit",
        listing,
        "Who changed what, newest first",
        scope="manage",
        answers={200: Listed[Change]},
        parameters=(
            *collections.PAGE,
            Parameter("key", str, "Only by this key, by its id."),
            Parameter("action", str, "Words of the action, such as `DELETE` or `/manage/domains`."),
            Parameter("path", str, "What the path begins with."),
            Parameter("since", datetime, "Not older than this."),
            Parameter("until", datetime, "Older than this."),
        ),
    )
]
